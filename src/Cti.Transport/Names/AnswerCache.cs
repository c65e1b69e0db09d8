using Cti.Kernel;

namespace Cti.Transport.Names;

/// <summary>
/// Answers by name, for as long as they say, within bounds; those who ask for the same name at once share one question. That there is nothing is kept too, and
/// for a short time that nobody said. Any thread.
/// </summary>
internal sealed class AnswerCache<T>(IClock clock, Func<string, Task<DnsAnswer<T>>> ask, int failureSeconds = AnswerCache<T>.FailureSeconds)
{
    private const int FailureSeconds = 5;
    private const int LeastSeconds = 5;
    private const int FoundSecondsMax = 3_600;
    private const int NothingSecondsMax = 60;
    private const long PendingNanosMax = 30_000_000_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Kept> _answers = new(StringComparer.Ordinal);

    /// <summary>The records; none where there are none, or nobody said.</summary>
    public async Task<IReadOnlyList<T>> GetAsync(string name) => (await FindAsync(name).ConfigureAwait(false)).Records;

    /// <summary>The answer, with whether nobody said.</summary>
    public Task<DnsAnswer<T>> FindAsync(string name)
    {
        Kept kept;
        lock (_gate)
        {
            var now = clock.MonotonicNanos;
            if (_answers.TryGetValue(name, out var known) && now < EndOf(known)) return known.Answer.Value;
            if (_answers.Count >= Limits.DnsNamesMax) MakeRoom(now);
            _answers[name] = kept = new Kept(now, () => ask(name));
        }
        return kept.Answer.Value;
    }

    private void MakeRoom(long now)
    {
        foreach (var name in _answers.Where(pair => now >= EndOf(pair.Value)).Select(static pair => pair.Key).ToList()) _answers.Remove(name);
        // Whoever fills it with names that all exist empties it.
        if (_answers.Count >= Limits.DnsNamesMax) _answers.Clear();
    }

    private long EndOf(Kept kept)
    {
        if (!kept.Answer.IsValueCreated || !kept.Answer.Value.IsCompleted) return kept.SinceNanos + PendingNanosMax;
        var seconds = !kept.Answer.Value.IsCompletedSuccessfully || kept.Answer.Value.Result.Failed ? failureSeconds
            : Math.Clamp(kept.Answer.Value.Result.Seconds, LeastSeconds, kept.Answer.Value.Result.Records.Count > 0 ? FoundSecondsMax : NothingSecondsMax);
        return kept.SinceNanos + (seconds * 1_000_000_000L);
    }

    private sealed class Kept(long sinceNanos, Func<Task<DnsAnswer<T>>> ask)
    {
        public long SinceNanos => sinceNanos;

        public Lazy<Task<DnsAnswer<T>>> Answer { get; } = new(ask);
    }
}
