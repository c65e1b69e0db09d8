using System.Text.RegularExpressions;

namespace Cti.Repository.Tests;

/// <summary>The folders of a project: what stands in one may use another, and that one never it, by however many steps.</summary>
public sealed partial class FolderTests
{
    public static TheoryData<string> Projects =>
        [.. Repository.Files.Where(static file => file.StartsWith("src/", StringComparison.Ordinal) && file.EndsWith(".csproj", StringComparison.Ordinal))
            .Select(static file => Path.GetFileNameWithoutExtension(file)!)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Folders_use_each_other_in_one_direction(string project)
    {
        var uses = new Dictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        foreach (var (folder, file) in SourcesOf(project))
        {
            if (!uses.TryGetValue(folder, out var used)) uses.Add(folder, used = new SortedSet<string>(StringComparer.Ordinal));
            var code = string.Join('\n', Repository.Read(file).Split('\n').Where(static line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal)));
            foreach (Match match in Regex.Matches(code, $@"\b{Regex.Escape(project)}\.([A-Z]\w+)")) used.Add(match.Groups[1].Value);
        }
        foreach (var (folder, used) in uses) used.RemoveWhere(other => other == folder || !uses.ContainsKey(other));
        foreach (var start in uses.Keys) Circle(start, uses).ShouldBeNull();
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_namespace_is_its_folder(string project)
    {
        foreach (var (_, file) in SourcesOf(project))
        {
            if (NamespacePattern().Match(Repository.Read(file)) is { Success: true } match)
                match.Groups[1].Value.ShouldBe(Path.GetDirectoryName(file)!["src/".Length..].Replace('/', '.'), file);
        }
    }

    /// <summary>Source files in folders, each with the first folder below the project.</summary>
    private static IEnumerable<(string Folder, string File)> SourcesOf(string project)
    {
        var root = $"src/{project}/";
        return from file in Repository.Files
               where file.StartsWith(root, StringComparison.Ordinal) && file.EndsWith(".cs", StringComparison.Ordinal)
               let rest = file[root.Length..]
               where rest.Contains('/', StringComparison.Ordinal)
               select (rest.Split('/')[0], file);
    }

    /// <summary>The way from a folder back to itself, or null.</summary>
    private static string? Circle(string start, Dictionary<string, SortedSet<string>> uses)
    {
        var from = new Dictionary<string, string>(StringComparer.Ordinal);
        var queue = new Queue<string>([start]);
        while (queue.TryDequeue(out var at))
        {
            foreach (var next in uses[at])
            {
                if (next == start)
                {
                    var way = new List<string> { start };
                    for (var step = at; step != start; step = from[step]) way.Add(step);
                    way.Add(start);
                    way.Reverse();
                    return string.Join(" -> ", way);
                }
                if (from.TryAdd(next, at)) queue.Enqueue(next);
            }
        }
        return null;
    }

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespacePattern();
}
