using Cti.Kernel;

namespace Cti.Actors.SipNode;

/// <summary>
/// Which nodes have asked about an INVITE, this one among them, for as long as another branch of it may come. The SIP actor and the threads of the links use
/// it.
/// </summary>
internal sealed class InviteRegister(IClock clock)
{
    /// <summary>Nodes kept of one INVITE: a proxy that has tried so many gives up.</summary>
    private const int HoldersMax = 8;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, string[]> _holders = new(StringComparer.Ordinal);
    private readonly Queue<(long ExpiresMillis, string Key)> _expiry = new();

    private long NowMillis => clock.MonotonicNanos / 1_000_000;

    /// <summary>Notes that a node has asked; answers who did before, itself left out.</summary>
    public IReadOnlyList<string> Note(string key, string node)
    {
        lock (_gate)
        {
            if (IsFirst(key, node)) return [];
            var known = _holders[key];
            if (known.Contains(node)) return known.Length == 1 ? [] : [.. known.Where(other => other != node)];
            if (known.Length < HoldersMax) _holders[key] = [.. known, node];
            return known;
        }
    }

    /// <summary>Notes that a node has asked, where nobody did before; false, and nothing is noted, where this node is to think about it.</summary>
    public bool TryNoteFirst(string key, string node)
    {
        lock (_gate) return IsFirst(key, node);
    }

    private bool IsFirst(string key, string node)
    {
        while (_expiry.TryPeek(out var oldest) && (oldest.ExpiresMillis <= NowMillis || _holders.Count >= Limits.InviteWitnessesMax))
        {
            _expiry.Dequeue();
            _holders.Remove(oldest.Key);
        }
        if (!_holders.TryAdd(key, [node])) return false;
        _expiry.Enqueue((NowMillis + Limits.InviteWitnessMillis, key));
        return true;
    }
}
