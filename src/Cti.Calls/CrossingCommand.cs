using System.Text.Json;
using System.Text.Json.Serialization;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls;

/// <summary>
/// A command from one resource to another that may live on another node: exactly these travel. Nodes of two releases talk to each other during an upgrade,
/// so a discriminator or a member, once released, keeps its meaning for ever.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "t")]
[JsonDerivedType(typeof(JoinAsked), "join")]
[JsonDerivedType(typeof(JoinAnswered), "joined")]
[JsonDerivedType(typeof(BridgeParted), "part")]
[JsonDerivedType(typeof(BridgeAsked), "on")]
[JsonDerivedType(typeof(EnterAsked), "enter")]
[JsonDerivedType(typeof(EnterAnswered), "entered")]
[JsonDerivedType(typeof(MemberLeaves), "leave")]
[JsonDerivedType(typeof(ConferenceParted), "out")]
[JsonDerivedType(typeof(SeatAsked), "in")]
[JsonDerivedType(typeof(KeyArrived), "key")]
[JsonDerivedType(typeof(ByeArrived), "bye")]
[JsonDerivedType(typeof(DialogAsked), "who")]
[JsonDerivedType(typeof(DialogTold), "me")]
public abstract record CrossingCommand : ResourceCommand;

/// <summary>
/// One end of the sound between two nodes: a media session that stands for the party on the other one. Never journaled: whoever has a new owner gets a new one.
/// </summary>
/// <param name="Id">Names the pair of sessions: an answer to an older offer is recognised by it.</param>
/// <param name="Address">IP literal at which RTP is received.</param>
/// <param name="Port">The RTP port; RTCP is the next one.</param>
public sealed record LinkSound(string Id, string Address, int Port)
{
    /// <summary>The codec, PCMU or PCMA: the offering party's own, so that nothing is transcoded on the way.</summary>
    public string? Codec { get; init; }
    /// <summary>In an offer: the SRTP key and salt, in base64, under which the offering side sends.</summary>
    public string? OwnKey { get; init; }
    /// <summary>In an offer: those under which the other side is to send.</summary>
    public string? OtherKey { get; init; }

    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"LinkSound {Address}:{Port}";
}

/// <summary>The bytes of commands that travel.</summary>
public static class CrossingCodec
{
    /// <summary>The command's bytes.</summary>
    public static byte[] Encode(CrossingCommand command) => JsonSerializer.SerializeToUtf8Bytes(command, CrossingJson.Default.CrossingCommand);

    /// <summary>Reads a command; null for one that this release does not know, or bytes that are none.</summary>
    public static CrossingCommand? TryDecode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, CrossingJson.Default.CrossingCommand);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>What it means to the sender of a command that the other resource does not exist.</summary>
public static class Nowhere
{
    /// <summary>The command that the sender is given in answer; null where it is none of its business.</summary>
    /// <param name="command">What was sent.</param>
    /// <param name="to">The resource that does not exist.</param>
    /// <param name="from">The sender.</param>
    public static ResourceCommand? AnswerTo(ResourceCommand command, string to, string from) => command switch
    {
        JoinAsked asked => new JoinAnswered(asked.Op, to, RpcError.NoSuchResource(to)),
        JoinAnswered { Refusal: null } joined => new BridgeParted(joined.Op),
        BridgeAsked asked => new BridgeParted(asked.Op),
        EnterAsked asked => new EnterAnswered(asked.Op, to, RpcError.NoSuchResource(to)),
        EnterAnswered { Refusal: null } entered => new MemberLeaves(entered.Op, to),
        SeatAsked asked => new MemberLeaves(asked.Op, to),
        ChildAsks => new ParentAnswers(to, RpcError.NoSuchResource(to), false),
        ParentAnswers { Refusal: null } or ParentLooks => new ChildDone(to),
        DialogAsked asked => new DialogTold(asked.Op, to, RpcError.NoSuchResource(to)),
        OwnedHappened => new OwnerGone(),
        _ => null,
    };

    /// <summary>Who sent a command that another resource sends; null where it does not say so.</summary>
    public static string? SenderOf(ResourceCommand command) => command switch
    {
        JoinAsked asked => asked.First,
        JoinAnswered answered => answered.Second,
        BridgeAsked asked => asked.Second,
        EnterAsked asked => asked.Call,
        EnterAnswered answered => answered.Conference,
        SeatAsked asked => asked.Conference,
        MemberLeaves left => left.Call,
        ChildAsks asks => asks.Child,
        ParentAnswers answers => answers.Parent,
        ParentLooks looks => looks.Parent,
        DialogAsked asked => asked.Call,
        DialogTold told => told.Other,
        _ => null,
    };
}

/// <summary>A refusal within JSON: its data are strings, integers, booleans or arrays of strings.</summary>
internal sealed class RpcErrorConverter : JsonConverter<RpcError>
{
    public override RpcError Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        var root = document.RootElement;
        var error = new RpcError(root.GetProperty("code").GetInt32(), root.GetProperty("message").GetString() ?? "");
        if (!root.TryGetProperty("data", out var data)) return error;
        foreach (var member in data.EnumerateObject())
        {
            if (ValueOf(member.Value) is { } value) error = error.With(member.Name, value);
        }
        return error;
    }

    public override void Write(Utf8JsonWriter writer, RpcError value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteNumber("code"u8, value.Code);
        writer.WriteString("message"u8, value.Message);
        if (value.Data is { IsEmpty: false } data)
        {
            writer.WriteStartObject("data"u8);
            foreach (var (name, member) in data.OrderBy(static pair => pair.Key, StringComparer.Ordinal)) Write(writer, name, member);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, string name, object value)
    {
        switch (value)
        {
            case string text: writer.WriteString(name, text); break;
            case bool flag: writer.WriteBoolean(name, flag); break;
            case int number: writer.WriteNumber(name, number); break;
            case long number: writer.WriteNumber(name, number); break;
            case IEnumerable<string> list:
                writer.WriteStartArray(name);
                foreach (var item in list) writer.WriteStringValue(item);
                writer.WriteEndArray();
                break;
        }
    }

    private static object? ValueOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => value.TryGetInt32(out var small) ? small : value.GetInt64(),
        JsonValueKind.Array => value.EnumerateArray().Select(static item => item.GetString() ?? "").ToArray(),
        _ => null,
    };
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Converters = [typeof(RpcErrorConverter)])]
[JsonSerializable(typeof(CrossingCommand))]
internal sealed partial class CrossingJson : JsonSerializerContext;
