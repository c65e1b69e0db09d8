using System.Buffers.Binary;
using Cti.Media.Codecs;
using Cti.Media.Dtmf;
using Cti.Media.Rtp;
using Cti.Media.Session.Mix;
using Cti.Media.Srtp;

namespace Cti.Media.Session;

/// <summary>Where a session's packets go that are due between its ticks: what a bridge relays to it.</summary>
public interface IRtpOutput
{
    /// <summary>Sends a packet to the session's <see cref="MediaSession.Remote"/>, from the loop's thread.</summary>
    void SendRtp(MediaSession session, ReadOnlySpan<byte> packet);
}

/// <content>What is sent in a frame: keys, else a beep, else the play, else the mix, else silence. And what a bridge relays between two frames.</content>
public sealed partial class MediaSession
{
    /// <summary>Bytes of a payload that is relayed: what fits into an Ethernet frame.</summary>
    internal const int RelayedPayloadMax = 1_460;

    /// <summary>Bytes that a packet of a session may have: header, a relayed payload, and what SRTP adds.</summary>
    internal const int PacketBytesMax = RtpPacket.HeaderBytes + RelayedPayloadMax + SrtpSession.RtpOverheadBytes;

    /// <summary>Bytes of a payload of sound that is made here: 60 ms of 64 kbit/s.</summary>
    private const int SoundBytesMax = 480;

    /// <summary>Bytes of a payload that this session sends, so that what SRTP adds fits as well.</summary>
    private int PayloadMax => RelayedPayloadMax - (Protection is null ? 0 : SrtpSession.RtpOverheadBytes);

    /// <summary>Sends a packet of the other side's far end as one of ours.</summary>
    /// <param name="by">The bridge that does it.</param>
    /// <param name="rtp">The packet.</param>
    /// <param name="kind">What it brings: sound of the other law is brought to ours, sample by sample.</param>
    /// <param name="isRelaying">Whether audio is relayed as well: then events keep their place in it.</param>
    /// <param name="nowNanos">Now.</param>
    /// <returns>False where it cannot be heard now.</returns>
    internal bool Relay(Bridge by, in RtpPacket rtp, PayloadKind kind, bool isRelaying, long nowNanos)
    {
        if (IsClosing || Output is not { } output || _description is not { Send: true } description) return false;
        if (!_reach.Allows(RtpPacket.HeaderBytes + rtp.Payload.Length)) return false;
        if (_keys.IsActive || _play.IsLoaded || _recordings.HasBeep || Mixes.ListensBeside(by, nowNanos)) return false;
        if (rtp.Payload.Length > PayloadMax) return false;
        var length = kind.IsEvent() ? RelayEvent(by, rtp, kind, isRelaying, description) : RelaySound(by, rtp, kind, description);
        if (length > 0 && Protection is { } srtp) length = srtp.ProtectRtp(by.Packet, length);
        if (length == 0) return false;
        _reach.Spend(length);
        _counters.CountSent();
        output.SendRtp(this, by.Packet.AsSpan(0, length));
        return true;
    }

    private int RelaySound(Bridge by, in RtpPacket rtp, PayloadKind kind, MediaDescription description)
    {
        if (kind == PayloadKind.Noise)
            return description.NoisePayloadType < 0 ? 0 : _sender.WriteRelayed(by.Packet, description.NoisePayloadType, rtp, 0);
        if (kind.Codec() is not { } codec || !codec.CanRelayTo(description.Codec)) return 0;
        var ticks = codec == AudioCodec.Opus ? OpusPacket.SamplesOf(rtp.Payload) : rtp.Payload.Length;
        var length = _sender.WriteRelayed(by.Packet, description.PayloadType, rtp, ticks);
        if (length > 0 && codec != description.Codec)
            G711.ToOtherLaw(description.Codec, by.Packet.AsSpan(RtpPacket.HeaderBytes, length - RtpPacket.HeaderBytes));
        return length;
    }

