using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Sharding;
using Cti.Cluster.Membership;
using Cti.Kernel;

namespace Cti.Cluster.Sharding;

/// <summary>
/// Where an instance's shard belongs. Who lives and owns the instance keeps it: only he can give it away, when none of its calls has anything under way. What a
/// dead node or nobody owns goes by rendezvous to a living media node that does not drain; so nothing moves but what has to.
/// </summary>
/// <param name="shards">What is known of the instances.</param>
/// <param name="timers">Timers.</param>
internal sealed class InstanceAllocation(InstanceShards shards, ITimers timers) : IShardAllocationStrategy
{
    /// <summary>Shards that move at once: the rest waits for the next look.</summary>
    private const int MovesMax = 8;

    /// <summary>How long the coordinator waits for an answer that is none: it takes only a late one for "ask again".</summary>
    private const int UndecidedMillis = 20;

    /// <inheritdoc/>
    public Task<IActorRef> AllocateShard(IActorRef requester, string shardId, IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations)
    {
        var home = HomeOf(shardId, RegionsOf(currentShardAllocations.Keys));
        return home is null ? UndecidedAsync() : Task.FromResult(home);
    }

    /// <inheritdoc/>
    public Task<IImmutableSet<string>> Rebalance(IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations,
        IImmutableSet<string> rebalanceInProgress)
    {
        var regions = RegionsOf(currentShardAllocations.Keys);
        var moving = ImmutableHashSet.CreateBuilder<string>();
        foreach (var (region, held) in currentShardAllocations)
        {
            foreach (var shard in held)
            {
                if (moving.Count >= MovesMax) break;
                if (!rebalanceInProgress.Contains(shard) && HomeOf(shard, regions) is { } home && !home.Equals(region)) moving.Add(shard);
            }
        }
        return Task.FromResult<IImmutableSet<string>>(moving.ToImmutable());
    }

    private Task<IActorRef> UndecidedAsync()
    {
        var later = new TaskCompletionSource<IActorRef>();
        timers.Schedule(UndecidedMillis, static state => ((TaskCompletionSource<IActorRef>)state!).SetResult(null!), later);
        return later.Task;
    }

    private IActorRef? HomeOf(string shardId, Dictionary<string, IActorRef> regions)
    {
        var instance = int.Parse(shardId, global::System.Globalization.CultureInfo.InvariantCulture);
        var view = shards.View;
        // An owner whose region is not known yet will be here in a moment.
        if (view.OwnerOf(instance) is { IsMedia: true } owner) return regions.GetValueOrDefault(owner.Name);
        var media = view.Nodes.Where(node => node.IsMedia && regions.ContainsKey(node.Name)).ToList();
        var staying = media.Where(static node => !node.IsDraining).ToList();
        var winner = Rendezvous.Winner(instance, [.. (staying.Count > 0 ? staying : media).Select(static node => node.Name)]);
        return winner is null ? null : regions[winner];
    }

    private Dictionary<string, IActorRef> RegionsOf(IEnumerable<IActorRef> regions)
    {
        var view = shards.View;
        var found = new Dictionary<string, IActorRef>(StringComparer.Ordinal);
        foreach (var region in regions)
        {
            var address = region.Path.Address;
            var name = address.HasLocalScope ? shards.Self : view.Nodes.FirstOrDefault(node => node.LinkAddress == $"{address.Host}:{address.Port}")?.Name;
            if (name is not null) found[name] = region;
        }
        return found;
    }
}
