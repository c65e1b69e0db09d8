using Spectre.Console;

namespace Cti.Node.Commands;

/// <summary>Where a command writes.</summary>
/// <param name="Out">Results, tables.</param>
/// <param name="Error">What went wrong, in plain lines.</param>
internal sealed record Terminal(IAnsiConsole Out, TextWriter Error)
{
    /// <summary>Columns where there is no terminal, so that a table in a pipe is not folded.</summary>
    private const int PipeWidth = 200;

    /// <summary>Writes a line as it is: not folded, nothing in it is markup.</summary>
    public void Say(string line) => Out.Profile.Out.Writer.WriteLine(line);

    /// <summary>This process's standard output and error.</summary>
    public static Terminal OfProcess()
    {
        var console = AnsiConsole.Console;
        if (Console.IsOutputRedirected) console.Profile.Width = PipeWidth;
        return new(console, Console.Error);
    }
}
