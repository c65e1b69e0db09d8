using System.Net.Sockets;
using Cti.Actors.MediaNode;
using Cti.Actors.Trunks;
using Cti.Calls;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;
using Cti.Sip.Sdp;

namespace Cti.Actors.Calls;

/// <summary>
/// A call's sound: its RTP session, and how the bridge or conference that it is in is heard. The other side is one session wherever it lives: its own where it
/// is on this node, else a link's, which stands in its place. The first party of a bridge and the member of a conference offer the link with their question,
/// whoever answers opens its other end; whenever one of the two has a new owner there is a new question, and a new pair of sessions with new keys.
/// <code>
///   (none) ──other side here──────────────► bound to its session ◄──┐ the bridge is made anew: what carried it until then is
///      ├──offers a link──answered─────────► bound to the link ◄─────┘ the former way, until the next one does
///      └──takes an offered link───────────► bound to the link         (a recording has one writer: it is ended first)
/// </code>
/// It outlives a crash of the call's actor, which alone touches it; a new owner begins with none.
/// </summary>
internal sealed class CallSound(CallServices services, CallCell cell)
{
    /// <summary>Half of what a new owner allows for (<see cref="Limits.SoundBeginsMillis"/>): most plays begin earlier and cost no entry.</summary>
    private const int PlayLateMillis = Limits.SoundBeginsMillis / 2;

    private readonly HashSet<long> _ending = [];
    private HeldSession? _session;
    /// <summary>What the media side was told last.</summary>
    private NegotiatedAudio? _audio;
    private SharedSound? _shared;
    /// <summary>The link that carried the sound before, until the next one does.</summary>
    private LinkAudio? _former;
    /// <summary>What the first party of a bridge on another node offered.</summary>
    private (string Op, LinkSound Link)? _offered;
    /// <summary>The number of a bridge that is being ended to be made anew; 0 for none. Its recording has to be complete first.</summary>
    private long _endingNumber;
    /// <summary>The answer that waits for that.</summary>
    private JoinAnswered? _late;
    /// <summary>Numbers of bridges to links, which nobody is told about: below 0.</summary>
    private long _linkNumber;

    private IMediaPort Port => services.Media.Port;

    private CallState State => cell.State!;

    /// <summary>Whether there is a session.</summary>
    public bool IsOpen => _session is not null;

    /// <summary>Whether what is shared with others sounds from here.</summary>
    public bool IsShared => _shared is { IsRunning: true };

    /// <summary>Whether everything that two nodes cannot hold at once has ended.</summary>
    public bool IsSharedOver => _ending.Count == 0;

    // ---- the session ----

    /// <summary>Opens the session; false where the media side says why not.</summary>
    public bool TryOpen(MediaSessionOptions options, out MediaRefusal refusal)
    {
        _session = services.Media.TryOpen(options, cell.Actor, isHeard: true, out refusal);
        return _session is not null;
    }

    /// <summary>Our side of the audio, for an offer or an answer.</summary>
    /// <param name="trunk">What the call goes or came over; null for none.</param>
    public LocalAudio Describe(Trunk? trunk)
    {
        var number = services.Random.NextUInt64() >> 2;
        return new LocalAudio(_session!.Local.Address.ToString(), _session.Local.Port, number, 1, trunk?.Codecs ?? services.MediaProfile.Codecs)
        {
            Able = services.MediaProfile.Able,
            Crypto = services.MediaProfile.Crypto(trunk?.Srtp, services.Random),
        };
    }

    /// <summary>The call exists: others find its session by its name.</summary>
    public void IsNamed()
    {
        if (_session is { } session) services.Media.IsHeardIn(State.Id, session.Id);
    }

    /// <summary>Ends the session and what it is bound to, with a word to the far end.</summary>
    public void Close()
    {
        DropShared();
        if (Leave() is { } session) NodeMedia.Close(session);
    }

