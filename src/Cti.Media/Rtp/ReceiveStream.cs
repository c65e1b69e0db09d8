namespace Cti.Media.Rtp;

/// <summary>
/// What is received from one far end (RFC 3550 appendices A.1, A.3 and A.8): sequence numbers, losses, jitter. A change of SSRC begins a
/// new stream; totals go on.
/// </summary>
internal sealed class ReceiveStream
{
    /// <summary>A jump forward of less than this is a loss (RFC 3550 A.1).</summary>
    private const int DropoutMax = 3000;

    /// <summary>A packet that is older than this is not a late one, but of a restarted source (RFC 3550 A.1).</summary>
    private const int MisorderMax = 100;

    /// <summary>A jump of more milliseconds than this is a new timeline, not jitter.</summary>
    private const int JumpMillis = 10_000;

    private bool _started;
    private ushort _maxSequence;
    private uint _cycles;
    private uint _baseSequence;
    private uint _badSequence;
    private ulong _seen;
    private long _received;
    private long _expectedPrior;
    private long _receivedPrior;
    private long _receivedBefore;
    private long _expectedBefore;
    private double _jitter;
    private double? _transit;
    private int _perMilli = 8;

    /// <summary>The far end's synchronisation source; meaningful once something was received.</summary>
    public uint Ssrc { get; private set; }

    /// <summary>True once a packet was taken.</summary>
    public bool IsStarted => _started;

    /// <summary>Packets taken, all streams together; duplicates do not count.</summary>
    public long Received => _receivedBefore + _received;

    /// <summary>Packets that should have come, all streams together.</summary>
    public long Expected => _expectedBefore + ExpectedNow;

    /// <summary>Expected and not received; not below 0.</summary>
    public long Lost => Math.Max(0, Expected - Received);

    /// <summary>Interarrival jitter in ticks of the clock.</summary>
    public double JitterTicks => _jitter;

    /// <summary>The same in milliseconds.</summary>
    public double JitterMillis => _jitter / _perMilli;

    /// <summary>The highest sequence number with its cycles, as a report block carries it.</summary>
    public uint ExtendedSequence => _cycles + _maxSequence;

    private long ExpectedNow => _started ? (long)ExtendedSequence - _baseSequence + 1 : 0;

    /// <summary>Takes a packet's numbers.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="nowNanos">When it came.</param>
    /// <param name="isTimed">Whether its timestamp is that of its sending, so that it tells of jitter.</param>
    /// <param name="perMilli">Ticks of its clock in a millisecond; 0 for those of the packets before.</param>
    /// <returns>False for a duplicate, or one so far off that it is not believed yet.</returns>
    public bool Accept(in RtpPacket packet, long nowNanos, bool isTimed = true, int perMilli = 0)
    {
        if (!_started || packet.Ssrc != Ssrc) Begin(packet.Ssrc, packet.Sequence);
        else if (!Advance(packet.Sequence)) return false;
        _received++;
        if (perMilli > 0) SetClock(perMilli);
        if (isTimed) Time(packet.Timestamp, nowNanos);
        return true;
    }

    /// <summary>The fraction lost since the last call, in 1/256 (RFC 3550 A.3).</summary>
    public byte TakeFractionLost()
    {
        var expected = ExpectedNow - _expectedPrior;
        var received = _received - _receivedPrior;
        _expectedPrior = ExpectedNow;
        _receivedPrior = _received;
        var lost = expected - received;
        return expected <= 0 || lost <= 0 ? (byte)0 : (byte)Math.Min(255, (lost << 8) / expected);
    }

    private void Begin(uint ssrc, ushort sequence)
    {
        if (_started)
        {
            _receivedBefore += _received;
            _expectedBefore += ExpectedNow;
        }
        Ssrc = ssrc;
        _started = true;
        _baseSequence = sequence;
        _maxSequence = sequence;
        _badSequence = uint.MaxValue;
        _cycles = 0;
        _seen = 1;
        _received = 0;
        _receivedPrior = 0;
        _expectedPrior = 0;
        _transit = null;
    }

    private bool Advance(ushort sequence)
    {
        var delta = (ushort)(sequence - _maxSequence);
        if (delta is > 0 and < DropoutMax)
        {
            if (sequence < _maxSequence) _cycles += 0x10000;
            _maxSequence = sequence;
            _seen = delta < 64 ? (_seen << delta) | 1 : 1;
            _badSequence = uint.MaxValue;
            return true;
        }
        var behind = (ushort)(_maxSequence - sequence);
        if (behind > MisorderMax) return Restarted(sequence);
        // Beyond the window of 64 nobody remembers, so an old packet counts as late rather than as a duplicate.
        if (behind >= 64) return true;
        var bit = 1UL << behind;
        if ((_seen & bit) != 0) return false;
        _seen |= bit;
        return true;
    }

    /// <summary>Two packets in a row far from the sequence so far: the source started again without a new SSRC.</summary>
    private bool Restarted(ushort sequence)
    {
        if (sequence != _badSequence)
        {
            _badSequence = (ushort)(sequence + 1);
            return false;
        }
        Begin(Ssrc, sequence);
        return true;
    }

    private void SetClock(int perMilli)
    {
        if (perMilli == _perMilli) return;
        _jitter = _jitter * perMilli / _perMilli;
        _perMilli = perMilli;
        _transit = null;
    }

    private void Time(uint timestamp, long nowNanos)
    {
        // Modulo 2^32, as timestamps are: a source that wraps shows no jump.
        var arrival = nowNanos / 1_000_000.0 * _perMilli;
        var transit = arrival - timestamp;
        if (_transit is { } before)
        {
            var difference = Math.Abs(transit - before);
            if (difference > uint.MaxValue / 2.0) difference = Math.Abs(difference - 4294967296.0);
            if (difference < JumpMillis * _perMilli) _jitter += (difference - _jitter) / 16;
        }
        _transit = transit;
    }
}
