using Cti.Contract;
using Cti.Kernel;

namespace Cti.Gateway.Access;

/// <summary>An application as it stands on this gateway: its rights and what it uses of them.</summary>
internal sealed class Application(ApplicationOptions options, GatewayOptions gateway, IClock clock)
{
    private readonly TokenBucket? _bucket = options.RequestsPerSecond > 0
        ? new TokenBucket(clock, options.RequestsPerSecond, options.Burst > 0 ? options.Burst : options.RequestsPerSecond)
        : null;

    // A quarter, as one address has: a slow body or an answer that nobody reads keeps a connection busy.
    private readonly int _postsMax = Math.Max(1, gateway.ConnectionsMax / 4);
    private int _connections;
    private int _posts;

    internal string Name => options.Name;

    internal bool Admin => options.Admin;

    /// <summary>What the arguments of its requests are checked against.</summary>
    internal ArgumentRules Rules { get; } = new(options.MediaRoots ?? gateway.MediaRoots, gateway.Spoken);

    /// <summary>Takes one request's worth of the rate. Answers 0, or in how many milliseconds there is one again.</summary>
    internal int TakeRequest() => _bucket?.Take() ?? 0;

    /// <summary>Takes one connection; false when all are in use.</summary>
    internal bool TryConnect()
    {
        if (Interlocked.Increment(ref _connections) <= options.ConnectionsMax || options.ConnectionsMax == 0) return true;
        Interlocked.Decrement(ref _connections);
        return false;
    }

    /// <summary>Begins a POST; false when as many are under way as one application may have.</summary>
    internal bool TryPost()
    {
        if (Interlocked.Increment(ref _posts) <= _postsMax) return true;
        Interlocked.Decrement(ref _posts);
        return false;
    }

    /// <summary>A POST is answered.</summary>
    internal void Posted() => Interlocked.Decrement(ref _posts);

    internal void Disconnect() => Interlocked.Decrement(ref _connections);
}

/// <summary>So many requests per second on average, so many at once.</summary>
internal sealed class TokenBucket(IClock clock, int perSecond, int burst)
{
    private const double NanosPerSecond = 1e9;
    private readonly Lock _lock = new();
    private double _tokens = burst;
    private long _filledNanos = clock.MonotonicNanos;

    /// <summary>Takes one. Answers 0, or in how many milliseconds (1 or more) there is one.</summary>
    internal int Take()
    {
        lock (_lock)
        {
            var now = clock.MonotonicNanos;
            _tokens = Math.Min(burst, _tokens + ((now - _filledNanos) / NanosPerSecond * perSecond));
            _filledNanos = now;
            if (_tokens >= 1)
            {
                _tokens--;
                return 0;
            }
            return Math.Max(1, (int)Math.Ceiling((1 - _tokens) / perSecond * 1000));
        }
    }
}
