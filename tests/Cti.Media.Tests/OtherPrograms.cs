using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Cti.Media.Tests;

/// <summary>Programs of others that read and write sound: what they say of a file is not our own opinion of it.</summary>
internal static class OtherPrograms
{
    /// <summary>A file as sox decodes it: 8 kHz, channels in turn.</summary>
    public static short[] Sox(string file) => Samples(Run("sox", file, "-t", "raw", "-e", "signed", "-b", "16", "-L", "-r", "8000", "-"));

    /// <summary>A file as ffmpeg decodes it: 8 kHz, channels in turn.</summary>
    public static short[] Ffmpeg(string file) => Samples(Run("ffmpeg", "-v", "error", "-i", file, "-f", "s16le", "-ar", "8000", "-"));

    /// <summary>A file as libsndfile's own program decodes it.</summary>
    public static short[] Sndfile(string file)
    {
        var converted = file + ".decoded.wav";
        Run("sndfile-convert", "-pcm16", file, converted);
        var samples = Sox(converted);
        File.Delete(converted);
        return samples;
    }

    public static byte[] Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        })!;
        process.StandardInput.Close();
        var said = process.StandardError.ReadToEndAsync();
        using var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, $"{program} {string.Join(' ', arguments)}: {said.GetAwaiter().GetResult()}");
        return output.ToArray();
    }

    private static short[] Samples(byte[] bytes) => MemoryMarshal.Cast<byte, short>(bytes).ToArray();
}
