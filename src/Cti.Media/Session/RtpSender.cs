using Cti.Media.Rtp;

namespace Cti.Media;

/// <summary>Our stream: sequence numbers, and a timestamp that follows time whether packets are sent or not.</summary>
internal sealed class RtpSender(MediaSessionSeed seed)
{
    private ushort _sequence = seed.Sequence;
    private bool _afterGap = true;

    public uint Ssrc { get; } = seed.Ssrc;

    /// <summary>The present frame's timestamp.</summary>
    public uint Timestamp { get; private set; } = seed.Timestamp;

    public long Packets { get; private set; }

    public long Octets { get; private set; }

    /// <summary>Writes the header for a payload that lies behind it already. Audio after a gap is marked (RFC 3551 section 4.1).</summary>
    /// <returns>The packet's length.</returns>
    public int WriteAudio(Span<byte> packet, int payloadType, int payloadBytes)
    {
        var marker = _afterGap;
        _afterGap = false;
        return Write(packet, payloadType, marker, Timestamp, payloadBytes);
    }

    /// <summary>The same for an event: its timestamp and marker are its own.</summary>
    public int WriteEvent(Span<byte> packet, int payloadType, bool marker, uint timestamp, int payloadBytes)
    {
        _afterGap = true;
        return Write(packet, payloadType, marker, timestamp, payloadBytes);
    }

    /// <summary>Nothing is sent in this frame.</summary>
    public void Pause() => _afterGap = true;

    /// <summary>That many frames are over.</summary>
    public void Advance(long frames) => Timestamp += (uint)(frames * Audio.FrameSamples);

    private int Write(Span<byte> packet, int payloadType, bool marker, uint timestamp, int payloadBytes)
    {
        RtpPacket.WriteHeader(packet, payloadType, marker, _sequence++, timestamp, Ssrc);
        Packets++;
        Octets += payloadBytes;
        return RtpPacket.HeaderBytes + payloadBytes;
    }
}
