using NAudio.Codecs;

namespace Cti.Media.Codecs;

/// <summary>
/// G.722 at 64 kbit/s (ITU-T; mode 1, whose lower modes differ only in bits that nobody takes out here), by NAudio: it allocates nothing and has a state for
/// each stream and direction. An octet is two samples of 16 kHz.
/// </summary>
internal sealed class G722Decoder() : PacketDecoder(AudioCodec.G722)
{
    private static readonly G722Codec Codecs = new();

    private readonly byte[] _codes = new byte[Audio.PacketMillisMax * Audio.MillisSamples];
    private readonly short[] _samples = new short[2 * Audio.PacketMillisMax * Audio.MillisSamples];
    private G722CodecState _state = new(64_000, G722Flags.None);
    private G722CodecState _follower = new(64_000, G722Flags.None);
    private bool _isNew = true;

    public override int SamplesOf(ReadOnlySpan<byte> payload) => 2 * Math.Min(payload.Length, _codes.Length);

    public override int Decode(ReadOnlySpan<byte> payload, Span<short> samples)
    {
        var length = SamplesOf(payload) / 2;
        payload[..length].CopyTo(_codes);
        _isNew = false;
        var count = Codecs.Decode(_state, _samples, _codes, length);
        _samples.AsSpan(0, count).CopyTo(samples);
        var history = _follower.QmfSignalHistory;
        for (var i = 0; i < history.Length && count >= history.Length; i++) history[i] = _samples[count - history.Length + i];
        return count;
    }

    /// <summary>
    /// An encoder that goes on where the decoder was adapts as the far end's does while it says something like it (as ITU-T G.722 appendix III has it): without
    /// that the first packets after a gap are a bang.
    /// </summary>
    public override void Follow(ReadOnlySpan<short> filling)
    {
        if (_isNew || filling.Length > _samples.Length) return;
        for (var band = 0; band < _state.Band.Length; band++) _follower.Band[band] = _state.Band[band];
        filling.CopyTo(_samples);
        Codecs.Encode(_follower, _codes, _samples, filling.Length & ~1);
    }

    public override void Reset()
    {
        if (!_isNew) (_state, _follower) = (new G722CodecState(64_000, G722Flags.None), new G722CodecState(64_000, G722Flags.None));
        _isNew = true;
    }
}

/// <summary>The other direction, by frames.</summary>
internal sealed class G722Encoder() : FrameEncoder(AudioCodec.G722)
{
    private static readonly G722Codec Codecs = new();

    private readonly short[] _samples = new short[2 * Audio.FrameSamples];
    private readonly byte[] _codes = new byte[Audio.FrameSamples];
    private readonly G722CodecState _state = new(64_000, G722Flags.None);

    public override int Encode(ReadOnlySpan<short> samples, Span<byte> payload)
    {
        var length = 0;
        while (!samples.IsEmpty)
        {
            var some = samples[..Math.Min(samples.Length, _samples.Length)];
            some.CopyTo(_samples);
            var count = Codecs.Encode(_state, _codes, _samples, some.Length);
            _codes.AsSpan(0, count).CopyTo(payload[length..]);
            length += count;
            samples = samples[some.Length..];
        }
        return length;
    }
}
