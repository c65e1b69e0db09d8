namespace Cti.Node.Configuration;

/// <summary>A pattern in which <c>*</c> stands for any characters and <c>?</c> for one; letters match in either case.</summary>
/// <param name="Text">The pattern.</param>
public sealed record WildcardPattern(string Text)
{
    /// <summary>Fits everything.</summary>
    public static readonly WildcardPattern Any = new("*");

    /// <summary>Whether the user part, or <c>user@host</c> where the pattern has an @, fits. Takes time proportional to both lengths at most.</summary>
    public bool Fits(string user, string host) =>
        Fits(Text.Contains('@', StringComparison.Ordinal) ? user + "@" + host : user);

    private bool Fits(ReadOnlySpan<char> text)
    {
        var pattern = Text.AsSpan();
        int t = 0, p = 0, star = -1, mark = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                mark = t;
            }
            else if (p < pattern.Length && (pattern[p] == '?' || char.ToUpperInvariant(pattern[p]) == char.ToUpperInvariant(text[t])))
            {
                p++;
                t++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                t = ++mark;
            }
            else return false;
        }
        while (p < pattern.Length && pattern[p] == '*') p++;
        return p == pattern.Length;
    }
}
