using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Cti.Calls.Resources;

namespace Cti.Calls.Conference;

/// <summary>
/// A fact of a conference's journal. Short discriminators keep the rows small; a discriminator or a member, once released, keeps its meaning for ever.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "t")]
[JsonDerivedType(typeof(ConferenceMade), "new")]
[JsonDerivedType(typeof(MemberEntered), "in")]
[JsonDerivedType(typeof(MemberChanged), "chg")]
[JsonDerivedType(typeof(MemberExited), "out")]
[JsonDerivedType(typeof(ThresholdSet), "thr")]
[JsonDerivedType(typeof(PlayBegan), "play")]
[JsonDerivedType(typeof(PlayEnded), "playx")]
[JsonDerivedType(typeof(RecordingSet), "rec")]
[JsonDerivedType(typeof(RecordingEnded), "recx")]
[JsonDerivedType(typeof(ChildSet), "child")]
[JsonDerivedType(typeof(ChildForgotten), "childx")]
[JsonDerivedType(typeof(ConferenceReleased), "rel")]
public abstract record ConferenceEntry : ResourceEntry;

/// <summary>A conference exists.</summary>
public sealed record ConferenceMade(string Id, string Application, int MaxSeconds, ImmutableArray<string> Background, int PartsThreshold,
    bool TalkerEvents, string? UserData) : ConferenceEntry;

/// <summary>A call is in.</summary>
public sealed record MemberEntered(Participant Member) : ConferenceEntry;

/// <summary>What a member may do, its volume, or whether it talks has changed.</summary>
public sealed record MemberChanged(Participant Member) : ConferenceEntry;

/// <summary>A call is out.</summary>
public sealed record MemberExited(string Call) : ConferenceEntry;

/// <summary>The threshold changed.</summary>
public sealed record ThresholdSet(int Value) : ConferenceEntry;

/// <summary>A play was started.</summary>
public sealed record PlayBegan(ConferencePlay Play) : ConferenceEntry;

/// <summary>The play ended.</summary>
public sealed record PlayEnded : ConferenceEntry;

/// <summary>A recording was started, or moved on.</summary>
public sealed record RecordingSet(ConferenceRecording Recording) : ConferenceEntry;

/// <summary>The recording ended.</summary>
public sealed record RecordingEnded : ConferenceEntry;

/// <summary>A call is dialled for the conference, or its dialling moved on.</summary>
public sealed record ChildSet(RingingChild Child) : ConferenceEntry;

/// <summary>That dialling is over.</summary>
public sealed record ChildForgotten(string Child) : ConferenceEntry;

/// <summary>The conference is over.</summary>
public sealed record ConferenceReleased : ConferenceEntry;

/// <summary>A journal entry's bytes. Readers of a version ship a release before its writer; the bytes of every version are golden files.</summary>
public static class ConferenceEntryCodec
{
    /// <summary>The version that is written.</summary>
    public const int Version = 1;

    /// <summary>The entry's bytes in <see cref="Version"/>.</summary>
    public static byte[] Encode(ConferenceEntry entry) => JsonSerializer.SerializeToUtf8Bytes(entry, ConferenceJson.Default.ConferenceEntry);

    /// <summary>Reads an entry of a known version.</summary>
    /// <exception cref="NotSupportedException">A newer version: this node must not own the instance.</exception>
    /// <exception cref="JsonException">The bytes are broken.</exception>
    public static ConferenceEntry Decode(int version, ReadOnlySpan<byte> bytes)
    {
        if (version != Version) throw new NotSupportedException($"conference entry of version {version}; this node reads {Version}");
        return JsonSerializer.Deserialize(bytes, ConferenceJson.Default.ConferenceEntry) ?? throw new JsonException("a journal entry is null");
    }
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ConferenceEntry))]
internal sealed partial class ConferenceJson : JsonSerializerContext;
