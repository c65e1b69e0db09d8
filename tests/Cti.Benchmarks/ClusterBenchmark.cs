using System.Collections.Concurrent;
using System.Globalization;
using Cti.Testing;

namespace Cti.Benchmarks;

/// <summary>
/// What a cluster costs: CPU per call on 1, 2, 4 and 8 nodes of one machine that share a PostgreSQL, each node with the same load, less what the same nodes take
/// while nothing happens; and how long an answer takes through the node that owns the call and through another.
/// </summary>
internal static class ClusterBenchmark
{
    // A cluster grows with its load: what is compared is the price of a call on nodes that have the same to do. Few enough that eight of them find room on two cores.
    private const int CallsPerSecond = 20;
    private const int WarmSeconds = 30;
    private const int Seconds = 40;
    private const int HoldMillis = 100;
    private const int Questions = 2000;

    // CTI_BENCH_NODES=1,1 compares two builds.
    private static readonly int[] Counts = Environment.GetEnvironmentVariable("CTI_BENCH_NODES") is { Length: > 0 } asked
        ? [.. asked.Split(',').Select(static count => int.Parse(count, CultureInfo.InvariantCulture))]
        : [1, 2, 4, 8];

    public static async Task RunAsync(Report report)
    {
        Console.WriteLine();
        Console.WriteLine($"Cluster: {CallsPerSecond} calls/s a node     nodes   calls  failed   CPU s/1000   idle CPU a node   p99 ms");
        double? alone = null;
        foreach (var nodes in Counts)
        {
            var cost = await CallsAsync(nodes);
            if (alone is null) report.Fact("CPU per 1000 calls on one node and PostgreSQL", (alone = cost).Value, "s");
            else report.AtMost($"  the same on {nodes} nodes, by one", 1.1, cost / alone.Value, "x");
        }
        await QuestionsAsync(report);
    }

    private static async Task<double> CallsAsync(int count)
    {
        await using var database = await PostgreSqlServer.StartAsync(Path.Combine(NodeProcess.Repository(), "artifacts", "bench"));
        var nodes = StartNodes(database, count);
        var applications = new List<Application>();
        try
        {
            foreach (var node in nodes)
            {
                // One group over all nodes: each event comes to one of its connections, often another node's than the call's.
                var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, static (application, incoming) =>
                {
                    CallsBenchmark.Answer(application, incoming);
                    application.Acknowledge(incoming);
                });
                await application.AskAsync("sys.event.subscribe", """{"group":"bench"}""");
                applications.Add(application);
            }
            // Pools filled, and what is called often compiled for good, the last of it in the pause.
            Load(nodes, WarmSeconds);
            await Task.Delay(5_000);
            var before = Cpu(nodes);
            var results = Load(nodes, Seconds);
            var after = Cpu(nodes);
            await Task.Delay(6_000);
            var idleBefore = Cpu(nodes);
            await Task.Delay(5_000);
            var idle = (Cpu(nodes) - idleBefore) / 5;
            var spent = after - before - (idle * results.Max(static result => result.Seconds));
            var calls = results.Sum(static result => result.Succeeded);
            var thousands = calls / 1000.0;
            if (spent <= 0 || calls == 0) throw new InvalidOperationException($"{count} nodes: {calls} calls, and idling took {idle:P0} of a core: the machine is not quiet enough to tell");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count,34}{calls,8}{results.Sum(static result => result.Failed),8}{spent / thousands,13:F2}{idle / count,18:P1}{Report.Percentile(results.SelectMany(static result => result.ResponseMillis).ToArray(), 0.99),9:F1}"));
            return spent / thousands;
        }
        finally
        {
            foreach (var application in applications) await application.DisposeAsync();
            foreach (var node in nodes) node.Dispose();
        }
    }

    private static SippResult[] Load(IReadOnlyList<NodeProcess> nodes, int seconds)
    {
        var callers = nodes.Select(node => Sipp.Caller(node.SipPort, CallsPerSecond, CallsPerSecond * seconds, HoldMillis)).ToArray();
        try
        {
            return [.. callers.Select(static caller => caller.Result())];
        }
        finally
        {
            foreach (var caller in callers) caller.Dispose();
        }
    }

    private static async Task QuestionsAsync(Report report)
    {
        await using var database = await PostgreSqlServer.StartAsync(Path.Combine(NodeProcess.Repository(), "artifacts", "bench"));
        var nodes = StartNodes(database, 2);
        try
        {
            using var callee = Sipp.Callee();
            var up = new ConcurrentQueue<string>();
            await using var one = await Application.ConnectAsync(nodes[0].Socket, NodeProcess.Key, (_, incoming) =>
            {
                if (incoming.Method == "sys.call.on_dial_completed" && incoming.ErrorCode == 0) up.Enqueue(incoming.ResourceId);
            });
            await using var other = await Application.ConnectAsync(nodes[1].Socket, NodeProcess.Key, static (_, _) => { });
            for (var i = 0; i < 20; i++)
                await one.AskAsync("sys.call.construct", string.Create(CultureInfo.InvariantCulture, $$"""{"to_uri":"sip:probe@127.0.0.1:{{callee.Port}}","max_answer_seconds":600}"""));
            for (var deadline = Environment.TickCount64 + 10_000; up.Count < 20 && Environment.TickCount64 < deadline;) await Task.Delay(10);
            // Which node owns a call shows in how long the two take: each call is asked for through both, and the quicker way is the owner's.
            var (right, wrong) = (new List<double>(), new List<double>());
            foreach (var call in up)
            {
                var (through, beside) = (new List<double>(), new List<double>());
                for (var i = 0; i < Questions / 20; i++)
                {
                    through.Add((await one.AskAsync("sys.call.get", $$"""{"res_id":"{{call}}"}""")).Millis);
                    beside.Add((await other.AskAsync("sys.call.get", $$"""{"res_id":"{{call}}"}""")).Millis);
                }
                var isFirst = Report.Percentile([.. through], 0.5) < Report.Percentile([.. beside], 0.5);
                right.AddRange(isFirst ? through : beside);
                wrong.AddRange(isFirst ? beside : through);
            }
            report.Fact("answer to get through the owner, p50", Report.Percentile([.. right], 0.5), "ms");
            report.Fact("answer to get through the owner, p99", Report.Percentile([.. right], 0.99), "ms");
            report.Fact("answer to get through another node, p50", Report.Percentile([.. wrong], 0.5), "ms");
            report.Fact("answer to get through another node, p99", Report.Percentile([.. wrong], 0.99), "ms");
        }
        finally
        {
            foreach (var node in nodes) node.Dispose();
        }
    }

    private static List<NodeProcess> StartNodes(PostgreSqlServer database, int count)
    {
        var nodes = new List<NodeProcess>();
        for (var i = 0; i < count; i++) nodes.Add(NodeProcess.Start(i, count, database.ConnectionString()));
        // A node that joins gets its share after a few seconds.
        if (count > 1) Thread.Sleep(8_000);
        return nodes;
    }

    /// <summary>Without the runtime's compiler: it has its own thread, and what it does is the price of a start, which several nodes pay several times.</summary>
    private static double Cpu(IEnumerable<NodeProcess> nodes) => nodes.Sum(static node => node.CpuSeconds - ProcessCost.CpuByThread(node.Id).GetValueOrDefault(".NET Tiered Com"));
}
