using System.Buffers.Binary;
using System.Net;
using Cti.Kernel;
using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;

namespace Cti.Media.Tests;

/// <summary>A clock that a test moves.</summary>
internal sealed class ManualClock : IClock
{
    public long MonotonicNanos { get; set; } = 1_000_000_000_000;

    public long UnixMillis => 1_700_000_000_000 + (MonotonicNanos / 1_000_000);
}

/// <summary>A packet that the session sent, taken apart.</summary>
internal sealed record SentPacket(int PayloadType, bool Marker, ushort Sequence, uint Timestamp, uint Ssrc, byte[] Payload, SocketAddressKey To, long AtMillis);

/// <summary>A session with a far end made of method calls, on a clock that only <see cref="Ticks"/> moves.</summary>
internal sealed class MediaHarness : IMediaEvents
{
    public const int Pcma = 8;
    public const int Events = 101;

    public static readonly IPEndPoint Far = IPEndPoint.Parse("203.0.113.7:4000");
    public static readonly SocketAddressKey FarKey = SocketAddressKey.From(Far);

    /// <summary>Behind a NAT: its SIP comes from <see cref="Far"/>.</summary>
    public static readonly FarEnd BehindNat = FarEnd.Believed with { Sources = [Far.Address] };

    private readonly byte[] _out = new byte[MediaSession.RtpBytesMax];
    private readonly byte[] _rtcpOut = new byte[MediaSession.RtcpBytesMax];
    private readonly byte[] _in = new byte[2048];

    public MediaHarness(MediaSessionOptions? options = null)
    {
        Start = Clock.MonotonicNanos;
        Session = new MediaSession(new MediaSessionId(1), options ?? new MediaSessionOptions(), this,
            new MediaSessionSeed(0x1234_5678, 65_530, 0xFFFF_FF00, 42, "abcdef"), new MediaServices(Clock, Counters));
    }

    public ManualClock Clock { get; } = new();

    public long Start { get; }

    public MediaCounters Counters { get; } = new();

    public MediaSession Session { get; }

    public List<MediaEvent> Happened { get; } = [];

    public List<SentPacket> Sent { get; } = [];

    public List<(byte[] Bytes, long AtMillis)> SentRtcp { get; } = [];

    public ushort FarSequence { get; set; } = 65_000;

    public uint FarTimestamp { get; set; } = 0xFFFF_0000;

    public uint FarSsrc { get; set; } = 0xCAFE;

    public long NowMillis => (Clock.MonotonicNanos - Start) / 1_000_000;

    /// <summary>The 20 ms tick loop's own work, before the session's tick.</summary>
    public Action<int>? BeforeTick { get; set; }

    public void OnMediaEvent(MediaSessionId session, MediaEvent happened) => Happened.Add(happened);

    public static MediaDescription Description(AudioCodec codec = AudioCodec.Pcma, int events = Events, bool send = true, bool receive = true,
        IPEndPoint? remote = null)
    {
        var far = remote ?? Far;
        return new MediaDescription(far, new IPEndPoint(far.Address, far.Port + 1), codec, codec.OwnPayloadType(), events, send, receive)
        {
            EventClockPerMilli = codec.ClockPerMilli(),
        };
    }

    public MediaHarness Configured(AudioCodec codec = AudioCodec.Pcma, int events = Events, bool send = true, bool receive = true, IPEndPoint? remote = null,
        FarEnd? farEnd = null)
    {
        Session.Apply(MediaCommand.Configure(Description(codec, events, send, receive, remote) with { FarEnd = farEnd ?? FarEnd.Believed }));
        return this;
    }

    public void Ticks(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Clock.MonotonicNanos += MediaSession.TickNanos;
            BeforeTick?.Invoke(i);
            var length = Session.Tick(Clock.MonotonicNanos, _out);
            if (length > 0) Capture(length);
            var rtcp = Session.RtcpTick(Clock.MonotonicNanos, _rtcpOut);
            if (rtcp > 0) SentRtcp.Add((_rtcpOut[..rtcp], NowMillis));
        }
    }

    public void Play(long action, int repeat, long offset, params Prompt[] prompts)
    {
        Session.Apply(MediaCommand.PreparePlay(action));
        Session.Apply(MediaCommand.StartPlay(action, new PlayList([.. prompts], repeat, offset)));
    }

    /// <summary>The far end sends a packet; sequence and timestamp go on by themselves.</summary>
    public void Receive(int payloadType, ReadOnlySpan<byte> payload, bool marker = false, SocketAddressKey? from = null, uint? timestamp = null,
        uint advance = 160)
    {
        Raw(payloadType, payload, marker, FarSequence++, timestamp ?? FarTimestamp, from ?? FarKey);
        if (timestamp is null) FarTimestamp += advance;
    }

    public void Raw(int payloadType, ReadOnlySpan<byte> payload, bool marker, ushort sequence, uint timestamp, SocketAddressKey from)
    {
        RtpPacket.WriteHeader(_in, payloadType, marker, sequence, timestamp, FarSsrc);
        payload.CopyTo(_in.AsSpan(12));
        Session.OnRtp(_in.AsSpan(0, 12 + payload.Length), from, Clock.MonotonicNanos);
    }

    public void ReceiveEvent(int code, uint timestamp, int duration, bool end = false, bool marker = false)
    {
        Span<byte> payload = stackalloc byte[4];
        payload[0] = (byte)code;
        payload[1] = (byte)(end ? 0x8A : 0x0A);
        BinaryPrimitives.WriteUInt16BigEndian(payload[2..], (ushort)duration);
        Receive(Events, payload, marker, timestamp: timestamp);
    }

    public string KeysHeard => string.Concat(Happened.OfType<KeyPressed>().Select(pressed => pressed.Key));

    private void Capture(int length)
    {
        RtpPacket.TryParse(_out.AsSpan(0, length), out var rtp, out _).ShouldBeTrue();
        Sent.Add(new SentPacket(rtp.PayloadType, rtp.Marker, rtp.Sequence, rtp.Timestamp, rtp.Ssrc, rtp.Payload.ToArray(), Session.Remote, NowMillis));
    }
}

