using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;

namespace Cti.Calls.Call;

/// <summary>Creates an outbound call; ids, tags and the local media address come with it.</summary>
public sealed record ConstructCall : ResourceCommand
{
    /// <summary>The new resource.</summary>
    public required ResourceId Id { get; init; }
    /// <summary>Whose.</summary>
    public required string Application { get; init; }
    /// <summary>Caller, "" when the line decides.</summary>
    public required string FromUri { get; init; }
    /// <summary>The chosen URI.</summary>
    public required string ToUri { get; init; }
    /// <summary>The SIP Call-ID to use.</summary>
    public required string SipCallId { get; init; }
    /// <summary>The trunk.</summary>
    public string? Trunk { get; init; }
    /// <summary>The trunk's permit.</summary>
    public string? Permit { get; init; }
    /// <summary>Limit on the answered time in seconds.</summary>
    public required int MaxAnswerSeconds { get; init; }
    /// <summary>Limit on ringing in seconds.</summary>
    public required int MaxRingSeconds { get; init; }
    /// <summary>The application's own data.</summary>
    public string? UserData { get; init; }
    /// <summary>The SDP offer.</summary>
    public required string LocalSdp { get; init; }
    /// <summary>The tag of our From: it leads in-dialog requests back to this call.</summary>
    public required string LocalTag { get; init; }
    /// <summary>The call or conference that hears the ring-back; null for none.</summary>
    public string? Parent { get; init; }
    /// <summary>What it is to hear.</summary>
    public RingBackSpec RingBack { get; init; } = new(null, 0);
    /// <summary>The flow that drives it; null for the application's own.</summary>
    public string? Owner { get; init; }
    /// <summary>The INVITE as it will go out; null where its host is unknown.</summary>
    public OutboundInvite? Invite { get; init; }
}

/// <summary>Creates an inbound call: an INVITE came that a route gives to an application.</summary>
public sealed record OfferCall : ResourceCommand
{
    /// <summary>The new resource.</summary>
    public required ResourceId Id { get; init; }
    /// <summary>Whose.</summary>
    public required string Application { get; init; }
    /// <summary>Caller.</summary>
    public required string FromUri { get; init; }
    /// <summary>Called.</summary>
    public required string ToUri { get; init; }
    /// <summary>The trunk that it came over, null for a source that is none.</summary>
    public string? Trunk { get; init; }
    /// <summary>The dialog as it will be.</summary>
    public required DialogState Dialog { get; init; }
    /// <summary>Our answer, or our offer where the INVITE had none.</summary>
    public required string LocalSdp { get; init; }
    /// <summary>What was agreed; null until the ACK brings the answer to our offer.</summary>
    public NegotiatedAudio? Audio { get; init; }
    /// <summary>The INVITE: a <see cref="StoredInvite"/>.</summary>
    public string? Invite { get; init; }
    /// <summary>What its application wants to hear of its header fields: <see cref="CarriedHeaders"/>; null where it wants none.</summary>
    public string? Headers { get; init; }
    /// <summary>The call whose place it came to take; null for none.</summary>
    public string? Replaces { get; init; }
    /// <summary>Who says that he asked the caller to call (RFC 3892).</summary>
    public string? ReferredBy { get; init; }
}

/// <summary><c>answer</c>.</summary>
/// <param name="MaxAnswerSeconds">Limit on the answered time in seconds.</param>
/// <param name="UserData">The application's own data.</param>
/// <param name="Headers">Header fields of the 200: <see cref="CarriedHeaders"/>.</param>
public sealed record AnswerCall(int MaxAnswerSeconds, string? UserData, string? Headers = null) : ResourceRequest("sys.call.answer");

/// <summary><c>reject</c>.</summary>
/// <param name="Cause">The SIP status, 400..699.</param>
/// <param name="UserData">The application's own data.</param>
/// <param name="Headers">Header fields of the refusal: <see cref="CarriedHeaders"/>.</param>
public sealed record RejectCall(int Cause, string? UserData, string? Headers = null) : ResourceRequest("sys.call.reject");

