using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Node.Demo;

/// <summary>
/// The built-in application behind <c>sip:demo@…</c>. Like any application it knows a call by its resource id alone, asks, and goes on at the next event.
/// <code>
///   on_incoming ─answer─► menu ─┬─ 1 ──► conference until the caller hangs up
///                        ▲      ├─ 2 ──► time and date aloud ──► menu
///                        │      ├─ 3 ──► hang up, call back ──► menu
///                        │      └─ other keys ──► reads them back, records, plays it back ──► goodbye ─drop
/// </code>
/// </summary>
internal sealed class DemoApplication(IRequestRouter router, IEventFeeds feeds, string recordFolder, Func<DateTimeOffset> now, ILog log)
{
    /// <summary>Its name as an application.</summary>
    public const string Name = "demo";

    private const int MaxAnswerSeconds = 600, RecordSeconds = 15, RingSeconds = 30, CallsMax = 200;

    private readonly Dictionary<string, DemoCall> _calls = new(StringComparer.Ordinal);
    private string? _conference;

    private enum Step
    {
        Answering,
        Choosing,
        ReadingBack,
        AskingToSpeak,
        Recording,
        PlayingBack,
        TellingTime,
        Entering,
        InConference,
        PromisingCall,
        Leaving,
    }

    private sealed class DemoCall(string from)
    {
        public string From { get; } = from;

        public Step Step { get; set; }

