using System.Text.Json.Serialization;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call.Sagas;

/// <summary>
/// Bridging two calls (<c>connect_start</c>, <c>connect_stop</c>). It spans two resources, so it is a saga: the first party asks, the second journals that it
/// joined and says so, the first journals that it began and only then answers the application.
/// <code>
///   first   Idle ──connect_start──► Requested ──joined──► Connected ──stop, limit, either hang-up──► (Ending: the file is completed) ──► Idle
///                                       └──refused──► Idle
///   second  Idle ──asked─────────────────────────────────► Connected ──parted, own hang-up─────────────► Idle
///
///   first ──JoinAsked──► second ──JoinAnswered──► first        who leaves ──BridgeParted──► the other        second ──BridgeAsked──► first ──JoinAsked──►
/// </code>
/// When either has a new owner, the first asks again under the same op (which the second answers again), the second asks whether the op is still on; an op
/// that the asked one does not know is over. A first party that had not begun when it was lost gives up: nobody was answered.
/// </summary>
internal static class Bridging
{
    /// <summary>
    /// What a flow's request for a bridge is known by: it is asked for once it stands, until then a recovery gives it up and the flow asks anew.
    /// </summary>
    public const string OwnersOnce = "connect";

    // A disk that takes longer than this to complete a file keeps nobody waiting any more; the file is completed all the same.
    private const long RecordingCompletionMillis = 5_000;

    // ---- the first party ----

    public static CallDecision Begin(CallDraft decision, StartConnect connect)
    {
        if (connect.Peer == decision.State.Id.ToString())
            return CallDecision.Refuse(RpcError.InvalidParam("call_res_id", "is the same call as res_id; give the second party"));
        var bridge = new Bridge
        {
            Op = connect.Op, Peer = connect.Peer, IsFirst = true, Stage = BridgeStage.Requested, BeginMillis = decision.Now,
            Number = Actions.NextNumber(decision), Spec = connect.Spec,
        };
        // Further requests find the call in Connect from here on; this one is answered when the second party has.
        return decision.Add(new BridgeBegan(bridge)).Do(new AskJoin(connect.Peer, connect.Op)).Build();
    }

    public static CallDecision? JoinIsAnswered(CallDraft decision, JoinAnswered answered)
    {
        if (decision.State.Bridge is not { } bridge || bridge.Op != answered.Op) return null;
        if (bridge is { IsFirst: true, Stage: BridgeStage.Connected }) return JoinIsConfirmed(decision, bridge, answered);
        if (bridge.Stage != BridgeStage.Requested) return decision.Build();
        if (answered.Refusal is { } refusal) return decision.Add(new BridgeEnded()).Do(new ReplyRefused(refusal)).Build();
        var begun = bridge with { Stage = BridgeStage.Connected, BeginMillis = decision.Now };
        decision.Add(new BridgeBegan(begun));
        if (decision.State.Owner is not null) decision.Add(new OwnerAsked(OwnersOnce));
        return decision.Do(new ConnectMedia(begun.Number, begun.Peer, begun.Spec!)).ReplyNull().Build();
    }

    /// <summary>The second party's answer to a repeated question: it is still there, and what was lost of the sound is made anew; or it has left.</summary>
    private static CallDecision JoinIsConfirmed(CallDraft decision, Bridge bridge, JoinAnswered answered)
    {
        if (answered.Refusal is not null) return End(decision, bridge, new ActionEnding(), tellPeer: false);
        if (answered.HasSound) return decision.Build();
        // What the media side has ended does not begin again under its number; the recording goes on in its file.
        var again = bridge with { Number = Actions.NextNumber(decision), IsMediaOver = false };
        decision.Add(new BridgeBegan(again))
            .Do(new ConnectMedia(again.Number, again.Peer, again.Spec! with { AppendsRecording = again.Spec!.RecordPath is not null }));
        if (!again.IsSchedulePlayed || again.Spec.ScheduleFile is not { } file) return decision.Build();
        var heard = (again.LostAtMillis > 0 ? again.LostAtMillis : decision.Now) - (again.Spec.ScheduleAtSeconds * 1000);
        return decision.Do(new PlayToBridge(again.Number, file, again.Spec.ScheduleTimes, Math.Max(0, heard))).Build();
    }

