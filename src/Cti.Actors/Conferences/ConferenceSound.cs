using Cti.Actors.MediaNode;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Actors.Conferences;

/// <summary>
/// A conference's mix. A member is one session in it wherever its call lives: the call's own where that is on this node, else a link's, which stands in its
/// place. Every change is made here, so they take effect in the order in which they are decided. It outlives a crash of the conference's actor, which alone
/// touches it.
/// </summary>
internal sealed class ConferenceSound(NodeMedia media, MediaProfile profile, ConferenceCell cell)
{
    /// <summary>Whose a session in the mix is.</summary>
    private readonly Dictionary<MediaSessionId, string> _members = [];

    /// <summary>Members on other nodes: the saga of their entry, and the link that stands in their place.</summary>
    private readonly Dictionary<string, (string Op, LinkAudio Sound)> _links = [];

    private HeldMix? _mix;

    /// <summary>The recording that is being ended because the conference is about to move; 0 for none.</summary>
    private long _endingRecord;

    /// <summary>Whether there is a mix.</summary>
    public bool IsOpen => _mix is not null;

    /// <summary>Until everyone changes to this mix nothing is heard in it: then it becomes what the journal says.</summary>
    public bool AwaitsMembers { get; set; }

    /// <summary>Whether no file is being completed.</summary>
    public bool IsSharedOver => _endingRecord == 0;

    private IMediaPort Port => media.Port;

    private string Application => cell.State!.Application;

    /// <summary>Opens the mix; false where the media side says why not.</summary>
    public bool TryOpen(ConferenceOptions options, out MediaRefusal refusal)
    {
        _mix = media.TryOpenMix(options, cell.Actor, out refusal);
        return _mix is not null;
    }

    /// <summary>Ends the mix with a word to its members.</summary>
    public void Close()
    {
        CloseLinks();
        if (Leave() is { } mix) NodeMedia.Close(mix);
    }

    /// <summary>Ends it without: another node owns the conference, or a new mix follows.</summary>
    public void Abandon()
    {
        CloseLinks();
        if (Leave() is { } mix) media.Abandon(mix);
    }

    /// <summary>Leaves it to the media node: members hear this mix until they are in the new owner's.</summary>
    public void LeaveToNode()
    {
        var held = new List<HeldMedia>(_links.Values.Select(static link => link.Sound.Held));
        _links.Clear();
        if (Leave() is { } mix) held.Add(mix);
        media.Keep(cell.State!.Id, held);
    }

    /// <summary>Whether a report is about the mix that there is: what was on its way when one was given up concerns nobody.</summary>
    public bool Concerns(MixHappened happened) => _mix?.Id == happened.Mix;

    /// <summary>The mix is gone.</summary>
    public void HasEnded() => Leave();

    /// <summary>Whose a session in the mix is; null for nobody's.</summary>
    public string? MemberOf(MediaSessionId session) => _members.GetValueOrDefault(session);

    /// <summary>What the answer to a member's question says of its link; null where it needs none.</summary>
    public Cti.Calls.LinkSound? LinkOf(AnswerEntry answer) =>
        answer.Refusal is null && _links.TryGetValue(answer.Call, out var link) && link.Op == answer.Op ? link.Sound.Own : null;

    /// <summary>Carries out an effect in the mix.</summary>
    public void Perform(ResourceEffect effect)
    {
        if (_mix is not { Id: var mix }) return;
        switch (effect)
        {
            case SetMemberMedia set when SessionOf(set.Call) is { } session:
                Port.SetMember(mix, session, MemberAs(set.VoiceMode, set.Volume));
                break;
            case LeaveMedia leave:
                Leave(mix, leave.Call);
                break;
            case HearChild child:
                // A child that nobody can hear for want of room goes on ringing all the same.
                Join(child.Child, new ConferenceMember(VoiceMode.Talk));
                break;
            case SetRingBack { On: true }:
                Port.StartConferenceRingBack(mix, profile.RingBackCountry);
                break;
            case SetRingBack:
                Port.StopConferenceRingBack(mix);
                break;
            case Cti.Calls.Conference.PlayEntrySound sound:
                Port.PlayEntrySound(mix, sound.Files);
                break;
            case StartConferenceSound or StopConferenceSound or StartMixRecord or StopMixRecord when AwaitsMembers:
                break;
            case StartConferenceSound start:
                Port.PlayToConference(mix, new PlayRequest(start.Number, start.Files, start.IsLoop ? -1 : 0, start.OffsetMillis, Application));
                break;
            case StopConferenceSound stop:
                Port.StopConferencePlay(mix, stop.Number);
                break;
            case StartMixRecord start:
                var format = Enum.Parse<RecordFormat>(start.Format, ignoreCase: true);
                Port.RecordConference(mix, new RecordRequest(start.Number, start.FullPath, format, Beep: false, start.Appends, Application: Application));
                break;
            case StopMixRecord stop:
                Port.StopConferenceRecord(mix, stop.Number);
                break;
        }
    }