        /// <summary>Whether the caller is called back once this call is over.</summary>
        public bool CallsBack { get; set; }
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
                        foreach (var happened in await feed.ReadAsync(64, cancellation).ConfigureAwait(false))
                            await HandleAsync(happened, cancellation).ConfigureAwait(false);
                    }
                }
            }
            catch (FeedOverrunException)
            {
                // It starts over with what happens from now on; calls it lost track of run into their time limit.
                _calls.Clear();
                _conference = null;
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
        var res = happened.ResourceId;
        var parameters = json.RootElement;
        if (happened.Method == "sys.call.on_incoming")
        {
            await WelcomeAsync(res, parameters.GetProperty("from_uri").GetString() ?? "", cancellation).ConfigureAwait(false);
            return;
        }
        if (happened.Method == "sys.conf.on_released" && res == _conference) _conference = null;
        if (!_calls.TryGetValue(res, out var call)) return;
        var failed = parameters.TryGetProperty("error", out var error) && error.ValueKind != JsonValueKind.Null;
        switch (happened.Method)
        {
            case "sys.call.on_answer_completed" or "sys.call.on_dial_completed" when !failed:
                await OfferMenuAsync(res, call, cancellation).ConfigureAwait(false);
                break;
            case "sys.call.on_receive_dtmf_completed":
                await ChosenAsync(res, call, parameters.GetProperty("keys").GetString() ?? "", cancellation).ConfigureAwait(false);
                break;
            case "sys.call.on_play_completed":
                await PlayedAsync(res, call, cancellation).ConfigureAwait(false);
                break;
            case "sys.call.on_record_completed":
                await PlayAsync(res, call, Step.PlayingBack, cancellation, "en-US/demo-you-said.wav", parameters.GetProperty("record_file").GetString()!)
                    .ConfigureAwait(false);
                break;
            case "sys.call.on_conf_completed":
                await OfferMenuAsync(res, call, cancellation).ConfigureAwait(false);
                break;
            case "sys.call.on_released":
                _calls.Remove(res);
                if (call.CallsBack) await CallBackAsync(call, cancellation).ConfigureAwait(false);
                break;
        }
    }

    private async Task WelcomeAsync(string res, string from, CancellationToken cancellation)
    {
        if (_calls.Count >= CallsMax)
        {
            await AskAsync("sys.call.reject", cancellation, ("res_id", res), ("cause", 486)).ConfigureAwait(false);
            return;
        }
        _calls[res] = new DemoCall(from);
        await AskAsync("sys.call.answer", cancellation, ("res_id", res), ("max_answer_seconds", MaxAnswerSeconds)).ConfigureAwait(false);
    }

    private async Task OfferMenuAsync(string res, DemoCall call, CancellationToken cancellation)
    {
        call.Step = Step.Choosing;
        await AskAsync("sys.call.receive_dtmf_start", cancellation, ("res_id", res), ("first_key_timeout", 10), ("continues_keys_timeout", 5),
            ("play_content", "en-US/demo-welcome.wav|en-US/demo-menu.wav"), ("play_repeat", 1)).ConfigureAwait(false);
    }

    private Task ChosenAsync(string res, DemoCall call, string keys, CancellationToken cancellation)
    {
        switch (keys)
        {
            case "1":
                return PlayAsync(res, call, Step.Entering, cancellation, "en-US/demo-conference.wav");
            case "2":
                call.Step = Step.TellingTime;
                var spoken = now().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
                return AskAsync("sys.call.play_start", cancellation, ("res_id", res),
                    ("content", new object[][] { ["en-US/demo-it-is.wav", 0, ""], [spoken, 4, "lang=en-US"] }));
            case "3" when DemoCallBack.MayCall(call.From):
                call.CallsBack = true;
                return PlayAsync(res, call, Step.PromisingCall, cancellation, "en-US/demo-call-back.wav");
            case "3":
                return PlayAsync(res, call, Step.TellingTime, cancellation, "en-US/demo-no-call-back.wav");
            default:
                return PlayAsync(res, call, Step.ReadingBack, cancellation, KeysAsPrompts(keys));
        }
    }

    private async Task PlayedAsync(string res, DemoCall call, CancellationToken cancellation)
    {
        switch (call.Step)
        {
            case Step.ReadingBack:
                await PlayAsync(res, call, Step.AskingToSpeak, cancellation, "en-US/demo-record.wav").ConfigureAwait(false);
                break;
            case Step.AskingToSpeak:
                call.Step = Step.Recording;
                await AskAsync("sys.call.record_start", cancellation, ("res_id", res), ("max_seconds", RecordSeconds),
                    ("record_file", $"{recordFolder}{res}.wav"), ("finish_keys", "#*")).ConfigureAwait(false);
                break;
            case Step.PlayingBack:
                await PlayAsync(res, call, Step.Leaving, cancellation, "en-US/demo-goodbye.wav").ConfigureAwait(false);
                break;
            case Step.TellingTime:
                await OfferMenuAsync(res, call, cancellation).ConfigureAwait(false);
                break;
            case Step.Entering:
                await EnterConferenceAsync(res, call, cancellation).ConfigureAwait(false);
                break;
            case Step.PromisingCall or Step.Leaving:
                await AskAsync("sys.call.drop", cancellation, ("res_id", res), ("cause", 200)).ConfigureAwait(false);
                break;
        }
    }

    /// <summary>All who choose it meet in one conference, which the server releases when it has been empty for a while.</summary>
    private async Task EnterConferenceAsync(string res, DemoCall call, CancellationToken cancellation)
    {
        call.Step = Step.InConference;
        for (var attempt = 0; attempt < 2; attempt++)
        {
            _conference ??= await ConstructAsync("sys.conf.construct", cancellation, ("max_seconds", 24 * 3600), ("parts_threshold", -1)).ConfigureAwait(false);
            if (_conference is null) break;
            var error = await AskAsync("sys.call.conf_enter", cancellation, ("res_id", res), ("conf_res_id", _conference), ("max_seconds", MaxAnswerSeconds),
                ("play_file", "en-US/demo-joined.wav")).ConfigureAwait(false);
            if (error is null) return;
            // It was released a moment ago: there will be a new one.
            _conference = null;
        }
        await OfferMenuAsync(res, call, cancellation).ConfigureAwait(false);
    }

    private async Task CallBackAsync(DemoCall call, CancellationToken cancellation)
    {
        var made = await ConstructAsync("sys.call.construct", cancellation, ("from_uri", "demo"), ("to_uri", call.From),
            ("max_answer_seconds", MaxAnswerSeconds), ("max_ring_seconds", RingSeconds)).ConfigureAwait(false);
        if (made is not null) _calls[made] = new DemoCall(call.From);
    }

    private static string[] KeysAsPrompts(string keys) => keys.Length == 0
        ? ["en-US/demo-no-keys.wav"]
        : ["en-US/demo-you-pressed.wav", .. keys.Select(static key => key switch
        {
            '*' => "en-US/digit-star.wav",
            '#' => "en-US/digit-pound.wav",
            _ => $"en-US/digit-{key}.wav",
        })];

    private Task PlayAsync(string res, DemoCall call, Step step, CancellationToken cancellation, params string[] files)
    {
        call.Step = step;
        return AskAsync("sys.call.play_start", cancellation, ("res_id", res), ("content", string.Join('|', files)));
    }

    private async Task<string?> ConstructAsync(string method, CancellationToken cancellation, params (string Name, object Value)[] arguments)
    {
        var reply = await SendAsync(method, arguments, cancellation).ConfigureAwait(false);
        if (reply.Error is not null) return null;
        using var made = JsonDocument.Parse(reply.Result);
        return made.RootElement.GetProperty("res_id").GetString();
    }

    private async Task<RpcError?> AskAsync(string method, CancellationToken cancellation, params (string Name, object Value)[] arguments) =>
        (await SendAsync(method, arguments, cancellation).ConfigureAwait(false)).Error;

    private async Task<RpcReply> SendAsync(string method, (string Name, object Value)[] arguments, CancellationToken cancellation)
    {
        var definition = Catalogue.Get(method);
        var wrong = ArgumentBinder.TryBind(definition, ApiGeneration.V2, Json(arguments), SpokenRules.WithoutRoots, out var bound);
        var reply = wrong is not null
            ? RpcReply.Refused(wrong)
            : await router.AskAsync(new RpcRequest(Name, false, ApiGeneration.V2, definition, bound, null, 0), cancellation).ConfigureAwait(false);
        // A caller who hung up in the meantime makes a 404 here: nothing to tell anyone.
        if (reply.Error is { Code: not (ErrorCodes.NotFound or ErrorCodes.Conflict) } error) log.Write(LogEvents.DemoRefused, method, error.Message);
        return reply;
    }

    private static ReadOnlySpan<byte> Json((string Name, object Value)[] arguments)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        foreach (var (name, value) in arguments)
        {
            json.WritePropertyName(name);
            Write(json, value);
        }
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan;
    }

    private static void Write(Utf8JsonWriter json, object value)
    {
        switch (value)
        {
            case string text: json.WriteStringValue(text); break;
            case int number: json.WriteNumberValue(number); break;
            case System.Collections.IEnumerable list:
                json.WriteStartArray();
                foreach (var item in list) Write(json, item);
                json.WriteEndArray();
                break;
            default: throw new ArgumentOutOfRangeException(nameof(value), value, "the demo writes strings, integers and lists of them");
        }
    }
}
