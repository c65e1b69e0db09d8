using System.Diagnostics;
using System.Net;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;
using Cti.Transport.Media;
using Cti.Transport.Runtime;

namespace Cti.Benchmarks;

/// <summary>
/// Conferences and bridges over loopback, every far end sending 20 ms of A-law that differs from all others', so that no frame can be shared. CPU is that of the
/// media loop's thread (receiving, mixing, sending), and in brackets of the whole process, in milliseconds for one session and second.
/// </summary>
internal static class MixingBenchmark
{
    private const double Seconds = 3;
    private const int FarPort = 31_000;
    private const int FirstPort = 40_000;
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
            Console.WriteLine("CPU in ms a session and second        sessions      loop    (process)   sent/received    bytes allocated a packet      busy    late cadences");
            report.AtMost("One conference of 100, CPU a member and second", MemberMillisMax, Measure(program, "one conference of 100", 100, Conferences(100)), "ms");
            report.AtMost("100 conferences of 3, CPU a member and second", MemberMillisMax, Measure(program, "100 conferences of 3", 300, Conferences(3)), "ms");
            report.Fact("200 bridges of one codec, CPU a session and second", Measure(program, "200 bridges relayed", 400, Bridges(AudioCodec.Pcma)), "ms");
            report.Fact("200 bridges of two codecs, CPU a session and second", Measure(program, "200 bridges transcoded", 400, Bridges(AudioCodec.Pcmu)), "ms");
            return 0;
        }
        finally
        {
            File.Delete(program);
        }
    }

    private static Action<Bench> Conferences(int members) => bench =>
    {
        for (var i = 0; i < bench.Ports.Length; i++)
        {
            var conference = new ConferenceId(i / members + 1);
            if (i % members == 0) bench.Engine.OpenConference(conference, new ConferenceOptions(), bench);
            bench.Engine.Join(conference, new MediaSessionId(i + 1), new ConferenceMember());
        }
    };

    // The far ends send A-law to all; a side that is told to be of the other law decodes it as noise, which costs the same.
    private static Action<Bench> Bridges(AudioCodec second) => bench =>
    {
        for (var i = 0; i < bench.Ports.Length; i += 2)
        {
            if (second == AudioCodec.Pcmu) bench.Configure(i + 1, second);
            bench.Engine.Connect(new MediaSessionId(i + 1), new MediaSessionId(i + 2), new BridgeRequest(1));
        }
    };

    private static double Measure(string program, string what, int sessions, Action<Bench> connect)
    {
        Console.Error.WriteLine($"mixing: {what} …");
        using var bench = new Bench(sessions);
        connect(bench);
        using var far = BareLoop.Start(program, "send", sessions, Seconds + 1.5, FarPort, bench.Ports);
        far.Go();
        // Long enough for the loop's code to be compiled for good, and for its averages to settle.
        Thread.Sleep(1_000);
        var loop = bench.Engine.Loops[0];
        using var process = Process.GetCurrentProcess();
        var before = loop.Snapshot();
        var (threadNanos, threadBytes, processTime, started) = (loop.ThreadNanos, loop.ThreadAllocatedBytes, process.TotalProcessorTime, Stopwatch.GetTimestamp());
        Thread.Sleep(TimeSpan.FromSeconds(Seconds - 0.5));
        process.Refresh();
        var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var after = loop.Snapshot();
        var millis = (loop.ThreadNanos - threadNanos) / 1e6 / sessions / elapsed;
        var processMillis = (process.TotalProcessorTime - processTime).TotalMilliseconds / sessions / elapsed;
        var (sent, received) = (after.RtpSent - before.RtpSent, after.RtpReceived - before.RtpReceived);
        Console.WriteLine($"{what,-38}{sessions,8}{millis,10:F3}{processMillis,10:F3}{sent,12}/{received}"
            + $"{(loop.ThreadAllocatedBytes - threadBytes) / (double)Math.Max(1, sent + received),24:F3}{after.BusyFraction,14:P1}{after.LateCadences - before.LateCadences,14}");
        far.Result();
        return millis;
    }

    /// <summary>An engine of one loop with its sessions.</summary>
    private sealed class Bench : IMediaEvents, IConferenceEvents, IDisposable
    {
        private readonly string _root = Directory.CreateTempSubdirectory("cti-bench-").FullName;

        public Bench(int sessions)
        {
            var options = new MediaEngineOptions
            {
                IPv4 = IPAddress.Loopback, PortFirst = FirstPort, PortLast = FirstPort + 2 * sessions + 199, Loops = 1, BusyFractionMax = 2,
            };
            Engine = new MediaEngine(options, new PromptCache(_root, null, 1 << 20), new SystemClock(), SystemRandom.Instance, NullLog.Instance);
            Engine.Loops[0].MeasuresThreadTime = true;
            Ports = [.. Enumerable.Range(1, sessions).Select(Open)];
            for (var i = 0; i < sessions; i++) Configure(i, AudioCodec.Pcma);
        }

        public MediaEngine Engine { get; }

        public int[] Ports { get; }

        public void Configure(int index, AudioCodec codec)
        {
            var remote = new IPEndPoint(IPAddress.Loopback, FarPort + index);
            Engine.Configure(new MediaSessionId(index + 1), new MediaDescription(remote, remote, codec, 8, 101, Send: true, Receive: true));
        }

        public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
        {
        }

        public void OnConferenceEvent(ConferenceId conference, MediaEvent happened)
        {
        }

        public void Dispose()
        {
            Engine.Dispose();
            Directory.Delete(_root, recursive: true);
        }

        private int Open(int number) =>
            (Engine.TryOpen(new MediaSessionId(number), new MediaSessionOptions(), this)
                ?? throw new InvalidOperationException("no session: are ports or descriptors short?")).Port;
    }
}
