using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>Builds REFER and its reports within a dialog, and the 202; as <see cref="DialogRequests"/> does other requests.</summary>
public static class ReferRequests
{
    /// <summary>A REFER: the far end is asked to call somebody (RFC 3515 section 2.1), said to be by us (RFC 3892).</summary>
    /// <param name="dialog">The dialog.</param>
    /// <param name="referTo">The Refer-To value: <see cref="ReferTarget.Format"/>.</param>
    /// <param name="wantsReports">False: it is asked not to tell what becomes of it.</param>
    /// <param name="next">The dialog after it.</param>
    public static SipRequest Refer(DialogState dialog, string referTo, bool wantsReports, out DialogState next)
    {
        var request = DialogRequests.InDialog(dialog, SipMethods.Refer, out next);
        request.Add(HeaderId.Contact, dialog.LocalContact);
        request.Add(HeaderId.Supported, SipCapabilities.Supported);
        request.Add(HeaderId.ReferTo, referTo);
        if (NameAddr.TryParse(dialog.LocalUri, out var us)) request.Add(HeaderId.ReferredBy, $"<{us.Uri.Text}>");
        if (!wantsReports) ReferReports.Decline(request);
        return request;
    }

    /// <summary>The 202 to a REFER.</summary>
    /// <param name="refer">Theirs.</param>
    /// <param name="contact">Our Contact in the dialog.</param>
    /// <param name="reports">False: we tell that it will hear nothing, as it asked.</param>
    public static SipResponse Accept(SipRequest refer, string contact, bool reports)
    {
        var response = SipResponse.For(refer, 202);
        response.Add(HeaderId.Contact, contact);
        if (!reports) ReferReports.Decline(response);
        return response;
    }

    /// <summary>A report (RFC 3515 section 2.4.4).</summary>
    /// <param name="dialog">The dialog.</param>
    /// <param name="eventId">The CSeq of their REFER.</param>
    /// <param name="status">The SIP status of what was done for it, 100..699.</param>
    /// <param name="endReason">Why no other one follows; null where others may.</param>
    /// <param name="expiresSeconds">How long others may follow.</param>
    /// <param name="next">The dialog after it.</param>
    public static SipRequest Report(DialogState dialog, uint eventId, int status, string? endReason, long expiresSeconds, out DialogState next)
    {
        var request = DialogRequests.InDialog(dialog, SipMethods.Notify, out next);
        request.Add(HeaderId.Contact, dialog.LocalContact);
        request.Add(HeaderId.Event, string.Create(CultureInfo.InvariantCulture, $"{ReferReports.Event};id={eventId}"));
        request.Add(HeaderId.SubscriptionState, endReason is null
            ? string.Create(CultureInfo.InvariantCulture, $"active;expires={Math.Max(1, expiresSeconds)}") : $"terminated;reason={endReason}");
        request.SetBody(ReferReports.FragmentType, ReferReport.WriteFragment(status));
        return request;
    }
}
