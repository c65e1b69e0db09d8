using System.Buffers;
using Cti.Media;
using Cti.Media.Codecs;
using Cti.Media.Jitter;

namespace Cti.Fuzz.Targets;

/// <summary>
/// Payloads of a codec with a memory: any bytes, lost, late and out of order, through decoder and jitter buffer. The input is cut into packets by its
/// own bytes; what comes out is a frame each 20 ms, whatever goes in.
/// </summary>
public abstract class CodecTarget(AudioCodec codec) : IFuzzTarget
{
    /// <summary>Packets that are made of an input at most: 40 s of sound, decoded in a fraction of a second.</summary>
    private const int PacketsMax = 2_000;

    /// <summary>Of them those that the decoder alone is asked for: each costs what a real one does, some times over.</summary>
    private const int AskedMax = 64;

    public abstract string Name { get; }

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            var encoder = FrameEncoder.Of(codec);
            if (encoder is null) return [[0, 4, 1, 2, 3, 4]];
            encoder.Adapt(SendFormat.Default, codec.SoundRate());
            var payload = new byte[480];
            var input = new List<byte>();
            for (var i = 0; i < 8; i++)
            {
                var tone = new short[codec.FrameSamples()];
                for (var at = 0; at < tone.Length; at++) tone[at] = (short)(9_000 * Math.Sin(at * (i + 1) * 0.01));
                var length = encoder.Encode(tone, payload);
                input.AddRange([(byte)(i % 4), (byte)Math.Min(length, 255), .. payload.AsSpan(0, Math.Min(length, 255))]);
            }
            // Nothing, one octet, and as long as a datagram may be.
            return
            [
                [.. input], [0, 1, 0xF8, 0, 2, 0xFB, 0x30, 3, 0, 1, 1, 0],
                [0x80, 250, 0x78, .. new byte[1_499], 0x80, 243, 0xFF, 0x7F, .. new byte[1_456], 0, 0],
            ];
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        var buffer = new JitterBuffer();
        buffer.Add(codec);
        var decoder = PacketDecoder.Of(codec);
        var packets = 0;
        Span<short> frame = stackalloc short[Audio.FrameSamplesMax];
        var now = 1_000_000_000L;
        var timestamp = 0xFFFF_F000u;
        while (input.Length >= 2 && packets++ < PacketsMax)
        {
            // What the first octet says: lost, late by some frames, comfort noise, another law between, six times as long.
            var how = input[0];
            var length = Math.Min((how & 0x80) != 0 ? input[1] * 6 : input[1], input.Length - 2);
            var payload = input.Slice(2, length);
            timestamp += (uint)(20 * codec.ClockPerMilli());
            if (decoder is not null && packets <= AskedMax) Decode(decoder, payload, how);
            if ((how & 0x40) != 0) buffer.PutNoise(timestamp, payload, now);
            else if ((how & 0x20) != 0) buffer.Put(timestamp, payload, AudioCodec.Pcma, now);
            else if ((how & 3) != 3) buffer.Put(timestamp - (uint)((how & 0x1C) * 40), payload, codec, now);
            now += 20_000_000;
            var count = buffer.Pop(frame, now);
            if (count != Audio.FrameSamples && count != codec.FrameSamples()) throw new InvalidOperationException($"a frame of {count} samples");
            if (buffer.Delay is < JitterBuffer.DelayMin or > JitterBuffer.DelayMax) throw new InvalidOperationException($"the delay is {buffer.Delay}");
            input = input[(2 + length)..];
        }
    }

    /// <summary>
    /// The decoder alone, asked for what the buffer asks and for more: what is lost before a packet, of any length, also where that packet is none. It writes
    /// into what it was given and nowhere else.
    /// </summary>
    private static void Decode(PacketDecoder decoder, ReadOnlySpan<byte> payload, byte how)
    {
        const short Untouched = 0x5A5A;
        const int Behind = 64;
        var bounded = payload[..Math.Min(payload.Length, decoder.BytesMax)];
        var room = ArrayPool<short>.Shared.Rent(decoder.SamplesMax + Behind);
        try
        {
            var frame = decoder.Rate / Audio.FramesPerSecond;
            var length = (how & 7) switch { 0 => frame / 2, 1 => 3 * frame, 2 => frame + how, 3 => decoder.SamplesMax, _ => frame };
            room.AsSpan().Fill(Untouched);
            decoder.TryRecover(bounded, room.AsSpan(0, length));
            CheckBehind(room, length);
            room.AsSpan().Fill(Untouched);
            decoder.TryConceal(room.AsSpan(0, length));
            CheckBehind(room, length);
            room.AsSpan().Fill(Untouched);
            var samples = decoder.SamplesOf(bounded);
            if (samples < 0 || samples > decoder.SamplesMax) throw new InvalidOperationException($"a packet of {samples} samples");
            var count = samples == 0 ? 0 : decoder.Decode(bounded, room.AsSpan(0, decoder.SamplesMax));
            if (count != 0 && count != samples) throw new InvalidOperationException($"{count} samples of a packet that has {samples}");
            CheckBehind(room, samples);
            decoder.Follow(room.AsSpan(0, Math.Min(count, frame)));
            if (how == 0xFF) decoder.Reset();
        }
        finally
        {
            ArrayPool<short>.Shared.Return(room);
        }

        static void CheckBehind(short[] room, int from)
        {
            if (room.AsSpan(from).ContainsAnyExcept(Untouched)) throw new InvalidOperationException("written behind the end");
        }
    }
}

/// <summary>Any octets are sound in G.722.</summary>
public sealed class G722Target() : CodecTarget(AudioCodec.G722)
{
    public override string Name => "g722";
}

/// <summary>Opus, by its library.</summary>
public sealed class OpusTarget() : CodecTarget(AudioCodec.Opus)
{
    public override string Name => "opus";
}
