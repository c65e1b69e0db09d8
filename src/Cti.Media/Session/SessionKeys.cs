using Cti.Media.Codecs;
using Cti.Media.Dtmf;
using Cti.Media.Rtp;

namespace Cti.Media.Session;

/// <summary>
/// The keys being sent to the far end, one action's at a time: an application's, which end with a report, or those of the other side of a bridge, about
/// which nobody is told.
/// </summary>
/// <param name="sender">Our stream.</param>
/// <param name="reports">Where their end is told.</param>
/// <param name="fillsGaps">Whether silence is sent between two keys.</param>
internal sealed class SessionKeys(RtpSender sender, SessionReports reports, bool fillsGaps)
{
    /// <summary>The action of keys that are sounded for the other side of a bridge.</summary>
    private const long Forwarded = long.MinValue;

    private readonly KeySender _keys = new();
    private readonly short[] _tone = new short[Audio.FrameSamples];

    /// <summary>True while there is something to send.</summary>
    public bool IsActive => _keys.IsActive;

    /// <summary>Sends an application's keys; those before them end.</summary>
    /// <param name="request">Which, and how.</param>
    /// <param name="description">What was negotiated; null for nothing yet.</param>
    /// <param name="isClosing">Whether the session is over.</param>
    public void Send(SendKeysRequest request, MediaDescription? description, bool isClosing)
    {
        End(MediaOutcome.Stopped);
        foreach (var key in request.Keys)
        {
            if (key == Keys.Pause || Keys.Code(key) >= 0) continue;
            reports.Report(new SendKeysEnded(request.Action, MediaOutcome.Unsupported));
            return;
        }
        if (isClosing || description is not { Send: true })
        {
            reports.Report(new SendKeysEnded(request.Action, isClosing ? MediaOutcome.Stopped : MediaOutcome.Failed));
            return;
        }
        if (request.Keys.Length == 0)
        {
            reports.Report(new SendKeysEnded(request.Action, MediaOutcome.Completed));
            return;
        }
        _keys.Start(request.Action, request.Keys, request.How == KeySending.InBand || description.TelephoneEventPayloadType < 0);
    }

    /// <summary>Sounds a key of the other side of a bridge.</summary>
    public void Forward(int code) => _keys.Start(Forwarded, Keys.Text(code), inBand: true);

    /// <summary>Ends whatever is being sent.</summary>
    public void End(MediaOutcome outcome)
    {
        if (!_keys.IsActive) return;
        var action = _keys.Action;
        _keys.Stop();
        if (action != Forwarded) reports.Report(new SendKeysEnded(action, outcome));
    }

    /// <summary>Makes the present frame: an event's packet, or sound.</summary>
    /// <param name="packet">Where an event's packet goes.</param>
    /// <param name="sound">Where sound goes.</param>
    /// <param name="description">What was negotiated.</param>
    /// <param name="canSend">Whether the far end may be sent to; the keys go on where not.</param>
    /// <returns>The packet's length, 0 for none.</returns>
    public int WriteFrame(Span<byte> packet, Outgoing sound, MediaDescription description, bool canSend)
    {
        var length = 0;
        sender.EndRelay();
        switch (_keys.Begin(sender.Timestamp))
        {
            case KeyFrame.Event:
                sound.Drop();
                if (canSend && description.TelephoneEventPayloadType >= 0)
                {
                    _keys.WriteEvent(packet.Slice(RtpPacket.HeaderBytes, EventReceiver.PayloadBytes), description.EventClockPerMilli);
                    length = sender.WriteEvent(packet, description.TelephoneEventPayloadType, _keys.Marker, _keys.EventTimestamp,
                        EventReceiver.PayloadBytes);
                }
                break;
            case KeyFrame.Tone:
                _keys.WriteTone(_tone);
                sound.Put(_tone);
                break;
            case KeyFrame.Gap or KeyFrame.Idle:
                if (fillsGaps) sound.PutSilence();
                break;
        }
        if (_keys.End()) End(MediaOutcome.Completed);
        return length;
    }
}
