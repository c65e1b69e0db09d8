using System.Collections.Immutable;
using Cti.Kernel;

namespace Cti.Contract;

/// <summary>The folders that file names of requests are resolved in; null: only relative names are taken.</summary>
/// <param name="Play">Full path of the media root.</param>
/// <param name="Record">Full path of the application's record root.</param>
public sealed record MediaRoots(string? Play = null, string? Record = null)
{
    /// <summary>Full paths of further folders with sound; what of it an application may hear shows when it is played.</summary>
    public ImmutableArray<string> MorePlay { get; init; } = [];

    /// <summary>All folders that a full path of what is played may lie in.</summary>
    internal ImmutableArray<string> ToPlay => Play is null ? MorePlay : MorePlay.Insert(0, Play);

    /// <summary>The folder that a full path of what is recorded may lie in.</summary>
    internal ImmutableArray<string> ToRecord => Record is null ? [] : [Record];

    /// <summary>No absolute names.</summary>
    public static readonly MediaRoots None = new();
}

/// <summary>
/// Checks file names by their text alone: none may leave its root. Links are looked at where files are opened.
/// Each check answers null, or what is wrong and what would be right.
/// </summary>
internal static class FileNames
{
    private const string Leaves = "leaves the root; name a file under it";

    /// <summary>Names joined by <c>|</c>.</summary>
    internal static string? CheckJoined(string names, ImmutableArray<string> roots)
    {
        foreach (var name in names.Split('|'))
            if (Check(name, roots) is { } reason) return reason;
        return null;
    }

    /// <summary>One name.</summary>
    internal static string? Check(string name, ImmutableArray<string> roots)
    {
        if (name.Length == 0) return "a file name is empty";
        if (name.Length > Limits.FileNameCharsMax) return $"a file name is longer than {Limits.FileNameCharsMax} characters";
        foreach (var c in name)
            if (char.IsControl(c)) return "a file name has a control character";
        if (name.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || name.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            return "URLs are not available yet; name a file under the root";
        if (PromptNames.IsReserved(name))
            return "a file name must not begin with spoken:, say:, voice: or file:; spoken content is given as [content, type, options]";
        if (IsAbsolute(name))
        {
            if (roots.IsEmpty) return "must be a name relative to the root";
            string? reason = Leaves;
            foreach (var root in roots)
                if (Below(name, root) is { } below && (reason = CheckSegments(below)) is null) return null;
            return reason;
        }
        return CheckSegments(name);
    }

    /// <summary>A full path without its root; null where it does not begin with that.</summary>
    private static string? Below(string name, string root)
    {
        var prefix = root.TrimEnd('/', '\\');
        return name.StartsWith(prefix, StringComparison.Ordinal) && name.Length > prefix.Length && name[prefix.Length] is ('/' or '\\')
            ? name[(prefix.Length + 1)..]
            : null;
    }

    private static bool IsAbsolute(string name) =>
        name[0] is '/' or '\\' || (name.Length > 1 && name[1] == ':' && char.IsAsciiLetter(name[0]));

    private static string? CheckSegments(ReadOnlySpan<char> name)
    {
        var depth = 0;
        ReadOnlySpan<char> last = default;
        foreach (var range in name.SplitAny('/', '\\'))
        {
            last = name[range];
            if (last is "" or ".") continue;
            depth += last is ".." ? -1 : 1;
            if (depth < 0) return Leaves;
        }
        return last is "" or "." or ".." ? "names a folder, not a file" : null;
    }
}
