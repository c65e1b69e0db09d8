using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Cti.Node.Commands;

/// <summary><c>cti drain NODE</c>: a node takes nothing new and hands over what it has; says when it may be stopped.</summary>
internal static class DrainCommand
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);

    public static Command Build(Terminal terminal)
    {
        var access = new GatewayAccess();
        var node = new Argument<string>("NODE") { Description = "The node's name, as cti status shows it." };
        var timeout = new Option<int>("--timeout")
        {
            Description = "How many seconds to wait until it is empty; 0 does not wait.", HelpName = "SECONDS", DefaultValueFactory = _ => 300,
        };
        timeout.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && int.TryParse(token.Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var n) && n < 0)
                result.AddError("--timeout is 0 or more");
        });
        var command = new Command("drain",
            "Lets a node take no new call and hand its calls over to the others, and waits until it is empty. It then may be stopped.") { node, timeout };
        access.AddTo(command);
        command.SetAction(async (result, cancellation) =>
        {
            using var client = access.Connect(result);
            return await RunAsync(terminal, client, result.GetValue(node)!, TimeSpan.FromSeconds(result.GetValue(timeout)), cancellation).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, GatewayClient client, string node, TimeSpan patience, CancellationToken cancellation)
    {
        var began = Stopwatch.GetTimestamp();
        await client.PostAsync($"/nodes/{Uri.EscapeDataString(node)}/drain", cancellation).ConfigureAwait(false);
        if (patience == TimeSpan.Zero)
        {
            terminal.Say($"{node} drains");
            return CommandLine.Done;
        }
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        over.CancelAfter(patience);
        using var tick = new PeriodicTimer(LookEvery);
        var last = "";
        try
        {
            while (true)
            {
                var found = (await client.AskAsync("sys.node.list", [], over.Token).ConfigureAwait(false) as JsonArray ?? []).OfType<JsonObject>()
                    .FirstOrDefault(one => (string?)one["name"] == node);
                if (found is null)
                {
                    terminal.Say($"{node} has left the cluster, {Took(began)}");
                    return CommandLine.Done;
                }
                var (instances, calls) = ((int?)found["instances"] ?? 0, (int?)found["calls"]);
                if (calls == 0 && (instances == 0 || IsAlone(found)))
                {
                    terminal.Say(instances == 0 ? $"{node} is empty and may be stopped, {Took(began)}"
                        : $"{node} has no call and may be stopped, {Took(began)}; it keeps its instances, as there is no other node to have them");
                    return CommandLine.Done;
                }
                var now = $"{node} drains: {StatusCommand.Counted(instances, "instance")}, "
                    + $"{(calls is { } left ? StatusCommand.Counted(left, "call") : "calls unknown, it does not answer")}";
                if (now != last) terminal.Say(last = now);
                await tick.WaitForNextTickAsync(over.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CommandException($"{node} is not empty after {patience.TotalSeconds:0} s ({last}); it goes on draining. Calls that ring, or that no "
                + "other node can take, keep it");
        }
    }

    private static string Took(long began) => string.Create(CultureInfo.InvariantCulture, $"after {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s");

    /// <summary>Where there is no other node, its instances stay, and its calls end by themselves.</summary>
    private static bool IsAlone(JsonObject node) => (bool?)node["alone"] == true;
}
