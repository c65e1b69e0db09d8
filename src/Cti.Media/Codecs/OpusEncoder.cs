using Cti.Media.Codecs.Native;

namespace Cti.Media.Codecs;

/// <summary>
/// Opus (RFC 6716, 7587) from mono of 48 kHz, by libopus, tuned for speech: as wide as the sound and what the far end plays, with forward error correction for
/// a tenth of packets lost where the far end uses it.
/// </summary>
internal sealed unsafe class OpusEncoder : FrameEncoder
{
    /// <summary>Of ten: more costs processor time that telephone calls do not hear.</summary>
    private const int Complexity = 5;

    private const int LossPercent = 10;

    private readonly byte[] _state;
    private int _bandwidth;
    private (bool UsesFec, bool UsesDtx)? _sending;

    public OpusEncoder() : base(AudioCodec.Opus)
    {
        _state = GC.AllocateArray<byte>(Opus.EncoderSize(1), pinned: true);
        fixed (byte* state = _state)
        {
            if (Opus.EncoderInit(state, AudioCodec.Opus.SoundRate(), 1, Opus.ApplicationVoip) != 0)
                throw new InvalidOperationException("libopus refuses an encoder");
        }
        Set(Opus.SetComplexity, Complexity);
        Set(Opus.SetSignal, Opus.SignalVoice);
        Set(Opus.SetPacketLossPercent, LossPercent);
    }

    public override void Adapt(SendFormat sending, int sourceRate)
    {
        if (_sending != (sending.UsesFec, sending.UsesDtx))
        {
            _sending = (sending.UsesFec, sending.UsesDtx);
            Set(Opus.SetInbandFec, sending.UsesFec ? 1 : 0);
            Set(Opus.SetDtx, sending.UsesDtx ? 1 : 0);
        }
        var (bandwidth, bitrate) = Math.Min(sending.PlaybackRate, sourceRate) switch
        {
            < 12_000 => (Opus.BandwidthNarrow, 20_000),
            < 16_000 => (Opus.BandwidthMedium, 24_000),
            < 24_000 => (Opus.BandwidthWide, 28_000),
            < 48_000 => (Opus.BandwidthSuperWide, 32_000),
            _ => (Opus.BandwidthFull, 36_000),
        };
        if (bandwidth == _bandwidth) return;
        _bandwidth = bandwidth;
        Set(Opus.SetMaxBandwidth, bandwidth);
        Set(Opus.SetBitrate, bitrate);
    }

    public override int Encode(ReadOnlySpan<short> samples, Span<byte> payload)
    {
        fixed (byte* state = _state, target = payload)
        fixed (short* source = samples)
        {
            var length = Opus.Encode(state, source, samples.Length, target, payload.Length);
            // What is so short tells only that there is silence, which the far end asked to be left to notice (RFC 7587 section 3.1.3).
            return length < 0 || (length <= OpusPacket.SilenceBytesMax && _sending is { UsesDtx: true }) ? 0 : length;
        }
    }

    private void Set(int request, int value)
    {
        fixed (byte* state = _state) _ = Opus.EncoderControl(state, request, value);
    }
}
