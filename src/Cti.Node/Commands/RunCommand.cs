using System.CommandLine;
using System.Runtime.InteropServices;
using Cti.Node.Configuration;

namespace Cti.Node.Commands;

/// <summary><c>cti run [--config FILE] [--set KEY=VALUE]...</c></summary>
internal static class RunCommand
{
    public static Command Build(Terminal terminal)
    {
        var config = new Option<string?>("--config")
        {
            Description = "A configuration file (HOCON). Without it the embedded defaults run, with a demo at sip:demo@...", HelpName = "FILE",
        };
        var set = new Option<string[]>("--set")
        {
            Description = "Sets one key, e.g. --set cti.sip.listen=udp:127.0.0.1:5070. May be repeated.", HelpName = "KEY=VALUE",
            AllowMultipleArgumentsPerToken = false,
        };
        var command = new Command("run", "Runs a node until it is stopped by SIGINT or SIGTERM; a second signal ends it at once.") { config, set };
        command.SetAction((result, cancellation) => RunAsync(terminal, result.GetValue(config), result.GetValue(set) ?? [], cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, string? file, string[] sets, CancellationToken cancellation)
    {
        NodeConfiguration configuration;
        try
        {
            configuration = NodeConfigurationLoader.Load(ConfigurationSources.OfProcess(file, sets));
        }
        catch (ConfigurationException e)
        {
            foreach (var problem in e.Problems) terminal.Complain(problem);
            terminal.Complain(e.Problems.Length == 1
                ? "The configuration is wrong; the node does not start."
                : $"The configuration is wrong in {e.Problems.Length} places; the node does not start.");
            return CommandLine.Wrong;
        }
        foreach (var warning in configuration.Warnings) terminal.Complain("warning: " + warning);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        return await NodeHost.RunAsync(configuration, stop.Token).ConfigureAwait(false);

        void OnSignal(PosixSignalContext context)
        {
            // The second one is not cancelled, so the system ends the process.
            if (stop.IsCancellationRequested) return;
            context.Cancel = true;
            stop.Cancel();
        }
    }
}
