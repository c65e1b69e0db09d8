using Cti.Actors.Hosting;
using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Calls;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Persistence;
using Cti.Persistence.Journal;

namespace Cti.Actors.Calls;

/// <summary>
/// One call: turns requests and news from SIP, media and other resources into commands for the state that it is in, and carries out the effects.
/// <code>
///   application ──RpcAsk──────────────┐                                             ┌──► CallLeg    SIP: INVITE, answers, BYE
///   CallLeg ──what SIP means──────────┤                                             │
///   CallSound ──what the media means──┼──► its state (Cti.Calls/Call/States) ──effects──► CallSound  plays, recordings, bridges
///   other resources ──Decide──────────┤      Initiated · Ring · Answer · Idle ·     │
///   its deadline ─────────────────────┘      Play · … · Conf · Released             └──► other resources, by their names
/// </code>
/// How it begins <see cref="CallBeginning"/> shows, how it lives and moves <see cref="ResourceActor{TState, TEntry}"/>.
/// </summary>
internal sealed class CallActor : ResourceActor<CallState, CallEntry>
{
    /// <summary>How often it is looked whether the BYE of a deadline still waits for the disk; an append takes a few milliseconds.</summary>
    private const int LookForByeMillis = 250;

    private const int LookForSubscriberMillis = 1_000;

    private readonly CallServices _services;
    private readonly CallCell _cell;
    private CallBeginning? _beginning;
    private readonly UnwrittenBye _lastWord;

    private CallActor(CallServices services, CallCell cell) : base(services, cell) =>
        (_services, _cell, _lastWord) = (services, cell, new UnwrittenBye(services, cell));

    private CallSound Sound => _cell.Sound;

    private CallState State => _cell.State!;

    private string Name => State.Id.ToString();

    /// <summary>Makes a call's actor: a new call's, whose first message says how it begins, or one's that the journal shows.</summary>
    public static ResourceListing Begin(CallServices services, ActorHost system, string name, InstanceJournal journal, CallState? restored = null,
        bool isHandedOver = false) =>
        ResourceListing.Begin(system, name, journal, listing =>
        {
            var cell = new CallCell(services, listing);
            if (restored is not null) cell.Restore(restored, isHandedOver);
            return () => new CallActor(services, cell);
        });

    protected override int EntryVersion => CallEntryCodec.Version;

    protected override IBehaviour<CallState, CallEntry> BehaviourOf(CallState state) => CallStates.Of(state.Phase);

    protected override ReadOnlyMemory<byte> Encode(CallEntry entry) => CallEntryCodec.Encode(entry);

    protected override long? NextDeadline(CallState state) => CallDecider.NextDeadline(state, _services.Settings);

    protected override ResourceCommand CommandOf(RpcAsk ask) => CallRequests.FromRpc(ask.Request, ask.RecordPath, _services.Random.NextHex(8))
        ?? throw new InvalidOperationException($"{ask.Request.Method} is not a request on a call");

    /// <summary>Without a state nothing was journaled, and nothing would ever come.</summary>
    protected override bool RestartAfter(Exception fault) => _cell.State is not null;

    protected override void OnStop()
    {
        _cell.Leg?.Dispose();
        if (_cell.State is { } state) _services.Media.SoundsHere(state.Id);
        base.OnStop();
    }

    protected override void OnUndelivered(object message)
    {
        base.OnUndelivered(message);
        if (message is PlaceCall place) place.Ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the node is stopping")));
    }

    // ---- how it begins ----

    protected override bool Unborn(object message)
    {
        _beginning ??= new CallBeginning(_services, _cell, System, (decide, ask) => Create(Modules.Call, decide, ask));
        if (message is PlaceCall place) Guard(place.Ask, () => HasBegun(_beginning.Take(place)));
        else if (_beginning.Take(message) is { } begun) HasBegun(begun);
        else return message is InviteWasCancelled or ResponseSettled or HostLookedUp or MediaHappened or WasDeposed or BecameDurable;
        return true;
    }

