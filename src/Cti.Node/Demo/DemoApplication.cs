using System.Collections.Immutable;
using System.Text.Json;
using Cti.Calls.Api;
using Cti.Kernel;

namespace Cti.Node.Demo;

/// <summary>
/// The built-in application behind <c>sip:demo@…</c>: welcomes the caller, reads back the keys pressed, records and plays back what was said.
/// It uses the same requests and events as any application; each event moves a call one step on.
/// <code>
///   on_incoming ─answer─► on_answer_completed ─receive_dtmf (welcome)─► keys ─play (you pressed …)─► record ─► play back ─► goodbye ─► drop
/// </code>
/// </summary>
internal sealed class DemoApplication(IRequestRouter router, IEventFeeds feeds, string recordFolder, ILog log)
{
    /// <summary>Its name as an application.</summary>
    public const string Name = "demo";

    private const int MaxAnswerSeconds = 600, RecordSeconds = 15, CallsMax = 200;

    private readonly Dictionary<string, Step> calls = new(StringComparer.Ordinal);

    private enum Step
    {
        Answering,
        Collecting,
        ReadingBack,
        AskingToSpeak,
        Recording,
        PlayingBack,
        Leaving,
    }

    /// <summary>Serves until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                var feed = feeds.Open(Name);
                await using (feed.ConfigureAwait(false))
                {
                    while (true)
                    {
                        foreach (var happened in await feed.ReadAsync(64, cancellation).ConfigureAwait(false)) await HandleAsync(happened, cancellation).ConfigureAwait(false);
                    }
                }
            }
            catch (FeedOverrunException)
            {
                // It starts over with what happens from now on; calls it lost track of run into their time limit.
                calls.Clear();
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task HandleAsync(FeedEvent happened, CancellationToken cancellation)
    {
        using var json = JsonDocument.Parse(happened.Params);
        var call = happened.ResourceId;
        var failed = json.RootElement.TryGetProperty("error", out var error) && error.ValueKind != JsonValueKind.Null;
        switch (happened.Method)
        {
            case "sys.call.on_incoming" when calls.Count < CallsMax:
                calls[call] = Step.Answering;
                await AskAsync("sys.call.answer", call, cancellation, ("max_answer_seconds", MaxAnswerSeconds), ("user_data", null)).ConfigureAwait(false);
                break;
            case "sys.call.on_incoming":
                await AskAsync("sys.call.reject", call, cancellation, ("cause", 486), ("user_data", null)).ConfigureAwait(false);
                break;
            case "sys.call.on_answer_completed" when !failed:
                calls[call] = Step.Collecting;
                await CollectAsync(call, cancellation).ConfigureAwait(false);
                break;
            case "sys.call.on_receive_dtmf_completed" when calls.ContainsKey(call):
                calls[call] = Step.ReadingBack;
                await PlayAsync(call, KeysAsPrompts(json.RootElement.GetProperty("keys").GetString() ?? ""), cancellation).ConfigureAwait(false);
                break;
            case "sys.call.on_play_completed" when calls.TryGetValue(call, out var step):
                await PlayedAsync(call, step, cancellation).ConfigureAwait(false);
                break;
            case "sys.call.on_record_completed" when calls.ContainsKey(call):
                calls[call] = Step.PlayingBack;
                await PlayAsync(call, ["en-US/demo-you-said.wav", json.RootElement.GetProperty("record_file").GetString()!], cancellation).ConfigureAwait(false);
                break;
            case "sys.call.on_released":
                calls.Remove(call);
                break;
        }
    }

    private async Task PlayedAsync(string call, Step step, CancellationToken cancellation)
    {
        switch (step)
        {
            case Step.ReadingBack:
                calls[call] = Step.AskingToSpeak;
                await PlayAsync(call, ["en-US/demo-record.wav"], cancellation).ConfigureAwait(false);
                break;
            case Step.AskingToSpeak:
                calls[call] = Step.Recording;
                await AskAsync("sys.call.record_start", call, cancellation, ("max_seconds", RecordSeconds), ("beep", true),
                    ("record_file", $"{recordFolder}{call}.wav"), ("record_format", "Alaw"), ("finish_keys", "#*")).ConfigureAwait(false);
                break;
            case Step.PlayingBack:
                calls[call] = Step.Leaving;
                await PlayAsync(call, ["en-US/demo-goodbye.wav"], cancellation).ConfigureAwait(false);
                break;
            case Step.Leaving:
                await AskAsync("sys.call.drop", call, cancellation, ("cause", 200)).ConfigureAwait(false);
                break;
        }
    }

    private Task CollectAsync(string call, CancellationToken cancellation) => AskAsync("sys.call.receive_dtmf_start", call, cancellation,
        ("valid_keys", "0123456789*#ABCD"), ("max_keys", 11), ("finish_keys", "#"), ("first_key_timeout", 10), ("continues_keys_timeout", 5),
        ("play_content", Content(["en-US/demo-welcome.wav"])), ("play_repeat", 1), ("breaking_on_key", true), ("including_finish_key", false));

    private static string[] KeysAsPrompts(string keys) => keys.Length == 0
        ? ["en-US/demo-no-keys.wav"]
        : ["en-US/demo-you-pressed.wav", .. keys.Select(static key => key switch
        {
            '*' => "en-US/digit-star.wav",
            '#' => "en-US/digit-pound.wav",
            _ => $"en-US/digit-{key}.wav",
        })];

    private Task PlayAsync(string call, string[] files, CancellationToken cancellation) => AskAsync("sys.call.play_start", call, cancellation,
        ("content", Content(files)), ("finish_keys", ""), ("repeat", 0));

    private static PlayContent Content(string[] files) => new([.. files.Select(static file => new PlayElement(0, file, ""))]);

    private async Task AskAsync(string method, string call, CancellationToken cancellation, params (string Name, object? Value)[] arguments)
    {
        var values = arguments.ToImmutableDictionary(static pair => pair.Name, static pair => pair.Value).Add("res_id", call);
        var reply = await router.AskAsync(new RpcRequest(Name, false, ApiGeneration.V2, method, new RpcArguments(values), null, 0), cancellation).ConfigureAwait(false);
        // A caller who hung up in the meantime makes a 404 here: nothing to tell anyone.
        if (reply.Error is { Code: not (ErrorCodes.NotFound or ErrorCodes.Conflict) } error) log.Write(LogEvents.DemoRefused, method, error.Message);
    }
}