/// <summary><c>redirect</c>.</summary>
/// <param name="Contact">The Contact URI; scheme and user part may be missing, then it is a SIP URI with the dialled user part.</param>
/// <param name="UserData">The application's own data.</param>
/// <param name="Headers">Header fields of the 302: <see cref="CarriedHeaders"/>.</param>
public sealed record RedirectCall(string Contact, string? UserData, string? Headers = null) : ResourceRequest("sys.call.redirect");

/// <summary><c>drop</c>.</summary>
public sealed record DropCall : ResourceRequest
{
    /// <summary>Creates it.</summary>
    public DropCall(int cause, ApiGeneration generation) : base("sys.call.drop")
    {
        Cause = cause;
        Generation = generation;
    }

    /// <summary>The SIP status that the far end and the application are told, 200..699.</summary>
    public int Cause { get; init; }

    /// <summary>Header fields of the BYE, the CANCEL or the refusal: <see cref="CarriedHeaders"/>.</summary>
    public string? Headers { get; init; }
}

/// <summary><c>nop</c>.</summary>
public sealed record TouchCall() : ResourceRequest("sys.call.nop");

/// <summary><c>play_start</c>.</summary>
public sealed record StartPlay(ImmutableArray<string> Files, string FinishKeys, int Repeat) : ResourceRequest("sys.call.play_start");

/// <summary><c>play_stop</c>.</summary>
public sealed record StopPlay() : ResourceRequest("sys.call.play_stop");

/// <summary><c>record_start</c>; the path was resolved and checked.</summary>
public sealed record StartRecord(int MaxSeconds, bool Beep, string FullPath, string Format, string FinishKeys) : ResourceRequest("sys.call.record_start");

/// <summary><c>record_stop</c>.</summary>
public sealed record StopRecord() : ResourceRequest("sys.call.record_stop");

/// <summary><c>send_dtmf_start</c>.</summary>
public sealed record StartSendKeys(string Keys) : ResourceRequest("sys.call.send_dtmf_start")
{
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => "StartSendKeys";
}

/// <summary><c>receive_dtmf_start</c>.</summary>
public sealed record StartReceiveKeys(ReceiveKeysSpec Spec) : ResourceRequest("sys.call.receive_dtmf_start");

/// <summary><c>stop_receive_dtmf_start</c>, <c>receive_dtmf_stop</c>.</summary>
public sealed record StopReceiveKeys() : ResourceRequest("sys.call.stop_receive_dtmf_start");

/// <summary><c>connect_start</c> on the first party; the record path was resolved and checked.</summary>
/// <param name="Op">A new name for the saga.</param>
/// <param name="Peer">The second party.</param>
/// <param name="Spec">The parameters.</param>
public sealed record StartConnect(string Op, string Peer, BridgeSpec Spec) : ResourceRequest("sys.call.connect_start");

/// <summary><c>connect_stop</c>.</summary>
public sealed record StopConnect() : ResourceRequest("sys.call.connect_stop");

/// <summary><c>conf_enter</c>.</summary>
/// <param name="Op">A new name for the saga.</param>
/// <param name="Conference">The conference.</param>
public sealed record EnterConference(string Op, string Conference) : ResourceRequest("sys.call.conf_enter")
{
    /// <summary>It leaves by itself after that many seconds.</summary>
    public required int MaxSeconds { get; init; }
    /// <summary>1 talk and hear, 2 hear, 3 talk, 4 neither.</summary>
    public int VoiceMode { get; init; } = 1;
    /// <summary>Gain of its sound in dB, -20..20; null: unchanged.</summary>
    public int? Volume { get; init; }
    /// <summary>Files that are played to the conference on entry, in order.</summary>
    public ImmutableArray<string> EntrySound { get; init; } = [];
}

/// <summary><c>conf_exit</c>.</summary>
public sealed record ExitConference(string Conference) : ResourceRequest("sys.call.conf_exit");

