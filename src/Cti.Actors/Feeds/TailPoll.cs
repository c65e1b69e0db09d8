using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Actors.Feeds;

/// <summary>
/// Which peer pushes an instance's events here. What nobody pushes (a link is down, an owner is being replaced) is found by asking the store for all tails; one
/// question at a time, and once more where it was wanted again meanwhile. Under the hub's lock.
/// </summary>
internal sealed class TailPoll(EventHub hub, ClusterSight sight) : IWorkItem
{
    private readonly FeedPeer?[] _pushedBy = new FeedPeer?[hub.InstanceCount];
    private bool _isPolling;
    private bool _pollsAgain;

    internal bool Has(int instance) => (uint)instance < (uint)_pushedBy.Length;

    /// <summary>A peer pushes an instance's events from now on.</summary>
    internal void Push(FeedPeer peer, int instance) => _pushedBy[instance] = peer;

    /// <summary>Nobody pushes an instance's events any more.</summary>
    internal void Forget(int instance) => _pushedBy[instance] = null;

    /// <summary>A peer pushes nothing any more.</summary>
    internal void Forget(FeedPeer peer)
    {
        for (var instance = 0; instance < _pushedBy.Length; instance++)
        {
            if (_pushedBy[instance] == peer) _pushedBy[instance] = null;
        }
    }

    /// <summary>Asks the store for the tails, if anything is not pushed.</summary>
    internal void Ask()
    {
        if (!IsNeeded()) return;
        _pollsAgain = _isPolling;
        if (_isPolling) return;
        _isPolling = true;
        hub.Post(this);
    }

    /// <summary>Asks, outside of the lock.</summary>
    public void Run() => _ = ReadAsync();

    private bool IsNeeded()
    {
        var newest = NewestAnnounced();
        for (var instance = 0; instance < _pushedBy.Length; instance++)
        {
            if (!hub.Own[instance] && !IsPushed(instance, newest)) return true;
        }
        return false;
    }

    private long NewestAnnounced()
    {
        var newest = 0L;
        foreach (var feeds in hub.OpenApplications) newest = Math.Max(newest, feeds.NewestAnnouncement);
        return newest;
    }

    // By whom the view knows as the owner: one that was deposed does not know yet that it pushes no more.
    private bool IsPushed(int instance, long announced) =>
        _pushedBy[instance] is { IsConnected: true } peer && peer.Covered >= announced && sight.IsOwner(peer.Name, instance);

    private async Task ReadAsync()
    {
        IReadOnlyList<InstanceOwnership> rows;
        try
        {
            rows = await hub.Store.ReadOwnershipAsync().ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            rows = [];
        }
        using (hub.Enter())
        {
            _isPolling = false;
            var newest = NewestAnnounced();
            foreach (var row in rows)
            {
                if (hub.Own[row.Instance] || IsPushed(row.Instance, newest)) continue;
                hub.Learn(row.Instance, row.Tail, feeds => !IsPushed(row.Instance, feeds.AnnouncedIn(row.Instance)));
            }
            if (!_pollsAgain) return;
            _pollsAgain = false;
            Ask();
        }
    }
}
