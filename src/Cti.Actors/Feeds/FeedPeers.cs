namespace Cti.Actors.Feeds;

/// <summary>
/// The nodes that this one ever heard of, in order of name. One whose link is down stays in reach for a grace, in which its connections keep their instances.
/// Under the hub's lock.
/// </summary>
internal sealed class FeedPeers(EventHub hub)
{
    /// <summary>After how long without a link a node's connections lose their instances.</summary>
    private const long GraceMillis = 2_000;

    private readonly SortedDictionary<string, FeedPeer> _peers = new(StringComparer.Ordinal);

    internal int Count => _peers.Count;

    internal SortedDictionary<string, FeedPeer>.ValueCollection All => _peers.Values;

    internal FeedPeer? Find(string node) => _peers.GetValueOrDefault(node);

    /// <summary>The node of that name, from now on if not before.</summary>
    internal FeedPeer Of(string node)
    {
        if (_peers.TryGetValue(node, out var peer)) return peer;
        peer = new FeedPeer(node, hub.InstanceCount, hub.Clock.MonotonicNanos) { NeedsInterest = true };
        _peers.Add(node, peer);
        return peer;
    }

    /// <summary>Whether a node is connected, or was a moment ago.</summary>
    internal bool IsInReach(string node) => Find(node) is { } peer && (peer.IsConnected || hub.Clock.MonotonicNanos - peer.LostAt < GraceMillis * 1_000_000);

    /// <summary>Looks again at who coordinates the groups when a node that is not connected has had its grace.</summary>
    internal void Wait(FeedPeer peer)
    {
        if (peer.IsConnected) return;
        hub.Timers.Schedule(GraceMillis, static state => ((FeedPeers)state!).OnGrace(), this);
    }

    private void OnGrace()
    {
        using (hub.Enter()) hub.Groups.Reconsider();
    }
}
