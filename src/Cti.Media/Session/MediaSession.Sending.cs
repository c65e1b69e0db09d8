using Cti.Media.Codecs;
using Cti.Media.Dtmf;
using Cti.Media.Session.Mix;
using Cti.Media.Rtp;

namespace Cti.Media.Session;

/// <content>What is sent in a frame: keys, else a beep, else the play, else the mix, else silence. And whether the far end may be sent to at all.</content>
public sealed partial class MediaSession
{
    /// <summary>What a far end has to its credit at most: a second of G.711.</summary>
    private const int CreditBytesMax = 50 * (RtpPacket.HeaderBytes + Audio.FrameSamples);

    private SocketAddressKey _shown;
    private SocketAddressKey _creditor;
    private int _credit;

    /// <summary>Whether <see cref="Remote"/> may be sent to whatever it says: it is trusted, or it has shown itself (see <see cref="FarEnd.Shown"/>).</summary>
    private bool IsReachable => _description is { FarEnd.IsTrusted: true } || (!_shown.IsNone && _latch.Remote.HasSameAddress(_shown));

    private bool MayReach(int bytes) => !_latch.Remote.IsUnspecified && (IsReachable || (_creditor == _latch.Remote && _credit >= bytes));

    /// <summary>Something came from where we send to.</summary>
    private void Earn(int bytes)
    {
        if (IsReachable) return;
        if (_creditor != _latch.Remote) (_creditor, _credit) = (_latch.Remote, 0);
        _credit = Math.Min(_credit + (FarEnd.ReturnFactor * bytes), CreditBytesMax);
    }

    private void Spend(int bytes)
    {
        if (!IsReachable) _credit -= bytes;
    }

    private int SendFrame(Span<byte> packet, long nowNanos)
    {
        if (_description is not { } description) return 0;
        var canSend = description.Send && MayReach(RtpPacket.HeaderBytes + Audio.FrameSamples);
        var payload = packet.Slice(RtpPacket.HeaderBytes, Audio.FrameSamples);
        if (_keys.IsActive)
        {
            EndIdle();
            return SendKeyFrame(packet, payload, description, canSend);
        }
        var hasSound = false;
        if (IsBeeping(out var recording))
        {
            _beep.Take(payload, description.Codec);
            hasSound = true;
            if (!_beep.IsActive) Begin(recording!);
        }
        else if (_playLoaded)
        {
            hasSound = TakePlay(payload, description.Codec);
        }
        else
        {
            switch (TakeMix(payload, description.Codec, nowNanos))
            {
                case Supply.Relayed:
                    EndIdle();
                    return 0;
                case Supply.Frame: hasSound = true; break;
                default: payload.Fill(G711.Silence(description.Codec)); break;
            }
        }
        if (hasSound || !canSend) EndIdle();
        return canSend && (hasSound || SendsSilence(nowNanos)) ? _sender.WriteAudio(packet, description.PayloadType, Audio.FrameSamples) : 0;
    }

    private bool IsBeeping(out Recording? recording)
    {
        recording = null;
        if (!_beep.IsActive) return false;
        foreach (var candidate in _recordings)
        {
            if (candidate.Phase == RecordingPhase.Beeping) recording = candidate;
        }
        return recording is not null;
    }

    private bool TakePlay(Span<byte> payload, AudioCodec codec)
    {
        if (!_playReported)
        {
            _playReported = true;
            Report(new PlayStarted(_playAction));
        }
        var hadSound = _play.IsActive;
        _play.Take(payload, codec);
        // The end is reported with the last packet, so nothing is heard between two plays but the way of the report and the next command.
        if (!_play.IsActive) EndPlay(_playAction, MediaOutcome.Completed, null);
        return hadSound;
    }

    private int SendKeyFrame(Span<byte> packet, Span<byte> payload, MediaDescription description, bool canSend)
    {
        var length = 0;
        _sender.EndRelay();
        switch (_keys.Begin(_sender.Timestamp))
        {
            case KeyFrame.Event:
                _keys.WriteEvent(payload);
                if (canSend && description.TelephoneEventPayloadType >= 0)
                {
                    length = _sender.WriteEvent(packet, description.TelephoneEventPayloadType, _keys.Marker, _keys.EventTimestamp,
                        EventReceiver.PayloadBytes);
                }
                break;
            case KeyFrame.Tone:
                _keys.WriteTone(_tone);
                G711.Encode(description.Codec, _tone, payload);
                if (canSend) length = _sender.WriteAudio(packet, description.PayloadType, Audio.FrameSamples);
                break;
            case KeyFrame.Gap or KeyFrame.Idle:
                payload.Fill(G711.Silence(description.Codec));
                if (canSend && _options.Idle != IdleSending.Nothing)
                    length = _sender.WriteAudio(packet, description.PayloadType, Audio.FrameSamples);
                break;
        }
        if (_keys.End()) EndKeys(MediaOutcome.Completed);
        return length;
    }
}
