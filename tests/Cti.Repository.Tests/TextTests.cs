using System.Text.RegularExpressions;

namespace Cti.Repository.Tests;

/// <summary>What holds for every text that is committed.</summary>
public sealed partial class TextTests
{
    private static readonly string[] TextEndings = [".cs", ".csproj", ".props", ".targets", ".md", ".sh", ".cake", ".conf", ".json", ".xml", ".txt", ".py",
        ".js", ".c", ".editorconfig", ".gitignore", "run", "LICENSE"];

    private static IEnumerable<string> Texts =>
        Repository.Files.Where(f =>
            TextEndings.Any(e => f.EndsWith(e, StringComparison.Ordinal)) && !f.StartsWith("tests/Cti.Fuzz/corpus/", StringComparison.Ordinal));

    private static IEnumerable<string> Sources => Repository.Files.Where(f => f.EndsWith(".cs", StringComparison.Ordinal));

    // Put together here, so that this file does not find itself.
    [GeneratedRegex("/" + "work/|/tmp/" + @"wt\b|\bissue " + @"#?\d+|\bTO" + @"DO\b|\bFIX" + @"ME\b|NotImplemented" + "Exception", RegexOptions.IgnoreCase)]
    private static partial Regex Forbidden();

    [Fact]
    public void Nothing_is_left_to_do_and_nothing_names_the_machine_it_was_written_on()
    {
        var found = from file in Texts
                    from line in Repository.Read(file).Split('\n').Select((text, i) => (text, number: i + 1))
                    where Forbidden().IsMatch(line.text)
                    select $"{file}:{line.number}: {line.text.Trim()}";

        found.ShouldBeEmpty();
    }

    [Fact]
    public void Lines_end_with_a_newline_alone_and_files_with_one()
    {
        foreach (var file in Texts)
        {
            var text = Repository.Read(file);
            if (text.Length == 0) continue;
            text.Contains('\r', StringComparison.Ordinal).ShouldBeFalse(file);
            text.ShouldEndWith("\n", customMessage: file);
        }
    }

    [Fact]
    public void No_test_sleeps()
    {
        var sleeps = SleepPattern();
        var found = from file in Sources
                    where file.StartsWith("tests/", StringComparison.Ordinal) && !file.StartsWith("tests/Cti.Benchmarks/", StringComparison.Ordinal)
                    from line in Repository.Read(file).Split('\n').Select((text, i) => (text, number: i + 1))
                    where sleeps.IsMatch(line.text)
                    select $"{file}:{line.number}: {line.text.Trim()}";

        found.ShouldBeEmpty();
    }

    [GeneratedRegex(@"\bThread\.Sleep" + @"\(")]
    private static partial Regex SleepPattern();

    [Fact]
    public void Source_files_stay_readable()
    {
        var long_ = Sources.Select(f => (File: f, Lines: Repository.Read(f).Count(c => c == '\n'))).Where(f => f.Lines > 600)
            .Select(f => $"{f.File}: {f.Lines} lines");

        long_.ShouldBeEmpty();
    }

    [Fact]
    public void No_test_is_switched_off_without_a_reason()
    {
        var skips = SkipPattern();
        var found = Sources.SelectMany(file => skips.Matches(Repository.Read(file)).Select(m => $"{file}: {m.Value}"));

        found.ShouldBeEmpty();
    }

    [GeneratedRegex("Ski" + @"p\s*=\s*(""""|null)")]
    private static partial Regex SkipPattern();

    [Fact]
    public void Links_between_documents_lead_somewhere()
    {
        var broken = from file in Repository.Files
                     where file.EndsWith(".md", StringComparison.Ordinal)
                     from link in LinkPattern().Matches(Repository.Read(file)).Select(m => m.Groups[1].Value)
                     where !link.Contains(':', StringComparison.Ordinal) && !link.StartsWith('#')
                     let target = Path.Combine(Repository.Root, Path.GetDirectoryName(file)!, link.Split('#')[0])
                     where !Path.Exists(target)
                     select $"{file}: {link}";

        broken.ShouldBeEmpty();
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex LinkPattern();
}
