using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Cti.Node.Commands;

/// <summary><c>cti trunks</c>: the trunks as each node sees them. Fails where one is down, or not registered where it should be.</summary>
internal static class TrunksCommand
{
    public static Command Build(Terminal terminal)
    {
        var access = new GatewayAccess();
        var command = new Command("trunks",
            "Lists the trunks as each node sees them. Fails if one is down at a node, or not registered although it should be.");
        access.AddTo(command);
        command.SetAction(async (result, cancellation) =>
        {
            using var client = access.Connect(result);
            return await RunAsync(terminal, client, cancellation).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, GatewayClient client, CancellationToken cancellation)
    {
        var trunks = (await client.AskAsync("sys.trunk.list", [], cancellation).ConfigureAwait(false) as JsonArray ?? []).OfType<JsonObject>()
            .OrderBy(static trunk => (string?)trunk["name"], StringComparer.Ordinal).ThenBy(static trunk => (string?)trunk["node"], StringComparer.Ordinal)
            .ToList();
        var table = new Table().AddColumns("name", "node", "state", "targets", "registered", "calls", "cps");
        foreach (var trunk in trunks)
        {
            table.AddRow(
                Terminal.Cell(trunk["name"]),
                Terminal.Cell(trunk["node"]),
                Terminal.Cell(StateOf(trunk)),
                new Rows((trunk["targets"] as JsonArray ?? []).OfType<JsonObject>().Select(static target => Terminal.Cell(WordsOf(target)))),
                Terminal.Cell(RegistrationOf(trunk)),
                Terminal.Cell(OfMost(trunk["calls"], trunk["max_calls"])),
                Terminal.Cell(CallsPerSecondOf(trunk)));
        }
        if (trunks.Count > 0) terminal.Out.Write(table);
        var names = trunks.Select(static trunk => (string?)trunk["name"]).Distinct().Count();
        terminal.Say($"{StatusCommand.Counted(names, "trunk")}, {StatusCommand.Counted(trunks.Sum(static trunk => (int?)trunk["calls"] ?? 0), "call")}");
        return trunks.All(static trunk => (bool?)trunk["up"] == true && (bool?)trunk["registered"] != false) ? CommandLine.Done : CommandLine.Failed;
    }

    private static string StateOf(JsonObject trunk) => (bool?)trunk["up"] == true ? "up" : "down";

    /// <summary>A target in words: whether it is up, since when, and where it is down why.</summary>
    private static string WordsOf(JsonObject target)
    {
        var isUp = (bool?)target["up"] == true;
        var words = $"{target["target"]} {(isUp ? "up" : "down")}";
        if (target["since"] is { } since) words += $" since {StatusCommand.Time(since)}";
        return isUp || target["code"] is not { } code ? words : $"{words}: {code} {target["reason"]}";
    }

    private static string RegistrationOf(JsonObject trunk)
    {
        if (trunk["registered"] is not { } registered) return "";
        if ((bool)registered) return $"until {StatusCommand.Time(trunk["registered_until"])}";
        return trunk["register_status"] is { } status ? $"no: {status} {trunk["register_reason"]} since {StatusCommand.Time(trunk["register_since"])}" : "no";
    }

    private static string OfMost(JsonNode? calls, JsonNode? most) => (int?)most is > 0 ? $"{calls}/{most}" : $"{calls}";

    private static string CallsPerSecondOf(JsonObject trunk)
    {
        if ((int?)trunk["calls_per_second"] is not ({ } most and > 0)) return "";
        var refused = (long?)trunk["too_fast"] ?? 0;
        return string.Create(CultureInfo.InvariantCulture, $"{most}{(refused > 0 ? $", {refused} refused" : "")}");
    }
}
