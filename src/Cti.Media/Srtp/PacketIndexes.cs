namespace Cti.Media.Srtp;

/// <summary>
/// The indexes of packets that were taken from, or given to, one source: the highest of them, and which of the 64 up to it there were (RFC 3711
/// sections 3.3.1 and 3.3.2). Estimating and asking change nothing, only <see cref="Add"/> does: what is not authenticated leaves no trace.
/// </summary>
internal struct PacketIndexes
{
    /// <summary>How far behind the highest an index may be: the least that RFC 3711 section 3.3.2 allows.</summary>
    public const int Window = 64;

    private const int HalfCycle = 0x8000;

    private bool _started;
    private long _highest;
    private ulong _taken;

    /// <summary>The 48-bit index that a sequence number most likely stands for (appendix A); -1 where it would be before the first cycle.</summary>
    public readonly long Estimate(ushort sequence)
    {
        if (!_started) return sequence;
        var rollOver = _highest >> 16;
        var last = (int)(_highest & 0xFFFF);
        if (last < HalfCycle)
        {
            if (sequence - last > HalfCycle) rollOver--;
        }
        else if (last - HalfCycle > sequence)
        {
            rollOver++;
        }
        return rollOver < 0 ? -1 : (rollOver << 16) | sequence;
    }

    /// <summary>False for an index that was there before, or is too old to know.</summary>
    public readonly bool IsNew(long index)
    {
        if (index < 0) return false;
        if (!_started || index > _highest) return true;
        var behind = _highest - index;
        return behind < Window && (_taken >> (int)behind & 1) == 0;
    }

    /// <summary>Remembers one that <see cref="IsNew"/>.</summary>
    public void Add(long index)
    {
        if (!_started || index > _highest)
        {
            var ahead = _started ? index - _highest : Window;
            _taken = ahead < Window ? (_taken << (int)ahead) | 1 : 1;
            _highest = index;
            _started = true;
            return;
        }
        _taken |= 1UL << (int)(_highest - index);
    }
}
