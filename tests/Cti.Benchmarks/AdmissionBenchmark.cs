using System.Diagnostics;
using System.Globalization;
using Cti.Testing;

namespace Cti.Benchmarks;

/// <summary>
/// Whether calls are taken on a machine that others keep busy: three nodes of a cluster, a hundred calls at each of them that hear an announcement, and a
/// foreign loop on each processor that does nothing else. All must be accepted; how late the nodes send then is told as it is, and is no fault of theirs.
/// </summary>
internal static class AdmissionBenchmark
{
    private const int Nodes = 3;
    private const int CallsEach = 100;
    private const int CallsPerSecond = 10;
    /// <summary>All are up for half a minute.</summary>
    private const int HoldMillis = 40_000;
    private const int WatchedSeconds = 20;

    /// <summary>Prints what was measured; 1 when a call was refused.</summary>
    public static async Task<int> RunAsync(Report report)
    {
        await using var database = await PostgreSqlServer.StartAsync(Path.Combine(NodeProcess.Repository(), "artifacts", "bench"));
        var nodes = ClusterBenchmark.StartNodes(Nodes, Nodes, _ => database.ConnectionString());
        var applications = new List<Application>();
        try
        {
            foreach (var node in nodes)
            {
                var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, Play);
                await application.AskAsync("sys.event.subscribe", """{"group":"bench"}""");
                applications.Add(application);
            }
            return await MeasureAsync(report, nodes);
        }
        finally
        {
            foreach (var application in applications) await application.DisposeAsync();
            foreach (var node in nodes) node.Dispose();
        }
    }

    private static async Task<int> MeasureAsync(Report report, List<NodeProcess> nodes)
    {
        Console.WriteLine();
        Console.WriteLine($"{Nodes} nodes, {CallsEach} calls each, beside {Environment.ProcessorCount} foreign busy loops on {Environment.ProcessorCount} "
            + "processors");
        var quiet = await WatchAsync(nodes, 5);
        using var others = new BusyLoops(Environment.ProcessorCount);
        var callers = nodes.Select(static node => Sipp.Caller(node.SipPort, CallsPerSecond, CallsEach, HoldMillis)).ToArray();
        try
        {
            // A busy machine needs longer than the rate says; what is not up by then is told.
            for (var deadline = Environment.TickCount64 + 25_000; Up(nodes) < Nodes * CallsEach && Environment.TickCount64 < deadline;) await Task.Delay(200);
            var up = Up(nodes);
            var paces = await WatchAsync(nodes, WatchedSeconds);
            var load = ProcessCost.LoadAverage();
            var results = callers.Select(static caller => caller.Result()).ToArray();
            return Tell(report, nodes, up, results, quiet, paces, load);
        }
        finally
        {
            foreach (var caller in callers) caller.Dispose();
        }
    }

    private static int Tell(Report report, List<NodeProcess> nodes, double up, SippResult[] results, double[] quiet, double[] paces, string load)
    {
        var accepted = results.Sum(static result => result.Succeeded);
        var refused = nodes.SelectMany(static node => node.Series("cti_media_refused_total").Concat(node.Series("cti_calls_refused_total")))
            .GroupBy(static one => one.Labels, static one => one.Value).Where(static reason => reason.Sum() > 0)
            .Select(static reason => $"{reason.Key} {reason.Sum():F0}").ToArray();
        var failures = results.SelectMany(static result => result.Failures).GroupBy(static failure => failure.Why, static failure => failure.Calls)
            .Select(static why => $"{why.Key} {why.Sum()}").ToArray();
        var unexpected = results.SelectMany(static result => result.Unexpected).GroupBy(static one => one.Line, static one => one.Calls)
            .Select(static line => $"\"{line.Key}\" {line.Sum()}").ToArray();
        var answers = results.SelectMany(static result => result.ResponseMillis).ToArray();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"admission: {accepted} of {Nodes * CallsEach} calls accepted, {up:F0} up at once; load "
            + $"average {load}"));
        Console.WriteLine($"admission: refused by the nodes: {(refused.Length == 0 ? "none" : string.Join(", ", refused))}; failed for SIPp: "
            + $"{(failures.Length == 0 ? "none" : string.Join(", ", failures))}; {results.Sum(static result => result.Retransmissions)} retransmissions");
        if (unexpected.Length > 0) Console.WriteLine($"admission: what SIPp did not expect: {string.Join(", ", unexpected)}");
        if (accepted < Nodes * CallsEach)
            Console.WriteLine(string.Join('\n', nodes.Select(static (node, i) => $"admission: the log of node {i} ends with\n{node.Said}")));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"admission: time to answer p50 {Report.Percentile(answers, 0.5):F0} ms, p99 "
            + $"{Report.Percentile(answers, 0.99):F0} ms"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"admission: how late a node sends, p99 of each second: p50 {Report.Percentile(paces, 0.5):F1} ms, p99 {Report.Percentile(paces, 0.99):F1} ms, at "
                + $"most {paces.Max():F1} ms in {paces.Length} seconds of a loop (without calls and busy loops {Report.Percentile(quiet, 0.5):F1} ms)"));
        report.AtMost($"{Nodes} x {CallsEach} calls beside busy loops: not accepted", 0, (Nodes * CallsEach) - accepted, "");
        report.AtMost("  refused for want of media or calls", 0,
            nodes.Sum(static node => node.Metric("cti_media_refused_total") + node.Metric("cti_calls_refused_total")), "");
        report.Fact("  how late a node sends, p99 of a second: median", Report.Percentile(paces, 0.5), "ms");
        report.Fact("  … the worst second", paces.Max(), "ms");
        var holds = accepted == Nodes * CallsEach && refused.Length == 0;
        Console.WriteLine($"admission: {(holds ? "pass" : "FAIL")}");
        return holds ? 0 : 1;
    }

    private static void Play(Application application, Incoming incoming)
    {
        CallsBenchmark.Answer(application, incoming);
        if (incoming is { Method: "sys.call.on_answer_completed", ErrorCode: 0 })
            application.Post("sys.call.play_start", $$"""{"res_id":"{{incoming.ResourceId}}","content":"sound.wav","repeat":100}""");
        application.Acknowledge(incoming);
    }

    private static double Up(List<NodeProcess> nodes) => nodes.Sum(static node => node.Metric("cti_calls"));

    /// <summary>What each media loop says once a second of the second before, in milliseconds.</summary>
    private static async Task<double[]> WatchAsync(List<NodeProcess> nodes, int seconds)
    {
        var paces = new List<double>();
        for (var second = 0; second < seconds; second++)
        {
            await Task.Delay(1000);
            paces.AddRange(nodes.SelectMany(static node => node.Series("cti_media_lateness_seconds")).Select(static loop => loop.Value * 1000));
        }
        return [.. paces];
    }

    /// <summary>Programs of others that take whatever time they get.</summary>
    private sealed class BusyLoops : IDisposable
    {
        private readonly List<Process> _processes = [];

        public BusyLoops(int count)
        {
            for (var i = 0; i < count; i++) _processes.Add(Process.Start(new ProcessStartInfo("sh", ["-c", "while :; do :; done"]))!);
        }

        public void Dispose()
        {
            foreach (var process in _processes)
            {
                process.Kill();
                process.WaitForExit();
                process.Dispose();
            }
        }
    }
}
