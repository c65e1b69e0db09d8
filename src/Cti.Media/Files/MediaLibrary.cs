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

/// <summary>Names of media files to paths, never outside the roots. Reads directories: not for the media loop.</summary>
public static class MediaLibrary
{
    /// <summary>Looks a file up: relative names under the root, then among the built-in prompts; absolute ones must be inside one of the two.</summary>
    public static Resolution Resolve(string root, string? builtinDirectory, string name) => throw new NotImplementedException();

    /// <summary>Where a file of that name would be written under the root; it need not exist, nor its folders.</summary>
    public static Resolution ResolveForWriting(string root, string name) => throw new NotImplementedException();
}
