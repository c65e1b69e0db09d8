using System.Text.Json.Serialization;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
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
[JsonDerivedType(typeof(ReferralMoved), "rfr")]
[JsonDerivedType(typeof(ReferralEnded), "rfrx")]
[JsonDerivedType(typeof(ReferredMoved), "rfd")]
[JsonDerivedType(typeof(ReferredEnded), "rfdx")]
public abstract record CallEntry : ResourceEntry
{
    /// <summary>The state that the fact leads to.</summary>
    /// <exception cref="InvalidOperationException">The journal is broken: an entry other than a creating one for a call that does not exist.</exception>
    internal virtual CallState ApplyTo(CallState? state) =>
        state is not null ? Change(state) : throw new InvalidOperationException($"the journal begins with {GetType().Name}");

    private protected abstract CallState Change(CallState state);

    private protected static ResourceId ParseId(string text) =>
        ResourceId.TryParse(text, out var id) ? id : throw new InvalidOperationException($"the journal names a resource {text}");
}

/// <summary>An outbound call exists; its INVITE is intended, unless a parent is asked first. Its owner is the flow that drives it.</summary>
public sealed record Constructed(string Id, string Application, string FromUri, string ToUri, string SipCallId, string? Trunk, string? Permit,
    int MaxAnswerSeconds, int MaxRingSeconds, string? UserData, string LocalSdp, string LocalTag, RingBackParent? Parent = null, string? Owner = null,
    OutboundInvite? Invite = null) : CallEntry
{
    internal override CallState ApplyTo(CallState? state) => new()
    {
        Id = ParseId(Id), Application = Application, Owner = Owner, Direction = CallDirection.Outbound, FromUri = FromUri, ToUri = ToUri, SipCallId = SipCallId,
        Trunk = Trunk, Permit = Permit, UserData = UserData, BeginMillis = AtMillis, MaxAnswerSeconds = MaxAnswerSeconds, MaxRingSeconds = MaxRingSeconds,
        LocalSdp = LocalSdp, LocalTag = LocalTag, Parent = Parent, Invite = Invite,
    };

    private protected override CallState Change(CallState state) => ApplyTo(state);
}

/// <summary>An inbound call exists; one may have come to take the place of another call.</summary>
public sealed record Offered(string Id, string Application, string FromUri, string ToUri, string? Trunk, DialogState Dialog, string LocalSdp,
    NegotiatedAudio? Audio, string? Invite = null, string? Replaces = null) : CallEntry
{
    internal override CallState ApplyTo(CallState? state) => new()
    {
        Id = ParseId(Id), Application = Application, Direction = CallDirection.Inbound, FromUri = FromUri, ToUri = ToUri,
        SipCallId = Dialog.CallId, Trunk = Trunk,
        BeginMillis = AtMillis, Dialog = Dialog, Audio = Audio, LocalSdp = LocalSdp, LocalTag = Dialog.LocalTag, TheirInvite = Invite,
        Replaces = Replaces,
    };

    private protected override CallState Change(CallState state) => ApplyTo(state);
}

/// <summary>The far end rings.</summary>
/// <param name="Tag">Its tag; null where it gave none.</param>
public sealed record RingingBegan(string? Tag = null) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { RingMillis = AtMillis, RingingTag = Tag };
}

/// <summary>The far end answered; our ACK is intended. What was agreed with a trunk that had asked for a password goes with the call.</summary>
public sealed record DialAnswered(DialogState Dialog, NegotiatedAudio Audio, DigestAgreement? Agreement = null, SessionTimer? Timer = null) : CallEntry
{
    private protected override CallState Change(CallState state) => state with
    {
        Dialog = Dialog,
        Audio = Audio,
        AnswerMillis = AtMillis,
        Parent = null,
        AnsweredCSeq = state.Invite?.CSeq ?? Dialog.LocalCSeq,
        Agreement = Agreement,
        Timer = Timer,
    };
}

/// <summary>The application answers; our 200 is intended.</summary>
public sealed record AnswerRequested(int MaxAnswerSeconds, string? Headers = null) : CallEntry
{
    private protected override CallState Change(CallState state) => state with
    {
        MaxAnswerSeconds = MaxAnswerSeconds,
        AnswerRequestedMillis = AtMillis,
        Dialog = state.Dialog?.Confirm(),
        AnswerHeaders = Headers,
    };
}

/// <summary>The ACK was seen.</summary>
public sealed record AnswerConfirmed(NegotiatedAudio? Audio, SessionTimer? Timer = null) : CallEntry
{
    private protected override CallState Change(CallState state) => state with
    {
        Audio = Audio ?? state.Audio,
        AnswerMillis = AtMillis,
        TheirInvite = null,
        Timer = Timer ?? state.Timer,
    };
}

/// <summary>The application's own data changed.</summary>
public sealed record UserDataSet(string? UserData) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { UserData = UserData };
}

/// <summary>The idle clock was restarted.</summary>
public sealed record Touched : CallEntry
{
    private protected override CallState Change(CallState state) => state with { IdleSinceMillis = AtMillis };
}

/// <summary>An action started.</summary>
public sealed record ActionStarted(CallAction Action) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Action = Action, ActionCount = Action.Number };
}

