using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>What this stack says of itself.</summary>
public static class SipCapabilities
{
    /// <summary>The Allow header.</summary>
    public const string Allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY";

    /// <summary>The Accept header.</summary>
    public const string Accept = "application/sdp";

    /// <summary>The option tag of RFC 4028.</summary>
    public const string Timer = "timer";

    /// <summary>The option tag of RFC 3262.</summary>
    public const string Reliable = "100rel";

    /// <summary>The option tag of RFC 3891.</summary>
    public const string Replaces = "replaces";

    /// <summary>The option tag of RFC 4488.</summary>
    public const string NoReferSub = "norefersub";

    /// <summary>The Supported header within a dialog.</summary>
    public const string Supported = $"{Timer}, {Replaces}, {NoReferSub}";

    private const string SupportedWithReliable = $"{Timer}, {Reliable}, {Replaces}, {NoReferSub}";

    /// <summary>Whether a message of the far end's says that it takes UPDATE (RFC 3311 section 5.1); null where it does not say what it takes.</summary>
    internal static bool? AllowsUpdate(SipMessage message) =>
        message.Has(HeaderId.Allow) ? message.Tokens(HeaderId.Allow).Contains(SipMethods.Update, StringComparer.Ordinal) : null;

    /// <summary>
    /// The 420 for a request that requires what we do not do, and the 421 for an INVITE that does not do what we require; null when there is nothing to
    /// refuse (RFC 3261 section 8.2.2.3). CANCEL and ACK are never refused; what is no option tag requires nothing.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="toTag">Our tag.</param>
    /// <param name="reliable">Whether provisional responses are reliable: for an INVITE outside a dialog, others are answered without any.</param>
    public static SipResponse? RefuseExtensions(SipRequest request, string? toTag, ReliableProvisionals reliable = ReliableProvisionals.Supported)
    {
        if (request.Method is SipMethods.Ack or SipMethods.Cancel) return null;
        if (reliable == ReliableProvisionals.Required && request.Method == SipMethods.Invite && !ReliableResponse.IsListed(request))
        {
            var needed = SipResponse.For(request, 421, null, toTag);
            needed.Add(HeaderId.Require, Reliable);
            return needed;
        }
        if (!request.Has(HeaderId.Require)) return null;
        var unknown = request.Require.Where(tag => !IsKnown(tag, reliable) && Ascii.IsToken(tag)).ToList();
        if (unknown.Count == 0) return null;
        var response = SipResponse.For(request, 420, null, toTag);
        response.Add(HeaderId.Unsupported, string.Join(", ", unknown));
        return response;
    }

    private static bool IsKnown(string tag, ReliableProvisionals reliable) => tag.Equals(Timer, StringComparison.OrdinalIgnoreCase)
        || tag.Equals(Replaces, StringComparison.OrdinalIgnoreCase) || tag.Equals(NoReferSub, StringComparison.OrdinalIgnoreCase)
        || (reliable != ReliableProvisionals.Off && tag.Equals(Reliable, StringComparison.OrdinalIgnoreCase));

    /// <summary>What an INVITE of ours asks for.</summary>
    internal static void AddTo(SipRequest invite, SipProfile profile)
    {
        if (profile.Reliable == ReliableProvisionals.Required) invite.Add(HeaderId.Require, Reliable);
        invite.Add(HeaderId.Supported, profile.Reliable == ReliableProvisionals.Supported ? SupportedWithReliable : Supported);
        SessionTimer.AddTo(invite, profile.Timer);
    }

    /// <summary>The 200 to OPTIONS (RFC 3261 section 11.2), or 503 while draining.</summary>
    /// <param name="request">The OPTIONS.</param>
    /// <param name="toTag">Our tag; null within a dialog.</param>
    /// <param name="available">False while the node takes no new call.</param>
    /// <param name="reliable">Whether provisional responses are reliable.</param>
    public static SipResponse AnswerOptions(SipRequest request, string? toTag, bool available = true,
        ReliableProvisionals reliable = ReliableProvisionals.Supported)
    {
        var response = SipResponse.For(request, available ? 200 : 503, null, toTag);
        response.Add(HeaderId.Allow, Allow);
        response.Add(HeaderId.Accept, Accept);
        response.Add(HeaderId.Supported, reliable == ReliableProvisionals.Off ? Supported : SupportedWithReliable);
        return response;
    }

    /// <summary>
    /// The answer to a SUBSCRIBE: nothing here is subscribed to but by a REFER (RFC 3515 section 2.4.4), which 403 says; of anything else that the event is
    /// not known (489, RFC 6665 section 4.2.1.1).
    /// </summary>
    /// <param name="subscribe">The request.</param>
    /// <param name="toTag">Our tag; null within a dialog.</param>
    public static SipResponse RefuseSubscription(SipRequest subscribe, string? toTag)
    {
        var isKnown = ReferReports.TryReadEvent(subscribe.Get(HeaderId.Event), out _);
        var response = SipResponse.For(subscribe, isKnown ? 403 : 489, null, toTag);
        response.Add(HeaderId.AllowEvents, ReferReports.Event);
        return response;
    }

    /// <summary>The 405 to a method that has no meaning here.</summary>
    public static SipResponse RefuseMethod(SipRequest request, string? toTag)
    {
        var response = SipResponse.For(request, 405, null, toTag);
        response.Add(HeaderId.Allow, Allow);
        return response;
    }
}
