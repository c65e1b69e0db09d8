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
/// An adaptive jitter buffer: packets of any length and any of the agreed codecs fall into place by their timestamps, and are decoded in that order when
/// their time has come. What is missing the next packet tells, or the codec, or <see cref="Concealer"/>.
/// How late packets come is measured against the fastest of the last 2.5 to 5 s; the playing point follows the largest recent lateness
/// (rising at once, sinking slowly) by 20 to 200 ms. That fastest packet drifts with the two clocks, so skew corrects itself: the playing point is
/// moved by one frame when it has gone off, by an overlapped cut or by a concealed frame.
/// Time is counted in ticks of the RTP clock, which a codec of another clock begins anew.
/// </summary>
internal sealed class JitterBuffer
{
    /// <summary>The bounds of the delay in units of 1/8000 s: 20 and 200 ms.</summary>
    public const int DelayMin = 20 * Audio.MillisSamples;

    /// <summary>See <see cref="DelayMin"/>.</summary>
    public const int DelayMax = 200 * Audio.MillisSamples;

    private const byte NoiseKind = byte.MaxValue;

    /// <summary>So many late packets in a row are not jitter but a longer way.</summary>
    private const int LateMax = 10;

    private readonly Arrivals _arrivals;
    private readonly PacketStore _packets = new();
    private readonly Concealer _concealer = new();
    private readonly ComfortNoise _noise = new();
    private readonly PacketDecoder?[] _decoders = new PacketDecoder?[Enum.GetValues<AudioCodec>().Length];
    private PacketDecoder _decoder = LawDecoder.Alaw;
    private short[] _decoded = [];
    private int _decodedAt;
    private int _decodedCount;
    private bool _playing;
    private uint _playout;
    private uint _newest;
    private int _lateCount;

    /// <summary>A buffer for the laws of G.711; other codecs come by <see cref="Add(AudioCodec)"/>.</summary>
    /// <param name="firstLateness">What is expected of the way before anything is known of it, in units of 1/8000 s.</param>
    public JitterBuffer(int firstLateness = DelayMin)
    {
        _arrivals = new Arrivals(firstLateness / Audio.MillisSamples);
        Add(LawDecoder.Ulaw);
        Add(LawDecoder.Alaw);
        _concealer.Reset(_decoder.Rate);
    }

    /// <summary>Packets that came too late.</summary>
    public long Late { get; private set; }

    /// <summary>Frames with concealed samples.</summary>
    public long Concealed { get; private set; }

    /// <summary>Samples a second of what comes out now.</summary>
    public int Rate => _decoder.Rate;

    /// <summary>The present delay in units of 1/8000 s, <see cref="DelayMin"/>..<see cref="DelayMax"/>.</summary>
    public int Delay => (int)((long)_arrivals.Delay * Audio.MillisSamples / _arrivals.PerMilli);

    private int FrameSamples => _decoder.Rate / Audio.FramesPerSecond;

