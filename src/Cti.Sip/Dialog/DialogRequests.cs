using System.Collections.Immutable;
using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>
/// Builds requests within a dialog (RFC 3261 section 12.2.1.1). Via is left to the transaction layer, which puts it first; every other header
/// field is here. Each call takes the next CSeq number; the returned state has to be kept before the request leaves.
/// </summary>
public static class DialogRequests
{
    private const string SdpType = "application/sdp";

    /// <summary>BYE, with a <see cref="SipReason"/> where the cause should be told (RFC 3326).</summary>
    public static SipRequest Bye(DialogState dialog, out DialogState next, SipReason? reason = null)
    {
        var request = Build(dialog, SipMethods.Bye, out next);
        if (reason is not null) request.Add(HeaderId.Reason, reason.ToString());
        return request;
    }

    /// <summary>A re-INVITE with our offer, or without one where <paramref name="offer"/> is empty.</summary>
    public static SipRequest ReInvite(DialogState dialog, ReadOnlyMemory<byte> offer, out DialogState next)
    {
        var request = Build(dialog, SipMethods.Invite, out next);
        AddTarget(request, dialog);
        request.SetBody(SdpType, offer);
        return request;
    }

    /// <summary>An UPDATE (RFC 3311) with our offer, or without one where <paramref name="offer"/> is empty.</summary>
    public static SipRequest Update(DialogState dialog, ReadOnlyMemory<byte> offer, out DialogState next)
    {
        var request = Build(dialog, SipMethods.Update, out next);
        AddTarget(request, dialog);
        request.SetBody(SdpType, offer);
        return request;
    }

    /// <summary>The PRACK of a reliable provisional response (RFC 3262 section 4).</summary>
    /// <param name="dialog">The early dialog.</param>
    /// <param name="rack">Its RAck: RSeq of the response, number and method of the INVITE.</param>
    /// <param name="next">The dialog to go on with.</param>
    public static SipRequest Prack(DialogState dialog, string rack, out DialogState next)
    {
        var request = Build(dialog, SipMethods.Prack, out next);
        request.Add(HeaderId.RAck, rack);
        return request;
    }

    /// <summary>An INFO (RFC 6086) with a body, e.g. of <see cref="InfoDtmf"/>.</summary>
    public static SipRequest Info(DialogState dialog, string contentType, ReadOnlyMemory<byte> body, out DialogState next)
    {
        var request = Build(dialog, SipMethods.Info, out next);
        request.SetBody(contentType, body);
        return request;
    }

    /// <summary>OPTIONS within the dialog: whether it is still there.</summary>
    public static SipRequest Options(DialogState dialog, out DialogState next)
    {
        var request = Build(dialog, SipMethods.Options, out next);
        request.Add(HeaderId.Accept, SdpType);
        return request;
    }

    /// <summary>
    /// The ACK of a 2xx (RFC 3261 section 13.2.2.4): a request of its own for the transport, with the INVITE's number and credentials.
    /// </summary>
    /// <param name="dialog">The dialog, confirmed by that 2xx.</param>
    /// <param name="invite">Our INVITE.</param>
    /// <param name="answer">Our answer where the 2xx brought an offer, else empty.</param>
    public static SipRequest Ack(DialogState dialog, SipRequest invite, ReadOnlyMemory<byte> answer = default)
    {
        var request = Build(dialog, SipMethods.Ack, invite.CSeq.Number);
        request.AddAll(invite, HeaderId.Authorization);
        request.AddAll(invite, HeaderId.ProxyAuthorization);
        request.SetBody(SdpType, answer);
        return request;
    }

    /// <summary>The far end's target as a Request-URI.</summary>
    public static SipUri TargetOf(DialogState dialog) => AsRequestUri(SipUri.Read(dialog.RemoteTarget));

    /// <summary>A request of another method, without what only that one has.</summary>
    internal static SipRequest InDialog(DialogState dialog, string method, out DialogState next) => Build(dialog, method, out next);

    private static SipRequest Build(DialogState dialog, string method, out DialogState next)
    {
        next = dialog with { LocalCSeq = dialog.LocalCSeq + 1 };
        return Build(next, method, next.LocalCSeq);
    }

    private static SipRequest Build(DialogState dialog, string method, uint number)
    {
        var (uri, routes) = Route(dialog);
        var request = new SipRequest(method, uri);
        request.Add(HeaderId.MaxForwards, "70");
        foreach (var route in routes) request.Add(HeaderId.Route, route);
        request.Add(HeaderId.From, $"{dialog.LocalUri};tag={dialog.LocalTag}");
        request.Add(HeaderId.To, dialog.RemoteTag.Length == 0 ? dialog.RemoteUri : $"{dialog.RemoteUri};tag={dialog.RemoteTag}");
        request.Add(HeaderId.CallId, dialog.CallId);
        request.Add(HeaderId.CSeq, string.Create(CultureInfo.InvariantCulture, $"{number} {method}"));
        return request;
    }

    private static void AddTarget(SipRequest request, DialogState dialog)
    {
        request.Add(HeaderId.Contact, dialog.LocalContact);
        request.Add(HeaderId.Allow, SipCapabilities.Allow);
    }

    /// <summary>
    /// Loose routing leaves the target in the Request-URI. A first route without lr is a strict router: it becomes the Request-URI, and the
    /// target the last Route.
    /// </summary>
    private static (SipUri Uri, ImmutableArray<string> Routes) Route(DialogState dialog)
    {
        var target = TargetOf(dialog);
        if (dialog.RouteSet.IsEmpty || !NameAddr.TryParse(dialog.RouteSet[0], out var first) || first.Uri.IsLooseRouter) return (target, dialog.RouteSet);
        return (AsRequestUri(first.Uri), [.. dialog.RouteSet.Skip(1), $"<{target.Text}>"]);
    }

    /// <summary>
    /// Headers and the method parameter may stand in a Contact, not in a Request-URI (RFC 3261 section 19.1.1 table 1), nor may blanks outside of quotes.
    /// Everything else goes back letter for letter.
    /// </summary>
    internal static SipUri AsRequestUri(SipUri uri)
    {
        uri = uri.WithoutBlanks();
        if (!uri.IsSip) return uri;
        var text = uri.Text;
        if (uri.HeadersText.Length > 0) text = text[..^(uri.HeadersText.Length + 1)];
        else if (text.EndsWith('?')) text = text[..^1];
        if (uri.Params.Has("method")) text = WithoutMethod(text);
        return ReferenceEquals(text, uri.Text) ? uri : SipUri.TryRead(text, out var cleaned) ? cleaned : uri;
    }

    private static string WithoutMethod(string text)
    {
        // The user part may hold the same letters: look behind it.
        var at = SipUri.IndexOfUnquoted(text, "@") + 1;
        while (SipUri.IndexOfUnquoted(text.AsSpan(at), ";") is >= 0 and var next)
        {
            at += next;
            var length = SipUri.IndexOfUnquoted(text.AsSpan(at + 1), ";") + 1;
            if (length == 0) length = text.Length - at;
            if (text.AsSpan(at).StartsWith(";method=", StringComparison.OrdinalIgnoreCase)) return text.Remove(at, length);
            at += length;
        }
        return text;
    }
}
