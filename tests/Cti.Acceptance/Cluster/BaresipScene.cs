using System.Globalization;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance.Cluster;

/// <summary>A call from a softphone of somebody else's making, which hears an announcement: whatever our own phones take for granted, it does not.</summary>
internal sealed class BaresipScene(Stage stage) : Scene(stage, "baresip")
{
    /// <summary>A second of what is played has some 4000 samples that are not silence.</summary>
    private const int LoudOfASecond = 4000;

    private Baresip? _phone;
    private string _resId = "";

    public override IEnumerable<string> Resources => _resId.Length > 0 ? [_resId] : [];

    public override async Task BeginAsync()
    {
        _phone = await Baresip.StartAsync(minutes: 60);
        Stage.Cluster.Guests.Add(_phone);
        var user = Stage.NewUser("baresip");
        _phone.Dial(string.Create(CultureInfo.InvariantCulture, $"sip:{user}@{Stage.Cluster.Entrance(0)}"));
        var incoming = await Books.TryExpectAsync(e => e.Method == "sys.call.on_incoming"
            && ((string)e.Params["to_uri"]!).Contains(user + "@", StringComparison.Ordinal), null, Stage.Patience)
            ?? throw new SceneException($"{Kind}: no on_incoming; it says {_phone.LastWords}");
        _resId = incoming.ResId;
        Books.Begun(_resId, "sys.call.on_answer_completed");
        await App.AskAsync("sys.call.answer", new { res_id = _resId, max_answer_seconds = 7200 });
        var answered = await Books.ExpectAsync("sys.call.on_answer_completed", _resId, Stage.Patience);
        if (answered.Error is { } error) throw new SceneException($"{Kind}: {_resId} on_answer_completed {error}");
        Books.Begun(_resId, "sys.call.on_play_completed");
        await App.AskAsync("sys.call.play_start", new { res_id = _resId, content = Files.Long.Name, repeat = 100 });
        await HearsAsync("the announcement");
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
        _phone!.Output.Contains("terminated", StringComparison.OrdinalIgnoreCase) || _phone.Output.Contains("closed", StringComparison.OrdinalIgnoreCase);

    private async Task HearsAsync(string what)
    {
        var before = _phone!.Loud();
        await Stage.UntilAsync(() => IsOver || _phone.Loud() > before + LoudOfASecond, $"{Kind}: {_resId} hears {what}");
    }
}
