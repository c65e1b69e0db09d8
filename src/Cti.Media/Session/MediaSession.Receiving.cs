using Cti.Media.Codecs;
using Cti.Media.Dtmf;
using Cti.Media.Jitter;
using Cti.Media.Rtcp;
using Cti.Media.Rtp;

namespace Cti.Media.Session;

/// <content>What comes from the far end: each datagram is counted once, as used or as dropped for one reason.</content>
public sealed partial class MediaSession
{
    /// <summary>Takes a datagram that came to the RTP port. Never throws, whatever is in it.</summary>
    public void OnRtp(ReadOnlySpan<byte> packet, SocketAddressKey source, long nowNanos)
    {
        if (RtcpCompound.IsRtcp(packet))
        {
            AcceptRtcp(packet, source, nowNanos);
            return;
        }
        var reason = DropReason.NotAuthentic;
        if ((Protection is { } srtp && !srtp.TryUnprotectRtp(packet, out packet, out reason)) || !RtpPacket.TryParse(packet, out var rtp, out reason))
        {
            _counters.CountDrop(reason);
            return;
        }
        if (IsClosing || _description is not { } description)
        {
            _counters.CountDrop(DropReason.NotReceiving);
            return;
        }
        var kind = _payloads[rtp.PayloadType];
        var isEvent = kind.IsEvent();
        // What was not agreed proves nothing about its source.
        if (kind == PayloadKind.Unknown)
        {
            OnOtherPayload(rtp, source, nowNanos);
            return;
        }
        var remote = _latch.Remote;
        if (!_latch.Accept(source, rtp, nowNanos))
        {
            _counters.CountDrop(DropReason.ForeignSource);
            return;
        }
        if (remote != _latch.Remote) BeginAnew();
        _inactivity.Hear(nowNanos);
        _reach.Earn(packet.Length);
        // A key's packets all carry the time of its beginning (RFC 4733 section 2.3.3): they say nothing of jitter.
        if (!_stream.Accept(rtp, nowNanos, isTimed: !isEvent, kind.Codec()?.ClockPerMilli() ?? 0))
        {
            _counters.CountDrop(DropReason.Duplicate);
            return;
        }
        _counters.CountReceived();
        HearRtp(nowNanos);
        if (!description.Receive) _counters.CountDrop(DropReason.NotReceiving);
        else Use(rtp, kind, nowNanos);
    }

    private void Use(in RtpPacket rtp, PayloadKind kind, long nowNanos)
    {
        if (kind.Codec() is { } codec)
        {
            if (codec != Heard) ChangeHeard(codec);
            if (_audio.Put(rtp.Timestamp, rtp.Payload, codec, nowNanos) == PutResult.Late) _counters.CountDrop(DropReason.Late);
        }
        else if (kind == PayloadKind.Noise)
        {
            _audio.PutNoise(rtp.Timestamp, rtp.Payload, nowNanos);
        }
        else
        {
            OnEvent(rtp, kind);
        }
        Mixes.OnPacket(rtp, kind, nowNanos);
    }

    /// <summary>The far end sends in another of the codecs that it may: what is relayed to others may have to be decoded from now on.</summary>
    private void ChangeHeard(AudioCodec codec)
    {
        var relays = Heard is { } before && before.CanRelayTo(codec);
        Heard = codec;
        if (!relays) Mixes.OnConfigured();
    }

    /// <summary>Takes a datagram that came to the RTCP port. Never throws, whatever is in it.</summary>
    public void OnRtcp(ReadOnlySpan<byte> packet, SocketAddressKey source, long nowNanos)
    {
        if (AcceptRtcp(packet, source, nowNanos)) _rtcpRemote.Learn(source);
    }

    /// <summary>The far end is elsewhere now: it gets as much as at the beginning.</summary>
    private void BeginAnew()
    {
        _idle.End();
        _frames.AskForTick();
    }

    /// <summary>The far end's RTP came.</summary>
    private void HearRtp(long nowNanos)
    {
        _idle.Hear(nowNanos);
        if (!_frames.IsAsleep) return;
        // No tick does it.
        Publish();
        if (_audio.IsSearching) _frames.AskForTick();
    }

    /// <summary>Comfort noise and the like keep a session alive and count in the stream, but bring no sound and choose no source.</summary>
    private void OnOtherPayload(in RtpPacket rtp, SocketAddressKey source, long nowNanos)
    {
        _counters.CountDrop(DropReason.UnknownPayloadType);
        if (source != _latch.Remote) return;
        _inactivity.Hear(nowNanos);
        _stream.Accept(rtp, nowNanos);
        // Sent by many that never said so: without it each of their pauses would be a gap.
        if (rtp.PayloadType == ReceivedPayloads.StaticNoise && _description is { Receive: true }) _audio.PutNoise(rtp.Timestamp, rtp.Payload, nowNanos);
    }

    private void OnEvent(in RtpPacket rtp, PayloadKind kind)
    {
        var code = _eventReceiver.Accept(rtp, kind.EventClockPerMilli());
        if (code >= 0)
        {
            _reports.Report(new KeyPressed(Keys.ByCode[code], new KeyEvent(rtp.Ssrc, rtp.Timestamp)));
            Mixes.OnKey(code);
        }
        else if (code == EventReceiver.NoKey) _counters.CountDrop(DropReason.BadEvent);
    }

    private bool AcceptRtcp(ReadOnlySpan<byte> packet, SocketAddressKey source, long nowNanos)
    {
        if (_description is null || !_rtcpRemote.IsFarEnd(source))
        {
            _counters.CountDrop(DropReason.ForeignSource);
            return false;
        }
        if (Protection is { } srtp && !srtp.TryUnprotectRtcp(packet, out packet, out var reason))
        {
            _counters.CountDrop(reason);
            return false;
        }
        if (!_rtcp.Accept(packet, _sender.Ssrc, nowNanos))
        {
            _counters.CountDrop(DropReason.BadRtcp);
            return false;
        }
        _published.Reported(_rtcp, _sender.Packets, _sender.PerMilli);
        _inactivity.Hear(nowNanos);
        if (_idle.IsHeardTooLittle) _frames.AskForTick();
        return true;
    }
}
