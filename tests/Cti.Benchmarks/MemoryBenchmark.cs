namespace Cti.Benchmarks;

/// <summary>
/// What a call that is up and idle holds. Twice: just after the calls were set up, when their INVITE transactions still wait for retransmissions as RFC 3261
/// wants it (32 s), and after that.
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
        Console.WriteLine($"{when,-30}{calls,7}{now.Heap / 1024,11:F0}{now.Resident / 1024,16:F0}{(now.Heap - none.Heap) / 1024 / Math.Max(1, calls),16:F1}"
            + $"{(now.Resident - none.Resident) / 1024 / Math.Max(1, calls),20:F1}");
}
