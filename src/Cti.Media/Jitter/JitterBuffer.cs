using Cti.Media.Codecs;

namespace Cti.Media.Jitter;

/// <summary>What became of a packet that was put in.</summary>
internal enum PutResult
{
    /// <summary>It will be heard.</summary>
    Stored,
    /// <summary>Its time is over.</summary>
    Late,
    /// <summary>Its sound is there already.</summary>
    Duplicate,
}

/// <summary>
/// An adaptive jitter buffer over a timeline of decoded samples, so packets of any length, in any order, fall into place by their timestamps.
/// How late packets come is measured against the fastest of the last 2.5 to 5 s; the playing point follows the largest recent lateness
/// (rising at once, sinking slowly) by 20 to 200 ms. That fastest packet drifts with the two clocks, so skew corrects itself: the playing point is
/// moved by one frame when it has gone off, by an overlapped cut or by a concealed frame.
/// </summary>
/// <param name="firstLateness">What is expected of the way before anything is known of it, in samples.</param>
internal sealed class JitterBuffer(int firstLateness = JitterBuffer.DelayMin)
{
    /// <summary>The bounds of the delay: 20 and 200 ms.</summary>
    public const int DelayMin = 20 * Audio.MillisSamples;

    /// <summary>See <see cref="DelayMin"/>.</summary>
    public const int DelayMax = 200 * Audio.MillisSamples;

    private const int Size = 4096;
    private const int Mask = Size - 1;

    /// <summary>Half of the time over which the fastest packet is looked for: 2.5 s.</summary>
    private const int WindowSamples = 20_000;

    /// <summary>A packet further than this from where its neighbours were begins a new timeline: 1 s.</summary>
    private const int JumpSamples = 8_000;

    /// <summary>So many late packets in a row are not jitter but a longer way.</summary>
    private const int LateMax = 10;

    private const int SinkShift = 8;

    /// <summary>What the playing point may be early without waiting a frame, 5 ms: the cadence of the loops. The delay has as much to spare.</summary>
    private const int SlackSamples = 5 * Audio.MillisSamples;

    /// <summary>A frame is cut when it is late by more than this: two frames, so one that waited is not cut again at once.</summary>
    private const int CutSamples = 2 * Audio.FrameSamples;

    private readonly short[] _samples = new short[Size];
    private readonly bool[] _present = new bool[Size];
    private readonly Concealer _concealer = new();
    private bool _started;
    private bool _playing;
    private uint _base;
    private uint _playout;
    private uint _newest;
    private int _fastest;
    private int _fastestBefore;
    private uint _windowStart;
    private int _lateness;
    private int _lateCount;

    /// <summary>Packets that came too late.</summary>
    public long Late { get; private set; }

    /// <summary>Frames with concealed samples.</summary>
    public long Concealed { get; private set; }

    /// <summary>The present delay in samples, <see cref="DelayMin"/>..<see cref="DelayMax"/>.</summary>
    public int Delay => Math.Clamp(_lateness + DelayMin + SlackSamples, DelayMin, DelayMax);

