using Cti.Calls;
using Cti.Calls.Call;
using Cti.Contract;

namespace Cti.Simulation.Races;

/// <summary>A state that resources are brought into, and what may happen to them there.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Reach">Brings it about.</param>
/// <param name="Actions">Everything that may happen; every ordered pair of it is run.</param>
internal sealed record RaceScene(string Name, Action<RaceStage> Reach, IReadOnlyList<RaceAction> Actions)
{
    /// <summary>The documented states that it covers.</summary>
    public required IReadOnlyList<string> States { get; init; }
}

/// <summary>
/// Every state. The methods that race in it are taken from the catalogue (all that it allows in that state), so that a method that is added races in every
/// state that allows it; the far end's doings, limits and the other resources' doings are named here.
/// </summary>
internal static partial class RaceScenes
{
    public static IReadOnlyList<RaceScene> All { get; } = [.. Calls(), .. Bridges(), .. Diallings(), .. Conferences(), .. Flows()];

    private static IEnumerable<RaceScene> Calls()
    {
        yield return Scene("offered", "Initiated", CallDirection.Inbound, static stage => stage.Inbound("a"), RaceActions.Cancels("a"), RaceActions.Limit("a"),
            RaceActions.DropV1("a"));
        yield return Scene("being answered", "Answer", CallDirection.Inbound, static stage =>
        {
            stage.Inbound("a", loseAcks: 100);
            stage.Begin("a", "sys.call.answer", ""","max_answer_seconds":90""");
        }, RaceActions.Acknowledges("a"), RaceActions.HangsUp("a"), RaceActions.DropV1("a"));
        yield return Scene("calling", "Initiated", CallDirection.Outbound, static stage => stage.DialAndReach("a"), Far("a", 180, 200, 486));
        yield return Scene("ringing", "Ring", CallDirection.Outbound, static stage =>
        {
            stage.DialAndReach("a");
            stage.Ring("a");
        }, Far("a", 183, 200, 486));
        yield return Scene("playing", "Play", CallDirection.Outbound, static stage =>
        {
            Pair(stage);
            stage.Begin("a", "sys.call.play_start", ""","content":"long.wav","finish_keys":"1" """);
        }, [.. UpFar("a"), RaceActions.Key("a", '1'), RaceActions.MediaEnds("a"), RaceActions.Method("sys.call.connect_start", "b", "a")]);
        yield return Scene("recording", "Record", CallDirection.Inbound, static stage =>
        {
            Pair(stage, swap: true);
            stage.Begin("a", "sys.call.record_start", ""","max_seconds":3,"record_file":"race.wav","finish_keys":"1" """);
            stage.Advance(500);
        }, [.. UpFar("a"), RaceActions.Key("a", '1'), RaceActions.Limit("a"), RaceActions.Method("sys.call.connect_start", "b", "a")]);
        yield return Scene("sending keys", "SendDtmf", CallDirection.Outbound, static stage =>
        {
            Pair(stage);
            stage.Begin("a", "sys.call.send_dtmf_start", ""","keys":"1,2,3" """);
        }, [.. UpFar("a"), RaceActions.MediaEnds("a")]);
        yield return Scene("receiving keys", "ReceiveDtmf", CallDirection.Inbound, static stage =>
        {
            Pair(stage, swap: true);
            stage.Begin("a", "sys.call.receive_dtmf_start", ""","max_keys":2,"first_key_timeout":3,"continues_keys_timeout":1""");
        }, [.. UpFar("a"), RaceActions.Key("a", '1'), RaceActions.Key("a", '#'), RaceActions.Limit("a")]);
        yield return Scene("prompting", "ReceiveDtmf", CallDirection.Outbound, static stage =>
        {
            Pair(stage);
            stage.Begin("a", "sys.call.receive_dtmf_start", ""","max_keys":2,"play_content":"long.wav","first_key_timeout":1,"play_repeat":1""");
        }, [.. UpFar("a"), RaceActions.Key("a", '1'), RaceActions.MediaEnds("a")]);
    }