    /// <summary>Takes the sound of a call that asks into the mix; false only where the media side has no room.</summary>
    public bool TakesIn(ConferenceState state, EnterAsked asked)
    {
        var known = ConferenceDecider.IsIn(state, asked) ? state.Members.First(member => member.Call == asked.Call) : null;
        if (known is null && !ConferenceDecider.WillEnter(state, asked)) return true;
        var member = MemberAs(known?.VoiceMode ?? asked.VoiceMode, known is null ? asked.Volume : known.Volume);
        if (asked.Link is not { } offer)
        {
            CloseLink(asked.Call);
            return (known is not null && SessionOf(asked.Call) is { } inside && _members.ContainsKey(inside)) || Join(asked.Call, member);
        }
        if (_links.TryGetValue(asked.Call, out var before) && before.Sound.Own.Id == offer.Id) return true;
        CloseLink(asked.Call);
        if (_mix is not { Id: var mix }) return true;
        if (LinkAudio.Accept(media, cell.Actor, offer) is not { } link) return false;
        if (!Port.Join(mix, link.Session, member))
        {
            link.Close();
            return false;
        }
        _links[asked.Call] = (asked.Op, link);
        // Where it was in until now it stays until it is let go of, but it talks here.
        foreach (var former in _members.Where(inMix => inMix.Value == asked.Call).Select(static inMix => inMix.Key).ToList()) _members.Remove(former);
        _members[link.Session] = asked.Call;
        return true;
    }

    /// <summary>Ends what two nodes cannot hold at once: a file has one writer.</summary>
    public void EndShared()
    {
        if (_mix is not { } mix || cell.State?.Recording is not { } record) return;
        _endingRecord = record.Number;
        Port.StopConferenceRecord(mix.Id, record.Number);
    }

    /// <summary>Whether a report while the conference parts needs no more attention.</summary>
    public bool TakeWhileParting(MixHappened happened)
    {
        if (!Concerns(happened)) return true;
        switch (happened.Event)
        {
            case RecordEnded ended when ended.Action == _endingRecord:
                _endingRecord = 0;
                return true;
            case Cti.Media.Session.Mix.ConferenceClosed:
                _endingRecord = 0;
                HasEnded();
                return true;
            default:
                return false;
        }
    }

    /// <summary>The conference stays: its recording goes on in the same file, in a new mix.</summary>
    public void AbandonEnded()
    {
        _endingRecord = 0;
        Abandon();
    }

    private HeldMix? Leave()
    {
        var mix = _mix;
        _mix = null;
        _members.Clear();
        return mix;
    }

    /// <summary>False only where the media side has no room: a call without a session has hung up, and says so itself.</summary>
    private bool Join(string call, ConferenceMember member)
    {
        if (_mix is not { Id: var mix } || SessionOf(call) is not { } session) return true;
        if (!Port.Join(mix, session, member)) return false;
        _members[session] = call;
        return true;
    }

    private void Leave(ConferenceId mix, string call)
    {
        foreach (var (session, inMix) in _members)
        {
            if (inMix != call) continue;
            Port.Leave(mix, session);
            _members.Remove(session);
            break;
        }
        CloseLink(call);
    }

    private void CloseLinks()
    {
        foreach (var call in _links.Keys.ToList()) CloseLink(call);
    }

    private void CloseLink(string call)
    {
        if (!_links.Remove(call, out var link)) return;
        _members.Remove(link.Sound.Session);
        link.Sound.Close();
    }

    private MediaSessionId? SessionOf(string call) => _links.TryGetValue(call, out var link) ? link.Sound.Session : media.SessionOf(call);

    private static ConferenceMember MemberAs(int voiceMode, int? volume) => new((VoiceMode)voiceMode, volume ?? 0);
}
