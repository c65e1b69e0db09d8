using Cti.Kernel;

namespace Cti.Media.Files;

/// <summary>Loads a sound file of any supported kind by its extension.</summary>
public static class SoundFile
{
    /// <summary>Reads and decodes a file; faults are outcomes, never exceptions.</summary>
    /// <param name="fullPath">The file.</param>
    /// <param name="name">What to call it in the detail of a failure.</param>
    public static PromptLoad Load(string fullPath, string name)
    {
        try
        {
            var length = new FileInfo(fullPath).Length;
            if (length > Limits.PromptFileBytesMax)
                return Refuse(MediaOutcome.Unsupported, name, $"it has {length} bytes; at most {Limits.PromptFileBytesMax} are supported");
            var bytes = File.ReadAllBytes(fullPath);
            return new PromptLoad(MediaOutcome.Completed, Decode(Path.GetExtension(fullPath), bytes), null);
        }
        catch (UnsupportedSoundException unsupported)
        {
            return Refuse(MediaOutcome.Unsupported, name, unsupported.Message);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return Refuse(MediaOutcome.NotFound, name, "no such file");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return Refuse(MediaOutcome.Failed, name, fault.Message);
        }
    }

    internal static PromptLoad Refuse(MediaOutcome outcome, string name, string detail) => new(outcome, null, $"{name}: {detail}");

    private static Prompt Decode(string extension, byte[] bytes) => extension.ToLowerInvariant() switch
    {
        ".alaw" or ".al" => Prompt.FromEncoded(AudioCodec.Pcma, bytes),
        ".ulaw" or ".ul" or ".mulaw" => Prompt.FromEncoded(AudioCodec.Pcmu, bytes),
        ".mp3" or ".ogg" or ".opus" or ".gsm" or ".vox" => throw new UnsupportedSoundException(
            $"{extension} files are not supported; supported are WAV with PCM 8 or 16 bit, A-law and mu-law, and raw .alaw and .ulaw"),
        _ => WavFile.Read(bytes),
    };
}
