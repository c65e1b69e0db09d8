using System.CommandLine;

namespace Cti.Node.Commands;

/// <summary>The command line of <c>cti</c>. Exit codes: 0 done, 1 it failed, 2 the command line or the configuration is wrong.</summary>
internal static class CommandLine
{
    public const int Done = 0, Failed = 1, Wrong = 2;

    public static async Task<int> RunAsync(string[] arguments, Terminal terminal, CancellationToken cancellation)
    {
        var result = Build(terminal).Parse(arguments);
        if (result.Errors.Count > 0)
        {
            foreach (var error in result.Errors) terminal.Complain("cti: " + error.Message);
            terminal.Complain("cti --help lists what there is.");
            return Wrong;
        }
        // A node takes its time to stop, so the signals are its own affair and not the parser's.
        var invocation = new InvocationConfiguration
        {
            ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false, Output = terminal.Out.Profile.Out.Writer, Error = terminal.Error,
        };
        try
        {
            return await result.InvokeAsync(invocation, cancellation).ConfigureAwait(false);
        }
        catch (CommandException e)
        {
            terminal.Complain("cti: " + e.Message);
            return Failed;
        }
    }

    private static RootCommand Build(Terminal terminal) =>
        new("A telephony server: SIP and RTP to telephones and carriers, JSON-RPC to applications.")
        {
            RunCommand.Build(terminal),
            StatusCommand.Build(terminal),
            TrunksCommand.Build(terminal),
            DrainCommand.Build(terminal),
            CallsCommand.Build(terminal),
            CallCommand.Build(terminal),
            KeyCommand.Build(terminal),
        };
}
