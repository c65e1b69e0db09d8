using Cti.Media.Codecs;

namespace Cti.Media.Session;

/// <summary>
/// Sound on its way to the far end: a frame of any rate is brought to the codec's, and frames become packets as long as the far end wants them.
/// <code>
///   frame ─► codec's rate ─► G.711, G.722: encoded ─┐
///                            Opus: samples ─────────┴─► together until a packet is full ─► (Opus: encoded) ─► payload
/// </code>
/// With a law codes can be put in as they are. Encoder and room are made when the codec is agreed on; nothing is allocated with a frame.
/// </summary>
internal sealed class Outgoing
{
    /// <summary>Opus has frames of these lengths only (RFC 6716 section 2.1.4).</summary>
    private static readonly int[] OpusMillis = [10, 20, 20, 40, 40, 60];

    /// <summary>Milliseconds of a frame.</summary>
    public const int FrameMillis = 20;

    private readonly byte[] _frame = new byte[Audio.FrameSamples];
    private RateConverter? _converter;
    private FrameEncoder? _encoder;
    private SendFormat _sending = SendFormat.Default;
    private short[] _samples = [];
    private byte[] _codes = [];
    private int _packetMillis = FrameMillis;
    private int _waitingMillis;
    private bool _converts;
    private bool _converted;

    /// <summary>The codec that is sent.</summary>
    public AudioCodec Codec { get; private set; }

    /// <summary>Where a frame's codes go, with a law.</summary>
    public Span<byte> Codes => _frame;

    /// <summary>Whether there is a frame since <see cref="Begin"/>.</summary>
    public bool HasFrame { get; private set; }

    /// <summary>Whether there is sound that no packet has yet.</summary>
    public bool HasPart => _waitingMillis > 0;

    /// <summary>Whether there is enough for a packet.</summary>
    public bool HasPacket => _waitingMillis >= _packetMillis;

    private bool IsOpus => Codec == AudioCodec.Opus;

    private int RateMillis => Codec.SoundRate() / 1000;

    /// <summary>Takes what was negotiated.</summary>
    public void Configure(MediaDescription description)
    {
        var isOther = Codec != description.Codec || (_encoder is null && !Codec.IsTable());
        (Codec, _sending) = (description.Codec, description.Sending);
        if (isOther)
        {
            _encoder = FrameEncoder.Of(Codec);
            _waitingMillis = 0;
        }
        var tens = Math.Clamp(_sending.PacketMillis / 10, 1, 6);
        _packetMillis = IsOpus ? OpusMillis[tens - 1] : tens * 10;
        if (_codes.Length < CodesNeeded) Array.Resize(ref _codes, CodesNeeded);
        if (_samples.Length < SamplesNeeded) Array.Resize(ref _samples, SamplesNeeded);
    }

    /// <summary>What waits at most: a frame, and less than a packet before it.</summary>
    private int CodesNeeded => IsOpus ? 0 : (_packetMillis + FrameMillis) * Audio.MillisSamples;

    private int SamplesNeeded => Codec.IsTable() ? Audio.FrameSamples : IsOpus ? (_packetMillis + FrameMillis) * RateMillis : Codec.FrameSamples();

    /// <summary>A frame begins.</summary>
    public void Begin()
    {
        HasFrame = false;
        // Nobody took it: the far end could not be sent to.
        if (HasPacket) Drop();
        (_converted, _converts) = (_converts, false);
    }

    /// <summary>The codes of a law are in <see cref="Codes"/>.</summary>
    public void PutCodes() => Append(_frame);

    /// <summary>Takes a frame; its length says its rate.</summary>
    public void Put(ReadOnlySpan<short> frame)
    {
        var samples = _samples.AsSpan(IsOpus ? _waitingMillis * RateMillis : 0, Codec.FrameSamples());
        if (frame.Length != samples.Length)
        {
            _converter ??= new RateConverter();
            // What was converted before a pause is not continued.
            if (!_converted) _converter.Reset();
            _converts = true;
            _converter.Convert(frame, samples);
        }
        else
        {
            frame.CopyTo(samples);
        }
        if (IsOpus)
        {
            _encoder?.Adapt(_sending, frame.Length * Audio.FramesPerSecond);
            Append([]);
            return;
        }
        if (_encoder is null) G711.Encode(Codec, samples, _frame);
        else _encoder.Encode(samples, _frame);
        Append(_frame);
    }

    /// <summary>Takes a frame of silence.</summary>
    public void PutSilence()
    {
        if (Codec.IsTable())
        {
            _frame.AsSpan().Fill(G711.Silence(Codec));
            PutCodes();
            return;
        }
        Span<short> silence = stackalloc short[Audio.FrameSamples];
        silence.Clear();
        Put(silence);
    }

    /// <summary>Takes a packet, or what there is of one.</summary>
    /// <param name="payload">Takes its payload.</param>
    /// <param name="age">Milliseconds from the beginning of its sound to the end of the present frame.</param>
    /// <returns>Octets; 0 where nothing has to be sent.</returns>
    public int Take(Span<byte> payload, out int age)
    {
        age = _waitingMillis;
        var millis = Math.Min(_packetMillis, _waitingMillis);
        _waitingMillis -= millis;
        if (!IsOpus)
        {
            var length = millis * Audio.MillisSamples;
            _codes.AsSpan(0, length).CopyTo(payload);
            _codes.AsSpan(length, _waitingMillis * Audio.MillisSamples).CopyTo(_codes);
            return length;
        }
        var written = _encoder?.Encode(_samples.AsSpan(0, millis * RateMillis), payload) ?? 0;
        _samples.AsSpan(millis * RateMillis, _waitingMillis * RateMillis).CopyTo(_samples);
        return written;
    }

    /// <summary>What waits is not sent any more.</summary>
    public void Drop() => _waitingMillis = 0;

    /// <summary>The frame that was put in is not sent.</summary>
    public void DropFrame()
    {
        if (!HasFrame) return;
        HasFrame = false;
        _waitingMillis -= FrameMillis;
    }

    private void Append(ReadOnlySpan<byte> codes)
    {
        if (!codes.IsEmpty) codes.CopyTo(_codes.AsSpan(_waitingMillis * Audio.MillisSamples));
        _waitingMillis += FrameMillis;
        HasFrame = true;
    }
}
