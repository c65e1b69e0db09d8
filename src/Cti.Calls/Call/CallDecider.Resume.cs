using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>What a call says to the resources that it shares something with, when it or one of them has a new owner.</summary>
public static partial class CallDecider
{
    /// <summary>A bridge or a seat that was not begun is given up: the application's request was lost with the node and is asked anew.</summary>
    private static void GiveUpUnanswered(CallDraft decision)
    {
        if (decision.State.Bridge is { IsFirst: true, Stage: BridgeStage.Requested } bridge) decision.Add(new BridgeEnded()).Do(new PartBridge(bridge.Peer, bridge.Op));
        if (decision.State.Seat is { Stage: SeatStage.Requested } seat) decision.Add(new SeatLeft()).Do(new LeaveConference(seat.Conference, seat.Op));
    }

    private static CallDraft AskWhoSharesTheSound(CallDraft decision, long lostAtMillis)
    {
        switch (decision.State.Bridge)
        {
            // Of a request that came since this node has the call: it was asked, and its answer is waited for here.
            case { IsFirst: true, Stage: BridgeStage.Requested }:
                break;
            case { IsFirst: true, Stage: BridgeStage.Ending } ending:
                BridgeIsOver(decision, ending, ending.Ending!);
                break;
            case { IsFirst: true } standing:
                decision.Add(new BridgeBegan(standing with { LostAtMillis = lostAtMillis })).Do(new AskJoin(standing.Peer, standing.Op) { IsConnected = true });
                break;
            case { } second:
                decision.Do(new AskFirst(second.Peer, second.Op));
                break;
        }
        switch (decision.State.Seat)
        {
            case { Stage: SeatStage.Entered } entered:
                decision.Do(Ask(decision.State, entered));
                break;
        }
        return decision;
    }

    private static void ResumeNotices(CallDraft decision)
    {
        foreach (var notice in decision.State.Notices) decision.Do(Repeat(decision.State, notice));
    }

    private static CallDecision PeerHasMoved(CallDraft decision, PeerMoved moved)
    {
        var call = decision.State;
        if (call.Bridge is { } bridge && moved.Concerns(bridge.Peer))
        {
            if (!bridge.IsFirst) decision.Do(new AskFirst(bridge.Peer, bridge.Op));
            else if (bridge.Stage != BridgeStage.Ending) decision.Do(AskAgain(bridge));
        }
        if (call.Seat is { } seat && moved.Concerns(seat.Conference)) decision.Do(Ask(call, seat));
        return decision.Build();
    }

    private static AskJoin AskAgain(Bridge bridge) => new(bridge.Peer, bridge.Op) { IsConnected = bridge.Stage == BridgeStage.Connected };

    /// <summary>The second party asks: it is told by the question that it knows, or that it is over.</summary>
    private static CallDecision BridgeIsAsked(CallDraft decision, BridgeAsked asked) => decision.State.Bridge is { IsFirst: true, Stage: not BridgeStage.Ending } bridge && bridge.Op == asked.Op
        ? decision.Do(AskAgain(bridge)).Build()
        : decision.Do(new PartBridge(asked.Second, asked.Op)).Build();

    private static CallDecision SeatIsAsked(CallDraft decision, SeatAsked asked) => decision.State.Seat is { } seat && seat.Op == asked.Op
        ? decision.Do(Ask(decision.State, seat)).Build()
        : decision.Do(new LeaveConference(asked.Conference, asked.Op)).Build();
}
