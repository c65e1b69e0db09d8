using System.Text.Json;

namespace Cti.Calls.Extensions;

/// <summary>What a flow reads in an event of one of its calls.</summary>
internal sealed record OwnedNews(FlowEnd End, long? AnswerSeconds, long EndSeconds, string Keys, string DroppedBy)
{
    public static OwnedNews Read(ReadOnlyMemory<byte> parameters)
    {
        using var document = JsonDocument.Parse(parameters);
        var root = document.RootElement;
        var end = new FlowEnd(null, null);
        if (root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
            end = new FlowEnd(error.GetProperty("code").GetInt32(), error.GetProperty("message").GetString());
        return new OwnedNews(end, Number(root, "answer_time"), Number(root, "end_time") ?? 0, Text(root, "keys"), Text(root, "dropped_by"));
    }

    private static long? Number(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : null;

    private static string Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    public override string ToString() => nameof(OwnedNews);
}
