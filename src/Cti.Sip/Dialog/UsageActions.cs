using System.Collections.Immutable;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Sip.Dialog;

/// <summary>
/// What the owner of a usage has to do after a step, in the order of the list. What sends is marked by who must wait for the journal:
/// repetitions never wait.
/// </summary>
public abstract record UsageAction;

/// <summary>Start a client transaction.</summary>
/// <param name="Request">Without Via.</param>
public sealed record SendRequest(SipRequest Request) : UsageAction;

/// <summary>Give an ACK of a 2xx to the transport: it has no transaction (RFC 3261 section 13.2.2.4).</summary>
/// <param name="Ack">Without Via.</param>
/// <param name="Repeated">It answers a repeated 2xx.</param>
public sealed record SendAck(SipRequest Ack, bool Repeated) : UsageAction;

/// <summary>Answer a server transaction.</summary>
/// <param name="Request">The request that is answered: its transaction takes the response.</param>
/// <param name="Response">The response.</param>
/// <param name="Repeated">A 2xx sent again because no ACK came yet.</param>
public sealed record SendResponse(SipRequest Request, SipResponse Response, bool Repeated = false) : UsageAction;

/// <summary>Cancel the client transaction of our last INVITE; the layer waits for a provisional response where none came yet.</summary>
/// <param name="Reason">Value of a Reason header, or null.</param>
public sealed record CancelInvite(string? Reason) : UsageAction;

/// <summary>Our INVITE got a provisional response above 100.</summary>
/// <param name="Status">101..199.</param>
/// <param name="Dialog">The early dialog; null where the response made none.</param>
/// <param name="Early">Early media, where it brought SDP that fits our offer.</param>
public sealed record InviteProgressed(int Status, DialogState? Dialog, NegotiatedAudio? Early) : UsageAction;

/// <summary>The first 2xx: the call is up. Its ACK follows as the next action.</summary>
/// <param name="Dialog">Confirmed.</param>
/// <param name="Media">What was agreed.</param>
/// <param name="Remote">Their SDP.</param>
public sealed record InviteAnswered(DialogState Dialog, NegotiatedAudio Media, SdpSession Remote) : UsageAction;

/// <summary>A 3xx is followed to this target: a new INVITE is the next action.</summary>
/// <param name="Target">Where to.</param>
public sealed record InviteRedirected(SipUri Target) : UsageAction;

/// <summary>A 3xx names targets that the policy does not allow; the call fails with the 3xx unless others are left.</summary>
/// <param name="Targets">Those that were refused, at most the number of redirections allowed.</param>
public sealed record RedirectRefused(ImmutableArray<SipUri> Targets) : UsageAction;

/// <summary>The INVITE, ours or theirs, came to nothing; for a call that was up, it is over.</summary>
/// <param name="Status">
/// The final status: of the response, or 408 (no answer, no ACK), 487 (cancelled), 488 (no media), 502 (a broken 2xx), 503 (transport).
/// </param>
/// <param name="Response">The far end's final response, where there is one.</param>
public sealed record InviteFailed(int Status, SipResponse? Response = null) : UsageAction;

/// <summary>Their INVITE was cancelled, or its early dialog ended by a BYE; 487 is sent by the action before.</summary>
/// <param name="Cause">The SIP status of its Reason header; null where it gave none.</param>
public sealed record InviteCancelled(int? Cause) : UsageAction;

/// <summary>A reliable provisional response of ours was repeated for 64 T1 and not acknowledged: the INVITE is to be refused (RFC 3262 section 3).</summary>
public sealed record ProvisionalNotAcknowledged : UsageAction;

/// <summary>Media agreed or changed: configure the session.</summary>
/// <param name="Media">What was agreed.</param>
/// <param name="Local">Our last SDP, to be kept for the next offer or answer.</param>
public sealed record MediaAgreed(NegotiatedAudio Media, SdpSession Local) : UsageAction;

/// <summary>The ACK of our 2xx came: the call is up.</summary>
/// <param name="Dialog">Confirmed.</param>
public sealed record InviteConfirmed(DialogState Dialog) : UsageAction;

/// <summary>The far end is to be reached elsewhere from now on, and nothing else has changed: to be kept before the answer goes out.</summary>
public sealed record TargetRefreshed : UsageAction;

/// <summary>Our re-INVITE was accepted; a <see cref="MediaAgreed"/> came before.</summary>
public sealed record ReInviteCompleted : UsageAction;

/// <summary>Our re-INVITE was refused for good; the session goes on as before (RFC 3261 section 14.1).</summary>
/// <param name="Status">The final status.</param>
public sealed record ReInviteRefused(int Status) : UsageAction;

/// <summary>The dialog is over; a BYE, where one is due, was the action before.</summary>
/// <param name="Status">408 or 481 as the far end or the clock said, 488 for media that cannot be.</param>
public sealed record DialogOver(int Status) : UsageAction;

/// <summary>No more 2xx can come that would need an ACK: the usage can be forgotten. Only after a 2xx came; without one it can at its failure.</summary>
public sealed record UsageEnded : UsageAction;

/// <summary>A step of a usage.</summary>
/// <param name="State">Where it stands now; to be kept.</param>
/// <param name="Actions">What to do, in this order.</param>
public readonly record struct UsageStep<TState>(TState State, ImmutableArray<UsageAction> Actions);
