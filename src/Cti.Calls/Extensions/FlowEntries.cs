using System.Text.Json;
using System.Text.Json.Serialization;
using Cti.Calls.Resources;

namespace Cti.Calls.Extensions;

/// <summary>A fact of a flow's journal. A discriminator or a member, once released, keeps its meaning for ever.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "t")]
[JsonDerivedType(typeof(FlowBegan), "new")]
[JsonDerivedType(typeof(PartyCalled), "call")]
[JsonDerivedType(typeof(PartyCreated), "made")]
[JsonDerivedType(typeof(PartyAnswered), "up")]
[JsonDerivedType(typeof(PartyFailed), "fail")]
[JsonDerivedType(typeof(PartyGone), "gone")]
[JsonDerivedType(typeof(ActionBegan), "act")]
[JsonDerivedType(typeof(KeysCame), "keys")]
[JsonDerivedType(typeof(PartiesConnected), "conn")]
[JsonDerivedType(typeof(RecordingBegan), "rec")]
[JsonDerivedType(typeof(RecordingEnded), "recx")]
[JsonDerivedType(typeof(FlowEnding), "end")]
[JsonDerivedType(typeof(FlowReleased), "rel")]
[JsonDerivedType(typeof(PartyHeard), "heard")]
public abstract record FlowEntry : ResourceEntry;

/// <summary>A flow exists; its first party is about to be called.</summary>
/// <param name="Id">The resource.</param>
/// <param name="Application">Whose.</param>
/// <param name="Spec">What was asked for.</param>
/// <param name="ToUri">The URI that was chosen for the first party.</param>
public sealed record FlowBegan(string Id, string Application, FlowSpec Spec, string ToUri) : FlowEntry;

/// <summary>The second party is about to be called.</summary>
public sealed record PartyCalled(int Party) : FlowEntry;

/// <summary>A party's call exists.</summary>
public sealed record PartyCreated(int Party, string Call, string ToUri) : FlowEntry;

/// <summary>A party answered.</summary>
/// <param name="Party">1 or 2.</param>
/// <param name="AnswerMillis">When, as its call says; Unix milliseconds.</param>
public sealed record PartyAnswered(int Party, long AnswerMillis) : FlowEntry;

/// <summary>The dialling of a party failed.</summary>
public sealed record PartyFailed(int Party) : FlowEntry;

/// <summary>A party's call is released, or never came to be.</summary>
/// <param name="Party">1 or 2.</param>
/// <param name="DroppedBy">Who ended it.</param>
public sealed record PartyGone(int Party, string DroppedBy) : FlowEntry;

/// <summary>The message is being played, or keys are being collected.</summary>
public sealed record ActionBegan : FlowEntry;

/// <summary>The keys that were collected.</summary>
public sealed record KeysCame(string Keys) : FlowEntry
{
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => "KeysCame";
}

/// <summary>The second party answered: the two are being connected.</summary>
/// <param name="ConnectMillis">When, Unix milliseconds.</param>
public sealed record PartiesConnected(long ConnectMillis) : FlowEntry;

/// <summary>The first party is being recorded, before there is a connection.</summary>
public sealed record RecordingBegan : FlowEntry;

/// <summary>That recording's file is complete: the connection's can go on in it.</summary>
public sealed record RecordingEnded : FlowEntry;

/// <summary>What a party's call told is known, up to that number.</summary>
/// <param name="Party">1 or 2.</param>
/// <param name="Number">The notice's number.</param>
public sealed record PartyHeard(int Party, int Number) : FlowEntry;

/// <summary>It is decided how the flow ends; what is still up is being hung up.</summary>
public sealed record FlowEnding(int? Error, string? Message) : FlowEntry;

/// <summary>The flow is over.</summary>
public sealed record FlowReleased : FlowEntry;

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(FlowEntry))]
[JsonSerializable(typeof(FlowSpec))]
internal sealed partial class FlowJson : JsonSerializerContext;

/// <summary>A journal entry's bytes. Readers of a version ship a release before its writer; the bytes of every version are golden files.</summary>
public static class FlowEntryCodec
{
    /// <summary>The version that is written.</summary>
    public const int Version = 1;

    /// <summary>The entry's bytes in <see cref="Version"/>.</summary>
    public static byte[] Encode(FlowEntry entry) => JsonSerializer.SerializeToUtf8Bytes(entry, FlowJson.Default.FlowEntry);

    /// <summary>Reads an entry of a known version.</summary>
    /// <exception cref="NotSupportedException">A newer version: this node must not own the instance.</exception>
    /// <exception cref="JsonException">The bytes are broken.</exception>
    public static FlowEntry Decode(int version, ReadOnlySpan<byte> bytes)
    {
        if (version != Version) throw new NotSupportedException($"journal entry of version {version}; this node reads {Version}");
        return JsonSerializer.Deserialize(bytes, FlowJson.Default.FlowEntry) ?? throw new JsonException("a journal entry is null");
    }
}
