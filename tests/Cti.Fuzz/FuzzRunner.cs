using System.Diagnostics;
using System.Globalization;

namespace Cti.Fuzz;

/// <summary>What one input did.</summary>
public sealed record Finding(string Target, int Seed, long Iteration, byte[] Input, Exception Error)
{
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Target}: seed {Seed}, iteration {Iteration}: {Error.GetType().Name}: {Error.Message}\n"
            + $"input ({Input.Length} bytes, hex): {Convert.ToHexStringLower(Input)}\n{Error.StackTrace}");
}

/// <summary>Feeds a target its corpus, then mutations of it. The same seed and corpus give the same inputs.</summary>
public sealed class FuzzRunner(IFuzzTarget target, int seed)
{
    /// <summary>An input that takes longer costs more than the packet did.</summary>
    public static readonly TimeSpan InputTimeMax = TimeSpan.FromSeconds(2);

    public long Iterations { get; private set; }

    /// <summary>Runs every seed and corpus file as it is.</summary>
    public Finding? RunCorpus(IReadOnlyList<byte[]> corpus)
    {
        for (var i = 0; i < corpus.Count; i++)
        {
            if (Try(corpus[i], -1 - i) is { } finding) return finding;
        }
        return null;
    }

    /// <summary>
    /// Mutates until the time is over or <paramref name="iterationsMax"/> is reached. A finding ends it, with the input made as small as it still fails.
    /// </summary>
    public Finding? Run(IReadOnlyList<byte[]> corpus, TimeSpan time, long iterationsMax)
    {
        var mutator = new Mutator(corpus, seed);
        var started = Stopwatch.GetTimestamp();
        while (Iterations < iterationsMax && Stopwatch.GetElapsedTime(started) < time)
        {
            if (Try(mutator.Next(), Iterations) is { } finding) return Shrink(finding);
            Iterations++;
        }
        return null;
    }

    private Finding? Try(byte[] input, long iteration)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            target.Run(input);
        }
        catch (Exception e)
        {
            return new Finding(target.Name, seed, iteration, input, e);
        }
        var took = Stopwatch.GetElapsedTime(started);
        if (took < InputTimeMax) return null;
        // A busy machine can stop anyone for a while: only what is slow again is slow.
        started = Stopwatch.GetTimestamp();
        target.Run(input);
        took = Stopwatch.GetElapsedTime(started);
        return took < InputTimeMax ? null : new Finding(target.Name, seed, iteration, input, new TimeoutException($"took {took}"));
    }

    /// <summary>Cuts pieces off as long as the same kind of failure remains.</summary>
    private Finding Shrink(Finding finding)
    {
        if (finding.Error is TimeoutException) return finding;
        var budget = 2_000;
        for (var piece = Math.Max(1, finding.Input.Length / 2); piece >= 1; piece /= 2)
        {
            for (var at = 0; at + piece <= finding.Input.Length && budget > 0; budget--)
            {
                byte[] shorter = [.. finding.Input.AsSpan(0, at), .. finding.Input.AsSpan(at + piece)];
                if (Try(shorter, finding.Iteration) is { } same && same.Error.GetType() == finding.Error.GetType()) finding = same;
                else at += piece;
            }
        }
        return finding;
    }
}