    private int Fastest => Math.Min(_fastest, _fastestBefore);

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        _started = false;
        _playing = false;
        Array.Clear(_present);
        _concealer.Reset();
    }

    /// <summary>Decodes a packet into its place.</summary>
    public PutResult Put(uint timestamp, ReadOnlySpan<byte> codes, AudioCodec codec, long nowNanos)
    {
        // Longer ones than 200 ms no G.711 sender makes; what is cut is lost, nothing else.
        if (codes.Length > DelayMax) codes = codes[..DelayMax];
        Observe(timestamp, Now(nowNanos));
        if (_playing)
        {
            var ahead = (int)(timestamp - _playout);
            if (ahead + codes.Length <= 0) return CountLate();
            if (ahead + codes.Length > Size)
            {
                Replay();
                Observe(timestamp, Now(nowNanos));
            }
        }
        var from = _playing ? Math.Max(0, (int)(_playout - timestamp)) : 0;
        var table = G711.DecodeTable(codec);
        var isNew = false;
        for (var i = from; i < codes.Length; i++)
        {
            var at = (int)(timestamp + (uint)i) & Mask;
            isNew |= !_present[at];
            _present[at] = true;
            _samples[at] = table[codes[i]];
        }
        if ((int)(timestamp + (uint)codes.Length - _newest) > 0) _newest = timestamp + (uint)codes.Length;
        _lateCount = 0;
        return isNew ? PutResult.Stored : PutResult.Duplicate;
    }

    /// <summary>Takes the next 20 ms; silence while nothing comes.</summary>
    public void Pop(Span<short> frame, long nowNanos)
    {
        if (!_started)
        {
            frame.Clear();
            return;
        }
        var ideal = Now(nowNanos) - _base - (uint)(Fastest + Delay);
        var isEmpty = _playing && (int)(_newest - _playout) <= 0;
        if (!_playing || isEmpty)
        {
            // With nothing waiting the playing point moves freely, so adaptation happens in the pauses.
            _playing = true;
            _playout = ideal;
            Read(frame);
            return;
        }
        var behind = (int)(ideal - _playout);
        if (behind < -SlackSamples)
        {
            _concealer.Conceal(frame, []);
            Concealed++;
            return;
        }
        Read(frame);
        if (behind > CutSamples) Cut(frame);
    }

    private static uint Now(long nowNanos) => (uint)(nowNanos / Audio.SampleNanos);

    private PutResult CountLate()
    {
        Late++;
        if (++_lateCount >= LateMax) Replay();
        return PutResult.Late;
    }

    /// <summary>The timeline is not what it was: measure and place the playing point anew with the next packet.</summary>
    private void Replay()
    {
        Array.Clear(_present);
        _started = false;
        _playing = false;
        _lateCount = 0;
    }

    private void Observe(uint timestamp, uint now)
    {
        var transit = (int)(now - timestamp - _base);
        if (_started && Math.Abs((long)transit - Fastest) > JumpSamples) Replay();
        if (!_started)
        {
            _started = true;
            _base = now - timestamp;
            _newest = timestamp;
            _fastest = _fastestBefore = 0;
            _windowStart = now;
            _lateness = firstLateness;
            return;
        }
        if (now - _windowStart > WindowSamples)
        {
            _fastestBefore = _fastest;
            _fastest = transit;
            _windowStart = now;
        }
        _fastest = Math.Min(_fastest, transit);
        var lateness = Math.Min(transit - Fastest, DelayMax - DelayMin);
        if (lateness > _lateness) _lateness = lateness;
        else _lateness -= (_lateness - lateness + (1 << SinkShift) - 1) >> SinkShift;
    }

    private void Read(Span<short> frame)
    {
        Span<bool> missing = stackalloc bool[Audio.FrameSamples];
        var missingCount = 0;
        for (var i = 0; i < frame.Length; i++)
        {
            var at = (int)(_playout + (uint)i) & Mask;
            missing[i] = !_present[at];
            if (missing[i]) missingCount++;
            else frame[i] = _samples[at];
            _present[at] = false;
        }
        _playout += Audio.FrameSamples;
        if (missingCount == 0)
        {
            _concealer.Remember(frame);
            return;
        }
        if (_concealer.IsAudible) Concealed++;
        _concealer.Conceal(frame, missing);
    }

    /// <summary>Shortens by a frame: the one just read fades out while its follower fades in.</summary>
    private void Cut(Span<short> frame)
    {
        Span<short> next = stackalloc short[Audio.FrameSamples];
        Read(next);
        for (var i = 0; i < frame.Length; i++) frame[i] += (short)((next[i] - frame[i]) * i / frame.Length);
        _concealer.Remember(frame);
    }
}
