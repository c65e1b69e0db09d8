using Cti.Kernel;
using Cti.Node.Logging;

namespace Cti.Node.Tests.Logging;

public sealed class ConsoleLogTests
{
    private static readonly LogEvent Drop = new(2900, LogSeverity.Warning, "from {0}: {1}");

    [Fact]
    public async Task What_a_stranger_sends_stays_in_its_line()
    {
        var lines = await WriteAsync(static log =>
        {
            log.Write(Drop, "\u001b[2J", "a\n2026-01-01T00:00:00.000Z ERROR 1001 forged");
            log.Write(Drop, "\u202e", "\u2028\u0085\u009b31m\r");
        });
        lines.Length.ShouldBe(2);
        lines[0].ShouldEndWith(@" WARN  2900 from \u001b[2J: a\n2026-01-01T00:00:00.000Z ERROR 1001 forged");
        lines[1].ShouldEndWith(@" WARN  2900 from \u202e: \u2028\u0085\u009b31m\r");
    }

    [Fact]
    public async Task A_fault_keeps_its_lines_and_no_line_of_it_looks_like_one_of_the_log()
    {
        var lines = await WriteAsync(static log =>
            log.Write(Drop, "x", new AggregateException("outer\nforged", new InvalidOperationException("inner\u001b[0m\r\nforged"))));
        lines.Length.ShouldBeGreaterThan(2);
        lines.Skip(1).ShouldAllBe(static line => line.StartsWith(LogText.Continuation, StringComparison.Ordinal));
        lines.ShouldAllBe(static line => line == VisibleText.Of(line));
    }

    [Fact]
    public async Task Lines_that_standard_error_does_not_take_in_time_are_dropped_and_counted()
    {
        var slow = new HeldWriter();
        await using (var log = new ConsoleLog(LogSeverity.Debug, slow))
        {
            for (var i = 0; i < 10_101; i++) log.Write(Drop, i, "x");
            slow.LetGo();
        }
        var written = slow.ToString();
        var kept = written.Split('\n').Count(static line => line.Contains("2900"));
        kept.ShouldBeInRange(10_000, 10_001);
        written.ShouldContain($"({10_101 - kept} log lines were dropped");
    }

    private static async Task<string[]> WriteAsync(Action<ILog> write)
    {
        var text = new StringWriter();
        await using (var log = new ConsoleLog(LogSeverity.Debug, text)) write(log);
        return text.ToString().TrimEnd('\n').Split('\n');
    }

    /// <summary>A terminal that takes nothing until it is let go.</summary>
    private sealed class HeldWriter : StringWriter
    {
        private readonly TaskCompletionSource _letGo = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void LetGo() => _letGo.SetResult();

        public override async Task WriteLineAsync(string? value)
        {
            await _letGo.Task;
            WriteLine(value);
        }
    }
}
