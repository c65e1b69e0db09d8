using System.Collections.Immutable;
using System.Net;
using Cti.Sip.Message;

namespace Cti.Sip.Auth;

/// <summary>What a peer and we agreed on by a challenge that was answered; it is kept with a call, so that whoever takes that over knows it too.</summary>
/// <param name="Realm">The realm that was answered, as it stands between the quotes.</param>
/// <param name="Strong">SHA-256 was asked for: MD5 is not answered any more.</param>
public sealed record DigestAgreement(string Realm, bool Strong);

/// <summary>Why a 401 or 407 is not answered.</summary>
public enum DigestRefusal
{
    /// <summary>It is answered.</summary>
    None,
    /// <summary>No challenge in it that we can do: no Digest, another algorithm than MD5 and SHA-256, a qop that nobody knows, or broken.</summary>
    Unsupported,
    /// <summary>The request went to an address that is not the peer's.</summary>
    SentElsewhere,
    /// <summary>The response came from an address that is not the peer's.</summary>
    CameFromElsewhere,
    /// <summary>A dialog's far end asks, which is not the peer itself.</summary>
    FarEnd,
    /// <summary>The realm is neither configured nor the one that was seen first.</summary>
    ForeignRealm,
    /// <summary>MD5, after SHA-256 had been agreed.</summary>
    Weaker,
    /// <summary>Our answer was refused: the password is wrong, or the nonce is called stale again and again.</summary>
    Repeated,
}

/// <summary>How a challenge is judged.</summary>
/// <param name="Refusal">None where it is to be answered.</param>
/// <param name="Answer">What to answer with; null where it is not to be answered.</param>
/// <param name="Agreement">What holds from now on: unchanged where nothing is answered.</param>
public readonly record struct DigestVerdict(DigestRefusal Refusal, DigestSession? Answer, DigestAgreement? Agreement);

/// <summary>
/// Whom credentials are for, as it is known at this moment. A digest is a hash of the password over text that the challenger chose, so whoever gets one may
/// search for the password at leisure: the credentials answer the peer that they were configured for, and nobody else. Immutable and pure.
/// </summary>
public sealed record DigestTrust
{
    /// <summary>Name and password.</summary>
    public required DigestCredentials Credentials { get; init; }
    /// <summary>The peer's host, as configured.</summary>
    public required string Host { get; init; }
    /// <summary>The peer's port, 1..65535.</summary>
    public required int Port { get; init; }
    /// <summary>Hosts and ports that are the peer's too, as configured.</summary>
    public ImmutableArray<(string Host, int Port)> Others { get; init; } = [];
    /// <summary>Realms that may be answered; empty for the first one that the peer asks with.</summary>
    public ImmutableArray<string> Realms { get; init; } = [];
    /// <summary>Where the peer's host leads.</summary>
    public ImmutableArray<IPEndPoint> EndPoints { get; init; } = [];
    /// <summary>What was agreed so far; null before the first challenge was answered.</summary>
    public DigestAgreement? Agreement { get; init; }

    /// <summary>
    /// Whether a way leads to the peer: address and port are its own. For a stream that it opened towards us the address alone counts, since such a port is of
    /// no meaning and the address cannot be forged.
    /// </summary>
    public static bool Owns(ImmutableArray<IPEndPoint> endPoints, SipFlow flow)
    {
        if (flow.Remote is null) return false;
        var address = flow.Remote.Address.IsIPv4MappedToIPv6 ? flow.Remote.Address.MapToIPv4() : flow.Remote.Address;
        var isOpen = flow is { IsReliable: true, Connection: not 0 };
        foreach (var known in endPoints)
        {
            if (known.Address.Equals(address) && (isOpen || known.Port == flow.Remote.Port)) return true;
        }
        return false;
    }

    /// <summary>Judges a 401 or 407.</summary>
    /// <param name="session">What was answered so far in this dialog, or registration.</param>
    /// <param name="request">Ours.</param>
    /// <param name="response">The 401 or 407 to it.</param>
    /// <param name="sent">By what the request went.</param>
    /// <param name="came">By what the response came.</param>
    public DigestVerdict Judge(DigestSession session, SipRequest request, SipResponse response, SipFlow sent, SipFlow came)
    {
        if (!Owns(EndPoints, sent)) return Refused(DigestRefusal.SentElsewhere);
        if (!Owns(EndPoints, came)) return Refused(DigestRefusal.CameFromElsewhere);
        var asked = DigestChallenges.Read(response);
        if (asked.IsEmpty) return Refused(DigestRefusal.Unsupported);
        if (!IsForPeer(request))
        {
            // Behind a proxy it is the far end that asks with a 401 (RFC 3261 section 22.2), and a realm that nobody has seen before may be its as well.
            asked = asked.RemoveAll(static challenge => !challenge.IsProxy);
            if (asked.IsEmpty || (Realms.IsEmpty && Agreement is null)) return Refused(DigestRefusal.FarEnd);
        }
        var first = asked[0].Realm;
        asked = asked.RemoveAll(challenge => !MayAnswer(challenge.Realm, first));
        if (asked.IsEmpty) return Refused(DigestRefusal.ForeignRealm);
        if (Agreement is { Strong: true }) asked = asked.RemoveAll(static challenge => !IsStrong(challenge.Algorithm));
        if (asked.IsEmpty) return Refused(DigestRefusal.Weaker);
        if (!session.TryChallenge(asked, out var answer)) return Refused(DigestRefusal.Repeated);
        var strong = Agreement is { Strong: true } || asked.Any(static challenge => IsStrong(challenge.Algorithm));
        return new DigestVerdict(DigestRefusal.None, answer, new DigestAgreement(Agreement?.Realm ?? asked[0].Realm, strong));
    }

    private DigestVerdict Refused(DigestRefusal why) => new(why, null, Agreement);

    private bool MayAnswer(string realm, string first)
    {
        if (Realms.IsEmpty) return realm == (Agreement?.Realm ?? first);
        foreach (var configured in Realms)
        {
            if (DigestClient.Quoted(configured) == realm) return true;
        }
        return false;
    }

    /// <summary>Outside a dialog the peer is asked; within one the Request-URI tells whether the far end is the peer itself, as a B2BUA's is.</summary>
    private bool IsForPeer(SipRequest request)
    {
        if (request.To.Tag is null) return true;
        var uri = request.Uri;
        if (!uri.IsSip) return false;
        var port = uri.Port != 0 ? uri.Port : uri.Scheme == "sips" ? 5061 : 5060;
        var host = uri.Host.Trim('[', ']');
        if (IPAddress.TryParse(host, out var address)) return EndPoints.Any(known => known.Port == port && known.Address.Equals(address));
        return Is(Host, Port) || Others.Any(other => Is(other.Host, other.Port));

        bool Is(string known, int knownPort) =>
            (port == knownPort || uri.Port == 0) && host.TrimEnd('.').Equals(known.TrimEnd('.'), StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsStrong(DigestAlgorithm algorithm) => algorithm >= DigestAlgorithm.Sha256;
}
