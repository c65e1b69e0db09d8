using System.Text.Json.Nodes;

namespace Cti.Acceptance.Cluster;

/// <summary>An event as it came.</summary>
internal sealed record BookedEvent(string Method, string ResId, long Seq, JsonObject Params, long TimeMillis, string Cursor)
{
    /// <summary>The code of its error; null when it went well.</summary>
    public int? Error => Params["error"] is JsonObject error ? (int)error["code"]! : null;
}

/// <summary>
/// What the consumers of one group heard together, and what must be true of it: no event of a resource missing, doubled with other content, or first heard
/// before the one ahead of it; one release, one record, one end for each beginning, nothing after the release but the record.
/// </summary>
internal sealed class Books
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Page> _pages = [];
    private readonly List<string> _problems = [];
    private TaskCompletionSource _arrived = NewSignal();

    private sealed class Page
    {
        public SortedDictionary<long, BookedEvent> Events { get; } = [];
        public Dictionary<string, int> Begun { get; } = [];
        public long Next { get; set; } = 1;
    }

    /// <summary>Events heard for the first time, and heard again.</summary>
    public (int First, int Again) Count { get; private set; }

    /// <summary>Resources that anything was heard of.</summary>
    public string[] Resources
    {
        get
        {
            lock (_gate) return [.. _pages.Keys];
        }
    }

    public void Take(BookedEvent got)
    {
        lock (_gate)
        {
            var page = PageOf(got.ResId);
            if (page.Events.TryGetValue(got.Seq, out var known))
            {
                Count = (Count.First, Count.Again + 1);
                if (known.Method != got.Method || known.Params.ToJsonString() != got.Params.ToJsonString())
                    _problems.Add($"{got.ResId} event {got.Seq} came as {known.Method} {known.Params.ToJsonString()} and as {got.Method} "
                        + $"{got.Params.ToJsonString()}");
                return;
            }
            Count = (Count.First + 1, Count.Again);
            page.Events.Add(got.Seq, got);
            if (got.Seq != page.Next) _problems.Add($"{got.ResId} event {got.Seq} ({got.Method}) was first heard when {page.Next} was due");
            page.Next = got.Seq + 1;
            _arrived.TrySetResult();
            _arrived = NewSignal();
        }
    }

    /// <summary>Writes down that an action was accepted, whose end must come exactly once.</summary>
    /// <param name="resId">The resource.</param>
    /// <param name="completion">The event that ends it, e.g. sys.call.on_play_completed.</param>
    public void Begun(string resId, string completion)
    {
        lock (_gate)
        {
            var begun = PageOf(resId).Begun;
            begun[completion] = begun.GetValueOrDefault(completion) + 1;
        }
    }

    /// <summary>The events of a resource, in its own order.</summary>
    public BookedEvent[] Of(string resId)
    {
        lock (_gate) return _pages.TryGetValue(resId, out var page) ? [.. page.Events.Values] : [];
    }

    public int CountOf(string resId, string method) => Of(resId).Count(e => e.Method == method);

    /// <summary>The first event that fits and is behind the number of such events known; null when it does not come in time.</summary>
    public async Task<BookedEvent?> TryExpectAsync(Func<BookedEvent, bool> fits, string? resId, TimeSpan within, int skip = 0)
    {
        using var limit = new CancellationTokenSource(within);
        while (true)
        {
            Task arrived;
            lock (_gate)
            {
                var pages = resId is null ? _pages.Values.AsEnumerable() : _pages.TryGetValue(resId, out var page) ? [page] : [];
                if (pages.SelectMany(static p => p.Events.Values).Where(fits).Skip(skip).FirstOrDefault() is { } found) return found;
                arrived = _arrived.Task;
            }
            try
            {
                await arrived.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                return null;
            }
        }
    }

    public async Task<BookedEvent> ExpectAsync(string method, string resId, TimeSpan within, int skip = 0) =>
        await TryExpectAsync(e => e.Method == method, resId, within, skip)
            ?? throw new SceneException($"no {method} in {within.TotalSeconds:F0} s; so far: "
                + $"{string.Join(", ", Of(resId).Select(static e => e.Method + (e.Error is { } code ? " " + code : "")))}");

    /// <summary>What is not right. Resources that are still up may have one action running of each kind begun.</summary>
    /// <param name="isEnd">Everything is over: every action must have ended and every resource be released.</param>
    public string[] Problems(bool isEnd)
    {
        lock (_gate)
        {
            List<string> found = [.. _problems];
            foreach (var (res, page) in _pages)
            {
                var methods = page.Events.Values.Select(static e => e.Method).ToArray();
                var isReleased = methods.Any(static m => m.EndsWith(".on_released", StringComparison.Ordinal));
                if (methods.Count(static m => m.EndsWith(".on_released", StringComparison.Ordinal)) > 1)
                    found.Add($"{res} was released more than once: {string.Join(", ", methods)}");
                if (methods.Count(static m => m == "sys.on_chan_closed") > 1) found.Add($"{res} has more than one record: {string.Join(", ", methods)}");
                if (page.Events.Count > 0 && page.Events.Keys.Last() != page.Events.Count)
                    found.Add($"{res}: events {string.Join(',', page.Events.Keys)} are not gapless");
                if (isReleased
                    && methods.SkipWhile(static m => !m.EndsWith(".on_released", StringComparison.Ordinal)).Skip(1).Any(static m => m != "sys.on_chan_closed"))
                    found.Add($"{res} goes on after its release: {string.Join(", ", methods)}");
                foreach (var (completion, begun) in page.Begun)
                {
                    var ended = methods.Count(m => m == completion);
                    if (ended > begun || (isReleased || isEnd ? ended < begun : ended < begun - 1))
                        found.Add($"{res}: {begun} begun, {ended} times {completion}");
                }
                if (isEnd && !isReleased) found.Add($"{res} was never released: {string.Join(", ", methods)}");
                if (isEnd && isReleased && res.Contains("-sys.call-", StringComparison.Ordinal) && !methods.Contains("sys.on_chan_closed"))
                    found.Add($"{res} left no record");
            }
            return [.. found.Distinct()];
        }
    }

    private Page PageOf(string resId)
    {
        if (!_pages.TryGetValue(resId, out var page)) _pages.Add(resId, page = new Page());
        return page;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>What a part of the test saw that it must not see: collected and told, the run goes on.</summary>
internal sealed class SceneException(string message) : Exception(message);
