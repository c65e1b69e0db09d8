using System.Collections.Immutable;
using System.Net;
using Cti.Kernel;
using Cti.Sip;

namespace Cti.Actors.Trunks;

/// <summary>
/// Next hops that a moment ago did not answer, could not be reached or took no calls: they are tried after the others that a name leads to, and are never left
/// out, so that what one call met keeps no other from being placed. Any thread.
/// </summary>
internal sealed class SilentTargets(IClock clock)
{
    private const int TargetsMax = 1_024;
    private const long RestMillis = 30_000;
    private const int RestSecondsMax = 300;

    private ImmutableDictionary<IPEndPoint, long> _until = ImmutableDictionary<IPEndPoint, long>.Empty;

    private long NowMillis => clock.MonotonicNanos / 1_000_000;

    /// <summary>One did not take an INVITE.</summary>
    /// <param name="target">It.</param>
    /// <param name="retryAfterSeconds">What its 503 says; null for nothing.</param>
    public void Note(IPEndPoint target, int? retryAfterSeconds)
    {
        var until = NowMillis + (retryAfterSeconds is { } seconds ? Math.Clamp(seconds, 1, RestSecondsMax) * 1000L : RestMillis);
        ImmutableInterlocked.Update(ref _until, Noted, (target, until, NowMillis));
    }

    /// <summary>One has answered.</summary>
    public void Forget(IPEndPoint target)
    {
        if (Volatile.Read(ref _until).ContainsKey(target)) ImmutableInterlocked.TryRemove(ref _until, target, out _);
    }

    /// <summary>The same, those that rest last; otherwise in their order.</summary>
    public IReadOnlyList<SipFlow> InOrder(IReadOnlyList<SipFlow> found)
    {
        var until = Volatile.Read(ref _until);
        if (until.IsEmpty || found.Count < 2) return found;
        var now = NowMillis;
        return [.. found.OrderBy(way => until.TryGetValue(way.Remote, out var end) && now < end)];
    }

    private static ImmutableDictionary<IPEndPoint, long> Noted(ImmutableDictionary<IPEndPoint, long> until, (IPEndPoint Target, long Until, long Now) note)
    {
        if (until.Count >= TargetsMax) until = until.RemoveRange(until.Where(pair => pair.Value <= note.Now).Select(static pair => pair.Key));
        return until.Count >= TargetsMax ? until : until.SetItem(note.Target, note.Until);
    }
}
