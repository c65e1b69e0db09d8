using System.Collections.Immutable;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;

namespace Cti.Calls.Conference;

/// <summary>The documented states of a conference (sys.conf).</summary>
public enum ConferencePhase
{
    /// <summary>Exists, nobody is in.</summary>
    Initiated,
    /// <summary>Somebody is in.</summary>
    Active,
    /// <summary>Over.</summary>
    Released,
}

/// <summary>
/// A conference as its journal tells it: <see cref="ConferenceDecider.Apply"/> folds entries into it, <see cref="ConferenceDecider.Decide"/> reads it.
/// Times are Unix milliseconds.
/// </summary>
public sealed record ConferenceState : ResourceState
{
    /// <summary>Its limit in seconds.</summary>
    public required int MaxSeconds { get; init; }
    /// <summary>Files that are looped as background, in order; empty for none.</summary>
    public ImmutableArray<string> Background { get; init; } = [];
    /// <summary>Once a second member has been in and one leaves, it is released when at most so many remain; negative never.</summary>
    public required int PartsThreshold { get; init; }
    /// <summary>Whether <c>on_talker</c> is sent.</summary>
    public bool TalkerEvents { get; init; }
    /// <summary>Who is in, the longest first.</summary>
    public ImmutableArray<Participant> Members { get; init; } = [];
    /// <summary>Whether two have been in at once.</summary>
    public bool HadTwo { get; init; }
    /// <summary>Since when nobody is in; meaningless while somebody is.</summary>
    public long EmptySinceMillis { get; init; }
    /// <summary>Plays and recordings started so far: the last one's number in the media side.</summary>
    public long ActionCount { get; init; }
    /// <summary>The play that runs.</summary>
    public ConferencePlay? Play { get; init; }
    /// <summary>The recording that runs.</summary>
    public ConferenceRecording? Recording { get; init; }
    /// <summary>Calls that are dialled for it: everyone hears them ring.</summary>
    public ImmutableArray<RingingChild> Children { get; init; } = [];
    /// <summary>Whether it is over.</summary>
    public bool WasReleased { get; init; }

    /// <summary>The documented state: it follows from the facts.</summary>
    public ConferencePhase Phase => WasReleased ? ConferencePhase.Released : Members.IsEmpty ? ConferencePhase.Initiated : ConferencePhase.Active;

    /// <summary>Whether the generated ring-back is to be heard: a child rings whose line brings no sound of its own.</summary>
    public bool HearsRingBack => Children.Any(static child => child is { Rings: true, HasEarlyMedia: false });

    /// <inheritdoc/>
    public override bool IsReleased => WasReleased;

    /// <inheritdoc/>
    public override bool IsOver => WasReleased;

    /// <inheritdoc/>
    public override string StateName(ApiGeneration generation) => Phase.ToString();

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> Describe(ApiGeneration generation) => ConferenceEvents.Describe(this);

    /// <inheritdoc/>
    // While one member is in it is active, whoever else has left.
    public override ImmutableArray<ResourceTie> Ties => Members.IsEmpty ? [] : [new ResourceTie(Members[0].Call, Members[0].Op)];

    /// <inheritdoc/>
    public override bool Holds(string op) => Members.Any(member => member.Op == op);

    /// <inheritdoc/>
    public override IEnumerable<string> RecordPaths => Recording is { FullPath: var path } ? [path] : [];

    /// <inheritdoc/>
    public override bool IsSharedWith(PeerMoved moved) => Members.Any(member => moved.Concerns(member.Call));

    internal Participant? MemberOf(string call) => Members.FirstOrDefault(member => member.Call == call);

    internal RingingChild? ChildOf(string call) => Children.FirstOrDefault(child => child.Child == call);
}

/// <summary>A call that is in a conference.</summary>
public sealed record Participant
{
    /// <summary>The call.</summary>
    public required string Call { get; init; }
    /// <summary>Names the saga of its entry.</summary>
    public required string Op { get; init; }
    /// <summary>1 talk and hear, 2 hear, 3 talk, 4 neither.</summary>
    public required int VoiceMode { get; init; }
    /// <summary>Gain of its sound in dB, -20..20; null: unchanged.</summary>
    public int? Volume { get; init; }
    /// <summary>The call's own data when it entered.</summary>
    public string? UserData { get; init; }
    /// <summary>When it entered.</summary>
    public required long JoinedMillis { get; init; }
    /// <summary>Whether it was last reported as talking.</summary>
    public bool IsTalking { get; init; }
}

/// <summary>A play to a conference.</summary>
/// <param name="Number">Its number in the media side.</param>
/// <param name="BeginMillis">When it was started.</param>
/// <param name="Files">File names in order.</param>
/// <param name="IsLoop">Whether it starts over at its end.</param>
public sealed record ConferencePlay(long Number, long BeginMillis, ImmutableArray<string> Files, bool IsLoop);

/// <summary>A recording of a conference.</summary>
public sealed record ConferenceRecording
{
    /// <summary>Its number in the media side.</summary>
    public required long Number { get; init; }
    /// <summary>When it was started.</summary>
    public required long BeginMillis { get; init; }
    /// <summary>The file.</summary>
    public required string FullPath { get; init; }
    /// <summary>The format's internal name.</summary>
    public required string Format { get; init; }
    /// <summary>
    /// The limit in seconds from <see cref="BeganMillis"/> on; null for the one that the conference was made with: it runs as long as the conference.
    /// </summary>
    public int? MaxSeconds { get; init; }
    /// <summary>When sound began to go into the file.</summary>
    public long? BeganMillis { get; init; }
    /// <summary>Set once it was told to end and only the media side's report is awaited: how it will then have ended.</summary>
    public ActionEnding? Ending { get; init; }
}

/// <summary>A call that is dialled for a conference.</summary>
/// <param name="Child">The call.</param>
/// <param name="Rings">Whether its far end rings.</param>
/// <param name="HasEarlyMedia">Whether its line brings sound of its own.</param>
public sealed record RingingChild(string Child, bool Rings = false, bool HasEarlyMedia = false);
