using System.Globalization;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance.Cluster;

/// <summary>
/// Calls of one SIPp process, each of which hears an announcement and says it back. SIPp follows its scenario to the letter: what comes unexpected fails the
/// call. It takes no request from another address within a call, so a proxy must stand in front.
/// </summary>
internal sealed class SippScene(Stage stage, int count) : Scene(stage, "sipp")
{
    private readonly List<string> _resources = [];
    private Sipp? _sipp;
    private int[] _moved = [];
    private bool _isEnding;

    public override IEnumerable<string> Resources => _resources;

    public override int Lost => _isEnding || _sipp is null || !IsBroken ? 0 : count;

    public override string? Summary => _sipp is null ? null
        : string.Create(CultureInfo.InvariantCulture,
            $"SIPp: {count} calls, {Moved().Sum()} re-INVITEs answered, {_sipp.Count("SuccessfulCall")} calls successful, {_sipp.Count("FailedCall")} failed, "
                + $"{_sipp.Count("OutOfCallMsgs")} messages out of a call, {_sipp.Count("Retransmissions")} retransmissions");

    private bool IsBroken => _sipp!.HasExited || _sipp.Errors().Length > 0 || _sipp.Count("FailedCall") > 0;

    public override Scene Again() => new SippScene(Stage, count);

    public override async Task BeginAsync()
    {
        var user = Stage.NewUser("sipp");
        _sipp = Sipp.Stay(Stage.Cluster.Network.Phones, Stage.Cluster.Entrance(0), user, count);
        Stage.Cluster.Guests.Add(_sipp);
        for (var number = 1; number <= count; number++)
        {
            var resource = await AnswerAsync(string.Create(CultureInfo.InvariantCulture, $":{user}x{number}@"));
            _resources.Add(resource);
            Books.Begun(resource, "sys.call.on_play_completed");
            await App.AskAsync("sys.call.play_start", new { res_id = resource, content = Files.Long.Name, repeat = 100 });
        }
        MarkMoves();
    }

    public override void MarkMoves() => _moved = Moved();

    public override IEnumerable<string> Wrong() => !_isEnding && IsBroken ? [$"{Kind}: some of {count} calls is LOST; {Words()}"] : [];

    public override async Task AfterAsync(Moves moves)
    {
        for (var i = 0; i < count; i++)
        {
            var (code, got) = await App.TryAskAsync("sys.call.get", new { res_id = _resources[i] });
            if (code != 0 || (string)got!["state"]! != "Play")
                throw new SceneException($"{Kind}: {_resources[i]} is {code} {got?.ToJsonString()}, not in Play");
            var at = i;
            if (moves.HasMoved(ClusterUnderTest.InstanceOf(_resources[i])))
                await Stage.UntilAsync(() => Moved()[at] > _moved[at],
                    $"{Kind}: {_resources[i]} has a new owner, who re-invites SIPp and acknowledges its answer; {Words()}", 5);
        }
    }

    public override async Task EndAsync()
    {
        _isEnding = true;
        foreach (var resource in _resources)
        {
            await App.AskAsync("sys.call.drop", new { res_id = resource });
            await Books.ExpectAsync("sys.call.on_released", resource, Stage.Patience);
        }
        await Stage.UntilAsync(() => _sipp!.HasExited, $"{Kind}: all {count} calls are over for SIPp too; {Words()}");
        if (_sipp!.ExitCode != 0 || _sipp.Errors().Length > 0 || _sipp.Count("SuccessfulCall") != count || _sipp.Count("FailedCall") != 0)
            throw new SceneException($"{Kind}: {Words()}");
    }

    /// <summary>
    /// Answers the call to that user. A node that did not say a word in time, on a machine with too much to do, has its branch cancelled, and the call is
    /// offered by the next: then that one is answered.
    /// </summary>
    private async Task<string> AnswerAsync(string called)
    {
        for (var offers = 0; ; offers++)
        {
            var incoming = await Books.TryExpectAsync(e => e.Method == "sys.call.on_incoming"
                && ((string)e.Params["to_uri"]!).Contains(called, StringComparison.Ordinal), null, Stage.Patience, offers)
                ?? throw new SceneException($"{Kind}: no on_incoming of {called}, offered {offers} times before; {Words()}");
            var (code, answer) = await App.TryAskAsync("sys.call.answer", new { res_id = incoming.ResId, max_answer_seconds = 7200 });
            if (code == 404) continue;
            if (code != 0) throw new SceneException($"{Kind}: answer of {incoming.ResId} is refused with {code} {answer?.ToJsonString()}");
            Books.Begun(incoming.ResId, "sys.call.on_answer_completed");
            var answered = await Books.ExpectAsync("sys.call.on_answer_completed", incoming.ResId, Stage.Patience);
            return answered.Error is null ? incoming.ResId : throw new SceneException($"{Kind}: {incoming.ResId} on_answer_completed {answered.Error}");
        }
    }

    /// <summary>How many INVITEs within the dialog of each call were answered and acknowledged.</summary>
    private int[] Moved()
    {
        var moved = new int[count];
        foreach (var line in _sipp!.Logged())
        {
            if (line.Trim().Split(' ') is [var number, "moved"]) moved[int.Parse(number, CultureInfo.InvariantCulture) - 1]++;
        }
        return moved;
    }

    private string Words() => string.Create(CultureInfo.InvariantCulture,
        $"SIPp {(_sipp!.HasExited ? $"ended with {_sipp.ExitCode}" : "runs")}, {_sipp.Count("SuccessfulCall")} successful, {_sipp.Count("FailedCall")} failed; "
            + $"{_sipp.Errors()}");
}