    private static IEnumerable<RaceScene> Bridges()
    {
        yield return Scene("two idle calls", "Idle", CallDirection.Outbound, static stage => Pair(stage),
        [
            RaceActions.HangsUp("a"), RaceActions.Holds("a"), RaceActions.HangsUp("b"), RaceActions.DialOn("a", 0),
            RaceActions.Method("sys.call.connect_start", "b", "a"), RaceActions.Method("sys.call.drop", "b", "a"),
            RaceActions.Method("sys.call.play_start", "b", "a"),
        ]);
        yield return Scene("three idle calls", "Idle", CallDirection.Inbound, static stage =>
        {
            Pair(stage, swap: true);
            stage.OutboundUp("c");
        },
        [
            RaceActions.Method("sys.call.connect_start", "b", "c"), RaceActions.Method("sys.call.connect_start", "c", "a"),
            RaceActions.Method("sys.call.connect_start", "a", "c"),
            RaceActions.HangsUp("c"),
        ], methods: ["sys.call.connect_start"]);
        yield return Scene("connected", "Connect", CallDirection.Outbound, static stage =>
        {
            Pair(stage);
            Connect(stage);
        },
        [
            RaceActions.HangsUp("a"), RaceActions.HangsUp("b"), RaceActions.Holds("b"), RaceActions.Limit("a"), RaceActions.DialOn("a", 1),
            RaceActions.DialOn("b", 0),
            RaceActions.Method("sys.call.drop", "b", "a"), RaceActions.Method("sys.call.connect_stop", "b", "a"),
            RaceActions.Method("sys.call.connect_start", "c", "a"),
        ]);
    }

    private static IEnumerable<RaceScene> Diallings()
    {
        RaceAction[] others =
        [
            .. Far("child", 180, 183, 200, 486), RaceActions.HangsUp("a"), RaceActions.Method("sys.call.drop", "child", "a"), RaceActions.Limit("child"),
            RaceActions.DialOn("a", 2), RaceActions.Method("sys.call.connect_start", "b", "a"),
        ];
        yield return Scene("dialling a child", "Dial", CallDirection.Outbound, static stage =>
        {
            Pair(stage);
            stage.DialAndReach("child", $$""","parent_call_res_id":"{{stage["a"]}}","ring_play_mode":2,"ring_play_file":"long.wav" """);
        }, others);
        yield return Scene("the child rings with sound", "Dial", CallDirection.Inbound, static stage =>
        {
            Pair(stage, swap: true);
            stage.DialAndReach("child", $$""","parent_call_res_id":"{{stage["a"]}}" """);
            stage.Ring("child", 183);
        }, others);
        yield return Scene("announcing first", "Dial", CallDirection.Outbound, static stage =>
        {
            Pair(stage);
            stage.Dial("child", $$""","parent_call_res_id":"{{stage["a"]}}","ring_play_mode":3,"ring_play_file":"long.wav" """);
        },
        [
            RaceActions.MediaEnds("a"), RaceActions.HangsUp("a"), RaceActions.Method("sys.call.drop", "child", "a"), RaceActions.DialOn("a", 3),
            RaceActions.Limit("child"),
        ]);
        yield return Scene("dialling above a bridge", "Dial", CallDirection.Outbound, static stage =>
        {
            Pair(stage);
            Connect(stage);
            stage.DialAndReach("child", $$""","parent_call_res_id":"{{stage["a"]}}","ring_play_mode":1,"ring_play_file":"long.wav" """);
        },
        [
            .. Far("child", 183, 200, 486), RaceActions.HangsUp("a"), RaceActions.HangsUp("b"), RaceActions.Limit("a"),
            RaceActions.Method("sys.call.drop", "child", "a"),
            RaceActions.Method("sys.call.connect_stop", "a", "b"), RaceActions.DialOn("b", 0),
        ]);
    }

    /// <summary>Whatever a call does, there is a conference that it may enter.</summary>
    private static Action<RaceStage> WithConference(Action<RaceStage> reach) => stage =>
    {
        stage.Name("x", stage.Accepted("sys.conf.construct", """{"max_seconds":40,"talker_events":true}"""));
        reach(stage);
    };

