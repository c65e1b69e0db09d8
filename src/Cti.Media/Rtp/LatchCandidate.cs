namespace Cti.Media.Rtp;

/// <summary>The source that is about to be believed: one at a time, by packets in a row, of one SSRC and with sequence numbers that follow.</summary>
internal sealed class LatchCandidate
{
    /// <summary>Packets of one source in a row are not further apart.</summary>
    private const long PatienceNanos = 200_000_000;

    /// <summary>A larger step of the sequence number is another stream's.</summary>
    private const int StepMax = 10;

    private SocketAddressKey _source;
    private SourceRank _rank;
    private uint _ssrc;
    private ushort _sequence;
    private long _lastNanos;
    private int _count;

    /// <summary>Whoever it was begins anew.</summary>
    public void Forget() => _count = 0;

    /// <summary>The source that counts has spoken: only a better one goes on beside it.</summary>
    /// <returns>Whether there is one.</returns>
    public bool GiveWayTo(SourceRank rank)
    {
        if (_rank <= rank) _count = 0;
        return _count > 0;
    }

    /// <summary>Takes a packet of a source that does not count yet.</summary>
    /// <returns>Its packets in a row with this one; 0 where another's turn goes on.</returns>
    public int Show(SocketAddressKey source, SourceRank rank, in RtpPacket packet, long nowNanos)
    {
        if (source != _source || packet.Ssrc != _ssrc || _count == 0 || (ushort)(packet.Sequence - _sequence) is 0 or > StepMax)
        {
            // Who has less to show for itself does not interrupt.
            if (_count > 0 && rank < _rank && nowNanos - _lastNanos < PatienceNanos) return 0;
            _source = source;
            _rank = rank;
            _ssrc = packet.Ssrc;
            _count = 0;
        }
        _sequence = packet.Sequence;
        _lastNanos = nowNanos;
        return ++_count;
    }
}
