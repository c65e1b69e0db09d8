using System.Collections.Immutable;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>
/// Changes how a member takes part. A reflex, like every change to the mix: entries and exits take effect in the order in which they are decided.
/// </summary>
public sealed record SetMemberMedia(string Call, int VoiceMode, int? Volume) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Takes a call out of the mix.</summary>
public sealed record LeaveMedia(string Call) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Lets everyone hear a child's line, though it is no member.</summary>
public sealed record HearChild(string Child) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Begins or ends the generated ring-back.</summary>
public sealed record SetRingBack(bool On) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Plays files once, beside the play.</summary>
public sealed record PlayEntrySound(ImmutableArray<string> Files) : ResourceEffect;

/// <summary>Starts the play.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Files">The files, in order.</param>
/// <param name="IsLoop">Whether it starts over at its end.</param>
/// <param name="OffsetMillis">How much of the whole was heard before.</param>
public sealed record StartConferenceSound(long Number, ImmutableArray<string> Files, bool IsLoop, long OffsetMillis = 0) : ResourceEffect;

/// <summary>Stops the play. Committed like its start, which it must not overtake.</summary>
public sealed record StopConferenceSound(long Number) : ResourceEffect;

/// <summary>Starts the recording.</summary>
/// <param name="Number">Its number.</param>
/// <param name="FullPath">The file.</param>
/// <param name="Format">Its format's internal name.</param>
/// <param name="Appends">Whether it goes on in the file that a former owner began.</param>
public sealed record StartMixRecord(long Number, string FullPath, string Format, bool Appends = false) : ResourceEffect;

/// <summary>Stops the recording. Committed like its start, which it must not overtake.</summary>
public sealed record StopMixRecord(long Number) : ResourceEffect;

/// <summary>Ends the mix with everything in it.</summary>
public sealed record CloseMix : ResourceEffect;

/// <summary>Answers a call that asked to enter.</summary>
/// <param name="Call">The call.</param>
/// <param name="Op">The saga.</param>
/// <param name="Refusal">Why not; null when it is in.</param>
public sealed record AnswerEntry(string Call, string Op, RpcError? Refusal) : ResourceEffect;

/// <summary>Asks a member whether it is still in, and lets it ask anew for the sound.</summary>
/// <param name="Call">The call.</param>
/// <param name="Op">The saga.</param>
public sealed record AskMember(string Call, string Op) : ResourceEffect;

/// <summary>Tells a member that it is out.</summary>
/// <param name="Call">The call.</param>
/// <param name="Op">The saga.</param>
/// <param name="Error">The completion's error, null for none.</param>
/// <param name="Message">Its message.</param>
public sealed record PartMember(string Call, string Op, int? Error, string? Message) : ResourceEffect;

/// <summary>What a command on a conference leads to.</summary>
public sealed record ConferenceDecision : ResourceDecision<ConferenceState, ConferenceEntry>
{
    internal static ConferenceDecision Refuse(RpcError error) => new() { Refusal = error };
}