    private static IEnumerable<RaceScene> Conferences()
    {
        yield return Conference("an empty conference", "Initiated", static stage => Pair(stage),
        [
            RaceActions.Method("sys.call.conf_enter", "a", "b"), RaceActions.Method("sys.call.conf_enter", "b", "a"), RaceActions.HangsUp("a"),
            RaceActions.DialForConference(),
            RaceActions.Method("sys.call.connect_start", "b", "a"),
        ]);
        yield return Conference("a conference of two", "Active", static stage =>
        {
            Pair(stage);
            Enter(stage, "a");
            Enter(stage, "b");
        },
        [
            RaceActions.Method("sys.call.conf_exit", "a", "b"), RaceActions.Method("sys.call.conf_exit", "b", "a"), RaceActions.HangsUp("a"),
            RaceActions.HangsUp("b"),
            RaceActions.Method("sys.call.drop", "b", "a"), RaceActions.Limit("a"), RaceActions.DialForConference(),
        ]);
        yield return Conference("a conference that plays and records", "Active", static stage =>
        {
            Pair(stage);
            Enter(stage, "a");
            stage.Begin("x", "sys.conf.play_start", ""","content":"long.wav" """);
            stage.Begin("x", "sys.conf.record_start", ""","max_seconds":3,"record_file":"mix.wav" """);
            stage.Advance(200);
        }, [RaceActions.ConferenceLimit(), RaceActions.HangsUp("a"), RaceActions.Method("sys.call.conf_enter", "b", "a")]);
        yield return Scene("in a conference", "Conf", CallDirection.Outbound, static stage =>
        {
            Pair(stage);
            Enter(stage, "a");
        },
        [
            RaceActions.HangsUp("a"), RaceActions.Holds("a"), RaceActions.Limit("a"), RaceActions.Method("sys.conf.release", "x", "a"),
            RaceActions.Method("sys.call.conf_enter", "b", "a"), RaceActions.Method("sys.call.connect_start", "b", "a"), RaceActions.DialOn("a", 0),
        ]);
        yield return Scene("ringing in a conference", "Conf", CallDirection.Outbound, static stage =>
        {
            stage.InboundUp("b");
            stage.DialAndReach("a");
            stage.Ring("a", 183);
            Enter(stage, "a", 15);
        },
        [
            .. Far("a", 180, 200, 486), RaceActions.Limit("a"), RaceActions.Method("sys.conf.release", "x", "a"),
            RaceActions.Method("sys.call.conf_enter", "b", "a"),
        ]);
        yield return Scene("dialling in a conference", "Conf", CallDirection.Outbound, static stage =>
        {
            Pair(stage);
            stage.DialAndReach("child", $$""","parent_call_res_id":"{{stage["a"]}}","ring_play_mode":1,"ring_play_file":"long.wav" """);
            Enter(stage, "a", 15);
        },
        [
            .. Far("child", 183, 200, 486), RaceActions.HangsUp("a"), RaceActions.Method("sys.conf.release", "x", "a"),
            RaceActions.Method("sys.call.conf_enter", "child", "a"),
            RaceActions.Method("sys.call.drop", "child", "a"),
        ]);
        yield return Conference("dialling for a conference", "Active", static stage =>
        {
            Pair(stage);
            Enter(stage, "a");
            stage.DialAndReach("child", $$""","parent_conf_res_id":"{{stage["x"]}}" """);
            stage.Ring("child", 183);
        },
        [
            .. Far("child", 183, 200, 486), RaceActions.HangsUp("a"), RaceActions.Method("sys.call.conf_enter", "child", "a"),
            RaceActions.Method("sys.call.conf_exit", "a", "b"),
            RaceActions.Method("sys.call.drop", "child", "a"), RaceActions.Limit("child"),
        ], methods: ["sys.conf.release", "sys.conf.play_start", "sys.conf.set_part_voice_mode"]);
    }

    private static RaceScene Conference(string name, string state, Action<RaceStage> reach, RaceAction[] others, IReadOnlyList<string>? methods = null) =>
        new(name, WithConference(reach),
        [.. (methods ?? AllowedIn("sys.conf", state, null)).Select(static method => RaceActions.Method(method, "x", "a")), .. others])
        {
            States = [$"sys.conf {state}"],
        };

    private static void Enter(RaceStage stage, string name, int seconds = 5)
    {
        stage.Begin(name, "sys.call.conf_enter", $$""","conf_res_id":"{{stage["x"]}}","max_seconds":{{seconds}}""");
        stage.UntilPhase(name, CallPhase.Conf);
    }

    private static IEnumerable<RaceScene> Flows()
    {
        yield return Flow("notify: calling", "Initiated", "ext.notify_call", static stage => Notify(stage), Far("first", 180, 200, 486),
            RaceActions.Limit("first"));
        yield return Flow("notify: playing", "Answered", "ext.notify_call", static stage =>
        {
            Notify(stage);
            stage.PickFirst();
        }, RaceActions.HangsUp("first"), RaceActions.MediaEnds("first"));
        yield return Flow("captcha: calling", "Initiated", "ext.captcha_call", static stage => Captcha(stage), Far("first", 183, 200, 486));
        yield return Flow("captcha: collecting", "Answered", "ext.captcha_call", static stage =>
        {
            Captcha(stage);
            stage.PickFirst();
            stage.Advance(200);
        }, RaceActions.HangsUp("first"), RaceActions.Key("first", '1'), RaceActions.Key("first", '#'), RaceActions.Limit("first"));
        yield return Flow("duo: calling the first", "Initiated", "ext.duo_callback", static stage => Duo(stage), Far("first", 180, 200, 486));
        RaceAction[] both = [.. Far("second", 180, 183, 200, 486), RaceActions.HangsUp("first"), RaceActions.Limit("second"), RaceActions.MediaEnds("first")];
        yield return Flow("duo: calling the second", "Answered", "ext.duo_callback", static stage =>
        {
            Duo(stage, ""","ring_play_file":"long.wav","ring_play_mode":2""");
            stage.PickFirst(waitForSecond: true);
        }, both);
        yield return Flow("duo: announcing first", "Answered", "ext.duo_callback", static stage =>
        {
            Duo(stage, ""","ring_play_file":"long.wav","ring_play_mode":3,"record_file":"duo.wav","record_mode":2""");
            stage.PickFirst();
        }, RaceActions.HangsUp("first"), RaceActions.MediaEnds("first"));
        yield return Flow("duo: connected", "Connected", "ext.duo_callback", static stage =>
        {
            Duo(stage, ""","record_file":"duo.wav" """);
            stage.PickFirst(waitForSecond: true);
            stage.Far("second")!.Respond(200);
            stage.Until(() => stage.Flow.State.ConnectMillis is not null, "the two are connected");
        }, RaceActions.HangsUp("first"), RaceActions.HangsUp("second"), RaceActions.Limit("first"), RaceActions.Holds("second"));
    }

