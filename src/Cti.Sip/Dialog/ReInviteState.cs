using System.Collections.Immutable;
using Cti.Sip.Auth;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Sip.Dialog;

/// <summary>The session of a confirmed dialog, and the changes to it that are under way.</summary>
public sealed record ReInviteState
{
    /// <summary>The dialog; changes with nearly every step and is to be journaled before what the step sends.</summary>
    public required DialogState Dialog { get; init; }
    /// <summary>Our side: what answers and refreshes are made of.</summary>
    public required LocalAudio Local { get; init; }
    /// <summary>The last SDP that we sent and that holds.</summary>
    public required SdpSession LocalSdp { get; init; }
    /// <summary>For challenges; null to take a 401 or 407 as final.</summary>
    public DigestCredentials? Credentials { get; init; }
    /// <summary>Challenges answered so far.</summary>
    public DigestSession Digest { get; init; } = DigestSession.Empty;
    /// <summary>Whether the far end takes UPDATE, as its last Allow says: then a session is refreshed by one, without its description.</summary>
    public bool AllowsUpdate { get; init; }
    /// <summary>The session timer; null for none.</summary>
    public SessionTimer? Timer { get; init; }
    /// <summary>What is granted, and asked for where the far end asks for nothing.</summary>
    public SessionTimerRules TimerRules { get; init; } = new();
    /// <summary>The shortest interval between refreshes that the dialog has heard of, in seconds.</summary>
    public int LeastSeconds { get; init; } = SessionTimer.MinSeconds;
    /// <summary>When we refresh the session; <see cref="long.MaxValue"/> for never.</summary>
    public long RefreshAt { get; init; } = long.MaxValue;
    /// <summary>When a session that nobody refreshed is ended; <see cref="long.MaxValue"/> for never.</summary>
    public long ExpireAt { get; init; } = long.MaxValue;

    /// <summary>What was looked up of the host names in their descriptions (RFC 8866 section 5.7): addresses by name.</summary>
    public ImmutableDictionary<string, string> Hosts { get; init; } = ImmutableDictionary<string, string>.Empty;

    internal IncomingChange? Incoming { get; init; }
    internal OutgoingChange? Outgoing { get; init; }
    internal SipRequest? LastAck { get; init; }

    /// <summary>When <see cref="ReInviteInput.Tick"/> is due; <see cref="long.MaxValue"/> for never.</summary>
    public long Deadline
    {
        get
        {
            var deadline = Math.Min(RefreshAt, ExpireAt);
            if (Incoming is { } incoming) deadline = Math.Min(deadline, Math.Min(incoming.ResendAt, incoming.EndAt));
            // A retry waits for the ACK of theirs, which has its own deadline.
            else if (Outgoing is { } outgoing) deadline = Math.Min(deadline, outgoing.RetryAt);
            return deadline;
        }
    }

    /// <summary>Whether a re-INVITE or UPDATE of ours is under way or waits to be tried again.</summary>
    public bool IsOffering => Outgoing is not null;

    /// <summary>Whether a re-INVITE or UPDATE of ours is on its way.</summary>
    public bool IsAsking => Outgoing?.Request is not null;

    /// <summary>Whether no change is under way, from neither side.</summary>
    public bool IsSettled => Outgoing is null && Incoming is null;

    /// <summary>Takes the timer over from the INVITE that made the dialog.</summary>
    public ReInviteState WithTimer(SessionTimer? timer, long nowMillis) => this with
    {
        Timer = timer,
        RefreshAt = timer is { WeRefresh: true } ? timer.RefreshAt(nowMillis) : long.MaxValue,
        ExpireAt = timer?.ExpiresAt(nowMillis) ?? long.MaxValue,
    };

    /// <summary>A re-INVITE of theirs whose 2xx waits for its ACK.</summary>
    internal sealed record IncomingChange(SipRequest Request, SipResponse Success, bool WeOffered, SdpSession Sdp, long ResendAt, int Interval, long EndAt);

    /// <summary>
    /// A re-INVITE of ours: under way while Request is set, else waiting for RetryAt. Local is our side as offered, null to offer what holds
    /// again; Next is a newer wish, to be offered when this one has ended. An UPDATE that only refreshes has no offer.
    /// </summary>
    internal sealed record OutgoingChange(SipRequest? Request, SdpSession? Offer, LocalAudio? Local, LocalAudio? Next, int Tries, long RetryAt)
    {
        /// <summary>When it met an open offer of theirs first.</summary>
        public long? GlareSince { get; init; }

        /// <summary>A 422 was obeyed already.</summary>
        public bool IsRaised { get; init; }

        /// <summary>Only the session timer is to be refreshed.</summary>
        public bool RefreshesOnly { get; init; }
    }
}

/// <summary>What can happen to the session of a confirmed dialog.</summary>
public abstract record ReInviteInput
{
    private ReInviteInput()
    {
    }

    /// <summary>A re-INVITE or UPDATE came.</summary>
    /// <param name="Request">It.</param>
    /// <param name="RetryAfterSeconds">0..10, random: for a 500 (RFC 3261 section 14.2).</param>
    public sealed record Received(SipRequest Request, int RetryAfterSeconds) : ReInviteInput;

    /// <summary>An ACK came.</summary>
    /// <param name="Request">It.</param>
    public sealed record Acknowledged(SipRequest Request) : ReInviteInput;

    /// <summary>Change the session: hold, resume, move, or the same again.</summary>
    /// <param name="Local">Our side from now on.</param>
    public sealed record Offer(LocalAudio Local) : ReInviteInput;

    /// <summary>
    /// Offer what holds once more: after a takeover, where only the dialog's Contact and the description in <see cref="ReInviteState.LocalSdp"/> are new.
    /// </summary>
    public sealed record Refresh : ReInviteInput;

    /// <summary>A response to a re-INVITE or UPDATE of ours came, also a repeated 2xx.</summary>
    /// <param name="Response">It.</param>
    /// <param name="Cnonce">Fresh random text of at least 16 hexadecimal digits, for a challenge.</param>
    /// <param name="Random">Any random number of 0 or more, for the glare timer (RFC 3261 section 14.1).</param>
    public sealed record Responded(SipResponse Response, string Cnonce, int Random) : ReInviteInput
    {
        /// <summary>What a 401 or 407 is to be answered with, as <see cref="DigestTrust.Judge"/> says; null to take it as final.</summary>
        public DigestSession? Answer { get; init; }
    }

    /// <summary>The transaction of our re-INVITE or UPDATE ended without a final response.</summary>
    /// <param name="Status">408 for no answer in time, 503 for a transport error.</param>
    public sealed record Failed(int Status) : ReInviteInput;

    /// <summary><see cref="ReInviteState.Deadline"/> has come.</summary>
    public sealed record Tick : ReInviteInput;
}
