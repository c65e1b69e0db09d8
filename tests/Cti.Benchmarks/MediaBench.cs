using System.Diagnostics;
using System.Net;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;
using Cti.Media.Session.Mix;
using Cti.Media.Srtp;
using Cti.Transport.Media;
using Cti.Transport.Runtime;

namespace Cti.Benchmarks;

/// <summary>What a media loop, and the process around it, did and cost while it was observed.</summary>
internal sealed record LoopCost(MediaLoopStatistics Before, MediaLoopStatistics After, long ThreadNanos, long ThreadBytes, TimeSpan ProcessTime,
    long ProcessBytes, TimeSpan Elapsed)
{
    public long Sent => After.RtpSent - Before.RtpSent;

    public long Received => After.RtpReceived - Before.RtpReceived;

    public long LateCadences => After.LateCadences - Before.LateCadences;
}

/// <summary>An engine of one loop on loopback, with its sessions: the first is number 1.</summary>
internal sealed class MediaBench : IMediaEvents, IConferenceEvents, IDisposable
{
    private const int FirstPort = 40_000;
    private readonly Action<MediaEvent> _happened;

    /// <param name="sessions">How many are opened.</param>
    /// <param name="idle">What they send while nothing plays.</param>
    /// <param name="happened">Told each report.</param>
    public MediaBench(int sessions, IdleSending idle, Action<MediaEvent>? happened = null)
    {
        _happened = happened ?? (static _ => { });
        var options = new MediaEngineOptions
        {
            IPv4 = IPAddress.Loopback, PortFirst = FirstPort, PortLast = FirstPort + 2 * sessions + 199, Loops = 1, BusyFractionMax = 2,
        };
        Engine = new MediaEngine(options, new PromptCache(Root, null, 64 << 20), new SystemClock(), SystemRandom.Instance, NullLog.Instance);
        Engine.Loops[0].MeasuresThreadAllocation = true;
        Ports = [.. Enumerable.Range(1, sessions).Select(number => Open(number, idle))];
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("cti-bench-").FullName;

    public MediaEngine Engine { get; }

    public int[] Ports { get; }

    public void Configure(int index, int remotePort, AudioCodec codec, bool send, bool receive, SrtpKeys? keys = null)
    {
        var remote = new IPEndPoint(IPAddress.Loopback, remotePort + index);
        Engine.Configure(new MediaSessionId(index + 1), new MediaDescription(remote, remote, codec, 8, 101, send, receive) { Srtp = keys });
    }

    public LoopCost Observe(Action work)
    {
        // Long enough for the loop's code to be compiled for good, and for its averages to settle.
        Thread.Sleep(1_000);
        var loop = Engine.Loops[0];
        using var process = Process.GetCurrentProcess();
        var before = loop.Snapshot();
        var (threadNanos, threadBytes) = (loop.ThreadNanos, loop.ThreadAllocatedBytes);
        var (processTime, processBytes, started) = (process.TotalProcessorTime, GC.GetTotalAllocatedBytes(), Stopwatch.GetTimestamp());
        work();
        process.Refresh();
        return new LoopCost(before, loop.Snapshot(), loop.ThreadNanos - threadNanos, loop.ThreadAllocatedBytes - threadBytes,
            process.TotalProcessorTime - processTime, GC.GetTotalAllocatedBytes() - processBytes, Stopwatch.GetElapsedTime(started));
    }

    public void OnMediaEvent(MediaSessionId session, MediaEvent happened) => _happened(happened);

    public void OnConferenceEvent(ConferenceId conference, MediaEvent happened) => _happened(happened);

    public void Dispose()
    {
        Engine.Dispose();
        Directory.Delete(Root, recursive: true);
    }

    private int Open(int number, IdleSending idle) =>
        (Engine.TryOpen(new MediaSessionId(number), new MediaSessionOptions(Idle: idle), this)
            ?? throw new InvalidOperationException("no session: are ports or descriptors short?")).Port;
}