    private void HasBegun(Begun? begun)
    {
        if (begun == Begun.Refused) StopSelf();
        if (begun != Begun.Created) return;
        Sound.IsNamed();
        LookForSubscriber();
    }

    private void LookForSubscriber()
    {
        if (State is not { Direction: CallDirection.Inbound, Phase: CallPhase.Initiated } call) return;
        if (_services.Subscribers.IsUnattended(call.Application)) Run(new SubscriberMissing(), null);
        else StartTimer("subscriber", LookForSubscriberMillis, new CheckSubscriber());
    }

    // ---- what it hears ----

    protected override bool ReceiveAlive(object message)
    {
        switch (message)
        {
            case MediaHappened happened:
                if (Sound.Concerns(happened)) Hear(happened.Event);
                return true;
            case CheckSubscriber:
                LookForSubscriber();
                return true;
            case ByeIsTold told:
                // That nothing can be written is known only after a while: a BYE that was answered in between is kept now.
                if (_cell.Durable is { IsReleased: false } call) _services.ToldByes.Keep(call.Id.ToString(), told.Bye);
                return true;
            case ByeWaits:
                LookForUnwrittenBye();
                return true;
            default:
                return HearFarEnd(message);
        }
    }

    private bool HearFarEnd(object message)
    {
        if (_cell.Leg is not { } leg) return false;
        var command = leg.Translate(message, State, out var accepted);
        if (!accepted) return false;
        if (leg.HasShownItself) Sound.ConfigureAgain();
        if (command is not null) Run(command, null);
        if (command is ByeArrived bye) StartTimer("told BYE", LookForByeMillis, new ByeIsTold(bye));
        return true;
    }

    private void Hear(MediaEvent happened)
    {
        if (happened is SessionClosed)
        {
            Sound.HasEnded();
            return;
        }
        LogRingBack(happened);
        if (Sound.CommandOf(happened) is { } command) Run(command, null);
    }

    /// <summary>No event tells of a ring-back that cannot be played, so the log does.</summary>
    private void LogRingBack(MediaEvent happened)
    {
        if (happened is PlayEnded { Outcome: MediaOutcome.NotFound or MediaOutcome.Unsupported or MediaOutcome.Failed } ended
            && State.Dialling is { } dialling && dialling.Number == ended.Action)
            System.Log.Write(LogEvents.RingBackFailed, Name, ended.Detail ?? ended.Outcome.ToString());
    }

    // ---- around a decision ----

    protected override bool Defers(ResourceCommand command) => command is JoinAnswered { Refusal: null } answered && Sound.Defers(answered);

    protected override ResourceCommand Complete(ResourceCommand command) =>
        command is DialogChanged changed && _cell.IsHandedOver ? changed with { WasHeardUntilNow = true } : Sound.Complete(command);

    protected override void HasDecided(ResourceCommand command)
    {
        if (command is EnterAnswered { Refusal: null } entered && State.Seat?.Op == entered.Op)
        {
            if (!Sound.HearConference(entered))
            {
                Tell(entered.Conference, new MemberLeaves(entered.Op, Name));
                Decide(new ConferenceParted(entered.Op, ErrorCodes.Unavailable, "no media loop has room for the link to the conference"));
            }
            SoundsFromHere();
        }
        Sound.HasDecided();
    }

    protected override void AfterDecision()
    {
        // With a journal that is damaged or gone no BYE becomes durable, and nobody takes the call over: whatever ended it, its far end is told.
        if (_cell.Journal.IsBroken && _lastWord.IsWaiting) LookForUnwrittenBye();
        if (!IsComing || !ListensToHere) return;
        if (State.WasReleased || !_cell.IsHandedOver || State is { Bridge: null, Seat: null } || Sound.IsShared)
        {
            SoundsFromHere();
        }
        else if (_cell.Arrival == Arrival.Unasked)
        {
            _cell.Arrival = Arrival.Coming;
            Run(new SoundGoesOn(), null);
        }
    }

    protected override void AfterCommit() => Settle();

