using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using Cti.Kernel;

namespace Cti.Gateway.Metrics;

/// <summary>
/// Collects what instruments of meters named <c>Cti.*</c> measure and renders it as Prometheus text (exposition format 0.0.4).
/// Measuring takes no lock and, after the first time with the same tags, no memory.
/// </summary>
public sealed class PrometheusExporter : IDisposable
{
    /// <summary>The content type of <see cref="Render"/>.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<Instrument, MetricFamily> _families = new();

    /// <summary>Begins to listen, also to instruments that exist already.</summary>
    public PrometheusExporter()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (!instrument.Meter.Name.StartsWith("Cti.", StringComparison.Ordinal)) return;
            listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(instrument, static i => new MetricFamily(i)));
        };
        _listener.MeasurementsCompleted = (instrument, _) => _families.TryRemove(instrument, out MetricFamily? _);
        _listener.SetMeasurementEventCallback<byte>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<short>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<float>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<decimal>(static (_, value, tags, state) => ((MetricFamily)state!).Record((double)value, tags));
        _listener.Start();
    }

    /// <summary>Everything measured so far, families in the order of their names.</summary>
    public string Render()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder(4096);
        // Two meters may have an instrument of one name (two nodes in one process): they are one family.
        foreach (var family in _families.Values.GroupBy(f => f.Name, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
            MetricFamily.Write(text, [.. family]);
        return text.ToString();
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();
}

/// <summary>All series of one instrument.</summary>
internal sealed class MetricFamily
{
    private static readonly double[] Seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
    private static readonly double[] Other = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000];

    private readonly ConcurrentDictionary<int, MetricSeries> _series = new();
    private readonly MetricKind _kind;
    private readonly string _help;
    private readonly double[] _bounds;
    private int _count;

    internal MetricFamily(Instrument instrument)
    {
        var type = instrument.GetType().GetGenericTypeDefinition();
        _kind = type == typeof(Histogram<>) ? MetricKind.Histogram
            : type == typeof(Counter<>) || type == typeof(ObservableCounter<>) ? MetricKind.Counter : MetricKind.Gauge;
        // A gauge that is set (Gauge<T>) says what is; an up-down counter says by how much it changes.
        IsSet = instrument.IsObservable || type == typeof(Gauge<>);
        _help = instrument.Description ?? instrument.Name;
        Name = NameOf(instrument, _kind);
        _bounds = _kind != MetricKind.Histogram ? []
            : (instrument as Histogram<double>)?.Advice?.HistogramBucketBoundaries is { } advised ? [.. advised]
            : instrument.Unit == "s" ? Seconds : Other;
    }

    internal string Name { get; }

    private bool IsSet { get; }

    internal void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var series = Find(tags);
        if (_kind == MetricKind.Histogram) series.Observe(value);
        else if (IsSet) series.Set(value);
        else series.Add(value);
    }

    internal static void Write(StringBuilder text, IReadOnlyList<MetricFamily> parts)
    {
        var first = parts[0];
        text.Append("# HELP ").Append(first.Name).Append(' ').Append(first._help.Replace("\\", @"\\", StringComparison.Ordinal)
            .Replace("\n", @"\n", StringComparison.Ordinal)).Append('\n');
        text.Append("# TYPE ").Append(first.Name).Append(' ').Append(first._kind.ToString().ToLowerInvariant()).Append('\n');
        var merged = new SortedDictionary<string, MetricSeries>(StringComparer.Ordinal);
        foreach (var part in parts)
            foreach (var head in part._series.Values)
                for (var series = head; series is not null; series = series.Next)
                    merged[series.Labels] = merged.TryGetValue(series.Labels, out var other) ? other.Plus(series) : series;
        foreach (var series in merged.Values) series.Write(text, first.Name, first._kind);
    }

    private MetricSeries Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = 0;
        foreach (var (key, value) in tags) hash = HashCode.Combine(hash, key, value);
        if (_series.TryGetValue(hash, out var head))
            for (var series = head; series is not null; series = series.Next)
                if (series.Has(tags)) return series;
        return Add(hash, tags.ToArray());
    }

    private MetricSeries Add(int hash, KeyValuePair<string, object?>[] tags)
    {
        // Tags that never end must not fill the memory: what is too much is counted together.
        if (Volatile.Read(ref _count) >= Limits.MetricSeriesMax || Interlocked.Increment(ref _count) > Limits.MetricSeriesMax)
            return _series.GetOrAdd(int.MinValue, _ => new MetricSeries([new("overflow", "true")], _bounds, null));
        while (true)
        {
            var head = _series.GetValueOrDefault(hash);
            for (var series = head; series is not null; series = series.Next)
                if (series.Has(tags)) return series;
            var added = new MetricSeries(tags, _bounds, head);
            if (head is null ? _series.TryAdd(hash, added) : _series.TryUpdate(hash, added, head)) return added;
        }
    }

    private static string NameOf(Instrument instrument, MetricKind kind)
    {
        var name = new StringBuilder(instrument.Name.Length + 16);
        foreach (var c in instrument.Name) name.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        if (instrument.Unit == "s") name.Append("_seconds");
        else if (instrument.Unit == "By") name.Append("_bytes");
        if (kind == MetricKind.Counter) name.Append("_total");
        return name.ToString();
    }
}

internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}
