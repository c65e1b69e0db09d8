using System.Runtime.InteropServices;
using Cti.Kernel;
using Cti.Media.Codecs;

namespace Cti.Media.Files.Native;

/// <summary>Decodes a file in memory through libsndfile: GSM, ADPCM, MP3, Ogg, FLAC and whatever else it knows.</summary>
internal sealed unsafe class SndfileReader
{
    private const int FramesAtOnce = 4096;
    private static readonly Lock Opening = new();

    private readonly byte[] _bytes;
    private long _at;

    private SndfileReader(byte[] bytes) => _bytes = bytes;

    /// <summary>Decodes a whole file, mixed to one channel at 8 kHz.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="library">The library, which may be missing.</param>
    /// <param name="kind">What the file is, for the message.</param>
    /// <param name="rawFormat">The coding of sound without a header, one channel of 8 kHz; 0 where the file tells.</param>
    /// <exception cref="UnsupportedSoundException">It is broken or too long, or the library is missing.</exception>
    public static Prompt Read(byte[] bytes, SoundLibrary library, string kind, int rawFormat = 0)
    {
        if (!library.IsPresent) throw new UnsupportedSoundException($"{kind} needs libsndfile: {library.Missing}");
        var self = GCHandle.Alloc(new SndfileReader(bytes));
        try
        {
            return Read(GCHandle.ToIntPtr(self), kind, rawFormat);
        }
        finally
        {
            self.Free();
        }
    }

    private static Prompt Read(nint context, string kind, int rawFormat)
    {
        var functions = new SndfileVirtual { Length = &OnLength, Seek = &OnSeek, Read = &OnRead, Write = &OnWrite, Tell = &OnTell };
        var info = rawFormat == 0 ? default : new SndfileInfo { Rate = Audio.Rate, Channels = 1, Format = rawFormat };
        nint file;
        // The reason of a refusal lies in one place for the whole library.
        lock (Opening)
        {
            file = Sndfile.OpenVirtual(&functions, Sndfile.ModeRead, &info, context);
            if (file == 0) throw new UnsupportedSoundException($"it cannot be read as {kind}: {Sndfile.Describe(0)}");
        }
        try
        {
            if (info.Channels is < 1 or > WavFile.ChannelsMax) throw WavFile.BadChannels(info.Channels);
            if (info.Rate is < WavFile.RateMin or > WavFile.RateMax) throw WavFile.BadRate(info.Rate);
            var samples = Decode(file, info.Channels);
            if (Sndfile.Error(file) != 0) throw new UnsupportedSoundException($"it cannot be read as {kind} to its end: {Sndfile.Describe(file)}");
            // The library does not always call that a fault.
            if (info.Format >> 16 == Sndfile.ContainerFlac >> 16 && samples.Length < info.Frames && info.Frames < long.MaxValue)
                throw new UnsupportedSoundException($"it ends after {samples.Length} of {info.Frames} samples");
            if (samples.Length == 0) throw new UnsupportedSoundException($"it holds no sound that can be read as {kind}");
            return WavFile.AtEightKilohertz(samples, info.Rate);
        }
        finally
        {
            _ = Sndfile.Close(file);
        }
    }

    private static short[] Decode(nint file, int channels)
    {
        var samples = new short[FramesAtOnce];
        var frames = new float[FramesAtOnce * channels];
        var length = 0;
        while (true)
        {
            int read;
            fixed (float* first = frames) read = (int)Sndfile.ReadFrames(file, first, FramesAtOnce);
            if (read <= 0) return samples[..length];
            if (length + read > Limits.PromptSamplesMax) throw WavFile.TooLong();
            if (length + read > samples.Length) Array.Resize(ref samples, Math.Min(Limits.PromptSamplesMax, 2 * samples.Length));
            for (var i = 0; i < read; i++)
            {
                var sum = 0f;
                for (var channel = 0; channel < channels; channel++) sum += frames[(i * channels) + channel];
                samples[length++] = WavFile.FromReal(sum / channels);
            }
        }
    }

    private static SndfileReader Self(nint context) => (SndfileReader)GCHandle.FromIntPtr(context).Target!;

    [UnmanagedCallersOnly]
    private static long OnLength(nint context) => Self(context)._bytes.Length;

    [UnmanagedCallersOnly]
    private static long OnTell(nint context) => Self(context)._at;

    [UnmanagedCallersOnly]
    private static long OnWrite(byte* bytes, long count, nint context) => 0;

    [UnmanagedCallersOnly]
    private static long OnSeek(long offset, int whence, nint context)
    {
        var self = Self(context);
        var to = whence switch
        {
            0 => offset,
            1 => self._at + offset,
            _ => self._bytes.Length + offset,
        };
        if (to < 0) return -1;
        return self._at = to;
    }

    [UnmanagedCallersOnly]
    private static long OnRead(byte* bytes, long count, nint context)
    {
        var self = Self(context);
        var length = (int)Math.Clamp(self._bytes.Length - self._at, 0, Math.Min(count, int.MaxValue));
        if (length <= 0) return 0;
        self._bytes.AsSpan((int)self._at, length).CopyTo(new Span<byte>(bytes, length));
        self._at += length;
        return length;
    }
}
