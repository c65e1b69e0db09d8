using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>Creates a conference.</summary>
public sealed record ConstructConference : ResourceCommand
{
    /// <summary>The new resource.</summary>
    public required ResourceId Id { get; init; }
    /// <summary>Whose.</summary>
    public required string Application { get; init; }
    /// <summary>Its limit in seconds.</summary>
    public required int MaxSeconds { get; init; }
    /// <summary>The resolved path of the recording that runs from the start; null for none.</summary>
    public string? RecordPath { get; init; }
    /// <summary>That recording's format, by its internal name.</summary>
    public string? RecordFormat { get; init; }
    /// <summary>Files of the background, in order.</summary>
    public ImmutableArray<string> Background { get; init; } = [];
    /// <summary>At how many remaining members it is released.</summary>
    public int PartsThreshold { get; init; } = 1;
    /// <summary>The application's own data.</summary>
    public string? UserData { get; init; }
    /// <summary>Whether <c>on_talker</c> is sent.</summary>
    public bool TalkerEvents { get; init; }
}

/// <summary><c>release</c>.</summary>
public sealed record ReleaseConference() : ResourceRequest("sys.conf.release");

/// <summary><c>get_parts</c>.</summary>
public sealed record ListMembers() : ResourceRequest("sys.conf.get_parts");

/// <summary><c>play_start</c>.</summary>
public sealed record StartConferencePlay(ImmutableArray<string> Files, bool IsLoop) : ResourceRequest("sys.conf.play_start");

/// <summary><c>play_stop</c>.</summary>
public sealed record StopConferencePlay() : ResourceRequest("sys.conf.play_stop");

/// <summary><c>record_start</c>; the path was resolved and checked.</summary>
public sealed record StartConferenceRecord(int MaxSeconds, string FullPath, string Format) : ResourceRequest("sys.conf.record_start");

/// <summary><c>record_stop</c>.</summary>
public sealed record StopConferenceRecord() : ResourceRequest("sys.conf.record_stop");

/// <summary><c>set_parts_threshold</c>.</summary>
public sealed record SetThreshold(int Value) : ResourceRequest("sys.conf.set_parts_threshold");

/// <summary><c>set_part_voice_mode</c>.</summary>
public sealed record SetMemberMode(string Call, int Mode) : ResourceRequest("sys.conf.set_part_voice_mode");

/// <summary><c>set_part_volume</c>.</summary>
public sealed record SetMemberVolume(string Call, int Volume) : ResourceRequest("sys.conf.set_part_volume");

/// <summary><c>nop</c>.</summary>
public sealed record TouchConference() : ResourceRequest("sys.conf.nop");

/// <summary>A call asks to enter.</summary>
public sealed record EnterAsked : CrossingCommand
{
    /// <summary>Names the saga.</summary>
    public required string Op { get; init; }
    /// <summary>The call.</summary>
    public required string Call { get; init; }
    /// <summary>1 talk and hear, 2 hear, 3 talk, 4 neither.</summary>
    public int VoiceMode { get; init; } = 1;
    /// <summary>Gain of its sound in dB; null: unchanged.</summary>
    public int? Volume { get; init; }
    /// <summary>The call's own data.</summary>
    public string? UserData { get; init; }
    /// <summary>Files that are played to the conference on entry, in order.</summary>
    public ImmutableArray<string> EntrySound { get; init; } = [];
    /// <summary>Whether the call is in already, and one of the two has a new owner: a conference that does not know it has put it out.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsEntered { get; init; }
    /// <summary>Where the call's node takes the conference's sound; null where both are on one node.</summary>
    public LinkSound? Link { get; init; }
    /// <summary>Set where the media side has no room for another member.</summary>
    [JsonIgnore]
    public bool NoRoom { get; init; }
}

/// <summary>A call has left, or gives up entering; of a saga that the conference does not know it means nothing.</summary>
public sealed record MemberLeaves(string Op, string Call) : CrossingCommand;

/// <summary>A member began or ceased to talk.</summary>
public sealed record MemberTalks(string Call, bool Talking) : ResourceCommand;

/// <summary>The media side has lost the conference.</summary>
public sealed record ConferenceBroke : ResourceCommand;

/// <summary>To a call: the conference's answer to <see cref="EnterAsked"/>.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Conference">The conference.</param>
/// <param name="Refusal">Why not; null when it is in.</param>
public sealed record EnterAnswered(string Op, string Conference, RpcError? Refusal) : CrossingCommand
{
    /// <summary>Where the conference's node takes the call's sound; null where both are on one node.</summary>
    public LinkSound? Link { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool AnswersHeld => Refusal is null;
}

/// <summary>To a call: it is out of the conference, which knows.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Error">The completion's error; null when the conference was released in the ordinary way.</param>
/// <param name="Message">Its message.</param>
public sealed record ConferenceParted(string Op, int? Error, string? Message) : CrossingCommand;

/// <summary>To a call: the conference asks whether it is still in, because one of the two has a new owner.</summary>
/// <param name="Op">The saga.</param>
/// <param name="Conference">The conference.</param>
public sealed record SeatAsked(string Op, string Conference) : CrossingCommand;
