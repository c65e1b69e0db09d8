using System.Text;

namespace Cti.Node.Hocon;

/// <summary>Path expressions as text.</summary>
internal static class HoconPath
{
    /// <summary>Joins elements with dots, quoting those that need it.</summary>
    public static string Format(ReadOnlySpan<string> path)
    {
        var text = new StringBuilder();
        foreach (var element in path)
        {
            if (text.Length > 0) text.Append('.');
            if (IsPlain(element)) text.Append(element);
            else text.Append('"').Append(element.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
        }
        return text.ToString();
    }

    private static bool IsPlain(string element)
    {
        if (element.Length == 0) return false;
        foreach (var c in element)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')) return false;
        }
        return true;
    }
}
