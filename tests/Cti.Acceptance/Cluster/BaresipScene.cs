using System.Globalization;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance.Cluster;

/// <summary>A call from a softphone of somebody else's making, which hears an announcement: whatever our own phones take for granted, it does not.</summary>
/// <param name="stage">The run.</param>
/// <param name="codec">The codec that it has, as it names it.</param>
/// <param name="rate">Samples a second of that codec's sound, all channels.</param>
internal sealed class BaresipScene(Stage stage, string codec = "PCMA", int rate = 8_000) : Scene(stage, codec == "PCMA" ? "baresip" : $"baresip, {codec}")
{
    /// <summary>A second of what is played: about half its samples are not silence.</summary>
    private readonly int _loudOfASecond = rate / 2;

    private Baresip? _phone;
    private int _refusals;
    private string _resId = "";

    public override IEnumerable<string> Resources => _resId.Length > 0 ? [_resId] : [];

    public override async Task BeginAsync()
    {
        _phone = await Baresip.StartAsync(minutes: 60, codec: codec, rate: rate);
        Stage.Cluster.Guests.Add(_phone);
        var user = Stage.NewUser("baresip");
        var incoming = await CallAsync(_phone, user) ?? throw new SceneException($"{Kind}: no on_incoming; it says {_phone.LastWords}");
        _resId = incoming.ResId;
        Books.Begun(_resId, "sys.call.on_answer_completed");
        await App.AskAsync("sys.call.answer", new { res_id = _resId, max_answer_seconds = 7200 });
        var answered = await Books.ExpectAsync("sys.call.on_answer_completed", _resId, Stage.Patience);
        if (answered.Error is { } error) throw new SceneException($"{Kind}: {_resId} on_answer_completed {error}");
        Books.Begun(_resId, "sys.call.on_play_completed");
        await App.AskAsync("sys.call.play_start", new { res_id = _resId, content = Files.Long.Name, repeat = 100 });
        await HearsAsync("the announcement");
    }

    /// <summary>Calls, and calls again where a node has more to do than it can: softphones that start beside it make it so.</summary>
    private async Task<BookedEvent?> CallAsync(Baresip phone, string user)
    {
        for (var tries = 1; ; tries++)
        {
            phone.Dial(string.Create(CultureInfo.InvariantCulture, $"sip:{user}@{Stage.Cluster.Entrance(0)}"));
            var incoming = await Books.TryExpectAsync(e => e.Method == "sys.call.on_incoming"
                && ((string)e.Params["to_uri"]!).Contains(user + "@", StringComparison.Ordinal), null, Stage.Patience);
            if (incoming is not null || tries == 3 || !phone.Output.Contains("503 Service Unavailable", StringComparison.Ordinal)) return incoming;
            _refusals = phone.Output.Length;
        }
    }

    public override IEnumerable<string> Wrong() => IsOver ? [$"{Kind}: {_resId} is LOST (it says {_phone!.LastWords})"] : [];

    public override async Task AfterAsync(Moves moves)
    {
        var (code, got) = await App.TryAskAsync("sys.call.get", new { res_id = _resId });
        if (code != 0 || (string)got!["state"]! != "Play") throw new SceneException($"{Kind}: {_resId} is {code} {got?.ToJsonString()}, not in Play");
        await HearsAsync("the announcement after the fault");
    }

    public override async Task EndAsync()
    {
        await App.AskAsync("sys.call.drop", new { res_id = _resId });
        await Books.ExpectAsync("sys.call.on_released", _resId, Stage.Patience);
        await Stage.UntilAsync(() => IsOver, $"{Kind}: {_resId} hears of the end");
    }

    private bool IsOver =>
        _phone!.Output.AsSpan(_refusals) is var said && (said.Contains("terminated", StringComparison.OrdinalIgnoreCase)
            || said.Contains("closed", StringComparison.OrdinalIgnoreCase));

    private async Task HearsAsync(string what)
    {
        var before = _phone!.Loud();
        await Stage.UntilAsync(() => IsOver || _phone.Loud() > before + _loudOfASecond, $"{Kind}: {_resId} hears {what}");
    }
}
