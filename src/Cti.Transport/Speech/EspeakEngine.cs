using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;
using Cti.Transport.Native;

namespace Cti.Transport.Speech;

/// <summary>
/// The embedded engine: runs espeak-ng for each text. The text goes to its standard input and never stands on a command line or in a path; the sound
/// comes from its standard output, so nothing is left on the disk.
/// </summary>
/// <param name="program">The program, by name or path.</param>
/// <param name="timeout">How long it may take.</param>
public sealed class EspeakEngine(string program, TimeSpan timeout) : ISpeechEngine
{
    // The voice "cmn" of espeak-ng 1.51 reads many single characters by their English names; this one reads characters and pinyin alike.
    private const string ChineseVoice = "cmn-latn-pinyin", EnglishVoice = "en-us";
    private const string Utf8Input = "1";
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <inheritdoc/>
    public PromptLoad Speak(string language, string text)
    {
        try
        {
            return SpeakAsync(language, text).GetAwaiter().GetResult();
        }
        catch (Win32Exception scarce) when (scarce.NativeErrorCode is Libc.EAgain or Libc.ENoMem or Libc.ENFile or Libc.EMFile)
        {
            return SpeechSound.Refuse(MediaOutcome.Failed, $"{program} cannot be started at the moment: {scarce.Message}");
        }
        catch (Win32Exception missing)
        {
            return SpeechSound.Refuse(MediaOutcome.Unsupported,
                $"{program} cannot be started ({missing.Message}); install espeak-ng (Debian: apt-get install espeak-ng), "
                + "say where it is by cti.tts.espeak.program, or set cti.tts.engine = http and cti.tts.http.url");
        }
        catch (OperationCanceledException)
        {
            return SpeechSound.Refuse(MediaOutcome.Failed, $"{program} did not end within {timeout.TotalSeconds:0.###} s (cti.tts.timeout)");
        }
        catch (Exception fault) when (fault is IOException or InvalidOperationException)
        {
            return SpeechSound.Refuse(MediaOutcome.Failed, $"{program} failed: {fault.Message}");
        }
    }

    private async Task<PromptLoad> SpeakAsync(string language, string text)
    {
        string[] arguments = ["-v", language == "zh-CN" ? ChineseVoice : EnglishVoice, "-b", Utf8Input, "--stdin", "--stdout"];
        using var patience = new CancellationTokenSource(timeout);
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = Utf8,
        })!;
        try
        {
            var complaint = SpeechSound.ReadAsync(process.StandardError.BaseStream, Limits.SpeechComplaintBytesMax, patience.Token);
            var sound = SpeechSound.ReadAsync(process.StandardOutput.BaseStream, Limits.SpeechSoundBytesMax, patience.Token);
            await WriteAsync(process, text, patience.Token).ConfigureAwait(false);
            if (await sound.ConfigureAwait(false) is not { } file)
                return SpeechSound.Refuse(MediaOutcome.Unsupported, $"{program} answered over {Limits.SpeechSoundBytesMax} bytes");
            var said = await complaint.ConfigureAwait(false) ?? [];
            await process.WaitForExitAsync(patience.Token).ConfigureAwait(false);
            return process.ExitCode == 0 && file.Length > 0
                ? SpeechSound.Decode(program, file)
                : SpeechSound.Refuse(MediaOutcome.Failed, $"{program} ended with {process.ExitCode}: {FirstLine(said)}");
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private static async Task WriteAsync(Process process, string text, CancellationToken cancellation)
    {
        try
        {
            // [[ would begin phonemes: what an application gives is text and nothing else.
            var plain = text.Replace("[", "[ ", StringComparison.Ordinal);
            await process.StandardInput.WriteAsync(plain.AsMemory(), cancellation).ConfigureAwait(false);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading: its exit code and complaint say why.
        }
    }

    private static string FirstLine(byte[] complaint)
    {
        var line = Utf8.GetString(complaint).Trim().Split('\n')[0].Trim();
        return line.Length == 0 ? "it said nothing" : line;
    }
}
