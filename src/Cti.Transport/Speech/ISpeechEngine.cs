using Cti.Media;
using Cti.Media.Files;

namespace Cti.Transport.Speech;

/// <summary>A program or service that makes sound of text. Blocks its caller, a loader thread, up to the engine's time-out; never throws.</summary>
public interface ISpeechEngine
{
    /// <summary>Makes the sound of a text, or tells why there is none.</summary>
    /// <param name="language">zh-CN or en-US.</param>
    /// <param name="text">The text; not blank, bounded.</param>
    PromptLoad Speak(string language, string text);
}

/// <summary>What engines have in common.</summary>
internal static class SpeechSound
{
    public static PromptLoad Refuse(MediaOutcome outcome, string detail) => new(outcome, null, "text to speech: " + detail);

    /// <summary>Decodes a WAV file that an engine made.</summary>
    /// <param name="engine">Who made it, for the message.</param>
    /// <param name="file">The file.</param>
    public static PromptLoad Decode(string engine, ReadOnlySpan<byte> file)
    {
        try
        {
            var prompt = WavFile.Read(file);
            return prompt.Samples > 0
                ? new PromptLoad(MediaOutcome.Completed, prompt, null)
                : Refuse(MediaOutcome.Failed, $"{engine} answered a WAV file without sound");
        }
        catch (UnsupportedSoundException unsupported)
        {
            return Refuse(MediaOutcome.Unsupported, $"what {engine} answered is no WAV file that can be played: {unsupported.Message}");
        }
    }

    /// <summary>Reads a stream to its end; null when it has more than <paramref name="bytesMax"/>.</summary>
    public static async Task<byte[]?> ReadAsync(Stream stream, int bytesMax, CancellationToken cancellation)
    {
        using var kept = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false) is var count and > 0)
        {
            if (kept.Length + count > bytesMax)
                return null;
            kept.Write(buffer, 0, count);
        }

        return kept.ToArray();
    }
}
