namespace Cti.Cluster.Membership;

/// <summary>
/// Spreads instances over nodes by the highest random weight: each instance goes to the node whose hash with it is highest. A node that comes or goes moves
/// only what it gets or had. The same on every node and in every version.
/// </summary>
public static class Rendezvous
{
    /// <summary>The node that an instance goes to; null where there is none.</summary>
    public static string? Winner(int instance, IReadOnlyList<string> nodes)
    {
        string? best = null;
        ulong bestWeight = 0;
        foreach (var node in nodes)
        {
            var weight = Weight(instance, node);
            if (best is not null && (weight < bestWeight || (weight == bestWeight && string.CompareOrdinal(node, best) > 0))) continue;
            (best, bestWeight) = (node, weight);
        }
        return best;
    }

    /// <summary>The nodes that something else than an instance goes to, best first: at most <paramref name="count"/>.</summary>
    public static IReadOnlyList<string> Best(string key, IEnumerable<string> nodes, int count)
    {
        var seed = Fnv(key);
        return [.. nodes.Select(node => (Node: node, Weight: Weight(seed, node))).OrderByDescending(static one => one.Weight).ThenBy(static one => one.Node, StringComparer.Ordinal).Take(count).Select(static one => one.Node)];
    }

    private static ulong Weight(int instance, string node) => Weight((ulong)instance * 0x9E3779B97F4A7C15, node);

    /// <summary>FNV-1a of the name, then a finalizer that spreads neighbouring instances.</summary>
    private static ulong Weight(ulong seed, string node)
    {
        var hash = Fnv(node) + seed;
        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EB;
        return hash ^ (hash >> 31);
    }

    private static ulong Fnv(string text)
    {
        var hash = 14695981039346656037;
        foreach (var letter in text) hash = (hash ^ letter) * 1099511628211;
        return hash;
    }
}
