namespace Cti.Kernel;

/// <summary>Finds what was probably meant by a name that is unknown.</summary>
public static class Nearest
{
    /// <summary>Characters of a text that is worth comparing: no name is as long, and the work grows with it.</summary>
    private const int TextCharsMax = 100;

    /// <summary>The candidate with the fewest edits from <paramref name="text"/>, if they are few for its length.</summary>
    public static string? Of(string text, IEnumerable<string> candidates)
    {
        if (text.Length > TextCharsMax) return null;
        var best = Math.Max(2, text.Length / 3) + 1;
        string? found = null;
        foreach (var candidate in candidates.Order(StringComparer.Ordinal))
        {
            var edits = Edits(text, candidate);
            if (edits >= best) continue;
            best = edits;
            found = candidate;
        }
        return found;
    }

    private static int Edits(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++) row[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                var same = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]);
                row[j] = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (same ? 0 : 1));
                diagonal = above;
            }
        }
        return row[b.Length];
    }
}
