using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>
/// A dialog (RFC 3261 section 12), immutable and plain, so that it can be journaled and taken over. Addresses are kept as the text that
/// goes out again.
/// </summary>
/// <param name="CallId">Call-ID.</param>
/// <param name="LocalTag">Our tag; a <see cref="DialogTag"/>.</param>
/// <param name="RemoteTag">Their tag; empty where they have none (RFC 2543).</param>
/// <param name="LocalUri">Our address with display name, without tag.</param>
/// <param name="RemoteUri">Their address with display name, without tag.</param>
/// <param name="LocalContact">Our Contact.</param>
/// <param name="RemoteTarget">The URI of their last Contact.</param>
/// <param name="RouteSet">Route values in the order in which they go out; never default.</param>
/// <param name="LocalCSeq">The number of our last request; 0 before the first.</param>
/// <param name="RemoteCSeq">The number of their last request; 0 before the first.</param>
/// <param name="Flow">What the far end was last reached by: a <see cref="DialogFlow"/>.</param>
/// <param name="Secure">Made by a sips request over TLS.</param>
/// <param name="IsUac">Whether we sent the request that made it.</param>
/// <param name="IsConfirmed">False while only a provisional response has made it.</param>
public sealed record DialogState(string CallId, string LocalTag, string RemoteTag, string LocalUri, string RemoteUri, string LocalContact,
    string RemoteTarget, ImmutableArray<string> RouteSet, uint LocalCSeq, uint RemoteCSeq, string Flow, bool Secure, bool IsUac, bool IsConfirmed)
{
    /// <summary>
    /// The dialog that a response to our INVITE makes: early with a 1xx, confirmed with a 2xx (RFC 3261 section 12.1.2).
    /// </summary>
    /// <remarks>
    /// A 2xx makes one whatever it looks like, so that it can be acknowledged and hung up; whether more can be done with it is for
    /// <see cref="CanBeUsed"/> to say. What it does not tell is taken from the request: the target, and the far end's address.
    /// </remarks>
    /// <returns>False for a 100, a failure, and a 1xx without a tag.</returns>
    public static bool TryCreateAsUac(SipRequest request, SipResponse response, string flow, [NotNullWhen(true)] out DialogState? dialog)
    {
        dialog = null;
        if (response.Status is <= 100 or >= 300 || (response.To.Tag is null && !response.IsSuccess)) return false;
        dialog = new DialogState(request.CallId, request.From.Tag ?? "", response.To.Tag ?? "", Party(request.From),
            Party(response.To.Uri.IsReadable ? response.To : request.To),
            request.Get(HeaderId.Contact) ?? "", response.Contact?.Uri.Text ?? request.Uri.Text, Reversed(response.RecordRoutes),
            request.CSeq.Number, 0, flow, request.Uri.Scheme == "sips", true, response.IsSuccess);
        return true;
    }

    /// <summary>The dialog that an INVITE to us makes, early (RFC 3261 section 12.1.1).</summary>
    /// <param name="request">Theirs.</param>
    /// <param name="localTag">Our tag, which goes into every response but 100.</param>
    /// <param name="localContact">Our Contact, likewise.</param>
    /// <param name="flow">What it came by.</param>
    /// <param name="dialog">The dialog.</param>
    /// <returns>False without a Contact: the answer is 400.</returns>
    public static bool TryCreateAsUas(SipRequest request, string localTag, NameAddr localContact, string flow, [NotNullWhen(true)] out DialogState? dialog)
    {
        dialog = null;
        if (request.Contact is not { } contact) return false;
        dialog = new DialogState(request.CallId, localTag, request.From.Tag ?? "", Party(request.To), Party(request.From), localContact.ToString(),
            contact.Uri.Text, [.. request.RecordRoutes.Select(Text)], 0, request.CSeq.Number, flow, request.Uri.Scheme == "sips", false, false);
        return true;
    }

    /// <summary>
    /// Whether requests can be sent in the dialog of a 2xx: it says where to (RFC 3261 section 12.1.1), or its provisional responses did, and by which
    /// proxies.
    /// </summary>
    public static bool CanBeUsed(SipResponse success, DialogState? early) =>
        (success.Contact is not null || early is not null) && SipMessageChecks.CanRead(success, HeaderId.RecordRoute);

    /// <summary>
    /// Takes over what the 2xx to our INVITE says: the target, and for a dialog that was early also the route set (RFC 3261 section 13.2.2.4).
    /// </summary>
    public DialogState Confirm(SipResponse success) => this with
    {
        IsConfirmed = true,
        RemoteTarget = success.Contact?.Uri.Text ?? RemoteTarget,
        RouteSet = IsConfirmed ? RouteSet : Reversed(success.RecordRoutes),
    };

    /// <summary>Our 2xx went out, or its ACK came: the dialog is no longer early.</summary>
    public DialogState Confirm() => IsConfirmed ? this : this with { IsConfirmed = true };

    /// <summary>Takes the Contact of a target refresh request or its 2xx (re-INVITE, UPDATE; RFC 3261 section 12.2); the route set stays.</summary>
    public DialogState RefreshTarget(SipMessage message) =>
        message.Contact is { } contact && contact.Uri.Text != RemoteTarget ? this with { RemoteTarget = contact.Uri.Text } : this;

    /// <summary>Whether a message from the far end belongs to this dialog: Call-ID and both tags.</summary>
    public bool Owns(SipMessage message)
    {
        if (message.CallId != CallId) return false;
        var (local, remote) = message.IsRequest ? (message.To.Tag, message.From.Tag) : (message.From.Tag, message.To.Tag);
        return (local ?? "") == LocalTag && (remote ?? "") == RemoteTag;
    }

    private static string Party(NameAddr address) => Text(address.WithoutTag());

    private static ImmutableArray<string> Reversed(IReadOnlyList<NameAddr> routes) => [.. routes.Reverse().Select(Text)];

    /// <summary>The parser lets control characters stand in quoted strings; they must not come out of us again.</summary>
    internal static string Text(NameAddr address)
    {
        var text = address.ToString();
        return text.AsSpan().IndexOfAnyInRange('\0', '\x1f') < 0 ? text : string.Create(text.Length, text, static (span, source) =>
        {
            for (var i = 0; i < span.Length; i++) span[i] = source[i] < ' ' ? ' ' : source[i];
        });
    }
}
