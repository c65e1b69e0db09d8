using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>
/// The functional core of a call: pure functions of state, command and time. <see cref="Decide"/> answers with facts and what follows from them,
/// <see cref="Apply"/> folds facts into the state, <see cref="Resume"/> derives what is still owed after a recovery.
/// <code>
///                 ┌────────── Initiated ──────────┐
///   outbound 180  │              │ answer          │ refused, cancelled, time-out
///                 ▼              ▼                 │
///               Ring           Answer              │
///       answered  │              │ ACK             ▼
///                 └────► Idle ◄──┘ ─────────► Released
///                        │  ▲
///            *_start     ▼  │ completed
///            Play · Record · SendDtmf · ReceiveDtmf
/// </code>
/// </summary>
public static partial class CallDecider
{
    /// <summary>Decides on one command. <paramref name="state"/> is null for the creating ones only.</summary>
    /// <param name="state">The call.</param>
    /// <param name="command">What came.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="settings">The configured limits.</param>
    public static CallDecision Decide(CallState? state, ResourceCommand command, long now, CallSettings settings) =>
        FollowDialling(state, DecideCommand(state, command, now, settings));

    private static CallDecision DecideCommand(CallState? state, ResourceCommand command, long now, CallSettings settings)
    {
        var decision = new CallDraft(state, now, settings, Apply, NoticeOf);
        if (command is ConstructCall or OfferCall && state is not null)
            throw new InvalidOperationException($"{command.GetType().Name} for a call that exists");
        if (command is ConstructCall construct) return Construct(decision, construct);
        if (command is OfferCall offer) return Offer(decision, offer);
        if (state is null) throw new InvalidOperationException($"{command.GetType().Name} for a call that does not exist");
        if (state.Phase == CallPhase.Released) return DecideReleased(decision, command);
        return command switch
        {
            ResourceRequest { Once: { } once } request => DecideOnce(decision, request, once),
            ResourceRequest request => DecideRequest(decision, request),
            FarEndRings rings => FarEndRangs(decision, rings),
            FarEndAnswered answered => Answered(decision, answered),
            FarEndUnusable unusable => Unusable(decision, unusable),
            DialFailed failed => DialHasFailed(decision, failed),
            AckArrived ack => AckHasArrived(decision, ack),
            AckMissing => AnswerFailed(decision, ErrorCodes.Timeout, "the far end never acknowledged the answer", ErrorCodes.Timeout),
            AckUnusable => AnswerFailed(decision, 488, "the far end's answer to our offer is not usable", 488),
            CallerCancelled => Cancelled(decision),
            ByeArrived bye => HungUp(decision, bye),
            DialogChanged changed => DialogHasChanged(decision, changed),
            TargetMoved moved => TargetHasMoved(decision, moved),
            InviteRetried retried => InviteGoesOut(decision, retried),
            TakenOver taken => TakeOver(decision, taken),
            PlayWasBegun began => PlayHasBegun(decision, began),
            SoundGoesOn => AskWhoSharesTheSound(decision, decision.Now).Build(),
            TakeoverRefused refused => TakeoverHasFailed(decision, refused),
            DialogLost lost => LostDialog(decision, lost),
            PlayFinished played => PlayHasFinished(decision, played),
            RecordBegan began => RecordHasBegun(decision, began),
            RecordFinished recorded => RecordHasFinished(decision, recorded),
            KeysSent sent => KeysWereSent(decision, sent),
            JoinAsked asked => JoinIsAsked(decision, asked),
            JoinAnswered answered => JoinIsAnswered(decision, answered),
            BridgeParted parted => BridgeIsParted(decision, parted),
            BridgeFinished finished => BridgeHasFailed(decision, finished),
            BridgeAsked asked => BridgeIsAsked(decision, asked),
            EnterAnswered answered => EntryIsAnswered(decision, answered),
            SeatAsked asked => SeatIsAsked(decision, asked),
            PeerMoved moved => PeerHasMoved(decision, moved),
            OwnerHas has => OwnerHasHeard(decision, has.Number),
            ConferenceParted parted => ConferenceHasParted(decision, parted),
            ParentAnswers answer => ParentHasAnswered(decision, answer),
            ParentReleases released => ParentHasReleased(decision, released),
            ChildAsks asked => ChildHasAsked(decision, asked),
            ChildRings rings => ChildIsRinging(decision, rings),
            ChildDone done => ChildIsDone(decision, done),
            KeyArrived key => KeyHasArrived(decision, key),
            MediaLost => SoundLost(decision),
            TimeReached => TimeHasCome(decision),
            SubscriberMissing => Unoffered(decision),
            NodeLost lost => Lost(decision, lost.Told),
            NodeStops => Interrupted(decision, "the node stops"),
            OwnerGone => Interrupted(decision, "the flow that drove it is gone"),
            FarEndSettled => decision.Build(),
            _ => throw new InvalidOperationException($"unknown command {command.GetType().Name}"),
        };
    }

