using System.Collections.Immutable;

namespace Cti.Media.Session.Mix;

/// <summary>Names a conference on this node for its lifetime; never reused.</summary>
public readonly record struct ConferenceId(long Value);

/// <summary>Who hears whom over a bridge; the values are the contract's.</summary>
public enum BridgeMode
{
    /// <summary>Both hear each other.</summary>
    Both = 1,
    /// <summary>Only the second hears the first.</summary>
    SecondHears = 2,
    /// <summary>Only the first hears the second.</summary>
    FirstHears = 3,
}

/// <summary>
/// A bridge between two sessions. Where both have the same codec, the volume is 0 dB and nothing is played, packets are relayed as they come, within
/// one cadence; otherwise they pass through a jitter buffer and are encoded anew. A recording listens beside that and changes nothing.
/// </summary>
/// <param name="Action">The caller's number for it, in every report about it (the recording's too).</param>
/// <param name="Mode">Who hears whom.</param>
/// <param name="FirstVolume">Volume of the sound from the first, in dB, -20..20; beyond it is cut to that.</param>
/// <param name="SecondVolume">Volume of the sound from the second, in the same way.</param>
/// <param name="Record">A recording of both, from the start: the first on the left channel, the second on the right, as loud as they are heard.</param>
public sealed record BridgeRequest(long Action, BridgeMode Mode = BridgeMode.Both, double FirstVolume = 0, double SecondVolume = 0,
    BridgeRecording? Record = null);

/// <summary>Where a bridge is recorded.</summary>
/// <param name="FullPath">The file, inside the record root: checked by the caller.</param>
/// <param name="Format">How it is stored: with two channels, or mixed into one for GSM, OKI ADPCM, G.726 and G.721, which have no stereo.</param>
/// <param name="Append">As in <see cref="RecordRequest"/>: into a file with one channel both are mixed.</param>
/// <param name="Application">As in <see cref="RecordRequest"/>.</param>
public sealed record BridgeRecording(string FullPath, RecordFormat Format, bool Append = false, string Application = "");

/// <summary>What a member of a conference may do; the values are the contract's.</summary>
public enum VoiceMode
{
    /// <summary>Talk and hear.</summary>
    TalkAndHear = 1,
    /// <summary>Only hear.</summary>
    Hear = 2,
    /// <summary>Only talk.</summary>
    Talk = 3,
    /// <summary>Neither.</summary>
    Neither = 4,
}

/// <summary>How a session takes part in a conference.</summary>
/// <param name="Mode">Talk, hear, both or neither.</param>
/// <param name="Volume">Volume of the sound from this member, in dB, -20..20; beyond it is cut to that.</param>
public sealed record ConferenceMember(VoiceMode Mode = VoiceMode.TalkAndHear, double Volume = 0);

/// <summary>How a conference is opened.</summary>
/// <param name="Background">Files that are looped beneath everything else, in order; none by default.</param>
/// <param name="TalkerEvents">Whether <see cref="TalkerChanged"/> is reported.</param>
/// <param name="IsOwed">There is such a conference already, and it goes on here: it is opened however busy the loops are.</param>
/// <param name="Application">Whose conference it is: of its sounds only what that one may hear is found.</param>
public sealed record ConferenceOptions(ImmutableArray<string> Background = default, bool TalkerEvents = false, bool IsOwed = false, string Application = "");

/// <summary>
/// What conferences report: of plays and recordings the same as sessions do (<see cref="PlayStarted"/>, <see cref="PlayEnded"/>,
/// <see cref="RecordStarted"/>, <see cref="RecordEnded"/>), and <see cref="MemberJoined"/>, <see cref="MemberLeft"/>, <see cref="TalkerChanged"/>,
/// <see cref="ConferenceSoundFailed"/>, <see cref="ConferenceClosed"/>. In order per conference, from the media side's own threads; receivers only
/// post to a mailbox.
/// </summary>
public interface IConferenceEvents
{
    /// <summary>Something happened in a conference.</summary>
    void OnConferenceEvent(ConferenceId conference, MediaEvent happened);
}

/// <summary>Both sides of a bridge are there. To the first's receiver.</summary>
/// <param name="Action">Which.</param>
public sealed record BridgeStarted(long Action) : MediaEvent;

/// <summary>
/// A bridge ended, and its recording, if there is one, is complete on disk (its <see cref="RecordEnded"/> came before). To the first's receiver.
/// </summary>
/// <param name="Action">Which.</param>
/// <param name="Outcome"><see cref="MediaOutcome.Completed"/> when the other side went away, <see cref="MediaOutcome.Stopped"/> otherwise.</param>
public sealed record BridgeEnded(long Action, MediaOutcome Outcome) : MediaEvent;

/// <summary>A session is in the conference.</summary>
/// <param name="Session">Which.</param>
public sealed record MemberJoined(MediaSessionId Session) : MediaEvent;

/// <summary>A session is not in the conference any more: it left, was closed, or was moved into another mix.</summary>
/// <param name="Session">Which.</param>
public sealed record MemberLeft(MediaSessionId Session) : MediaEvent;

/// <summary>A member began to talk, or has been silent for half a second.</summary>
/// <param name="Session">Which.</param>
/// <param name="Talking">Begins or ends.</param>
public sealed record TalkerChanged(MediaSessionId Session, bool Talking) : MediaEvent;

/// <summary>A background or entry sound cannot be played.</summary>
/// <param name="Outcome">Why.</param>
/// <param name="Detail">Which file and what is wrong with it.</param>
public sealed record ConferenceSoundFailed(MediaOutcome Outcome, string? Detail) : MediaEvent;

/// <summary>The conference is closed, everything in it has ended: the last report.</summary>
public sealed record ConferenceClosed : MediaEvent;
