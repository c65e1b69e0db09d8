using System.Buffers.Binary;
using Cti.Kernel;
using Cti.Media.Codecs;
using Cti.Media.Files.Native;

namespace Cti.Media.Files;

/// <summary>A sound file that cannot be used: says what is wrong and what would be right.</summary>
public sealed class UnsupportedSoundException(string message) : Exception(message);

/// <summary>
/// WAV (RIFF, and RF64 for large files) with PCM of up to 32 bit in frames of any size, floating point, A-law or mu-law, plain or extensible header, any rate
/// from 1000 to 192000 a second, up to 8 channels, which are mixed. Chunks in any order, odd ones with and without the byte that should follow; sizes that a
/// crashed or streaming writer left open reach to the end of the file. Other codings (GSM, IMA and Microsoft ADPCM, G.721, G.726, MP3) are left to libsndfile.
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
    private const ushort FormatMp3 = 0x55;
    private const string Supported =
        "supported are PCM of up to 32 bit, floating point, A-law, mu-law, GSM, IMA and Microsoft ADPCM, MP3, and G.726 at 32 kbit/s";

    private static readonly byte[][] Chunks =
    [
        .. new[] { "fmt ", "data", "LIST", "fact", "bext", "JUNK", "junk", "PAD ", "FLLR", "PEAK", "cue ", "smpl", "inst", "id3 ", "ID3 ", "iXML", "axml",
        "DISP", "_PMX", "cart", "chna", "plst" }
            .Select(System.Text.Encoding.ASCII.GetBytes),
    ];

    private readonly record struct Format(ushort Tag, int Channels, int Rate, int Bits, int Align)
    {
        public bool IsOurs => Tag is FormatPcm or FormatReal or FormatAlaw or FormatUlaw;

        /// <summary>Octets of a sample's own bits.</summary>
        public int SampleBytes => (Bits + 7) / 8;

        /// <summary>Octets that a sample lies in: those of the frame where it says something that can be.</summary>
        public int ContainerBytes =>
            Align % Channels == 0 && Align / Channels >= SampleBytes && Align / Channels <= sizeof(long) && Tag is FormatPcm ? Align / Channels : SampleBytes;
    }

    /// <summary>Reads a whole file in memory.</summary>
    /// <param name="file">The file.</param>
    /// <param name="library">What decodes the codings that this reader does not; null for none.</param>
    /// <exception cref="UnsupportedSoundException">It is broken or of a kind that is not supported.</exception>
    public static Prompt Read(ReadOnlySpan<byte> file, SoundLibrary? library = null)
    {
        if (file.Length < 12) throw Broken("it ends within the RIFF header");
        if (!IsWav(file)) throw Broken("it is no RIFF/WAVE file");
        Format? format = null;
        ReadOnlySpan<byte> data = default;
        var hasData = false;
        var large = 0UL;
        for (var rest = file[12..]; rest.Length >= 8;)
        {
            var id = rest[..4];
            var size = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            var body = rest[8..];
            // The size of a large file's sound stands in a chunk of its own.
            if (size == uint.MaxValue && large > 0 && large <= (ulong)body.Length && id.SequenceEqual("data"u8)) size = (uint)large;
            var isLast = size > (uint)body.Length;
            var chunk = isLast ? body : body[..(int)size];
            if (id.SequenceEqual("ds64"u8) && chunk.Length >= 16) large = BinaryPrimitives.ReadUInt64LittleEndian(chunk[8..]);
            else if (id.SequenceEqual("fmt "u8)) format ??= ReadFormat(chunk);
            else if (id.SequenceEqual("data"u8) && !hasData)
            {
                // A size of zero is what a writer that never came back to its header left: the sound is the rest.
                data = size == 0 && format is not null && !LooksLikeChunk(body) ? body : chunk;
                hasData = true;
                if (data.Length != chunk.Length) break;
            }
            rest = isLast ? default : Behind(body, (int)size);
        }
        if (format is not { } known) throw Broken("it has no fmt chunk");
        if (!hasData) throw Broken("it has no data chunk");
        return known.IsOurs ? Decode(known, data) : DecodeByLibrary(known, file, data, library ?? throw Broken($"its coding is {CodingName(known.Tag)}"));
    }

    /// <summary>Whether a file begins as WAV does, in one of its two sizes.</summary>
    internal static bool IsWav(ReadOnlySpan<byte> file) =>
        file.Length >= 12 && (file.StartsWith("RIFF"u8) || file.StartsWith("RF64"u8) || file.StartsWith("BW64"u8)) && file[8..].StartsWith("WAVE"u8);

    internal static UnsupportedSoundException BadChannels(int channels) => Broken($"it has {channels} channels; 1 to {ChannelsMax} are supported");

    internal static UnsupportedSoundException BadRate(int rate) => Broken($"its rate is {rate} a second; {RateMin} to {RateMax} are supported");

    internal static UnsupportedSoundException TooLong() => Broken($"it is longer than {Limits.PromptSamplesMax} samples");

    /// <summary>A prompt of sound of any rate.</summary>
    /// <exception cref="UnsupportedSoundException">A low rate makes it too long.</exception>
    internal static Prompt AtEightKilohertz(short[] samples, int rate) =>
        (long)samples.Length * Resampler.Rate / rate <= Limits.PromptSamplesMax
            ? Prompt.FromLinear(Resampler.ToEightKilohertz(samples, rate))
            : throw TooLong();

    /// <summary>A sample of -1..1 in 16 bit; beyond that it is cut off.</summary>
    internal static short FromReal(float sample) => (short)Math.Clamp(MathF.Round(sample * 32_767), short.MinValue, short.MaxValue);

    /// <summary>A sample that was made of a whole number by a division by a power of two: exactly that number again, in 16 bit.</summary>
    internal static short FromFraction(float sample) => (short)Math.Clamp(MathF.Floor(sample * 32_768), short.MinValue, short.MaxValue);

    /// <summary>Each byte's halves exchanged.</summary>
    internal static void SwapNibbles(ReadOnlySpan<byte> source, Span<byte> target)
    {
        for (var i = 0; i < source.Length; i++) target[i] = (byte)((source[i] << 4) | (source[i] >> 4));
    }

    /// <summary>
    /// What follows a chunk. Chunks begin at even offsets; not every writer knows that, so where a chunk begins at the odd one and none at the even one, that
    /// is it.
    /// </summary>
    private static ReadOnlySpan<byte> Behind(ReadOnlySpan<byte> body, int size)
    {
        var next = body[size..];
        if ((size & 1) == 0 || next.IsEmpty) return next;
        var (isOdd, isEven) = (IsKnownChunk(next), IsKnownChunk(next[1..]));
        if (isOdd != isEven) return isOdd ? next : next[1..];
        return HasChunkName(next) && !HasChunkName(next[1..]) ? next : next[1..];
    }

    private static bool IsKnownChunk(ReadOnlySpan<byte> at)
    {
        if (at.Length < 8) return false;
        foreach (var name in Chunks)
            if (at.StartsWith(name)) return true;
        return false;
    }

    private static bool HasChunkName(ReadOnlySpan<byte> at) => at.Length >= 8 && at[..4].IndexOfAnyExceptInRange((byte)' ', (byte)'z') < 0;

    private static Prompt DecodeByLibrary(Format format, ReadOnlySpan<byte> file, ReadOnlySpan<byte> data, SoundLibrary library)
    {
        var kind = "WAV with " + CodingName(format.Tag);
        if (data.IsEmpty) throw Broken("it holds no sound");
        if (format.Tag == FormatMp3) return SndfileReader.Read(data[Math.Max(0, MpegFrame.IndexOfFirst(data))..].ToArray(), library, "MP3");
        if (!IsG726(format.Tag)) return SndfileReader.Read(file.ToArray(), library, kind);
        if (format.Tag != FormatG721 && format.Bits != 4)
            throw Broken($"its coding is {CodingName(format.Tag)} of {format.Bits} bit; 4 bit (32 kbit/s) are supported");
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
        HasChunkName(body)
            && BinaryPrimitives.ReadUInt32LittleEndian(body[4..]) <= (uint)(body.Length - 8);

    private static Format ReadFormat(ReadOnlySpan<byte> chunk)
    {
        if (chunk.Length < 16) throw Broken($"its fmt chunk has {chunk.Length} bytes instead of at least 16");
        var tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]);
        if (tag == FormatExtensible)
        {
            if (chunk.Length < 40) throw Broken("its extensible fmt chunk ends within the header");
            tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk[24..]);
            // How many of the bits that a sample lies in are its own.
            int valid = BinaryPrimitives.ReadUInt16LittleEndian(chunk[18..]);
            if (tag == FormatPcm && valid > 0 && valid < bits) bits = valid;
        }
        var format = new Format(tag, BinaryPrimitives.ReadUInt16LittleEndian(chunk[2..]),
            (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]), int.MaxValue), bits, BinaryPrimitives.ReadUInt16LittleEndian(chunk[12..]));
        if (format.Channels is < 1 or > ChannelsMax) throw BadChannels(format.Channels);
        if (format.Rate is < RateMin or > RateMax) throw BadRate(format.Rate);
        return format.Tag switch
        {
            FormatPcm when format.Bits is >= 1 and <= 32 => format,
            FormatReal when format.Bits is 32 or 64 => format,
            FormatPcm => throw Broken($"it is PCM of {format.Bits} bit; {Supported}"),
            FormatAlaw or FormatUlaw when format.Bits == 8 => format,
            FormatAlaw or FormatUlaw => throw Broken($"it is G.711 of {format.Bits} bit instead of 8"),
            FormatImaAdpcm or FormatGsm or FormatMp3 or 2 => format,
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
        FormatMp3 => "MP3",
        _ => $"number {tag}",
    };

    private static Prompt Decode(Format format, ReadOnlySpan<byte> data)
    {
        if (format is { Channels: 1, Rate: Resampler.Rate, Tag: FormatAlaw or FormatUlaw })
            return Prompt.FromEncoded(format.Tag == FormatAlaw ? AudioCodec.Pcma : AudioCodec.Pcmu, data.ToArray());
        var container = format.ContainerBytes;
        var frame = container * format.Channels;
        var count = data.Length / frame;
        if (count > Limits.PromptSamplesMax) throw TooLong();
        var lie = format.SampleBytes < container
            ? SampleLayout.Of(data[..(count * frame)], container, format.SampleBytes)
            : new SampleLayout(container, IsReal: format.Tag == FormatReal);
        var samples = new short[count];
        for (var i = 0; i < samples.Length; i++)
        {
            var sum = 0;
            for (var channel = 0; channel < format.Channels; channel++)
                sum += Sample(format.Tag, lie, data[((i * frame) + (channel * container))..]);
            samples[i] = (short)(sum / format.Channels);
        }
        return AtEightKilohertz(samples, format.Rate);
    }

    private static int Sample(ushort tag, SampleLayout lie, ReadOnlySpan<byte> at) => tag switch
    {
        FormatAlaw => G711.DecodeTable(AudioCodec.Pcma)[at[0]],
        FormatUlaw => G711.DecodeTable(AudioCodec.Pcmu)[at[0]],
        _ when lie.IsReal =>
            FromReal(lie.End == sizeof(float) ? BinaryPrimitives.ReadSingleLittleEndian(at) : (float)BinaryPrimitives.ReadDoubleLittleEndian(at)),
        // The upper 16 bits are enough for what ends in 8 kHz G.711. What has no more than 8 is unsigned.
        _ => lie.End == 1 ? (at[0] - 128) << 8 : BinaryPrimitives.ReadInt16LittleEndian(at[(lie.End - 2)..]),
    };

    private static UnsupportedSoundException Broken(string what) => new(what);
}
