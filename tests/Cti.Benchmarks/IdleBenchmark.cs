using System.Diagnostics;

namespace Cti.Benchmarks;

/// <summary>
/// What a thousand answered calls cost that do nothing: with keepalives, as the node comes, and for comparison with silence in full and with none.
/// </summary>
internal static class IdleBenchmark
{
    private const int Calls = 1_000;
    private const int MeasuredSeconds = 20;

    /// <summary>INVITE transactions are over (32 s), the second of full silence as well.</summary>
    private const int SettleSeconds = 36;

    private const double TargetPercent = 1;

    public static async Task RunAsync(Report report)
    {
        Console.WriteLine();
        Console.WriteLine($"{Calls} idle calls, CPU in percent of one core      without calls   media loop     with calls   media loop   packets/s");
        foreach (var idle in (string[])["keepalive", "none", "silence"])
        {
            var (before, beforeLoop, after, afterLoop, packets) = await MeasureAsync(idle);
            Console.WriteLine($"{idle,-48}{before,14:F2}{beforeLoop,13:F2}{after,15:F2}{afterLoop,13:F2}{packets,12:F0}");
            if (idle == "keepalive") report.AtMost($"{Calls} idle calls, process, less what it takes without", TargetPercent, after - before, "%");
            else report.Fact($"{Calls} idle calls with {idle}", after - before, "%");
        }
    }

    private static async Task<(double Before, double BeforeLoop, double After, double AfterLoop, double Packets)> MeasureAsync(string idle)
    {
        using var node = NodeProcess.Start($"cti.media.idle = {idle}");
        await using var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, CallsBenchmark.Answer);
        using (var warm = Sipp.Caller(node.SipPort, 100, 300, 100)) warm.Result();
        await Task.Delay(TimeSpan.FromSeconds(SettleSeconds));
        var (before, beforeLoop, _) = await CostAsync(node);
        using var calls = new IdleCalls(node, Calls);
        await Task.Delay(TimeSpan.FromSeconds(SettleSeconds));
        var (after, afterLoop, packets) = await CostAsync(node);
        return (before, beforeLoop, after, afterLoop, packets);
    }

    private static async Task<(double Process, double Loop, double Packets)> CostAsync(NodeProcess node)
    {
        var (cpu, loop, sent, began) = (node.CpuSeconds, Loop(), node.Metric("cti_rtp_sent_total"), Stopwatch.GetTimestamp());
        await Task.Delay(TimeSpan.FromSeconds(MeasuredSeconds));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        return ((node.CpuSeconds - cpu) / seconds * 100, (Loop() - loop) / seconds * 100, (node.Metric("cti_rtp_sent_total") - sent) / seconds);

        double Loop() =>
            ProcessCost.CpuByThread(node.Id).Where(static thread => thread.Key.StartsWith("media loop", StringComparison.Ordinal))
                .Sum(static thread => thread.Value);
    }
}
