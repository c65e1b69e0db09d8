using Cti.Media.Codecs;
using Cti.Media.Dtmf;
using Cti.Media.Jitter;

namespace Cti.Media.Session;

/// <summary>What listens to the far end's sound: recordings, mixes, and the search for keys in it. Nothing is decoded while nobody listens.</summary>
internal sealed class AudioReceiver
{
    private readonly List<Recording> _recordings;
    private readonly bool _isLink;
    private readonly List<AudioCodec> _codecs = [];
    private short[] _frame = new short[Audio.FrameSamples];
    private int _frameSamples = Audio.FrameSamples;
    private JitterBuffer? _buffer;
    private InBandDetector? _detector;
    private RateConverter? _toDetector;

    /// <param name="recordings">The session's recordings; those that run get the sound.</param>
    /// <param name="isLink">Whether the sound comes from another node: its way is short, so the delay begins at the least.</param>
    public AudioReceiver(List<Recording> recordings, bool isLink)
    {
        _recordings = recordings;
        _isLink = isLink;
    }

    /// <summary>Mixes that listen.</summary>
    public int Mixes { get; private set; }

    /// <summary>The present frame, at the rate of the codec that was heard; silence while nobody listens.</summary>
    public ReadOnlySpan<short> Frame => _frame.AsSpan(0, _frameSamples);

    /// <summary>Keys are looked for in the sound.</summary>
    public bool IsSearching => _detector is not null;

    private bool IsHeard => _detector is not null || Mixes > 0 || IsRecording;

    private bool IsRecording
    {
        get
        {
            foreach (var recording in _recordings)
            {
                if (recording.Phase == RecordingPhase.Running) return true;
            }
            return false;
        }
    }

    /// <summary>Takes what may come, and whether keys are looked for in it.</summary>
    public void Configure(MediaDescription description)
    {
        _codecs.Clear();
        _codecs.Add(description.Codec);
        foreach (var format in description.AlsoReceived)
        {
            if (format.Codec is { } codec) _codecs.Add(codec);
        }
        if (_buffer is not null) MakeRoom();
        var searchKeys = description is { Receive: true, TelephoneEventPayloadType: < 0 };
        _detector = searchKeys ? _detector ?? new InBandDetector() : null;
        if (searchKeys) Prepare(isNew: false);
    }

    /// <summary>A recording begins with what comes from now on.</summary>
    public void BeginRecording() => Prepare(isNew: _detector is null && Mixes == 0);

    /// <summary>A mix listens with what comes from now on.</summary>
    public void AddMix()
    {
        if (Mixes == 0) Prepare(isNew: _detector is null);
        Mixes++;
    }

    /// <summary>A mix listens no longer.</summary>
    public void RemoveMix()
    {
        if (--Mixes > 0) return;
        _frameSamples = Audio.FrameSamples;
        _frame.AsSpan().Clear();
    }

    /// <summary>Takes an audio packet of any codec that was agreed on.</summary>
    public PutResult Put(uint timestamp, ReadOnlySpan<byte> payload, AudioCodec codec, long nowNanos) =>
        _buffer is { } buffer && IsHeard ? buffer.Put(timestamp, payload, codec, nowNanos) : PutResult.Stored;

    /// <summary>Takes a description of comfort noise.</summary>
    public void PutNoise(uint timestamp, ReadOnlySpan<byte> payload, long nowNanos)
    {
        if (IsHeard) _buffer?.PutNoise(timestamp, payload, nowNanos);
    }

    /// <summary>20 ms are over.</summary>
    /// <param name="nowNanos">Now.</param>
    /// <param name="skippedFrames">Frames of 20 ms in which nobody called: silence in recordings, so that their length stays true.</param>
    /// <returns>The code of a key that was found, else -1.</returns>
    public int Tick(long nowNanos, long skippedFrames)
    {
        if (_buffer is not { } buffer) return -1;
        var isRecording = IsRecording;
        if (!isRecording && _detector is null && Mixes == 0) return -1;
        if (isRecording && skippedFrames > 0)
        {
            _frame.AsSpan().Clear();
            for (; skippedFrames > 0; skippedFrames--) Record();
        }
        _frameSamples = buffer.Pop(_frame, nowNanos);
        if (isRecording) Record();
        return _detector is { } detector ? Search(detector) : -1;
    }

    private int Search(InBandDetector detector)
    {
        if (_frameSamples == Audio.FrameSamples) return detector.Listen(Frame);
        Span<short> narrow = stackalloc short[Audio.FrameSamples];
        _toDetector ??= new RateConverter();
        _toDetector.Convert(Frame, narrow);
        return detector.Listen(narrow);
    }

    private void Record()
    {
        foreach (var recording in _recordings) recording.Write(Frame);
    }

    private void Prepare(bool isNew)
    {
        if (_buffer is null)
        {
            _buffer = new JitterBuffer(_isLink ? 0 : JitterBuffer.DelayMin);
            MakeRoom();
        }
        else if (isNew && !IsRecording)
        {
            _buffer.Reset();
        }
    }

    /// <summary>Decoders are made when a codec is agreed on and somebody listens, not when a packet comes.</summary>
    private void MakeRoom()
    {
        foreach (var codec in _codecs)
        {
            _buffer!.Add(codec);
            if (_frame.Length < codec.FrameSamples()) Array.Resize(ref _frame, codec.FrameSamples());
        }
    }
}
