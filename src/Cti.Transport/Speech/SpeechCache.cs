using System.Security.Cryptography;
using System.Text;
using Cti.Media.Files;

namespace Cti.Transport.Speech;

/// <summary>What an engine made, kept in memory and bounded in bytes. Texts are kept as hashes: they may be somebody's balance.</summary>
/// <param name="engine">Makes what is not kept.</param>
/// <param name="bytesMax">What it may keep, in bytes of memory; 0 keeps nothing.</param>
public sealed class SpeechCache(ISpeechEngine engine, long bytesMax) : ITextToSpeech
{
    private readonly LoadedPrompts _kept = new(bytesMax);

    /// <summary>What is kept now, in bytes.</summary>
    public long Bytes => _kept.Bytes;

    /// <inheritdoc/>
    public bool IsReady(string language, string text) => _kept.Has(Key(language, text));

    /// <inheritdoc/>
    public Prompt? Kept(string language, string text) => _kept.Peek(Key(language, text));

    /// <inheritdoc/>
    public PromptLoad Speak(string language, string text) => _kept.Get(Key(language, text), default, () => engine.Speak(language, text));

    private static string Key(string language, string text) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{language}\n{text}")));
}
