using System.Diagnostics;
using Cti.Media;
using Cti.Media.Rtp;
using Cti.Media.Srtp;
using Cti.Transport.Runtime;

namespace Cti.Benchmarks;

/// <summary>
/// What protecting sound costs: 500 streams that are played, plain and by each suite, CPU of the media loop's thread a packet; and a packet of 20 ms protected
/// and opened alone, on one thread. Loopback; whoever receives counts and opens nothing.
/// </summary>
internal static class SrtpBenchmark
{
    private const int Streams = 500;
    private const int Packets = 200_000;
    private const int Port = 31_000;
    private const double Seconds = 3;
    private const double RatioMax = 1.5;

    public static int Run(Report report)
    {
        if (BareLoop.Compile() is not { } program)
        {
            Console.Error.WriteLine("srtp: gcc is needed for the far end (apt-get install gcc libc6-dev)");
            return 1;
        }
        try
        {
            // Twice, and the second counts: code is compiled for good in the first.
            var plain = Enumerable.Range(0, 2).Select(_ => Played(program, null)).Last();
            Console.WriteLine();
            Console.WriteLine("SRTP, CPU in µs a packet             played     ratio   protected alone   opened alone");
            Console.WriteLine($"{"plain",-32}{plain,11:F2}{1,10:F2}");
            foreach (var suite in Enum.GetValues<SrtpSuite>())
            {
                var played = Played(program, suite);
                var (protect, open) = Alone(suite);
                Console.WriteLine($"{suite,-32}{played,11:F2}{played / plain,10:F2}{protect,18:F2}{open,15:F2}");
                report.AtMost($"CPU per packet played by {suite}, as a multiple of plain", RatioMax, played / plain, "×");
            }
            return 0;
        }
        finally
        {
            File.Delete(program);
        }
    }

    private static SrtpKeys Keys(SrtpSuite suite) => new(SrtpKey.Draw(suite, SystemRandom.Instance), SrtpKey.Draw(suite, SystemRandom.Instance));

    private static double Played(string program, SrtpSuite? suite)
    {
        using var started = new CountdownEvent(Streams);
        using var bench = new MediaBench(Streams, IdleSending.Nothing, happened =>
        {
            if (happened is PlayStarted) started.Signal();
        });
        Sound.WriteAlaw(Path.Combine(bench.Root, "sound.wav"), seconds: 10);
        using var sink = BareLoop.Start(program, "sink", Streams, Seconds, Port, []);
        for (var i = 0; i < Streams; i++)
        {
            bench.Configure(i, Port, AudioCodec.Pcma, send: true, receive: false, suite is { } by ? Keys(by) : null);
            bench.Engine.StartPlay(new MediaSessionId(i + 1), new PlayRequest(1, ["sound.wav"], Repeat: -1));
        }
        started.Wait();
        var cost = bench.Observe(() =>
        {
            sink.Go();
            sink.Result();
        });
        return cost.ThreadNanos / 1_000.0 / cost.Sent;
    }

    private static (double Protect, double Open) Alone(SrtpSuite suite)
    {
        var keys = Keys(suite);
        using var here = new SrtpSession(keys);
        using var there = new SrtpSession(new SrtpKeys(keys.Remote!, keys.Local));
        var packets = new byte[Packets][];
        var lengths = new int[Packets];
        for (var i = 0; i < Packets; i++)
        {
            packets[i] = new byte[RtpPacket.HeaderBytes + 160 + SrtpSession.RtpOverheadBytes];
            RtpPacket.WriteHeader(packets[i], 8, false, (ushort)i, (uint)(i * 160), 0xCAFE);
        }
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < Packets; i++) lengths[i] = here.ProtectRtp(packets[i], RtpPacket.HeaderBytes + 160);
        var between = Stopwatch.GetTimestamp();
        for (var i = 0; i < Packets; i++)
        {
            if (!there.TryUnprotectRtp(packets[i].AsSpan(0, lengths[i]), out _, out var reason)) throw new InvalidOperationException($"packet {i}: {reason}");
        }
        var ended = Stopwatch.GetTimestamp();
        return (Stopwatch.GetElapsedTime(began, between).TotalMicroseconds / Packets, Stopwatch.GetElapsedTime(between, ended).TotalMicroseconds / Packets);
    }
}
