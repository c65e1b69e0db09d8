using System.Collections.Concurrent;
using System.Text;
using System.Threading.Channels;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Gateway.Tests;

/// <summary>A router that remembers what it was asked and answers as told; by default with null.</summary>
internal sealed class FakeRouter : IRequestRouter
{
    private readonly Lock _lock = new();
    private readonly List<RpcRequest> _asked = [];

    internal Func<RpcRequest, ValueTask<RpcReply>> Answer { get; set; } = _ => new(RpcReply.Ok("null"u8.ToArray()));

    internal RpcRequest[] Asked
    {
        get
        {
            lock (_lock) return [.. _asked];
        }
    }

    public ValueTask<RpcReply> AskAsync(RpcRequest request, CancellationToken cancellation)
    {
        lock (_lock) _asked.Add(request);
        return Answer(request);
    }

    internal void Forget()
    {
        lock (_lock) _asked.Clear();
    }
}

/// <summary>Tells whoever listens what a test says.</summary>
internal sealed class FakeNotices : INotices
{
    private readonly ConcurrentDictionary<object, Action<Notice>> _listeners = new();

    internal int Listeners => _listeners.Count;

    internal void Tell(string trunk)
    {
        var notice = new Notice(Catalogue.TrunkState, Encoding.UTF8.GetBytes($$"""{"trunk":"{{trunk}}"}"""));
        foreach (var take in _listeners.Values) take(notice);
    }

    public IDisposable Listen(Action<Notice> take)
    {
        var listener = new Listener(this);
        _listeners[listener] = take;
        return listener;
    }

    private sealed class Listener(FakeNotices notices) : IDisposable
    {
        public void Dispose() => notices._listeners.TryRemove(this, out _);
    }
}

internal sealed class FakeFeeds : IEventFeeds
{
    internal Channel<FakeFeed> Opened { get; } = Channel.CreateUnbounded<FakeFeed>();

    /// <summary>Set on each feed as it opens.</summary>
    internal Action<FakeFeed> Prepare { get; set; } = _ => { };

    public IEventFeed Open(string application)
    {
        var feed = new FakeFeed(application);
        Prepare(feed);
        Opened.Writer.TryWrite(feed);
        return feed;
    }

    internal Task<FakeFeed> NextAsync() => Opened.Reader.ReadAsync().AsTask().WaitAsync(Patience.Long);
}

internal sealed class FakeFeed(string application) : IEventFeed
{
    private readonly Channel<FeedEvent> _live = Channel.CreateUnbounded<FeedEvent>();
    private int _reading;

    internal string Application => application;

    internal TaskCompletionSource Disposed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal ConcurrentQueue<(string? From, string? Group)> Subscriptions { get; } = new();

    internal ConcurrentQueue<string> Acknowledged { get; } = new();

    /// <summary>What <see cref="SubscribeAsync"/> answers.</summary>
    internal Func<string?, string?, FeedPosition> OnSubscribe { get; set; } = (from, _) => new FeedPosition(from ?? "now", null);

    /// <summary>When set, events come from here instead of <see cref="Push"/>.</summary>
    internal Func<FeedEvent?>? Source { get; set; }

    internal void Push(params ReadOnlySpan<FeedEvent> events)
    {
        foreach (var happened in events) _live.Writer.TryWrite(happened);
    }

    internal void Overrun() => _live.Writer.TryComplete(new FeedOverrunException());

    public async ValueTask<IReadOnlyList<FeedEvent>> ReadAsync(int limit, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _reading).ShouldBe(1, "one reader at a time");
        try
        {
            cancellation.ThrowIfCancellationRequested();
            if (Source is { } source && source() is { } made) return [made];
            try
            {
                await _live.Reader.WaitToReadAsync(cancellation);
            }
            catch (ChannelClosedException e) when (e.InnerException is FeedOverrunException overrun)
            {
                throw overrun;
            }
            var events = new List<FeedEvent>();
            while (events.Count < limit && _live.Reader.TryRead(out var happened)) events.Add(happened);
            return events;
        }
        finally
        {
            Interlocked.Decrement(ref _reading);
        }
    }

    public ValueTask<FeedPosition> SubscribeAsync(string? from, string? group, CancellationToken cancellation)
    {
        Volatile.Read(ref _reading).ShouldBe(0, "the read under way must have ended");
        Subscriptions.Enqueue((from, group));
        return new(OnSubscribe(from, group));
    }

    public ValueTask<FeedPosition> AcknowledgeAsync(string cursor, CancellationToken cancellation)
    {
        Acknowledged.Enqueue(cursor);
        return new(Subscriptions.Any(s => s.Group is not null)
            ? new FeedPosition(cursor, null)
            : new FeedPosition(null, RpcError.InvalidParam("cursor", "there is no group to acknowledge for")));
    }

    public ValueTask DisposeAsync()
    {
        Disposed.TrySetResult();
        return default;
    }

    internal static FeedEvent Event(int number, string method = "sys.call.on_ringing", string @params = "{}", string media = "") =>
        new($"c{number}", "0.0.7-sys.call-42", number, 1_700_000_000_000 + number, method, Encoding.UTF8.GetBytes(@params), Encoding.UTF8.GetBytes(media));
}

internal sealed class ManualClock : IClock
{
    private long _nanos;

    public long MonotonicNanos => Volatile.Read(ref _nanos);

    public long UnixMillis => 1_700_000_000_000 + (MonotonicNanos / 1_000_000);

    internal void AdvanceMillis(long millis) => Interlocked.Add(ref _nanos, millis * 1_000_000);
}

internal sealed class RecordingLog : ILog
{
    internal ConcurrentQueue<(LogEvent Kind, string Text)> Lines { get; } = new();

    public bool IsEnabled(LogSeverity severity) => true;

    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments) =>
        Lines.Enqueue((kind, string.Format(System.Globalization.CultureInfo.InvariantCulture, kind.Template, arguments.ToArray())));
}

internal sealed class FakeStatus : IGatewayStatus
{
    public string? WhyNotReady { get; set; }

    public List<string> Drained { get; } = [];

    public DrainRefusal? Drain(string node)
    {
        if (node == "nobody") return new DrainRefusal(true, "there is no node nobody in the cluster; there is n1");
        if (node == "far") return new DrainRefusal(false, "there is no link to far");
        Drained.Add(node);
        return null;
    }
}

internal static class Patience
{
    /// <summary>A bound on waiting for something that must happen; a test that is right never waits so long.</summary>
    internal static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    internal static async Task UntilAsync(Func<bool> condition, string what)
    {
        using var deadline = new CancellationTokenSource(Long);
        while (!condition())
        {
            if (deadline.IsCancellationRequested) throw new TimeoutException(what);
            await Task.Yield();
        }
    }
}
