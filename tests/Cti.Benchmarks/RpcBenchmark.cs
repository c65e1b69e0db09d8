using System.Collections.Concurrent;
using System.Globalization;

namespace Cti.Benchmarks;

/// <summary>
/// How long the gateway takes to answer an application while calls come at half the highest rate: <c>sys.call.get</c>, and <c>play_start</c> and
/// <c>play_stop</c>, whose answers wait for the disk. A second application asks, about twenty calls of its own, so that only its requests and events share its
/// socket.
/// </summary>
internal static class RpcBenchmark
{
    private const int Calls = 20;
    private const int Seconds = 12;

    public static async Task RunAsync(Report report, int? highestRate)
    {
        using var node = NodeProcess.Start();
        await using var answering = await Application.ConnectAsync(node.Socket, NodeProcess.Key, CallsBenchmark.Answer);
        var highest = highestRate ?? CallsBenchmark.Inbound(node, answering, TimeSpan.FromSeconds(25)).LastOrDefault(static step => step.Held)?.Rate ?? 100;
        var rate = highest / 2;
        using var callee = Sipp.Callee();
        var up = new ConcurrentQueue<string>();
        var ends = new ConcurrentDictionary<string, TaskCompletionSource>();
        await using var application = await Application.ConnectAsync(node.Socket, NodeProcess.ProbeKey, (_, incoming) =>
        {
            if (incoming.Method == "sys.call.on_dial_completed" && incoming.ErrorCode == 0) up.Enqueue(incoming.ResourceId);
            if (incoming.Method == "sys.call.on_play_completed" && ends.TryRemove(incoming.ResourceId, out var end)) end.TrySetResult();
        });
        for (var i = 0; i < Calls; i++)
            await application.AskAsync("sys.call.construct",
                string.Create(CultureInfo.InvariantCulture, $$"""{"to_uri":"sip:probe@127.0.0.1:{{callee.Port}}","max_answer_seconds":600}"""));
        var deadline = Environment.TickCount64 + 10_000;
        while (up.Count < Calls && Environment.TickCount64 < deadline) await Task.Delay(10);

        using var load = Sipp.Caller(node.SipPort, rate, rate * (Seconds + 2), 100);
        await Task.Delay(1_000);
        var over = Environment.TickCount64 + Seconds * 1000;
        var samples = new ConcurrentDictionary<string, ConcurrentBag<double>>();
        var errors = 0;

        async Task Ask(string method, string parameters)
        {
            var (answer, millis) = await application.AskAsync("sys.call." + method, parameters);
            if (answer.ErrorCode != 0) Interlocked.Increment(ref errors);
            samples.GetOrAdd(method, static _ => []).Add(millis);
        }

        async Task Probe(string call, int number)
        {
            await Task.Delay(number * 23);
            while (Environment.TickCount64 < over)
            {
                await Ask("get", $$"""{"res_id":"{{call}}"}""");
                var end = ends[call] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await Ask("play_start", $$"""{"res_id":"{{call}}","content":"sound.wav"}""");
                await Task.Delay(100);
                await Ask("play_stop", $$"""{"res_id":"{{call}}"}""");
                await end.Task.WaitAsync(TimeSpan.FromSeconds(5));
                await Task.Delay(200);
            }
        }

        using var probed = new CancellationTokenSource();
        var flushing = Task.Run(() => Disk.Flushes(probed.Token));
        await Task.WhenAll(up.Select(Probe));
        await probed.CancelAsync();
        var result = load.Result();
        Console.WriteLine();
        Console.WriteLine($"Requests at {rate} calls/s ({result.Succeeded} calls, {result.Failed} failed)   asked  p50 ms  p99 ms  max ms   errors {errors}");
        foreach (var (method, bag) in samples.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            var millis = bag.ToArray();
            Console.WriteLine($"{method,-50}{millis.Length,7}{Report.Percentile(millis, 0.5),8:F2}{Report.Percentile(millis, 0.99),8:F2}{millis.Max(),8:F2}");
            var p99 = Report.Percentile(millis, 0.99);
            // The gateway's own time is that of get; the others wait for a commit in progress and for their own.
            if (method == "get") report.AtMost($"answer to get at {rate} calls/s, p99", 10, p99, "ms");
            else report.Fact($"answer to {method}, with its way to the disk, p99", p99, "ms");
        }
        var flushes = flushing.Result;
        Console.WriteLine($"{"(one write and flush of this disk meanwhile)",-50}{flushes.Length,7}{Report.Percentile(flushes, 0.5),8:F2}"
            + $"{Report.Percentile(flushes, 0.99),8:F2}{flushes.Max(),8:F2}");
    }
}
