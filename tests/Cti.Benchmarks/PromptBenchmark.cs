using System.Diagnostics;
using Cti.Media.Files;

namespace Cti.Benchmarks;

/// <summary>
/// What a prompt costs that is already in the cache (the look-up of its name on the disk and in the table) against one that has to be read and decoded. Both on
/// the thread that loads prompts, never in a media loop.
/// </summary>
internal static class PromptBenchmark
{
    private const int Hits = 20_000, Misses = 300, Rounds = 5;

    public static void Run(Report report)
    {
        Console.Error.WriteLine("prompts: hits and misses …");
        var folder = Directory.CreateTempSubdirectory("cti-bench-prompts-");
        try
        {
            const string Name = "prompt.wav";
            // Three seconds, as a spoken sentence has.
            Sound.WriteAlaw(Path.Combine(folder.FullName, Name), 3);
            var hit = Best(() => Measure(Hits, new PromptCache(folder.FullName, null, 1 << 24), Name));
            var miss = Best(() => Measure(Misses, null, Name, folder.FullName));
            report.Fact("Prompt of 3 s in the cache, CPU a look-up", hit.Micros, "µs");
            report.Fact("Prompt of 3 s in the cache, allocated a look-up", hit.Bytes, "bytes");
            report.Fact("Prompt of 3 s not in the cache, CPU a look-up", miss.Micros, "µs");
            report.Fact("In the cache against not in it", hit.Micros / miss.Micros, "x");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static (double Micros, double Bytes) Best(Func<(double Micros, double Bytes)> measure) =>
        Enumerable.Range(0, Rounds).Select(_ => measure()).MinBy(static round => round.Micros);

    /// <summary>With a cache the prompt is in it before the clock starts; without one every look-up has a new, empty cache.</summary>
    private static (double Micros, double Bytes) Measure(int count, PromptCache? cache, string name, string? root = null)
    {
        cache?.Load(name);
        var (bytes, started) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
        for (var i = 0; i < count; i++)
        {
            if ((cache ?? new PromptCache(root!, null, 1 << 24)).Load(name).Prompt is null) throw new InvalidOperationException("the prompt did not load");
        }
        return (Stopwatch.GetElapsedTime(started).TotalMicroseconds / count, (GC.GetAllocatedBytesForCurrentThread() - bytes) / (double)count);
    }
}
