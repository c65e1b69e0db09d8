using System.Collections.Concurrent;
using System.Diagnostics;

namespace Cti.Benchmarks;

/// <summary>
/// Calls through the whole stack: SIPp calls in, an application answers over the gateway, SIPp hangs up; and the application places calls that SIPp answers,
/// and drops them. The rate rises until calls fail, the rate is not reached or the answer takes too long; the figures are those of the highest rate that was
/// held.
/// </summary>
internal static class CallsBenchmark
{
    private const int StepSeconds = 4;
    private const int HoldMillis = 100;
    private const double P99MillisMax = 500;
    private const string Allocated = "cti_gc_allocated_bytes_total";

    // CTI_BENCH_RATES=500,500,500 compares two builds at one rate, on a machine that is not quiet.
    private static readonly int[] Rates = Environment.GetEnvironmentVariable("CTI_BENCH_RATES") is { Length: > 0 } asked
        ? [.. asked.Split(',').Select(static rate => int.Parse(rate, System.Globalization.CultureInfo.InvariantCulture))]
        : [200, 300, 400, 500, 600, 700, 800, 1000, 1200, 1500, 2000, 2500, 3000, 4000];

    /// <summary>One rate's figures; CPU in seconds per 1000 calls.</summary>
    public sealed record Step(int Rate, double Achieved, long Calls, long Failed, long Retransmissions, double P50, double P99, double NodeCpu, double SippCpu,
        double ApplicationCpu, double AllocatedKib, string Threads)
    {
        public bool Held => Failed == 0 && Achieved >= 0.93 * Rate && P99 <= P99MillisMax;
    }

    /// <summary>Runs both directions; answers the highest inbound rate that was held, in calls a second.</summary>
    public static async Task<int> RunAsync(Report report)
    {
        using var node = NodeProcess.Start();
        Console.WriteLine();
        Console.WriteLine("Calls, CPU in seconds per 1000       rate/s  reached   calls  failed  resent  p50 ms  p99 ms   cti  SIPp  application  KiB/call");
        var inbound = await InboundAsync(node, TimeSpan.FromSeconds(30));
        var outbound = await OutboundAsync(node, TimeSpan.FromSeconds(22));
        foreach (var (what, steps) in ((string, List<Step>)[])[("in", inbound), ("out", outbound)])
        {
            if (steps.LastOrDefault(static step => step.Held) is not { } best)
            {
                Console.WriteLine($"calls {what}: no rate was held; the node's log ends with\n{node.Said}");
                continue;
            }
            report.AtMost($"CPU of cti per 1000 calls {what}, at {best.Rate}/s", 0.75, best.NodeCpu, "s");
            report.Fact($"SIPp's own CPU per 1000 calls {what}", best.SippCpu, "s");
            Console.WriteLine($"calls {what} at {best.Rate}/s, the node's CPU by thread: {best.Threads}");
            report.Fact($"calls {what} a second held", best.Achieved, "/s");
            report.Fact($"time to answer, calls {what}, p99", best.P99, "ms");
        }
        return inbound.LastOrDefault(static step => step.Held)?.Rate ?? 100;
    }

    /// <summary>Raises the rate of calls in until one is not held or the time is over; <paramref name="application"/> answers them.</summary>
    public static List<Step> Inbound(NodeProcess node, Application application, TimeSpan limit)
    {
        InboundStep(node, application, 300, 12); // Compiled for good, pools filled.
        return Rise("in", limit, rate => InboundStep(node, application, rate, StepSeconds));
    }

    /// <summary>The highest of these rates that is held for so long: in a rush of a few seconds the node lives on what is empty before.</summary>
    public static Step? Sustained(NodeProcess node, Application application, IEnumerable<int> falling, int seconds)
    {
        foreach (var rate in falling)
        {
            var step = InboundStep(node, application, rate, seconds);
            Print("in, sustained", step);
            if (step.Held) return step;
        }
        return null;
    }

    /// <summary>What the benchmark's application does with a call.</summary>
    public static void Answer(Application application, Incoming incoming)
    {
        if (incoming.Method == "sys.call.on_incoming")
            application.Post("sys.call.answer", $$"""{"res_id":"{{incoming.ResourceId}}","max_answer_seconds":600}""");
    }

    private static List<Step> Rise(string what, TimeSpan limit, Func<int, Step> run)
    {
        var began = Stopwatch.GetTimestamp();
        var steps = new List<Step>();
        foreach (var rate in Rates)
        {
            var step = Once(rate);
            // A neighbour's burst is not our limit: what fails once may try again.
            if (!step.Held) step = Once(rate);
            if (!step.Held || Stopwatch.GetElapsedTime(began) > limit - TimeSpan.FromSeconds(StepSeconds)) break;
        }
        return steps;

        Step Once(int rate)
        {
            var step = run(rate);
            steps.Add(step);
            Print(what, step);
            return step;
        }
    }

    private static void Print(string what, Step step) =>
        Console.WriteLine($"{what,-36}{step.Rate,7}{step.Achieved,9:F0}{step.Calls,8}{step.Failed,8}{step.Retransmissions,8}{step.P50,8:F1}{step.P99,8:F1}"
            + $"{step.NodeCpu,6:F2}{step.SippCpu,6:F2}{step.ApplicationCpu,13:F2}{step.AllocatedKib,10:F0}{(step.Held ? "" : "   not held")}");