/// <summary>Sounds and measures.</summary>
internal static class Sound
{
    public static short[] Sine(double hertz, int samples, double amplitude = 10_000, int rate = 8000) =>
        [.. Enumerable.Range(0, samples).Select(i => (short)Math.Round(amplitude * Math.Sin(2 * Math.PI * hertz * i / rate)))];

    /// <summary>A sound as packets of 20 ms of a codec, whose rate it has.</summary>
    public static List<byte[]> Packets(short[] samples, AudioCodec codec, SendFormat? sending = null)
    {
        var encoder = FrameEncoder.Of(codec);
        encoder?.Adapt(sending ?? SendFormat.Default, codec.SoundRate());
        var packets = new List<byte[]>();
        var payload = new byte[480];
        for (var at = 0; at + codec.FrameSamples() <= samples.Length; at += codec.FrameSamples())
        {
            var frame = samples.AsSpan(at, codec.FrameSamples());
            packets.Add(encoder is null ? Encode(frame.ToArray(), codec) : payload[..encoder.Encode(frame, payload)]);
        }
        return packets;
    }

    /// <summary>Packets of a codec as sound of its rate.</summary>
    public static short[] Decode(IEnumerable<byte[]> packets, AudioCodec codec)
    {
        var decoder = PacketDecoder.Of(codec)!;
        var samples = new List<short>();
        var room = new short[decoder.SamplesMax];
        foreach (var packet in packets) samples.AddRange(room.AsSpan(0, decoder.Decode(packet, room)));
        return [.. samples];
    }

    /// <summary>A sound brought to 8 kHz, as a narrow listener hears it.</summary>
    public static short[] Narrow(ReadOnlySpan<short> samples, int rate)
    {
        var converter = new RateConverter();
        var narrow = new short[samples.Length / (rate / 50) * 160];
        for (var i = 0; i < narrow.Length / 160; i++) converter.Convert(samples.Slice(i * rate / 50, rate / 50), narrow.AsSpan(i * 160, 160));
        return narrow;
    }

    /// <summary>
    /// What is like speech in its spectrum: voiced, of a pitch that glides all the time and so is unlike itself at any shift, with overtones up to a
    /// frequency. At every rate it is the same sound.
    /// </summary>
    public static short[] Speech(int millis, int rate, double highest = 3_400, int seed = 1)
    {
        var samples = new short[millis * rate / 1000];
        double phase = 0;
        for (var i = 0; i < samples.Length; i++)
        {
            var t = ((double)i / rate) + (7 * seed);
            var pitch = 150 + (35 * Math.Sin(2 * Math.PI * 1.3 * t)) + (15 * Math.Sin(2 * Math.PI * 3.7 * t));
            phase += pitch / rate;
            double value = 0;
            for (var overtone = 1; overtone * pitch < highest && overtone < 40; overtone++)
                value += Math.Sin(2 * Math.PI * phase * overtone) / overtone * Math.Clamp((highest - (overtone * pitch)) / 200, 0, 1);
            samples[i] = (short)(5_000 * value);
        }
        return samples;
    }

    /// <summary>How much louder a sound is than what another one differs from it by, in dB, at the best place within a range of shifts.</summary>
    public static double SignalToNoise(ReadOnlySpan<short> said, ReadOnlySpan<short> heard, int shiftMax)
    {
        var best = double.MinValue;
        var length = Math.Min(said.Length, heard.Length) - shiftMax;
        for (var shift = 0; shift < shiftMax; shift++)
        {
            double signal = 1, noise = 1;
            for (var i = 0; i < length; i++)
            {
                double difference = said[i] - heard[i + shift];
                signal += (double)said[i] * said[i];
                noise += difference * difference;
            }
            best = Math.Max(best, 10 * Math.Log10(signal / noise));
        }
        return best;
    }

