using System.Collections.Immutable;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;

namespace Cti.Calls.Call;

/// <summary>
/// Something that a decision causes outside. A committed effect waits until the decision's entries are durable; a reflex runs at once.
/// Never stored: <see cref="CallDecider.Resume"/> derives what is still owed from the state.
/// </summary>
public abstract record CallEffect
{
    /// <summary>Whether it runs before the entries are durable.</summary>
    public virtual bool IsReflex => false;
}

/// <summary>Sends the INVITE.</summary>
public sealed record SendInvite : CallEffect;

/// <summary>Sends 180, so that the caller hears ringing while the application makes up its mind.</summary>
public sealed record SendRinging : CallEffect;

/// <summary>Sends our 200 to the INVITE and retransmits it until its ACK.</summary>
public sealed record SendOk : CallEffect;

/// <summary>Refuses or redirects the INVITE.</summary>
/// <param name="Status">300..699.</param>
/// <param name="Contact">The Contact of a 302.</param>
public sealed record SendRefusal(int Status, string? Contact = null) : CallEffect;

/// <summary>Answers the re-INVITE or UPDATE that changed the session.</summary>
public sealed record ConfirmChange : CallEffect;

/// <summary>Acknowledges the first 2xx.</summary>
public sealed record SendAck : CallEffect;

/// <summary>Cancels the INVITE.</summary>
public sealed record SendCancel : CallEffect;

/// <summary>Hangs up.</summary>
/// <param name="Cause">The SIP cause for the Reason header.</param>
public sealed record SendBye(int Cause) : CallEffect;

/// <summary>Tells the media side what was agreed.</summary>
public sealed record ConfigureMedia(NegotiatedAudio Audio) : CallEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Starts a play.</summary>
public sealed record StartMediaPlay(long Number, ImmutableArray<string> Files, int Repeat) : CallEffect;

/// <summary>Stops a play.</summary>
public sealed record StopMediaPlay(long Number) : CallEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Starts a recording.</summary>
public sealed record StartMediaRecord(long Number, string FullPath, string Format, bool Beep) : CallEffect;

/// <summary>Stops a recording. Committed like its start: overtaking a start that waits for the disk, it would stop nothing and the recording would never end.</summary>
public sealed record StopMediaRecord(long Number) : CallEffect;

/// <summary>Sends keys.</summary>
public sealed record StartMediaKeys(long Number, string Keys) : CallEffect
{
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"StartMediaKeys {Number}";
}

/// <summary>Closes the media session.</summary>
public sealed record CloseMedia : CallEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>Asks another call to join a bridge.</summary>
public sealed record AskJoin(string Peer, string Op) : CallEffect;

/// <summary>Answers such a question.</summary>
/// <param name="First">Who asked.</param>
/// <param name="Op">The saga.</param>
/// <param name="Refusal">Why not; null when this call joined.</param>
public sealed record AnswerJoin(string First, string Op, RpcError? Refusal) : CallEffect;

/// <summary>Tells the other party that this one left.</summary>
public sealed record PartBridge(string Peer, string Op) : CallEffect;

/// <summary>Bridges the sound of this call and the peer's.</summary>
public sealed record ConnectMedia(long Number, string Peer, BridgeSpec Spec) : CallEffect;

/// <summary>Ends that.</summary>
public sealed record DisconnectMedia(long Number) : CallEffect;

/// <summary>Plays a file to both parties.</summary>
public sealed record PlayToBridge(long Number, string File, int Times) : CallEffect;

/// <summary>Refuses the request that has waited for another call's answer.</summary>
public sealed record ReplyRefused(RpcError Refusal) : CallEffect;

/// <summary>Answers the request.</summary>
/// <param name="Result">UTF-8 JSON of <c>result</c>.</param>
public sealed record ReplyResult(ReadOnlyMemory<byte> Result) : CallEffect;

/// <summary>An event for the application.</summary>
/// <param name="Sequence">Its number among the resource's.</param>
/// <param name="Method">Its name.</param>
/// <param name="Params">UTF-8 JSON.</param>
public sealed record CallEvent(int Sequence, string Method, ReadOnlyMemory<byte> Params);

/// <summary>What a command leads to: a refusal, or entries with what follows from them.</summary>
public sealed record CallDecision
{
    /// <summary>The request is refused; nothing else is set.</summary>
    public RpcError? Refusal { get; init; }
    /// <summary>Facts to journal, in order; empty when nothing changed.</summary>
    public ImmutableArray<CallEntry> Entries { get; init; } = [];
    /// <summary>Events, in order; durable with the entries.</summary>
    public ImmutableArray<CallEvent> Events { get; init; } = [];
    /// <summary>Effects, in order.</summary>
    public ImmutableArray<CallEffect> Effects { get; init; } = [];
    /// <summary>The call record that the release writes: UTF-8 JSON array.</summary>
    public ReadOnlyMemory<byte> CallRecord { get; init; }
    /// <summary>The state after the entries.</summary>
    public CallState? State { get; init; }

    internal static CallDecision Refuse(RpcError error) => new() { Refusal = error };
}
