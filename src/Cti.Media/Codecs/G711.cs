namespace Cti.Media.Codecs;

/// <summary>
/// G.711 (ITU-T), both laws, both ways, by table: 16-bit linear (the codes' 13 and 14 bits in the upper bits) to one byte and back.
/// </summary>
internal static class G711
{
    /// <summary>A-law's smallest positive value: what silence is sent as.</summary>
    public const byte AlawSilence = 0xD5;

    /// <summary>Mu-law's positive zero.</summary>
    public const byte UlawSilence = 0xFF;

    private static readonly short[] AlawToLinear = Table(ExpandAlaw);
    private static readonly short[] UlawToLinear = Table(ExpandUlaw);
    private static readonly byte[] LinearToAlaw = Table(CompressAlaw);
    private static readonly byte[] LinearToUlaw = Table(CompressUlaw);
    private static readonly byte[] UlawToAlaw = Map(static code => LinearToAlaw[(ushort)UlawToLinear[code]]);
    private static readonly byte[] AlawToUlaw = Map(static code => LinearToUlaw[(ushort)AlawToLinear[code]]);

    /// <summary>The code for silence.</summary>
    public static byte Silence(AudioCodec codec) => codec == AudioCodec.Pcma ? AlawSilence : UlawSilence;

    /// <summary>The 256 linear values of a law, by code.</summary>
    public static ReadOnlySpan<short> DecodeTable(AudioCodec codec) => codec == AudioCodec.Pcma ? AlawToLinear : UlawToLinear;

    /// <summary>The 65536 codes of a law, by the linear value as an unsigned number.</summary>
    public static ReadOnlySpan<byte> EncodeTable(AudioCodec codec) => codec == AudioCodec.Pcma ? LinearToAlaw : LinearToUlaw;

    /// <summary>Decodes as many samples as there are codes.</summary>
    public static void Decode(AudioCodec codec, ReadOnlySpan<byte> codes, Span<short> samples)
    {
        var table = DecodeTable(codec);
        for (var i = 0; i < codes.Length; i++) samples[i] = table[codes[i]];
    }

    /// <summary>Encodes as many codes as there are samples.</summary>
    public static void Encode(AudioCodec codec, ReadOnlySpan<short> samples, Span<byte> codes)
    {
        var table = EncodeTable(codec);
        for (var i = 0; i < samples.Length; i++) codes[i] = table[(ushort)samples[i]];
    }

    /// <summary>Brings codes of the other law to that of <paramref name="codec"/>, where they are.</summary>
    public static void ToOtherLaw(AudioCodec codec, Span<byte> codes)
    {
        var table = codec == AudioCodec.Pcma ? UlawToAlaw : AlawToUlaw;
        for (var i = 0; i < codes.Length; i++) codes[i] = table[codes[i]];
    }

    /// <summary>G.711 table 1: 13 segments, even bits inverted on the line.</summary>
    private static byte CompressAlaw(short linear)
    {
        // The one's complement puts the negative decision values where the positive ones are mirrored.
        var magnitude = (linear < 0 ? ~linear : linear) >> 4;
        var code = magnitude;
        if (magnitude > 15)
        {
            var segment = 1;
            while (magnitude > 31)
            {
                magnitude >>= 1;
                segment++;
            }
            code = (segment << 4) | (magnitude - 16);
        }
        return (byte)((linear < 0 ? code : code | 0x80) ^ 0x55);
    }

    private static short ExpandAlaw(byte code)
    {
        var bits = code ^ 0x55;
        var segment = (bits >> 4) & 7;
        var magnitude = ((bits & 0x0F) << 4) + 8;
        if (segment > 0) magnitude = (magnitude + 0x100) << (segment - 1);
        return (short)((bits & 0x80) != 0 ? magnitude : -magnitude);
    }

    /// <summary>G.711 table 2: 15 segments around a bias of 33 (in 14 bits), all bits inverted on the line.</summary>
    private static byte CompressUlaw(short linear)
    {
        var magnitude = Math.Min(((linear < 0 ? ~linear : linear) >> 2) + 33, 0x1FFF);
        var segment = 0;
        for (var rest = magnitude >> 6; rest != 0; rest >>= 1) segment++;
        var code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F);
        return (byte)~(linear < 0 ? code | 0x80 : code);
    }

    private static short ExpandUlaw(byte code)
    {
        var bits = (byte)~code;
        var magnitude = ((((bits & 0x0F) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84;
        return (short)((bits & 0x80) != 0 ? -magnitude : magnitude);
    }

    private static short[] Table(Func<byte, short> expand)
    {
        var table = new short[256];
        for (var code = 0; code < 256; code++) table[code] = expand((byte)code);
        return table;
    }

    private static byte[] Map(Func<byte, byte> convert)
    {
        var table = new byte[256];
        for (var code = 0; code < 256; code++) table[code] = convert((byte)code);
        return table;
    }

    private static byte[] Table(Func<short, byte> compress)
    {
        var table = new byte[65536];
        for (var value = 0; value < 65536; value++) table[value] = compress((short)value);
        return table;
    }
}