    public static CallDecision Stop(CallDraft decision, StopConnect stop)
    {
        switch (decision.State.Bridge)
        {
            // A second stop while the file is being completed changes nothing.
            case { IsFirst: true, Stage: BridgeStage.Ending }:
                return decision.ReplyNull().Build();
            case { IsFirst: true, Stage: BridgeStage.Connected } bridge:
                return End(decision.ReplyNull(), bridge, new ActionEnding());
            case { IsFirst: true } requested:
                return Refusals.WrongState(decision.State, stop)
                    .Saying($"{stop.Method}: the second party, {requested.Peer}, has not joined yet; connect_start is answered when it has");
            default:
                return Refusals.WrongState(decision.State, stop)
                    .Saying($"{stop.Method} is for the first party, {decision.State.Bridge!.Peer}; this call is the second");
        }
    }

    /// <summary>The media side ended it, or its recording.</summary>
    public static CallDecision? MediaHasEnded(CallDraft decision, BridgeFinished finished)
    {
        if (decision.State.Bridge is not { IsFirst: true } bridge || bridge.Number != finished.Number) return null;
        if (bridge.Stage == BridgeStage.Ending) return IsOver(decision, bridge, bridge.Ending!);
        if (bridge.Stage != BridgeStage.Connected) return decision.Build();
        if (finished.End is not (MediaEnd.Completed or MediaEnd.Stopped))
            return End(decision, bridge with { IsMediaOver = true }, Actions.EndingOf(finished.End, finished.Detail));
        // A session that closed is a party that hung up: that party says so itself. Its recording is complete now, which is remembered.
        return bridge.Spec?.RecordPath is null ? decision.Build() : decision.Add(new BridgeBegan(bridge with { IsMediaOver = true })).Build();
    }

    /// <summary>The second party asks whether it is still on: it is told by the question that it knows, or that it is over.</summary>
    public static CallDecision? SecondAsks(CallDraft decision, BridgeAsked asked) =>
        decision.State.Bridge is { IsFirst: true, Stage: not BridgeStage.Ending } bridge && bridge.Op == asked.Op
            ? decision.Do(AskAgain(bridge)).Build()
            : null;

    /// <summary>The next limit or scheduled play; null for the second party, which has none.</summary>
    public static long? Deadline(Bridge bridge)
    {
        if (bridge.Stage == BridgeStage.Ending) return bridge.EndingUntilMillis;
        if (bridge is not { Stage: BridgeStage.Connected, Spec: { } spec }) return null;
        var limit = bridge.BeginMillis + (spec.MaxSeconds * 1000L);
        return IsSchedulePending(bridge) ? Math.Min(limit, spec.ScheduleAtSeconds * 1000) : limit;
    }

    public static CallDecision TimeHasCome(CallDraft decision, Bridge bridge)
    {
        if (bridge.Stage == BridgeStage.Ending) return IsOver(decision, bridge, bridge.Ending!);
        if (decision.Now >= bridge.BeginMillis + (bridge.Spec!.MaxSeconds * 1000L)) return End(decision, bridge, new ActionEnding());
        decision.Add(new BridgeBegan(bridge with { IsSchedulePlayed = true }));
        return decision.Do(new PlayToBridge(bridge.Number, bridge.Spec.ScheduleFile!, bridge.Spec.ScheduleTimes)).Build();
    }

    /// <summary>A time that was past when the bridge began plays nothing.</summary>
    private static bool IsSchedulePending(Bridge bridge) => bridge is { IsSchedulePlayed: false, Spec: { ScheduleTimes: > 0, ScheduleFile: not null } spec }
        && spec.ScheduleAtSeconds * 1000 >= bridge.BeginMillis;

