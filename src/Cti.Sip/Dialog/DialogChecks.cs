using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>What the dialog says to a request that came in it: one of both is set, for an ACK that is to be dropped neither.</summary>
/// <param name="Next">The dialog to go on with: the request may be carried out.</param>
/// <param name="Refusal">The answer to send instead.</param>
public readonly record struct DialogCheck(DialogState? Next, SipResponse? Refusal);

/// <summary>The checks of RFC 3261 section 12.2.2 on requests within a dialog.</summary>
public static class DialogChecks
{
    /// <summary>
    /// Tags that do not match: 481. A CSeq below the last one: 500 with Retry-After. Otherwise the number is taken over; the target is not, see
    /// <see cref="DialogState.RefreshTarget"/>. An ACK keeps the number and is never answered; a BYE ends the dialog in whatever order it comes.
    /// </summary>
    /// <param name="dialog">The dialog that the request was found for.</param>
    /// <param name="request">The request.</param>
    /// <param name="retryAfterSeconds">0..10, random: when to try again (section 14.2).</param>
    public static DialogCheck Check(DialogState dialog, SipRequest request, int retryAfterSeconds)
    {
        if (request.Method == SipMethods.Ack) return new DialogCheck(dialog.Owns(request) ? dialog : null, null);
        if (!dialog.Owns(request)) return new DialogCheck(null, NoSuchDialog(request));
        if (request.Method == SipMethods.Bye) return new DialogCheck(dialog with { RemoteCSeq = Math.Max(dialog.RemoteCSeq, request.CSeq.Number) }, null);
        if (request.CSeq.Number < dialog.RemoteCSeq) return new DialogCheck(null, TryLater(request, retryAfterSeconds));
        return new DialogCheck(dialog with { RemoteCSeq = request.CSeq.Number }, null);
    }

    /// <summary>The 481 to a request with a To tag that no dialog has.</summary>
    public static SipResponse NoSuchDialog(SipRequest request) => SipResponse.For(request, 481);

    /// <summary>The 500 with Retry-After to a request that came too early or out of order.</summary>
    public static SipResponse TryLater(SipRequest request, int retryAfterSeconds)
    {
        var response = SipResponse.For(request, 500);
        response.Add(HeaderId.RetryAfter, retryAfterSeconds.ToString(CultureInfo.InvariantCulture));
        return response;
    }
}
