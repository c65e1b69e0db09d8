using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>
/// The answer to an UPDATE in a dialog whose INVITE has no final response, or no ACK, yet (RFC 3311 section 5.2). Without an offer it moves the far end's
/// target; a session that is not agreed cannot be changed.
/// </summary>
internal static class EarlyUpdate
{
    private static readonly SessionTimerRules NoTimer = new();

    /// <summary>The response, without waiting for anything.</summary>
    /// <param name="dialog">The dialog that it belongs to.</param>
    /// <param name="request">The UPDATE.</param>
    /// <param name="retryAfterSeconds">0..10, random: for a 500.</param>
    /// <param name="isOurOfferOpen">Whether the open offer is ours (491) or theirs (500 with Retry-After).</param>
    /// <param name="next">The dialog to go on with.</param>
    public static SipResponse Answer(DialogState dialog, SipRequest request, int retryAfterSeconds, bool isOurOfferOpen, out DialogState next)
    {
        next = dialog;
        var check = DialogChecks.Check(dialog, request, retryAfterSeconds);
        if (check.Refusal is not null) return check.Refusal;
        next = check.Next!;
        var refusal = SipCapabilities.RefuseExtensions(request, null)
            ?? InviteResponses.ReadSdp(request, null, System.Collections.Immutable.ImmutableDictionary<string, string>.Empty, out var offer)
            ?? SessionTimer.Answer(request, null, NoTimer, out _)
            ?? (offer is null ? null : isOurOfferOpen ? SipResponse.For(request, 491) : DialogChecks.TryLater(request, retryAfterSeconds));
        if (refusal is not null) return refusal;
        next = next.RefreshTarget(request);
        // A session timer begins with the 2xx to the INVITE: here there is none to agree on.
        return InviteResponses.Build(request, 200, null, next, null);
    }
}
