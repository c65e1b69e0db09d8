using Cti.Persistence;

namespace Cti.Actors.Feeds;

/// <summary>
/// Another node, as seen by the feeds of this one: what it wants to hear of what is published here, and what it tells. Under the hub's lock.
/// </summary>
internal sealed class FeedPeer(string name, int instanceCount, long seenAt)
{
    /// <summary>Bytes of events that wait for the link; past it they are dropped and the peer reads the store.</summary>
    private const int PendingBytesMax = 8 * 1024 * 1024;
    /// <summary>About how large a message gets: a few TCP windows, so that other channels' messages get between.</summary>
    private const int MessageBytes = 128 * 1024;

    private readonly long[] _told = new long[instanceCount];
    private readonly List<StoredEvent> _pending = [];
    // By application: the instances that its feeds there want to hear of.
    private Dictionary<string, bool[]> _applications = new(StringComparer.Ordinal);
    private long _version;
    private int _pendingBytes;

    internal string Name => name;

    internal bool IsConnected { get; private set; }

    /// <summary>Since when it is out of reach, in nanoseconds of the monotonic clock; meaningful while it is not connected.</summary>
    internal long LostAt { get; private set; } = seenAt;

    /// <summary>The applications with feeds there.</summary>
    internal IReadOnlyCollection<string> Applications => _applications.Keys;

    /// <summary>Whether it has said what it wants to hear, so that it is told anything.</summary>
    internal bool IsListening { get; private set; }

    /// <summary>Whether it is owed a message that says from where on it hears all.</summary>
    internal bool NeedsBase { get; set; }

    /// <summary>The version of this node's list of applications that the peer pushes for; 0 while it does not.</summary>
    internal long Covered { get; set; }

    /// <summary>Whether the cluster's view has it.</summary>
    internal bool IsLiving { get; set; }

    /// <summary>Whether it is owed this node's list of applications.</summary>
    internal bool NeedsInterest { get; set; }

    /// <summary>Whether it shall be asked for its list with that.</summary>
    internal bool IsAsked { get; set; }

    /// <summary>Whether the link refused a message: nothing more is tried for a moment.</summary>
    internal bool IsBlocked { get; set; }

    /// <summary>Whether messages about groups were refused by the link and are to be said again.</summary>
    internal bool NeedsGroups { get; set; }

    internal bool HasPending => _pending.Count > 0;

    internal void Connect()
    {
        IsConnected = true;
        IsBlocked = false;
        Forget();
    }

    internal void Break(long now)
    {
        if (IsConnected) LostAt = now;
        IsConnected = false;
        Forget();
    }

    /// <summary>Forgets what a session of the link has agreed on; the applications go with it.</summary>
    internal void Forget()
    {
        IsListening = false;
        Covered = 0;
        _applications = new Dictionary<string, bool[]>(StringComparer.Ordinal);
        DropPending();
    }

    internal void Listen(FeedInterest interest)
    {
        IsListening = true;
        NeedsBase = true;
        _version = interest.Version;
        _applications = new Dictionary<string, bool[]>(StringComparer.Ordinal);
        foreach (var (application, instances) in interest.Applications)
        {
            var wanted = _applications[application] = new bool[_told.Length];
            foreach (var instance in instances)
            {
                if ((ulong)instance < (ulong)wanted.Length) wanted[instance] = true;
            }
        }
    }

    /// <summary>Keeps an event for the next message, if that peer wants it.</summary>
    internal bool Offer(StoredEvent happened)
    {
        if (!IsListening || !_applications.TryGetValue(happened.Application, out var wanted) || !wanted[happened.Instance]) return false;
        _pending.Add(happened);
        _pendingBytes += happened.Params.Length + happened.Media.Length + happened.ResourceId.Length + happened.Method.Length;
        if (_pendingBytes <= PendingBytesMax) return true;
        DropPending();
        NeedsBase = true;
        return true;
    }

    /// <summary>Something that was queued never went out: the peer has a gap, and is told so.</summary>
    internal void Lose()
    {
        DropPending();
        NeedsBase = true;
    }

    /// <summary>This node owns an instance from here on: what came before was another's to tell.</summary>
    internal void Restart(int instance, long tail)
    {
        _told[instance] = tail;
        NeedsBase = true;
    }

    /// <summary>Whether an owned instance has come further than the peer was told.</summary>
    internal bool IsBehind(int instance, long published) => IsListening && _told[instance] < published;

    /// <summary>Makes the messages that bring the peer up to date.</summary>
    /// <param name="own">The instances that this node owns.</param>
    /// <param name="published">Their newest published positions.</param>
    /// <param name="withQuiet">Whether to tell also of instances without an event for the peer.</param>
    /// <param name="send">Given each message.</param>
    internal void Write(ReadOnlySpan<bool> own, ReadOnlySpan<long> published, bool withQuiet, Action<byte[]> send)
    {
        if (!IsListening) return;
        WriteSections(own, published, withQuiet && !NeedsBase, send);
        if (!NeedsBase) return;
        NeedsBase = false;
        var positions = new List<KeyValuePair<int, long>>();
        for (var instance = 0; instance < own.Length; instance++)
        {
            if (!own[instance]) continue;
            _told[instance] = published[instance];
            positions.Add(new KeyValuePair<int, long>(instance, published[instance]));
        }
        send(new FeedBase(_version, positions).Encode());
    }

    private void WriteSections(ReadOnlySpan<bool> own, ReadOnlySpan<long> published, bool withQuiet, Action<byte[]> send)
    {
        FeedWireWriter? wire = null;
        foreach (var (instance, events) in Split())
        {
            var to = events[^1].Position;
            Put(ref wire, new FeedSection(instance, _told[instance], to, events), send);
        }
        for (var instance = 0; withQuiet && instance < own.Length; instance++)
        {
            if (own[instance] && _told[instance] < published[instance])
                Put(ref wire, new FeedSection(instance, _told[instance], published[instance], []), send);
        }
        if (wire is not null) send(wire.ToArray());
        DropPending();
    }

    private void Put(ref FeedWireWriter? wire, FeedSection section, Action<byte[]> send)
    {
        wire ??= new FeedWireWriter(FeedMessageKind.Push);
        section.Encode(wire);
        _told[section.Instance] = section.To;
        if (wire.Length < MessageBytes) return;
        send(wire.ToArray());
        wire = null;
    }

    // Runs of one instance, in order, and none larger than a message should be.
    private List<KeyValuePair<int, List<StoredEvent>>> Split()
    {
        var runs = new List<KeyValuePair<int, List<StoredEvent>>>();
        var open = new Dictionary<int, (List<StoredEvent> Events, int Bytes)>();
        foreach (var happened in _pending)
        {
            var run = open.GetValueOrDefault(happened.Instance);
            if (run.Events is null || run.Bytes > MessageBytes) runs.Add(new KeyValuePair<int, List<StoredEvent>>(happened.Instance, (run = ([], 0)).Events));
            run.Events.Add(happened);
            open[happened.Instance] = (run.Events, run.Bytes + happened.Params.Length + happened.Media.Length);
        }
        return runs;
    }

    private void DropPending()
    {
        _pending.Clear();
        _pendingBytes = 0;
    }
}
