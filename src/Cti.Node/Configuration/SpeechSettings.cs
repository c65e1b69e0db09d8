using System.Collections.Immutable;

namespace Cti.Node.Configuration;

/// <summary>What makes sound of text.</summary>
public enum SpeechEngineKind
{
    /// <summary>The program espeak-ng.</summary>
    Espeak,
    /// <summary>A service over HTTP.</summary>
    Http,
    /// <summary>Nothing: text to speech is refused.</summary>
    None,
}

/// <summary>cti.tts.</summary>
/// <param name="Engine">What makes sound of text.</param>
/// <param name="Timeout">How long a text may take, 100 ms..60 s.</param>
/// <param name="Concurrency">Texts made at once, 1..64.</param>
/// <param name="Cache">Bytes of sound that are kept.</param>
/// <param name="Program">cti.tts.espeak.program: name or path.</param>
/// <param name="Url">cti.tts.http.url, which may hold a key; null: no service.</param>
/// <param name="Headers">cti.tts.http.headers.</param>
public sealed record SpeechSettings(SpeechEngineKind Engine, TimeSpan Timeout, int Concurrency, int Cache, string Program, Secret? Url,
    ImmutableArray<SpeechHeader> Headers);

/// <summary>A header field of requests to the speech service.</summary>
/// <param name="Name">Its name, a token of RFC 9110.</param>
/// <param name="Value">Its value.</param>
public sealed record SpeechHeader(string Name, Secret Value);
