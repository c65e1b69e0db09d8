using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Persistence;
using Cti.Persistence.Journal;
using Cti.Sip.Message;

namespace Cti.Actors.Calls;

/// <summary>
/// One call: turns requests and news from SIP, media and other resources into commands for <see cref="CallDecider"/>, and carries out its effects.
/// </summary>
internal sealed partial class CallActor(CallServices services, CallCell cell) : ResourceActor<CallState, CallEntry>(services, cell)
{
    private readonly CallServices _services = services;
    private readonly CallCell _cell = cell;

    protected override int EntryVersion => CallEntryCodec.Version;

    protected override ResourceDecision<CallState, CallEntry> Decide(CallState? state, ResourceCommand command, long now)
    {
        if (command is DialogChanged changed && _cell.IsHandedOver) command = changed with { WasHeardUntilNow = true };
        var decision = CallDecider.Decide(state, Heard(command), now, _services.Settings);
        if (command is EnterAnswered { Refusal: null } entered && decision.State?.Seat?.Op == entered.Op)
        {
            HearConference(entered);
            if (entered.Link is null) LetGoOfFormer();
            SoundGoesOnHere();
        }
        return decision;
    }

    protected override ReadOnlyMemory<byte> Encode(CallEntry entry) => CallEntryCodec.Encode(entry);

    protected override long? NextDeadline(CallState state) => CallDecider.NextDeadline(state, _services.Settings);

    protected override ResourceCommand CommandOf(RpcAsk ask) => CallRequests.FromRpc(ask.Request, ask.RecordPath, _services.Random.NextHex(8))
        ?? throw new InvalidOperationException($"{ask.Request.Method} is not a request on a call");

    protected override void OnStop()
    {
        _cell.Leg?.Dispose();
        LetGoOfSound();
        CloseMedia();
        base.OnStop();
    }

    protected override void OnUndelivered(object message)
    {
        base.OnUndelivered(message);
        if (message is PlaceCall place) place.Ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the node is stopping")));
        if (message is Resources.Decide { Command: var command } && _cell is { Deposed: false, State: { } call }) AnswerForTheDead(command, call.Id.ToString());
    }

    protected override void GiveBack(object message)
    {
        if (((message as InDialogRequest)?.Transaction ?? (message as InviteJoined)?.Transaction) is { } transaction) _services.Sip.GiveBack(transaction);
    }

    protected override bool Unborn(object message)
    {
        switch (message)
        {
            case PlaceCall place:
                Guard(place.Ask, () => PlaceOrClose(place));
                return true;
            case InviteOffered offered:
                Guard(offered, () => Offer(offered));
                return true;
            case HostLookedUp found when _unresolved is { } offered:
                Guard(offered, () => OfferKnown(offered, found));
                return true;
            case InviteJoined joined when _unresolved is { } before:
                JoinUnresolved(before, joined.Transaction);
                return true;
            case InviteWasCancelled cancelled when _unresolved is { } offered:
                CancelUnresolved(offered, cancelled.Transaction);
                return true;
            case InviteWasCancelled or ResponseSettled or HostLookedUp:
                return true;
            case Resources.Recover:
                throw new InvalidOperationException("a recovered call has a state");
            case MediaHappened { Event: SessionClosed }:
                // The creating message crashed: nothing was journaled, nothing is left.
                _cell.Media = null;
                StopSelf();
                return true;
            case MediaHappened or WasDeposed or BecameDurable:
                return true;
            default:
                return false;
        }
    }