    protected override JournalRows Complete(JournalRows rows, ResourceDecision<CallState, CallEntry> decision)
    {
        var state = decision.State!;
        var released = decision.Entries.Any(static entry => entry is CallReleased);
        // Read before the effects of this very decision close the session.
        var quality = released ? Sound.Quality() : default;
        var records = decision.CallRecord.IsEmpty
            ? Array.Empty<CallRecordRow>()
            : [new CallRecordRow(CallRecords.IdOf(state), _services.NodeName, state.Id.ToString(), state.LastMillis,
                MediaQuality.Append(decision.CallRecord, quality))];
        return rows with
        {
            Events = quality.IsEmpty ? rows.Events : [.. rows.Events.Select(WithQuality)],
            CallRecords = records,
            ReleasedPermits = released && state.Permit is { } permit ? [permit] : [],
            BoundPermits = decision.Entries is [Constructed { Permit: { } bound }, ..] ? [new(bound, state.Id.ToString())] : [],
        };

        StoredEvent WithQuality(StoredEvent happened) => happened.Method == MediaQuality.Event ? happened with { Media = quality } : happened;
    }

    // ---- what it does ----

    protected override void Perform(ResourceEffect effect, RpcAsk? ask)
    {
        switch (effect)
        {
            case AskJoin join:
                AskToJoin(join);
                break;
            case AnswerJoin answer:
                AnswerWhoAsked(answer);
                break;
            case AskFirst first:
                TellOrLearn(first.First, new BridgeAsked(first.Op, Name));
                break;
            case PartBridge part:
                Tell(part.Peer, new BridgeParted(part.Op));
                break;
            case ConnectMedia connect:
                Connect(connect);
                break;
            case AskEntry entry:
                AskToEnter(entry);
                break;
            case LeaveConference leave:
                Tell(leave.Conference, new MemberLeaves(leave.Op, Name));
                break;
            case AskParent parent:
                TellOrLearn(parent.Parent, new ChildAsks(Name, parent.RingBack));
                break;
            case AnswerChild answer:
                TellOrLearn(answer.Child, new ParentAnswers(Name, answer.Refusal, answer.MayDial));
                break;
            case ReleaseChild release:
                Tell(release.Child, new ParentReleases(Name));
                break;
            case LookForChild look:
                TellOrLearn(look.Child, new ParentLooks(Name));
                break;
            case TellRinging rings:
                Tell(rings.Parent, new ChildRings(Name, rings.HasEarlyMedia));
                break;
            case TellDone done:
                Tell(done.Parent, new ChildDone(Name));
                break;
            case AskDialog dialog:
                TellOrLearn(dialog.Other, dialog.Asked);
                break;
            case TellDialog tell:
                Tell(tell.Call, tell.Told);
                break;
            case HangUpReplaced replaced:
                Tell(replaced.Call, new ReplacedBy(Name));
                break;
            case CloseMedia:
                Sound.Close();
                break;
            case MediaEffect:
                Sound.Perform(effect);
                break;
            default:
                _cell.Leg?.Perform(effect, State);
                break;
        }
    }

    private void AskToJoin(AskJoin join)
    {
        if (Sound.TryReach(join.Peer, join.Op, out var link))
            TellOrLearn(join.Peer, new JoinAsked(join.Op, Name) { IsConnected = join.IsConnected, Link = link });
        else
            Decide(new JoinAnswered(join.Op, join.Peer, NoRoomForLink("this node")));
    }

    private void AnswerWhoAsked(AnswerJoin answer)
    {
        LinkSound? link = null;
        if (answer.Refusal is null && Sound.IsOffered(answer.Op))
        {
            link = Sound.Take(answer.Op);
            if (link is null)
            {
                Tell(answer.First, new JoinAnswered(answer.Op, Name, NoRoomForLink("the second party's node")));
                Decide(new BridgeParted(answer.Op));
                return;
            }
        }
        else if (answer.Refusal is null)
        {
            Sound.DropLink();
        }
        TellOrLearn(answer.First, new JoinAnswered(answer.Op, Name, answer.Refusal) { Link = link });
        SoundsFromHere();
    }

