using Cti.Cluster.Membership;

namespace Cti.Actors.Feeds;

/// <summary>
/// The cluster as the feeds last saw it: who owns an instance, which node it is at home on, and who has connections of applications. Under the hub's lock.
/// </summary>
internal sealed class ClusterSight(string self, int instanceCount)
{
    private readonly string?[] _homes = new string?[instanceCount];
    private ClusterView? _view;

    /// <summary>Whether this node has seen the cluster yet.</summary>
    internal bool IsThere => _view is not null;

    /// <summary>Whether another node lives.</summary>
    internal bool HasOthers => _view?.Nodes.Length > 1;

    /// <summary>The nodes with connections of applications.</summary>
    internal IReadOnlyCollection<string> LivingGateways =>
        _view is null ? [self] : [.. _view.Nodes.Where(node => node.IsGateway || node.Name == self).Select(static node => node.Name)];

    /// <summary>The name of the node that owns an instance; of one whose owner is dead or drains, of that which will.</summary>
    internal string? HomeOf(int instance) => _homes[instance];

    internal bool IsOwner(string node, int instance) => _view?.Owners[instance].Node == node;

    internal void See(ClusterView now)
    {
        _view = now;
        string[] hosts = [.. now.Nodes.Where(static node => node is { IsMedia: true, IsDraining: false }).Select(static node => node.Name)];
        for (var instance = 0; instance < _homes.Length; instance++)
        {
            var owner = now.Owners[instance].Node;
            _homes[instance] = hosts.Contains(owner) ? owner : Rendezvous.Winner(instance, hosts);
        }
    }
}