    protected override bool ReceiveAlive(object message)
    {
        switch (message)
        {
            case MediaHappened happened:
                // What was on its way when its session was given up concerns nobody any more.
                if (happened.Session is not { } session || session == _cell.Media) HandleMedia(happened.Event);
                return true;
            case CheckSubscriber:
                LookForSubscriber();
                return true;
            case ByeIsTold told:
                KeepUnwritten(told.Bye);
                return true;
            case ByeWaits:
                LookForUnwrittenBye();
                return true;
            default:
                if (_cell.Leg is not { } leg)
                {
                    // It is about to be recovered: what its far end sends in that moment waits.
                    if (message is InDialogRequest or AckCame or StrayResponseCame or InviteJoined or CancelCameLate) StashMessage();
                    return true;
                }
                var command = leg.Translate(message, _cell.State!, out var accepted);
                if (!accepted) return false;
                if (leg.HasShownItself && _cell is { Media: { } shown, MediaClosed: false, Audio: { } audio }) TellMedia(shown, audio);
                if (command is not null) Run(command, null);
                if (command is ByeArrived bye) StartTimer("told BYE", LookForByeMillis, new ByeIsTold(bye));
                return true;
        }
    }

    private void PlaceOrClose(PlaceCall place)
    {
        try
        {
            Place(place);
        }
        catch
        {
            if (_cell.State is null) CloseMedia();
            throw;
        }
    }

    private void Guard(InviteOffered offered, Action begin)
    {
        try
        {
            begin();
        }
        catch
        {
            if (_cell.State is null)
            {
                _services.Sip.Respond(offered.Transaction, SipResponse.For(offered.Transaction.Request, 500, null, _services.Random.NextHex(8)));
                CloseMedia();
            }
            throw;
        }
    }

    protected override JournalRows Complete(JournalRows rows, ResourceDecision<CallState, CallEntry> decision)
    {
        var state = decision.State!;
        var released = decision.Entries.Any(static entry => entry is CallReleased);
        // Read before the effects of this very decision close the session.
        var quality = released && _cell.Media is { } media ? MediaQuality.Encode(_services.Media.Port.ReadStatistics(media)) : default;
        var records = decision.CallRecord.IsEmpty
            ? Array.Empty<CallRecordRow>()
            : [new CallRecordRow(CallRecords.IdOf(state), _services.NodeName, state.Id.ToString(), state.LastMillis, MediaQuality.Append(decision.CallRecord, quality))];
        return rows with
        {
            Events = quality.IsEmpty ? rows.Events : [.. rows.Events.Select(happened => happened.Method == MediaQuality.Event ? happened with { Media = quality } : happened)],
            CallRecords = records,
            ReleasedPermits = released && state.Permit is { } permit ? [permit] : [],
            BoundPermits = decision.Entries is [Constructed { Permit: { } bound }, ..] ? [new(bound, state.Id.ToString())] : [],
        };
    }

    protected override void Perform(ResourceEffect effect, RpcAsk? ask)
    {
        switch (effect)
        {
            case ConfigureMedia configure when _cell.Media is { } media:
                TellMedia(media, configure.Audio);
                break;
            case StartMediaPlay play:
                if (!ForwardToMedia(media => _services.Media.Port.StartPlay(media, new PlayRequest(play.Number, play.Files, play.Repeat, play.OffsetMillis, _cell.State!.Application))))
                    Self.Tell(new MediaHappened(new PlayEnded(play.Number, MediaOutcome.Failed, "the call has no media")));
                break;
            case StopMediaPlay stop when Withdraw(stop.Number):
                break;
            case StopMediaPlay stop:
                ForwardToMedia(media => _services.Media.Port.StopPlay(media, stop.Number));
                break;
            case StartMediaRecord record:
                if (!ForwardToMedia(media => _services.Media.Port.StartRecord(media,
                        new RecordRequest(record.Number, record.FullPath, Enum.Parse<RecordFormat>(record.Format, ignoreCase: true), record.Beep, record.Append, record.Channels, record.TakesOver, _cell.State!.Application))))
                    Self.Tell(new MediaHappened(new RecordEnded(record.Number, MediaOutcome.Failed, 0, "the call has no media")));
                break;
            case StopMediaRecord stop:
                ForwardToMedia(media => _services.Media.Port.StopRecord(media, stop.Number));
                break;
            case StartMediaKeys keys when _cell.Leg is CallLeg { SendsKeysByInfo: true } byInfo:
                byInfo.SendKeysByInfo(keys.Number, keys.Keys);
                break;
            case StartMediaKeys keys:
                var how = _cell.Leg is CallLeg { SendsKeysInBand: true } ? KeySending.InBand : KeySending.Negotiated;
                if (!ForwardToMedia(media => _services.Media.Port.SendKeys(media, new SendKeysRequest(keys.Number, keys.Keys, how))))
                    Self.Tell(new MediaHappened(new SendKeysEnded(keys.Number, MediaOutcome.Failed)));
                break;
            case AskJoin or AnswerJoin or AskFirst or PartBridge or ConnectMedia or DisconnectMedia or PlayToBridge:
                PerformBridge(effect);
                break;
            case AskEntry or LeaveConference:
                PerformConference(effect);
                break;
            case AskParent or AnswerChild or ReleaseChild or LookForChild or TellRinging or TellDone or StartRingBack or StopRingBack:
                PerformDial(effect);
                break;
            case Cti.Calls.Call.CloseMedia:
                CloseMedia();
                break;
            case ConfigureMedia:
                break;
            default:
                _cell.Leg?.Perform(effect, _cell.State!);
                break;
        }
    }

