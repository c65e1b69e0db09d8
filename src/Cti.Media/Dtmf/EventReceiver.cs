using System.Buffers.Binary;

namespace Cti.Media.Dtmf;

/// <summary>
/// Receives named telephone events (RFC 4733 section 2.3):
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     event     |E|R| volume    |          duration             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// An event is known by its RTP timestamp, so a key is one key however many of its packets come, or however few: it is reported with the first
/// that does, be it the start, an update or the last repetition of the end. The marker bit proves nothing: it gets lost with its packet.
/// </summary>
internal sealed class EventReceiver
{
    public const int PayloadBytes = 4;

    /// <summary>It belongs to a key that is known already.</summary>
    public const int Known = -1;

    /// <summary>It is no key event.</summary>
    public const int NoKey = -2;

    private bool _hasEvent;
    private bool _ended;
    private int _code;
    private uint _timestamp;
    private ushort _duration;
    private uint _ssrc;

    /// <summary>Takes an event packet.</summary>
    /// <returns>The code 0..15 of a key that was just pressed, <see cref="Known"/> or <see cref="NoKey"/>.</returns>
    public int Accept(uint ssrc, uint timestamp, bool marker, ReadOnlySpan<byte> payload)
    {
        if (payload.Length < PayloadBytes || payload[0] > 15) return NoKey;
        int code = payload[0];
        var ended = (payload[1] & 0x80) != 0;
        var duration = BinaryPrimitives.ReadUInt16BigEndian(payload[2..]);
        if (_hasEvent && ssrc == _ssrc)
        {
            var step = (int)(timestamp - _timestamp);
            if (step == 0)
            {
                _ended |= ended;
                _duration = Math.Max(_duration, duration);
                return Known;
            }
            // Left over from an earlier key, which was reported when its first packet came.
            if (step < 0) return Known;
            if (IsNextSegment(code, step, marker))
            {
                Remember(ssrc, timestamp, code, ended, duration);
                return Known;
            }
        }
        Remember(ssrc, timestamp, code, ended, duration);
        return code;
    }

    /// <summary>
    /// A key held over 0xFFFF units goes on as a segment with a timestamp of its own, right where the last one ended, without marker and
    /// without an end between them (RFC 4733 section 2.5.1.3).
    /// </summary>
    private bool IsNextSegment(int code, int step, bool marker) =>
        code == _code && !_ended && !marker && (step == 0xFFFF || (step == _duration && _duration >= 0x8000));

    private void Remember(uint ssrc, uint timestamp, int code, bool ended, ushort duration)
    {
        _hasEvent = true;
        _ssrc = ssrc;
        _timestamp = timestamp;
        _code = code;
        _ended = ended;
        _duration = duration;
    }
}
