using System.Collections.Concurrent;
using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Actors.MediaNode;

/// <summary>
/// The way to this node's RTP: whoever holds a session or a mix opens it here and gets its reports; that it ends is seen to by <see cref="MediaNodeActor"/>,
/// which owns it. Opening is a call and no message, since what is answered to an INVITE depends on it; everything here may be called on any thread.
/// </summary>
internal sealed class NodeMedia
{
    private readonly IMediaPort? _port;
    private readonly Departures _departures;
    private readonly ActorHandle _actor;
    private readonly ConcurrentDictionary<ResourceId, MediaSessionId> _voices = new();
    private readonly ConcurrentDictionary<ResourceId, byte> _soundElsewhere = new();
    private long _lastSession, _lastConference;
    private int _openSessions, _openConferences;

    /// <summary>Makes the node's media side.</summary>
    /// <param name="port">RTP; null on a node that owns no call.</param>
    /// <param name="departures">Resources that go to other nodes.</param>
    /// <param name="post">Brings keys to calls that have moved.</param>
    /// <param name="system">The node's actors.</param>
    public NodeMedia(IMediaPort? port, Departures departures, ResourcePost post, ActorHost system)
    {
        (_port, _departures) = (port, departures);
        var owned = new OwnedMedia();
        _actor = system.Spawn("media", () => new MediaNodeActor(this, owned, departures, post));
    }

    /// <summary>What runs in sessions and mixes.</summary>
    public IMediaPort Port => _port ?? throw new InvalidOperationException("a node without the role media has no RTP");

    /// <summary>Sessions open now.</summary>
    public int OpenSessions => Volatile.Read(ref _openSessions);

    /// <summary>Mixes open now.</summary>
    public int OpenConferences => Volatile.Read(ref _openConferences);

    /// <summary>Opens a session; null when the media side says why not.</summary>
    /// <param name="options">How.</param>
    /// <param name="holder">The resource that it is for: the session ends with it.</param>
    /// <param name="isHeard">Whether the holder is told what happens in it.</param>
    /// <param name="refusal">Why not.</param>
    public HeldSession? TryOpen(MediaSessionOptions options, ActorHandle holder, bool isHeard, out MediaRefusal refusal)
    {
        var held = new HeldSession(this, new MediaSessionId(Interlocked.Increment(ref _lastSession)), holder, isHeard ? holder : null);
        if (Port.TryOpen(held.Id, options, held, out refusal) is not { } local) return null;
        held.Local = local;
        Interlocked.Increment(ref _openSessions);
        _actor.Tell(new Opened(held));
        return held;
    }

    /// <summary>Opens a mix; null when the media side says why not.</summary>
    /// <param name="options">How.</param>
    /// <param name="holder">The conference that it is for: the mix ends with it.</param>
    /// <param name="refusal">Why not.</param>
    public HeldMix? TryOpenMix(ConferenceOptions options, ActorHandle holder, out MediaRefusal refusal)
    {
        var held = new HeldMix(this, new ConferenceId(Interlocked.Increment(ref _lastConference)), holder);
        if (!Port.OpenConference(held.Id, options, held, out refusal)) return null;
        Interlocked.Increment(ref _openConferences);
        _actor.Tell(new Opened(held));
        return held;
    }

    /// <summary>Ends a session or a mix with a word to its far ends.</summary>
    public static void Close(HeldMedia held)
    {
        if (held.IsOver) return;
        held.IsOver = true;
        held.Close();
    }

    /// <summary>Ends it without a word to anyone: no report tells of its end.</summary>
    public void Abandon(HeldMedia held)
    {
        if (held.IsOver) return;
        held.IsOver = true;
        held.Abandon();
        HasEnded(held);
    }

    /// <summary>Leaves what a resource sounds by to this node, since the resource goes to another one.</summary>
    public void Keep(ResourceId resource, IReadOnlyList<HeldMedia> held)
    {
        if (held.Count == 0 || _departures.Find(resource) is not { } departure)
        {
            foreach (var one in held) Abandon(one);
            return;
        }
        departure.IsKept = true;
        foreach (var one in held) one.IsKept = true;
        _actor.Tell(new Keep(resource, held));
        foreach (var one in held) one.ReportTo(_actor);
    }

    /// <summary>What is kept of a resource is not needed any more.</summary>
    public void LetGo(ResourceId resource) => _actor.Tell(new LetGo(resource));

    // ---- in which session a call's far end is heard ----

    /// <summary>A call's far end is heard in that session.</summary>
    public void IsHeardIn(ResourceId call, MediaSessionId session) => _voices[call] = session;

    /// <summary>It is not any more.</summary>
    public void IsHeardNoMore(ResourceId call, MediaSessionId session) => _voices.TryRemove(KeyValuePair.Create(call, session));

    /// <summary>The session in which a call's far end is heard; null where the call is not heard on this node.</summary>
    public MediaSessionId? SessionOf(string call) => ResourceId.TryParse(call, out var id) && _voices.TryGetValue(id, out var session) ? session : null;

    // ---- calls that have come and whose sound has not ----

    /// <summary>A call has come; until its far end listens to here, the node that gave it sounds for it.</summary>
    public void SoundsElsewhere(ResourceId call) => _soundElsewhere[call] = 0;

    /// <summary>It sounds from here, or is gone.</summary>
    public void SoundsHere(ResourceId call) => _soundElsewhere.TryRemove(call, out _);

    /// <summary>Whether another node still sounds for a call of this one.</summary>
    public bool IsSoundElsewhere(string call) => ResourceId.TryParse(call, out var id) && _soundElsewhere.ContainsKey(id);

    internal void HasEnded(HeldMedia held)
    {
        if (!held.TryEnd()) return;
        if (held is HeldSession) Interlocked.Decrement(ref _openSessions);
        else Interlocked.Decrement(ref _openConferences);
        _actor.Tell(new Ended(held));
    }
}
