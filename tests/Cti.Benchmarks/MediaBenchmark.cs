using Cti.Media;

namespace Cti.Benchmarks;

/// <summary>
/// Playing and receiving over loopback, 20 ms of A-law a packet, against the bare C loop in the same run. CPU is that of the media loop's thread and, in
/// brackets, of the whole process; jitter is how far the gaps between a stream's packets are from 20 ms, by the receiving kernel's time stamps.
/// </summary>
internal static class MediaBenchmark
{
    private const double Seconds = 3;
    private const int BarePort = 31_000;
    private const int BarePeerPort = 36_000;

    public static int Run(Report report)
    {
        var program = BareLoop.Compile();
        if (program is null)
        {
            Console.Error.WriteLine("media: gcc is needed for the far end and for comparison (apt-get install gcc libc6-dev)");
            return 1;
        }

        try
        {
            var rows = ((int[])[100, 500, 1_000]).Select(streams => Measure(program, streams)).ToList();
            Print(rows);
            Promise(report, rows[^1]);
            return 0;
        }
        finally
        {
            File.Delete(program);
        }
    }

    private static Row Measure(string program, int streams)
    {
        Console.Error.WriteLine($"media: {streams} streams …");
        var (bareSend, bareReceive) = Bare(program, streams, "recv");
        var (_, bareGaps) = Bare(program, streams, "sink");
        var play = Play(program, streams);
        var receive = Receive(program, streams);
        return new Row(streams, bareSend["cpu_us"] / bareSend["packets"], bareReceive["cpu_us"] / bareReceive["packets"], bareGaps, play, receive);
    }

    private static (Dictionary<string, double> Sender, Dictionary<string, double> Receiver) Bare(string program, int streams, string receiverMode)
    {
        using var receiver = BareLoop.Start(program, receiverMode, streams, Seconds + 0.5, BarePort, []);
        using var sender = BareLoop.Start(program, "send", streams, Seconds, BarePeerPort, Enumerable.Range(BarePort, streams));
        receiver.Go();
        sender.Go();
        return (sender.Result(), receiver.Result());
    }

    private static Ours Play(string program, int streams)
    {
        using var started = new CountdownEvent(streams);
        using var bench = new MediaBench(streams, IdleSending.Nothing, happened =>
        {
            if (happened is PlayStarted)
                started.Signal();
        });
        Sound.WriteAlaw(Path.Combine(bench.Root, "sound.wav"), seconds: 10);
        using var sink = BareLoop.Start(program, "sink", streams, Seconds, BarePort, []);
        for (var i = 0; i < streams; i++)
        {
            bench.Configure(i, BarePort, AudioCodec.Pcma, send: true, receive: false);
            bench.Engine.StartPlay(new MediaSessionId(i + 1), new PlayRequest(1, ["sound.wav"], Repeat: -1));
        }

        started.Wait();
        var ours = Observe(bench, sink);
        return ours with { Packets = ours.Sent };
    }

    private static Ours Receive(string program, int streams)
    {
        using var bench = new MediaBench(streams, IdleSending.Nothing);
        for (var i = 0; i < streams; i++) bench.Configure(i, BarePeerPort, AudioCodec.Pcma, send: false, receive: true);
        using var sender = BareLoop.Start(program, "send", streams, Seconds, BarePeerPort, bench.Ports);
        var ours = Observe(bench, sender);
        return ours with { Packets = ours.Received };
    }

    private static Ours Observe(MediaBench bench, BareLoop farEnd)
    {
        Dictionary<string, double> far = [];
        var cost = bench.Observe(() =>
        {
            farEnd.Go();
            far = farEnd.Result();
        });
        return new Ours(0, cost.Sent, cost.Received, cost.ThreadNanos / 1_000.0, cost.ProcessTime.TotalMicroseconds, cost.ThreadBytes, cost.ProcessBytes, far,
            cost.After.WorkShare, cost.LateCadences, cost.After.LatenessMaxMicros);
    }

    private static void Print(List<Row> rows)
    {
        Console.WriteLine();
        Console.WriteLine("RTP, CPU in µs a packet       streams    bare C      ours (process)    ratio   bytes allocated a packet");
        foreach (var row in rows)
        {
            Line("played", row.Streams, row.BareSend, row.Play);
            Line("received", row.Streams, row.BareReceive, row.Receive);
        }

        Console.WriteLine();
        Console.WriteLine("Gap's deviation from 20 ms    streams    p50 µs    p99 µs    max µs    packets");
        foreach (var row in rows)
        {
            Gaps("bare C", row.Streams, row.BareGaps);
            Gaps("ours", row.Streams, row.Play.Far);
        }

        Console.WriteLine();
        Console.WriteLine("Loop while playing            streams      busy    late cadences    latest start µs");
        foreach (var row in rows)
            Console.WriteLine($"{"",-30}{row.Streams,7}{row.Play.Busy,10:P1}{row.Play.Late,17}{row.Play.LatestMicros,19}");
    }

    private static void Promise(Report report, Row row)
    {
        var (play, receive) = (row.Play.ThreadMicros / row.Play.Packets, row.Receive.ThreadMicros / row.Receive.Packets);
        report.AtMost($"CPU per RTP packet played, {row.Streams} streams", 7, play, "µs");
        report.AtMost("  as a multiple of bare C", 1.5, play / row.BareSend, "×");
        report.AtMost($"CPU per RTP packet received, {row.Streams} streams", 3, receive, "µs");
        report.AtMost("  as a multiple of bare C", 2, receive / row.BareReceive, "×");
        report.AtMost("allocated per RTP packet played", 0, row.Play.ThreadBytes / row.Play.Packets, "bytes");
        report.AtMost("allocated per RTP packet received", 0, row.Receive.ThreadBytes / row.Receive.Packets, "bytes");
        report.AtMost("gap's deviation from 20 ms, p99", 3, row.Play.Far.GetValueOrDefault("p99") / 1000, "ms");
    }

    private static void Line(string what, int streams, double bare, Ours ours) =>
        Console.WriteLine($"{what,-30}{streams,7}{bare,10:F2}{ours.ThreadMicros / ours.Packets,10:F2} ({ours.ProcessMicros / ours.Packets,5:F2})"
            + $"{ours.ThreadMicros / ours.Packets / bare,9:F2}{ours.ThreadBytes / (double)ours.Packets,12:F3} ({ours.ProcessBytes / (double)ours.Packets:F3})");

    private static void Gaps(string whose, int streams, Dictionary<string, double> far) =>
        Console.WriteLine($"{whose,-30}{streams,7}{far.GetValueOrDefault("p50"),10:F0}{far.GetValueOrDefault("p99"),10:F0}"
            + $"{far.GetValueOrDefault("max"),10:F0}{far["packets"],11:F0}");

    private sealed record Row(int Streams, double BareSend, double BareReceive, Dictionary<string, double> BareGaps, Ours Play, Ours Receive);

    private sealed record Ours(long Packets, long Sent, long Received, double ThreadMicros, double ProcessMicros, long ThreadBytes, long ProcessBytes,
        Dictionary<string, double> Far, double Busy, long Late, long LatestMicros);
}
