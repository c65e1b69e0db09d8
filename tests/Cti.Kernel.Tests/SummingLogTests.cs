using System.Globalization;
using Cti.Testing;

namespace Cti.Kernel.Tests;

public sealed class SummingLogTests : IDisposable
{
    private static readonly LogEvent Drop = new(2900, LogSeverity.Warning, "dropped {0}") { SummedAs = "dropped things" };
    private static readonly LogEvent Refusal = new(2901, LogSeverity.Information, "refused {0}") { SummedAs = "refusals" };
    private static readonly LogEvent Single = new(2902, LogSeverity.Warning, "broke {0}");

    private readonly ManualRuntime _runtime = new();
    private readonly Lines _lines = new();
    private readonly SummingLog _log;

    public SummingLogTests() => _log = new SummingLog(_lines, _runtime, _runtime);

    public void Dispose() => _log.Dispose();

    [Fact]
    public void The_first_of_a_kind_is_written_at_once_and_the_others_are_told_as_a_number_after_ten_seconds()
    {
        for (var i = 0; i < 100; i++) _log.Write(Drop, i);
        _lines.Written.ShouldBe(["2900 dropped 0"]);
        _runtime.Advance(9_999);
        _lines.Written.Count.ShouldBe(1);
        _runtime.Advance(1);
        _lines.Written.ShouldBe(["2900 dropped 0", "2900 … and 99 more in 10 s: dropped things"]);
    }

    [Fact]
    public void What_comes_seldom_is_written_line_by_line()
    {
        for (var i = 0; i < 3; i++)
        {
            _log.Write(Drop, i);
            _runtime.Advance(10_000);
        }
        _lines.Written.ShouldBe(["2900 dropped 0", "2900 dropped 1", "2900 dropped 2"]);
        _runtime.PendingTimers.ShouldBe(0, "a window in which nothing came is closed");
    }

    [Fact]
    public void Ten_thousand_refusals_a_second_are_a_line_in_ten_seconds_and_none_is_lost_from_the_sum()
    {
        for (var tick = 0; tick < 10_000; tick++)
        {
            for (var i = 0; i < 10; i++) _log.Write(Refusal, "sip:x");
            _runtime.Advance(1);
        }
        _lines.Written.ShouldBe(["2901 refused sip:x", "2901 … and 99999 more in 10 s: refusals"]);
        _log.Write(Refusal, "sip:y");
        _runtime.Advance(10_000);
        _lines.Written[2..].ShouldBe(["2901 … and 1 more in 10 s: refusals"]);
    }

    [Fact]
    public void Kinds_do_not_hide_each_other_and_what_strangers_cannot_cause_is_always_written()
    {
        for (var i = 0; i < 2; i++)
        {
            _log.Write(Drop, i);
            _log.Write(Refusal, i);
            _log.Write(Single, i);
        }
        _lines.Written.ShouldBe(["2900 dropped 0", "2901 refused 0", "2902 broke 0", "2902 broke 1"]);
    }

    [Fact]
    public void Who_asks_first_is_told_no_while_the_kind_is_counted_and_has_been_counted_then()
    {
        _log.IsWanted(Drop).ShouldBeTrue();
        _log.Write(Drop, 1);
        _log.IsWanted(Drop).ShouldBeFalse();
        _log.IsWanted(Drop).ShouldBeFalse();
        _log.IsWanted(Single).ShouldBeTrue();
        _runtime.Advance(10_000);
        _lines.Written.ShouldBe(["2900 dropped 1", "2900 … and 2 more in 10 s: dropped things"]);
    }

    [Fact]
    public void What_nobody_reads_is_not_counted()
    {
        _lines.Level = LogSeverity.Error;
        for (var i = 0; i < 5; i++) _log.Write(Drop, i);
        _log.IsWanted(Drop).ShouldBeFalse();
        _runtime.Advance(10_000);
        _lines.Written.ShouldBeEmpty();
        _runtime.PendingTimers.ShouldBe(0);
    }

    [Fact]
    public void The_end_of_the_log_tells_what_was_left_out()
    {
        for (var i = 0; i < 5; i++) _log.Write(Drop, i);
        _runtime.Advance(2_000);
        _log.Dispose();
        _lines.Written.ShouldBe(["2900 dropped 0", "2900 … and 4 more in 2 s: dropped things"]);
        _log.Write(Drop, 7);
        _lines.Written[^1].ShouldBe("2900 dropped 7", "afterwards nobody would tell a sum");
    }

    [Fact]
    public void A_process_that_stood_still_says_how_long_the_window_was()
    {
        var late = new LateClock(_runtime);
        using var log = new SummingLog(_lines, late, _runtime);
        log.Write(Refusal, 0);
        log.Write(Refusal, 1);
        late.AheadNanos = 20_000_000_000;
        _runtime.Advance(10_000);
        _lines.Written.ShouldContain("2901 … and 1 more in 30 s: refusals");
    }

    [Fact]
    public void Counting_allocates_nothing()
    {
        _log.Write(Drop, "x");
        object text = "y";
        CountSome(1000, text);
        var before = GC.GetAllocatedBytesForCurrentThread();
        CountSome(10_000, text);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public async Task Threads_that_count_at_once_lose_none()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => CountSome(25_000, "z"))));
        _runtime.Advance(10_000);
        var told = _lines.Written.Where(static line => line.Contains("more in"))
            .Sum(static line => long.Parse(line.Split(' ')[3], CultureInfo.InvariantCulture));
        told.ShouldBe(2 * 100_000 - 1);
    }

    private void CountSome(int count, object text)
    {
        for (var i = 0; i < count; i++)
        {
            _log.Write(Drop, text);
            if (_log.IsWanted(Drop)) _log.Write(Drop, text);
        }
    }

    private sealed class LateClock(IClock clock) : IClock
    {
        public long AheadNanos { get; set; }
        public long MonotonicNanos => clock.MonotonicNanos + AheadNanos;
        public long UnixMillis => clock.UnixMillis;
    }

    private sealed class Lines : ILog
    {
        private readonly List<string> _written = [];

        public LogSeverity Level { get; set; }

        public List<string> Written
        {
            get
            {
                lock (_written) return [.. _written];
            }
        }

        public bool IsEnabled(LogSeverity severity) => severity >= Level;

        public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
        {
            var line = kind.Id + " " + string.Format(CultureInfo.InvariantCulture, kind.Template, arguments);
            lock (_written) _written.Add(line);
        }
    }
}
