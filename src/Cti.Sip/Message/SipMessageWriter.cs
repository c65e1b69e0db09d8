using System.Buffers;
using System.Text;

namespace Cti.Sip.Message;

/// <summary>
/// Writes messages: start line, header fields in their order under their canonical names, then Content-Length, always, from the body that is there.
/// Allocates nothing but what the caller asks for.
/// </summary>
public static class SipMessageWriter
{
    /// <summary>How many bytes the message takes.</summary>
    public static int GetLength(SipMessage message)
    {
        var length = message is SipRequest request
            ? request.Method.Length + 1 + Encoding.UTF8.GetByteCount(request.Uri.Text) + " SIP/2.0\r\n".Length
            : "SIP/2.0 200 \r\n".Length + Encoding.UTF8.GetByteCount(((SipResponse)message).Reason);
        foreach (ref readonly var header in message.Headers)
        {
            if (header.Id == HeaderId.ContentLength) continue;
            length += NameOf(header).Length + header.ValueBytes.Length + 4;
        }
        return length + "Content-Length: ".Length + Digits(message.Body.Length) + 4 + message.Body.Length;
    }

    /// <summary>Writes into <paramref name="destination"/>, which has at least <see cref="GetLength"/> bytes; returns how many.</summary>
    /// <exception cref="ArgumentException">It has fewer.</exception>
    public static int Write(SipMessage message, Span<byte> destination)
    {
        var cursor = new Cursor(destination);
        if (message is SipRequest request)
        {
            cursor.Put(request.Method);
            cursor.Put(" "u8);
            cursor.Put(request.Uri.Text);
            cursor.Put(" SIP/2.0\r\n"u8);
        }
        else
        {
            var response = (SipResponse)message;
            cursor.Put("SIP/2.0 "u8);
            cursor.Put(response.Status);
            cursor.Put(" "u8);
            cursor.Put(response.Reason);
            cursor.Put("\r\n"u8);
        }
        foreach (ref readonly var header in message.Headers)
        {
            if (header.Id == HeaderId.ContentLength) continue;
            cursor.Put(NameOf(header).Span);
            cursor.Put(": "u8);
            cursor.Put(header.ValueBytes.Span);
            cursor.Put("\r\n"u8);
        }
        cursor.Put("Content-Length: "u8);
        cursor.Put(message.Body.Length);
        cursor.Put("\r\n\r\n"u8);
        cursor.Put(message.Body.Span);
        return cursor.Position;
    }

    /// <summary>Writes into a buffer writer.</summary>
    public static void Write(SipMessage message, IBufferWriter<byte> destination) =>
        destination.Advance(Write(message, destination.GetSpan(GetLength(message))));

    /// <summary>The message in an array of its own.</summary>
    public static byte[] ToArray(SipMessage message)
    {
        var bytes = new byte[GetLength(message)];
        Write(message, bytes);
        return bytes;
    }

    private static ReadOnlyMemory<byte> NameOf(in SipHeader header) =>
        header.Id == HeaderId.Unknown ? header.NameBytes : HeaderNames.Of(header.Id);

    private static int Digits(int value)
    {
        var digits = 1;
        while ((value /= 10) > 0) digits++;
        return digits;
    }

    private ref struct Cursor(Span<byte> destination)
    {
        private readonly Span<byte> _destination = destination;

        public int Position { get; private set; }

        public void Put(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_destination[Position..]);
            Position += bytes.Length;
        }

        public void Put(string text) => Position += Encoding.UTF8.GetBytes(text, _destination[Position..]);

        public void Put(int number)
        {
            System.Buffers.Text.Utf8Formatter.TryFormat(number, _destination[Position..], out var written);
            Position += written;
        }
    }
}