    private static Step InboundStep(NodeProcess node, Application application, int rate, int seconds)
    {
        using var self = Process.GetCurrentProcess();
        var allocated = node.Metric(Allocated);
        var threads = ProcessCost.CpuByThread(node.Id);
        var (cpu, own, refused) = (node.CpuSeconds, self.TotalProcessorTime, application.Refused);
        using var sipp = Sipp.Caller(node.SipPort, rate, rate * seconds, HoldMillis);
        var result = sipp.Result();
        WaitUntilGone(node);
        self.Refresh();
        var thousands = (result.Succeeded + result.Failed) / 1000.0;
        // Its own start and end, and the pause in the call, are no part of the rate.
        var achieved = result.Succeeded / Math.Max(seconds, result.Seconds - HoldMillis / 1000.0 - 0.2);
        return new Step(rate, achieved, result.Succeeded, result.Failed + application.Refused - refused, result.Retransmissions,
            Report.Percentile(result.ResponseMillis, 0.5), Report.Percentile(result.ResponseMillis, 0.99),
            (node.CpuSeconds - cpu) / thousands, result.CpuSeconds / thousands, (self.TotalProcessorTime - own).TotalSeconds / thousands,
            (node.Metric(Allocated) - allocated) / 1024_000 / thousands, Threads(node, threads));
    }

    private static async Task<List<Step>> InboundAsync(NodeProcess node, TimeSpan limit)
    {
        await using var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, Answer);
        return Inbound(node, application, limit);
    }

    private static async Task<List<Step>> OutboundAsync(NodeProcess node, TimeSpan limit)
    {
        var calls = new OutboundCalls();
        await using var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, calls.Take);
        using var sipp = Sipp.Callee();
        calls.Run(node, sipp, application, 200, 4);
        return Rise("out", limit, rate => calls.Run(node, sipp, application, rate, StepSeconds));
    }

    /// <summary>Where a step's CPU went: the runtime's compiler (".NET Tiered Com") is idle in a node that has run for a minute.</summary>
    private static string Threads(NodeProcess node, Dictionary<string, double> before)
    {
        var spent = ProcessCost.CpuByThread(node.Id).Select(thread => (thread.Key, Seconds: thread.Value - before.GetValueOrDefault(thread.Key)))
            .Where(static thread => thread.Seconds > 0).ToList();
        var all = spent.Sum(static thread => thread.Seconds);
        return string.Join(", ", spent.OrderByDescending(static thread => thread.Seconds).Select(thread => $"{thread.Key} {thread.Seconds / all:P0}"));
    }

    private static void WaitUntilGone(NodeProcess node)
    {
        var deadline = Environment.TickCount64 + 5_000;
        while (node.Metric("cti_calls") > 0 && Environment.TickCount64 < deadline) Thread.Sleep(20);
    }

    /// <summary>Places calls at a rate and drops each when it is answered.</summary>
    private sealed class OutboundCalls
    {
        private readonly ConcurrentDictionary<string, long> _placed = new();
        private ConcurrentBag<double> _millis = [];
        private long _failed, _released;

        public void Take(Application application, Incoming incoming)
        {
            switch (incoming.Method)
            {
                case "sys.call.on_dial_completed" when incoming.ErrorCode == 0:
                    // The event may overtake the answer to construct, never by much: the time is then taken from there.
                    if (_placed.TryRemove(incoming.ResourceId, out var began)) _millis.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
                    application.Post("sys.call.drop", $$"""{"res_id":"{{incoming.ResourceId}}","cause":200}""");
                    break;
                case "sys.call.on_dial_completed":
                    Interlocked.Increment(ref _failed);
                    break;
                case "sys.call.on_released":
                    Interlocked.Increment(ref _released);
                    break;
            }
        }

        public Step Run(NodeProcess node, Sipp sipp, Application application, int rate, int seconds)
        {
            using var self = Process.GetCurrentProcess();
            _placed.Clear();
            _millis = [];
            _failed = _released = 0;
            var allocated = node.Metric(Allocated);
            var threads = ProcessCost.CpuByThread(node.Id);
            var (cpu, sippCpu, own, refused) = (node.CpuSeconds, sipp.CpuSeconds, self.TotalProcessorTime, application.Refused);
            var parameters = $$"""{"to_uri":"sip:bench@127.0.0.1:{{sipp.Port}}","max_answer_seconds":600}""";
            var total = rate * seconds;
            var began = Stopwatch.GetTimestamp();
            for (var placed = 0; placed < total;)
            {
                for (var due = Math.Min(total, (int)(Stopwatch.GetElapsedTime(began).TotalSeconds * rate)); placed < due; placed++)
                    _ = PlaceAsync(application, parameters);
                Thread.Sleep(2);
            }
            var deadline = Environment.TickCount64 + 10_000;
            while (Interlocked.Read(ref _released) + Interlocked.Read(ref _failed) < total && Environment.TickCount64 < deadline) Thread.Sleep(5);
            var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
            WaitUntilGone(node);
            self.Refresh();
            var released = Interlocked.Read(ref _released);
            var thousands = total / 1000.0;
            var millis = _millis.ToArray();
            return new Step(rate, released / Math.Max(seconds, took - 0.1), released, total - released + application.Refused - refused, 0,
                Report.Percentile(millis, 0.5), Report.Percentile(millis, 0.99),
                (node.CpuSeconds - cpu) / thousands, (sipp.CpuSeconds - sippCpu) / thousands, (self.TotalProcessorTime - own).TotalSeconds / thousands,
                (node.Metric(Allocated) - allocated) / 1024_000 / thousands, Threads(node, threads));
        }

        private async Task PlaceAsync(Application application, string parameters)
        {
            var began = Stopwatch.GetTimestamp();
            var (answer, _) = await application.AskAsync("sys.call.construct", parameters);
            if (answer.ErrorCode == 0) _placed[answer.ResourceId] = began;
            else Interlocked.Increment(ref _failed);
        }
    }
}