/// <summary>The media side ended the bridge.</summary>
public sealed record BridgeFinished(long Number, MediaEnd End, string? Detail) : ResourceCommand;

/// <summary>The far end rings (180, 183 or another provisional response but 100).</summary>
/// <param name="Early">What its SDP agreed on: sound before the answer; null where it brought none.</param>
public sealed record FarEndRings(NegotiatedAudio? Early = null) : ResourceCommand
{
    /// <summary>The far end's tag, which makes an early dialog of it; null where it gave none.</summary>
    public string? Tag { get; init; }

    /// <inheritdoc cref="OfferCall.Headers"/>
    public string? Headers { get; init; }
}

/// <summary>The far end answered; its ACK waits for this decision.</summary>
/// <param name="Dialog">The confirmed dialog.</param>
/// <param name="Audio">What was agreed.</param>
public sealed record FarEndAnswered(DialogState Dialog, NegotiatedAudio Audio) : ResourceCommand
{
    /// <summary>What its trunk and we agreed on, where it had asked for a password.</summary>
    public DigestAgreement? Agreement { get; init; }

    /// <summary>The session timer that was agreed on; null for none.</summary>
    public SessionTimer? Timer { get; init; }

    /// <inheritdoc cref="OfferCall.Headers"/>
    public string? Headers { get; init; }
}

/// <summary>The dialling failed.</summary>
/// <param name="Status">The SIP status, 300..699; 408 for a time-out and 503 for a transport failure of ours.</param>
/// <param name="Reason">Its text.</param>
public sealed record DialFailed(int Status, string Reason) : ResourceCommand
{
    /// <inheritdoc cref="OfferCall.Headers"/>
    public string? Headers { get; init; }
}

/// <summary>The far end answered with something that we cannot talk to: it must be acknowledged and hung up.</summary>
/// <param name="Dialog">The confirmed dialog.</param>
/// <param name="Status">What the application is told, e.g. 488.</param>
/// <param name="Reason">Its text.</param>
public sealed record FarEndUnusable(DialogState Dialog, int Status, string Reason) : ResourceCommand;

/// <summary>The ACK of our 200 came.</summary>
/// <param name="Audio">What was agreed, where only the ACK brought the answer.</param>
public sealed record AckArrived(NegotiatedAudio? Audio) : ResourceCommand
{
    /// <summary>The session timer that was agreed on; null for none.</summary>
    public SessionTimer? Timer { get; init; }
}

/// <summary>No ACK of our 200 came in 64 T1.</summary>
public sealed record AckMissing : ResourceCommand;

/// <summary>The ACK brought no usable answer to our offer.</summary>
public sealed record AckUnusable : ResourceCommand;

/// <summary>The caller never acknowledged that it was told of ringing (RFC 3262): what it is told cannot reach it.</summary>
public sealed record PrackMissing : ResourceCommand;

/// <summary>The caller gave up before we answered.</summary>
public sealed record CallerCancelled : ResourceCommand
{
    /// <inheritdoc cref="OfferCall.Headers"/>
    public string? Headers { get; init; }
}

/// <summary>The far end's BYE came; its 200 has gone out, from a node that could write nothing maybe and tells the call's new owner.</summary>
/// <param name="ReasonCause">The SIP cause of its Reason header.</param>
public sealed record ByeArrived(int? ReasonCause) : CrossingCommand
{
    /// <summary>When it came, Unix milliseconds; null: now.</summary>
    public long? AtMillis { get; init; }

    /// <inheritdoc cref="OfferCall.Headers"/>
    public string? Headers { get; init; }
}

/// <summary>A re-INVITE changed the dialog or the media.</summary>
public sealed record DialogChanged(DialogState Dialog, NegotiatedAudio Audio, string LocalSdp) : ResourceCommand
{
    /// <summary>The session timer from now on; null for none.</summary>
    public SessionTimer? Timer { get; init; }
    /// <summary>Whether what was interrupted was heard until now from the node that handed the call over.</summary>
    public bool WasHeardUntilNow { get; init; }
}

