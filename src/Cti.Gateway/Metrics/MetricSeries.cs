using System.Globalization;
using System.Text;

namespace Cti.Gateway.Metrics;

/// <summary>One series: an instrument's measurements with the same tags.</summary>
internal sealed class MetricSeries(KeyValuePair<string, object?>[] tags, double[] bounds, MetricSeries? next)
{
    private readonly long[] _buckets = new long[bounds.Length + 1];
    private double _value;

    /// <summary>The next series of the same hash.</summary>
    internal MetricSeries? Next { get; } = next;

    /// <summary>The tags as text between the braces.</summary>
    internal string Labels { get; } = string.Join(',', tags.Select(t => $"{LabelName(t.Key)}=\"{Escape(t.Value)}\""));

    internal bool Has(ReadOnlySpan<KeyValuePair<string, object?>> others)
    {
        if (others.Length != tags.Length) return false;
        for (var i = 0; i < tags.Length; i++)
            if (tags[i].Key != others[i].Key || !Equals(tags[i].Value, others[i].Value)) return false;
        return true;
    }

    internal void Set(double value) => Volatile.Write(ref _value, value);

    internal void Add(double value)
    {
        double seen;
        do seen = Volatile.Read(ref _value);
        while (BitConverter.DoubleToInt64Bits(Interlocked.CompareExchange(ref _value, seen + value, seen)) != BitConverter.DoubleToInt64Bits(seen));
    }

    internal void Observe(double value)
    {
        var i = 0;
        while (i < bounds.Length && value > bounds[i]) i++;
        Interlocked.Increment(ref _buckets[i]);
        Add(value);
    }

    internal static MetricSeries Sum(MetricSeries one, MetricSeries other, KeyValuePair<string, object?>[] tags, double[] bounds)
    {
        var sum = new MetricSeries(tags, bounds, null) { _value = one._value + other._value };
        for (var i = 0; i < sum._buckets.Length; i++) sum._buckets[i] = one._buckets[i] + other._buckets[i];
        return sum;
    }

    internal void Write(StringBuilder text, string name, MetricKind kind)
    {
        if (kind != MetricKind.Histogram)
        {
            Line(text, name, Labels, Number(Volatile.Read(ref _value)));
            return;
        }
        var separator = Labels.Length == 0 ? "" : ",";
        long count = 0;
        for (var i = 0; i < _buckets.Length; i++)
        {
            count += Volatile.Read(ref _buckets[i]);
            var bound = i < bounds.Length ? Number(bounds[i]) : "+Inf";
            Line(text, name + "_bucket", $"{Labels}{separator}le=\"{bound}\"", count.ToString(CultureInfo.InvariantCulture));
        }
        Line(text, name + "_sum", Labels, Number(Volatile.Read(ref _value)));
        Line(text, name + "_count", Labels, count.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>A series with both's measurements.</summary>
    internal MetricSeries Plus(MetricSeries other) => Sum(this, other, tags, bounds);

    private static void Line(StringBuilder text, string name, string labels, string value)
    {
        text.Append(name);
        if (labels.Length > 0) text.Append('{').Append(labels).Append('}');
        text.Append(' ').Append(value).Append('\n');
    }

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);

    private static string LabelName(string key) => string.Concat(key.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));

    private static string Escape(object? value) => (Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
        .Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);
}