    /// <summary>Makes room for a codec, where there is none.</summary>
    public void Add(AudioCodec codec)
    {
        if (_decoders[(int)codec] is null && PacketDecoder.Of(codec) is { } decoder) Add(decoder);
    }

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        Replay();
        _noise.End();
        _concealer.Reset(_decoder.Rate);
        foreach (var decoder in _decoders) decoder?.Reset();
    }

    /// <summary>Takes a packet.</summary>
    public PutResult Put(uint timestamp, ReadOnlySpan<byte> payload, AudioCodec codec, long nowNanos)
    {
        if (_decoders[(int)codec] is not { } decoder) return PutResult.Stored;
        var samples = decoder.SamplesOf(payload);
        if (samples == 0) return PutResult.Stored;
        SetClock(codec);
        return Put(timestamp, Ticks(samples, decoder), (byte)codec, payload[..Math.Min(payload.Length, decoder.BytesMax)], nowNanos);
    }

    /// <summary>Takes a description of comfort noise, which is heard from its timestamp on until sound comes.</summary>
    public PutResult PutNoise(uint timestamp, ReadOnlySpan<byte> payload, long nowNanos) =>
        _arrivals.PerMilli == Audio.MillisSamples ? Put(timestamp, 0, NoiseKind, payload, nowNanos) : PutResult.Stored;

    /// <summary>Takes the next 20 ms; silence while nothing comes.</summary>
    /// <returns>How many samples they are, at <see cref="Rate"/>.</returns>
    public int Pop(Span<short> frame, long nowNanos)
    {
        if (!_arrivals.IsStarted)
        {
            frame = frame[..Math.Min(frame.Length, FrameSamples)];
            frame.Clear();
            return frame.Length;
        }
        var ideal = _arrivals.Ideal(nowNanos);
        var isEmpty = _playing && (int)(_newest - _playout) <= 0;
        if (!_playing || isEmpty)
        {
            // With nothing waiting the playing point moves freely, so adaptation happens in the pauses.
            _playing = true;
            _playout = ideal;
            return Read(frame);
        }
        var behind = (int)(ideal - _playout);
        if (behind < -_arrivals.Slack)
        {
            frame = frame[..FrameSamples];
            if (_noise.IsOn) _noise.Fill(frame);
            else _concealer.Conceal(frame);
            Concealed++;
            return frame.Length;
        }
        var count = Read(frame);
        // A frame is cut when it is late by two, so that one that waited is not cut again at once.
        if (behind > 2 * _arrivals.Frame) Cut(frame[..count]);
        return count;
    }

    private static int Ticks(int samples, PacketDecoder decoder) => (int)((long)samples * decoder.Codec.ClockPerMilli() * 1000 / decoder.Rate);

    private void Add(PacketDecoder decoder)
    {
        _decoders[(int)decoder.Codec] = decoder;
        if (_decoded.Length < decoder.SamplesMax) Array.Resize(ref _decoded, decoder.SamplesMax);
    }

    private PutResult Put(uint timestamp, int ticks, byte kind, ReadOnlySpan<byte> payload, long nowNanos)
    {
        if (_arrivals.Observe(timestamp, nowNanos, out var isNew)) Replay(isStarted: true);
        if (isNew) _newest = timestamp;
        if (_playing)
        {
            var ahead = (int)(timestamp - _playout) - Ticks(_decodedCount, _decoder);
            if (ticks > 0 && ahead + ticks <= 0) return CountLate();
            if (ahead + ticks > _arrivals.AheadMax)
            {
                Replay();
                _arrivals.Observe(timestamp, nowNanos, out _);
                _newest = timestamp;
            }
        }
        _lateCount = 0;
        if (_packets.Has(timestamp, ticks)) return PutResult.Duplicate;
        _packets.Add(timestamp, ticks, kind, payload);
        if ((int)(timestamp + (uint)ticks - _newest) > 0) _newest = timestamp + (uint)ticks;
        return PutResult.Stored;
    }

    private PutResult CountLate()
    {
        Late++;
        if (++_lateCount >= LateMax) Replay();
        return PutResult.Late;
    }

    /// <summary>Another clock has nothing to do with what was measured by the former.</summary>
    private void SetClock(AudioCodec codec)
    {
        if (_arrivals.PerMilli == codec.ClockPerMilli()) return;
        Replay();
        _arrivals.PerMilli = codec.ClockPerMilli();
    }

    /// <summary>The timeline is not what it was: measure and place the playing point anew with the next packet.</summary>
    private void Replay(bool isStarted = false)
    {
        _packets.Clear();
        if (!isStarted) _arrivals.Stop();
        _playing = false;
        _decodedCount = 0;
        _lateCount = 0;
    }

    /// <summary>Reads a frame: decoded sound, and what fills the gaps.</summary>
    private int Read(Span<short> frame)
    {
        var slot = _packets.First(_playout);
        if (_decodedCount == 0 && slot >= 0) Use(slot);
        frame = frame[..FrameSamples];
        var isConcealed = false;
        for (var rest = frame; !rest.IsEmpty;)
        {
            if (_decodedCount == 0 && !Decode(_playout + (uint)Ticks(frame.Length - rest.Length, _decoder), rest, out var gap))
            {
                isConcealed |= Fill(rest[..gap]);
                rest = rest[gap..];
                continue;
            }
            var count = Math.Min(rest.Length, _decodedCount);
            _decoded.AsSpan(_decodedAt, count).CopyTo(rest);
            _concealer.Accept(rest[..count]);
            (_decodedAt, _decodedCount) = (_decodedAt + count, _decodedCount - count);
            rest = rest[count..];
        }
        _playout += (uint)_arrivals.Frame;
        if (isConcealed) Concealed++;
        return frame.Length;
    }

    /// <summary>What is decoded next has the rate of its codec.</summary>
    private void Use(int slot)
    {
        if (_packets[slot].Kind == NoiseKind || _decoders[_packets[slot].Kind] is not { } decoder || decoder == _decoder) return;
        var isOtherRate = decoder.Rate != _decoder.Rate;
        _decoder = decoder;
        if (isOtherRate) _concealer.Reset(decoder.Rate);
    }

    /// <summary>Decodes what begins at a time.</summary>
    /// <param name="at">The time.</param>
    /// <param name="rest">What is left of the frame.</param>
    /// <param name="gap">Otherwise: how much of it has to be filled.</param>
    /// <returns>Whether there is sound now.</returns>
    private bool Decode(uint at, Span<short> rest, out int gap)
    {
        while (true)
        {
            gap = rest.Length;
            var slot = _packets.First(at);
            if (slot < 0) return false;
            ref readonly var packet = ref _packets[slot];
            var ahead = (int)(packet.Timestamp - at);
            if (packet.Kind == NoiseKind && ahead <= 0)
            {
                _noise.Begin(_packets.Payload(slot));
                _packets.Remove(slot);
                continue;
            }
            if (packet.Kind != NoiseKind && _decoders[packet.Kind]!.Rate != _decoder.Rate) return false;
            if (ahead > 0) return Recover(slot, ahead, ref gap);
            if (Decode(slot, -ahead)) return true;
        }
    }

    private bool Decode(int slot, int skippedTicks)
    {
        var decoder = _decoders[_packets[slot].Kind]!;
        _decoder = decoder;
        var count = decoder.Decode(_packets.Payload(slot), _decoded);
        _packets.Remove(slot);
        var skipped = Math.Min(count, Samples(skippedTicks));
        (_decodedAt, _decodedCount) = (skipped, count - skipped);
        _noise.End();
        return _decodedCount > 0;
    }

    /// <summary>A packet that follows a gap may tell what was in it.</summary>
    private bool Recover(int slot, int gapTicks, ref int gap)
    {
        var missing = Samples(gapTicks);
        gap = Math.Min(gap, Math.Max(missing, 1));
        if (_noise.IsOn || _packets[slot].Kind == NoiseKind) return false;
        if (gapTicks > _packets[slot].Ticks)
        {
            gap = Math.Min(gap, Samples(gapTicks - _packets[slot].Ticks));
            return false;
        }
        if (!_decoder.TryRecover(_packets.Payload(slot), _decoded.AsSpan(0, missing))) return false;
        (_decodedAt, _decodedCount) = (0, missing);
        return true;
    }

    /// <summary>Fills a gap.</summary>
    /// <returns>Whether what is heard was made up.</returns>
    private bool Fill(Span<short> gap)
    {
        if (_noise.IsOn)
        {
            _noise.Fill(gap);
            return false;
        }
        if (_decoder.TryConceal(gap))
        {
            _concealer.Accept(gap);
            return gap.IndexOfAnyExcept((short)0) >= 0;
        }
        var isAudible = _concealer.IsAudible;
        _concealer.Conceal(gap);
        if (isAudible) _decoder.Follow(gap);
        return isAudible;
    }

    private int Samples(int ticks) => (int)((long)ticks * _decoder.Rate / (_arrivals.PerMilli * 1000));

    /// <summary>Shortens by a frame: the one just read fades out while its follower fades in.</summary>
    private void Cut(Span<short> frame)
    {
        Span<short> next = stackalloc short[Audio.FrameSamplesMax];
        var rate = _decoder.Rate;
        next = next[..Read(next)];
        if (_decoder.Rate != rate) return;
        for (var i = 0; i < frame.Length; i++) frame[i] += (short)((next[i] - frame[i]) * i / frame.Length);
    }
}
