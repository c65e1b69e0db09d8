using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Cti.Node.Commands;

/// <summary>The part of <c>cti status</c> that tells what Akka has made of the cluster: members, shards, leases.</summary>
/// <param name="terminal">Where it is written.</param>
/// <param name="nodes">What <c>sys.node.list</c> has answered.</param>
internal sealed class ClusterReport(Terminal terminal, IReadOnlyList<JsonObject> nodes)
{
    /// <summary>The nodes that told their part; the first one's view of the members is shown.</summary>
    private readonly List<(JsonObject Node, JsonObject Cluster)> _told =
        [.. nodes.Where(static node => node["cluster"] is JsonObject).Select(static node => (node, (JsonObject)node["cluster"]!))];

    private readonly bool _isAnswered = nodes.Any(static node => node["calls"] is not null);

    /// <summary>Writes members and shards.</summary>
    public void Write()
    {
        if (_told is not [var (seer, seen), ..])
        {
            if (_isAnswered) terminal.Say("no cluster: the node is alone (cti.cluster.listen is not set)");
            return;
        }
        var table = new Table().AddColumns("member", "address", "roles", "status", "reachable", "shards", "leases", "epochs");
        var members = MembersOf(seen);
        foreach (var member in members)
        {
            var (node, own) = _told.FirstOrDefault(told => IsOf(told.Cluster, member));
            table.AddRow(
                Terminal.Cell(member["name"] ?? "no row"),
                Terminal.Cell(member["address"]),
                Terminal.Cell(string.Join(", ", (member["roles"] as JsonArray ?? []).Select(static role => role?.ToString()))),
                Terminal.Cell(member["status"]),
                Terminal.Cell((bool?)member["reachable"] == false ? "no" : "yes"),
                Terminal.Cell(own is null ? null : ShardsOf(own)),
                Terminal.Cell(node?["instances"]),
                Terminal.Cell(own is null ? null : EpochsOf(own)));
        }
        terminal.Out.Write(table);
        terminal.Say($"members as {seer["name"]} sees them; shard coordinator: {seen["coordinator"]?.ToString() ?? "none yet"}");
        foreach (var (other, cluster) in _told.Skip(1))
        {
            if (Words(cluster) != Words(seen)) terminal.Say($"{other["name"]} sees other members: {Words(cluster)}");
        }
        foreach (var (node, cluster) in _told)
        {
            if (!members.Any(member => IsOf(cluster, member))) terminal.Say($"{node["name"]} is no member of these; its own status: {cluster["status"]}");
        }
        var (all, living) = ((int?)seen["instances"] ?? 0, _told.Sum(static told => (int?)told.Cluster["shards"] ?? 0));
        terminal.Say($"{StatusCommand.Counted(all, "shard")}, {Math.Max(0, all - living)} unallocated; "
            + $"{StatusCommand.Counted(all - ((int?)seen["instances_unowned"] ?? 0), "lease")}, {(int?)seen["instances_unowned"] ?? 0} without an owner");
    }

    /// <summary>Writes each lease: its owner, its epoch, and how far the owner's journal is behind.</summary>
    public void WriteLeases()
    {
        if (_told.Count == 0) return;
        var table = new Table().AddColumns("instance", "owner", "epoch", "lag (ms)");
        var leases = from told in _told
                     from lease in (told.Cluster["leases"] as JsonArray ?? []).OfType<JsonObject>()
                     orderby (int?)lease["instance"]
                     select (told.Node, lease);
        foreach (var (node, lease) in leases)
            table.AddRow(Terminal.Cell(lease["instance"]), Terminal.Cell(node["name"]), Terminal.Cell(lease["epoch"]), Terminal.Cell(node["lag_ms"]));
        terminal.Out.Write(table);
    }

    private static List<JsonObject> MembersOf(JsonObject cluster) => [.. (cluster["members"] as JsonArray ?? []).OfType<JsonObject>()];

    private static bool IsOf(JsonObject cluster, JsonObject member) => (string?)cluster["address"] == (string?)member["address"];

    private static string ShardsOf(JsonObject cluster) => (int?)cluster["shards_waiting"] is > 0 and var waiting
        ? string.Create(CultureInfo.InvariantCulture, $"{cluster["shards"]} (+{waiting} waiting)") : $"{cluster["shards"]}";

    private static string EpochsOf(JsonObject cluster)
    {
        var epochs = (cluster["leases"] as JsonArray ?? []).Select(static lease => (long?)lease?["epoch"] ?? 0).ToList();
        return epochs.Count == 0 ? "" : epochs.Min() == epochs.Max() ? $"{epochs[0]}" : $"{epochs.Min()}-{epochs.Max()}";
    }

    private static string Words(JsonObject cluster) => MembersOf(cluster) is { Count: > 0 } members
        ? string.Join(", ", members.Select(static member =>
            $"{member["name"] ?? member["address"]} {member["status"]}{((bool?)member["reachable"] == false ? " unreachable" : "")}"))
        : "none";
}