    /// <summary>The SIP effects that a released call still owes after a recovery.</summary>
    public static ResourceEffect? Owed(CallState state) => state.Closing switch
    {
        SipClosing.Bye => new SendBye(state.ClosingCause),
        SipClosing.Cancel => new SendCancel(),
        SipClosing.Refusal => new SendRefusal(state.ClosingCause, state.ClosingContact),
        _ => null,
    };

    private static CallDecision DecideRequest(CallDraft decision, ResourceRequest request) => request switch
    {
        AnswerCall answer => Answer(decision, answer),
        RejectCall reject => Reject(decision, reject),
        RedirectCall redirect => Redirect(decision, redirect),
        DropCall drop => Drop(decision, drop),
        TouchCall => Touch(decision),
        StartPlay play => PlayStart(decision, play),
        StopPlay stop => PlayStop(decision, stop),
        StartRecord record => RecordStart(decision, record),
        StopRecord stop => RecordStop(decision, stop),
        StartSendKeys send => SendKeysStart(decision, send),
        StartReceiveKeys receive => ReceiveKeysStart(decision, receive),
        StartConnect connect => ConnectStart(decision, connect),
        StopConnect stop => ConnectStop(decision, stop),
        StartSideRecord start => SideRecordStart(decision, start),
        StopSideRecord => SideRecordStop(decision),
        EnterConference enter => ConfEnter(decision, enter),
        ExitConference exit => ConfExit(decision, exit),
        StopReceiveKeys stop => ReceiveKeysStop(decision, stop),
        _ => throw new InvalidOperationException($"unknown request {request.GetType().Name}"),
    };

