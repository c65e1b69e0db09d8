using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cti.Node.Commands;

/// <summary>Asks a gateway by POST.</summary>
/// <param name="url">The gateway's URL.</param>
/// <param name="key">The application's key.</param>
internal sealed class GatewayClient(Uri url, string key) : IDisposable
{
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(15);

    private readonly HttpClient _http = new() { Timeout = AnswerMax };

    public Uri Url => url;

    public string Key => key;

    public void Dispose() => _http.Dispose();

    /// <summary>Whether the node takes work: null, or why not.</summary>
    /// <exception cref="CommandException">Nothing answers.</exception>
    public async Task<string?> WhyNotReadyAsync(CancellationToken cancellation)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(url, "/readyz")), cancellation).ConfigureAwait(false);
        if (response.IsSuccessStatusCode) return null;
        // The lines after the first tell of each part.
        var text = (await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false)).Trim().Split('\n')[0];
        return text.Length > 0 ? text : $"/readyz answers {(int)response.StatusCode}";
    }

    /// <summary>Calls a method and answers its result; asks again, under the same id, as long as the answer says when to: a node may just have died.</summary>
    /// <exception cref="CommandException">Nothing answers, or the answer is a refusal.</exception>
    public async Task<JsonNode?> AskAsync(string method, JsonObject parameters, CancellationToken cancellation)
    {
        var text = Rpc.Request(Rpc.NewId(), method, parameters);
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = await AnswerAsync(text, cancellation).ConfigureAwait(false);
            if (Rpc.RetryAfter(answer) is not { } pause || Stopwatch.GetElapsedTime(began) > AnswerMax) return Rpc.Result(method, answer);
            await Task.Delay(pause, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<JsonObject?> AnswerAsync(string text, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url, "/v2/rpc"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        request.Content = new StringContent(text, Encoding.UTF8, "application/json");
        using var response = await SendAsync(request, cancellation).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.Unauthorized) throw Refused(url);
        try
        {
            return JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false)) as JsonObject;
        }
        catch (JsonException)
        {
            throw new CommandException($"{url} answers {(int)response.StatusCode} and no JSON: is it a gateway?");
        }
    }

    /// <summary>Posts to a path without a body.</summary>
    /// <exception cref="CommandException">Nothing answers, or the answer is a refusal.</exception>
    public async Task PostAsync(string path, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var response = await SendAsync(request, cancellation).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.Unauthorized) throw Refused(url);
        if (!response.IsSuccessStatusCode)
            throw new CommandException($"{url}: {(await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false)).Trim()}");
    }

    public static CommandException Refused(Uri url) => new($"{url} refuses the key; name the right one with --keys-file or --key");

    public static CommandException Unreachable(Uri url, Exception e)
    {
        for (var cause = e; cause is not null; cause = cause.InnerException)
        {
            if (cause is SocketException socket)
                return new($"no gateway answers at {url} ({socket.Message}); start a node with cti run, or name another with --url");
        }
        return new($"no gateway answers at {url} ({e.Message}); start a node with cti run, or name another with --url");
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            return await _http.SendAsync(request, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw Unreachable(url, e);
        }
    }
}

/// <summary>JSON-RPC 2.0 as text.</summary>
internal static class Rpc
{
    /// <summary>A request's id: a UUID, so that a repeat is recognised.</summary>
    public static string NewId() => Guid.NewGuid().ToString();

    public static string Request(string id, string method, JsonObject parameters) =>
        new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id, ["method"] = method, ["params"] = parameters }.ToJsonString();

    /// <summary>When a refusal asks for a repeat, at most a second from now; null where it does not.</summary>
    public static TimeSpan? RetryAfter(JsonObject? answer) =>
        answer?["error"] is JsonObject { } error && error["code"]?.GetValueKind() == JsonValueKind.Number && (int)error["code"]! == 503
        && error["data"] is JsonObject data && data["retry_after_ms"]?.GetValueKind() == JsonValueKind.Number
            ? TimeSpan.FromMilliseconds(Math.Clamp((double)data["retry_after_ms"]!, 10, 1_000)) : null;

    /// <summary>The result of an answer.</summary>
    /// <exception cref="CommandException">It is a refusal, or no answer.</exception>
    public static JsonNode? Result(string method, JsonObject? answer)
    {
        if (answer?["error"] is JsonObject error) throw new CommandException($"{method}: {error["message"]} (error {error["code"]})");
        if (answer is null || !answer.ContainsKey("result")) throw new CommandException($"{method}: the answer is no JSON-RPC answer");
        return answer["result"];
    }
}
