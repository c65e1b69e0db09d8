using Cti.Media.Codecs.Native;

namespace Cti.Media.Codecs;

/// <summary>
/// Opus (RFC 6716, 7587) to mono of 48 kHz, by libopus. What is lost comes from the next packet where that says it, else from the decoder itself.
/// </summary>
internal sealed unsafe class OpusDecoder : PacketDecoder
{
    /// <summary>What the decoder makes up goes on so long, unless the far end told that it is silent: as long as other codecs' gaps are filled.</summary>
    private const int ConcealedMax = 60 * 48;

    private readonly byte[] _state;
    private bool _isNew = true;
    private bool _isSilent;
    private int _concealed;

    public OpusDecoder() : base(AudioCodec.Opus)
    {
        _state = GC.AllocateArray<byte>(Opus.DecoderSize(1), pinned: true);
        Begin();
    }

    public override int SamplesMax => OpusPacket.SamplesMax;

    public override int BytesMax => 1_460;

    public override int SamplesOf(ReadOnlySpan<byte> payload) => OpusPacket.SamplesOf(payload);

    public override int Decode(ReadOnlySpan<byte> payload, Span<short> samples)
    {
        var count = Run(payload, samples[..SamplesOf(payload)], isRecovery: false);
        _isSilent = payload.Length <= OpusPacket.SilenceBytesMax;
        _concealed = 0;
        return Math.Max(count, 0);
    }

    public override bool TryRecover(ReadOnlySpan<byte> next, Span<short> lost)
    {
        if (lost.Length % OpusPacket.FrameSamplesMin != 0 || lost.Length > OpusPacket.SamplesMax) return false;
        return Run(next, lost, isRecovery: true) == lost.Length;
    }

    public override bool TryConceal(Span<short> samples)
    {
        if (_isNew || samples.Length % OpusPacket.FrameSamplesMin != 0) return false;
        if (!_isSilent && _concealed >= ConcealedMax)
        {
            samples.Clear();
            return true;
        }
        _concealed = Math.Min(_concealed + samples.Length, ConcealedMax);
        return Run(default, samples, isRecovery: false) == samples.Length;
    }

    public override void Reset()
    {
        if (!_isNew) Begin();
    }

    private void Begin()
    {
        fixed (byte* state = _state)
        {
            if (Opus.DecoderInit(state, AudioCodec.Opus.SoundRate(), 1) != 0) throw new InvalidOperationException("libopus refuses a decoder");
        }
        (_isNew, _isSilent, _concealed) = (true, false, 0);
    }

    private int Run(ReadOnlySpan<byte> payload, Span<short> samples, bool isRecovery)
    {
        _isNew = false;
        fixed (byte* state = _state, data = payload)
        fixed (short* target = samples)
            return Opus.Decode(state, data, payload.Length, target, samples.Length, isRecovery ? 1 : 0);
    }
}
