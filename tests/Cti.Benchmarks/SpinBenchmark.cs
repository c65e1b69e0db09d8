using System.Globalization;

namespace Cti.Benchmarks;

/// <summary>
/// What idle workers of the thread pool cost: the same calls with the limit of their spinning as it is shipped and as the runtime has it, in turns, on as many
/// processors as <c>taskset</c> leaves: <c>taskset -c 0 ./build.sh bench spin</c>.
/// </summary>
internal static class SpinBenchmark
{
    private const int Seconds = 10;
    private const int HoldMillis = 100;
    private const int RuntimeDefault = 70;
    private static readonly int[] Rates = [50, 200, 400];

    public static async Task RunAsync(Report report)
    {
        Console.WriteLine();
        Console.WriteLine("Spinning of idle workers, CPU in seconds per 1000 calls    limit   rate/s   failed  p50 ms  p99 ms     cti");
        var costs = new Dictionary<(int Limit, int Rate), List<double>>();
        // In turns, so that a trend of the machine hits both.
        foreach (var limit in (int[])[0, RuntimeDefault, RuntimeDefault, 0])
        {
            using var node = NodeProcess.Start("", ("DOTNET_ThreadPool_UnfairSemaphoreSpinLimit", limit.ToString("x", CultureInfo.InvariantCulture)));
            await using var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, CallsBenchmark.Answer);
            using (var warm = Sipp.Caller(node.SipPort, 200, 2_000, HoldMillis)) warm.Result();
            foreach (var rate in Rates)
            {
                var cpu = node.CpuSeconds;
                using var sipp = Sipp.Caller(node.SipPort, rate, rate * Seconds, HoldMillis);
                var result = sipp.Result();
                var cost = (node.CpuSeconds - cpu) / ((result.Succeeded + result.Failed) / 1000.0);
                Console.WriteLine($"{"",-57}{limit,7}{rate,9}{result.Failed,9}{Report.Percentile(result.ResponseMillis, 0.5),8:F1}"
                    + $"{Report.Percentile(result.ResponseMillis, 0.99),8:F1}{cost,8:F2}");
                if (!costs.TryGetValue((limit, rate), out var all)) costs.Add((limit, rate), all = []);
                all.Add(cost);
            }
        }
        foreach (var rate in Rates)
        {
            report.Fact($"CPU of cti per 1000 calls at {rate}/s, no spinning (shipped)", costs[(0, rate)].Average(), "s");
            report.Fact($"CPU of cti per 1000 calls at {rate}/s, spinning (the runtime's)", costs[(RuntimeDefault, rate)].Average(), "s");
        }
    }
}