    /// <summary>Ends it without: another node owns the call, or a new session follows.</summary>
    public void Abandon()
    {
        DropShared();
        if (Leave() is { } session) services.Media.Abandon(session);
    }

    /// <summary>Leaves it to the media node: the call goes to another one, and its far end listens to here until it listens to there.</summary>
    public void LeaveToNode()
    {
        var held = new List<HeldMedia>();
        foreach (var link in (LinkAudio?[])[_shared?.Link, _former])
        {
            if (link is not null) held.Add(link.Held);
        }
        (_shared, _former) = (null, null);
        if (Leave() is { } session) held.Add(session);
        services.Media.Keep(State.Id, held);
    }

    /// <summary>Whether a report is about the session that the call has now: what was on its way when one was given up concerns nobody.</summary>
    public bool Concerns(MediaHappened happened) => happened.Session is not { } id || _session?.Id == id;

    /// <summary>The session is gone.</summary>
    public void HasEnded() => Leave();

    /// <summary>How the streams are; empty without a session.</summary>
    public ReadOnlyMemory<byte> Quality() => _session is { } session ? MediaQuality.Encode(Port.ReadStatistics(session.Id)) : default;

    private HeldSession? Leave()
    {
        var session = _session;
        _session = null;
        if (session is not null && cell.State is { } state) services.Media.IsHeardNoMore(state.Id, session.Id);
        return session;
    }

    // ---- what runs in it ----

    /// <summary>The far end has shown itself: RTP may go to where it came from.</summary>
    public void ConfigureAgain()
    {
        if (_audio is { } audio) Configure(audio);
    }

    /// <summary>Carries out an effect on the media side.</summary>
    public void Perform(ResourceEffect effect)
    {
        switch (effect)
        {
            case ConfigureMedia configure:
                Configure(configure.Audio);
                break;
            case StartMediaPlay play:
                if (!Tell(session => Port.StartPlay(session, new PlayRequest(play.Number, play.Files, play.Repeat, play.OffsetMillis, State.Application))))
                    Happened(new PlayEnded(play.Number, MediaOutcome.Failed, "the call has no media"));
                break;
            case StopMediaPlay stop:
                if (!Withdraw(stop.Number)) Tell(session => Port.StopPlay(session, stop.Number));
                break;
            case StartMediaRecord record:
                if (!Tell(session => Port.StartRecord(session, RequestOf(record))))
                    Happened(new RecordEnded(record.Number, MediaOutcome.Failed, 0, "the call has no media"));
                break;
            case StopMediaRecord stop:
                Tell(session => Port.StopRecord(session, stop.Number));
                break;
            case StartMediaKeys keys:
                SendKeys(keys);
                break;
            case DisconnectMedia disconnect:
                Tell(session => Port.Disconnect(session, disconnect.Number));
                break;
            case PlayToBridge play:
                Tell(session => Port.PlayToBridge(session, new PlayRequest(play.Number, [play.File], play.Times - 1, play.OffsetMillis, State.Application)));
                break;
            case StartRingBack start:
                HearRingBack(start);
                break;
            case StopRingBack { IsLine: true } stop:
                Tell(session => Port.Disconnect(session, stop.Number));
                break;
            case StopRingBack stop:
                Tell(session => Port.StopPlay(session, stop.Number));
                break;
            default:
                throw new InvalidOperationException($"no effect on the media side: {effect.GetType().Name}");
        }
    }

    /// <summary>What a report means for the call; null where nothing.</summary>
    public ResourceCommand? CommandOf(MediaEvent happened)
    {
        switch (happened)
        {
            case Cti.Media.Session.Mix.BridgeEnded ended:
                BridgeHasEnded(ended.Action);
                break;
            // What began late (its file was read, the disk took its time) would be skipped into by a new owner, which knows only what the journal says.
            case PlayStarted started when HeardSince(started.Action) is { } since && services.Clock.UnixMillis - since > PlayLateMillis:
                return new PlayWasBegun(started.Action, services.Clock.UnixMillis);
            case PlayDelayed delayed when HeardSince(delayed.Action) is { } since:
                return new PlayWasBegun(delayed.Action, since + delayed.Millis);
        }
        return MediaDescriptions.ToCommand(happened);
    }

