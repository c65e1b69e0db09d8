using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>Nodes that share a database and have no links: half of the calls would look missing from each, so the second one does not start.</summary>
internal static class UnlinkedNodes
{
    private const string WhatToDo = "nodes that share a database need links, set cti.cluster.listen and cti.cluster.secret on each";

    /// <summary>Why a node cannot start beside those that a first renewal shows; null where it can.</summary>
    public static string? WhyNot(ClusterMemberOptions self, LeaseView view)
    {
        // A row that was not renewed for a lease may be a former name of this very node: it keeps nobody from starting.
        var others = view.Nodes.Where(node => node.Name != self.Name && view.NowMillis - node.RenewedAtMillis < self.LeaseMillis).ToList();
        if (others.Count == 0) return null;
        if (self.LinkAddress.Length == 0) return $"{WhoUses(others)} this database too, and this node has no cti.cluster.listen: {WhatToDo}";
        var unlinked = others.Where(static node => node.LinkAddress.Length == 0).ToList();
        return unlinked.Count == 0 ? null : $"{WhoUses(unlinked)} this database too, without cti.cluster.listen: {WhatToDo}";
    }

    private static string WhoUses(List<NodeLease> nodes) =>
        $"{string.Join(", ", nodes.Select(static node => node.Name))} {(nodes.Count == 1 ? "uses" : "use")}";
}