    public static byte[] Encode(short[] samples, AudioCodec codec = AudioCodec.Pcma)
    {
        var codes = new byte[samples.Length];
        G711.Encode(codec, samples, codes);
        return codes;
    }

    public static short[] Decode(byte[] codes, AudioCodec codec = AudioCodec.Pcma)
    {
        var samples = new short[codes.Length];
        G711.Decode(codec, codes, samples);
        return samples;
    }

    /// <summary>The best normalised correlation of <paramref name="part"/> with any place in <paramref name="whole"/>.</summary>
    public static double Correlation(ReadOnlySpan<short> part, ReadOnlySpan<short> whole, int placesMax = 2000)
    {
        var best = -1.0;
        for (var shift = 0; shift + part.Length <= whole.Length && shift < placesMax; shift++)
        {
            double both = 0, one = 0, other = 0;
            for (var i = 0; i < part.Length; i++)
            {
                both += (double)part[i] * whole[shift + i];
                one += (double)part[i] * part[i];
                other += (double)whole[shift + i] * whole[shift + i];
            }
            if (one > 0 && other > 0) best = Math.Max(best, both / Math.Sqrt(one * other));
        }
        return best;
    }

    /// <summary>
    /// A sound is in another one from about a place on, up to 450 ms later (what codings delay) or 50 ms earlier: each 100 ms of it, but for the first and the
    /// last, at the same shift.
    /// </summary>
    public static void ShouldHold(short[] heard, short[] said, double least, int from = 0, string what = "")
    {
        const int Piece = 800;
        var (shift, best) = (0, -1.0);
        var middle = said.Length / 2;
        for (var candidate = Math.Max(-400, -from - middle); candidate < 3_600 && from + middle + candidate + Piece <= heard.Length; candidate++)
        {
            var here = Correlation(said.AsSpan(middle, Piece), heard.AsSpan(from + middle + candidate, Piece));
            if (here > best) (shift, best) = (candidate, here);
        }
        for (var at = Piece; at + (2 * Piece) <= said.Length; at += Piece)
        {
            // Wherever a resampler puts the sound between two samples.
            var start = from + at + shift - 2;
            var found = start < 0 || start + Piece + 4 > heard.Length ? -1 : Correlation(said.AsSpan(at, Piece), heard.AsSpan(start, Piece + 4));
            found.ShouldBeGreaterThan(least, $"{what} at {at}, shifted by {shift}, of {heard.Length}");
        }
    }

    /// <summary>The power of one frequency as a part of all, 0..1.</summary>
    public static double Purity(ReadOnlySpan<short> samples, double hertz)
    {
        double sine = 0, cosine = 0, energy = 0;
        for (var i = 0; i < samples.Length; i++)
        {
            sine += samples[i] * Math.Sin(2 * Math.PI * hertz * i / 8000);
            cosine += samples[i] * Math.Cos(2 * Math.PI * hertz * i / 8000);
            energy += (double)samples[i] * samples[i];
        }
        return energy == 0 ? 0 : ((sine * sine) + (cosine * cosine)) * 2 / samples.Length / energy;
    }

    public static double Level(ReadOnlySpan<short> samples)
    {
        double energy = 0;
        foreach (var sample in samples) energy += (double)sample * sample;
        return samples.IsEmpty ? 0 : Math.Sqrt(energy / samples.Length);
    }
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("cti-media-").FullName;

    public string File(string name) => System.IO.Path.Join(Path, name);

    public string Write(string name, byte[] content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(File(name))!);
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>WAV files as other programs write them.</summary>
internal static class Wav
{
    public static byte[] Of(ushort tag, int bits, int channels, int rate, byte[] data, bool extensible = false, byte[]? before = null)
    {
        var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("RIFF"u8);
        writer.Write(0);
        writer.Write("WAVE"u8);
        if (before is not null) writer.Write(before);
        writer.Write("fmt "u8);
        writer.Write(extensible ? 40 : 16);
        writer.Write(extensible ? (ushort)0xFFFE : tag);
        writer.Write((ushort)channels);
        writer.Write(rate);
        writer.Write(rate * channels * bits / 8);
        writer.Write((ushort)(channels * bits / 8));
        writer.Write((ushort)bits);
        if (extensible)
        {
            writer.Write((ushort)22);
            writer.Write((ushort)bits);
            writer.Write(0);
            writer.Write(tag);
            writer.Write(new byte[] { 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71 });
        }
        writer.Write("data"u8);
        writer.Write(data.Length);
        writer.Write(data);
        if (data.Length % 2 != 0) writer.Write((byte)0);
        writer.Flush();
        var bytes = stream.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
        return bytes;
    }

    public static byte[] Bytes16(short[] samples)
    {
        var bytes = new byte[samples.Length * 2];
        for (var i = 0; i < samples.Length; i++) BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(i * 2), samples[i]);
        return bytes;
    }
}
