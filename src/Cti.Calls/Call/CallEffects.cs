using System.Collections.Immutable;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;

namespace Cti.Calls.Call;

/// <summary>Sends the INVITE.</summary>
public sealed record SendInvite : ResourceEffect;

/// <summary>Sends 180, so that the caller hears ringing while the application makes up its mind.</summary>
public sealed record SendRinging : ResourceEffect;

/// <summary>Sends our 200 to the INVITE and retransmits it until its ACK.</summary>
/// <param name="Headers">What the application adds to it: <see cref="CarriedHeaders"/>.</param>
public sealed record SendOk(string? Headers = null) : ResourceEffect;

/// <summary>Refuses or redirects the INVITE.</summary>
/// <param name="Status">300..699.</param>
/// <param name="Contact">The Contact of a 302.</param>
/// <param name="Headers">What the application adds to it: <see cref="CarriedHeaders"/>.</param>
public sealed record SendRefusal(int Status, string? Contact = null, string? Headers = null) : ResourceEffect;

/// <summary>Answers the re-INVITE or UPDATE that changed the session.</summary>
public sealed record ConfirmChange : ResourceEffect;

/// <summary>Acknowledges the first 2xx.</summary>
public sealed record SendAck : ResourceEffect;

/// <summary>Cancels the INVITE.</summary>
public sealed record SendCancel : ResourceEffect;

/// <summary>Tells the far end where we are after a takeover, in its turn.</summary>
public sealed record SendReInvite : ResourceEffect;

/// <summary>Acknowledges the 2xx to our INVITE once more: it is not known whether the dead node did.</summary>
/// <param name="CSeq">The INVITE's number.</param>
public sealed record RepeatAck(uint CSeq) : ResourceEffect;

/// <summary>Looks whether the child is still being dialled on this call after a takeover; one that was answered, or is gone, is done.</summary>
public sealed record LookForChild(string Child) : ResourceEffect;

/// <summary>Hangs up.</summary>
/// <param name="Cause">The SIP cause for the Reason header.</param>
/// <param name="Headers">What the application adds to it: <see cref="CarriedHeaders"/>.</param>
public sealed record SendBye(int Cause, string? Headers = null) : ResourceEffect
{
    /// <summary>
    /// Whether it goes out though its release is not written: then another node may have had the call meanwhile, and be gone with what it knew.
    /// </summary>
    public bool IsUnwritten { get; init; }
}

/// <summary>Something that the call's media session does.</summary>
public abstract record MediaEffect : ResourceEffect;

/// <summary>Tells the media side what was agreed.</summary>
public sealed record ConfigureMedia(NegotiatedAudio Audio) : MediaEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Starts a play.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Files">File names in order.</param>
/// <param name="Repeat">How many times more.</param>
/// <param name="OffsetMillis">How much of the whole was heard before a takeover.</param>
public sealed record StartMediaPlay(long Number, ImmutableArray<string> Files, int Repeat, long OffsetMillis = 0) : MediaEffect;

/// <summary>Stops a play.</summary>
public sealed record StopMediaPlay(long Number) : MediaEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Starts a recording.</summary>
/// <param name="Number">Its number.</param>
/// <param name="FullPath">The file.</param>
/// <param name="Format">Its format's internal name.</param>
/// <param name="Beep">A tone first.</param>
/// <param name="Channels">1 or 2.</param>
/// <param name="Append">Whether it goes on in the file that is there.</param>
/// <param name="TakesOver">Whether a process that lost the call may have the file open.</param>
public sealed record StartMediaRecord(long Number, string FullPath, string Format, bool Beep, int Channels = 1, bool Append = false, bool TakesOver = false)
    : MediaEffect;

/// <summary>
/// Stops a recording. Committed like its start: overtaking a start that waits for the disk, it would stop nothing and the recording would never end.
/// </summary>
public sealed record StopMediaRecord(long Number) : MediaEffect;

/// <summary>Sends keys.</summary>
public sealed record StartMediaKeys(long Number, string Keys) : MediaEffect
{
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"StartMediaKeys {Number}";
}

/// <summary>Closes the media session.</summary>
public sealed record CloseMedia : ResourceEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Asks another call to join a bridge.</summary>
public sealed record AskJoin(string Peer, string Op) : ResourceEffect
{
    /// <summary>Whether the bridge stands already.</summary>
    public bool IsConnected { get; init; }

    /// <inheritdoc/>
    public override bool HoldsRequest => true;
}

/// <summary>Answers such a question.</summary>
/// <param name="First">Who asked.</param>
/// <param name="Op">The saga.</param>
/// <param name="Refusal">Why not; null when this call joined.</param>
public sealed record AnswerJoin(string First, string Op, RpcError? Refusal) : ResourceEffect;

/// <summary>Tells the other party that this one left.</summary>
public sealed record PartBridge(string Peer, string Op) : ResourceEffect;

/// <summary>Bridges the sound of this call and the peer's.</summary>
public sealed record ConnectMedia(long Number, string Peer, BridgeSpec Spec) : ResourceEffect;

/// <summary>Ends that.</summary>
public sealed record DisconnectMedia(long Number) : MediaEffect;

/// <summary>Plays a file to both parties.</summary>
/// <param name="Number">The bridge's number.</param>
/// <param name="File">The file.</param>
/// <param name="Times">How often.</param>
/// <param name="OffsetMillis">How much of the whole was heard before.</param>
public sealed record PlayToBridge(long Number, string File, int Times, long OffsetMillis = 0) : MediaEffect;

/// <summary>Asks a conference to let this call in.</summary>
public sealed record AskEntry(string Conference, EnterAsked Asked) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool HoldsRequest => true;
}

/// <summary>Tells a conference that this call has left, or gives up entering.</summary>
public sealed record LeaveConference(string Conference, string Op) : ResourceEffect;
/// <summary>Lets a parent hear its child's dialling.</summary>
public sealed record StartRingBack(long Number, RingBackSound Sound) : MediaEffect;

/// <summary>Ends that. Committed like its start, which it must not overtake.</summary>
/// <param name="Number">The sound's number.</param>
/// <param name="IsLine">Whether it is the child's line that was listened to.</param>
public sealed record StopRingBack(long Number, bool IsLine) : MediaEffect;

/// <summary>What a command on a call leads to.</summary>
public sealed record CallDecision : ResourceDecision<CallState, CallEntry>
{
    internal static CallDecision Refuse(RpcError error) => new() { Refusal = error };

    /// <summary>The same refusal in words that fit better.</summary>
    internal CallDecision Saying(string message) => this with { Refusal = Refusal! with { Message = message } };
}
