using System.Diagnostics;
using Cti.Node.Hocon;

namespace Cti.Node.Tests.Hocon;

public sealed class HoconErrorTests
{
    public static TheoryData<string, string, string> Errors => new()
    {
        { "a = 1\nb = [1, 2", "2:5", "add a ]" },
        { "a {\n b = 1\n", "1:3", "add a }" },
        { "a = }", "1:5", "a value is missing" },
        { "a = 1 }", "1:7", "closes nothing" },
        { "{ a = 1 } b = 2", "1:11", "after the closing }" },
        { "a", "1:2", "a key without a value" },
        { "a\n= 1", "1:2", "a key without a value" },
        { "= 1", "1:1", "an empty element in a key" },
        { "a..b = 1", "1:3", "an empty element in a key" },
        { ".a = 1", "1:1", "an empty element in a key" },
        { "a. = 1", "1:4", "an empty element in a key" },
        { "a = \"x", "1:5", "not closed" },
        { "a = \"x\ny\"", "1:5", "not closed" },
        { "a = \"\"\"x", "1:5", "add \"\"\"" },
        { "a = \"\\q\"", "1:6", "backslash" },
        { "a = \"\\u12\"", "1:6", "four hexadecimal digits" },
        { "a = \"\t\"", "1:6", "\\u0009" },
        { "url = http://x", "1:11", "put the value in double quotes" },
        { "a = x@y", "1:6", "put the value in double quotes" },
        { "a = [,1]", "1:6", "comma before the first element" },
        { "a = [1,,2]", "1:8", "two commas" },
        { ",a = 1", "1:1", "comma before the first field" },
        { "a = 1,,b = 2", "1:7", "two commas" },
        { "[1, 2]", "1:1", "an object and not a list" },
        { "a = [{]}", "1:7", "closes nothing" },
        { "a = \"x\" = 2", "1:9", "put the value in double quotes" },
        { "a = ${x", "1:5", "add a }" },
        { "a = ${}", "1:7", "an empty element in a substitution" },
        { "a = ${no.such}", "1:5", "${no.such} has no value" },
        { "b = 1\na = ${a}", "2:5", "${a} has no value" },
        { "a = ${b}, b = ${a}", "1:15", "has no value" },
        { "a = { b = ${a} }", "1:11", "circle" },
        { "foo : ${does-not-exist}\nfoo : { a : 0 }", "1:7", "${does-not-exist} has no value" },
        { "a = [1] x", "1:9", "a string is joined with a list" },
        { "a = { b = 1 } x", "1:15", "a string is joined with an object" },
        { "b = 1, a = ${b} { c = 1 }", "1:12", "joined with an object" },
        { "include 42", "1:9", "a file name in double quotes" },
        { "include = 42", "1:9", "a file name in double quotes" },
        { "include url(\"http://x\")", "1:9", "only files" },
        { "include file(\"x\"", "1:17", "a ) is missing" },
        { "include required(\"x\")", "1:1", "included as required" },
    };

    [Theory]
    [MemberData(nameof(Errors))]
    public void An_error_names_the_place_and_what_would_be_right(string text, string place, string says)
    {
        var error = Should.Throw<HoconException>(() => Json.Resolve(text));

        error.Message.ShouldStartWith("test.conf:" + place + ": ");
        error.Problem.ShouldContain(says);
    }

    public static TheoryData<string, string> Excesses => new()
    {
        { "deep lists", "a = " + new string('[', 100_000) },
        { "deep objects", string.Concat(Enumerable.Repeat("a{", 100_000)) },
        { "a long path", "a" + string.Concat(Enumerable.Repeat(".a", 100_000)) + " = 1" },
        { "a long chain", string.Join("\n", Enumerable.Range(0, 20_000).Select(i => $"a{i} = ${{a{i + 1}}}")) + "\na20000 = 1" },
        { "many laughs", string.Join("\n", Enumerable.Range(0, 60).Select(i => $"a{i} = ${{a{i + 1}}}${{a{i + 1}}}")) + "\na60 = ha" },
        { "many lists", string.Join("\n", Enumerable.Range(0, 60).Select(i => $"a{i} = ${{a{i + 1}}} ${{a{i + 1}}}")) + "\na60 = [1]" },
        { "nesting by substitution", string.Join("\n", Enumerable.Range(0, 250).Select(i => $"a{i} = [${{a{i + 1}}}]")) + "\na250 = 1" },
        { "a web of references to oneself", string.Join("\n", Enumerable.Range(0, 40).Select(i => $"a = ${{?a}}${{?b}}\nb = ${{?b}}${{?a}}x")) },
        { "a large file", new string(' ', HoconLimits.FileCharactersMax + 1) },
    };

    [Theory]
    [MemberData(nameof(Excesses))]
    public void What_goes_beyond_the_bounds_is_refused_soon(string what, string text)
    {
        var started = Stopwatch.GetTimestamp();

        Should.Throw<HoconException>(() => Json.Resolve(text), what);

        Stopwatch.GetElapsedTime(started).ShouldBeLessThan(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void A_value_knows_where_it_was_written()
    {
        var values = new HoconDocument().AddText("a {\n  b = 1\n}\n", "first.conf").AddText("a.c =   x", "second.conf").Resolve();

        values.Find("a.b")!.Origin.ToString().ShouldBe("first.conf:2:7");
        values.Find("a.c")!.Origin.ToString().ShouldBe("second.conf:1:9");
    }
}