/// <summary>An action moved on.</summary>
/// <param name="Action">As it is now.</param>
/// <param name="Press">The key by which it did.</param>
public sealed record ActionChanged(CallAction Action, KeyPress? Press = null) : CallEntry
{
    private protected override CallState Change(CallState state) => state with
    {
        Action = Action,
        ActionCount = Math.Max(state.ActionCount, Action.Number),
        KnownKeys = state.Know(Press),
    };
}

/// <summary>An action ended; the call is idle.</summary>
/// <param name="Press">The key that ended it.</param>
public sealed record ActionEnded(KeyPress? Press = null) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Action = null, KnownKeys = state.Know(Press) };
}

/// <summary>A re-INVITE changed the dialog.</summary>
public sealed record DialogUpdated(DialogState Dialog, NegotiatedAudio Audio, string LocalSdp, SessionTimer? Timer = null) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Dialog = Dialog, Audio = Audio, LocalSdp = LocalSdp, Timer = Timer };
}

/// <summary>The call is over for the application.</summary>
/// <param name="Closing">What the far end is owed.</param>
/// <param name="Cause">The SIP status that it conveys.</param>
/// <param name="Dialog">The dialog, where only the release made it.</param>
/// <param name="Contact">The Contact of a 302.</param>
/// <param name="Headers">What the application adds to the last word.</param>
public sealed record CallReleased(SipClosing Closing, int Cause, DialogState? Dialog = null, string? Contact = null, string? Headers = null) : CallEntry
{
    private protected override CallState Change(CallState state) => state with
    {
        WasReleased = true,
        Action = null,
        SideRecord = null,
        Dialling = null,
        Parent = null,
        Closing = Closing,
        ClosingCause = Cause,
        ClosingContact = Contact,
        ClosingHeaders = Headers,
        InterruptedMillis = null,
        Dialog = Dialog ?? state.Dialog,
        Referral = null,
        Referred = null,
    };
}

/// <summary>The call is in a bridge, or it moved on.</summary>
public sealed record BridgeBegan(Bridge Bridge) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Bridge = Bridge, ActionCount = Math.Max(state.ActionCount, Bridge.Number) };
}

/// <summary>The bridge is over; the call is idle.</summary>
public sealed record BridgeEnded : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Bridge = null };
}

/// <summary>The call enters a conference, or is in it.</summary>
public sealed record SeatTaken(ConferenceSeat Seat) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Seat = Seat };
}

/// <summary>It is not in it any more.</summary>
public sealed record SeatLeft : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Seat = null };
}
/// <summary>The far end sends sound before it answers.</summary>
public sealed record EarlyMediaBegan(NegotiatedAudio Audio) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Audio = Audio };
}

/// <summary>A child moved on with its parent; at <see cref="ParentStage.Calling"/> its INVITE is intended.</summary>
public sealed record ParentMoved(ParentStage Stage) : CallEntry
{
    private protected override CallState Change(CallState state) => state with
    {
        Parent = state.Parent is { } parent ? parent with { Stage = Stage } : null,
        InviteMillis = Stage == ParentStage.Calling ? AtMillis : state.InviteMillis,
    };
}

/// <summary>A child is being dialled on this call, or that moved on.</summary>
public sealed record DiallingMoved(ChildDialling Dialling) : CallEntry
{
    private protected override CallState Change(CallState state) =>
        state with { Dialling = Dialling, ActionCount = Math.Max(state.ActionCount, Dialling.Number) };
}

/// <summary>The child's dialling ended; the call is where it was before.</summary>
public sealed record DiallingEnded : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Dialling = null };
}

/// <summary>The INVITE goes out once more, with another number, maybe to another place.</summary>
public sealed record InviteMoved(OutboundInvite Invite) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Invite = Invite, RingingTag = null };
}

/// <summary>
/// Another node took the call over, or the same one after a restart; the far end is to be told. One that nobody has answered hears of it with the answer, but
/// for its key, which only the node that is gone knew: that is asked for by an offer after the ACK.
/// </summary>
/// <param name="LostAtMillis">When the dead node was last known alive.</param>
/// <param name="Dialog">With a number beyond all that it may have used, and our new Contact.</param>
/// <param name="LocalSdp">Where we receive from now on.</param>
public sealed record Recovered(long LostAtMillis, DialogState Dialog, string LocalSdp) : CallEntry
{
    private protected override CallState Change(CallState state) => state with
    {
        Dialog = Dialog,
        LocalSdp = LocalSdp,
        InterruptedMillis = state is { IsOffered: true, Audio.Srtp: null } ? null : Math.Min(LostAtMillis, state.InterruptedMillis ?? long.MaxValue),
    };
}

/// <summary>The far end sends to where we are now: what was interrupted goes on.</summary>
public sealed record Resumed : CallEntry
{
    private protected override CallState Change(CallState state) => state with { InterruptedMillis = null };
}

/// <summary>The far end knows too: nothing of the call is left.</summary>
public sealed record Settled : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Closing = SipClosing.None };
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CallEntry))]
[JsonSerializable(typeof(CallAction))]
internal sealed partial class CallJson : JsonSerializerContext;
