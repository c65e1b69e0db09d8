using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>Bridging two calls (<c>connect_start</c>, <c>connect_stop</c>).</summary>
public static partial class CallDecider
{
    // A disk that takes longer than this to complete a file keeps nobody waiting any more; the file is completed all the same.
    private const long RecordingCompletionMillis = 5_000;

    private static CallDecision ConnectStart(CallDraft decision, StartConnect connect)
    {
        if (decision.State.Phase != CallPhase.Idle) return Refuse(decision, connect, "Idle");
        if (connect.Peer == decision.State.Id.ToString())
            return CallDecision.Refuse(RpcError.InvalidParam("call_res_id", "is the same call as res_id; give the second party"));
        var bridge = new Bridge
        {
            Op = connect.Op, Peer = connect.Peer, IsFirst = true, Stage = BridgeStage.Requested, BeginMillis = decision.Now,
            Number = decision.State.ActionCount + 1, Spec = connect.Spec,
        };
        // Further requests find the call in Connect from here on; this one is answered when the second party has.
        return decision.Add(new BridgeBegan(bridge)).Do(new AskJoin(connect.Peer, connect.Op)).Build();
    }

    private static CallDecision JoinIsAsked(CallDraft decision, JoinAsked asked)
    {
        var call = decision.State;
        // Asked again: it is in it.
        if (call.Bridge is { IsFirst: false } same && same.Op == asked.Op) return decision.Do(new AnswerJoin(asked.First, asked.Op, null)).Build();
        if (asked.IsConnected) return RefuseJoin(decision, asked);
        // A call is the first party of one bridge at a time: an older one of it is a leftover.
        if (call is { Phase: CallPhase.Connect, Bridge.IsFirst: false } && call.Bridge.Peer == asked.First) decision.Add(new BridgeEnded());
        call = decision.State;
        if (call.Bridge is { IsFirst: true, Stage: BridgeStage.Requested } mine && mine.Peer == asked.First)
        {
            // Two calls that ask each other at once: the smaller resource id wins.
            if (!IsSmaller(asked.First, call.Id.ToString())) return RefuseJoin(decision, asked);
            decision.Add(new BridgeEnded()).Do(new ReplyRefused(RpcError.WrongState("sys.call.connect_start", nameof(CallPhase.Connect), nameof(CallPhase.Idle))));
        }
        else if (call.Phase != CallPhase.Idle)
        {
            return RefuseJoin(decision, asked);
        }
        var bridge = new Bridge { Op = asked.Op, Peer = asked.First, IsFirst = false, Stage = BridgeStage.Connected, BeginMillis = decision.Now };
        return decision.Add(new BridgeBegan(bridge)).Do(new AnswerJoin(asked.First, asked.Op, null)).Build();
    }

    private static CallDecision RefuseJoin(CallDraft decision, JoinAsked asked)
    {
        var refusal = RpcError.WrongState("sys.call.connect_start", decision.State.Phase.ToString(), nameof(CallPhase.Idle)).With("res_id", decision.State.Id.ToString());
        return decision.Do(new AnswerJoin(asked.First, asked.Op, refusal)).Build();
    }

    private static CallDecision JoinIsAnswered(CallDraft decision, JoinAnswered answered)
    {
        if (decision.State.Bridge is { IsFirst: true, Stage: BridgeStage.Connected } known && known.Op == answered.Op) return JoinIsConfirmed(decision, known, answered);
        if (decision.State.Bridge is not { Stage: BridgeStage.Requested } bridge || bridge.Op != answered.Op)
        {
            // The first party has given up meanwhile: who joined has to leave again.
            return answered.Refusal is null && decision.State.Bridge?.Op != answered.Op ? decision.Do(new PartBridge(answered.Second, answered.Op)).Build() : decision.Build();
        }
        if (answered.Refusal is { } refusal) return decision.Add(new BridgeEnded()).Do(new ReplyRefused(refusal)).Build();
        var begun = bridge with { Stage = BridgeStage.Connected, BeginMillis = decision.Now };
        decision.Add(new BridgeBegan(begun));
        if (decision.State.Owner is not null) decision.Add(new OwnerAsked(Flows.FlowDecider.ConnectOnce));
        return decision.Do(new ConnectMedia(begun.Number, begun.Peer, begun.Spec!)).ReplyNull().Build();
    }

    /// <summary>The second party's answer to a repeated question: it is still there, and what was lost of the sound is made anew; or it has left.</summary>
    private static CallDecision JoinIsConfirmed(CallDraft decision, Bridge bridge, JoinAnswered answered)
    {
        if (answered.Refusal is not null) return EndBridge(decision, bridge, new ActionEnding(), tellPeer: false);
        if (answered.HasSound) return decision.Build();
        // What the media side has ended does not begin again under its number; the recording goes on in its file.
        var again = bridge with { Number = decision.State.ActionCount + 1, IsMediaOver = false };
        decision.Add(new BridgeBegan(again)).Do(new ConnectMedia(again.Number, again.Peer, again.Spec! with { AppendsRecording = again.Spec!.RecordPath is not null }));
        if (!again.IsSchedulePlayed || again.Spec.ScheduleFile is not { } file) return decision.Build();
        var heard = (again.LostAtMillis > 0 ? again.LostAtMillis : decision.Now) - (again.Spec.ScheduleAtSeconds * 1000);
        return decision.Do(new PlayToBridge(again.Number, file, again.Spec.ScheduleTimes, Math.Max(0, heard))).Build();
    }