    private static CallDecision End(CallDraft decision, Bridge bridge, ActionEnding ending, bool tellPeer = true)
    {
        decision.Do(new DisconnectMedia(bridge.Number));
        if (tellPeer) decision.Do(new PartBridge(bridge.Peer, bridge.Op));
        if (bridge.Spec?.RecordPath is null || bridge.IsMediaOver) return IsOver(decision, bridge, ending);
        return decision.Add(new BridgeBegan(bridge with
        {
            Stage = BridgeStage.Ending,
            Ending = ending,
            EndingUntilMillis = decision.Now + RecordingCompletionMillis,
        })).Build();
    }

    private static CallDecision IsOver(CallDraft decision, Bridge bridge, ActionEnding ending) => decision.Add(new BridgeEnded())
        .Emit("sys.call.on_connect_completed", CallEvents.ConnectCompleted(decision.State, bridge, ending, decision.Now)).Build();

    // ---- the second party ----

    /// <summary>An idle call is asked.</summary>
    public static CallDecision? Join(CallDraft decision, JoinAsked asked)
    {
        if (asked.IsConnected) return null;
        var bridge = new Bridge { Op = asked.Op, Peer = asked.First, IsFirst = false, Stage = BridgeStage.Connected, BeginMillis = decision.Now };
        return decision.Add(new BridgeBegan(bridge)).Do(new AnswerJoin(asked.First, asked.Op, null)).Build();
    }

    /// <summary>A call is asked that is in a bridge: in this one already, in a leftover of it, or asking itself.</summary>
    public static CallDecision? JoinAgain(CallDraft decision, JoinAsked asked)
    {
        var (call, bridge) = (decision.State, decision.State.Bridge!);
        if (!bridge.IsFirst && bridge.Op == asked.Op) return decision.Do(new AnswerJoin(asked.First, asked.Op, null)).Build();
        if (asked.IsConnected || bridge.Peer != asked.First) return null;
        if (!bridge.IsFirst)
        {
            // A call is the first party of one bridge at a time: an older one of it is a leftover.
            return call.Phase == CallPhase.Connect ? Join(decision.Add(new BridgeEnded()), asked) : null;
        }
        // Two calls that ask each other at once: the smaller resource id wins.
        if (bridge.Stage != BridgeStage.Requested || !IsSmaller(asked.First, call.Id.ToString())) return null;
        decision.Add(new BridgeEnded()).Do(new ReplyRefused(RpcError.WrongState("sys.call.connect_start", nameof(CallPhase.Connect), nameof(CallPhase.Idle))));
        return Join(decision, asked);
    }

    public static CallDecision RefuseToJoin(CallDraft decision, JoinAsked asked)
    {
        var refusal = RpcError.WrongState("sys.call.connect_start", decision.State.Phase.ToString(), nameof(CallPhase.Idle))
            .With("res_id", decision.State.Id.ToString());
        return decision.Do(new AnswerJoin(asked.First, asked.Op, refusal)).Build();
    }

    private static bool IsSmaller(string one, string other) =>
        ResourceId.TryParse(one, out var first) && ResourceId.TryParse(other, out var second) && first.ProcessId < second.ProcessId;

    // ---- both ----

    public static CallDecision? PeerHasParted(CallDraft decision, BridgeParted parted)
    {
        if (decision.State.Bridge is not { } bridge || bridge.Op != parted.Op) return null;
        if (!bridge.IsFirst) return decision.Add(new BridgeEnded()).Build();
        return bridge.Stage switch
        {
            BridgeStage.Requested => decision.Add(new BridgeEnded()).Do(new ReplyRefused(RpcError.NoSuchResource(bridge.Peer))).Build(),
            BridgeStage.Ending => decision.Build(),
            _ => End(decision, bridge, new ActionEnding(), tellPeer: false),
        };
    }

