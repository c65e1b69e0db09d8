using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>What this stack says of itself.</summary>
public static class SipCapabilities
{
    /// <summary>The Allow header. No PRACK: reliable provisional responses are neither asked for nor given.</summary>
    public const string Allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY";

    /// <summary>The Accept header.</summary>
    public const string Accept = "application/sdp";

    /// <summary>The option tag of RFC 4028.</summary>
    public const string Timer = "timer";

    /// <summary>The option tag of RFC 3891.</summary>
    public const string Replaces = "replaces";

    /// <summary>The option tag of RFC 4488.</summary>
    public const string NoReferSub = "norefersub";

    /// <summary>The Supported header of a request that begins a call.</summary>
    public const string Transfers = $"{Replaces}, {NoReferSub}";

    /// <summary>The Supported header.</summary>
    public const string Supported = $"{Timer}, {Transfers}";

    private static readonly string[] Options = [Timer, Replaces, NoReferSub];

    /// <summary>Whether a message of the far end's says that it takes UPDATE (RFC 3311 section 5.1); null where it does not say what it takes.</summary>
    internal static bool? AllowsUpdate(SipMessage message) =>
        message.Has(HeaderId.Allow) ? message.Tokens(HeaderId.Allow).Contains(SipMethods.Update, StringComparer.Ordinal) : null;

    /// <summary>
    /// The 420 for a request that requires what we do not do, such as 100rel; null when there is nothing to refuse (RFC 3261 section 8.2.2.3).
    /// CANCEL and ACK are never refused; what is no option tag requires nothing.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="toTag">Our tag.</param>
    public static SipResponse? RefuseExtensions(SipRequest request, string? toTag)
    {
        if (request.Method is SipMethods.Ack or SipMethods.Cancel || !request.Has(HeaderId.Require)) return null;
        var unknown = request.Require.Where(static tag => !Options.Contains(tag, StringComparer.OrdinalIgnoreCase) && Ascii.IsToken(tag)).ToList();
        if (unknown.Count == 0) return null;
        var response = SipResponse.For(request, 420, null, toTag);
        response.Add(HeaderId.Unsupported, string.Join(", ", unknown));
        return response;
    }

    /// <summary>The 200 to OPTIONS (RFC 3261 section 11.2), or 503 while draining.</summary>
    /// <param name="request">The OPTIONS.</param>
    /// <param name="toTag">Our tag; null within a dialog.</param>
    /// <param name="available">False while the node takes no new call.</param>
    public static SipResponse AnswerOptions(SipRequest request, string? toTag, bool available = true)
    {
        var response = SipResponse.For(request, available ? 200 : 503, null, toTag);
        response.Add(HeaderId.Allow, Allow);
        response.Add(HeaderId.Accept, Accept);
        response.Add(HeaderId.Supported, Supported);
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
