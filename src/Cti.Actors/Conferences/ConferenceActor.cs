using Cti.Actors.Hosting;
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
using Cti.Persistence.Journal;

namespace Cti.Actors.Conferences;

/// <summary>
/// One conference: turns requests, what calls ask of it and news from the media side into commands for the state that it is in, and carries out the effects.
/// <code>
///   application ──RpcAsk──┐                                                      ┌──► ConferenceSound  the mix and who is in it
///   calls ──Decide────────┼──► its state (Cti.Calls/Conference/States) ──effects──┤
///   the mix ──MixHappened─┘      Initiated · Active · Released                   └──► calls, by their names
/// </code>
/// </summary>
internal sealed class ConferenceActor : ResourceActor<ConferenceState, ConferenceEntry>
{
    /// <summary>As long as the old mix lasts.</summary>
    private const int MemberLookMillis = 10, MemberLooksMax = 800;

    private readonly ResourceServices _services;
    private readonly NodeMedia _media;
    private readonly ConferenceCell _cell;

    private ConferenceActor(ResourceServices services, NodeMedia media, ConferenceCell cell) : base(services, cell) =>
        (_services, _media, _cell) = (services, media, cell);

    private ConferenceSound Sound => _cell.Sound;

    private ConferenceState State => _cell.State!;

    private string Name => State.Id.ToString();

    /// <summary>Makes a conference's actor: a new one's, whose first message makes it, or one's that the journal shows.</summary>
    public static ResourceListing Begin(ResourceServices services, NodeMedia media, MediaProfile profile, ActorHost system, string name,
        InstanceJournal journal, ConferenceState? restored = null, bool isHandedOver = false) =>
        ResourceListing.Begin(system, name, journal, listing =>
        {
            var cell = new ConferenceCell(media, profile, listing);
            if (restored is not null) cell.Restore(restored, isHandedOver);
            return () => new ConferenceActor(services, media, cell);
        });

    protected override int EntryVersion => ConferenceEntryCodec.Version;

    protected override IBehaviour<ConferenceState, ConferenceEntry> BehaviourOf(ConferenceState state) => ConferenceBehaviour.Of(state.Phase);

    protected override ReadOnlyMemory<byte> Encode(ConferenceEntry entry) => ConferenceEntryCodec.Encode(entry);

    protected override long? NextDeadline(ConferenceState state) => ConferenceDecider.NextDeadline(state);

    protected override ResourceCommand CommandOf(RpcAsk ask) => ConferenceRequests.FromRpc(ask.Request, ask.RecordPath)
        ?? throw new InvalidOperationException($"{ask.Request.Method} is not a request on a conference");

    /// <summary>Without a state nothing was journaled, and nothing would ever come.</summary>
    protected override bool RestartAfter(Exception fault) => _cell.State is not null;

    protected override void OnUndelivered(object message)
    {
        base.OnUndelivered(message);
        if (message is MakeConference make) make.Ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the node is stopping")));
    }

    protected override bool Unborn(object message)
    {
        if (message is not MakeConference make) return message is MixHappened or WasDeposed or BecameDurable;
        Guard(make.Ask, () => Make(make.Ask));
        return true;
    }

