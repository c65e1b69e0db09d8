using System.Text.Json.Nodes;

namespace Cti.Acceptance.Infrastructure;

/// <summary>The dashboard of cluster-compose/: what its panels ask Prometheus.</summary>
internal static class Dashboard
{
    /// <summary>Each query with its panel's title; every node is chosen.</summary>
    public static IReadOnlyList<(string Panel, string Query)> Queries(string composeFolder)
    {
        var dashboard = JsonNode.Parse(File.ReadAllText(Path.Combine(composeFolder, "grafana", "dashboards", "cluster.json")))!;
        return [.. from panel in dashboard["panels"]!.AsArray()
            from target in panel!["targets"] as JsonArray ?? []
            select ((string)panel["title"]!, ((string)target!["expr"]!).Replace("$node", ".*", StringComparison.Ordinal))];
    }

    /// <summary>Whether a query has an answer also where nothing goes wrong and no application is connected: one that shows faults alone has none.</summary>
    public static bool AlwaysAnswers(string query) => query.Contains("cti_", StringComparison.Ordinal) && !query.Contains("> 0", StringComparison.Ordinal)
        && !query.Contains("code!=", StringComparison.Ordinal) && !query.Contains("cti_trunk_up == 0", StringComparison.Ordinal)
        && (!query.Contains("cti_gateway_", StringComparison.Ordinal) || query.Contains("cti_gateway_request", StringComparison.Ordinal));
}
