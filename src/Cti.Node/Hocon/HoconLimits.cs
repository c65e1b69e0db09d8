namespace Cti.Node.Hocon;

/// <summary>
/// Bounds of what a configuration may be. None is near what an operator writes; all keep a hostile or broken file from costing more than a moment.
/// </summary>
public static class HoconLimits
{
    /// <summary>Characters of one file: a thousand trunks take about 300 000.</summary>
    public const int FileCharactersMax = 1024 * 1024;
    /// <summary>Characters of all files together, each inclusion counted: eight of the largest.</summary>
    public const int TotalCharactersMax = 8 * FileCharactersMax;
    /// <summary>Levels of nesting, path elements counted: the deepest key of ours is 6 deep.</summary>
    public const int DepthMax = 100;
    /// <summary>Files that include one another, counted from the first.</summary>
    public const int IncludeDepthMax = 16;
    /// <summary>Inclusions altogether.</summary>
    public const int IncludesMax = 1_000;
    /// <summary>Substitutions that wait for one another.</summary>
    public const int ResolveDepthMax = 300;
    /// <summary>Steps that resolving may take, so that values that multiply one another end: the reference takes under 1000.</summary>
    public const int ResolveStepsMax = 500_000;
    /// <summary>Characters of one joined string.</summary>
    public const int StringCharactersMax = 1024 * 1024;
}