    private static void Pair(RaceStage stage, bool swap = false)
    {
        stage.OutboundUp(swap ? "b" : "a");
        stage.InboundUp(swap ? "a" : "b");
    }

    private static void Connect(RaceStage stage)
    {
        stage.Begin("a", "sys.call.connect_start", $$""","max_seconds":6,"call_res_id":"{{stage["b"]}}","record_file":"bridge.wav" """);
        stage.UntilPhase("b", CallPhase.Connect);
    }

    private static void Notify(RaceStage stage) =>
        stage.BeginFlow("ext.notify_call.construct", $$"""{"to_uri":"{{stage.NextUri()}}","play_content":"long.wav","play_repeat":0,"max_ring_seconds":5}""");

    private static void Captcha(RaceStage stage) =>
        stage.BeginFlow("ext.captcha_call.construct",
            $$"""{"to_uri":"{{stage.NextUri()}}","max_keys":2,"first_key_timeout":3,"continues_keys_timeout":1,"max_ring_seconds":5}""");

    private static void Duo(RaceStage stage, string more = "") =>
        stage.BeginFlow("ext.duo_callback.construct",
            $$"""{"to1_uri":"{{stage.NextUri()}}","to2_uri":"{{stage.NextUri()}}","max_connect_seconds":6,"max_ring_seconds":5{{more}}}""");

    private static RaceAction[] Far(string name, params ReadOnlySpan<int> statuses)
    {
        var actions = new List<RaceAction>();
        foreach (var status in statuses) actions.Add(RaceActions.Responds(name, status));
        return [.. actions];
    }

    private static RaceAction[] UpFar(string name) => [RaceActions.HangsUp(name), RaceActions.Holds(name), RaceActions.AsksToBeTransferred(name)];

    private static RaceScene Scene(string name, string state, CallDirection direction, Action<RaceStage> reach, params IEnumerable<RaceAction> others) =>
        Scene(name, state, direction, reach, others.ToArray(), null);

    private static RaceScene Scene(string name, string state, CallDirection direction, Action<RaceStage> reach, RaceAction[] others,
        IReadOnlyList<string>? methods) =>
        new(name, WithConference(reach),
        [.. (methods ?? AllowedIn("sys.call", state, direction)).Select(method => RaceActions.Method(method, "a", "b")), .. others])
        {
            States = [$"sys.call {state}"],
        };

    private static RaceScene Flow(string name, string state, string module, Action<RaceStage> reach, RaceAction[] others,
        params ReadOnlySpan<RaceAction> more) =>
        Flow(name, state, module, reach, [.. others, .. more]);

    private static RaceScene Flow(string name, string state, string module, Action<RaceStage> reach, params RaceAction[] others) => new(name, reach,
        [.. AllowedIn(module, state, null).Select(method => RaceActions.Method(method, "flow", "flow")), .. others])
    { States = [$"{module} {state}"] };

    /// <summary>The methods that the states' own table allows in a state, in either generation.</summary>
    public static IReadOnlyList<string> AllowedIn(string module, string state, CallDirection? direction) =>
    [
        .. Catalogue.Methods.Where(method => method.Changes && method.Name.StartsWith(module + ".", StringComparison.Ordinal))
            .Where(static method => !method.Name.EndsWith(".construct", StringComparison.Ordinal))
            .Where(method => StateTable.Instance.OnlyDirectionOf(method.Name) is not { } only || direction is null || only == direction)
            .Where(method => IsAllowed(method.Name, state, direction))
            .Select(static method => method.Name),
    ];

    private static bool IsAllowed(string method, string state, CallDirection? direction) =>
        Generations.All.Any(generation => (direction is { } one ? [one] : Enum.GetValues<CallDirection>())
            .Any(way => StateTable.Instance.AllowedIn(method, generation, way) is var allowed && (allowed.IsEmpty || allowed.Contains(state))));
}
