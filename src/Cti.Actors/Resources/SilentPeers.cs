using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>
/// Peers that a living node gave away speak up when they are heard from their new place. One that does not, because it has lost what it shares with this
/// resource, is asked after all.
/// </summary>
internal sealed class SilentPeers
{
    /// <summary>The longest that what was handed over is still heard from its old place: a new owner tries its re-INVITE for that long.</summary>
    public const int HeldMillisMax = 10_000;

    /// <summary>A peer that moved and is still silent when its old place is silent too has nothing to say by itself.</summary>
    public const int SilentMillisMax = HeldMillisMax + 2_000;

    private readonly Dictionary<int, HashSet<string>> _silent = [];

    /// <summary>The timer of an instance's peers.</summary>
    public static string TimerOf(int instance) => $"peers at {instance}";

    /// <summary>Peers moved; false where there are none.</summary>
    public bool Await(PeerMoved moved, IEnumerable<string> peers)
    {
        var silent = peers.ToHashSet(StringComparer.Ordinal);
        if (silent.Count == 0) return false;
        _silent[moved.Instance] = silent;
        return true;
    }

    /// <summary>They are asked now.</summary>
    public void Asked(int instance) => _silent.Remove(instance);

    /// <summary>A peer has spoken; the instance whose peers all have now, if any.</summary>
    public int? Hear(string speaker)
    {
        if (_silent.Count == 0 || !ResourceId.TryParse(speaker, out var id) || !_silent.TryGetValue(id.Instance, out var silent)) return null;
        silent.Remove(speaker);
        if (silent.Count > 0) return null;
        _silent.Remove(id.Instance);
        return id.Instance;
    }
}