    /// <summary>What a release does to the bridge that the call is in.</summary>
    public static void LeaveBridge(CallDraft decision, Bridge bridge, ActionEnding ending)
    {
        decision.Add(new BridgeEnded());
        if (bridge.Stage != BridgeStage.Ending) decision.Do(new PartBridge(bridge.Peer, bridge.Op));
        if (!bridge.IsFirst) return;
        if (bridge.Stage == BridgeStage.Requested)
        {
            decision.Do(new ReplyRefused(RpcError.NoSuchResource(decision.State.Id.ToString())));
            return;
        }
        if (bridge.Stage != BridgeStage.Ending) decision.Do(new DisconnectMedia(bridge.Number));
        decision.Emit("sys.call.on_connect_completed", CallEvents.ConnectCompleted(decision.State, bridge, bridge.Ending ?? ending, decision.Now));
    }

    /// <summary>The call has given up meanwhile: who joined has to leave again.</summary>
    public static CallDecision LeaveUnknown(CallDraft decision, JoinAnswered answered) =>
        answered.Refusal is null ? Part(decision, answered.Second, answered.Op) : decision.Build();

    public static CallDecision Part(CallDraft decision, string peer, string op) => decision.Do(new PartBridge(peer, op)).Build();

    // ---- when one of the two has a new owner ----

    /// <summary>One that was not begun is given up: the application's request was lost with the node and is asked anew.</summary>
    public static void GiveUpUnanswered(CallDraft decision)
    {
        if (decision.State.Bridge is { IsFirst: true, Stage: BridgeStage.Requested } bridge)
            decision.Add(new BridgeEnded()).Do(new PartBridge(bridge.Peer, bridge.Op));
    }

    public static void AskAfterTakeover(CallDraft decision, long lostAtMillis)
    {
        switch (decision.State.Bridge)
        {
            // Of a request that came since this node has the call: it was asked, and its answer is waited for here.
            case { IsFirst: true, Stage: BridgeStage.Requested }:
                break;
            case { IsFirst: true, Stage: BridgeStage.Ending } ending:
                IsOver(decision, ending, ending.Ending!);
                break;
            case { IsFirst: true } standing:
                decision.Add(new BridgeBegan(standing with { LostAtMillis = lostAtMillis })).Do(new AskJoin(standing.Peer, standing.Op) { IsConnected = true });
                break;
            case { } second:
                decision.Do(new AskFirst(second.Peer, second.Op));
                break;
        }
    }

    public static void PartnerHasMoved(CallDraft decision, PeerMoved moved)
    {
        if (decision.State.Bridge is not { } bridge || !moved.Concerns(bridge.Peer)) return;
        if (!bridge.IsFirst) decision.Do(new AskFirst(bridge.Peer, bridge.Op));
        else if (bridge.Stage != BridgeStage.Ending) decision.Do(AskAgain(bridge));
    }

    private static AskJoin AskAgain(Bridge bridge) => new(bridge.Peer, bridge.Op) { IsConnected = bridge.Stage == BridgeStage.Connected };
}

// ---- what each of them journals ----

/// <summary>How far a bridge is.</summary>
public enum BridgeStage
{
    /// <summary>The second party was asked; the application's request waits for its answer.</summary>
    Requested,
    /// <summary>Both are in it.</summary>
    Connected,
    /// <summary>It is over, and its recording is being completed: the completion is told when the file is.</summary>
    Ending,
}