    private static CallDecision ConnectStop(CallDraft decision, StopConnect stop)
    {
        // A second stop while the file is being completed changes nothing.
        if (decision.State is { Phase: CallPhase.Connect, Bridge: { IsFirst: true, Stage: BridgeStage.Ending } }) return decision.ReplyNull().Build();
        if (decision.State is not { Phase: CallPhase.Connect, Bridge: { IsFirst: true, Stage: BridgeStage.Connected } bridge }) return RefuseStop(decision, stop);
        decision.ReplyNull();
        return EndBridge(decision, bridge, new ActionEnding());
    }

    private static CallDecision RefuseStop(CallDraft decision, StopConnect stop)
    {
        var refused = Refuse(decision, stop, nameof(CallPhase.Connect));
        if (decision.State is not { Phase: CallPhase.Connect, Bridge: { } bridge }) return refused;
        return refused.Saying(bridge.IsFirst
            ? $"{stop.Method}: the second party, {bridge.Peer}, has not joined yet; connect_start is answered when it has"
            : $"{stop.Method} is for the first party, {bridge.Peer}; this call is the second");
    }

    private static CallDecision BridgeIsParted(CallDraft decision, BridgeParted parted)
    {
        if (decision.State.Bridge is not { } bridge || bridge.Op != parted.Op) return decision.Build();
        if (!bridge.IsFirst) return decision.Add(new BridgeEnded()).Build();
        if (bridge.Stage == BridgeStage.Requested)
            return decision.Add(new BridgeEnded()).Do(new ReplyRefused(RpcError.NoSuchResource(bridge.Peer))).Build();
        if (bridge.Stage == BridgeStage.Ending) return decision.Build();
        return EndBridge(decision, bridge, new ActionEnding(), tellPeer: false);
    }

    private static CallDecision BridgeHasFailed(CallDraft decision, BridgeFinished finished)
    {
        if (decision.State.Dialling is { } dialling && dialling.Number == finished.Number) return LineHasFailed(decision, dialling, finished);
        if (decision.State.Bridge is not { IsFirst: true } bridge || bridge.Number != finished.Number) return decision.Build();
        if (bridge.Stage == BridgeStage.Ending) return BridgeIsOver(decision, bridge, bridge.Ending!);
        if (bridge.Stage != BridgeStage.Connected) return decision.Build();
        if (finished.End is not (MediaEnd.Completed or MediaEnd.Stopped)) return EndBridge(decision, bridge with { IsMediaOver = true }, EndingOf(finished.End, finished.Detail));
        // A session that closed is a party that hung up: that party says so itself. Its recording is complete now, which is remembered.
        return bridge.Spec?.RecordPath is null ? decision.Build() : decision.Add(new BridgeBegan(bridge with { IsMediaOver = true })).Build();
    }

    private static CallDecision EndBridge(CallDraft decision, Bridge bridge, ActionEnding ending, bool tellPeer = true)
    {
        decision.Do(new DisconnectMedia(bridge.Number));
        if (tellPeer) decision.Do(new PartBridge(bridge.Peer, bridge.Op));
        if (bridge.Spec?.RecordPath is null || bridge.IsMediaOver) return BridgeIsOver(decision, bridge, ending);
        return decision.Add(new BridgeBegan(bridge with { Stage = BridgeStage.Ending, Ending = ending, EndingUntilMillis = decision.Now + RecordingCompletionMillis })).Build();
    }

    private static CallDecision BridgeIsOver(CallDraft decision, Bridge bridge, ActionEnding ending) => decision.Add(new BridgeEnded())
        .Emit("sys.call.on_connect_completed", CallEvents.ConnectCompleted(decision.State, bridge, ending, decision.Now)).Build();

    /// <summary>What a release does to the bridge that the call is in.</summary>
    private static void LeaveBridge(CallDraft decision, Bridge bridge, ActionEnding ending)
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

    private static long? BridgeDeadline(Bridge bridge)
    {
        if (bridge.Stage == BridgeStage.Ending) return bridge.EndingUntilMillis;
        if (bridge is not { Stage: BridgeStage.Connected, Spec: { } spec }) return null;
        var limit = bridge.BeginMillis + (spec.MaxSeconds * 1000L);
        return IsSchedulePending(bridge) ? Math.Min(limit, spec.ScheduleAtSeconds * 1000) : limit;
    }

    /// <summary>A time that was past when the bridge began plays nothing.</summary>
    private static bool IsSchedulePending(Bridge bridge) => bridge is { IsSchedulePlayed: false, Spec: { ScheduleTimes: > 0, ScheduleFile: not null } spec }
        && spec.ScheduleAtSeconds * 1000 >= bridge.BeginMillis;

    private static CallDecision BridgeTime(CallDraft decision, Bridge bridge)
    {
        if (bridge.Stage == BridgeStage.Ending) return decision.Now >= bridge.EndingUntilMillis ? BridgeIsOver(decision, bridge, bridge.Ending!) : decision.Build();
        if (decision.Now >= bridge.BeginMillis + (bridge.Spec!.MaxSeconds * 1000L)) return EndBridge(decision, bridge, new ActionEnding());
        if (!IsSchedulePending(bridge) || decision.Now < bridge.Spec.ScheduleAtSeconds * 1000) return decision.Build();
        decision.Add(new BridgeBegan(bridge with { IsSchedulePlayed = true }));
        return decision.Do(new PlayToBridge(bridge.Number, bridge.Spec.ScheduleFile!, bridge.Spec.ScheduleTimes)).Build();
    }

    private static bool IsSmaller(string one, string other) =>
        ResourceId.TryParse(one, out var first) && ResourceId.TryParse(other, out var second) && first.ProcessId < second.ProcessId;
}
