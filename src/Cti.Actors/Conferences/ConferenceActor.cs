using Cti.Actors.Calls;
using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Actors.Conferences;

/// <summary>
/// One conference: turns requests, what calls ask of it and news from the media side into commands for <see cref="ConferenceDecider"/>, and carries out
/// its effects. Every change to the mix is made here, so they take effect in the order in which they are decided.
/// </summary>
internal sealed class ConferenceActor(ResourceServices services, MediaSessions media, MediaProfile profile, ConferenceCell cell) : ResourceActor<ConferenceState, ConferenceEntry>(services, cell)
{
    private readonly ResourceServices _services = services;
    private readonly ConferenceCell _cell = cell;
    /// <summary>As long as the old mix lasts.</summary>
    private const int MemberLookMillis = 10, MemberLooksMax = 800;

    private long _endingRecord;
    private bool _awaitsMembers;

    protected override int EntryVersion => ConferenceEntryCodec.Version;

    protected override ResourceDecision<ConferenceState, ConferenceEntry> Decide(ConferenceState? state, ResourceCommand command, long now)
    {
        // The media side is asked first: a member that it has no room for is refused instead of entering and being put out again.
        if (command is EnterAsked asked && state is not null && !TakesIn(state, asked)) command = asked with { NoRoom = true };
        return ConferenceDecider.Decide(state, command, now, _services.Settings);
    }

    protected override ReadOnlyMemory<byte> Encode(ConferenceEntry entry) => ConferenceEntryCodec.Encode(entry);

    protected override long? NextDeadline(ConferenceState state) => ConferenceDecider.NextDeadline(state);

    protected override ResourceCommand CommandOf(RpcAsk ask) => ConferenceRequests.FromRpc(ask.Request, ask.RecordPath)
        ?? throw new InvalidOperationException($"{ask.Request.Method} is not a request on a conference");

    protected override void OnStop()
    {
        CloseTheMix();
        base.OnStop();
    }

    protected override void OnUndelivered(object message)
    {
        base.OnUndelivered(message);
        switch (message)
        {
            case MakeConference make:
                make.Ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the node is stopping")));
                break;
            case Resources.Decide { Command: EnterAsked asked } when _cell is { Deposed: false, State: { } state }:
                Tell(asked.Call, new EnterAnswered(asked.Op, state.Id.ToString(), RpcError.NoSuchResource(state.Id.ToString())));
                break;
            case Resources.Decide { Command: ChildAsks asks } when _cell is { Deposed: false, State: { } state }:
                Tell(asks.Child, new ParentAnswers(state.Id.ToString(), RpcError.NoSuchResource(state.Id.ToString()), false));
                break;
        }
    }

    protected override bool Unborn(object message)
    {
        switch (message)
        {
            case MakeConference make:
                Guard(make.Ask, () => MakeOrClose(make.Ask));
                return true;
            case Resources.Recover:
                throw new InvalidOperationException("a recovered conference has a state");
            case MixHappened { Event: Cti.Media.Session.Mix.ConferenceClosed }:
                // The creating message crashed: nothing was journaled, nothing is left.
                MixIsClosed();
                StopSelf();
                return true;
            case MixHappened or WasDeposed or BecameDurable:
                return true;
            default:
                return false;
        }
    }

    protected override bool ReceiveAlive(object message)
    {
        if (message is MembersDue due) AwaitMembers(due);
        if (message is not MixHappened { Event: var happened, Mix: var mix }) return message is MembersDue;
        // What was on its way when its mix was given up concerns nobody any more.
        if (mix != _cell.Mix) return true;
        switch (happened)
        {
            case Cti.Media.Session.Mix.ConferenceClosed:
                MixIsClosed();
                if (_cell.State is { WasReleased: false }) Run(new ConferenceBroke(), null);
                RunCommitted(-1);
                break;
            case TalkerChanged talker when _cell.CallsInMix.TryGetValue(talker.Session, out var call):
                Run(new MemberTalks(call, talker.Talking), null);
                break;
            case ConferenceSoundFailed failed:
                System.Log.Write(LogEvents.ConferenceSoundFailed, _cell.State!.Id, failed.Detail);
                break;
            default:
                if (MediaDescriptions.ToCommand(happened) is { } command) Run(command, null);
                break;
        }
        return true;
    }

