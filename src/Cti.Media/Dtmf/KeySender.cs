using System.Buffers.Binary;
using Cti.Media.Codecs;

namespace Cti.Media.Dtmf;

/// <summary>What the key sender wants in a frame of 20 ms.</summary>
internal enum KeyFrame
{
    /// <summary>Nothing is being sent.</summary>
    Idle,
    /// <summary>A gap or pause: silence.</summary>
    Gap,
    /// <summary>An RFC 4733 packet.</summary>
    Event,
    /// <summary>A frame of tones.</summary>
    Tone,
}

/// <summary>
/// Sends keys by 20 ms frames: 100 ms of key (events of growing duration, the last marked as the end and sent three times in all, RFC 4733
/// section 2.5.1.4; or tones), then 80 ms until the next. A comma is a pause of 500 ms.
/// </summary>
internal sealed class KeySender
{
    private const int KeyFrames = 5;
    private const int EndFrames = 2;
    private const int GapFrames = 4;
    private const int PauseFrames = 25;
    private const byte Volume = 10;

    private readonly ToneFrames _tones = new();
    private string _keys = "";
    private int _index;
    private int _frame;
    private bool _inBand;
    private uint _timestamp;

    /// <summary>The action that it sends for; 0 for none.</summary>
    public long Action { get; private set; }

    /// <summary>True while there is something to send.</summary>
    public bool IsActive => Action != 0;

    /// <summary>True on the first packet of an event.</summary>
    public bool Marker => _frame == 0;

    /// <summary>The timestamp of the event: that of its beginning, in all its packets.</summary>
    public uint EventTimestamp => _timestamp;

    /// <summary>Begins. Every character was checked to be a key or a comma.</summary>
    public void Start(long action, string keys, bool inBand)
    {
        Action = action;
        _keys = keys;
        _index = 0;
        _frame = 0;
        _inBand = inBand;
    }

    /// <summary>Stops at once.</summary>
    public void Stop() => Action = 0;

    /// <summary>What the present frame is; <paramref name="timestamp"/> is the frame's own.</summary>
    public KeyFrame Begin(uint timestamp)
    {
        if (!IsActive || _index >= _keys.Length) return KeyFrame.Idle;
        if (_keys[_index] == Keys.Pause) return KeyFrame.Gap;
        if (_frame == 0) _timestamp = timestamp;
        if (_inBand) return _frame < KeyFrames ? KeyFrame.Tone : KeyFrame.Gap;
        return _frame < KeyFrames + EndFrames ? KeyFrame.Event : KeyFrame.Gap;
    }

    /// <summary>Writes the event's 4 bytes.</summary>
    /// <param name="payload">Takes them.</param>
    /// <param name="perMilli">Ticks of the events' clock in a millisecond.</param>
    public void WriteEvent(Span<byte> payload, int perMilli)
    {
        var frames = Math.Min(_frame + 1, KeyFrames);
        payload[0] = (byte)Keys.Code(_keys[_index]);
        payload[1] = (byte)(Volume | (frames == KeyFrames ? 0x80 : 0));
        BinaryPrimitives.WriteUInt16BigEndian(payload[2..], (ushort)(frames * 20 * perMilli));
    }

    /// <summary>Writes a frame of tones.</summary>
    public void WriteTone(Span<short> samples) =>
        _tones.Fill(Keys.Pad.IndexOf(_keys[_index], StringComparison.Ordinal), _frame * Audio.FrameSamples, KeyFrames * Audio.FrameSamples, samples);

    /// <summary>The frame is over.</summary>
    /// <returns>True when that was the last one.</returns>
    public bool End()
    {
        var frames = _keys.Length > _index && _keys[_index] == Keys.Pause ? PauseFrames : KeyFrames + GapFrames;
        if (++_frame >= frames)
        {
            _frame = 0;
            _index++;
        }
        return _index >= _keys.Length;
    }
}
