using Cti.Media.Codecs;
using Cti.Media.Rtp;

namespace Cti.Media.Rtp;

/// <summary>
/// Our stream: sequence numbers, and a timestamp that follows time whether packets are sent or not. What is relayed keeps its own steps in both, so that
/// the far end sees the losses and pauses of the source; the first relayed packet after sound of ours is set where ours ended.
/// </summary>
internal sealed class RtpSender(MediaSessionSeed seed)
{
    /// <summary>A relayed packet may be so far behind the newest; one further away is of another timeline.</summary>
    private const int MisorderMax = 100;

    /// <summary>A jump forward of more packets than this is no loss but another timeline: 20 s.</summary>
    private const int DropoutMax = 1000;

    private ushort _sequence = seed.Sequence;
    private bool _afterGap = true;
    private bool _mapped;
    private uint _mappedSsrc;
    private ushort _mappedNewest;
    private int _mappedCount;
    private ushort _sequenceOffset;
    private uint _timestampOffset;
    private uint _mappedEnd;
    /// <summary>The source's timestamp of the event that was relayed last.</summary>
    private uint? _eventSource;
    private uint _eventTimestamp;

    public uint Ssrc { get; } = seed.Ssrc;

    /// <summary>Ticks of our clock in a millisecond; sound by another one is marked.</summary>
    public int PerMilli
    {
        get;
        set
        {
            _afterGap |= value != field;
            field = value;
        }
    } = Audio.MillisSamples;

    /// <summary>Ticks of a frame.</summary>
    public int FrameTicks => 20 * PerMilli;

    /// <summary>The present frame's timestamp.</summary>
    public uint Timestamp { get; private set; } = seed.Timestamp;

    public long Packets { get; private set; }

    public long Octets { get; private set; }

    /// <summary>Writes the header for a payload that lies behind it already. Audio after a gap is marked (RFC 3551 section 4.1).</summary>
    /// <param name="packet">Header and payload.</param>
    /// <param name="payloadType">Of the codec.</param>
    /// <param name="payloadBytes">How long the payload is.</param>
    /// <param name="age">Ticks from the beginning of its sound to the end of the present frame.</param>
    /// <returns>The packet's length.</returns>
    public int WriteAudio(Span<byte> packet, int payloadType, int payloadBytes, int age)
    {
        EndRelay();
        var marker = _afterGap;
        _afterGap = false;
        return Write(packet, payloadType, marker, _sequence++, Timestamp + (uint)(FrameTicks - age), payloadBytes);
    }

    /// <summary>The same for an event: its timestamp and marker are its own.</summary>
    public int WriteEvent(Span<byte> packet, int payloadType, bool marker, uint timestamp, int payloadBytes)
    {
        EndRelay();
        _afterGap = true;
        return Write(packet, payloadType, marker, _sequence++, timestamp, payloadBytes);
    }

    /// <summary>Writes a packet of another session's far end as one of ours, with its payload as it is.</summary>
    /// <param name="packet">Takes it.</param>
    /// <param name="payloadType">Ours.</param>
    /// <param name="source">Theirs.</param>
    /// <param name="ticks">How long its sound is.</param>
    /// <returns>The packet's length; 0 for one that is from before ours, and would come out of order now.</returns>
    public int WriteRelayed(Span<byte> packet, int payloadType, in RtpPacket source, int ticks)
    {
        var step = (short)(source.Sequence - _mappedNewest);
        if (!_mapped || source.Ssrc != _mappedSsrc || step > DropoutMax || step < -MisorderMax) BeginRelay(source);
        else if (step > 0)
        {
            _mappedNewest = source.Sequence;
            _mappedCount = Math.Min(_mappedCount + step, MisorderMax);
        }
        else if (-step > _mappedCount)
        {
            return 0;
        }
        var sequence = (ushort)(source.Sequence + _sequenceOffset);
        var timestamp = source.Timestamp + _timestampOffset;
        if ((short)(sequence - _sequence) >= 0) _sequence = (ushort)(sequence + 1);
        var end = timestamp + (uint)ticks;
        if ((int)(end - _mappedEnd) > 0) _mappedEnd = end;
        source.Payload.CopyTo(packet[RtpPacket.HeaderBytes..]);
        var marker = source.Marker || _afterGap;
        _afterGap = false;
        return Write(packet, payloadType, marker, sequence, timestamp, source.Payload.Length);
    }

    /// <summary>Writes a telephone event of another session's far end between audio of ours: all packets of one event keep one timestamp.</summary>
    /// <returns>The packet's length.</returns>
    public int WriteRelayedEvent(Span<byte> packet, int payloadType, in RtpPacket source)
    {
        if (_mapped) return WriteRelayed(packet, payloadType, source, 0);
        if (source.Timestamp != _eventSource)
        {
            _eventSource = source.Timestamp;
            _eventTimestamp = Timestamp;
        }
        source.Payload.CopyTo(packet[RtpPacket.HeaderBytes..]);
        return Write(packet, payloadType, source.Marker, _sequence++, _eventTimestamp, source.Payload.Length);
    }

    /// <summary>Nothing is sent in this frame.</summary>
    public void Pause() => _afterGap |= !_mapped;

    /// <summary>That many frames are over.</summary>
    public void Advance(long frames) => Timestamp += (uint)(frames * FrameTicks);

    /// <summary>What follows is ours again: its timestamp is not before the end of what was relayed.</summary>
    public void EndRelay()
    {
        if (!_mapped) return;
        _mapped = false;
        _afterGap = true;
        if ((int)(_mappedEnd - Timestamp) > 0) Timestamp = _mappedEnd;
    }

    private void BeginRelay(in RtpPacket source)
    {
        EndRelay();
        _mapped = true;
        _afterGap = true;
        _mappedSsrc = source.Ssrc;
        _mappedNewest = source.Sequence;
        _mappedCount = 0;
        _sequenceOffset = (ushort)(_sequence - source.Sequence);
        _timestampOffset = Timestamp - source.Timestamp;
        _mappedEnd = Timestamp;
    }

    private int Write(Span<byte> packet, int payloadType, bool marker, ushort sequence, uint timestamp, int payloadBytes)
    {
        RtpPacket.WriteHeader(packet, payloadType, marker, sequence, timestamp, Ssrc);
        Packets++;
        Octets += payloadBytes;
        return RtpPacket.HeaderBytes + payloadBytes;
    }
}
