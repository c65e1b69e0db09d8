using System.Buffers.Binary;
using Cti.Media.Codecs;
using Cti.Media.Files.Native;

namespace Cti.Media.Files;

/// <summary>Encodes linear sound of the coding's rate into a stream, in whole blocks. Used by one thread at a time; never in the media loop.</summary>
internal abstract class SoundEncoder : IDisposable
{
    /// <summary>Encodes samples, channels in turn; what does not fill a block waits for more.</summary>
    /// <exception cref="IOException">The stream refuses.</exception>
    public abstract void Encode(ReadOnlySpan<short> samples);

    /// <summary>Writes what still waits, filled up with silence.</summary>
    /// <exception cref="IOException">The stream refuses.</exception>
    public virtual void Finish()
    {
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }

    /// <summary>An encoder of a coding.</summary>
    /// <exception cref="UnsupportedSoundException">The library is missing or lacks the coding.</exception>
    public static SoundEncoder Create(RecordingCoding coding, int channels, Stream sink, SoundLibrary library)
    {
        if (coding.NeedsLibrary)
            return library.IsPresent ? new SndfileEncoder(coding, channels, sink) : throw new UnsupportedSoundException(library.Missing);
        return coding.Format switch
        {
            RecordFormat.OkiAdpcm => new OkiEncoder(sink),
            RecordFormat.Pcm16k => new LinearEncoder(sink),
            _ => new TableEncoder(coding.Format, sink),
        };
    }

    /// <summary>One byte a sample: PCM of 8 bit and the laws.</summary>
    public static void EncodeTable(RecordFormat format, ReadOnlySpan<short> samples, Span<byte> codes)
    {
        if (format == RecordFormat.Pcm8)
        {
            for (var i = 0; i < samples.Length; i++) codes[i] = (byte)(Math.Clamp((samples[i] + 128) >> 8, -128, 127) + 128);
            return;
        }
        G711.Encode(format == RecordFormat.Alaw ? AudioCodec.Pcma : AudioCodec.Pcmu, samples, codes);
    }

    /// <summary>Two octets a sample, the lower first.</summary>
    private sealed class LinearEncoder(Stream sink) : SoundEncoder
    {
        private readonly byte[] _bytes = new byte[4096];

        public override void Encode(ReadOnlySpan<short> samples)
        {
            while (!samples.IsEmpty)
            {
                var some = samples[..Math.Min(samples.Length, _bytes.Length / sizeof(short))];
                for (var i = 0; i < some.Length; i++) BinaryPrimitives.WriteInt16LittleEndian(_bytes.AsSpan(sizeof(short) * i), some[i]);
                sink.Write(_bytes.AsSpan(0, sizeof(short) * some.Length));
                samples = samples[some.Length..];
            }
        }
    }

    private sealed class TableEncoder(RecordFormat format, Stream sink) : SoundEncoder
    {
        private readonly byte[] _codes = new byte[4096];

        public override void Encode(ReadOnlySpan<short> samples)
        {
            while (!samples.IsEmpty)
            {
                var some = samples[..Math.Min(samples.Length, _codes.Length)];
                EncodeTable(format, some, _codes);
                sink.Write(_codes.AsSpan(0, some.Length));
                samples = samples[some.Length..];
            }
        }
    }
}

/// <summary>Two samples a byte; one that is alone waits for the next.</summary>
internal sealed class OkiEncoder(Stream sink) : SoundEncoder
{
    private readonly byte[] _bytes = new byte[4096];
    private OkiAdpcm _codec;
    private int _half = -1;

    /// <summary>Goes through sound that was encoded before, so that what follows fits to it.</summary>
    public void Follow(ReadOnlySpan<byte> encoded)
    {
        foreach (var value in encoded)
        {
            _codec.Decode(value >> 4);
            _codec.Decode(value & 15);
        }
    }

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<short> samples)
    {
        var length = 0;
        foreach (var sample in samples)
        {
            var code = _codec.Encode(sample);
            if (_half < 0)
            {
                _half = code;
                continue;
            }
            _bytes[length++] = (byte)((_half << 4) | code);
            _half = -1;
            if (length < _bytes.Length) continue;
            sink.Write(_bytes);
            length = 0;
        }
        sink.Write(_bytes.AsSpan(0, length));
    }

    /// <inheritdoc/>
    public override void Finish()
    {
        if (_half >= 0) Encode([0]);
    }
}