/// <summary>A bridge between two calls, as each of them journals it (<see cref="Bridging"/>).</summary>
public sealed record Bridge
{
    /// <summary>Names the saga: messages about another one are ignored.</summary>
    public required string Op { get; init; }
    /// <summary>The other call.</summary>
    public required string Peer { get; init; }
    /// <summary>Whether this call is the first party: it alone reports the end.</summary>
    public required bool IsFirst { get; init; }
    /// <summary>How far it is.</summary>
    public required BridgeStage Stage { get; init; }
    /// <summary>When it began.</summary>
    public required long BeginMillis { get; init; }
    /// <summary>Its number in the media side; 0 with the second party.</summary>
    public long Number { get; init; }
    /// <summary>What the application asked for; null with the second party.</summary>
    public BridgeSpec? Spec { get; init; }
    /// <summary>How it will have ended, once its recording is complete.</summary>
    public ActionEnding? Ending { get; init; }
    /// <summary>When the wait for its recording ends whatever happens; 0 while it is not over.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long EndingUntilMillis { get; init; }
    /// <summary>Whether the media side has already ended it, recording and all.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsMediaOver { get; init; }
    /// <summary>When the first party's former owner was lost: until then the scheduled play was heard; 0 while it never was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long LostAtMillis { get; init; }
    /// <summary>Whether the scheduled play was started, or is past.</summary>
    public bool IsSchedulePlayed { get; init; }
}

/// <summary>Parameters of <c>connect_start</c>.</summary>
public sealed record BridgeSpec
{
    /// <summary>The limit in seconds.</summary>
    public required int MaxSeconds { get; init; }
    /// <summary>1 both hear; 2 only the second hears the first; 3 only the first hears the second.</summary>
    public int Mode { get; init; } = 1;
    /// <summary>Gain of the first party's sound in dB, -20..20.</summary>
    public int LocalVolume { get; init; }
    /// <summary>Gain of the second party's sound in dB, -20..20.</summary>
    public int RemoteVolume { get; init; }
    /// <summary>The recording's full path; null for none.</summary>
    public string? RecordPath { get; init; }
    /// <summary>Its format's internal name.</summary>
    public string? RecordFormat { get; init; }
    /// <summary>Whether it goes on in the file that is there.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool AppendsRecording { get; init; }
    /// <summary>Unix seconds at which a file is played to both; 0 for none.</summary>
    public long ScheduleAtSeconds { get; init; }
    /// <summary>That file.</summary>
    public string? ScheduleFile { get; init; }
    /// <summary>How often it is played.</summary>
    public int ScheduleTimes { get; init; }
}

// ---- what they say to each other ----

/// <summary>A first party asks this call to join its bridge; asked again whenever one of the two has a new owner.</summary>
/// <param name="Op">The saga.</param>
/// <param name="First">The first party.</param>
public sealed record JoinAsked(string Op, string First) : CrossingCommand
{
    /// <summary>Whether the bridge stands for the first party: a second that does not know it has left.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsConnected { get; init; }

    /// <summary>Where the first party's node takes the second's sound; null where both are on one node.</summary>
    public LinkSound? Link { get; init; }
}

/// <summary>The second party's answer.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Second">The second party.</param>
/// <param name="Refusal">Why not; null when it joined.</param>
public sealed record JoinAnswered(string Op, string Second, RpcError? Refusal) : CrossingCommand
{
    /// <summary>Where the second party's node takes the first's sound; null where both are on one node.</summary>
    public LinkSound? Link { get; init; }

    /// <summary>Whether this node's media side already carries the bridge's sound: then a repeated answer changes nothing. Set where it is received.</summary>
    [JsonIgnore]
    public bool HasSound { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool AnswersHeld => Refusal is null;
}

/// <summary>The other party left the bridge, or does not know it.</summary>
public sealed record BridgeParted(string Op) : CrossingCommand;

/// <summary>A second party asks the first whether the bridge is still on: one of the two has a new owner.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Second">Who asks.</param>
public sealed record BridgeAsked(string Op, string Second) : CrossingCommand;

/// <summary>Asks the first party whether the bridge is still on.</summary>
/// <param name="First">The first party.</param>
/// <param name="Op">The saga.</param>
public sealed record AskFirst(string First, string Op) : ResourceEffect;