    private void Connect(ConnectMedia connect)
    {
        if (_cell.State?.Bridge is not { } bridge) return;
        switch (Sound.Connect(connect, bridge.Op))
        {
            case ConnectOutcome.Connected:
                SoundsFromHere();
                break;
            case ConnectOutcome.NoRoom:
                SoundsFromHere();
                Decide(new BridgeFinished(connect.Number, MediaEnd.Failed, "no media loop has room for the bridge"));
                break;
            case ConnectOutcome.PeerHasMoved:
                AskToJoin(new AskJoin(connect.Peer, bridge.Op) { IsConnected = true });
                break;
            case ConnectOutcome.PeerIsSilent:
                Decide(new BridgeFinished(connect.Number, MediaEnd.Completed, null));
                break;
        }
    }

    private void AskToEnter(AskEntry ask)
    {
        var asked = ask.Asked;
        if (Sound.TryReach(ask.Conference, asked.Op, out var link))
        {
            TellOrLearn(ask.Conference, link is null ? asked : asked with { Link = link });
            return;
        }
        if (asked.IsEntered) Tell(ask.Conference, new MemberLeaves(asked.Op, asked.Call));
        Decide(new EnterAnswered(asked.Op, ask.Conference, NoRoomForLink("this node")));
    }

    private static RpcError NoRoomForLink(string where) => RpcError.Unavailable($"no capacity for another media session on {where}");

    private void Decide(ResourceCommand command) => Self.Tell(new Decide(command));

    // ---- when nothing can be written ----

    protected override void TimeHasCome()
    {
        if (_lastWord.IsWaiting) StartTimer("unwritten BYE", LookForByeMillis, new ByeWaits());
    }

    private void LookForUnwrittenBye()
    {
        foreach (var bye in _lastWord.Take(System.Clock.UnixMillis)) Perform(bye with { IsUnwritten = true }, null);
        TimeHasCome();
    }

    // ---- after the loss of its node ----

    protected override void GoOn(Recover recover)
    {
        var call = State;
        _cell.Arrival = Arrival.Coming;
        // Its far end hung up and was told so by this node, in an earlier life or before it lost the call: it is not called back.
        var told = _services.ToldByes.Find(Name);
        if (told is null && CallDecider.GoesOn(call) && Reopen(call) is { } taken)
        {
            _services.Counters.CallRecovered(goesOn: true);
            // Where nothing was under way, the node that gave the call carries its sound until the far end listens to here.
            if (_cell.IsHandedOver && call is { Bridge: null or { Stage: BridgeStage.Connected }, Seat: null or { Stage: SeatStage.Entered } })
                _cell.Arrival = Arrival.Unasked;
            // One that was being completed is completed, not continued.
            if (call.Action is RecordAction { Ending: not null, FullPath: var path }) _services.Recordings.Repair(path);
            if (call.Bridge is { Stage: BridgeStage.Ending, Spec.RecordPath: { } file }) _services.Recordings.Repair(file);
            Run(taken with
            {
                // What it journaled, the dead node did while it lived.
                LostAtMillis = Math.Max(recover.LostAtMillis, call.LastMillis),
                SeesRecording = Sees((call.Action as RecordAction)?.FullPath),
                SeesSideRecording = Sees(call.SideRecord?.FullPath),
                AsksLater = _cell.Arrival == Arrival.Unasked,
            }, null);
            LookForSubscriber();
            return;
        }
        Sound.Close();
        _cell.Leg = CallLeg.ForLost(_services, _cell, System);
        foreach (var path in call.RecordPaths) _services.Recordings.Repair(path);
        if (CallDecider.Resume(call) is not { } command) return;
        _services.Counters.CallRecovered(goesOn: false);
        Run(command is NodeLost lost ? lost with { Told = told } : command, null);
    }

    private bool Sees(string? recording) => recording is null || _services.Recordings.IsVisible(recording);

