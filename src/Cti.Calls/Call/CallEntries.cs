using System.Text.Json.Serialization;
using Cti.Calls.Resources;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;

namespace Cti.Calls.Call;

/// <summary>
/// A fact of a call's journal. Short discriminators keep the rows small; a discriminator or a member, once released, keeps its meaning for ever.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "t")]
[JsonDerivedType(typeof(Constructed), "new")]
[JsonDerivedType(typeof(Offered), "offer")]
[JsonDerivedType(typeof(RingingBegan), "ring")]
[JsonDerivedType(typeof(DialAnswered), "up")]
[JsonDerivedType(typeof(AnswerRequested), "answer")]
[JsonDerivedType(typeof(AnswerConfirmed), "ack")]
[JsonDerivedType(typeof(UserDataSet), "data")]
[JsonDerivedType(typeof(Touched), "nop")]
[JsonDerivedType(typeof(ActionStarted), "act")]
[JsonDerivedType(typeof(ActionChanged), "chg")]
[JsonDerivedType(typeof(ActionEnded), "end")]
[JsonDerivedType(typeof(DialogUpdated), "dlg")]
[JsonDerivedType(typeof(CallReleased), "rel")]
[JsonDerivedType(typeof(Settled), "set")]
[JsonDerivedType(typeof(BridgeBegan), "br")]
[JsonDerivedType(typeof(BridgeEnded), "brx")]
[JsonDerivedType(typeof(SideRecordBegan), "side")]
[JsonDerivedType(typeof(SideRecordEnded), "sidex")]
[JsonDerivedType(typeof(SeatTaken), "cf")]
[JsonDerivedType(typeof(SeatLeft), "cfx")]
[JsonDerivedType(typeof(EarlyMediaBegan), "early")]
[JsonDerivedType(typeof(ParentMoved), "par")]
[JsonDerivedType(typeof(DiallingMoved), "dial")]
[JsonDerivedType(typeof(DiallingEnded), "dialx")]
[JsonDerivedType(typeof(OwnerTold), "told")]
[JsonDerivedType(typeof(OwnerHeard), "heard")]
[JsonDerivedType(typeof(OwnerAsked), "asked")]
[JsonDerivedType(typeof(InviteMoved), "inv")]
[JsonDerivedType(typeof(Recovered), "rec")]
[JsonDerivedType(typeof(Resumed), "res")]
public abstract record CallEntry : ResourceEntry;

/// <summary>An outbound call exists; its INVITE is intended, unless a parent is asked first. Its owner is the flow that drives it.</summary>
public sealed record Constructed(string Id, string Application, string FromUri, string ToUri, string SipCallId, string? Trunk, string? Permit,
    int MaxAnswerSeconds, int MaxRingSeconds, string? UserData, string LocalSdp, string LocalTag, RingBackParent? Parent = null, string? Owner = null, OutboundInvite? Invite = null) : CallEntry;

/// <summary>An inbound call exists.</summary>
public sealed record Offered(string Id, string Application, string FromUri, string ToUri, string? Trunk, DialogState Dialog, string LocalSdp,
    NegotiatedAudio? Audio, string? Invite = null) : CallEntry;

/// <summary>The far end rings.</summary>
public sealed record RingingBegan : CallEntry;

/// <summary>The far end answered; our ACK is intended. What was agreed with a trunk that had asked for a password goes with the call.</summary>
public sealed record DialAnswered(DialogState Dialog, NegotiatedAudio Audio, DigestAgreement? Agreement = null) : CallEntry;

/// <summary>The application answers; our 200 is intended.</summary>
public sealed record AnswerRequested(int MaxAnswerSeconds) : CallEntry;

/// <summary>The ACK was seen.</summary>
public sealed record AnswerConfirmed(NegotiatedAudio? Audio) : CallEntry;

/// <summary>The application's own data changed.</summary>
public sealed record UserDataSet(string? UserData) : CallEntry;

/// <summary>The idle clock was restarted.</summary>
public sealed record Touched : CallEntry;

/// <summary>An action started.</summary>
public sealed record ActionStarted(CallAction Action) : CallEntry;

/// <summary>An action moved on.</summary>
/// <param name="Action">As it is now.</param>
/// <param name="Press">The key by which it did.</param>
public sealed record ActionChanged(CallAction Action, KeyPress? Press = null) : CallEntry;

/// <summary>An action ended; the call is idle.</summary>
/// <param name="Press">The key that ended it.</param>
public sealed record ActionEnded(KeyPress? Press = null) : CallEntry;

/// <summary>A re-INVITE changed the dialog.</summary>
public sealed record DialogUpdated(DialogState Dialog, NegotiatedAudio Audio, string LocalSdp) : CallEntry;

/// <summary>The call is over for the application.</summary>
/// <param name="Closing">What the far end is owed.</param>
/// <param name="Cause">The SIP status that it conveys.</param>
/// <param name="Dialog">The dialog, where only the release made it.</param>
/// <param name="Contact">The Contact of a 302.</param>
public sealed record CallReleased(SipClosing Closing, int Cause, DialogState? Dialog = null, string? Contact = null) : CallEntry;

/// <summary>The call is in a bridge, or it moved on.</summary>
public sealed record BridgeBegan(Bridge Bridge) : CallEntry;

/// <summary>The bridge is over; the call is idle.</summary>
public sealed record BridgeEnded : CallEntry;

/// <summary>The call enters a conference, or is in it.</summary>
public sealed record SeatTaken(ConferenceSeat Seat) : CallEntry;

/// <summary>It is not in it any more.</summary>
public sealed record SeatLeft : CallEntry;
/// <summary>The far end sends sound before it answers.</summary>
public sealed record EarlyMediaBegan(NegotiatedAudio Audio) : CallEntry;

/// <summary>A child moved on with its parent; at <see cref="ParentStage.Calling"/> its INVITE is intended.</summary>
public sealed record ParentMoved(ParentStage Stage) : CallEntry;

/// <summary>A child is being dialled on this call, or that moved on.</summary>
public sealed record DiallingMoved(ChildDialling Dialling) : CallEntry;

/// <summary>The child's dialling ended; the call is where it was before.</summary>
public sealed record DiallingEnded : CallEntry;

/// <summary>The INVITE goes out once more, with another number, maybe to another place.</summary>
public sealed record InviteMoved(OutboundInvite Invite) : CallEntry;

/// <summary>Another node took the call over, or the same one after a restart; the far end is to be told.</summary>
/// <param name="LostAtMillis">When the dead node was last known alive.</param>
/// <param name="Dialog">With a number beyond all that it may have used, and our new Contact.</param>
/// <param name="LocalSdp">Where we receive from now on.</param>
public sealed record Recovered(long LostAtMillis, DialogState Dialog, string LocalSdp) : CallEntry;

/// <summary>The far end sends to where we are now: what was interrupted goes on.</summary>
public sealed record Resumed : CallEntry;

/// <summary>The far end knows too: nothing of the call is left.</summary>
public sealed record Settled : CallEntry;

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CallEntry))]
[JsonSerializable(typeof(CallAction))]
internal sealed partial class CallJson : JsonSerializerContext;
