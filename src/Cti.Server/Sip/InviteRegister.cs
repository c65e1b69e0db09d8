using Cti.Kernel;

namespace Cti.Server.Sip;

/// <summary>What this node knows as a witness: which nodes have asked about an INVITE, for as long as another branch of it may come. Part of the SIP actor.</summary>
internal sealed class InviteRegister(IClock clock)
{
    /// <summary>Nodes kept of one INVITE: a proxy that has tried so many gives up.</summary>
    private const int HoldersMax = 8;

    private readonly Dictionary<string, string[]> holders = new(StringComparer.Ordinal);
    private readonly Queue<(long ExpiresMillis, string Key)> expiry = new();

    private long NowMillis => clock.MonotonicNanos / 1_000_000;

    /// <summary>Notes that a node has asked; answers who did before, itself left out.</summary>
    public IReadOnlyList<string> Note(string key, string node)
    {
        Forget();
        if (!holders.TryGetValue(key, out var known))
        {
            holders[key] = [node];
            expiry.Enqueue((NowMillis + Limits.InviteWitnessMillis, key));
            return [];
        }
        if (known.Contains(node)) return known.Length == 1 ? [] : [.. known.Where(other => other != node)];
        if (known.Length < HoldersMax) holders[key] = [.. known, node];
        return known;
    }

    private void Forget()
    {
        while (expiry.TryPeek(out var oldest) && (oldest.ExpiresMillis <= NowMillis || holders.Count >= Limits.InviteWitnessesMax))
        {
            expiry.Dequeue();
            holders.Remove(oldest.Key);
        }
    }
}
