using Cti.Kernel;
using Cti.Media.Files.Native;
using NAudio.Wave;

namespace Cti.Media.Files;

/// <summary>
/// AIFF: PCM of 8, 16, 24 and 32 bit through NAudio, so that it needs no other program; what that refuses (other sizes, AIFC's codings, cut files) through
/// libsndfile.
/// </summary>
internal static class AiffFile
{
    private const int SamplesAtOnce = 4096;

    /// <summary>Whether a file begins as AIFF does.</summary>
    public static bool IsAiff(ReadOnlySpan<byte> file) =>
        file.Length >= 12 && file.StartsWith("FORM"u8) && (file[8..].StartsWith("AIFF"u8) || file[8..].StartsWith("AIFC"u8));

    /// <summary>Decodes a whole file, mixed to one channel at 8 kHz.</summary>
    /// <exception cref="UnsupportedSoundException">It is broken or too long, or needs a library that is missing.</exception>
    public static Prompt Read(byte[] bytes, SoundLibrary library)
    {
        try
        {
            using var reader = new AiffFileReader(new MemoryStream(bytes, writable: false));
            var format = reader.WaveFormat;
            if (format.Channels is < 1 or > WavFile.ChannelsMax) throw WavFile.BadChannels(format.Channels);
            if (format.SampleRate is < WavFile.RateMin or > WavFile.RateMax) throw WavFile.BadRate(format.SampleRate);
            var samples = Decode(reader.ToSampleProvider(), format.Channels);
            if (samples.Length > 0) return WavFile.AtEightKilohertz(samples, format.SampleRate);
        }
        catch (Exception refusal)
            when (refusal is FormatException or InvalidOperationException or ArgumentException or IOException or NotSupportedException or InvalidDataException
            or ArithmeticException or IndexOutOfRangeException)
        {
            // The other library knows more kinds.
        }
        return SndfileReader.Read(bytes, library, "AIFF");
    }

    private static short[] Decode(ISampleProvider source, int channels)
    {
        var samples = new short[SamplesAtOnce];
        var frames = new float[SamplesAtOnce * channels];
        var length = 0;
        while (true)
        {
            var read = source.Read(frames.AsSpan()) / channels;
            if (read <= 0) return samples[..length];
            if (length + read > Limits.PromptSamplesMax) throw WavFile.TooLong();
            if (length + read > samples.Length) Array.Resize(ref samples, Math.Min(Limits.PromptSamplesMax, Math.Max(length + read, 2 * samples.Length)));
            for (var i = 0; i < read; i++)
            {
                var sum = 0f;
                for (var channel = 0; channel < channels; channel++) sum += frames[(i * channels) + channel];
                samples[length++] = WavFile.FromFraction(sum / channels);
            }
        }
    }
}
