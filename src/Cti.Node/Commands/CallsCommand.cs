using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Cti.Node.Commands;

/// <summary><c>cti calls</c>: the application's calls.</summary>
internal static class CallsCommand
{
    private const int PageMax = 1000;

    public static Command Build(Terminal terminal)
    {
        var access = new GatewayAccess();
        var state = new Option<string?>("--state") { Description = "Only those in this state, e.g. Idle.", HelpName = "STATE" };
        var limit = new Option<int>("--limit") { Description = "How many at most.", HelpName = "N", DefaultValueFactory = _ => 100 };
        limit.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && int.TryParse(token.Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var n) && n < 1)
                result.AddError("--limit is at least 1");
        });
        var command = new Command("calls", "Lists the application's calls.") { state, limit };
        access.AddTo(command);
        command.SetAction(async (result, cancellation) =>
        {
            using var client = access.Connect(result);
            return await RunAsync(terminal, client, result.GetValue(state), result.GetValue(limit), cancellation).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, GatewayClient client, string? state, int limit, CancellationToken cancellation)
    {
        var table = new Table().AddColumns("res_id", "direction", "state", "from", "to", "since (UTC)");
        var count = 0;
        string? after = null;
        do
        {
            var parameters = new JsonObject { ["limit"] = Math.Min(limit - count, PageMax) };
            if (state is not null) parameters["state"] = state;
            if (after is not null) parameters["after"] = after;
            var page = await client.AskAsync("sys.call.list", parameters, cancellation).ConfigureAwait(false) as JsonObject;
            foreach (var call in (page?["items"] as JsonArray ?? []).OfType<JsonObject>())
            {
                count++;
                table.AddRow(Terminal.Cell(call["res_id"]), Terminal.Cell(call["call_dir"]), Terminal.Cell(call["state"]),
                    Terminal.Cell(call["from_uri"]), Terminal.Cell(call["to_uri"]), Terminal.Cell(Time(call["begin_time"])));
            }
            after = (string?)page?["next"];
        }
        while (after is not null && count < limit);
        if (count > 0) terminal.Out.Write(table);
        terminal.Say(count == 1 ? "1 call" : string.Create(CultureInfo.InvariantCulture, $"{count} calls")
            + (after is null ? "" : ", and more: raise --limit"));
        return CommandLine.Done;
    }

    private static string Time(JsonNode? unixSeconds) =>
        unixSeconds is JsonValue value && value.TryGetValue<long>(out var seconds)
            ? DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) : "";
}
