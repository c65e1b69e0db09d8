using Cti.Cluster;
using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Actors.Feeds;

/// <summary>
/// What this node's feeds say to its peers: gathered under the hub's lock, sent outside of it, one message after the other. Four times a second, while there is
/// anything to say of them, it tells some peers of the instances that went on without an event for them, and tries again what a link refused.
/// </summary>
internal sealed class FeedOutbox(EventHub hub, INodeLinks links, FeedPeers peers) : IWorkItem
{
    /// <summary>How often a peer hears that instances went on without an event for it: bounds what a feed that opens there repeats.</summary>
    private const long QuietMillis = 250;
    /// <summary>In so many turns all peers have heard it: what a node says does not grow with the cluster.</summary>
    private const int QuietTurns = 8;

    private List<Outgoing> _outgoing = [];
    private long _version;
    private bool _isSending;
    private bool _isQuietArmed;
    private bool _isQuietDue;
    private int _quietTurn = -1;

    /// <summary>An application's feeds here, or what they want to hear of, may have changed. Under the lock.</summary>
    internal void Announce(ApplicationFeeds feeds)
    {
        if (!feeds.Announce(_version + 1, hub.Published)) return;
        _version++;
        foreach (var peer in peers.All) peer.NeedsInterest = true;
        if (peers.Count > 0) Wake();
    }

    /// <summary>Owes this node's list again to every peer that does not push for the newest. Under the lock.</summary>
    internal void RepeatInterest()
    {
        foreach (var peer in peers.All)
        {
            if (peer.IsConnected && peer.Covered < _version) peer.NeedsInterest = true;
        }
    }

    /// <summary>An event of an own instance was published. Under the lock.</summary>
    internal void Offer(StoredEvent happened)
    {
        var isWanted = false;
        foreach (var peer in peers.All) isWanted |= peer.Offer(happened);
        if (isWanted) Wake();
        else if (peers.Count > 0) ArmQuiet();
    }

    /// <summary>Queues a message. Under the lock.</summary>
    internal void Send(string node, byte[] payload)
    {
        _outgoing.Add(new Outgoing(node, payload));
        Wake();
    }

    /// <summary>Something may be due. Under the lock.</summary>
    internal void Wake()
    {
        if (_isSending) return;
        _isSending = true;
        hub.Post(this);
    }

    /// <summary>Sends what is due; posted, and never twice at once, so that messages keep their order.</summary>
    public void Run()
    {
        while (true)
        {
            List<Outgoing> batch;
            using (hub.Enter())
            {
                Gather();
                batch = _outgoing;
                if (batch.Count == 0)
                {
                    _isSending = false;
                    return;
                }
                _outgoing = [];
            }
            foreach (var message in batch)
            {
                if (links.Send(message.Node, LinkChannel.Events, message.Payload)) continue;
                using (hub.Enter()) Refused(message);
            }
        }
    }

    private void Gather()
    {
        var isQuietDue = _isQuietDue;
        _isQuietDue = false;
        var (turns, place) = (Math.Min(peers.Count, QuietTurns), 0);
        foreach (var peer in peers.All)
        {
            var isItsTurn = isQuietDue && place++ % turns == _quietTurn % turns;
            if (!peer.IsConnected || peer.IsBlocked) continue;
            if (peer.NeedsInterest)
            {
                _outgoing.Add(new Outgoing(peer.Name, Interest(peer.IsAsked).Encode()));
                peer.NeedsInterest = peer.IsAsked = false;
            }
            peer.Write(hub.Own, hub.Published, isItsTurn, payload => _outgoing.Add(new Outgoing(peer.Name, payload)));
            for (var instance = 0; instance < hub.InstanceCount && !_isQuietArmed; instance++)
            {
                if (hub.Own[instance] && peer.IsBehind(instance, hub.Published[instance])) ArmQuiet();
            }
        }
    }

    private FeedInterest Interest(bool isAsking) =>
        new(_version, isAsking, [.. hub.OpenApplications.Select(static feeds => new KeyValuePair<string, IReadOnlyList<long>>(feeds.Name, feeds.Wanted))]);

    // The queue is full, or the link broke. In the second case all is said anew once it is back.
    private void Refused(Outgoing message)
    {
        if (peers.Find(message.Node) is not { IsConnected: true } peer) return;
        peer.IsBlocked = true;
        switch ((FeedMessageKind)message.Payload[0])
        {
            case FeedMessageKind.Interest: peer.NeedsInterest = peer.IsAsked = true; break;
            case FeedMessageKind.Base or FeedMessageKind.Push: peer.Lose(); break;
            case FeedMessageKind.Report:
                // It may have been the end of a group, of which nothing is left here to repeat it: the coordinator is asked to ask.
                peer.NeedsGroups = peer.NeedsInterest = peer.IsAsked = true;
                break;
            default: peer.NeedsGroups = true; break;
        }
        ArmQuiet();
    }

    private void ArmQuiet()
    {
        if (_isQuietArmed) return;
        _isQuietArmed = true;
        hub.Timers.Schedule(QuietMillis, static state => ((FeedOutbox)state!).OnQuiet(), this);
    }

    private void OnQuiet()
    {
        using (hub.Enter())
        {
            _isQuietArmed = false;
            _isQuietDue = true;
            _quietTurn = (_quietTurn + 1) & int.MaxValue;
            foreach (var peer in peers.All)
            {
                peer.IsBlocked = false;
                if (!peer.NeedsGroups) continue;
                peer.NeedsGroups = false;
                hub.Groups.Repeat(peer.Name);
            }
            Wake();
        }
    }

    private readonly record struct Outgoing(string Node, byte[] Payload);
}
