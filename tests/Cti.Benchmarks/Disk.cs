using System.Diagnostics;

namespace Cti.Benchmarks;

/// <summary>What the disk under the journal takes by itself.</summary>
internal static class Disk
{
    private const int BytesEach = 16_384;
    private const int PauseMillis = 50;

    /// <summary>Milliseconds of each write and flush, one every 50 ms, until told to stop.</summary>
    public static double[] Flushes(CancellationToken stop)
    {
        var path = Path.Combine(NodeProcess.Repository(), "artifacts", "bench", $"flush-{Environment.ProcessId}");
        var took = new List<double>();
        using (var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose))
        {
            var bytes = new byte[BytesEach];
            do
            {
                file.Write(bytes);
                var began = Stopwatch.GetTimestamp();
                file.Flush(flushToDisk: true);
                took.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
            while (!stop.WaitHandle.WaitOne(PauseMillis));
        }
        return [.. took];
    }
}