    private void Configure(NegotiatedAudio audio)
    {
        // Where only the node that is gone knew the keys, there is silence until the far end has agreed on new ones.
        if (_session is not { } session || audio is { Srtp: not null, Keys: null }) return;
        _audio = audio;
        Port.Configure(session.Id, MediaDescriptions.From(audio, cell.Leg is { } leg && cell.State is { } call ? leg.FarEndOf(call) : new Cti.Media.FarEnd()));
    }

    /// <summary>A stop overtakes a start that still waits for the disk: then there is nothing to stop, and nothing to start any more.</summary>
    private bool Withdraw(long number)
    {
        foreach (var waiting in cell.Waiting)
        {
            if (waiting.Effects.RemoveAll(effect => effect is StartMediaPlay start && start.Number == number) > 0) return true;
        }
        return false;
    }

    private RecordRequest RequestOf(StartMediaRecord record) => new(record.Number, record.FullPath, FormatOf(record.Format), record.Beep, record.Append,
        record.Channels, record.TakesOver, State.Application);

    private static RecordFormat FormatOf(string name) => Enum.Parse<RecordFormat>(name, ignoreCase: true);

    private void SendKeys(StartMediaKeys keys)
    {
        if (cell.Leg is { SendsKeysByInfo: true } byInfo)
        {
            byInfo.SendKeysByInfo(keys.Number, keys.Keys);
            return;
        }
        var how = cell.Leg is { SendsKeysInBand: true } ? KeySending.InBand : KeySending.Negotiated;
        if (!Tell(session => Port.SendKeys(session, new SendKeysRequest(keys.Number, keys.Keys, how))))
            Happened(new SendKeysEnded(keys.Number, MediaOutcome.Failed));
    }

    private void HearRingBack(StartRingBack start)
    {
        switch (start.Sound)
        {
            case RingBackFile file:
                if (!Tell(session => Port.StartPlay(session, new PlayRequest(start.Number, file.Files(), file.Loops ? -1 : 0, Application: State.Application))))
                    Happened(new PlayEnded(start.Number, MediaOutcome.Stopped));
                break;
            case RingBackTone:
                Tell(session => Port.StartTone(session, start.Number, services.MediaProfile.RingBackCountry));
                break;
            // A child without media has just ended, and says so itself.
            case RingBackLine line when services.Media.SessionOf(line.Child) is { } source:
                Tell(session =>
                {
                    if (!Port.Listen(session, source, start.Number))
                        Decide(new BridgeFinished(start.Number, MediaEnd.Failed, "no media loop has room to listen to the line"));
                });
                break;
        }
    }

    /// <summary>Since when the journal has it that a play of that number is heard; null where there is none.</summary>
    private long? HeardSince(long number) =>
        cell.State?.Action is (PlayAction or ReceiveKeysAction { Prompting: true }) and { } action && action.Number == number
            ? action.HeardFromMillis ?? action.BeginMillis : null;

    private bool Tell(Action<MediaSessionId> command)
    {
        if (_session is not { } session) return false;
        command(session.Id);
        return true;
    }

    private void Happened(MediaEvent happened) => cell.Actor.Tell(new MediaHappened(happened));

    private void Decide(ResourceCommand command) => cell.Actor.Tell(new Resources.Decide(command));

    // ---- what is shared with others ----

