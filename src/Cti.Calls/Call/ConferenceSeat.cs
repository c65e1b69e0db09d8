using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Cti.Calls.Call;

/// <summary>How far a call's way into a conference is.</summary>
public enum SeatStage
{
    /// <summary>The conference was asked; the application's request waits for its answer.</summary>
    Requested,
    /// <summary>It is in.</summary>
    Entered,
}

/// <summary>
/// A call's seat in a conference. It spans two resources, so it is a saga: the call asks, the conference journals that it entered and says so, the call
/// journals that and only then answers the application. What the call was doing (ringing, dialling a child) goes on beneath it.
/// </summary>
public sealed record ConferenceSeat
{
    /// <summary>Names the saga: messages about another one are ignored.</summary>
    public required string Op { get; init; }
    /// <summary>The conference's resource id.</summary>
    public required string Conference { get; init; }
    /// <summary>How far it is.</summary>
    public required SeatStage Stage { get; init; }
    /// <summary>When it began.</summary>
    public required long BeginMillis { get; init; }
    /// <summary>It leaves by itself after that many seconds.</summary>
    public required int MaxSeconds { get; init; }
    /// <summary>1 talk and hear, 2 hear, 3 talk, 4 neither: as asked for; later changes are the conference's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int VoiceMode { get; init; }
    /// <summary>Gain of its sound in dB; null: unchanged.</summary>
    public int? Volume { get; init; }
    /// <summary>Files that are played to the conference on entry; null for none.</summary>
    public ImmutableArray<string>? EntrySound { get; init; }
}
