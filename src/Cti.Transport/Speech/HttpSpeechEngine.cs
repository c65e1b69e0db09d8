using System.Collections.Immutable;
using System.Net.Http.Headers;
using System.Text;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;

namespace Cti.Transport.Speech;

/// <summary>A speech service reached by HTTP.</summary>
/// <param name="Url">
/// http or https; <c>{lang}</c> stands for the language. With <c>{text}</c> in it the text goes there and the request is GET, otherwise it is POST with the
/// text as its body (text/plain, UTF-8).
/// </param>
/// <param name="Headers">Further header fields, such as Authorization.</param>
/// <param name="Timeout">How long the whole answer may take.</param>
public sealed record HttpSpeechOptions(string Url, ImmutableArray<(string Name, string Value)> Headers, TimeSpan Timeout);

/// <summary>
/// Asks a service over HTTP, which answers a WAV file. No redirections: the operator named the service. Header fields and the URL, which may carry keys,
/// stand in no message.
/// </summary>
public sealed class HttpSpeechEngine : ISpeechEngine, IDisposable
{
    private const string TextPlace = "{text}", LanguagePlace = "{lang}", Service = "the service of cti.tts.http.url";

    private readonly HttpSpeechOptions _options;
    private readonly HttpClient _client;

    /// <summary>Connects when first asked.</summary>
    public HttpSpeechEngine(HttpSpeechOptions options)
    {
        _options = options;
        // Owned by the client.
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, UseProxy = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5)
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <inheritdoc/>
    public PromptLoad Speak(string language, string text)
    {
        using var patience = new CancellationTokenSource(_options.Timeout);
        try
        {
            return SpeakAsync(language, text, patience.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            return SpeechSound.Refuse(MediaOutcome.Failed, $"{Service} did not answer within {_options.Timeout.TotalSeconds:0.###} s (cti.tts.timeout)");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or UriFormatException)
        {
            return SpeechSound.Refuse(MediaOutcome.Failed, $"{Service} cannot be reached: {fault.Message}");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private async Task<PromptLoad> SpeakAsync(string language, string text, CancellationToken cancellation)
    {
        using var request = Request(language, text);
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
            return SpeechSound.Refuse(MediaOutcome.Failed, $"{Service} answered {(int)response.StatusCode}");
        var body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            return await SpeechSound.ReadAsync(body, Limits.SpeechSoundBytesMax, cancellation).ConfigureAwait(false) is { } file
                ? SpeechSound.Decode(Service, file)
                : SpeechSound.Refuse(MediaOutcome.Unsupported, $"{Service} answered over {Limits.SpeechSoundBytesMax} bytes");
        }
    }

    private HttpRequestMessage Request(string language, string text)
    {
        var inUrl = _options.Url.Contains(TextPlace, StringComparison.Ordinal);
        // The text last: what it contains is no place of its own.
        var url = _options.Url.Replace(LanguagePlace, Uri.EscapeDataString(language), StringComparison.Ordinal)
            .Replace(TextPlace, Uri.EscapeDataString(text), StringComparison.Ordinal);
        var request = new HttpRequestMessage(inUrl ? HttpMethod.Get : HttpMethod.Post, new Uri(url));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("audio/wav"));
        if (!inUrl)
        {
            request.Content = new StringContent(text, Encoding.UTF8, "text/plain");
            request.Content.Headers.ContentLanguage.Add(language);
        }

        foreach (var (name, value) in _options.Headers)
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content?.Headers.TryAddWithoutValidation(name, value);
        return request;
    }
}