    /// <summary>
    /// Prepares the way to whoever is about to be asked to join or to let in.
    /// </summary>
    /// <param name="other">Who.</param>
    /// <param name="op">The saga.</param>
    /// <param name="link">What they are told of a link, where they live on another node; else null.</param>
    /// <returns>False where there is no room for a link.</returns>
    public bool TryReach(string other, string op, out LinkSound? link)
    {
        link = null;
        if (services.Post.IsHere(other))
        {
            if (_shared is { Link: not null } linked && linked.Op == op) MakeRoom();
            return true;
        }
        MakeRoom();
        if (LinkAudio.Offer(services.Media, cell.Actor, services.Random, State.Audio?.Codec ?? services.MediaProfile.Codecs[0]) is not { } offered)
            return false;
        _shared = new SharedSound(op) { Link = offered };
        link = offered.Own;
        return true;
    }

    /// <summary>Adds to what another call says what only the media side knows.</summary>
    public ResourceCommand Complete(ResourceCommand command)
    {
        switch (command)
        {
            case JoinAnswered { Refusal: null } answered when _shared is { } shared && shared.Op == answered.Op:
                shared.Answer = answered.Link;
                return answered with { HasSound = shared.IsRunning };
            case JoinAsked { Link: { } link } asked:
                _offered = (asked.Op, link);
                return asked;
            case JoinAsked asked when _offered?.Op == asked.Op:
                _offered = null;
                return asked;
            default:
                return command;
        }
    }

    /// <summary>Whether an answer is to an older question, whose newer one's follows, or waits for the end of the bridge that is made anew.</summary>
    public bool Defers(JoinAnswered answered)
    {
        if (cell.State?.Bridge is not { IsFirst: true } bridge || bridge.Op != answered.Op) return false;
        if (answered.Link?.Id != (_shared?.Op == answered.Op ? _shared.Link?.Own.Id : null)) return true;
        if (_endingNumber == 0) return false;
        _late = answered;
        return true;
    }

    /// <summary>A decision was made: what is shared in something that is over is let go.</summary>
    public void HasDecided()
    {
        if (_shared is { } shared && cell.State?.Bridge?.Op != shared.Op && cell.State?.Seat?.Op != shared.Op) DropShared();
        if (cell.State is { Bridge: null, Seat: null }) DropFormer();
        if (_endingNumber != 0 && cell.State?.Bridge is null) (_endingNumber, _late) = (0, null);
    }

    /// <summary>The first party of a bridge connects the two, whose answer is there.</summary>
    public ConnectOutcome Connect(ConnectMedia connect, string op)
    {
        var link = _shared is { Link: { } open, Answer: { } answer } shared && shared.Op == op ? Connected(open, answer) : null;
        if (link is null && !services.Post.IsHere(connect.Peer)) return ConnectOutcome.PeerHasMoved;
        if ((link?.Session ?? services.Media.SessionOf(connect.Peer)) is not { } other || _session is not { } session) return ConnectOutcome.PeerIsSilent;
        _shared ??= new SharedSound(op);
        (_shared.Number, _shared.IsRunning) = (connect.Number, Port.Connect(session.Id, other, RequestOf(connect)));
        DropFormer();
        return _shared.IsRunning ? ConnectOutcome.Connected : ConnectOutcome.NoRoom;
    }

    /// <summary>Whether the first party of that bridge offered a link.</summary>
    public bool IsOffered(string op) => _offered?.Op == op;

    /// <summary>No link is needed any more: the first party lives here.</summary>
    public void DropLink()
    {
        if (_shared?.Link is not null) DropShared();
    }

    /// <summary>
    /// Opens the other end of what the first party offered, and lets this call's far end hear and be heard there; null where there is no room.
    /// </summary>
    public LinkSound? Take(string op)
    {
        var offer = _offered!.Value.Link;
        if (_shared is { IsRunning: true, Link: { } same } && same.Own.Id == offer.Id) return same.Own;
        DropShared();
        if (LinkAudio.Accept(services.Media, cell.Actor, offer) is not { } link) return null;
        _shared = new SharedSound(op) { Link = link };
        if (Bind(_shared, link)) return link.Own;
        DropShared();
        return null;
    }

