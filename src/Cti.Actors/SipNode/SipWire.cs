using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Actors.SipNode;

/// <summary>What a message on the channel of SIP is.</summary>
internal enum SipLinkMessage : byte
{
    /// <summary>A request within a dialog whose call is the receiver's.</summary>
    Request = 1,
    /// <summary>An ACK of such a dialog.</summary>
    Ack = 2,
    /// <summary>A late 2xx to an INVITE of the receiver's.</summary>
    Stray = 3,
    /// <summary>An answer to a request, for the node whose socket it came by.</summary>
    Response = 4,
    /// <summary>The request's call is in an instance that this node does not own.</summary>
    NotOwner = 5,
    /// <summary>An INVITE that was handed over is cancelled.</summary>
    Cancel = 6,
    /// <summary>Asks whether the receiver has an INVITE already; the text is what tells INVITEs apart.</summary>
    HaveYou = 7,
    /// <summary>
    /// The answer: a status, 0 for no, 100 for one that is not answered yet, else how it was answered; a witness names who else has asked after that, each
    /// after a blank.
    /// </summary>
    Have = 8,
    /// <summary>A new INVITE, or another branch of one that the receiver has.</summary>
    Offer = 9,
    /// <summary>A CANCEL of an INVITE whose call is the receiver's; its To has the call's tag.</summary>
    LateCancel = 10,
    /// <summary>As <see cref="HaveYou"/>, and the receiver is a witness: it notes who asks.</summary>
    Witness = 11,
}

/// <summary>
/// SIP between nodes.
/// <code>
///   | kind, 1 byte | number of the request, 8 bytes | length of the flow's text, 1 byte | flow | SIP message, or text |
/// </code>
/// </summary>
internal static class SipWire
{
    private const int HeaderBytes = 10;

    public static ReadOnlyMemory<byte> Write(SipLinkMessage kind, long number, SipMessage message, SipFlow? flow = null) =>
        Write(kind, number, SipMessageWriter.ToArray(message), flow);

    public static ReadOnlyMemory<byte> Write(SipLinkMessage kind, long number, string text = "") => Write(kind, number, Encoding.UTF8.GetBytes(text), null);

    public static SipLinkMessage KindOf(ReadOnlySpan<byte> message) => message.Length < HeaderBytes || message.Length < HeaderBytes + message[9] ? default
        : (SipLinkMessage)message[0];

    public static long NumberOf(ReadOnlySpan<byte> message) => BinaryPrimitives.ReadInt64BigEndian(message[1..]);

    public static string TextOf(ReadOnlySpan<byte> message) => Encoding.UTF8.GetString(BodyOf(message));

    /// <summary>The SIP message, and the flow that it came by at the sender's; false where it is none.</summary>
    public static bool TryRead<T>(ReadOnlySpan<byte> message, [NotNullWhen(true)] out T? read, out SipFlow flow) where T : SipMessage
    {
        read = SipParser.ParseDatagram(BodyOf(message)).Message as T;
        return DialogFlow.TryParse(Encoding.ASCII.GetString(message.Slice(HeaderBytes, message[9])), out flow) | message[9] == 0 && read is not null;
    }

    private static ReadOnlySpan<byte> BodyOf(ReadOnlySpan<byte> message) => message[(HeaderBytes + message[9])..];

    private static byte[] Write(SipLinkMessage kind, long number, ReadOnlySpan<byte> body, SipFlow? flow)
    {
        var way = flow is { } given ? Encoding.ASCII.GetBytes(DialogFlow.Format(given)) : [];
        var message = new byte[HeaderBytes + way.Length + body.Length];
        message[0] = (byte)kind;
        BinaryPrimitives.WriteInt64BigEndian(message.AsSpan(1), number);
        message[9] = checked((byte)way.Length);
        way.CopyTo(message, HeaderBytes);
        body.CopyTo(message.AsSpan(HeaderBytes + way.Length));
        return message;
    }
}
