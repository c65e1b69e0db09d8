using System.Collections.Concurrent;
using System.Globalization;
using Cti.Testing;

namespace Cti.Benchmarks;

/// <summary>
/// What a cluster costs: CPU per call when eight nodes of one machine are eight clusters of one, four of two, two of four, and one of eight, over one
/// PostgreSQL. So each node has the same load in each of them, and the machine too: processors that share a core, caches and clocks make the same work dearer
/// when there is more of it, and that is not the cluster's price. Then how long an answer takes through the node that owns the call and through another.
/// </summary>
internal static class ClusterBenchmark
{
    private const int Nodes = 8;

    // Few enough that eight nodes, their callers and the database find room on two cores.
    private const int CallsPerSecond = 10;
    private const int WarmSeconds = 15;
    private const int Seconds = 60;
    // As long as that: idling is a good part of what so few calls cost, and is taken off.
    private const int IdleSeconds = 30;
    private const int HoldMillis = 100;
    private const int Questions = 2000;

    // Each twice, in an order that takes a machine which becomes slower meanwhile out of the means. CTI_BENCH_NODES=8,8 compares two builds.
    private static readonly int[] Sizes = Environment.GetEnvironmentVariable("CTI_BENCH_NODES") is { Length: > 0 } asked
        ? [.. asked.Split(',').Select(static count => int.Parse(count, CultureInfo.InvariantCulture))]
        : [1, 2, 4, 8, 8, 4, 2, 1];

    /// <summary>
    /// CPU per 1000 calls of the nodes, without what they take idle; of SIPp, which does the same work each time; what a node takes idle, as a share of a core;
    /// frames between nodes per call.
    /// </summary>
    private sealed record Cost(double Cpu, double Sipp, double Idle, double Frames);

    public static async Task RunAsync(Report report)
    {
        Console.WriteLine();
        Console.WriteLine($"{Nodes} nodes, {CallsPerSecond} calls/s each     clusters of   calls  failed   CPU s/1000   SIPp's   idle CPU a node   frames a "
            + "call   p99 ms");
        var costs = new List<(int Size, Cost Cost)>();
        foreach (var size in Sizes) costs.Add((size, await CallsAsync(size)));
        (double Cpu, double BySipp, double Idle) Mean(IEnumerable<Cost> of) =>
            (of.Average(static cost => cost.Cpu), of.Average(static cost => cost.Cpu / cost.Sipp), of.Average(static cost => cost.Idle));
        (double Cpu, double BySipp)? alone = null;
        foreach (var size in costs.GroupBy(static cost => cost.Size, static cost => cost.Cost).OrderBy(static size => size.Key))
        {
            var (cpu, bySipp, idle) = Mean(size);
            report.Fact($"CPU per 1000 calls on PostgreSQL, {Nodes} nodes in clusters of {size.Key}", cpu, "s");
            alone ??= (cpu, bySipp);
            if (size.Key > Sizes.Min())
            {
                // SIPp's part of a call is the same in all of them: a minute in which the machine is slow makes both dearer, and only one of them is the
                // cluster's price.
                report.Fact("  by the first", cpu / alone.Value.Cpu, "x");
                report.AtMost("  by the first, each by what SIPp took for the same calls", 1.1, bySipp / alone.Value.BySipp, "x");
            }
            report.Fact($"  CPU of an idle node in clusters of {size.Key}, of a core", 100 * idle, "%");
        }
        await QuestionsAsync(report);
    }

    private static async Task<Cost> CallsAsync(int size)
    {
        await using var database = await PostgreSqlServer.StartAsync(Path.Combine(NodeProcess.Repository(), "artifacts", "bench"));
        var schemas = Enumerable.Range(0, Nodes / size).Select(static cluster => string.Create(CultureInfo.InvariantCulture, $"cluster{cluster}")).ToArray();
        foreach (var schema in schemas) await database.CreateSchemaAsync(schema);
        var nodes = StartNodes(Nodes, size, number => database.ConnectionString(schemas[number / size]));
        var applications = new List<Application>();
        try
        {
            foreach (var node in nodes)
            {
                // One group over all nodes of a cluster: each event comes to one of its connections, often another node's than the call's.
                var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, static (application, incoming) =>
                {
                    CallsBenchmark.Answer(application, incoming);
                    application.Acknowledge(incoming);
                });
                await application.AskAsync("sys.event.subscribe", """{"group":"bench"}""");
                applications.Add(application);
            }
            Load(nodes, WarmSeconds);
            var (before, framesBefore) = (Cpu(nodes), Frames(nodes));
            var results = Load(nodes, Seconds);
            var (after, framesAfter) = (Cpu(nodes), Frames(nodes));
            await Task.Delay(6_000);
            var idleBefore = Cpu(nodes);
            await Task.Delay(IdleSeconds * 1000);
            var idle = (Cpu(nodes) - idleBefore) / IdleSeconds;
            var spent = after - before - (idle * results.Max(static result => result.Seconds));
            var calls = results.Sum(static result => result.Succeeded);
            var thousands = calls / 1000.0;
            if (spent <= 0 || calls == 0)
                throw new InvalidOperationException($"clusters of {size}: {calls} calls, and idling took {idle:P0} of a core: the machine is not quiet enough "
                    + "to tell");
            // Each SIPp's share holds the children that ended before it: together they are the last one's.
            var cost = new Cost(spent / thousands, results.Max(static result => result.CpuSeconds) / thousands, idle / Nodes,
                (framesAfter - framesBefore) / calls);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{size,44}{calls,8}{results.Sum(static result => result.Failed),8}{cost.Cpu,13:F2}{cost.Sipp,9:F2}{cost.Idle,18:P1}{cost.Frames,16:F1}"
                    + $"{Report.Percentile(results.SelectMany(static result => result.ResponseMillis).ToArray(), 0.99),9:F1}"));
            return cost;
        }
        finally
        {
            foreach (var application in applications) await application.DisposeAsync();
            foreach (var node in nodes) node.Dispose();
        }
    }

    private static SippResult[] Load(List<NodeProcess> nodes, int seconds)
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
        var nodes = StartNodes(2, 2, _ => database.ConnectionString());
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
                await one.AskAsync("sys.call.construct",
                    string.Create(CultureInfo.InvariantCulture, $$"""{"to_uri":"sip:probe@127.0.0.1:{{callee.Port}}","max_answer_seconds":600}"""));
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

    /// <summary>Starts nodes in clusters of that size, each with the database that is its cluster's.</summary>
    public static List<NodeProcess> StartNodes(int count, int size, Func<int, string> database)
    {
        var nodes = new NodeProcess[count];
        try
        {
            Parallel.For(0, count, number => nodes[number] = NodeProcess.Start(number, count, database(number)));
        }
        catch
        {
            foreach (var node in nodes) node?.Dispose();
            throw;
        }
        // A node that joins gets its share after a few seconds.
        if (size > 1) Thread.Sleep(8_000);
        return [.. nodes];
    }

    private static double Frames(IEnumerable<NodeProcess> nodes) => nodes.Sum(static node => node.Metric("cti_link_frames_sent_total"));

    private static double Cpu(IEnumerable<NodeProcess> nodes) => nodes.Sum(static node => node.CpuSeconds);
}
