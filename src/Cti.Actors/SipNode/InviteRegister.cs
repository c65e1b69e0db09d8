using Cti.Kernel;

namespace Cti.Actors.SipNode;

/// <summary>
/// Which nodes have asked about an INVITE, this one among them, for as long as another branch of it may come. The SIP actor and the threads of the links use it.
/// </summary>
internal sealed class InviteRegister(IClock clock)
{
    /// <summary>Nodes kept of one INVITE: a proxy that has tried so many gives up.</summary>
    private const int HoldersMax = 8;

    private readonly Lock gate = new();
    private readonly Dictionary<string, string[]> holders = new(StringComparer.Ordinal);
    private readonly Queue<(long ExpiresMillis, string Key)> expiry = new();

    private long NowMillis => clock.MonotonicNanos / 1_000_000;

    /// <summary>Notes that a node has asked; answers who did before, itself left out.</summary>
    public IReadOnlyList<string> Note(string key, string node)
    {
        lock (gate)
        {
            if (IsFirst(key, node)) return [];
            var known = holders[key];
            if (known.Contains(node)) return known.Length == 1 ? [] : [.. known.Where(other => other != node)];
            if (known.Length < HoldersMax) holders[key] = [.. known, node];
            return known;
        }
    }

    /// <summary>Notes that a node has asked, where nobody did before; false, and nothing is noted, where this node is to think about it.</summary>
    public bool TryNoteFirst(string key, string node)
    {
        lock (gate) return IsFirst(key, node);
    }

    private bool IsFirst(string key, string node)
    {
        while (expiry.TryPeek(out var oldest) && (oldest.ExpiresMillis <= NowMillis || holders.Count >= Limits.InviteWitnessesMax))
        {
            expiry.Dequeue();
            holders.Remove(oldest.Key);
        }
        if (!holders.TryAdd(key, [node])) return false;
        expiry.Enqueue((NowMillis + Limits.InviteWitnessMillis, key));
        return true;
    }
}
