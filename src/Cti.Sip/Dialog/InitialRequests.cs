using System.Collections.Immutable;
using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>What every request outside a dialog has (RFC 3261 section 8.1.1).</summary>
/// <param name="Target">The Request-URI.</param>
/// <param name="From">Who sends, without tag.</param>
/// <param name="To">Whom it is for, without tag.</param>
/// <param name="Contact">Where we are to be reached; for a call <see cref="DialogTag.ToContact"/>.</param>
/// <param name="CallId">Unique in the world: random.</param>
/// <param name="LocalTag">The From tag; for a call a <see cref="DialogTag"/>.</param>
/// <param name="CSeq">1..2^31-1; 1 for the first with that Call-ID.</param>
/// <param name="Routes">Route values for an outbound proxy; empty for none.</param>
public sealed record InitialRequest(SipUri Target, NameAddr From, NameAddr To, NameAddr Contact, string CallId, string LocalTag, uint CSeq,
    ImmutableArray<string> Routes);

/// <summary>Builds requests outside a dialog. Via is left to the transaction layer.</summary>
public static class InitialRequests
{
    /// <summary>An INVITE with our offer.</summary>
    /// <param name="initial">Addresses and ids; its From is usually <see cref="CallerIdentity.From"/>.</param>
    /// <param name="offer">The SDP; empty to let the far end offer.</param>
    /// <param name="identity">What to assert or hide beside From; null for nothing.</param>
    public static SipRequest Invite(InitialRequest initial, ReadOnlyMemory<byte> offer, CallerIdentity? identity = null)
    {
        var request = Build(SipMethods.Invite, initial);
        request.Add(HeaderId.Contact, initial.Contact.ToString());
        request.Add(HeaderId.Allow, SipCapabilities.Allow);
        request.Add(HeaderId.Accept, SipCapabilities.Accept);
        request.Add(HeaderId.Supported, SipCapabilities.Transfers);
        identity?.AddTo(request);
        request.SetBody("application/sdp", offer);
        return request;
    }

    /// <summary>A REGISTER (RFC 3261 section 10.2): From and To are the address of record, the target is the registrar's domain.</summary>
    /// <param name="initial">Addresses and ids; Call-ID and tag stay, CSeq rises from refresh to refresh.</param>
    /// <param name="expiresSeconds">For how long; 0 takes the registration back.</param>
    public static SipRequest Register(InitialRequest initial, int expiresSeconds)
    {
        var request = Build(SipMethods.Register, initial);
        request.Add(HeaderId.Contact, initial.Contact.ToString());
        request.Add(HeaderId.Expires, expiresSeconds.ToString(CultureInfo.InvariantCulture));
        request.Add(HeaderId.Allow, SipCapabilities.Allow);
        return request;
    }

    /// <summary>OPTIONS: whether a peer is up.</summary>
    public static SipRequest Options(InitialRequest initial)
    {
        var request = Build(SipMethods.Options, initial);
        request.Add(HeaderId.Contact, initial.Contact.ToString());
        request.Add(HeaderId.Accept, SipCapabilities.Accept);
        return request;
    }

    /// <summary>A copy of an earlier request with another number and, for a redirection, another Request-URI; credentials are left out.</summary>
    internal static SipRequest Again(SipRequest earlier, uint number, SipUri? target = null)
    {
        var request = new SipRequest(earlier.Method, target is null ? earlier.Uri : DialogRequests.AsRequestUri(target));
        foreach (ref readonly var header in earlier.Headers)
        {
            switch (header.Id)
            {
                case HeaderId.Via or HeaderId.Authorization or HeaderId.ProxyAuthorization: break;
                case HeaderId.CSeq:
                    request.Add(HeaderId.CSeq, string.Create(CultureInfo.InvariantCulture, $"{number} {earlier.Method}"));
                    break;
                default:
                    request.Append(header);
                    break;
            }
        }
        request.SetBodyRaw(earlier.Body);
        return request;
    }

    private static SipRequest Build(string method, InitialRequest initial)
    {
        var request = new SipRequest(method, initial.Target);
        request.Add(HeaderId.MaxForwards, "70");
        foreach (var route in initial.Routes) request.Add(HeaderId.Route, route);
        request.Add(HeaderId.From, initial.From.WithTag(initial.LocalTag).ToString());
        request.Add(HeaderId.To, initial.To.ToString());
        request.Add(HeaderId.CallId, initial.CallId);
        request.Add(HeaderId.CSeq, string.Create(CultureInfo.InvariantCulture, $"{initial.CSeq} {method}"));
        return request;
    }
}
