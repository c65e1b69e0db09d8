using Cti.Actors.SipNode;
using Cti.Kernel;
using Cti.Sip.Auth;

namespace Cti.Actors.Trunks;

/// <summary>Says in the log why a challenge is not answered: never with what the credentials are, nor with more of the challenge than its realm.</summary>
internal static class ChallengeLog
{
    private const int RealmCharsMax = 80;

    public static void Refused(ILog log, Trunk trunk, ResponseCame came, DigestRefusal why) => log.Write(LogEvents.ChallengeRefused,
        came.Response.Status, came.Handle.Request.Method, came.Came.Remote, trunk.Name, Words(trunk, came, why));

    private static string Words(Trunk trunk, ResponseCame came, DigestRefusal why) => why switch
    {
        DigestRefusal.Unsupported => "it asks for nothing that can be done: Digest with MD5 or SHA-256, and qop=auth, auth-int or none",
        DigestRefusal.SentElsewhere => $"the request went to {came.Sent.Remote}, which is no address of the trunk's",
        DigestRefusal.CameFromElsewhere => "it came from an address that is not the trunk's",
        DigestRefusal.FarEnd => "the far end of a call asks, not the trunk",
        DigestRefusal.ForeignRealm when trunk.Realms.IsEmpty => $"its realm {RealmOf(came)} is not the trunk's; more than one can be named in auth.realm",
        DigestRefusal.ForeignRealm => $"its realm {RealmOf(came)} is not the trunk's",
        DigestRefusal.Weaker => "it asks for MD5, and SHA-256 had been agreed",
        _ => "it was answered already: user or password are wrong",
    };

    private static string RealmOf(ResponseCame came)
    {
        var challenges = DigestChallenges.Read(came.Response);
        return $"\"{VisibleText.Of(challenges.IsEmpty ? "" : challenges[0].Realm, RealmCharsMax)}\"";
    }
}
