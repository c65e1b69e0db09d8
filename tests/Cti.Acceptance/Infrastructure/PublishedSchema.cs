using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cti.Acceptance.Infrastructure;

/// <summary>
/// The schemas that <c>rpc.discover</c> publishes, and real answers held against them: of the type given, with every field that is required and none that is
/// not told of, all the way down. Reads as much of JSON Schema as the document uses.
/// </summary>
internal sealed class PublishedSchema
{
    private readonly Dictionary<string, JsonObject> _results, _events;

    private PublishedSchema(JsonNode document)
    {
        _results = document["methods"]!.AsArray()
            .ToDictionary(static m => (string)m!["name"]!, static m => m!["result"]!["schema"]!.AsObject(), StringComparer.Ordinal);
        _events = document["x-events"]!.AsArray().ToDictionary(static e => (string)e!["name"]!, static e => e!["params"]!.AsObject(), StringComparer.Ordinal);
    }

    public static async Task<PublishedSchema> DiscoverAsync(RpcClient app) => new((await app.AskAsync("rpc.discover"))!);

    public void CheckResult(string method, JsonNode? result) => Check(_results[method], result, method);

    public void CheckEvent(string happened, JsonObject parameters) => Check(_events[happened], parameters, happened);

    private static void Check(JsonObject schema, JsonNode? value, string where)
    {
        var types = schema["type"] is JsonArray several ? [.. several.Select(static t => (string)t!)] : new[] { (string)schema["type"]! };
        types.ShouldContain(TypeOf(value), $"{where} is {value?.ToJsonString() ?? "null"}");
        if (value is JsonObject members && schema["properties"] is JsonObject properties)
        {
            foreach (var required in schema["required"]?.AsArray() ?? []) members.ContainsKey((string)required!).ShouldBeTrue($"{where} has {required}");
            foreach (var (name, member) in members)
            {
                properties.ContainsKey(name).ShouldBeTrue($"{where}.{name} is told of");
                Check(properties[name]!.AsObject(), member, $"{where}.{name}");
            }
        }
        // Whatever has fields says which; rpc.discover answers a document of another's making.
        else if (value is JsonObject && where != "rpc.discover")
        {
            throw new ShouldAssertException($"{where} is an object of which nothing is told");
        }
        if (value is JsonArray elements)
        {
            schema.ContainsKey("items").ShouldBeTrue($"{where}: what its elements are is told");
            for (var i = 0; i < elements.Count; i++) Check(schema["items"]!.AsObject(), elements[i], $"{where}[{i}]");
        }
    }

    private static string TypeOf(JsonNode? value) => value switch
    {
        null => "null",
        JsonArray => "array",
        JsonObject => "object",
        _ => value.GetValueKind() switch
        {
            JsonValueKind.True or JsonValueKind.False => "boolean",
            JsonValueKind.String => "string",
            _ => value.ToJsonString().AsSpan().ContainsAny(".eE") ? "number" : "integer",
        },
    };
}
