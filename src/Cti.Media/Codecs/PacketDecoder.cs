namespace Cti.Media.Codecs;

/// <summary>
/// Makes sound of one far end's packets of one codec. Where the codec has a memory, packets come in their order, each once. For the media loop: nothing is
/// allocated with a packet.
/// </summary>
internal abstract class PacketDecoder(AudioCodec codec)
{
    /// <summary>Of which codec.</summary>
    public AudioCodec Codec { get; } = codec;

    /// <summary>Samples a second.</summary>
    public int Rate { get; } = codec.SoundRate();

    /// <summary>Samples of the longest packet.</summary>
    public virtual int SamplesMax => Audio.PacketMillisMax * Rate / 1000;

    /// <summary>Octets of the longest packet; what is beyond them is lost, nothing else.</summary>
    public virtual int BytesMax => Audio.PacketMillisMax * Audio.MillisSamples;

    /// <summary>A decoder of a codec; null where its library is missing.</summary>
    public static PacketDecoder? Of(AudioCodec codec) => codec switch
    {
        AudioCodec.Pcmu => LawDecoder.Ulaw,
        AudioCodec.Pcma => LawDecoder.Alaw,
        AudioCodec.G722 => new G722Decoder(),
        _ => OpusLibrary.IsPresent ? new OpusDecoder() : null,
    };

    /// <summary>How many samples a packet has; 0 for one that is none of the codec's.</summary>
    public abstract int SamplesOf(ReadOnlySpan<byte> payload);

    /// <summary>Decodes a packet.</summary>
    /// <returns>How many samples came of it: those of <see cref="SamplesOf"/>, or 0 for one that is broken.</returns>
    public abstract int Decode(ReadOnlySpan<byte> payload, Span<short> samples);

    /// <summary>Makes what was lost just before a packet of what that packet says about it (forward error correction).</summary>
    /// <returns>False where the codec says nothing.</returns>
    public virtual bool TryRecover(ReadOnlySpan<byte> next, Span<short> lost) => false;

    /// <summary>Goes on by the codec's own means where nothing came.</summary>
    /// <returns>False where it has none.</returns>
    public virtual bool TryConceal(Span<short> samples) => false;

    /// <summary>Hears what a gap was filled with, so that its memory is near to the far end's when packets come again.</summary>
    public virtual void Follow(ReadOnlySpan<short> filling)
    {
    }

    /// <summary>What follows belongs to another stream.</summary>
    public virtual void Reset()
    {
    }
}

/// <summary>A law of G.711: no memory, so one serves all.</summary>
internal sealed class LawDecoder(AudioCodec codec) : PacketDecoder(codec)
{
    public static readonly LawDecoder Ulaw = new(AudioCodec.Pcmu);
    public static readonly LawDecoder Alaw = new(AudioCodec.Pcma);

    public override int SamplesOf(ReadOnlySpan<byte> payload) => Math.Min(payload.Length, SamplesMax);

    public override int Decode(ReadOnlySpan<byte> payload, Span<short> samples)
    {
        var length = SamplesOf(payload);
        G711.Decode(Codec, payload[..length], samples);
        return length;
    }
}
