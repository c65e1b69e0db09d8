using System.Text.Json.Serialization;

namespace Cti.Calls.Call;

/// <summary>How far a bridge is.</summary>
public enum BridgeStage
{
    /// <summary>The second party was asked; the application's request waits for its answer.</summary>
    Requested,
    /// <summary>Both are in it.</summary>
    Connected,
    /// <summary>It is over, and its recording is being completed: the completion is told when the file is.</summary>
    Ending,
}

/// <summary>
/// A bridge between two calls, as each of them journals it. It spans two resources, so it is a saga: the first party asks, the second journals that it
/// joined and says so, the first journals that it began and only then answers the application.
/// <code>
///   first   Idle ──request──► Requested ──joined──► Connected ──stop, limit, either hang-up──► (Ending: the file is completed) ──► Idle
///                                 └──refused──► Idle
///   second  Idle ──asked───────────────────────► Connected ──parted, own hang-up─────────────► Idle
/// </code>
/// When either has a new owner, the first asks again under the same op (which the second answers again), the second asks whether the op is still on; an op
/// that the asked one does not know is over. A first party that had not begun when it was lost gives up: nobody was answered.
/// </summary>
public sealed record Bridge
{
    /// <summary>Names the saga: messages about another one are ignored.</summary>
    public required string Op { get; init; }
    /// <summary>The other call.</summary>
    public required string Peer { get; init; }
    /// <summary>Whether this call is the first party: it alone reports the end.</summary>
    public required bool IsFirst { get; init; }
    /// <summary>How far it is.</summary>
    public required BridgeStage Stage { get; init; }
    /// <summary>When it began.</summary>
    public required long BeginMillis { get; init; }
    /// <summary>Its number in the media side; 0 with the second party.</summary>
    public long Number { get; init; }
    /// <summary>What the application asked for; null with the second party.</summary>
    public BridgeSpec? Spec { get; init; }
    /// <summary>How it will have ended, once its recording is complete.</summary>
    public ActionEnding? Ending { get; init; }
    /// <summary>When the wait for its recording ends whatever happens; 0 while it is not over.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long EndingUntilMillis { get; init; }
    /// <summary>Whether the media side has already ended it, recording and all.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsMediaOver { get; init; }
    /// <summary>When the first party's former owner was lost: until then the scheduled play was heard; 0 while it never was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long LostAtMillis { get; init; }
    /// <summary>Whether the scheduled play was started, or is past.</summary>
    public bool IsSchedulePlayed { get; init; }
}

/// <summary>Parameters of <c>connect_start</c>.</summary>
public sealed record BridgeSpec
{
    /// <summary>The limit in seconds.</summary>
    public required int MaxSeconds { get; init; }
    /// <summary>1 both hear; 2 only the second hears the first; 3 only the first hears the second.</summary>
    public int Mode { get; init; } = 1;
    /// <summary>Gain of the first party's sound in dB, -20..20.</summary>
    public int LocalVolume { get; init; }
    /// <summary>Gain of the second party's sound in dB, -20..20.</summary>
    public int RemoteVolume { get; init; }
    /// <summary>The recording's full path; null for none.</summary>
    public string? RecordPath { get; init; }
    /// <summary>Its format's internal name.</summary>
    public string? RecordFormat { get; init; }
    /// <summary>Whether it goes on in the file that is there.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingDefault)]
    public bool AppendsRecording { get; init; }
    /// <summary>Unix seconds at which a file is played to both; 0 for none.</summary>
    public long ScheduleAtSeconds { get; init; }
    /// <summary>That file.</summary>
    public string? ScheduleFile { get; init; }
    /// <summary>How often it is played.</summary>
    public int ScheduleTimes { get; init; }
}
