using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using Cti.Gateway.Metrics;
using Cti.Kernel;

namespace Cti.Gateway.Tests;

/// <summary>Alone, because exporters of other tests' gateways would measure what is measured here.</summary>
[CollectionDefinition(nameof(MetricsTests), DisableParallelization = true)]
public sealed class MetricsCollection;

[Collection(nameof(MetricsTests))]
public sealed partial class MetricsTests
{
    [GeneratedRegex("""^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*"(,"""
        + """[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*")*\})? (NaN|[+-]?Inf|[-+0-9.eE]+)$""")]
    private static partial Regex SampleLine();

    // Other tests' gateways measure at the same time, so every test here has names of its own.
    private static string[] Lines(PrometheusExporter exporter, string prefix) =>
        [.. exporter.Render().Split('\n').Where(l => l.StartsWith(prefix, StringComparison.Ordinal) || l.Contains(' ' + prefix, StringComparison.Ordinal))];

    [Fact]
    public void Counters_gauges_and_histograms_are_rendered_as_prometheus_reads_them()
    {
        using var meter = new Meter("Cti.MetricsTests.One");
        var counter = meter.CreateCounter<long>("t1.calls", description: "Calls,\nwith a \\.");
        using var exporter = new PrometheusExporter();
        var gauge = meter.CreateUpDownCounter<int>("t1.open");
        var set = meter.CreateGauge<double>("t1.set");
        meter.CreateObservableGauge("t1.seen", () => new Measurement<int>(7, new KeyValuePair<string, object?>("node", "a\"b\\c\nd")), "By");
        var histogram = meter.CreateHistogram("t1.time", "s", "Time.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        counter.Add(2, new KeyValuePair<string, object?>("dir", "in"));
        counter.Add(3, new KeyValuePair<string, object?>("dir", "out"));
        counter.Add(1, new KeyValuePair<string, object?>("dir", "in"));
        gauge.Add(5);
        gauge.Add(-2);
        set.Record(1);
        set.Record(0.25);
        foreach (var value in (double[])[0.05, 0.1, 0.5, 3]) histogram.Record(value);
        Lines(exporter, "t1_").ShouldBe(
        [
            """# HELP t1_calls_total Calls,\nwith a \\.""", "# TYPE t1_calls_total counter", """t1_calls_total{dir="in"} 3""",
            """t1_calls_total{dir="out"} 3""",
            "# HELP t1_open t1.open", "# TYPE t1_open gauge", "t1_open 3",
            "# HELP t1_seen_bytes t1.seen", "# TYPE t1_seen_bytes gauge", """t1_seen_bytes{node="a\"b\\c\nd"} 7""",
            "# HELP t1_set t1.set", "# TYPE t1_set gauge", "t1_set 0.25",
            "# HELP t1_time_seconds Time.", "# TYPE t1_time_seconds histogram",
            """t1_time_seconds_bucket{le="0.1"} 2""", """t1_time_seconds_bucket{le="1"} 3""", """t1_time_seconds_bucket{le="+Inf"} 4""",
            "t1_time_seconds_sum 3.65", "t1_time_seconds_count 4",
        ]);
    }

    [Fact]
    public void Meters_of_others_are_left_out()
    {
        using var meter = new Meter("Other.MetricsTests");
        using var exporter = new PrometheusExporter();
        meter.CreateCounter<int>("t2.calls").Add(1);
        Lines(exporter, "t2_").ShouldBeEmpty();
    }

    [Fact]
    public void Tags_without_end_are_counted_together()
    {
        using var meter = new Meter("Cti.MetricsTests.Three");
        using var exporter = new PrometheusExporter();
        var counter = meter.CreateCounter<int>("t3.calls");
        for (var i = 0; i < Limits.MetricSeriesMax + 50; i++) counter.Add(1, new KeyValuePair<string, object?>("i", i));
        var lines = Lines(exporter, "t3_calls_total{");
        lines.Length.ShouldBe(Limits.MetricSeriesMax + 1);
        lines.ShouldContain("""t3_calls_total{overflow="true"} 50""");
    }

    [Fact]
    public void Two_instruments_of_one_name_are_one_family()
    {
        using var one = new Meter("Cti.MetricsTests.Four");
        using var two = new Meter("Cti.MetricsTests.Four");
        using var exporter = new PrometheusExporter();
        one.CreateCounter<int>("t4.calls").Add(1);
        two.CreateCounter<int>("t4.calls").Add(2);
        Lines(exporter, "t4_calls_total").ShouldBe(["# HELP t4_calls_total t4.calls", "# TYPE t4_calls_total counter", "t4_calls_total 3"]);
    }

    [Fact]
    public void Measuring_the_same_tags_again_allocates_nothing()
    {
        using var meter = new Meter("Cti.MetricsTests.Five");
        using var exporter = new PrometheusExporter();
        var counter = meter.CreateCounter<long>("t5.calls");
        var histogram = meter.CreateHistogram<double>("t5.time", "s");
        void Measure()
        {
            for (var i = 0; i < 1000; i++)
            {
                counter.Add(1, new KeyValuePair<string, object?>("method", "sys.call.nop"));
                histogram.Record(0.5);
            }
        }
        Measure();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Measure();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public async Task What_the_gateway_serves_reads_as_prometheus_text_and_counts_requests()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        await gateway.CallAsync("sys.call.send_dtmf_start", "[\"r\",\"1\"]");
        await gateway.CallAsync("sys.call.send_dtmf_start", "[\"r\"]");
        var text = await gateway.Http.GetStringAsync(new Uri(gateway.Base, "/metrics"));
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => !l.StartsWith('#')))
            SampleLine().IsMatch(line).ShouldBeTrue(line);
        double Value(string series) =>
            double.Parse(text.Split('\n').Single(l => l.StartsWith(series + " ", StringComparison.Ordinal))[(series.Length + 1)..],
                CultureInfo.InvariantCulture);
        Value("""cti_gateway_requests_total{method="sys.call.send_dtmf_start",code="0"}""").ShouldBeGreaterThanOrEqualTo(1);
        Value("""cti_gateway_requests_total{method="sys.call.send_dtmf_start",code="-32602"}""").ShouldBeGreaterThanOrEqualTo(1);
        Value("cti_gateway_request_duration_seconds_count").ShouldBeGreaterThanOrEqualTo(2);
    }
}
