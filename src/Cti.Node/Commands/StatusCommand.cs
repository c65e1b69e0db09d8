using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Cti.Node.Commands;

/// <summary><c>cti status</c>: whether the node is ready, and the nodes of its cluster.</summary>
internal static class StatusCommand
{
    public static Command Build(Terminal terminal)
    {
        var access = new GatewayAccess();
        var leases = new Option<bool>("--leases") { Description = "Also each lease: its owner, its epoch, and how far its owner's journal is behind." };
        var command = new Command("status", "Shows whether a node is ready, the nodes of its cluster, its members and shards. Fails if it is not ready.")
        {
            leases,
        };
        access.AddTo(command);
        command.SetAction(async (result, cancellation) =>
        {
            using var client = access.Connect(result);
            return await RunAsync(terminal, client, result.GetValue(leases), cancellation).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, GatewayClient client, bool withLeases, CancellationToken cancellation)
    {
        var whyNot = await client.WhyNotReadyAsync(cancellation).ConfigureAwait(false);
        terminal.Say(whyNot is null ? $"{client.Url} is ready" : $"{client.Url} is not ready: {whyNot}");
        var nodes = await client.AskAsync("sys.node.list", [], cancellation).ConfigureAwait(false) as JsonArray ?? [];
        var table = new Table().AddColumns("node", "roles", "version", "instances", "epoch", "calls", "lag (ms)", "state", "trunks");
        foreach (var node in nodes.OfType<JsonObject>())
        {
            table.AddRow(
                Terminal.Cell(node["name"]),
                Terminal.Cell(string.Join(", ", (node["roles"] as JsonArray ?? []).Select(r => r?.ToString()))),
                Terminal.Cell(node["version"]),
                Terminal.Cell(node["instances"]),
                Terminal.Cell(node["epoch"]),
                Terminal.Cell(node["calls"]),
                Terminal.Cell(node["lag_ms"]),
                Terminal.Cell(StateOf(node)),
                Terminal.Cell(string.Join(", ", (node["trunks"] as JsonArray ?? []).OfType<JsonObject>().Select(WordsOf))));
        }
        terminal.Out.Write(table);
        var cluster = new ClusterReport(terminal, [.. nodes.OfType<JsonObject>()]);
        cluster.Write();
        if (withLeases) cluster.WriteLeases();
        terminal.Say($"{Counted(nodes.Count, "node")}, {Counted(Sum(nodes, "instances"), "instance")}, {Counted(Sum(nodes, "calls"), "call")}");
        return whyNot is null ? CommandLine.Done : CommandLine.Failed;
    }

    /// <summary>How much it has to do is what a node says itself: who does not answer says nothing.</summary>
    private static string StateOf(JsonObject node) => node["calls"] is null ? "does not answer" : (bool?)node["draining"] == true ? "draining" : "up";

    /// <summary>A trunk in words: whether it is up and, where the node registers there, whether that holds, until when, and why not.</summary>
    private static string WordsOf(JsonObject trunk)
    {
        var words = $"{trunk["name"]} {((bool?)trunk["up"] == true ? "up" : "down")}";
        if (trunk["registered"] is not { } registered) return words;
        words += (bool)registered ? $" (registered until {Time(trunk["registered_until"])}" : " (not registered";
        if (trunk["register_status"] is { } status) words += $": {status} {trunk["register_reason"]} since {Time(trunk["register_since"])}";
        return words + ")";
    }

    /// <summary>A moment, in UTC.</summary>
    internal static string Time(JsonNode? unixSeconds) => unixSeconds is null ? "?"
        : DateTimeOffset.FromUnixTimeSeconds((long)unixSeconds).UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static int Sum(JsonArray nodes, string what) => nodes.OfType<JsonObject>().Sum(node => (int?)node[what] ?? 0);

    /// <summary>A number of things.</summary>
    internal static string Counted(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");
}
