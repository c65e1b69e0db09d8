namespace Cti.Media.Files;

/// <summary>What a name came to.</summary>
public enum ResolutionKind
{
    /// <summary>An existing file.</summary>
    Found,
    /// <summary>No such file.</summary>
    Missing,
    /// <summary>The name leads out of the root.</summary>
    LeavesRoot,
}

/// <summary>What a name came to.</summary>
/// <param name="Kind">Found or why not.</param>
/// <param name="FullPath">The file (or, when missing, where it would be); null when it leaves the root.</param>
public readonly record struct Resolution(ResolutionKind Kind, string? FullPath);

/// <summary>
/// Names of media files to paths, never outside the roots: <c>..</c> and links are followed as the file system does, and where that ends counts.
/// Reads directories: not for the media loop.
/// </summary>
public static class MediaLibrary
{
    /// <summary>As many links as Linux follows in one path.</summary>
    private const int LinksMax = 40;

    private static readonly Resolution Leaves = new(ResolutionKind.LeavesRoot, null);

    /// <summary>Looks a file up: relative names under the root, then among the built-in prompts; absolute ones must be inside one of the two.</summary>
    /// <param name="root">The media root, absolute; it need not exist.</param>
    /// <param name="builtinDirectory">The built-in prompts, absolute; null for none.</param>
    /// <param name="name">The name that an application gave.</param>
    public static Resolution Resolve(string root, string? builtinDirectory, string name)
    {
        var own = Under(root, name);
        if (own.Kind == ResolutionKind.Found || builtinDirectory is null) return own;
        if (own.Kind == ResolutionKind.LeavesRoot && !Path.IsPathRooted(name)) return own;
        var builtin = Under(builtinDirectory, name);
        return builtin.Kind == ResolutionKind.Found || own.Kind == ResolutionKind.LeavesRoot ? builtin : own;
    }

    /// <summary>Where a file of that name would be written under the root; it need not exist, nor its folders.</summary>
    public static Resolution ResolveForWriting(string root, string name) => Under(root, name);

    /// <summary>A folder as the paths that are resolved under it begin; itself where it cannot be read.</summary>
    internal static string RealFolder(string folder) => RealPath(Path.GetFullPath(folder)) ?? folder;

    /// <summary>Whether a path is in a folder; both without links and dots.</summary>
    internal static bool IsWithin(string folder, string path) =>
        path.StartsWith(folder, StringComparison.Ordinal)
            && (folder.EndsWith(Path.DirectorySeparatorChar) || (path.Length > folder.Length && path[folder.Length] == Path.DirectorySeparatorChar));

    /// <summary>What a name comes to under one root.</summary>
    internal static Resolution Under(string root, string name)
    {
        if (name.Length == 0 || name.Contains('\0')) return new Resolution(ResolutionKind.Missing, null);
        if (RealPath(Path.GetFullPath(root)) is not { } realRoot) return Leaves;
        // A relative name starts at the real root, so a root that is itself behind a link works.
        if (RealPath(Path.IsPathRooted(name) ? name : Path.Join(realRoot, name)) is not { } real) return Leaves;
        if (!IsWithin(realRoot, real)) return real == realRoot ? new Resolution(ResolutionKind.Missing, real) : Leaves;
        return new Resolution(File.Exists(real) ? ResolutionKind.Found : ResolutionKind.Missing, real);
    }

    /// <summary>The path without links and dots; null where links go in circles or cannot be read.</summary>
    internal static string? RealPath(string path)
    {
        var links = 0;
        var current = Path.GetPathRoot(path)!;
        var pending = new Stack<string>(Pieces(path[current.Length..]));
        while (pending.TryPop(out var piece))
        {
            if (piece == ".") continue;
            if (piece == "..")
            {
                current = Path.GetDirectoryName(current) ?? current;
                continue;
            }
            var next = Path.Join(current, piece);
            if (!TryReadLink(next, out var target)) return null;
            if (target is null)
            {
                current = next;
                continue;
            }
            if (++links > LinksMax) return null;
            if (Path.IsPathRooted(target))
            {
                current = Path.GetPathRoot(target)!;
                target = target[current.Length..];
            }
            foreach (var part in Pieces(target)) pending.Push(part);
        }
        return current;
    }

    private static IEnumerable<string> Pieces(string path) =>
        path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries).Reverse();

    private static bool TryReadLink(string path, out string? target)
    {
        target = null;
        try
        {
            target = new FileInfo(path).LinkTarget;
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
