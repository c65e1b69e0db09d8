namespace Cti.Cluster.Membership;

/// <summary>
/// Spreads instances over nodes by the highest random weight: each instance goes to the node whose hash with it is highest. A node that comes or goes moves
/// only what it gets or had. The same on every node and in every version.
/// </summary>
public static class Rendezvous
{
    /// <summary>The node that an instance goes to; null where there is none.</summary>
    public static string? Winner(int instance, IReadOnlyList<string> nodes) => Winner((ulong)instance * 0x9E3779B97F4A7C15, nodes, null);

    /// <summary>The node that something else than an instance goes to, of those that are not left out; null where there is none.</summary>
    public static string? Winner(string key, IReadOnlyList<string> nodes, IReadOnlyList<string>? leftOut = null) => Winner(Fnv(key), nodes, leftOut);

    private static string? Winner(ulong seed, IReadOnlyList<string> nodes, IReadOnlyList<string>? leftOut)
    {
        string? best = null;
        ulong bestWeight = 0;
        foreach (var node in nodes)
        {
            if (leftOut?.Contains(node) == true) continue;
            var weight = Weight(seed, node);
            if (best is not null && (weight < bestWeight || (weight == bestWeight && string.CompareOrdinal(node, best) > 0))) continue;
            (best, bestWeight) = (node, weight);
        }
        return best;
    }

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
