using System.Globalization;

namespace Cti.Kernel.Tests;

public sealed class VisibleTextTests
{
    [Theory]
    [InlineData("sip:alice@example.com;tag=1")]
    [InlineData("\"Zoë Müller\" <sip:王@example.com>")]
    [InlineData("a \U0001F600 b")]
    [InlineData("")]
    public void What_can_be_seen_stays_as_it_is(string text) => VisibleText.Of(text).ShouldBe(text);

    [Theory]
    [InlineData("\u001b[2J", @"\u001b[2J")]
    [InlineData("a\nb", @"a\nb")]
    [InlineData("a\r\n\tb", @"a\r\n\tb")]
    [InlineData("\0\a\b\u007f", @"\u0000\u0007\u0008\u007f")]
    [InlineData("\u009b31m\u0085", @"\u009b31m\u0085")]
    [InlineData("\u202ecod.exe", @"\u202ecod.exe")]
    [InlineData("\u200e\u200f\u061c\u2066x\u2069", @"\u200e\u200f\u061c\u2066x\u2069")]
    [InlineData("a\u2028b\u2029c", @"a\u2028b\u2029c")]
    [InlineData("\ufeffx\u200b", @"\ufeffx\u200b")]
    public void What_steers_a_terminal_or_a_reader_is_escaped(string text, string shown) => VisibleText.Of(text).ShouldBe(shown);

    [Fact]
    public void Half_a_surrogate_pair_and_invisible_characters_beyond_the_basic_plane_are_escaped()
    {
        VisibleText.Of("a" + (char)0xD800).ShouldBe(@"a\ud800");
        VisibleText.Of((char)0xDC00 + "b").ShouldBe(@"\udc00b");
        VisibleText.Of(char.ConvertFromUtf32(0xE0001)).ShouldBe(@"\U000e0001");
    }

    [Fact]
    public void Every_character_is_either_shown_or_escaped_and_what_is_left_cannot_steer_anything()
    {
        var left = Enumerable.Range(0, char.MaxValue + 1).SelectMany(static c => VisibleText.Of(((char)c).ToString()))
            .Where(static c => char.IsControl(c) || char.IsSurrogate(c) || c is '\u2028' or '\u2029' || char.GetUnicodeCategory(c) == UnicodeCategory.Format);
        left.ShouldBeEmpty();
    }

    [Fact]
    public void What_is_too_long_is_cut_and_says_so() => VisibleText.Of(new string('x', 30), 10).ShouldBe("xxxxxxxxxx… (20 more characters)");

    [Fact]
    public void An_argument_of_a_log_line_cannot_leave_its_line() =>
        LogText.Of(new LogEvent(2900, LogSeverity.Warning, "from {0}: {1}"), "x\n2026-01-01T00:00:00.000Z ERROR 1001 forged", 7)
            .ShouldBe(@"from x\n2026-01-01T00:00:00.000Z ERROR 1001 forged: 7");

    [Fact]
    public void An_exceptions_lines_are_kept_and_none_begins_where_a_log_line_does()
    {
        var text = LogText.Of(new LogEvent(2900, LogSeverity.Error, "broke: {0}"), Thrown("bad\u001b[31m\r\n2026-01-01T00:00:00.000Z ERROR 1001 forged"));
        var lines = text.Split('\n');
        lines[0].ShouldBe(@"broke: System.InvalidOperationException: bad\u001b[31m");
        lines[1].ShouldBe("    | 2026-01-01T00:00:00.000Z ERROR 1001 forged");
        lines[2].ShouldContain(nameof(Thrown));
        lines.Skip(1).ShouldAllBe(static line => line.StartsWith(LogText.Continuation, StringComparison.Ordinal));
    }

    [Fact]
    public void Numbers_do_not_depend_on_the_machines_language()
    {
        var before = CultureInfo.CurrentCulture;
        var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        comma.NumberFormat.NumberDecimalSeparator = ",";
        CultureInfo.CurrentCulture = comma;
        try
        {
            LogText.Of(new LogEvent(2900, LogSeverity.Error, "{0}"), 1.5).ShouldBe("1.5");
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    private static InvalidOperationException Thrown(string message)
    {
        try
        {
            throw new InvalidOperationException(message);
        }
        catch (InvalidOperationException fault)
        {
            return fault;
        }
    }
}
