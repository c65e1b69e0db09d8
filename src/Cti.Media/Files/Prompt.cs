using Cti.Media.Codecs;

namespace Cti.Media.Files;

/// <summary>
/// A decoded file, shared by every call that plays it: immutable but for the encodings, which are made once each. A file that is stored in a
/// law already is kept as it is, so a call of that codec hears its very bytes.
/// </summary>
public sealed class Prompt
{
    private readonly short[]? _linear;
    private readonly byte[]?[] _encoded = new byte[2][];

    private Prompt(short[]? linear, int samples)
    {
        _linear = linear;
        Samples = samples;
    }

    /// <summary>Length in samples of 8 kHz.</summary>
    public int Samples { get; }

    /// <summary>What it may come to occupy, in bytes: the sound and both encodings.</summary>
    public long Bytes => Samples * (_linear is null ? 2L : 4L);

    /// <summary>A prompt of linear sound at 8 kHz; keeps the array.</summary>
    public static Prompt FromLinear(short[] samples) => new(samples, samples.Length);

    /// <summary>A prompt of encoded sound, one byte a sample; keeps the array.</summary>
    public static Prompt FromEncoded(AudioCodec codec, byte[] codes)
    {
        var prompt = new Prompt(null, codes.Length);
        prompt._encoded[(int)codec] = codes;
        return prompt;
    }

    /// <summary>Makes what a call of that codec plays: codes where it is a law; any other codec encodes for itself.</summary>
    public void Prepare(AudioCodec codec)
    {
        if (codec.IsTable()) Encoded(codec);
    }

    /// <summary>The sound encoded for a law, one byte a sample; made at the first call, the file's own bytes where it has that coding.</summary>
    public ReadOnlyMemory<byte> Encoded(AudioCodec codec) => Volatile.Read(ref _encoded[(int)codec]) ?? Encode(codec);

    internal ReadOnlySpan<byte> Codes(AudioCodec codec) => Volatile.Read(ref _encoded[(int)codec]) ?? Encode(codec);

    /// <summary>Linear sound from a position on, as much as <paramref name="destination"/> takes; both must be within the prompt.</summary>
    internal void CopyLinear(int position, Span<short> destination)
    {
        if (_linear is { } linear)
        {
            linear.AsSpan(position, destination.Length).CopyTo(destination);
            return;
        }
        var codec = Volatile.Read(ref _encoded[(int)AudioCodec.Pcma]) is null ? AudioCodec.Pcmu : AudioCodec.Pcma;
        G711.Decode(codec, _encoded[(int)codec].AsSpan(position, destination.Length), destination);
    }

    private byte[] Encode(AudioCodec codec)
    {
        var linear = _linear;
        if (linear is null)
        {
            var other = codec == AudioCodec.Pcma ? AudioCodec.Pcmu : AudioCodec.Pcma;
            linear = new short[Samples];
            G711.Decode(other, _encoded[(int)other], linear);
        }
        var codes = new byte[Samples];
        G711.Encode(codec, linear, codes);
        // Two that race make the same bytes; the first one stays.
        return Interlocked.CompareExchange(ref _encoded[(int)codec], codes, null) ?? codes;
    }
}
