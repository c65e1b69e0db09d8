using System.Collections.Immutable;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>
/// An INVITE of ours as it goes out, journaled before it does: what its CANCEL and the ACK of what is answered to it are made of, so that another node can send
/// them. Addresses are kept as the text that went out.
/// </summary>
/// <param name="CSeq">Its number.</param>
/// <param name="Uri">Its Request-URI.</param>
/// <param name="Via">Its Via, with the branch.</param>
/// <param name="From">Its From without tag.</param>
/// <param name="To">Its To.</param>
/// <param name="Contact">Its Contact.</param>
/// <param name="Flow">By what it goes: a <see cref="DialogFlow"/>.</param>
public sealed record OutboundInvite(uint CSeq, string Uri, string Via, string From, string To, string Contact, string Flow)
{
    /// <summary>Its Route values, where it has some.</summary>
    public ImmutableArray<string>? Routes { get; init; }

    /// <summary>The INVITE, without what neither CANCEL nor ACK need.</summary>
    /// <param name="callId">Its Call-ID.</param>
    /// <param name="localTag">Its From tag.</param>
    public SipRequest ToRequest(string callId, string localTag)
    {
        var request = new SipRequest(SipMethods.Invite, SipUri.Read(Uri));
        request.Add(HeaderId.Via, Via);
        request.Add(HeaderId.MaxForwards, "70");
        foreach (var route in Routes ?? []) request.Add(HeaderId.Route, route);
        request.Add(HeaderId.From, $"{From};tag={localTag}");
        request.Add(HeaderId.To, To);
        request.Add(HeaderId.CallId, callId);
        request.Add(HeaderId.CSeq, new CSeqValue(CSeq, SipMethods.Invite).ToString());
        request.Add(HeaderId.Contact, Contact);
        return request;
    }
}
