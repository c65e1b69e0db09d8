using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using Cti.Contract;

namespace Cti.Gateway.Documents;

/// <summary>The catalogue as an OpenRPC 1.3 document, one for each generation.</summary>
public static class OpenRpcDocument
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>UTF-8 JSON.</summary>
    /// <param name="generation">Whose.</param>
    /// <param name="version">The server's version.</param>
    /// <param name="server">Scheme and authority of this gateway as its caller reaches it, <c>http(s)://HOST:PORT</c>.</param>
    /// <param name="states">In which states methods are allowed.</param>
    public static byte[] Render(ApiGeneration generation, string version, string server, IStateTable states)
    {
        var buffer = new ArrayBufferWriter<byte>(64 * 1024);
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            writer.WriteStartObject();
            writer.WriteString("openrpc", "1.3.2");
            writer.WriteStartObject("info");
            writer.WriteString("title", $"Cti.Actors, API generation {(int)generation}");
            writer.WriteString("version", version);
            writer.WriteEndObject();
            writer.WriteStartArray("servers");
            WriteServer(writer, "POST", $"{server}/v{(int)generation}/rpc");
            // http becomes ws, https wss.
            WriteServer(writer, "WebSocket", $"ws{server.AsSpan(4)}/v{(int)generation}/rpc");
            writer.WriteEndArray();
            writer.WriteStartArray("methods");
            foreach (var method in Catalogue.Methods) Write(writer, method, generation, states);
            writer.WriteEndArray();
            writer.WriteStartArray("x-events");
            foreach (var happened in Catalogue.Events) Write(writer, happened);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, MethodDefinition method, ApiGeneration generation, IStateTable states)
    {
        var positions = method.PositionsIn(generation);
        // OpenRPC wants required parameters first; where the signature has another order, only names are safe to generate clients from.
        ParameterDefinition[] parameters = [.. method.Parameters.Where(p => p.Required), .. method.Parameters.Where(p => !p.Required)];
        writer.WriteStartObject();
        writer.WriteString("name", method.Name);
        writer.WriteString("summary", method.Doc);
        writer.WriteString("paramStructure", positions.SequenceEqual(parameters) ? "either" : "by-name");
        writer.WriteStartArray("params");
        foreach (var parameter in parameters) Write(writer, parameter, generation);
        writer.WriteEndArray();
        writer.WriteStartObject("result");
        writer.WriteString("name", "result");
        writer.WriteString("description", method.Result.Doc);
        writer.WritePropertyName("schema");
        Write(writer, method.Result);
        writer.WriteEndObject();
        writer.WriteStartArray("errors");
        foreach (var code in Catalogue.CommonErrors.Concat(method.Errors).Distinct().Order())
        {
            writer.WriteStartObject();
            writer.WriteNumber("code", code);
            writer.WriteString("message", ErrorTexts.Of(code));
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        WriteNames(writer, "x-positions", positions.Select(p => p.Name));
        writer.WriteBoolean("x-changes", method.Changes);
        writer.WriteBoolean("x-admin", method.AdminOnly);
        if (states.IsLimited(method.Name))
        {
            writer.WriteStartObject("x-states");
            foreach (var direction in Enum.GetValues<CallDirection>())
            {
                var isFor = (states.OnlyDirectionOf(method.Name) ?? direction) == direction;
                WriteNames(writer, direction.ToString().ToLowerInvariant(),
                    !isFor ? [] : states.AllowedIn(method.Name, generation, direction) is { IsEmpty: false } names ? names : ["any"]);
            }
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter writer, string member, IEnumerable<string> names)
    {
        writer.WriteStartArray(member);
        foreach (var name in names) writer.WriteStringValue(name);
        writer.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter writer, ParameterDefinition parameter, ApiGeneration generation)
    {
        writer.WriteStartObject();
        writer.WriteString("name", parameter.NameIn(generation));
        writer.WriteString("description", parameter.Doc);
        writer.WriteBoolean("required", parameter.Required);
        writer.WriteStartObject("schema");
        ParameterSchema.Write(writer, parameter, generation);
        if (!parameter.Required)
        {
            writer.WritePropertyName("default");
            ParameterSchema.WriteDefault(writer, parameter, generation);
        }
        writer.WriteEndObject();
        var others = parameter.Aliases.Append(parameter.Name).Where(n => n != parameter.NameIn(generation)).ToArray();
        if (others.Length > 0) WriteNames(writer, "x-aliases", others);
        writer.WriteEndObject();
    }

    private static void WriteServer(Utf8JsonWriter writer, string name, string url)
    {
        writer.WriteStartObject();
        writer.WriteString("name", name);
        writer.WriteString("url", url);
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, ResultDefinition result)
    {
        writer.WriteStartObject();
        writer.WriteString("type", Name(result.Type));
        WriteInside(writer, new FieldDefinition("", result.Type, "") { Fields = result.Fields });
        writer.WriteEndObject();
    }

    // What an object has, or the elements of a list.
    private static void WriteInside(Utf8JsonWriter writer, FieldDefinition field)
    {
        if (field.Type == FieldType.Object && !field.Fields.IsEmpty) WriteProperties(writer, field.Fields);
        if (field.Type != FieldType.Array || (field.Fields.IsEmpty && field.Elements.IsEmpty)) return;
        writer.WriteStartObject("items");
        if (field.IsNested)
        {
            writer.WriteString("type", Name(FieldType.Array));
            WriteInside(writer, field with { IsNested = false });
        }
        else if (field.Fields.IsEmpty)
        {
            WriteTypes(writer, [.. field.Elements.Select(Name)]);
        }
        else
        {
            writer.WriteString("type", Name(FieldType.Object));
            WriteProperties(writer, field.Fields);
        }
        writer.WriteEndObject();
    }

    private static void WriteProperties(Utf8JsonWriter writer, ImmutableArray<FieldDefinition> fields)
    {
        writer.WriteStartObject("properties");
        foreach (var field in fields)
        {
            writer.WriteStartObject(field.Name);
            WriteTypes(writer, field.Nullable ? [Name(field.Type), "null"] : [Name(field.Type)]);
            writer.WriteString("description", field.Doc);
            WriteInside(writer, field);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
        var required = fields.Where(static field => !field.Optional).Select(static field => field.Name).ToArray();
        if (required.Length > 0) WriteNames(writer, "required", required);
    }

    private static void WriteTypes(Utf8JsonWriter writer, string[] types)
    {
        if (types.Length == 1) writer.WriteString("type", types[0]);
        else WriteNames(writer, "type", types);
    }

    private static void Write(Utf8JsonWriter writer, EventDefinition happened)
    {
        writer.WriteStartObject();
        writer.WriteString("name", happened.Name);
        writer.WriteString("summary", happened.Doc);
        writer.WriteStartObject("params");
        writer.WriteString("type", "object");
        WriteProperties(writer, happened.Parameters);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static string Name(FieldType type) => type.ToString().ToLowerInvariant();
}
