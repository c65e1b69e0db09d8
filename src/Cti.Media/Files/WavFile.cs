using System.Buffers.Binary;
using Cti.Kernel;
using Cti.Media.Codecs;
using Cti.Media.Files.Native;

namespace Cti.Media.Files;

/// <summary>A sound file that cannot be used: says what is wrong and what would be right.</summary>
public sealed class UnsupportedSoundException(string message) : Exception(message);

/// <summary>
/// WAV (RIFF) with PCM of 8 to 32 bit, floating point, A-law or mu-law, plain or extensible header, any rate from 1000 to 192000 a second, up to 8
/// channels, which are mixed. Chunks in any order; sizes that a crashed or streaming writer left open reach to the end of the file. Other codings
/// (GSM, IMA and Microsoft ADPCM, G.721, G.726) are left to libsndfile.
/// </summary>
public static class WavFile
{
    internal const ushort FormatPcm = 1;
    internal const ushort FormatAlaw = 6;
    internal const ushort FormatUlaw = 7;
    internal const ushort FormatImaAdpcm = 0x11;
    internal const ushort FormatGsm = 0x31;
    internal const ushort FormatG721 = 0x40;
    internal const ushort FormatG726 = 0x64;
    internal const int ChannelsMax = 8;
    internal const int RateMin = 1000;
    internal const int RateMax = 192_000;
    private const ushort FormatReal = 3;
    private const ushort FormatExtensible = 0xFFFE;
    private const string Supported = "supported are PCM of 8, 16, 24 and 32 bit, floating point, A-law, mu-law, GSM, IMA and Microsoft ADPCM, and G.726 at 32 kbit/s";

    private readonly record struct Format(ushort Tag, int Channels, int Rate, int Bits)
    {
        public bool IsOurs => Tag is FormatPcm or FormatReal or FormatAlaw or FormatUlaw;
    }

    /// <summary>Reads a whole file in memory.</summary>
    /// <param name="file">The file.</param>
    /// <param name="library">What decodes the codings that this reader does not; null for none.</param>
    /// <exception cref="UnsupportedSoundException">It is broken or of a kind that is not supported.</exception>
    public static Prompt Read(ReadOnlySpan<byte> file, SoundLibrary? library = null)
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
        if (!hasData) throw Broken("it has no data chunk");
        return known.IsOurs ? Decode(known, data) : DecodeByLibrary(known, file, data, library ?? throw Broken($"its coding is {CodingName(known.Tag)}"));
    }

    internal static UnsupportedSoundException BadChannels(int channels) => Broken($"it has {channels} channels; 1 to {ChannelsMax} are supported");

    internal static UnsupportedSoundException BadRate(int rate) => Broken($"its rate is {rate} a second; {RateMin} to {RateMax} are supported");

    internal static UnsupportedSoundException TooLong() => Broken($"it is longer than {Limits.PromptSamplesMax} samples");

    /// <summary>A sample of -1..1 in 16 bit; beyond that it is cut off.</summary>
    internal static short FromReal(float sample) => (short)Math.Clamp(MathF.Round(sample * 32_767), short.MinValue, short.MaxValue);

    /// <summary>Each byte's halves exchanged.</summary>
    internal static void SwapNibbles(ReadOnlySpan<byte> source, Span<byte> target)
    {
        for (var i = 0; i < source.Length; i++) target[i] = (byte)((source[i] << 4) | (source[i] >> 4));
    }

    private static Prompt DecodeByLibrary(Format format, ReadOnlySpan<byte> file, ReadOnlySpan<byte> data, SoundLibrary library)
    {
        var kind = "WAV with " + CodingName(format.Tag);
        if (data.IsEmpty) throw Broken("it holds no sound");
        if (!IsG726(format.Tag)) return SndfileReader.Read(file.ToArray(), library, kind);
        if (format.Tag != FormatG721 && format.Bits != 4) throw Broken($"its coding is {CodingName(format.Tag)} of {format.Bits} bit; 4 bit (32 kbit/s) are supported");
        // The library knows only one of the numbers that this coding goes by, with the first sample in the lower half of a byte.
        var coding = RecordingCoding.Of(RecordFormat.G721);
        var copy = new byte[RecordingHeader.BytesMax + data.Length];
        var header = RecordingHeader.Write(copy, coding, (uint)data.Length, format.Channels, 2L * data.Length, format.Rate);
        if (format.Tag == FormatG721) data.CopyTo(copy.AsSpan(header));
        else SwapNibbles(data, copy.AsSpan(header));
        return SndfileReader.Read(copy[..(header + data.Length)], library, kind);
    }

    private static bool IsG726(ushort tag) => tag is FormatG721 or FormatG726 or 0x14 or 0x45;

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
        if (format.Channels is < 1 or > ChannelsMax) throw BadChannels(format.Channels);
        if (format.Rate is < RateMin or > RateMax) throw BadRate(format.Rate);
        return format.Tag switch
        {
            FormatPcm when format.Bits is 8 or 16 or 24 or 32 => format,
            FormatReal when format.Bits is 32 or 64 => format,
            FormatPcm => throw Broken($"it is PCM of {format.Bits} bit; {Supported}"),
            FormatAlaw or FormatUlaw when format.Bits == 8 => format,
            FormatAlaw or FormatUlaw => throw Broken($"it is G.711 of {format.Bits} bit instead of 8"),
            FormatImaAdpcm or FormatGsm or 2 => format,
            var number when IsG726(number) => format,
            _ => throw Broken($"its coding is {CodingName(format.Tag)}; {Supported}"),
        };
    }

    private static string CodingName(ushort tag) => tag switch
    {
        2 => "Microsoft ADPCM",
        FormatReal => "floating point of that size",
        0x10 => "OKI ADPCM",
        FormatImaAdpcm => "IMA ADPCM",
        FormatGsm => "GSM 06.10",
        FormatG721 => "G.721",
        FormatG726 or 0x14 or 0x45 => "G.726",
        0x55 => "MP3",
        _ => $"number {tag}",
    };

    private static Prompt Decode(Format format, ReadOnlySpan<byte> data)
    {
        if (format is { Channels: 1, Rate: Resampler.Rate, Tag: FormatAlaw or FormatUlaw })
            return Prompt.FromEncoded(format.Tag == FormatAlaw ? AudioCodec.Pcma : AudioCodec.Pcmu, data.ToArray());
        var sampleBytes = format.Bits / 8;
        var count = data.Length / (sampleBytes * format.Channels);
        if (count > Limits.PromptSamplesMax) throw TooLong();
        var samples = new short[count];
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
        FormatReal => FromReal(bytes == 4 ? BinaryPrimitives.ReadSingleLittleEndian(at) : (float)BinaryPrimitives.ReadDoubleLittleEndian(at)),
        // The upper 16 bits are enough for what ends in 8 kHz G.711.
        _ => bytes == 1 ? (at[0] - 128) << 8 : BinaryPrimitives.ReadInt16LittleEndian(at[(bytes - 2)..]),
    };

    private static UnsupportedSoundException Broken(string what) => new(what);
}
