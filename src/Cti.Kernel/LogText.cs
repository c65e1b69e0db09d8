using System.Globalization;

namespace Cti.Kernel;

/// <summary>
/// The text of a log line, for every sink: the one place in which arguments become text, so whatever an argument holds stays within its line. Only an exception
/// takes several lines, because a stack trace is read; each but the first begins with <see cref="Continuation"/>, which no line of its own does.
/// </summary>
public static class LogText
{
    /// <summary>What a line that belongs to the one before begins with.</summary>
    public const string Continuation = "    | ";

    /// <summary>Characters of one argument: a URI of any telephone fits, a header field filled up by a stranger does not.</summary>
    private const int ArgumentCharsMax = 2_000;

    /// <summary>Lines of one exception: the deepest stack through a web server and an actor, with what caused it.</summary>
    private const int ExceptionLinesMax = 200;

    /// <summary>The template with its arguments.</summary>
    public static string Of(LogEvent kind, params ReadOnlySpan<object?> arguments)
    {
        ArgumentNullException.ThrowIfNull(kind);
        var texts = new object?[arguments.Length];
        for (var i = 0; i < texts.Length; i++) texts[i] = arguments[i] is Exception fault ? OfLines(fault.ToString()) : OfOne(arguments[i]);
        return string.Format(CultureInfo.InvariantCulture, kind.Template, texts);
    }

    private static string OfOne(object? argument) =>
        VisibleText.Of((argument is IFormattable formattable ? formattable.ToString(null, CultureInfo.InvariantCulture) : argument?.ToString())
            ?? "", ArgumentCharsMax);

    private static string OfLines(string text) =>
        string.Join("\n" + Continuation, text.Split('\n').Take(ExceptionLinesMax).Select(static line => VisibleText.Of(line.TrimEnd('\r'), ArgumentCharsMax)));
}