    private int RelayEvent(Bridge by, in RtpPacket rtp, PayloadKind kind, bool isRelaying, MediaDescription description)
    {
        var payloadType = description.TelephoneEventPayloadType;
        if (payloadType < 0) return 0;
        var length = isRelaying ? _sender.WriteRelayed(by.Packet, payloadType, rtp, 0) : _sender.WriteRelayedEvent(by.Packet, payloadType, rtp);
        if (length < RtpPacket.HeaderBytes + EventReceiver.PayloadBytes || kind.EventClockPerMilli() == description.EventClockPerMilli) return length;
        // How long it is, in ticks of our clock; beyond 16 bits it stays at their end.
        var duration = by.Packet.AsSpan(RtpPacket.HeaderBytes + 2, 2);
        var ticks = BinaryPrimitives.ReadUInt16BigEndian(duration) * description.EventClockPerMilli / kind.EventClockPerMilli();
        BinaryPrimitives.WriteUInt16BigEndian(duration, (ushort)Math.Min(ticks, ushort.MaxValue));
        return length;
    }

    /// <summary>Sounds a key that the other side's far end pressed, where telephone events were not agreed on here.</summary>
    internal void SoundKey(int code)
    {
        if (IsClosing || _keys.IsActive || _description is not { Send: true, TelephoneEventPayloadType: < 0 }) return;
        _keys.Forward(code);
    }

    private int WriteFrame(Span<byte> packet, long nowNanos)
    {
        if (_description is not { } description) return 0;
        var canSend = description.Send && _reach.Allows(RtpPacket.HeaderBytes + Audio.FrameSamples);
        _outgoing.Begin();
        if (_keys.IsActive)
        {
            _idle.End();
            var length = _keys.WriteFrame(packet, _outgoing, description, canSend);
            return length > 0 ? length : WriteSound(packet, description, canSend);
        }
        if (!_recordings.TryTakeBeep(_outgoing))
        {
            var supply = _play.IsLoaded ? (_play.Take(_outgoing) ? Supply.Frame : Supply.None) : Mixes.Take(_outgoing, nowNanos);
            if (supply == Supply.Relayed)
            {
                _idle.End();
                _outgoing.Drop();
                return 0;
            }
            if (supply == Supply.None)
            {
                if (!canSend) _idle.End();
                else if (!_idle.Sends(nowNanos, Mixes.IsMixed)) _outgoing.DropFrame();
                else if (!_outgoing.HasFrame) _outgoing.PutSilence();
                return WriteSound(packet, description, canSend);
            }
        }
        _idle.End();
        return WriteSound(packet, description, canSend);
    }

    /// <summary>Writes what is full, and where no frame came what there is; all but the last packet goes out at once.</summary>
    private int WriteSound(Span<byte> packet, MediaDescription description, bool canSend)
    {
        if (!canSend)
        {
            _outgoing.Drop();
            return 0;
        }
        var length = 0;
        while (_outgoing.HasPacket || (!_outgoing.HasFrame && _outgoing.HasPart))
        {
            if (length > 0) SendNow(packet, length);
            var payload = packet[RtpPacket.HeaderBytes..];
            var bytes = _outgoing.Take(payload[..Math.Min(payload.Length - SrtpSession.RtpOverheadBytes, SoundBytesMax)], out var age);
            // What is left over of the frame before ends where the present one begins.
            if (!_outgoing.HasFrame) age += Outgoing.FrameMillis;
            length = bytes > 0 ? _sender.WriteAudio(packet, description.PayloadType, bytes, age * _sender.PerMilli) : 0;
        }
        return length;
    }

    private void SendNow(Span<byte> packet, int length)
    {
        if (Output is not { } output) return;
        if (Protection is { } srtp) length = srtp.ProtectRtp(packet, length);
        _reach.Spend(length);
        _counters.CountSent();
        output.SendRtp(this, packet[..length]);
    }

    private int WriteRtcp(Span<byte> packet, long nowNanos, bool bye)
    {
        var length = _rtcp.Write(packet, _sender, _stream, nowNanos, bye);
        if (Protection is { } srtp) length = srtp.ProtectRtcp(packet, length);
        _reach.Spend(length);
        return length;
    }
}
