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