    /// <summary>A stop overtakes a start that still waits for the disk: then there is nothing to stop, and nothing to start any more.</summary>
    private bool Withdraw(long number)
    {
        foreach (var waiting in _cell.Waiting)
        {
            if (waiting.Effects.RemoveAll(effect => effect is StartMediaPlay start && start.Number == number) > 0) return true;
        }
        return false;
    }

    private void TellMedia(MediaSessionId media, Cti.Sip.Sdp.NegotiatedAudio audio)
    {
        _cell.Audio = audio;
        _services.Media.Port.Configure(media, MediaDescriptions.From(audio, _cell.Leg is { } leg && _cell.State is { } call ? leg.FarEndOf(call) : new FarEnd()));
    }

    private bool ForwardToMedia(Action<MediaSessionId> command)
    {
        if (_cell.Media is not { } media || _cell.MediaClosed) return false;
        command(media);
        return true;
    }

    private void HandleMedia(MediaEvent happened)
    {
        if (happened is SessionClosed)
        {
            _cell.Media = null;
            RunCommitted(-1);
            return;
        }
        LogRingBack(happened);
        if (happened is Cti.Media.Session.Mix.BridgeEnded ended) SoundHasEnded(ended.Action);
        if (happened is PlayStarted started) PlayHasStarted(started.Action);
        if (happened is PlayDelayed delayed) PlayWasDelayed(delayed);
        if (MediaDescriptions.ToCommand(happened) is { } command) Run(command, null);
    }

    private void CloseMedia()
    {
        if (_cell.Media is not { } media || _cell.MediaClosed) return;
        _cell.MediaClosed = true;
        // A node that lost the call says nothing more to its far end, not even goodbye to the stream.
        if (_cell.Deposed) AbandonMedia(media);
        else _services.Media.Port.Close(media);
    }

    /// <summary>Its end is not reported, so it is gone at once.</summary>
    private void AbandonMedia(MediaSessionId media)
    {
        _services.Media.Abandon(media);
        _cell.Media = null;
    }

    protected override void Abandon() => _cell.Leg?.LetGo();

    protected override void OutsideEnded(object message)
    {
        if (message is not MediaHappened { Event: SessionClosed } || _cell.Media is null) return;
        _cell.Media = null;
    }

    protected override bool IsOutsideGone()
    {
        // The actor outlives its media session, so that the end of the session has someone to report to.
        LetGoOfSound();
        CloseMedia();
        return _cell.Media is null;
    }

    private void LookForSubscriber()
    {
        if (_cell.State is not { Direction: CallDirection.Inbound, Phase: CallPhase.Initiated } call) return;
        if (_services.Subscribers.IsUnattended(call.Application)) Run(new SubscriberMissing(), null);
        else StartTimer("subscriber", 1000, new CheckSubscriber());
    }
}