    private void MakeOrClose(RpcAsk ask)
    {
        try
        {
            Make(ask);
        }
        catch
        {
            if (_cell.State is null) CloseTheMix();
            throw;
        }
    }

    private void Make(RpcAsk ask)
    {
        var args = ask.Request.Arguments;
        var options = new ConferenceOptions(CallRequests.JoinedFiles(args.OptionalString("bg_file")), args.Boolean("talker_events"), Application: ask.Request.Application);
        if (media.TryOpenConference(options, _cell, out var refusal) is not { } mix)
        {
            ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable($"no capacity for another conference on this node: {refusal.Text()}")));
            StopSelf();
            return;
        }
        _cell.Mix = mix;
        Create(Modules.Conference, id => ConferenceDecider.Decide(null, ConferenceRequests.Construct(ask.Request, id, ask.RecordPath),
            System.Clock.UnixMillis, _services.Settings), ask);
    }

    protected override void Perform(ResourceEffect effect, RpcAsk? ask)
    {
        switch (effect)
        {
            case AnswerEntry answer:
                var link = _cell.Links.TryGetValue(answer.Call, out var linked) && linked.Op == answer.Op ? linked.Sound.Own : null;
                TellOrLearn(answer.Call, new EnterAnswered(answer.Op, _cell.State!.Id.ToString(), answer.Refusal) { Link = answer.Refusal is null ? link : null });
                break;
            case AskMember member:
                TellOrLearn(member.Call, new SeatAsked(member.Op, _cell.State!.Id.ToString()));
                break;
            case PartMember part:
                Tell(part.Call, new ConferenceParted(part.Op, part.Error, part.Message));
                break;
            case AnswerChild answer:
                TellOrLearn(answer.Child, new ParentAnswers(_cell.State!.Id.ToString(), answer.Refusal, answer.MayDial));
                break;
            case CloseMix:
                CloseTheMix();
                break;
            default:
                if (_cell is { Mix: { } mix, MixClosed: false }) PerformInMix(effect, media.Port, mix);
                break;
        }
    }

    private void PerformInMix(ResourceEffect effect, IMediaPort port, ConferenceId mix)
    {
        switch (effect)
        {
            case SetMemberMedia set when SessionOf(set.Call) is { } session:
                port.SetMember(mix, session, MemberOf(set.VoiceMode, set.Volume));
                break;
            case LeaveMedia leave:
                Leave(port, mix, leave.Call);
                break;
            case HearChild child:
                // A child that nobody can hear for want of room goes on ringing all the same.
                Join(child.Child, new ConferenceMember(VoiceMode.Talk));
                break;
            case SetRingBack { On: true }:
                port.StartConferenceRingBack(mix, profile.RingBackCountry);
                break;
            case SetRingBack:
                port.StopConferenceRingBack(mix);
                break;
            case Cti.Calls.Conference.PlayEntrySound sound:
                port.PlayEntrySound(mix, sound.Files);
                break;
            // Until everyone changes to this mix nothing is heard in it: then it becomes what the journal says, with what was begun and ended meanwhile.
            case StartConferenceSound or StopConferenceSound or StartMixRecord or StopMixRecord when _awaitsMembers:
                break;
            case StartConferenceSound start:
                port.PlayToConference(mix, new PlayRequest(start.Number, start.Files, start.IsLoop ? -1 : 0, start.OffsetMillis, _cell.State!.Application));
                break;
            case StopConferenceSound stop:
                port.StopConferencePlay(mix, stop.Number);
                break;
            case StartMixRecord start:
                port.RecordConference(mix, new RecordRequest(start.Number, start.FullPath, Enum.Parse<RecordFormat>(start.Format, ignoreCase: true), Beep: false, start.Appends, Application: _cell.State!.Application));
                break;
            case StopMixRecord stop:
                port.StopConferenceRecord(mix, stop.Number);
                break;
        }
    }

    /// <summary>Takes the sound of a call that asks into the mix; false only where the media side has no room.</summary>
    private bool TakesIn(ConferenceState state, EnterAsked asked)
    {
        var known = ConferenceDecider.IsIn(state, asked) ? state.Members.First(member => member.Call == asked.Call) : null;
        if (known is null && !ConferenceDecider.WillEnter(state, asked)) return true;
        var member = MemberOf(known?.VoiceMode ?? asked.VoiceMode, known is null ? asked.Volume : known.Volume);
        if (asked.Link is not { } offer)
        {
            CloseLink(asked.Call);
            return (known is not null && SessionOf(asked.Call) is { } inside && _cell.CallsInMix.ContainsKey(inside)) || Join(asked.Call, member);
        }
        if (_cell.Links.TryGetValue(asked.Call, out var before) && before.Sound.Own.Id == offer.Id) return true;
        CloseLink(asked.Call);
        if (_cell is not { Mix: { } mix, MixClosed: false }) return true;
        if (LinkAudio.Accept(media, offer) is not { } link) return false;
        if (!media.Port.Join(mix, link.Session, member))
        {
            link.Close();
            return false;
        }
        _cell.Links[asked.Call] = (asked.Op, link);
        // Where it was in until now it stays until it is let go of, but it talks here.
        foreach (var former in _cell.CallsInMix.Where(inMix => inMix.Value == asked.Call).Select(static inMix => inMix.Key).ToList()) _cell.CallsInMix.Remove(former);
        _cell.CallsInMix[link.Session] = asked.Call;
        return true;
    }

    /// <summary>False only where the media side has no room: a call without a session has hung up, and says so itself.</summary>
    private bool Join(string call, ConferenceMember member)
    {
        if (_cell is not { Mix: { } mix, MixClosed: false } || SessionOf(call) is not { } session) return true;
        if (!media.Port.Join(mix, session, member)) return false;
        _cell.CallsInMix[session] = call;
        return true;
    }

    private void Leave(IMediaPort port, ConferenceId mix, string call)
    {
        foreach (var (session, inMix) in _cell.CallsInMix)
        {
            if (inMix != call) continue;
            port.Leave(mix, session);
            _cell.CallsInMix.Remove(session);
            break;
        }
        CloseLink(call);
    }

    private void CloseLink(string call)
    {
        if (!_cell.Links.Remove(call, out var link)) return;
        _cell.CallsInMix.Remove(link.Sound.Session);
        link.Sound.Close();
    }

    private MediaSessionId? SessionOf(string call) => _cell.Links.TryGetValue(call, out var link) ? link.Sound.Session
        : ResourceId.TryParse(call, out var id) ? _services.Directory.Find<CallCell>(id)?.Media
        : null;

    private static ConferenceMember MemberOf(int voiceMode, int? volume) => new((VoiceMode)voiceMode, volume ?? 0);

    private void CloseTheMix()
    {
        foreach (var call in _cell.Links.Keys.ToList()) CloseLink(call);
        if (_cell.Mix is not { } mix || _cell.MixClosed) return;
        _cell.MixClosed = true;
        if (_cell.Deposed) AbandonTheMix(mix);
        else media.Port.CloseConference(mix);
    }

    private void MixIsClosed()
    {
        _cell.Mix = null;
        _cell.CallsInMix.Clear();
    }

    protected override void OutsideEnded(object message)
    {
        if (message is MixHappened { Event: Cti.Media.Session.Mix.ConferenceClosed } && _cell.Mix is not null) MixIsClosed();
    }

    // Members hear this mix until they are in the new owner's; a file has one writer.
    protected override void LetGoOfShared()
    {
        if (_cell.Mix is not { } mix || _cell.MixClosed || _cell.State?.Recording is not { } record) return;
        _endingRecord = record.Number;
        media.Port.StopConferenceRecord(mix, record.Number);
    }

    protected override string? WhyNotPart() => _cell.IsHandedOver ? "has just come, and so have its members" : null;

    protected override bool IsStillHeard => _cell is { Mix: not null, MixClosed: false };

    /// <summary>Its end is not reported, so it is gone at once.</summary>
    private void AbandonTheMix(ConferenceId mix)
    {
        media.AbandonConference(mix);
        MixIsClosed();
    }

    protected override bool IsSharedGone() => _endingRecord == 0;

    protected override bool TakeWhileParting(object message)
    {
        switch (message)
        {
            case MixHappened { Mix: var mix } when mix != _cell.Mix:
                return true;
            case MixHappened { Event: RecordEnded ended } when ended.Action == _endingRecord:
                _endingRecord = 0;
                return true;
            case MixHappened { Event: Cti.Media.Session.Mix.ConferenceClosed }:
                _endingRecord = 0;
                MixIsClosed();
                return true;
            default:
                return false;
        }
    }

    protected override void TakeBackShared()
    {
        if (_cell.State?.Recording is null) return;
        // As after a loss of the node: a new mix, whose recording goes on in the same file.
        _endingRecord = 0;
        foreach (var call in _cell.Links.Keys.ToList()) CloseLink(call);
        if (_cell.Mix is { } mix) AbandonTheMix(mix);
        Recover(System.Clock.UnixMillis);
    }

    protected override IEnumerable<string> PeersAt(PeerMoved moved) => (_cell.State?.Members ?? []).Select(static member => member.Call).Where(moved.Concerns);

    protected override string? SpeakerOf(ResourceCommand command) => command switch
    {
        EnterAsked asked => asked.Call,
        MemberLeaves left => left.Call,
        _ => null,
    };

    protected override bool IsOutsideGone()
    {
        // The actor outlives its mix, so that the end of the mix has someone to report to.
        CloseTheMix();
        return _cell.Mix is null;
    }

    protected override void Recover(long lostAtMillis)
    {
        var conference = _cell.State!;
        if (conference.WasReleased)
        {
            RunCommitted(-1);
            return;
        }
        var path = conference.Recording?.FullPath;
        if (media.TryOpenConference(new ConferenceOptions(conference.Background, conference.TalkerEvents, IsOwed: true, conference.Application), _cell, out _) is not { } mix)
        {
            if (path is not null) _services.Recordings.Repair(path);
            Run(new NodeLost(), null);
            return;
        }
        (_cell.Mix, _cell.MixClosed) = (mix, false);
        if (_cell.IsHandedOver) AwaitMembers(new MembersDue(lostAtMillis, 0));
        else GoOn(lostAtMillis);
    }

    /// <summary>
    /// Calls that came here with the conference are in the old mix, with all others, until their far ends listen to here: then everyone changes at once.
    /// </summary>
    private void AwaitMembers(MembersDue due)
    {
        var isAwaited = due.Looks < MemberLooksMax
            && _cell.State!.Members.Any(member => ResourceId.TryParse(member.Call, out var id) && _services.Directory.Find(id) is { IsHandedOver: true });
        _awaitsMembers = isAwaited;
        if (isAwaited)
        {
            StartTimer("members", MemberLookMillis, due with { Looks = due.Looks + 1 });
            return;
        }
        _cell.IsHandedOver = false;
        GoOn(due.LostAtMillis);
    }

    private void GoOn(long lostAtMillis)
    {
        var conference = _cell.State!;
        if (conference.WasReleased) return;
        var path = conference.Recording?.FullPath;
        var sees = path is null || _services.Recordings.IsVisible(path);
        if (path is not null && (!sees || conference.Recording!.Ending is not null)) _services.Recordings.Repair(path);
        Run(new WasRecovered(lostAtMillis) { SeesRecording = sees }, null);
        foreach (var child in conference.Children)
        {
            if ((_services.Directory.Find(child.Child)?.Latest as CallState)?.IsDialledFor(conference.Id.ToString()) != true) Run(new ChildDone(child.Child), null);
        }
    }
}