    private void Make(RpcAsk ask)
    {
        var args = ask.Request.Arguments;
        var background = CallRequests.JoinedFiles(args.OptionalString("bg_file"));
        if (!Sound.TryOpen(new ConferenceOptions(background, args.Boolean("talker_events"), Application: ask.Request.Application), out var refusal))
        {
            ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable($"no capacity for another conference on this node: {refusal.Text()}")));
            StopSelf();
            return;
        }
        Create(Modules.Conference, id => ConferenceDecider.Decide(null, ConferenceRequests.Construct(ask.Request, id, ask.RecordPath),
            System.Clock.UnixMillis, _services.Settings), ask);
    }

    protected override bool ReceiveAlive(object message)
    {
        switch (message)
        {
            case MembersDue due:
                AwaitMembers(due);
                return true;
            case MixHappened happened:
                if (Sound.Concerns(happened)) Hear(happened);
                return true;
            default:
                return false;
        }
    }

    private void Hear(MixHappened happened)
    {
        switch (happened.Event)
        {
            case Cti.Media.Session.Mix.ConferenceClosed:
                Sound.HasEnded();
                if (!State.WasReleased) Run(new ConferenceBroke(), null);
                break;
            case TalkerChanged talker:
                if (Sound.MemberOf(talker.Session) is { } call) Run(new MemberTalks(call, talker.Talking), null);
                break;
            case ConferenceSoundFailed failed:
                System.Log.Write(LogEvents.ConferenceSoundFailed, State.Id, failed.Detail);
                break;
            default:
                if (MediaDescriptions.ToCommand(happened.Event) is { } command) Run(command, null);
                break;
        }
    }

    /// <summary>The media side is asked first: a member that it has no room for is refused instead of entering and being put out again.</summary>
    protected override ResourceCommand Complete(ResourceCommand command) =>
        command is EnterAsked asked && !Sound.TakesIn(State, asked) ? asked with { NoRoom = true } : command;

    protected override void Perform(ResourceEffect effect, RpcAsk? ask)
    {
        switch (effect)
        {
            case AnswerEntry answer:
                TellOrLearn(answer.Call, new EnterAnswered(answer.Op, Name, answer.Refusal) { Link = Sound.LinkOf(answer) });
                break;
            case AskMember member:
                TellOrLearn(member.Call, new SeatAsked(member.Op, Name));
                break;
            case PartMember part:
                Tell(part.Call, new ConferenceParted(part.Op, part.Error, part.Message));
                break;
            case AnswerChild answer:
                TellOrLearn(answer.Child, new ParentAnswers(Name, answer.Refusal, answer.MayDial));
                break;
            case CloseMix:
                Sound.Close();
                break;
            default:
                Sound.Perform(effect);
                break;
        }
    }

    // ---- after the loss of its node ----

    protected override void GoOn(Recover recover)
    {
        var conference = State;
        if (conference.WasReleased)
        {
            RunCommitted(-1);
            return;
        }
        if (!Sound.TryOpen(new ConferenceOptions(conference.Background, conference.TalkerEvents, IsOwed: true, conference.Application), out _))
        {
            foreach (var path in conference.RecordPaths) _services.Recordings.Repair(path);
            Run(new NodeLost(), null);
            return;
        }
        if (_cell.IsHandedOver) AwaitMembers(new MembersDue(recover.LostAtMillis, 0));
        else GoOnWithMembers(recover.LostAtMillis);
    }

    /// <summary>
    /// Calls that came here with the conference are in the old mix, with all others, until their far ends listen to here: then everyone changes at once.
    /// </summary>
    private void AwaitMembers(MembersDue due)
    {
        Sound.AwaitsMembers = due.Looks < MemberLooksMax && State.Members.Any(member => _media.IsSoundElsewhere(member.Call));
        if (Sound.AwaitsMembers)
        {
            StartTimer("members", MemberLookMillis, due with { Looks = due.Looks + 1 });
            return;
        }
        _cell.IsHandedOver = false;
        GoOnWithMembers(due.LostAtMillis);
    }

    private void GoOnWithMembers(long lostAtMillis)
    {
        var conference = State;
        if (conference.WasReleased) return;
        var path = conference.Recording?.FullPath;
        var sees = path is null || _services.Recordings.IsVisible(path);
        if (path is not null && (!sees || conference.Recording!.Ending is not null)) _services.Recordings.Repair(path);
        Run(new WasRecovered(lostAtMillis) { SeesRecording = sees }, null);
        foreach (var child in conference.Children) TellOrLearn(child.Child, new ParentLooks(Name));
    }

    // ---- on its way to another node ----

    protected override string? WhyNotPart() => _cell.IsHandedOver ? "has just come, and so have its members" : null;

    protected override void EndShared() => Sound.EndShared();

    protected override bool IsSharedOver => Sound.IsSharedOver;

    protected override bool TakeWhileParting(object message) => message is MixHappened happened && Sound.TakeWhileParting(happened);

    protected override void ResumeShared()
    {
        if (State.Recording is null) return;
        // As after a loss of the node.
        Sound.AbandonEnded();
        GoOn(new Recover(System.Clock.UnixMillis));
    }

    protected override void Silence() => Sound.Abandon();

    protected override void LeaveSound() => Sound.LeaveToNode();

    protected override IEnumerable<string> PeersAt(PeerMoved moved) => State.Members.Select(static member => member.Call).Where(moved.Concerns);
}
