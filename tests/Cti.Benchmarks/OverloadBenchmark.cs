using System.Diagnostics;

namespace Cti.Benchmarks;

/// <summary>
/// One and a half times the highest rate that is held, for a minute: calls that are answered all the same, the pace of fifty that are up and hear an
/// announcement (told by the receiving kernel's time stamps), and the memory afterwards.
/// </summary>
internal static class OverloadBenchmark
{
    private const int Established = 50;
    private const int OverloadSeconds = 60;
    private const int SettleSeconds = 60;
    private const int HoldMillis = 100;
    /// <summary>Longer than what is over lingers (64 T1): then the node is as full as it gets.</summary>
    private const int SustainedSeconds = 40;
    /// <summary>Between the ports that this program takes and those that the system gives away.</summary>
    private const int SinkPort = 32_700;
    private const double PaceMillisMax = 20;
    private const double FramesPerSecond = 50;
    private const double LostShareMax = 0.005;

    /// <summary>Heap that is left of the overload: pools and tables keep the size that they once needed.</summary>
    private const double HeapMebibytesMax = 16;

    /// <summary>Prints what was measured; 1 when something was not held.</summary>
    public static async Task<int> RunAsync(Report report)
    {
        if (BareLoop.Compile() is not { } program)
        {
            Console.Error.WriteLine("overload: gcc is needed for the far end's time stamps (apt-get install gcc libc6-dev)");
            return 1;
        }
        try
        {
            return await RunAsync(report, program);
        }
        finally
        {
            File.Delete(program);
        }
    }

    private static async Task<int> RunAsync(Report report, string program)
    {
        using var node = NodeProcess.Start();
        await using var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, CallsBenchmark.Answer, asksOnce: false);
        Console.WriteLine();
        Console.WriteLine("Rising to the peak                   rate/s  reached   calls  failed  resent  p50 ms  p99 ms   cti  SIPp  application  KiB/call");
        var steps = CallsBenchmark.Inbound(node, application, TimeSpan.FromSeconds(60));
        var peak = CallsBenchmark.Sustained(node, application, steps.Where(static step => step.Held).Select(static step => step.Rate).Distinct().Reverse(),
            SustainedSeconds);
        if (peak is null)
        {
            Console.WriteLine($"overload: no rate was held; the node's log ends with\n{node.Said}");
            return 1;
        }
        using var callee = Sipp.Callee(Enumerable.Range(SinkPort, Established));
        await using var listeners = await Application.ConnectAsync(node.Socket, NodeProcess.ProbeKey, Play);
        using var sink = BareLoop.Start(program, "sink", Established, OverloadSeconds, SinkPort, []);
        for (var i = 0; i < Established; i++)
            await listeners.AskAsync("sys.call.construct", $$"""{"to_uri":"sip:bench@127.0.0.1:{{callee.Port}}","max_answer_seconds":600}""");
        await Task.Delay(TimeSpan.FromSeconds(40));
        var up = node.Metric("cti_calls");
        var before = node.Memory();

        var rate = (int)Math.Ceiling(1.5 * peak.Rate);
        var (pausedBefore, collectedBefore, began) =
            (node.Metric("cti_gc_pause_seconds_total"), node.Metric("cti_gc_collections_total{generation=\"0\"}"), Stopwatch.GetTimestamp());
        sink.Go();
        using var sipp = Sipp.Caller(node.SipPort, rate, rate * OverloadSeconds, HoldMillis);
        var pace = sink.Result();
        var result = sipp.Result();
        var goodput = result.Succeeded / Math.Max(OverloadSeconds, result.Seconds - HoldMillis / 1000.0);
        var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var refused = node.Metric("cti_media_refused_total");
        var behind = node.Metric("cti_calls_refused_total");
        var (paused, collections) =
            (node.Metric("cti_gc_pause_seconds_total") - pausedBefore, node.Metric("cti_gc_collections_total{generation=\"0\"}") - collectedBefore);

        var (settled, after) = await SettleAsync(node, before.HeapBytes + HeapMebibytesMax * 1024 * 1024);
        var stillUp = node.Metric("cti_calls");
        var lost = 1 - pace.GetValueOrDefault("packets") / (Established * FramesPerSecond * OverloadSeconds);
        Console.WriteLine($"overload: {rate}/s for {took:F0} s ({peak.Rate}/s is held, {peak.Achieved:F0}/s reached): {result.Succeeded} answered, "
            + $"{result.Failed} not, {refused:F0} for want of media; "
            + $"{goodput:F0}/s, {goodput / peak.Achieved:P0} of the peak");
        Console.WriteLine($"overload: not answered: {string.Join(", ", result.Failures.Select(static failure => $"{failure.Why} {failure.Calls}"))}; "
            + $"{result.Retransmissions} retransmissions; {behind:F0} refused before there was a call; the collector stopped everything for "
            + $"{100 * paused / took:F1} % of the time, {1000 * paused / Math.Max(1, collections):F1} ms each");
        Console.WriteLine($"overload: {Established} calls ({up:F0} up before, {stillUp:F0} after): p50 {pace.GetValueOrDefault("p50") / 1000:F1} ms, p99 "
            + $"{pace.GetValueOrDefault("p99") / 1000:F1} ms, "
            + $"at most {pace.GetValueOrDefault("max") / 1000:F1} ms beside 20 ms; {lost:P2} of the packets missing");
        Console.WriteLine($"overload: heap {before.HeapBytes / 1024 / 1024:F1} MiB before, {after.HeapBytes / 1024 / 1024:F1} MiB after {settled:F0} s; "
            + $"resident {before.ResidentBytes / 1024 / 1024:F0} and {after.ResidentBytes / 1024 / 1024:F0} MiB");
        report.AtMost("overload: share of the peak that is lost", 10, 100 * (1 - (goodput / peak.Achieved)), "%");
        report.AtMost("overload: p99 of the pace of calls that are up", PaceMillisMax, pace.GetValueOrDefault("p99", double.PositiveInfinity) / 1000, "ms");
        report.AtMost("overload: packets that calls which are up miss", 100 * LostShareMax, 100 * lost, "%");
        report.AtMost("overload: calls that were up and are not", 0, Established - stillUp, "");
        report.AtMost("overload: calls of the rush that are left after a minute", 0, stillUp - Established, "");
        report.AtMost("overload: heap left after a minute", HeapMebibytesMax, (after.HeapBytes - before.HeapBytes) / 1024 / 1024, "MiB");
        var holds = goodput >= 0.9 * peak.Achieved && pace.GetValueOrDefault("p99", double.PositiveInfinity) / 1000 <= PaceMillisMax && lost <= LostShareMax
            && stillUp == Established
            && after.HeapBytes - before.HeapBytes <= HeapMebibytesMax * 1024 * 1024;
        Console.WriteLine($"overload: {(holds ? "pass" : "FAIL")}");
        return holds ? 0 : 1;
    }

    private static void Play(Application application, Incoming incoming)
    {
        if (incoming is { Method: "sys.call.on_dial_completed", ErrorCode: 0 })
            application.Post("sys.call.play_start", $$"""{"res_id":"{{incoming.ResourceId}}","content":"sound.wav","repeat":100}""");
    }

    /// <summary>Waits until memory is as it was, a minute at most; after how many seconds, and what is held then.</summary>
    private static async Task<(double Seconds, (double HeapBytes, double ResidentBytes) Memory)> SettleAsync(NodeProcess node, double heapBytesMax)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var memory = node.Memory();
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            if (memory.HeapBytes <= heapBytesMax || seconds >= SettleSeconds) return (seconds, memory);
            await Task.Delay(2_000);
        }
    }
}
