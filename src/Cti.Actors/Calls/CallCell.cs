using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Calls;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Media;
using Cti.Persistence.Journal;
using Cti.Sip.Sdp;

namespace Cti.Actors.Calls;

/// <summary>A call: its state, its media session and its SIP leg.</summary>
internal sealed class CallCell(InstanceJournal journal) : ResourceCell<CallState>(journal), IMediaEvents
{
    public MediaSessionId? Media { get; set; }

    public bool MediaClosed { get; set; }

    /// <summary>What the media side was told last.</summary>
    public NegotiatedAudio? Audio { get; set; }

    public ICallLeg? Leg { get; set; }

    /// <summary>How this node carries the sound of its bridge or conference.</summary>
    public SharedSound? Sound { get; set; }

    /// <summary>The link that carried the sound before, until the next one does.</summary>
    public LinkAudio? FormerLink { get; set; }

    /// <summary>What the first party of a bridge on another node offered.</summary>
    public (string Op, LinkSound Link)? Offered { get; set; }

    /// <summary>The number of a bridge that is being ended to be made anew; 0 for none. Its recording has to be complete first.</summary>
    public long EndingNumber { get; set; }

    /// <summary>The answer that waits for that.</summary>
    public JoinAnswered? Late { get; set; }

    /// <summary>Numbers of bridges to links, which nobody is told about: below 0.</summary>
    public long LinkNumber { get; set; }

    public void OnMediaEvent(MediaSessionId session, MediaEvent happened) => Actor.Tell(new MediaHappened(happened, session));
}

/// <summary>A call's SIP side. Its methods run in the call's actor.</summary>
internal interface ICallLeg
{
    /// <summary>Carries out a SIP effect of a decision.</summary>
    void Perform(ResourceEffect effect, CallState state);

    /// <summary>What a message from the SIP side means for the call; null when nothing. False in <paramref name="accepted"/> for a message that is not SIP's.</summary>
    ResourceCommand? Translate(object message, CallState state, out bool accepted);

    /// <summary>Whether nothing is under way between us and the far end: no request of either side, no answer that waits.</summary>
    bool IsQuiet { get; }

    /// <summary>What the media side is told of the far end beside its SDP.</summary>
    FarEnd FarEndOf(CallState state);

    /// <summary>Whether that has changed since, because the far end has shown itself.</summary>
    bool HasShownItself { get; }

    /// <summary>Another node has the call now, and answers what came here; then as <see cref="Dispose"/>.</summary>
    void LetGo();

    /// <summary>The call is gone: stop timers, forget transactions.</summary>
    void Dispose();
}
