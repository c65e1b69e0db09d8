using System.Diagnostics;
using System.Globalization;
using Cti.Acceptance.Cluster;

namespace Cti.Benchmarks;

/// <summary>From the kill of one of three nodes to the last re-INVITE, and how long each call heard nothing.</summary>
internal static class FailoverBenchmark
{
    // CTI_BENCH_CALLS=500,500 compares two builds.
    private static readonly int[] Calls = Environment.GetEnvironmentVariable("CTI_BENCH_CALLS") is { Length: > 0 } asked
        ? [.. asked.Split(',').Select(static count => int.Parse(count, CultureInfo.InvariantCulture))]
        : [100, 500, 1000];

    public static async Task RunAsync(Report report)
    {
        if (Environment.GetEnvironmentVariable("CTI_PROGRAM") is not { Length: > 0 })
            Environment.SetEnvironmentVariable("CTI_PROGRAM", Path.Combine(NodeProcess.Repository(), "artifacts", "cti", "cti"));
        Console.WriteLine();
        Console.WriteLine("Fail-over: calls  moved  lost   seen ms  owners ms  last re-INVITE ms   gap p50 ms  p99 ms  max ms   phones late ms");
        foreach (var calls in Calls) await MeasureAsync(report, calls);
    }

    private static async Task MeasureAsync(Report report, int calls)
    {
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan());
        await using var app = await ClusterApp.StartAsync(cluster);
        Files.Write(cluster.MediaRoot);
        var stage = new Stage(cluster, app);
        var up = await StandAsync(stage, app, calls);
        var before = await cluster.OwnersAsync();
        var victim = cluster.Nodes[^1];
        foreach (var call in up) call.Phone.Audio.Mark();
        cluster.Farm.Audio.TakeLateness();
        var killed = Stopwatch.GetTimestamp();
        victim.Kill();
        var owners = (await cluster.AbandonedAsync(victim.Name, killed, TimeSpan.FromSeconds(30))).TotalMilliseconds;
        var moved = up.Where(call => before[call.Instance].Node == victim.Name).ToArray();
        try
        {
            await Stage.UntilAsync(() => moved.All(static call => call.Phone.Phase != CallPhase.Up || call.Phone.Audio.Missing(400).Length == 0),
                "sound is back everywhere", 30);
        }
        catch (SceneException)
        {
            Console.WriteLine($"           {moved.Count(static call => call.Phone.Audio.Missing(400).Length > 0)} calls are silent 30 s after the kill");
        }
        var late = cluster.Farm.Audio.TakeLateness();
        var lost = up.Count(static call => call.Phone.Phase != CallPhase.Up);
        var gaps = moved.Select(static call => call.Phone.Audio.WorstGap()).OfType<double>().ToArray();
        var last = cluster.Farm.LastReinvite > killed ? Stopwatch.GetElapsedTime(killed, cluster.Farm.LastReinvite).TotalMilliseconds : -1;
        var seen = cluster.DetectedMillis(victim.Name, killed);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{up.Length,16} {moved.Length,6} {lost,5} {seen,9:F0} {owners,10:F0} {last,18:F0} {Report.Percentile(gaps, 0.5),12:F0} "
                + $"{Report.Percentile(gaps, 0.99),7:F0} {gaps.DefaultIfEmpty().Max(),7:F0} {late,16:F0}"));
        Console.WriteLine($"           {cluster.Takeover(victim.Name, killed)}");
        report.Fact($"kill of a node with {calls} calls in three: to detection", seen, "ms");
        report.Fact("  to ownership", owners, "ms");
        report.Fact("  to the last re-INVITE", last, "ms");
        report.AtMost("  sound back, p99", 1000, Report.Percentile(gaps, 0.99), "ms");
        report.AtMost("  calls lost", 0, lost, "");
    }

    /// <summary>Calls that are up and hear an announcement each.</summary>
    private static async Task<SceneCall[]> StandAsync(Stage stage, ClusterApp app, int calls)
    {
        using var places = new SemaphoreSlim(8);
        var up = await Task.WhenAll(Enumerable.Range(0, calls).Select(async _ =>
        {
            await places.WaitAsync();
            try
            {
                var call = await stage.AnyAsync("bench");
                call.Phone.Audio.ExpectAnnouncement(Files.Long.Id, Files.Long.Seconds);
                await app.AskAsync("sys.call.play_start", new { res_id = call.ResId, content = Files.Long.Name, repeat = 100 });
                return call;
            }
            finally
            {
                places.Release();
            }
        }));
        await Stage.UntilAsync(() => up.All(static call => call.Phone.Audio.Missing(400).Length == 0), "all hear it");
        return up;
    }
}
