using System.Buffers.Binary;
using System.Text;
using Akka.Actor;
using Akka.Serialization;

namespace Cti.Cluster.Remoting;

/// <summary>
/// Bytes of everything of ours that nodes say to each other: a kind, then its fields. The names of no types go over the wire and none are looked up by it; a
/// kind that this version does not know is refused by the message, not by the connection.
/// <code>
///   greeting   | 1 | version, 1 | link, 8 | name | incarnation | called |     a text: its length in bytes, 1, and UTF-8
///   welcome    | 2 | link, 8 | own, 8 | name | incarnation |
///   unwelcome  | 3 | version, 1 | why |
///   frame      | 4 | link, 8 | number, 8 | channel, 1 | payload |
///   receipt    | 5 | link, 8 | bytes, 8 |
///   wake       | 6 | instance, 4 |
/// </code>
/// Numbers are little-endian. The first two bytes of a greeting are the same in all versions.
/// </summary>
public sealed class LinkSerializer(ExtendedActorSystem system) : Serializer(system)
{
    private const byte KindGreeting = 1, KindWelcome = 2, KindUnwelcome = 3, KindFrame = 4, KindReceipt = 5, KindWake = 6;
    private const int FrameHead = 18, TextMax = 255;

    /// <inheritdoc/>
    public override int Identifier => 1077;

    /// <inheritdoc/>
    public override bool IncludeManifest => false;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => obj switch
    {
        Greeting it => [KindGreeting, (byte)it.Version, .. Bytes(it.Link), .. Text(it.Name), .. Text(it.Incarnation), .. Text(it.Called)],
        Welcome it => [KindWelcome, .. Bytes(it.Link), .. Bytes(it.Own), .. Text(it.Name), .. Text(it.Incarnation)],
        Unwelcome it => [KindUnwelcome, (byte)it.Version, .. Text(it.Why)],
        LinkFrame it => Frame(it),
        LinkReceipt it => [KindReceipt, .. Bytes(it.Link), .. Bytes(it.Bytes)],
        WakeInstance it => [KindWake, (byte)it.Instance, (byte)(it.Instance >> 8), (byte)(it.Instance >> 16), (byte)(it.Instance >> 24)],
        _ => throw new ArgumentException($"{obj.GetType()} does not go to other nodes", nameof(obj)),
    };

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type)
    {
        var read = new Reader(bytes);
        return read.Byte() switch
        {
            KindGreeting => new Greeting(read.Byte(), read.Long(), read.Text(), read.Text(), read.Text()),
            KindWelcome => new Welcome(read.Long(), read.Long(), read.Text(), read.Text()),
            KindUnwelcome => new Unwelcome(read.Byte(), read.Text()),
            KindFrame => new LinkFrame(read.Long(), read.Long(), (LinkChannel)read.Byte(), read.Rest()),
            KindReceipt => new LinkReceipt(read.Long(), read.Long()),
            KindWake => new WakeInstance(read.Int()),
            var kind => throw new FormatException($"a message of kind {kind}, which this version does not know"),
        };
    }

    private static byte[] Frame(LinkFrame frame)
    {
        var bytes = new byte[FrameHead + frame.Payload.Length];
        bytes[0] = KindFrame;
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(1), frame.Link);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(9), frame.Number);
        bytes[17] = (byte)frame.Channel;
        frame.Payload.Span.CopyTo(bytes.AsSpan(FrameHead));
        return bytes;
    }

    private static byte[] Bytes(long value)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }

    private static byte[] Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var length = Math.Min(bytes.Length, TextMax);
        return [(byte)length, .. bytes.AsSpan(0, length)];
    }

    /// <summary>Reads fields in turn; bytes that end too early are no message.</summary>
    private ref struct Reader(byte[] bytes)
    {
        private int _at;

        public byte Byte() => Take(1)[0];

        public int Int() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

        public long Long() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

        public string Text() => Encoding.UTF8.GetString(Take(Byte()));

        public readonly ReadOnlyMemory<byte> Rest() => bytes.AsMemory(_at);

        private ReadOnlySpan<byte> Take(int count)
        {
            if (bytes.Length - _at < count) throw new FormatException("a message of another node that ends too early");
            _at += count;
            return bytes.AsSpan(_at - count, count);
        }
    }
}
