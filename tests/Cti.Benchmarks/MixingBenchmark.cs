using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Benchmarks;

/// <summary>
/// Conferences and bridges over loopback, every far end sending 20 ms of A-law that differs from all others', so that no frame can be shared. CPU is that of
/// the media loop's thread (receiving, mixing, sending), and in brackets of the whole process, in milliseconds for one session and second.
/// </summary>
internal static class MixingBenchmark
{
    private const double Seconds = 3;
    private const int FarPort = 31_000;
    private const double MemberMillisMax = 0.6;

    public static int Run(Report report)
    {
        var program = BareLoop.Compile();
        if (program is null)
        {
            Console.Error.WriteLine("mixing: gcc is needed for the far ends (apt-get install gcc libc6-dev)");
            return 1;
        }

        try
        {
            Console.WriteLine();
            Console.WriteLine("CPU in ms a session and second        sessions      loop    (process)   sent/received    bytes allocated a packet      busy    "
                + "late cadences");
            report.AtMost("One conference of 100, CPU a member and second", MemberMillisMax,
                Measure(program, "one conference of 100", 100, Conferences(100)), "ms");
            report.AtMost("100 conferences of 3, CPU a member and second", MemberMillisMax,
                Measure(program, "100 conferences of 3", 300, Conferences(3)), "ms");
            report.Fact("200 bridges of one codec, CPU a session and second", Measure(program, "200 bridges relayed", 400, Bridges(AudioCodec.Pcma)), "ms");
            report.Fact("200 bridges of two codecs, CPU a session and second", Measure(program, "200 bridges transcoded", 400, Bridges(AudioCodec.Pcmu)), "ms");
            return 0;
        }
        finally
        {
            File.Delete(program);
        }
    }

    private static Action<MediaBench> Conferences(int members) => bench =>
    {
        for (var i = 0; i < bench.Ports.Length; i++)
        {
            var conference = new ConferenceId(i / members + 1);
            if (i % members == 0) bench.Engine.OpenConference(conference, new ConferenceOptions(), bench);
            bench.Engine.Join(conference, new MediaSessionId(i + 1), new ConferenceMember());
        }
    };

    // The far ends send A-law to all; a side that is told to be of the other law decodes it as noise, which costs the same.
    private static Action<MediaBench> Bridges(AudioCodec second) => bench =>
    {
        for (var i = 0; i < bench.Ports.Length; i += 2)
        {
            if (second == AudioCodec.Pcmu) Configure(bench, i + 1, second);
            bench.Engine.Connect(new MediaSessionId(i + 1), new MediaSessionId(i + 2), new BridgeRequest(1));
        }
    };

    private static void Configure(MediaBench bench, int index, AudioCodec codec) => bench.Configure(index, FarPort, codec, send: true, receive: true);

    private static double Measure(string program, string what, int sessions, Action<MediaBench> connect)
    {
        Console.Error.WriteLine($"mixing: {what} …");
        using var bench = new MediaBench(sessions, IdleSending.Silence);
        for (var i = 0; i < sessions; i++) Configure(bench, i, AudioCodec.Pcma);
        connect(bench);
        using var far = BareLoop.Start(program, "send", sessions, Seconds + 1.5, FarPort, bench.Ports);
        far.Go();
        var cost = bench.Observe(static () => Thread.Sleep(TimeSpan.FromSeconds(Seconds - 0.5)));
        var elapsed = cost.Elapsed.TotalSeconds;
        var millis = cost.ThreadNanos / 1e6 / sessions / elapsed;
        var processMillis = cost.ProcessTime.TotalMilliseconds / sessions / elapsed;
        Console.WriteLine($"{what,-38}{sessions,8}{millis,10:F3}{processMillis,10:F3}{cost.Sent,12}/{cost.Received}"
            + $"{cost.ThreadBytes / (double)Math.Max(1, cost.Sent + cost.Received),24:F3}{cost.After.WorkShare,14:P1}{cost.LateCadences,14}");
        far.Result();
        return millis;
    }
}
