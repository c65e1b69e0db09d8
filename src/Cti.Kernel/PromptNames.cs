using System.Diagnostics.CodeAnalysis;

namespace Cti.Kernel;

/// <summary>
/// Names of prompts that are no file names: how spoken content travels through commands, journal and media side, as short as it was asked for.
/// No application can give such a name. Each is a scheme, a language (empty: the node's) and the rest, between colons.
/// </summary>
public static class PromptNames
{
    /// <summary>A value to speak, such as <c>spoken:zh-CN:2:1086.3</c>: its type of play content and its text. Becomes voices when it is played.</summary>
    public const string Spoken = "spoken:";

    /// <summary>A text for the speech engine, such as <c>say:en-US:Your parcel is here</c>.</summary>
    public const string Say = "say:";

    /// <summary>One piece of a spoken value, such as <c>voice:zh-CN:zh-CN/digit-1.wav</c>: a file whose ends are made to join.</summary>
    public const string Voice = "voice:";

    /// <summary>A file that is looked up among the prompts of another language than the node's, such as <c>file:en-US:digit-1.wav</c>.</summary>
    public const string File = "file:";

    private static readonly string[] Schemes = [Spoken, Say, Voice, File];

    /// <summary>Whether a text begins with one of the schemes, in whatever case.</summary>
    public static bool IsReserved(string name)
    {
        foreach (var scheme in Schemes)
            if (name.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }

    /// <summary>Makes a name.</summary>
    /// <param name="scheme">One of the constants.</param>
    /// <param name="language">A tag such as zh-CN, or empty.</param>
    /// <param name="rest">What follows; may have any character.</param>
    public static string Make(string scheme, string language, string rest) => $"{scheme}{language}:{rest}";

    /// <summary>Takes a name of a scheme apart; false when it is of another.</summary>
    public static bool TrySplit(string name, string scheme, [NotNullWhen(true)] out string? language, [NotNullWhen(true)] out string? rest)
    {
        (language, rest) = (null, null);
        if (!name.StartsWith(scheme, StringComparison.Ordinal)) return false;
        var end = name.IndexOf(':', scheme.Length);
        if (end < 0) return false;
        language = name[scheme.Length..end];
        rest = name[(end + 1)..];
        return true;
    }
}