/// <summary>The far end is to be reached elsewhere from now on (a target refresh without a session description).</summary>
/// <param name="Dialog">The dialog with its new target.</param>
public sealed record TargetMoved(DialogState Dialog) : ResourceCommand;

/// <summary>A request of ours within the dialog showed that the far end has lost it (481, 408).</summary>
/// <param name="Status">The status.</param>
public sealed record DialogLost(int Status) : ResourceCommand;

/// <summary>Our INVITE goes out once more: with credentials, or to where a redirection led.</summary>
/// <param name="Invite">As it will go out.</param>
public sealed record InviteRetried(OutboundInvite Invite) : ResourceCommand;

/// <summary>
/// The call is ours now; the node that held it is gone, with its media session and its SIP transactions. What is new here was made already: a media session,
/// its description, our Contact.
/// </summary>
/// <param name="LostAtMillis">When the dead node was last known alive: what was to be heard until then, was heard.</param>
/// <param name="LocalSdp">The new description, its version raised.</param>
/// <param name="Contact">Our new Contact.</param>
public sealed record TakenOver(long LostAtMillis, string LocalSdp, string Contact) : ResourceCommand
{
    /// <summary>Whether the file of the recording that runs can be seen from here.</summary>
    public bool SeesRecording { get; init; } = true;
    /// <summary>Whether the file of the recording that runs beside everything else can be seen from here.</summary>
    public bool SeesSideRecording { get; init; } = true;
    /// <summary>
    /// Whether the other party, or the conference, is not asked now but by <see cref="SoundGoesOn"/>: the node that handed the call over is heard until the
    /// far end listens to here.
    /// </summary>
    public bool AsksLater { get; init; }
}

/// <summary>A play was begun later than was decided, because the disk took its time: another node that goes on with it has to know.</summary>
/// <param name="Number">The play.</param>
/// <param name="AtMillis">When, Unix milliseconds.</param>
public sealed record PlayWasBegun(long Number, long AtMillis) : ResourceCommand;

/// <summary>The far end of a call that was handed over listens to here: its bridge or conference is to be heard from here as well.</summary>
public sealed record SoundGoesOn : ResourceCommand;

/// <summary>Our re-INVITE after a takeover was refused for good: the far end goes on sending to a node that is gone.</summary>
/// <param name="Status">The SIP status.</param>
public sealed record TakeoverRefused(int Status) : ResourceCommand;

/// <summary>A play ended in the media side.</summary>
public sealed record PlayFinished(long Number, MediaEnd End, string? Detail) : ResourceCommand;

/// <summary>A recording's beep is over and sound goes into the file.</summary>
public sealed record RecordBegan(long Number) : ResourceCommand;

/// <summary>A recording's file is complete.</summary>
public sealed record RecordFinished(long Number, MediaEnd End, string? Detail) : ResourceCommand;

/// <summary>The keys are sent.</summary>
public sealed record KeysSent(long Number, MediaEnd End) : ResourceCommand;

/// <summary>The far end pressed a key. While a call moves between living nodes, the old one still hears it.</summary>
public sealed record KeyArrived(char Key) : CrossingCommand
{
    /// <summary>What it is known by; null for one that was found in the sound, or that a node of an older version heard.</summary>
    public KeyPress? Press { get; init; }
    /// <summary>Whether it was sent after a call that moved: what was pressed later may have been heard at the new place already.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsLate { get; init; }
    /// <summary>Keeps the digit out of logs.</summary>
    public override string ToString() => "KeyArrived";
}

/// <summary>Nothing came from the far end for the configured time.</summary>
public sealed record MediaLost : ResourceCommand;

/// <summary>The application has had no live subscriber for 5 s.</summary>
public sealed record SubscriberMissing : ResourceCommand;

/// <summary>What the released call owed its far end is settled.</summary>
public sealed record FarEndSettled : ResourceCommand;
