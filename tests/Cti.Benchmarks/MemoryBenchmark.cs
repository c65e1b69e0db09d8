namespace Cti.Benchmarks;

/// <summary>
/// What a call that is up and idle holds. Twice: just after the calls were set up, when their INVITE transactions still wait for retransmissions as RFC 3261 wants it
/// (32 s), and after that.
/// </summary>
internal static class MemoryBenchmark
{
    private const double TargetKib = 40;

    public static async Task RunAsync(Report report)
    {
        using var node = NodeProcess.Start();
        await using var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, CallsBenchmark.Answer);
        // What is made once (pools, buffers, compiled code) is no part of a call.
        using (var warm = Sipp.Caller(node.SipPort, 100, 300, 100)) warm.Result();
        await Task.Delay(1_000);
        var none = node.Memory();
        Console.WriteLine();
        Console.WriteLine($"Memory                          calls   heap KiB    resident KiB   heap KiB/call   resident KiB/call");
        Print("no call", 0, none, none);
        using var first = new IdleCalls(node, 500);
        Print("just answered", 500, none, node.Memory());
        using var second = new IdleCalls(node, 1_000);
        var fresh = node.Memory();
        Print("just answered", 1_000, none, fresh);
        await Task.Delay(TimeSpan.FromSeconds(36));
        var settled = node.Memory();
        Print("idle for half a minute", 1_000, none, settled);
        report.AtMost("memory per idle call (heap), of 1000", TargetKib, PerCall(settled.HeapBytes - none.HeapBytes), "KiB");
        report.AtMost("memory per idle call (resident), of 1000", TargetKib, PerCall(settled.ResidentBytes - none.ResidentBytes), "KiB");
        report.Fact("memory per call just answered (heap), of 1000", PerCall(fresh.HeapBytes - none.HeapBytes), "KiB");

        static double PerCall(double bytes) => bytes / 1024 / 1_000;
    }

    private static void Print(string when, int calls, (double Heap, double Resident) none, (double Heap, double Resident) now) =>
        Console.WriteLine($"{when,-30}{calls,7}{now.Heap / 1024,11:F0}{now.Resident / 1024,16:F0}{(now.Heap - none.Heap) / 1024 / Math.Max(1, calls),16:F1}{(now.Resident - none.Resident) / 1024 / Math.Max(1, calls),20:F1}");

    /// <summary>Calls that stay up until disposed of; those that a busy machine refused are tried again.</summary>
    private sealed class IdleCalls : IDisposable
    {
        private const int CallsPerSecond = 100;
        private const int TriesMax = 5;
        private readonly List<Sipp> _callers = [];

        public IdleCalls(NodeProcess node, int upInAll)
        {
            for (var tries = 0; tries < TriesMax && upInAll - (int)node.Metric("cti_calls") is var missing and > 0; tries++)
            {
                _callers.Add(Sipp.Caller(node.SipPort, CallsPerSecond, missing, 600_000));
                var deadline = Environment.TickCount64 + (missing * 1000L / CallsPerSecond) + 4_000;
                while (node.Metric("cti_calls") < upInAll && Environment.TickCount64 < deadline) Thread.Sleep(100);
            }
            Thread.Sleep(500);
            if (node.Metric("cti_calls") is var up && up < upInAll) throw new TimeoutException($"{up} calls of {upInAll} are up; the node's log ends with\n{node.Said}");
        }

        public void Dispose() => _callers.ForEach(static caller => caller.Dispose());
    }
}
