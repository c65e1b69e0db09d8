using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call.States;

/// <summary>
/// Over: to the application the call is gone. It lives on only until its far end knows too (<see cref="SipClosing"/>) and the flow that drove it has heard;
/// who shared something with it is told that it is over.
/// </summary>
internal sealed class Released : CallBehaviour
{
    public Released() : base(CallPhase.Released)
    {
        Hears<FarEndSettled>(static (decision, _) => FarEndKnows(decision));
        Hears<AckMissing>(static (decision, _) => FarEndKnows(decision));
        Hears<DialFailed>(static (decision, _) => FarEndKnows(decision));
        Hears<ByeArrived>(static (decision, _) => FarEndKnows(decision));
        Hears<DialogLost>(static (decision, _) => FarEndKnows(decision));
        Hears<AckArrived>(static (decision, _) => RefusalIsAcknowledged(decision));
        Hears<AckUnusable>(static (decision, _) => RefusalIsAcknowledged(decision));
        // The 200 crossed our CANCEL: it must be acknowledged and hung up (RFC 3261 section 15).
        Hears<FarEndAnswered>(static (decision, crossed) => AnswerHasCrossed(decision, crossed.Dialog));
        Hears<FarEndUnusable>(static (decision, crossed) => AnswerHasCrossed(decision, crossed.Dialog));

        Hears<NodeLost>(static (decision, _) => GoOn(decision));
        Hears<TakenOver>(static (decision, _) => GoOn(decision));
        Hears<OwnerHas>(static (decision, has) => OwnerNotices.WereHeard(decision, has.Number));
        Hears<OwnerGone>(static (decision, _) => OwnerNotices.WereHeard(decision, decision.State.NoticeCount));

        Hears<JoinAsked>(static (decision, asked) => decision.Do(new AnswerJoin(asked.First, asked.Op, Gone(decision))).Build());
        Hears<JoinAnswered>(Bridging.LeaveUnknown);
        Hears<BridgeAsked>(static (decision, asked) => Bridging.Part(decision, asked.Second, asked.Op));
        Hears<EnterAnswered>(Entering.LeaveUnknown);
        Hears<SeatAsked>(static (decision, asked) => Entering.Leave(decision, asked.Conference, asked.Op));
        Hears<ChildAsks>(static (decision, asked) => decision.Do(new AnswerChild(asked.Child, Gone(decision), false)).Build());
        Hears<ParentLooks>(Dialling.ParentLooksForChild);
        Hears<DialogAsked>(Referring.SayWhichDialog);
        // The call was withdrawn while its parent was asked: it is not to wait for it.
        Hears<ParentAnswers>(static (decision, answer) => answer.Refusal is null ? decision.Do(new TellDone(answer.Parent)).Build() : decision.Build());
    }

    private protected override CallDecision Decide(CallDraft decision, ResourceCommand command) => command is ResourceRequest
        ? CallDecision.Refuse(Gone(decision))
        : Hear(decision, command, isOnTop: true) ?? decision.Build();

    private static RpcError Gone(CallDraft decision) => RpcError.NoSuchResource(decision.State.Id.ToString());

    private static CallDecision FarEndKnows(CallDraft decision)
    {
        if (decision.State.Closing == SipClosing.None) return decision.Build();
        // A flow that heard the release as it ended has answered nothing: by now it is gone or says so.
        OwnerNotices.Resume(decision);
        return decision.Add(new Settled()).Build();
    }

    private static CallDecision RefusalIsAcknowledged(CallDraft decision) =>
        decision.State.Closing == SipClosing.Refusal ? decision.Add(new Settled()).Build() : decision.Build();

    private static CallDecision AnswerHasCrossed(CallDraft decision, Cti.Sip.Dialog.DialogState dialog)
    {
        var call = decision.State;
        return call.Closing == SipClosing.Cancel
            ? decision.Add(new CallReleased(SipClosing.Bye, call.ClosingCause, dialog, Headers: call.ClosingHeaders)).Do(new SendAck())
                .Do(new SendBye(call.ClosingCause, call.ClosingHeaders)).Build()
            : decision.Build();
    }

    private static CallDecision GoOn(CallDraft decision)
    {
        var call = decision.State;
        OwnerNotices.Resume(decision);
        if (Ending.Owed(call) is not { } owed) return decision.Build();
        var dialog = Takeover.BeyondTheDead(call.Dialog);
        return decision.Add(new CallReleased(call.Closing, call.ClosingCause, dialog, call.ClosingContact, call.ClosingHeaders)).Do(owed).Build();
    }
}
