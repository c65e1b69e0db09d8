using Cti.Media.Codecs;
using Cti.Media.Files.Native;

namespace Cti.Media.Files;

/// <summary>How a recording format lies in its file.</summary>
internal sealed record RecordingCoding
{
    private static readonly RecordingCoding[] All =
    [
        new() { Format = RecordFormat.Pcm8, Tag = WavFile.FormatPcm, Bits = 8 },
        new() { Format = RecordFormat.Alaw, Tag = WavFile.FormatAlaw, Bits = 8 },
        new() { Format = RecordFormat.Ulaw, Tag = WavFile.FormatUlaw, Bits = 8 },
        new() { Format = RecordFormat.ImaAdpcm, Tag = WavFile.FormatImaAdpcm, Bits = 4, BlockBytes = 256, BlockSamples = 505, Extension = 505,
            LibraryFormat = Sndfile.ContainerWav | Sndfile.CodingImaAdpcm },
        new() { Format = RecordFormat.Gsm, Tag = WavFile.FormatGsm, Bits = 0, BlockBytes = 65, BlockSamples = 320, Extension = 320, ChannelsMax = 1,
            LibraryFormat = Sndfile.ContainerWav | Sndfile.CodingGsm },
        new() { Format = RecordFormat.Mp3, IsHeaderless = true, LibraryFormat = Sndfile.ContainerMpeg | Sndfile.CodingMp3 },
        new() { Format = RecordFormat.OkiAdpcm, IsHeaderless = true, ChannelsMax = 1 },
        new() { Format = RecordFormat.G726, Tag = WavFile.FormatG726, Bits = 4, BlockBytes = 60, BlockSamples = 120, BlockAlign = 1, Extension = 0,
            ChannelsMax = 1, SwapsNibbles = true, LibraryFormat = Sndfile.ContainerWav | Sndfile.CodingG721 },
        new() { Format = RecordFormat.G721, Tag = WavFile.FormatG721, Bits = 4, BlockBytes = 60, BlockSamples = 120, BlockAlign = 64, Extension = 0,
            ChannelsMax = 1, LibraryFormat = Sndfile.ContainerWav | Sndfile.CodingG721 },
        new() { Format = RecordFormat.Pcm16k, Tag = WavFile.FormatPcm, Bits = 16, BlockBytes = 2, Rate = 16_000 },
    ];

    public required RecordFormat Format { get; init; }

    /// <summary>Samples a second.</summary>
    public int Rate { get; init; } = Audio.Rate;

    /// <summary>Samples that 20 ms of one channel have.</summary>
    public int FrameSamples => Rate / Audio.FramesPerSecond;

    /// <summary>The number of the coding in a WAV header.</summary>
    public ushort Tag { get; init; }

    /// <summary>Bits of a sample in a WAV header.</summary>
    public int Bits { get; init; }

    /// <summary>Bytes of the least that can be decoded, per channel.</summary>
    public int BlockBytes { get; init; } = 1;

    /// <summary>Samples in that, per channel.</summary>
    public int BlockSamples { get; init; } = 1;

    /// <summary>What the WAV header calls a block where it is not <see cref="BlockBytes"/>; 0 where it is.</summary>
    public int BlockAlign { get; init; }

    /// <summary>The word after the WAV format's own fields, or null for none.</summary>
    public ushort? Extension { get; init; }

    /// <summary>2, or 1 where the coding has no stereo: then both channels are mixed.</summary>
    public int ChannelsMax { get; init; } = 2;

    /// <summary>Nothing but encoded sound in the file.</summary>
    public bool IsHeaderless { get; init; }

    /// <summary>The first sample lies in the upper four bits, other than the library writes it.</summary>
    public bool SwapsNibbles { get; init; }

    /// <summary>How libsndfile calls it; 0 where our own code writes it.</summary>
    public int LibraryFormat { get; init; }

    public bool NeedsLibrary => LibraryFormat != 0;

    /// <summary>One byte a sample: encoded by a table, in the loop's own thread.</summary>
    public bool IsTable => Format is RecordFormat.Pcm8 or RecordFormat.Alaw or RecordFormat.Ulaw;

    public static RecordingCoding Of(RecordFormat format) => All[(int)format];

    public static RecordingCoding? OfTag(ushort tag, int bits) =>
        Array.Find(All, coding => !coding.IsHeaderless && coding.Tag == tag && (tag != WavFile.FormatPcm || coding.Bits == bits));
}
