using Cti.Kernel;
using Spectre.Console;

namespace Cti.Node.Commands;

/// <summary>Where a command writes. What a server or a file said is shown, never carried out: <see cref="VisibleText"/>.</summary>
/// <param name="Out">Results, tables.</param>
/// <param name="Error">What went wrong, in plain lines.</param>
internal sealed record Terminal(IAnsiConsole Out, TextWriter Error)
{
    /// <summary>Columns where there is no terminal, so that a table in a pipe is not folded.</summary>
    private const int PipeWidth = 200;

    /// <summary>Writes one line: not folded, nothing in it is markup or steers the terminal.</summary>
    public void Say(string line) => Out.Profile.Out.Writer.WriteLine(VisibleText.Of(line));

    /// <summary>Writes one line about what went wrong.</summary>
    public void Complain(string line) => Error.WriteLine(VisibleText.Of(line));

    /// <summary>A table's value as one line of plain text: nothing in it is markup or steers the terminal.</summary>
    public static Text Cell(object? value) => new(VisibleText.Of(value?.ToString() ?? ""));

    /// <summary>This process's standard output and error.</summary>
    public static Terminal OfProcess()
    {
        var console = AnsiConsole.Console;
        if (Console.IsOutputRedirected) console.Profile.Width = PipeWidth;
        return new(console, Console.Error);
    }
}