    /// <summary>A conference has let the call in; false where no loop has room for the link to it.</summary>
    public bool HearConference(EnterAnswered entered)
    {
        if (entered.Link is not { } answer)
        {
            DropFormer();
            return true;
        }
        if (_shared is not { IsRunning: false, Link: { } link } shared || shared.Op != entered.Op || link.Own.Id != answer.Id) return true;
        link.Connect(answer);
        return Bind(shared, link);
    }

    /// <summary>Ends what two nodes cannot hold at once: files that are written.</summary>
    public void EndShared()
    {
        if (State.Action is RecordAction record) End(record.Number, session => Port.StopRecord(session, record.Number));
        if (State.SideRecord is { } side) End(side.Number, session => Port.StopRecord(session, side.Number));
        if (State.Bridge is not { IsFirst: true, Spec.RecordPath: not null } bridge || _shared is not { IsRunning: true, Number: var running }) return;
        var number = running == 0 ? bridge.Number : running;
        End(number, session => Port.Disconnect(session, number));
    }

    /// <summary>Whether a report while the call parts needs no more attention.</summary>
    public bool TakeWhileParting(MediaHappened happened)
    {
        if (!Concerns(happened)) return true;
        switch (happened.Event)
        {
            case RecordEnded ended: return _ending.Remove(ended.Action);
            case Cti.Media.Session.Mix.BridgeEnded over: return _ending.Remove(over.Action);
            case SessionClosed:
                HasEnded();
                return true;
            default: return false;
        }
    }

    /// <summary>The call stays: whether something was ended that only a new session begins again.</summary>
    public bool HasEndedShared()
    {
        _ending.Clear();
        return State is { Action: RecordAction } or { SideRecord: not null } or { Bridge: { IsFirst: true, Spec.RecordPath: not null } };
    }

    private void End(long number, Action<MediaSessionId> end)
    {
        if (Tell(end)) _ending.Add(number);
    }

    private BridgeRequest RequestOf(ConnectMedia connect)
    {
        var spec = connect.Spec;
        var recording = spec is { RecordPath: { } path, RecordFormat: { } format }
            ? new BridgeRecording(path, FormatOf(format), spec.AppendsRecording, State.Application)
            : null;
        return new BridgeRequest(connect.Number, (BridgeMode)spec.Mode, spec.LocalVolume, spec.RemoteVolume, recording);
    }

    private static LinkAudio Connected(LinkAudio link, LinkSound answer)
    {
        link.Connect(answer);
        return link;
    }

    private bool Bind(SharedSound shared, LinkAudio link)
    {
        if (_session is not { } session) return true;
        shared.Number = --_linkNumber;
        shared.IsRunning = Port.Connect(session.Id, link.Session, new BridgeRequest(shared.Number));
        DropFormer();
        return shared.IsRunning;
    }

    /// <summary>
    /// The sound is about to go another way. What it goes by until then is let go of when it does, except for a recording, which has one writer.
    /// </summary>
    private void MakeRoom()
    {
        if (cell.State?.Bridge?.Spec?.RecordPath is not null)
        {
            EndRunningBridge();
            DropShared();
            return;
        }
        if (_shared?.Link is { } link)
        {
            _former?.Close();
            _former = link;
        }
        _shared = null;
    }

    /// <summary>A bridge that leads nowhere any more makes room for the one that is made anew, once its recording is complete.</summary>
    private void EndRunningBridge()
    {
        if (_shared is not { IsRunning: true } shared) return;
        shared.IsRunning = false;
        if (shared.Number > 0) _endingNumber = shared.Number;
        Tell(session => Port.Disconnect(session, shared.Number));
    }

    private void BridgeHasEnded(long number)
    {
        if (_shared is { } shared && shared.Number == number) shared.IsRunning = false;
        if (_endingNumber != number) return;
        _endingNumber = 0;
        if (_late is not { } late) return;
        _late = null;
        Decide(late);
    }

    private void DropShared()
    {
        _shared?.Link?.Close();
        _shared = null;
        DropFormer();
    }

    private void DropFormer()
    {
        _former?.Close();
        _former = null;
    }
}
