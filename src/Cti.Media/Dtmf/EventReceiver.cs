using System.Buffers.Binary;
using Cti.Media.Codecs;
using Cti.Media.Rtp;

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
/// A packet of another timestamp is the rest of the key before it where the numbers say so (some senders stamp each packet with its own time), left over
/// where it is of an event that was heard a moment ago, and else a new key: also one that lies in the past, since timelines jump.
/// </summary>
internal sealed class EventReceiver
{
    public const int PayloadBytes = 4;

    /// <summary>It belongs to a key that is known already.</summary>
    public const int Known = -1;

    /// <summary>It is no key event.</summary>
    public const int NoKey = -2;

    /// <summary>Packets that may be lost between two of one key whose timestamps differ: fewer than the three that tell its end.</summary>
    private const int StepMax = 3;

    /// <summary>A packet further behind than this is not a late one, but of a new timeline; as for the stream (RFC 3550 A.1).</summary>
    private const int MisorderMax = 100;

    /// <summary>A timestamp further from its neighbour's than this has jumped, as for sound.</summary>
    private const int JumpMillis = 1_000;

    /// <summary>Two presses do not follow each other within this: less than the shortest key and pause (ITU-T Q.24).</summary>
    private const int PressMillis = 60;

    private readonly (uint Timestamp, ushort Sequence)[] _earlier = new (uint, ushort)[4];
    private int _earlierCount;
    private bool _hasEvent;
    private bool _ended;
    private int _code;
    private uint _timestamp;
    private ushort _sequence;
    private ushort _duration;
    private uint _ssrc;
    private int _perMilli = Audio.MillisSamples;

    /// <summary>Takes an event packet.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="perMilli">Ticks of its clock in a millisecond.</param>
    /// <returns>The code 0..15 of a key that was just pressed, <see cref="Known"/> or <see cref="NoKey"/>.</returns>
    public int Accept(in RtpPacket packet, int perMilli = Audio.MillisSamples)
    {
        _perMilli = perMilli;
        var payload = packet.Payload;
        if (payload.Length < PayloadBytes || payload[0] > 15) return NoKey;
        var happened = new Event(payload[0], (payload[1] & 0x80) != 0, packet.Marker, BinaryPrimitives.ReadUInt16BigEndian(payload[2..]));
        if (!_hasEvent || packet.Ssrc != _ssrc)
        {
            _earlierCount = 0;
            Remember(packet, happened);
            return happened.Code;
        }
        var ahead = (short)(packet.Sequence - _sequence);
        // Left over from a key that was reported when its first packet came.
        if (ahead is <= 0 and >= -MisorderMax) return Known;
        if (packet.Timestamp == _timestamp ? IsSameEvent(happened, ahead) : IsRest(happened, (int)(packet.Timestamp - _timestamp), ahead))
        {
            happened = happened with { IsEnd = happened.IsEnd || (_ended && packet.Timestamp == _timestamp) };
            if (packet.Timestamp == _timestamp) happened = happened with { Duration = Math.Max(_duration, happened.Duration) };
            Remember(packet, happened);
            return Known;
        }
        if (IsLeftOver(packet)) return Known;
        KeepAsEarlier();
        Remember(packet, happened);
        return happened.Code;
    }

    /// <summary>One timestamp is one event, unless it names another key, or comes again long after the end: then the sender's clock stands still.</summary>
    private bool IsSameEvent(in Event happened, int ahead) => happened.Code == _code && !(_ended && ahead is < 0 or > MisorderMax);

    /// <summary>The rest of the last key, under another timestamp.</summary>
    private bool IsRest(in Event happened, int step, int ahead)
    {
        if (happened.Code != _code) return false;
        // A key held over 0xFFFF units goes on as a segment with a timestamp of its own, right where the last one ended, without marker and without an end
        // between them (RFC 4733 section 2.5.1.3).
        var follows = !_ended && !happened.IsMarked;
        if (follows && (step == 0xFFFF || (step == _duration && _duration >= 0x8000))) return true;
        if (ahead < 1 || ahead > StepMax || (ahead > 1 && happened.IsMarked)) return false;
        // A press takes longer than the repetitions of an end, which say the same once more.
        if (_ended) return happened.IsEnd && happened.Duration >= _duration && step > 0 && step < Math.Max(_duration, PressMillis * _perMilli);
        if (follows && ahead == 1 && step == _duration) return true;
        var growth = happened.Duration - _duration;
        return (growth > 0 || (growth == 0 && happened.IsEnd)) && (step <= growth + (PressMillis * _perMilli) || step > JumpMillis * _perMilli);
    }

    private bool IsLeftOver(in RtpPacket packet)
    {
        for (var i = 0; i < _earlierCount; i++)
        {
            if (_earlier[i].Timestamp == packet.Timestamp && (ushort)(packet.Sequence - _earlier[i].Sequence) <= MisorderMax) return true;
        }
        return false;
    }

    private void KeepAsEarlier()
    {
        _earlierCount = Math.Min(_earlierCount + 1, _earlier.Length);
        for (var i = _earlierCount - 1; i > 0; i--) _earlier[i] = _earlier[i - 1];
        _earlier[0] = (_timestamp, _sequence);
    }

    private void Remember(in RtpPacket packet, in Event happened)
    {
        _hasEvent = true;
        _ssrc = packet.Ssrc;
        _timestamp = packet.Timestamp;
        _sequence = packet.Sequence;
        _code = happened.Code;
        _ended = happened.IsEnd;
        _duration = happened.Duration;
    }

    private readonly record struct Event(int Code, bool IsEnd, bool IsMarked, ushort Duration);
}
