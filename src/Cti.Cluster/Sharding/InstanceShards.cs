using Cti.Cluster.Membership;
using Cti.Persistence;

namespace Cti.Cluster.Sharding;

/// <summary>
/// The leases that this node's shards ask for, and what becomes of them: what was waited for is here, or another's. It outlives the actor systems that use it.
/// </summary>
/// <param name="count">How many instances the cluster has.</param>
/// <param name="leases">This node's leases in the store.</param>
internal sealed class InstanceShards(int count, IInstanceLeases leases) : IClusterEvents
{
    /// <summary>Where Akka's configuration names the lease.</summary>
    public const string LeaseKey = "cti-instance-lease";

    private readonly Lock _gate = new();
    private readonly Asked?[] _asked = new Asked?[count];

    /// <summary>How many instances the cluster has.</summary>
    public int Count => count;

    public ClusterView View => leases.View;
    public string Self => leases.Self;

    public bool Holds(int instance) => leases.Holds(instance);

    /// <summary>How many shards live here, with their leases, and how many wait for theirs.</summary>
    public (int Owned, int Wanted) CountShards()
    {
        var (owned, wanted) = (0, 0);
        lock (_gate)
        {
            foreach (var asked in _asked)
            {
                if (asked is null) continue;
                if (asked.IsGranted) owned++;
                else wanted++;
            }
        }
        return (owned, wanted);
    }

    /// <summary>A shard asks for its instance.</summary>
    /// <param name="instance">Which.</param>
    /// <param name="lost">Called when it will not get it, or has lost it.</param>
    public Task<bool> AcquireAsync(int instance, Action<Exception> lost)
    {
        var asked = new Asked(lost);
        lock (_gate)
        {
            _asked[instance]?.End();
            _asked[instance] = asked;
        }
        leases.Want(instance);
        Look(instance);
        return asked.Task;
    }

    /// <summary>A shard has ended.</summary>
    public void Release(int instance)
    {
        lock (_gate)
        {
            _asked[instance]?.End();
            _asked[instance] = null;
        }
        leases.WantNoMore(instance);
    }

    /// <inheritdoc/>
    public void OnViewChanged(ClusterView before, ClusterView now)
    {
        for (var instance = 0; instance < count; instance++) Look(instance);
    }

    /// <inheritdoc/>
    public void OnGained(IReadOnlyList<InstanceOwnership> gained, long lostAtMillis, bool isHandedOver)
    {
        foreach (var instance in gained) Look(instance.Instance);
    }

    /// <inheritdoc/>
    public void OnLost(IReadOnlyList<int> instances)
    {
        foreach (var instance in instances) Look(instance);
    }

    private void Look(int instance)
    {
        Asked? asked;
        lock (_gate) asked = _asked[instance];
        if (asked is null) return;
        if (leases.Holds(instance)) asked.Grant();
        else if (asked.IsGranted || leases.View.OwnerOf(instance) is { } owner && owner.Name != leases.Self) Lose(instance, asked);
    }

    private void Lose(int instance, Asked asked)
    {
        lock (_gate)
        {
            if (_asked[instance] == asked) _asked[instance] = null;
        }
        leases.WantNoMore(instance);
        asked.Lose();
    }

    /// <summary>What one shard has asked for.</summary>
    private sealed class Asked(Action<Exception> lost)
    {
        private readonly TaskCompletionSource<bool> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _isOver;

        public Task<bool> Task => _answer.Task;

        public bool IsGranted => _answer.Task is { IsCompletedSuccessfully: true, Result: true };

        public void Grant() => _answer.TrySetResult(true);

        public void End() => _answer.TrySetResult(false);

        public void Lose()
        {
            if (Interlocked.Exchange(ref _isOver, 1) != 0) return;
            // It hears of the loss before of the refusal: a shard that was refused would ask again for ever.
            lost(new OperationCanceledException("another node owns the instance"));
            End();
        }
    }
}
