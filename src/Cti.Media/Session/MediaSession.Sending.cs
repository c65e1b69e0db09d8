using Cti.Media.Codecs;
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
        var isEvent = kind == PayloadKind.Event;
        if (IsClosing || Output is not { } output || _description is not { Send: true } description) return false;
        if (!_reach.Allows(RtpPacket.HeaderBytes + rtp.Payload.Length)) return false;
        if (_keys.IsActive || _play.IsLoaded || _recordings.HasBeep || Mixes.ListensBeside(by, nowNanos)) return false;
        var payloadType = isEvent ? description.TelephoneEventPayloadType : description.PayloadType;
        if (payloadType < 0 || rtp.Payload.Length > PayloadMax) return false;
        var length = isEvent && !isRelaying ? _sender.WriteRelayedEvent(by.Packet, payloadType, rtp) : _sender.WriteRelayed(by.Packet, payloadType, rtp);
        if (length > 0 && !isEvent && kind != (description.Codec == AudioCodec.Pcma ? PayloadKind.Pcma : PayloadKind.Pcmu))
            G711.ToOtherLaw(description.Codec, by.Packet.AsSpan(RtpPacket.HeaderBytes, length - RtpPacket.HeaderBytes));
        if (length > 0 && Protection is { } srtp) length = srtp.ProtectRtp(by.Packet, length);
        if (length == 0) return false;
        _reach.Spend(length);
        _counters.CountSent();
        output.SendRtp(this, by.Packet.AsSpan(0, length));
        return true;
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
        var payload = packet.Slice(RtpPacket.HeaderBytes, Audio.FrameSamples);
        if (_keys.IsActive)
        {
            _idle.End();
            return _keys.WriteFrame(packet, payload, description, canSend);
        }
        var hasSound = false;
        if (_recordings.TryTakeBeep(payload, description.Codec))
        {
            hasSound = true;
        }
        else if (_play.IsLoaded)
        {
            hasSound = _play.Take(payload, description.Codec);
        }
        else
        {
            switch (Mixes.Take(payload, description.Codec, nowNanos))
            {
                case Supply.Relayed:
                    _idle.End();
                    return 0;
                case Supply.Frame: hasSound = true; break;
                default: payload.Fill(G711.Silence(description.Codec)); break;
            }
        }
        if (hasSound || !canSend) _idle.End();
        return canSend && (hasSound || _idle.Sends(nowNanos, Mixes.IsMixed)) ? _sender.WriteAudio(packet, description.PayloadType, Audio.FrameSamples) : 0;
    }

    private int WriteRtcp(Span<byte> packet, long nowNanos, bool bye)
    {
        var length = _rtcp.Write(packet, _sender, _stream, nowNanos, bye);
        if (Protection is { } srtp) length = srtp.ProtectRtcp(packet, length);
        _reach.Spend(length);
        return length;
    }
}
