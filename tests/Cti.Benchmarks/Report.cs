using System.Globalization;

namespace Cti.Benchmarks;

/// <summary>The figures that the design promises, beside what was measured.</summary>
internal sealed class Report
{
    private readonly List<(string Name, string Target, string Measured, bool? Holds)> _figures = [];

    /// <summary>A figure that must not exceed its target.</summary>
    public void AtMost(string name, double target, double measured, string unit) =>
        _figures.Add((name, "≤ " + Text(target, unit), Text(measured, unit), measured <= target));

    /// <summary>A figure without a target, for comparison.</summary>
    public void Fact(string name, double measured, string unit) => _figures.Add((name, "", Text(measured, unit), null));

    public void Print()
    {
        Console.WriteLine();
        Console.WriteLine($"{"Figure",-62}{"target",14}{"measured",16}");
        foreach (var (name, target, measured, holds) in _figures)
            Console.WriteLine($"{name,-62}{target,14}{measured,16}  {holds switch { true => "held", false => "MISSED", null => "" }}");
        Console.WriteLine();
        Console.WriteLine($"{Environment.ProcessorCount} processors, load average {ProcessCost.LoadAverage()} (above the number of processors the machine was "
            + "shared, and the figures are too high)");
    }

    /// <summary>The value below which the given share of the samples lies, 0..1.</summary>
    public static double Percentile(double[] samples, double share)
    {
        if (samples.Length == 0) return double.NaN;
        var sorted = samples.Order().ToArray();
        return sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))];
    }

    private static string Text(double value, string unit) =>
        value.ToString(value >= 100 ? "F0" : value >= 10 ? "F1" : "0.###", CultureInfo.InvariantCulture) + " " + unit;
}
