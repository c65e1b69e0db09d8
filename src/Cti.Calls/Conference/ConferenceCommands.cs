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

/// <summary>A member began or ceased to talk.</summary>
public sealed record MemberTalks(string Call, bool Talking) : ResourceCommand;

/// <summary>The media side has lost the conference.</summary>
public sealed record ConferenceBroke : ResourceCommand;
