using System.Text.RegularExpressions;

namespace Cti.Contract;

/// <summary>One method of the contract: its signature for a generation.</summary>
/// <param name="Name">Full name.</param>
/// <param name="Parameters">Name and default (JSON text; null: required), in order.</param>
/// <param name="Result">What it answers: a type's name, or the fields of an object or of a list's objects.</param>
internal sealed record ContractMethod(string Name, IReadOnlyList<(string Name, string? Default)> Parameters, string Result)
{
    /// <summary>The fields that an object, or each object of a list, has; none where the contract does not list them.</summary>
    public string[] ResultFields => Result.Contains('{', StringComparison.Ordinal) ? ContractTables.Split(Result.Trim('[', ']', '{', '}')) : [];

    /// <summary>The JSON type of the answer.</summary>
    public string ResultType => Result[0] switch { '{' => "object", '[' => "array", _ => Result == "bool" ? "boolean" : Result };
}

/// <summary>One event of the contract.</summary>
/// <param name="Name">Full name.</param>
/// <param name="Parameters">What it always has, in order.</param>
/// <param name="Optional">What follows that where an operator has asked for it.</param>
/// <param name="IsLive">It is in no feed: it comes while it happens, to those who asked for it.</param>
internal sealed record ContractEvent(string Name, string[] Parameters, string[] Optional, bool IsLive);

/// <summary>
/// The contract's tables, as text beside this file. They are written down apart from the server's own definitions, so that comparing the two means something.
/// </summary>
internal static partial class ContractTables
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Contract");

    /// <summary>Every method, as a generation has it.</summary>
    public static IReadOnlyList<ContractMethod> Methods(int generation)
    {
        var differences = generation == 1 ? Lines("generations.txt").ToArray() : [];
        return [.. Lines("methods.txt").Select(line =>
        {
            var match = Signature().Match(line);
            if (!match.Success) throw new FormatException($"methods.txt: {line}");
            var name = match.Groups["name"].Value;
            return new ContractMethod(name, [.. Split(match.Groups["parameters"].Value).Select(text => Parameter(name, text, differences))],
                match.Groups["result"].Value);
        })];
    }

    /// <summary>Every event.</summary>
    public static IReadOnlyList<ContractEvent> Events => [.. Lines("events.txt").Select(line =>
    {
        var open = line.IndexOf('(', StringComparison.Ordinal);
        var parameters = Split(line[(open + 1)..^1]);
        var isLive = line.StartsWith("live ", StringComparison.Ordinal);
        return new ContractEvent(line[(isLive ? 5 : 0)..open], [.. parameters.Where(static name => name[^1] != '?')],
            [.. parameters.Where(static name => name[^1] == '?').Select(static name => name[..^1])], isLive);
    })];

    /// <summary>The states of a module.</summary>
    public static string[] States(string module) =>
        Split(Lines("states.txt").Single(line => line.StartsWith(module + ":", StringComparison.Ordinal))[(module.Length + 1)..]);

    /// <summary>The modules that have states.</summary>
    public static string[] Modules =>
        [.. Lines("states.txt").Where(line => !line.StartsWith("v1", StringComparison.Ordinal))
            .Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)])];

    /// <summary>Number and name of every recording format of a generation.</summary>
    public static IReadOnlyList<(int Number, string Name)> Formats(int generation) =>
        [.. Lines("formats.txt").Select(line => line.Split(' ')).Where(parts => parts[0] == $"v{generation}")
            .Select(parts => (int.Parse(parts[1], null), parts[2]))];

    /// <summary>Every error code with what its data carries.</summary>
    public static IReadOnlyList<(int Code, string[] Data)> Errors =>
        [.. Lines("errors.txt").Select(line => line.Split(':')).Select(parts => (int.Parse(parts[0], null), Split(parts[1])))];

    internal static string[] Split(string text) => [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];

    private static (string Name, string? Default) Parameter(string method, string text, string[] differences)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var (name, value) = equals < 0 ? (text, null) : (text[..equals], text[(equals + 1)..]);
        foreach (var difference in differences.Where(d => d.StartsWith($"{method} {name}", StringComparison.Ordinal)).Select(d => d[(method.Length + 1)..]))
        {
            if (difference.StartsWith($"{name}=", StringComparison.Ordinal)) value = difference[(name.Length + 1)..];
            if (difference.StartsWith($"{name} -> ", StringComparison.Ordinal)) name = difference[(name.Length + 4)..];
        }
        return (name, value);
    }

    private static IEnumerable<string> Lines(string file) => File.ReadLines(Path.Combine(Folder, file)).Where(line => line.Length > 0 && line[0] != '#');

    [GeneratedRegex(@"^(?<name>[a-z0-9_.]+)\((?<parameters>.*)\) -> (?<result>.+)$")]
    private static partial Regex Signature();
}