    /// <summary>Only what settles the far end matters any more; to the application the call is gone.</summary>
    private static CallDecision DecideReleased(CallDraft decision, ResourceCommand command)
    {
        var call = decision.State;
        switch (command)
        {
            case ResourceRequest:
                return CallDecision.Refuse(RpcError.NoSuchResource(call.Id.ToString()));
            case FarEndSettled or AckMissing or DialFailed or ByeArrived or DialogLost when call.Closing != SipClosing.None:
                // A flow that heard the release as it ended has answered nothing: by now it is gone or says so.
                ResumeNotices(decision);
                return decision.Add(new Settled()).Build();
            case AckArrived or AckUnusable when call.Closing == SipClosing.Refusal:
                return decision.Add(new Settled()).Build();
            case NodeLost or TakenOver:
                ResumeNotices(decision);
                if (Owed(call) is not { } owed) return decision.Build();
                return decision.Add(new CallReleased(call.Closing, call.ClosingCause, BeyondTheDead(call.Dialog), call.ClosingContact)).Do(owed).Build();
            case OwnerHas has:
                return OwnerHasHeard(decision, has.Number);
            case OwnerGone:
                return OwnerHasHeard(decision, call.NoticeCount);
            case BridgeAsked asked:
                return decision.Do(new PartBridge(asked.Second, asked.Op)).Build();
            case SeatAsked asked:
                return decision.Do(new LeaveConference(asked.Conference, asked.Op)).Build();
            case JoinAsked asked:
                return decision.Do(new AnswerJoin(asked.First, asked.Op, RpcError.NoSuchResource(call.Id.ToString()))).Build();
            case JoinAnswered { Refusal: null } joined:
                return decision.Do(new PartBridge(joined.Second, joined.Op)).Build();
            case EnterAnswered { Refusal: null } entered:
                return decision.Do(new LeaveConference(entered.Conference, entered.Op)).Build();
            case ChildAsks asked:
                return decision.Do(new AnswerChild(asked.Child, RpcError.NoSuchResource(call.Id.ToString()), false)).Build();
            case ParentAnswers { Refusal: null } answer:
                // The call was withdrawn while its parent was asked: it is not to wait for it.
                return decision.Do(new TellDone(answer.Parent)).Build();
            case FarEndAnswered crossed when call.Closing == SipClosing.Cancel:
                // The 200 crossed our CANCEL: it must be acknowledged and hung up (RFC 3261 section 15).
                return decision.Add(new CallReleased(SipClosing.Bye, call.ClosingCause, crossed.Dialog)).Do(new SendAck())
                    .Do(new SendBye(call.ClosingCause)).Build();
            case FarEndUnusable crossed when call.Closing == SipClosing.Cancel:
                return decision.Add(new CallReleased(SipClosing.Bye, call.ClosingCause, crossed.Dialog)).Do(new SendAck())
                    .Do(new SendBye(call.ClosingCause)).Build();
            default:
                return decision.Build();
        }
    }

    private static CallDecision Construct(CallDraft decision, ConstructCall make)
    {
        decision.Add(new Constructed(make.Id.ToString(), make.Application, make.FromUri, make.ToUri, make.SipCallId, make.Trunk, make.Permit,
            make.MaxAnswerSeconds, make.MaxRingSeconds, make.UserData, make.LocalSdp, make.LocalTag,
            make.Parent is { } resource ? new RingBackParent(resource, ParentStage.Asked, make.RingBack) : null, make.Owner, make.Invite));
        // With a parent nothing is sent, and the application not answered, before it has agreed.
        if (make.Parent is { } parent) return decision.Do(new AskParent(parent, make.RingBack)).Build();
        return decision.Do(new SendInvite()).Reply(CallEvents.ConstructResult(decision.State)).Build();
    }

    private static CallDecision Offer(CallDraft decision, OfferCall offer)
    {
        decision.Add(new Offered(offer.Id.ToString(), offer.Application, offer.FromUri, offer.ToUri, offer.Trunk, offer.Dialog, offer.LocalSdp, offer.Audio, offer.Invite));
        return decision.Do(new SendRinging()).Emit("sys.call.on_incoming", CallEvents.Incoming(decision.State)).Build();
    }

    private static CallDecision Touch(CallDraft decision)
    {
        if (decision.State.Phase == CallPhase.Idle) decision.Add(new Touched());
        return decision.ReplyNull().Build();
    }

    private static CallDecision Refuse(CallDraft decision, ResourceRequest request, params string[] allowed) =>
        CallDecision.Refuse(RpcError.WrongState(request.Method, decision.State.StateName(request.Generation), allowed));

    /// <summary>A refusal of what only an inbound call allows before it is answered.</summary>
    private static CallDecision RefuseUnlessOffered(CallDraft decision, ResourceRequest request)
    {
        var refused = Refuse(decision, request, nameof(CallPhase.Initiated));
        return decision.State.Direction == CallDirection.Inbound
            ? refused
            : refused.Saying($"{request.Method} is for inbound calls in state Initiated; this call is outbound");
    }
}
