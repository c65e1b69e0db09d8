using System.Collections.Immutable;
using Cti.Media.Session.Mix;

namespace Cti.Media;

/// <content>
/// Bridges and conferences. A session is in one of them at a time (listening comes on top): entering another leaves the former. What a session
/// plays, and keys that it sends, are heard instead of the mix. Methods that answer false have done nothing and report nothing: every loop that
/// could carry it is over its budget (answer 503). Named sessions and conferences that are not open are passed over: their close was already reported.
/// A media side that cannot mix throws <see cref="NotSupportedException"/>.
/// </content>
public partial interface IMediaPort
{
    private const string NoMixing = "this media side has no bridges and conferences";

    /// <summary>
    /// Bridges two sessions: <see cref="BridgeStarted"/>, at last <see cref="BridgeEnded"/>, both to the first's receiver. Each side goes on with its own
    /// SSRC, sequence numbers and ports; the second moves to the first's loop, or the other way round where that one is over its budget.
    /// Telephone events pass in both forms; keys are reported as ever.
    /// </summary>
    /// <exception cref="ArgumentException">A session cannot be bridged with itself.</exception>
    bool Connect(MediaSessionId first, MediaSessionId second, BridgeRequest request) => throw new NotSupportedException(NoMixing);

    /// <summary>Ends a bridge or a listening of that action; named by its first session.</summary>
    void Disconnect(MediaSessionId first, long action) => throw new NotSupportedException(NoMixing);

    /// <summary>
    /// Plays to both sides of the bridge that the session is the first of, over what they say; a play before it is stopped. Ends with <see cref="PlayEnded"/>,
    /// always, to the first's receiver.
    /// </summary>
    void PlayToBridge(MediaSessionId first, PlayRequest request) => throw new NotSupportedException(NoMixing);

    /// <summary>Stops a play to a bridge.</summary>
    void StopBridgePlay(MediaSessionId first, long action) => throw new NotSupportedException(NoMixing);

    /// <summary>
    /// Lets a session hear another one (a caller the ring-back of the call that is being set up), over the bridge or conference that it is in, for as long
    /// as there is sound. Reported and ended like a bridge, with the listener as its first. The source moves to the listener's loop and leaves there what
    /// it was in; a listener that moves ends it.
    /// </summary>
    /// <exception cref="ArgumentException">A session cannot listen to itself.</exception>
    bool Listen(MediaSessionId listener, MediaSessionId source, long action) => throw new NotSupportedException(NoMixing);

    /// <summary>Plays a country's ring-back (ISO 3166, two letters) until <see cref="StopPlay"/>: a play like any other. An unknown country fails it.</summary>
    void StartTone(MediaSessionId session, long action, string country) => throw new NotSupportedException(NoMixing);

    /// <summary>Opens a conference on the loop with the fewest sessions.</summary>
    /// <exception cref="ArgumentException">It is open already.</exception>
    bool OpenConference(ConferenceId conference, ConferenceOptions options, IConferenceEvents events, out MediaRefusal refusal) =>
        throw new NotSupportedException(NoMixing);

    /// <summary>
    /// A session enters: it moves to the conference's loop and phase, hears all others from the next frame on, and never itself. Its own codec's frames are
    /// made once for all who hear the same.
    /// </summary>
    bool Join(ConferenceId conference, MediaSessionId session, ConferenceMember member) => throw new NotSupportedException(NoMixing);

    /// <summary>A session leaves.</summary>
    void Leave(ConferenceId conference, MediaSessionId session) => throw new NotSupportedException(NoMixing);

    /// <summary>Changes how a session takes part; nothing happens where it is not in this conference.</summary>
    void SetMember(ConferenceId conference, MediaSessionId session, ConferenceMember member) => throw new NotSupportedException(NoMixing);

    /// <summary>Plays to all who hear; a play before it is stopped. Ends with <see cref="PlayEnded"/>, always.</summary>
    void PlayToConference(ConferenceId conference, PlayRequest request) => throw new NotSupportedException(NoMixing);

    /// <summary>
    /// Plays a country's ring-back (ISO 3166, two letters) to all who hear, beside the play, until it is stopped. Only an unknown country is reported:
    /// <see cref="ConferenceSoundFailed"/>.
    /// </summary>
    void StartConferenceRingBack(ConferenceId conference, string country) => throw new NotSupportedException(NoMixing);

    /// <summary>Ends it.</summary>
    void StopConferenceRingBack(ConferenceId conference) => throw new NotSupportedException(NoMixing);

    /// <summary>Stops a play to a conference.</summary>
    void StopConferencePlay(ConferenceId conference, long action) => throw new NotSupportedException(NoMixing);

    /// <summary>Plays files once, in order, beside the play and other such sounds. Only a failure is reported: <see cref="ConferenceSoundFailed"/>.</summary>
    void PlayEntrySound(ConferenceId conference, ImmutableArray<string> files) => throw new NotSupportedException(NoMixing);

    /// <summary>
    /// Records the whole mix, one recording at a time (a second one fails). Ends with <see cref="RecordEnded"/>, always. Its beep is not heard in conferences.
    /// </summary>
    void RecordConference(ConferenceId conference, RecordRequest request) => throw new NotSupportedException(NoMixing);

    /// <summary>Stops a recording of a conference: the file is completed, then <see cref="RecordEnded"/> follows.</summary>
    void StopConferenceRecord(ConferenceId conference, long action) => throw new NotSupportedException(NoMixing);

    /// <summary>Ends everything that runs in the conference, all members leave, <see cref="ConferenceClosed"/> is reported last.</summary>
    void CloseConference(ConferenceId conference) => throw new NotSupportedException(NoMixing);

    /// <summary>Gives a conference up without a report; its members leave it, an unfinished recording stays as it is.</summary>
    void AbandonConference(ConferenceId conference) => throw new NotSupportedException(NoMixing);
}
