using Cti.Kernel;

namespace Cti.Calls.Api;

/// <summary>The folders that file names of requests are resolved in; null: only relative names are taken.</summary>
/// <param name="Play">Full path of the media root.</param>
/// <param name="Record">Full path of the record root.</param>
public sealed record MediaRoots(string? Play = null, string? Record = null)
{
    /// <summary>No absolute names.</summary>
    public static readonly MediaRoots None = new();
}

/// <summary>
/// Checks file names by their text alone: none may leave its root. Links are looked at where files are opened.
/// Each check answers null, or what is wrong and what would be right.
/// </summary>
internal static class FileNames
{
    /// <summary>Names joined by <c>|</c>.</summary>
    internal static string? CheckJoined(string names, string? root)
    {
        foreach (var name in names.Split('|'))
            if (Check(name, root) is { } reason) return reason;
        return null;
    }

    /// <summary>One name.</summary>
    internal static string? Check(string name, string? root)
    {
        if (name.Length == 0) return "a file name is empty";
        if (name.Length > Limits.FileNameCharsMax) return $"a file name is longer than {Limits.FileNameCharsMax} characters";
        foreach (var c in name)
            if (char.IsControl(c)) return "a file name has a control character";
        if (name.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || name.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            return "URLs are not available yet; name a file under the root";
        if (PromptNames.IsReserved(name))
            return "a file name must not begin with spoken:, say:, voice: or file:; spoken content is given as [content, type, options]";
        var rest = name;
        if (IsAbsolute(name))
        {
            if (root is null) return "must be a name relative to the root";
            var prefix = root.TrimEnd('/', '\\');
            if (!name.StartsWith(prefix, StringComparison.Ordinal) || name.Length <= prefix.Length || name[prefix.Length] is not ('/' or '\\'))
                return "leaves the root; name a file under it";
            rest = name[(prefix.Length + 1)..];
        }
        return CheckSegments(rest);
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
            if (depth < 0) return "leaves the root; name a file under it";
        }
        return last is "" or "." or ".." ? "names a folder, not a file" : null;
    }
}
