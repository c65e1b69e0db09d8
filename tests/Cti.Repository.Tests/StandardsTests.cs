using System.Text.RegularExpressions;

namespace Cti.Repository.Tests;

/// <summary>The page of RFCs says what the tests show, and the front page nothing more.</summary>
public sealed partial class StandardsTests
{
    private const string Page = "src/RFC.md";

    [Fact]
    public void Every_test_that_the_page_names_is_there()
    {
        var missing = from match in TestPattern().Matches(Repository.Read(Page))
                      let name = (Project: match.Groups[1].Value, Class: match.Groups[2].Value, Method: match.Groups[3].Value)
                      where !Exists(name.Project, name.Class, name.Method)
                      select match.Value;

        missing.ShouldBeEmpty();
    }

    [Fact]
    public void What_is_spoken_is_shown_by_a_test_and_what_is_not_claims_none()
    {
        var rows = Rows();
        rows.Count.ShouldBeGreaterThan(40);
        foreach (var row in rows)
        {
            var tests = TestPattern().Count(row.ShownBy);
            row.State.ShouldBeOneOf("yes", "in part", "no");
            (tests > 0).ShouldBe(row.State != "no", $"RFC {row.Numbers}");
            if (row.State == "in part") row.HowFar.ShouldNotBeEmpty($"RFC {row.Numbers}: what is missing");
            // Whatever else stands there is no test that somebody could look up.
            TestPattern().Replace(row.ShownBy, "").Trim().ShouldBeEmpty($"RFC {row.Numbers}");
        }
    }

    [Fact]
    public void Each_RFC_has_one_row_and_the_front_page_says_the_same_in_short()
    {
        var rows = Rows();
        rows.SelectMany(static row => row.Numbers.Split(", ")).ShouldBeUnique();
        var front = Repository.Read("README.md");
        front.ShouldContain($"]({Page})");
        foreach (var section in rows.GroupBy(static row => row.Section))
        {
            var cells = ((string[])["yes", "in part", "no"])
                .Select(state => string.Join(", ", section.Where(row => row.State == state).Select(static row => row.Numbers)));
            front.ShouldContain($"\n| {section.Key} | {string.Join(" | ", cells)} |\n");
        }
    }

    private static List<(string Section, string Numbers, string State, string HowFar, string ShownBy)> Rows() =>
    [
        .. from section in Repository.Read(Page).Split("\n## ").Skip(1)
           from line in section.Split('\n')
           let cells = line.Split('|')
           where cells.Length == 7 && char.IsAsciiDigit(cells[1].Trim().FirstOrDefault())
           select (section.Split('\n')[0], cells[1].Trim(), cells[3].Trim(), cells[4].Trim(), cells[5].Trim()),
    ];

    private static bool Exists(string project, string type, string method)
    {
        var folder = project == "Acceptance" ? "tests/Cti.Acceptance/" : $"tests/Cti.{project}.Tests/";
        return Repository.Files.Where(file => file.StartsWith(folder, StringComparison.Ordinal) && file.EndsWith(".cs", StringComparison.Ordinal))
            .Select(Repository.Read)
            .Any(text => Regex.IsMatch(text, $@"\bclass {type}\b") && Regex.IsMatch(text, $@"\[(Fact|Theory)[^{{]*?\b{method}\("));
    }

    [GeneratedRegex(@"`([A-Z]\w+)/(\w+)\.(\w+)`")]
    private static partial Regex TestPattern();
}
