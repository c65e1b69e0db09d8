namespace Cti.Transport.Media;

/// <summary>
/// The pairs of ports for RTP (even) and RTCP (the next, odd), RFC 3550 section 11. The pair freed longest ago is taken first, so that late packets of
/// an ended call meet a closed port, not another call.
/// </summary>
internal sealed class PortPool
{
    private readonly Queue<int> _free = new();
    private readonly object _gate = new();

    /// <param name="first">First port, 1024..65534; an odd one is passed over.</param>
    /// <param name="last">Last port; RTCP's port must be within.</param>
    public PortPool(int first, int last)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(first, 1024);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(last, 65535);
        for (var port = first + (first & 1); port + 1 <= last; port += 2)
            _free.Enqueue(port);
        Total = _free.Count;
        if (Total == 0)
            throw new ArgumentException($"ports {first}-{last} hold no pair of an even and the next odd port");
    }

    /// <summary>Pairs in the range.</summary>
    public int Total { get; }

    /// <summary>Pairs not taken.</summary>
    public int Free
    {
        get
        {
            lock (_gate)
            {
                return _free.Count;
            }
        }
    }

    /// <summary>The RTP port of a pair, or -1.</summary>
    public int Take()
    {
        lock (_gate)
        {
            return _free.TryDequeue(out var port) ? port : -1;
        }
    }

    public void Return(int port)
    {
        lock (_gate)
        {
            _free.Enqueue(port);
        }
    }
}
