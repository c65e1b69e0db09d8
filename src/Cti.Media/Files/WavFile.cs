using System.Buffers.Binary;
using Cti.Media.Codecs;

namespace Cti.Media.Files;

/// <summary>A sound file that cannot be used: says what is wrong and what would be right.</summary>
public sealed class UnsupportedSoundException(string message) : Exception(message);

/// <summary>
/// WAV (RIFF) with PCM 8 or 16 bit, A-law or mu-law, plain or extensible header, any rate from 1000 to 192000 a second, up to 8 channels,
/// which are mixed. Chunks in any order; sizes that a crashed or streaming writer left open reach to the end of the file.
/// </summary>
public static class WavFile
{
    internal const ushort FormatPcm = 1;
    internal const ushort FormatAlaw = 6;
    internal const ushort FormatUlaw = 7;
    private const ushort FormatExtensible = 0xFFFE;
    private const string Supported = "supported are WAV with PCM 8 or 16 bit, A-law and mu-law, and raw .alaw and .ulaw";

    private readonly record struct Format(ushort Tag, int Channels, int Rate, int Bits);

    /// <summary>Reads a whole file in memory.</summary>
    /// <exception cref="UnsupportedSoundException">It is broken or of a kind that is not supported.</exception>
    public static Prompt Read(ReadOnlySpan<byte> file)
    {
        if (file.Length < 12) throw Broken("it ends within the RIFF header");
        if (file.StartsWith("RIFX"u8) || file.StartsWith("RF64"u8)) throw Broken("big-endian (RIFX) and 64-bit (RF64) WAV are not supported");
        if (!file.StartsWith("RIFF"u8) || !file[8..].StartsWith("WAVE"u8)) throw Broken("it is no RIFF/WAVE file");
        Format? format = null;
        ReadOnlySpan<byte> data = default;
        var hasData = false;
        for (var rest = file[12..]; rest.Length >= 8;)
        {
            var id = rest[..4];
            var size = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            var body = rest[8..];
            var isLast = size > (uint)body.Length;
            var chunk = isLast ? body : body[..(int)size];
            if (id.SequenceEqual("fmt "u8)) format ??= ReadFormat(chunk);
            else if (id.SequenceEqual("data"u8) && !hasData)
            {
                // A size of zero is what a writer that never came back to its header left: the sound is the rest.
                data = size == 0 && format is not null && !LooksLikeChunk(body) ? body : chunk;
                hasData = true;
                if (data.Length != chunk.Length) break;
            }
            // Chunks begin at even offsets.
            rest = isLast ? default : body[Math.Min(body.Length, (int)size + (int)(size & 1))..];
        }
        if (format is not { } known) throw Broken("it has no fmt chunk");
        return hasData ? Decode(known, data) : throw Broken("it has no data chunk");
    }

    private static bool LooksLikeChunk(ReadOnlySpan<byte> body) =>
        body.Length >= 8 && body[..4].IndexOfAnyExceptInRange((byte)' ', (byte)'z') < 0
            && BinaryPrimitives.ReadUInt32LittleEndian(body[4..]) <= (uint)(body.Length - 8);

    private static Format ReadFormat(ReadOnlySpan<byte> chunk)
    {
        if (chunk.Length < 16) throw Broken($"its fmt chunk has {chunk.Length} bytes instead of at least 16");
        var tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk);
        if (tag == FormatExtensible)
        {
            if (chunk.Length < 40) throw Broken("its extensible fmt chunk ends within the header");
            tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk[24..]);
        }
        var format = new Format(tag, BinaryPrimitives.ReadUInt16LittleEndian(chunk[2..]),
            (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]), int.MaxValue), BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]));
        if (format.Channels is < 1 or > 8) throw Broken($"it has {format.Channels} channels; 1 to 8 are supported");
        if (format.Rate is < 1000 or > 192_000) throw Broken($"its rate is {format.Rate} a second; 1000 to 192000 are supported");
        return format.Tag switch
        {
            FormatPcm when format.Bits is 8 or 16 => format,
            FormatPcm => throw Broken($"it is PCM of {format.Bits} bit; {Supported}"),
            FormatAlaw or FormatUlaw when format.Bits == 8 => format,
            FormatAlaw or FormatUlaw => throw Broken($"it is G.711 of {format.Bits} bit instead of 8"),
            _ => throw Broken($"its coding is {CodingName(format.Tag)}; {Supported}"),
        };
    }

    private static string CodingName(ushort tag) => tag switch
    {
        2 => "Microsoft ADPCM",
        3 => "floating point",
        0x10 => "OKI ADPCM",
        0x11 => "IMA ADPCM",
        0x31 => "GSM 06.10",
        0x40 => "G.721",
        0x45 => "G.726",
        0x55 => "MP3",
        _ => $"number {tag}",
    };

    private static Prompt Decode(Format format, ReadOnlySpan<byte> data)
    {
        if (format is { Channels: 1, Rate: Resampler.Rate, Tag: FormatAlaw or FormatUlaw })
            return Prompt.FromEncoded(format.Tag == FormatAlaw ? AudioCodec.Pcma : AudioCodec.Pcmu, data.ToArray());
        var sampleBytes = format.Bits / 8;
        var samples = new short[data.Length / (sampleBytes * format.Channels)];
        for (var i = 0; i < samples.Length; i++)
        {
            var sum = 0;
            for (var channel = 0; channel < format.Channels; channel++)
                sum += Sample(format.Tag, sampleBytes, data[(((i * format.Channels) + channel) * sampleBytes)..]);
            samples[i] = (short)(sum / format.Channels);
        }
        return Prompt.FromLinear(Resampler.ToEightKilohertz(samples, format.Rate));
    }

    private static int Sample(ushort tag, int bytes, ReadOnlySpan<byte> at) => tag switch
    {
        FormatAlaw => G711.DecodeTable(AudioCodec.Pcma)[at[0]],
        FormatUlaw => G711.DecodeTable(AudioCodec.Pcmu)[at[0]],
        _ => bytes == 1 ? (at[0] - 128) << 8 : BinaryPrimitives.ReadInt16LittleEndian(at),
    };

    private static UnsupportedSoundException Broken(string what) => new(what);
}
