using System.Diagnostics;
using System.Net;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Codecs;
using Cti.Media.Rtp;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Benchmarks;

/// <summary>
/// What codecs cost: a bridge of two parties that both talk, relayed and transcoded, and a party that hears a prompt, without sockets and on one thread,
/// so that nothing but the media side's own work is in the figures. CPU in milliseconds for one session and second.
/// </summary>
internal static class CodecsBenchmark
{
    private const int Seconds = 60;

    /// <summary>What each may cost, in ms: a core carries 100 sessions at 10 ms each.</summary>
    private const double G722MillisMax = 10, OpusMillisMax = 20;

    public static void Run(Report report)
    {
        Console.WriteLine();
        Console.WriteLine("CPU in ms a session and second            bridged     one decoded      one encoded");
        foreach (var (one, other) in (ReadOnlySpan<(AudioCodec, AudioCodec)>)
            [(AudioCodec.Pcma, AudioCodec.Pcma), (AudioCodec.Pcma, AudioCodec.Pcmu), (AudioCodec.G722, AudioCodec.Pcma), (AudioCodec.Opus, AudioCodec.Pcma),
            (AudioCodec.G722, AudioCodec.Opus), (AudioCodec.Opus, AudioCodec.Opus)])
        {
            if (PacketDecoder.Of(one) is null || PacketDecoder.Of(other) is null)
            {
                Console.WriteLine($"{one} and {other}: {OpusLibrary.Missing}");
                continue;
            }
            // Twice, and the second counts: code is compiled for good in the first.
            Bridged(one, other);
            var bridged = Bridged(one, other);
            var (decoded, encoded) = Alone(one);
            Console.WriteLine($"{$"{one} and {other}",-40}{bridged,9:F3}{decoded,16:F3}{encoded,17:F3}");
            var what = $"CPU a session and second, {one} bridged with {other}";
            if (one == AudioCodec.G722 && other == AudioCodec.Pcma) report.AtMost(what, G722MillisMax, bridged, "ms");
            else if (one == AudioCodec.Opus && other == AudioCodec.Pcma) report.AtMost(what, OpusMillisMax, bridged, "ms");
            else report.Fact(what, bridged, "ms");
        }
    }

    private static double Bridged(AudioCodec one, AudioCodec other)
    {
        var clock = new Clock();
        var services = new MediaServices(clock, new MediaCounters());
        var (first, second) = (new Party(1, one, clock, services), new Party(2, other, clock, services));
        var bridge = new Bridge(new BridgeRequest(1), first.Session, second.Session);
        first.Session.Apply(MediaCommand.Connect(bridge));
        second.Session.Apply(MediaCommand.Connect(bridge));
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < Seconds * Audio.FramesPerSecond; i++)
        {
            clock.MonotonicNanos += MediaSession.TickNanos;
            first.Turn(i);
            second.Turn(i);
        }
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds / Seconds / 2;
    }

    private static (double Decoded, double Encoded) Alone(AudioCodec codec)
    {
        var packets = Packets(codec);
        var decoder = PacketDecoder.Of(codec)!;
        var encoder = FrameEncoder.Of(codec);
        var room = new short[decoder.SamplesMax];
        var payload = new byte[480];
        var tone = Tone(codec);
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < Seconds * Audio.FramesPerSecond; i++) decoder.Decode(packets[i % packets.Length], room);
        var between = Stopwatch.GetTimestamp();
        for (var i = 0; i < Seconds * Audio.FramesPerSecond; i++)
        {
            var frame = tone.AsSpan(i % Audio.FramesPerSecond * codec.FrameSamples(), codec.FrameSamples());
            if (encoder is null) G711.Encode(codec, frame, payload);
            else encoder.Encode(frame, payload);
        }
        return (Stopwatch.GetElapsedTime(began, between).TotalMilliseconds / Seconds, Stopwatch.GetElapsedTime(between).TotalMilliseconds / Seconds);
    }

    /// <summary>A second of a voice's overtones.</summary>
    private static short[] Tone(AudioCodec codec) => [.. Enumerable.Range(0, codec.SoundRate()).Select(i =>
        (short)Enumerable.Range(1, 20).Sum(overtone => 3_000.0 / overtone * Math.Sin(2 * Math.PI * 150 * overtone * i / codec.SoundRate())))];

    private static byte[][] Packets(AudioCodec codec)
    {
        var tone = Tone(codec);
        var encoder = FrameEncoder.Of(codec);
        encoder?.Adapt(SendFormat.Default, codec.SoundRate());
        var payload = new byte[480];
        return [.. Enumerable.Range(0, Audio.FramesPerSecond).Select(i =>
        {
            var frame = tone.AsSpan(i * codec.FrameSamples(), codec.FrameSamples());
            if (encoder is not null) return payload[..encoder.Encode(frame, payload)];
            G711.Encode(codec, frame, payload);
            return payload[..Audio.FrameSamples];
        })];
    }

    private sealed class Clock : IClock
    {
        public long MonotonicNanos { get; set; } = 1_000_000_000_000;

        public long UnixMillis => 1_700_000_000_000 + (MonotonicNanos / 1_000_000);
    }

    /// <summary>A session whose far end talks.</summary>
    private sealed class Party : IMediaEvents, IRtpOutput
    {
        private readonly AudioCodec _codec;
        private readonly Clock _clock;
        private readonly byte[][] _packets;
        private readonly SocketAddressKey _far;
        private readonly byte[] _in = new byte[600];
        private readonly byte[] _out = new byte[MediaSession.RtpBytesMax];

        public Party(int number, AudioCodec codec, Clock clock, MediaServices services)
        {
            (_codec, _clock, _packets) = (codec, clock, Packets(codec));
            var far = new IPEndPoint(IPAddress.Loopback, 4_000 + (2 * number));
            _far = SocketAddressKey.From(far);
            Session = new MediaSession(new MediaSessionId(number), new MediaSessionOptions(), this,
                new MediaSessionSeed((uint)number, 1, 1, 1, "bench"), services)
            { Output = this };
            Session.Apply(MediaCommand.Configure(new MediaDescription(far, far, codec, codec.OwnPayloadType(), 101, true, true)));
        }

        public MediaSession Session { get; }

        public void Turn(int frame)
        {
            var payload = _packets[frame % _packets.Length];
            RtpPacket.WriteHeader(_in, _codec.OwnPayloadType(), false, (ushort)frame, (uint)(frame * 20 * _codec.ClockPerMilli()), 1);
            payload.CopyTo(_in, RtpPacket.HeaderBytes);
            Session.OnRtp(_in.AsSpan(0, RtpPacket.HeaderBytes + payload.Length), _far, _clock.MonotonicNanos);
            Session.Tick(_clock.MonotonicNanos, _out);
        }

        public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
        {
        }

        public void SendRtp(MediaSession session, ReadOnlySpan<byte> packet)
        {
        }
    }
}
