namespace Cti.Media.Codecs;

/// <summary>Encodes one stream in a codec that has a memory. For the media loop: nothing is allocated with a frame.</summary>
internal abstract class FrameEncoder(AudioCodec codec)
{
    /// <summary>Of which codec.</summary>
    public AudioCodec Codec { get; } = codec;

    /// <summary>An encoder of a codec; null for one that is a table, or whose library is missing.</summary>
    public static FrameEncoder? Of(AudioCodec codec) => codec switch
    {
        AudioCodec.G722 => new G722Encoder(),
        AudioCodec.Opus when OpusLibrary.IsPresent => new OpusEncoder(),
        _ => null,
    };

    /// <summary>Encodes samples at the codec's rate: 10, 20, 40 or 60 ms.</summary>
    /// <returns>Octets; 0 where nothing has to be sent.</returns>
    public abstract int Encode(ReadOnlySpan<short> samples, Span<byte> payload);

    /// <summary>What the far end asks for, and what the sound is worth.</summary>
    /// <param name="sending">What offer and answer said.</param>
    /// <param name="sourceRate">Samples a second of the sound before it was brought to the codec's rate.</param>
    public virtual void Adapt(SendFormat sending, int sourceRate)
    {
    }
}
