using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Requests;

/// <summary>What a message on the channel of requests is.</summary>
internal enum RequestMessage : byte
{
    /// <summary>A request for an instance, or for the node itself.</summary>
    Ask = 1,
    /// <summary>Its result, as UTF-8 JSON.</summary>
    Result = 2,
    /// <summary>Its refusal.</summary>
    Refusal = 3,
    /// <summary>The node does not own the instance: nothing was done.</summary>
    NotOwner = 4,
}

/// <summary>
/// Requests and answers between nodes. Named members rather than places, so that nodes of two versions understand each other during an upgrade.
/// <code>
///   | kind, 1 byte | number of the question, 8 bytes | UTF-8 JSON |
/// </code>
/// </summary>
internal static class RequestWire
{
    private const int HeaderBytes = 9;

    public static RequestMessage KindOf(ReadOnlySpan<byte> message) => message.Length < HeaderBytes ? default : (RequestMessage)message[0];

    public static long NumberOf(ReadOnlySpan<byte> message) => BinaryPrimitives.ReadInt64BigEndian(message[1..]);

    public static ReadOnlyMemory<byte> BodyOf(ReadOnlyMemory<byte> message) => message[HeaderBytes..];

    public static ReadOnlyMemory<byte> NotOwner(long number) => Begin(RequestMessage.NotOwner, number, 0).WrittenMemory;

    public static ReadOnlyMemory<byte> Reply(long number, RpcReply reply)
    {
        if (reply.Error is not { } error)
        {
            var result = Begin(RequestMessage.Result, number, reply.Result.Length);
            result.Write(reply.Result.Span);
            return result.WrittenMemory;
        }
        var buffer = Begin(RequestMessage.Refusal, number, 256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteNumber("code"u8, error.Code);
        json.WriteString("message"u8, error.Message);
        if (error.Data is { } data)
        {
            json.WritePropertyName("data"u8);
            WriteValue(json, data);
        }
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    public static RpcError ReadRefusal(ReadOnlyMemory<byte> body)
    {
        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        return new RpcError(root.GetProperty("code").GetInt32(), root.GetProperty("message").GetString()!,
            root.TryGetProperty("data", out var data) ? (ImmutableDictionary<string, object>)ReadValue(data)! : null);
    }

    /// <param name="number">Names the question on the asking node.</param>
    /// <param name="request">The request.</param>
    /// <param name="instance">The instance; -1 for the node itself.</param>
    /// <param name="missing">A second resource that is not there.</param>
    public static ReadOnlyMemory<byte> Ask(long number, RpcRequest request, int instance, string? missing)
    {
        var buffer = Begin(RequestMessage.Ask, number, 512);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteNumber("instance"u8, instance);
        if (missing is not null) json.WriteString("missing"u8, missing);
        json.WriteString("application"u8, request.Application);
        if (request.Admin) json.WriteBoolean("admin"u8, true);
        json.WriteNumber("generation"u8, (int)request.Generation);
        json.WriteString("method"u8, request.Method);
        if (request.RequestId is { } id)
        {
            json.WriteString("id"u8, id);
            json.WriteNumber("hash"u8, request.ParametersHash);
        }
        json.WritePropertyName("params"u8);
        json.WriteStartObject();
        foreach (var (name, value) in request.Arguments.Values)
        {
            json.WritePropertyName(name);
            WriteValue(json, value);
        }
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    /// <returns>The request is null where this version has no such method.</returns>
    public static (RpcRequest? Request, string Method, int Instance, string? Missing) ReadAsk(ReadOnlyMemory<byte> body)
    {
        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var member in root.GetProperty("params").EnumerateObject()) values[member.Name] = ReadValue(member.Value);
        Guid? id = root.TryGetProperty("id", out var given) ? given.GetGuid() : null;
        var method = root.GetProperty("method").GetString()!;
        var request = Catalogue.Find(method) is not { } definition ? null : new RpcRequest(root.GetProperty("application").GetString()!,
            root.TryGetProperty("admin", out _), (ApiGeneration)root.GetProperty("generation").GetInt32(),
            definition, new RpcArguments(values), id, id is null ? 0 : root.GetProperty("hash").GetUInt64());
        return (request, method, root.GetProperty("instance").GetInt32(), root.TryGetProperty("missing", out var missing) ? missing.GetString() : null);
    }

    private static ArrayBufferWriter<byte> Begin(RequestMessage kind, long number, int expected)
    {
        var buffer = new ArrayBufferWriter<byte>(HeaderBytes + expected);
        var header = buffer.GetSpan(HeaderBytes);
        header[0] = (byte)kind;
        BinaryPrimitives.WriteInt64BigEndian(header[1..], number);
        buffer.Advance(HeaderBytes);
        return buffer;
    }

    /// <summary>What JSON does not tell apart is wrapped: 64-bit numbers, play content, and members of an error that are objects.</summary>
    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null: json.WriteNullValue(); break;
            case string text: json.WriteStringValue(text); break;
            case bool truth: json.WriteBooleanValue(truth); break;
            case int number: json.WriteNumberValue(number); break;
            case long number:
                json.WriteStartObject();
                json.WriteNumber("$long"u8, number);
                json.WriteEndObject();
                break;
            case ImmutableArray<string> texts: WriteTexts(json, texts.IsDefault ? [] : texts); break;
            case string[] texts:
                json.WriteStartObject();
                json.WritePropertyName("$texts"u8);
                WriteTexts(json, texts);
                json.WriteEndObject();
                break;
            case PlayContent content: WriteContent(json, content); break;
            case ImmutableDictionary<string, object> members:
                json.WriteStartObject();
                foreach (var (name, member) in members.OrderBy(static member => member.Key, StringComparer.Ordinal))
                {
                    json.WritePropertyName(name);
                    WriteValue(json, member);
                }
                json.WriteEndObject();
                break;
            default: throw new NotSupportedException($"a value of type {value.GetType().Name} does not travel between nodes");
        }
    }

    private static void WriteTexts(Utf8JsonWriter json, IEnumerable<string> texts)
    {
        json.WriteStartArray();
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static void WriteContent(Utf8JsonWriter json, PlayContent content)
    {
        json.WriteStartObject();
        json.WriteStartArray("$play"u8);
        foreach (var element in content.Elements)
        {
            json.WriteStartArray();
            json.WriteNumberValue(element.Type);
            json.WriteStringValue(element.Text);
            json.WriteStringValue(element.Options);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static object? ReadValue(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Null: return null;
            case JsonValueKind.String: return value.GetString();
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.Number: return value.GetInt32();
            case JsonValueKind.Array: return value.EnumerateArray().Select(static text => text.GetString()!).ToImmutableArray();
            default:
                if (value.TryGetProperty("$long", out var number)) return number.GetInt64();
                if (value.TryGetProperty("$texts", out var texts)) return texts.EnumerateArray().Select(static text => text.GetString()!).ToArray();
                if (value.TryGetProperty("$play", out var play))
                    return new PlayContent([.. play.EnumerateArray().Select(static element =>
                        new PlayElement(element[0].GetInt32(), element[1].GetString()!, element[2].GetString()!))]);
                return value.EnumerateObject().ToImmutableDictionary(static member => member.Name, static member => ReadValue(member.Value)!);
        }
    }
}

[JsonSerializable(typeof(JsonElement))]
internal sealed partial class RequestWireJson : JsonSerializerContext;