    /// <summary>A media session and a SIP leg of our own; null where there is no room, or the journal does not tell enough: then the call is lost.</summary>
    private TakenOver? Reopen(CallState call)
    {
        var isIPv6 = call.LocalSdp?.Contains("\nc=IN IP6 ", StringComparison.Ordinal) == true;
        var trunk = _services.Trunks.Named(call.Trunk);
        if (!Sound.TryOpen(_services.MediaProfile.Options(isIPv6, trunk?.Idle) with { IsOwed = true }, out _)) return null;
        Sound.IsNamed();
        _cell.Leg = CallLeg.ForTakenOver(_services, _cell, System, Sound.Describe(trunk), out var taken);
        return taken;
    }

    private bool IsComing => _cell.Arrival is Arrival.Unasked or Arrival.Coming;

    private bool ListensToHere => State.InterruptedMillis is null || State.WasReleased;

    /// <summary>What it shares with others sounds from here; where its far end listens to here too, whoever carried the sound until now can let go.</summary>
    private void SoundsFromHere()
    {
        if (!IsComing || !ListensToHere) return;
        _cell.IsHandedOver = false;
        _services.Media.SoundsHere(State.Id);
        _cell.Arrival = Arrival.Sounding;
        Settle();
    }

    /// <summary>What is to be heard here begins when it is durable; until then it is heard from there.</summary>
    private void Settle()
    {
        if (_cell.Arrival != Arrival.Sounding || _cell.Waiting.Count > 0) return;
        _cell.Arrival = Arrival.Home;
        _services.Arrived(State.Id);
    }

    // ---- on its way to another node ----

    protected override bool IsSettingUp => State is { IsUp: false, WasReleased: false };

    protected override string? WhyNotPart() => State switch
    {
        { WasReleased: true } => "is ending",
        { IsUp: false } => "is being set up",
        { InterruptedMillis: not null } => "has just come, and its far end has not answered yet",
        { Dialling: not null } => "dials another call",
        { Action: SendKeysAction } => "sends keys",
        { Action: { Ending: not null } } => "ends what it was doing",
        { Bridge: not null and not { Stage: BridgeStage.Connected } } => "is being connected",
        { Seat: not null and not { Stage: SeatStage.Entered } } => "is entering a conference",
        _ when !Sound.IsOpen => "has no media",
        _ when _cell.Leg is not { IsQuiet: true } => "has a change of its session under way",
        _ => null,
    };

    protected override void EndShared() => Sound.EndShared();

    protected override bool IsSharedOver => Sound.IsSharedOver;

    protected override bool TakeWhileParting(object message) => message is MediaHappened happened && Sound.TakeWhileParting(happened);

    protected override void ResumeShared()
    {
        if (!Sound.HasEndedShared()) return;
        // As after a loss of the node: a new session, and the far end is told.
        Sound.Abandon();
        GoOn(new Recover(System.Clock.UnixMillis));
    }

    protected override void Abandon() => _cell.Leg?.Abandon();

    protected override void Silence() => Sound.Abandon();

    protected override void LeaveSound() => Sound.LeaveToNode();

    protected override void GiveBack(object message)
    {
        if (((message as InDialogRequest)?.Transaction ?? (message as InviteJoined)?.Transaction) is { } transaction) _services.Sip.GiveBack(transaction);
        if (message is MediaHappened { Event: KeyPressed pressed } && IsGone) Tell(Name, MediaDescriptions.From(pressed) with { IsLate = true });
    }

    protected override IEnumerable<string> PeersAt(PeerMoved moved)
    {
        if (State.Bridge is { } bridge && moved.Concerns(bridge.Peer)) yield return bridge.Peer;
        if (State.Seat is { } seat && moved.Concerns(seat.Conference)) yield return seat.Conference;
    }

    protected override string? SpeakerOf(ResourceCommand command) => command is BridgeParted ? State.Bridge?.Peer : base.SpeakerOf(command);

    private sealed record ByeIsTold(ByeArrived Bye);

    private sealed record ByeWaits;
}
