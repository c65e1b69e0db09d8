using System.Net;
using Cti.Sip.Auth;
using Cti.Sip.Message;
using Cti.Sip.Tests.Dialog;

namespace Cti.Sip.Tests.Auth;

public sealed class DigestTrustTests
{
    private const string Md5 = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\"";
    private const string Sha256 = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n2\", algorithm=SHA-256";
    private static readonly SipFlow Peer = Udp("192.0.2.10:5060");

    private static readonly DigestTrust Trust = new()
    {
        Credentials = new DigestCredentials("u", "p"), Host = "sip.carrier.example", Port = 5060,
        EndPoints = [IPEndPoint.Parse("192.0.2.10:5060"), IPEndPoint.Parse("192.0.2.11:5070")],
    };

    private static SipFlow Udp(string remote) => new(SipTransportKind.Udp, 0, IPEndPoint.Parse(remote));

    private static SipRequest Request(string method = "INVITE", string uri = "sip:200@sip.carrier.example", bool inDialog = false) =>
        Wire.Request($"{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\nMax-Forwards: 70\nFrom: <sip:us@192.0.2.1>;tag=t1\n"
            + $"To: <sip:200@x>{(inDialog ? ";tag=t2" : "")}\nCall-ID: c\nCSeq: 1 {method}\nContact: <sip:us@192.0.2.1>\n");

    private static DigestVerdict Judge(DigestTrust trust, string challenges, SipRequest? request = null, SipFlow? sent = null, SipFlow? came = null,
        DigestSession? session = null, int status = 401)
    {
        request ??= Request();
        return trust.Judge(session ?? DigestSession.Empty, request, Wire.Answer(request, status, "far", null, challenges.Split('\n')), sent ?? Peer,
            came ?? sent ?? Peer);
    }

    [Theory]
    [InlineData("INVITE", "sip:200@sip.carrier.example", false)]
    [InlineData("REGISTER", "sip:sip.carrier.example", false)]
    [InlineData("OPTIONS", "sip:192.0.2.10", false)]
    [InlineData("INVITE", "sip:200@192.0.2.10", true)]
    [InlineData("INVITE", "sip:200@192.0.2.11:5070;transport=udp", true)]
    [InlineData("BYE", "sip:x@SIP.Carrier.Example.", true)]
    public void The_trunk_itself_is_answered_whatever_was_asked_of_it(string method, string uri, bool inDialog)
    {
        var verdict = Judge(Trust, Md5, Request(method, uri, inDialog));
        (verdict.Refusal, verdict.Agreement).ShouldBe((DigestRefusal.None, new DigestAgreement("carrier", false)));
        verdict.Answer!.Authorize(Trust.Credentials, method, uri, "c", out _).Single().Value.ShouldContain("realm=\"carrier\"");
    }

    [Theory]
    [InlineData("192.0.2.66:5060", "192.0.2.66:5060", DigestRefusal.SentElsewhere)]
    [InlineData("192.0.2.10:5062", "192.0.2.10:5062", DigestRefusal.SentElsewhere)]
    [InlineData("192.0.2.11:5060", "192.0.2.11:5060", DigestRefusal.SentElsewhere)]
    [InlineData("192.0.2.66:5060", "192.0.2.10:5060", DigestRefusal.SentElsewhere)]
    [InlineData("192.0.2.10:5060", "192.0.2.66:5060", DigestRefusal.CameFromElsewhere)]
    [InlineData("192.0.2.10:5060", "192.0.2.10:40000", DigestRefusal.CameFromElsewhere)]
    [InlineData("192.0.2.10:5060", "192.0.2.11:5070", DigestRefusal.None)]
    [InlineData("192.0.2.10:5060", "[::ffff:192.0.2.10]:5060", DigestRefusal.None)]
    public void The_request_has_to_go_there_and_the_response_to_come_from_there(string sent, string came, DigestRefusal expected)
    {
        var verdict = Judge(Trust, Md5, null, Udp(sent), Udp(came));
        verdict.Refusal.ShouldBe(expected);
        (verdict.Answer is null).ShouldBe(expected != DigestRefusal.None);
    }

    [Theory]
    [InlineData("192.0.2.10:40000", 7, DigestRefusal.None)]
    [InlineData("192.0.2.10:40000", 0, DigestRefusal.SentElsewhere)]
    [InlineData("192.0.2.66:5060", 7, DigestRefusal.SentElsewhere)]
    public void A_stream_that_the_trunk_opened_has_a_port_of_no_meaning(string remote, long connection, DigestRefusal expected)
    {
        var stream = new SipFlow(SipTransportKind.Tcp, 0, IPEndPoint.Parse(remote), connection);
        Judge(Trust, Md5, null, stream, stream with { Connection = 7 }).Refusal.ShouldBe(expected);
    }

    [Theory]
    [InlineData("WWW-Authenticate", 401, "sip:bob@198.51.100.7", DigestRefusal.FarEnd)]
    [InlineData("WWW-Authenticate", 407, "sip:bob@198.51.100.7", DigestRefusal.FarEnd)]
    [InlineData("Proxy-Authenticate", 407, "sip:bob@198.51.100.7", DigestRefusal.None)]
    [InlineData("WWW-Authenticate", 401, "sip:bob@192.0.2.10:5090", DigestRefusal.FarEnd)]
    [InlineData("WWW-Authenticate", 401, "sip:bob@sip.carrier.example", DigestRefusal.None)]
    public void A_far_end_behind_the_trunk_is_not_answered_and_the_trunk_as_its_proxy_is(string header, int status, string target, DigestRefusal expected)
    {
        var known = Trust with { Agreement = new DigestAgreement("carrier", false) };
        Judge(known, $"{header}: Digest realm=\"carrier\", nonce=\"n\"", Request("BYE", target, inDialog: true), status: status).Refusal.ShouldBe(expected);
    }

    [Fact]
    public void A_realm_is_not_learnt_within_a_call_from_whoever_is_behind_the_trunk()
    {
        var request = Request("INVITE", "sip:bob@198.51.100.7", inDialog: true);
        const string Proxy = "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n\"";
        Judge(Trust, Proxy, request, status: 407).Refusal.ShouldBe(DigestRefusal.FarEnd);
        Judge(Trust with { Realms = ["carrier"] }, Proxy, request, status: 407).Refusal.ShouldBe(DigestRefusal.None);
    }

    [Fact]
    public void The_first_realm_is_kept_and_no_other_answered()
    {
        var first = Judge(Trust, Md5);
        var known = Trust with { Agreement = first.Agreement };
        Judge(known, "WWW-Authenticate: Digest realm=\"other\", nonce=\"n\"").Refusal.ShouldBe(DigestRefusal.ForeignRealm);
        Judge(known, "WWW-Authenticate: Digest realm=\"Carrier\", nonce=\"n\"").Refusal.ShouldBe(DigestRefusal.ForeignRealm);
        Judge(known, Md5).Refusal.ShouldBe(DigestRefusal.None);
        Judge(known, "WWW-Authenticate: Digest realm=\"other\", nonce=\"n\"").Agreement.ShouldBe(first.Agreement);
    }

    [Fact]
    public void Configured_realms_are_answered_and_no_other_not_even_as_the_first()
    {
        var trust = Trust with { Realms = ["carrier", "a \"b\""] };
        Judge(trust, Md5).Refusal.ShouldBe(DigestRefusal.None);
        Judge(trust, "WWW-Authenticate: Digest realm=\"a \\\"b\\\"\", nonce=\"n\"").Refusal.ShouldBe(DigestRefusal.None);
        Judge(trust, "WWW-Authenticate: Digest realm=\"other\", nonce=\"n\"").Refusal.ShouldBe(DigestRefusal.ForeignRealm);
    }

    [Fact]
    public void Of_several_challenges_the_acceptable_ones_are_answered_each_with_the_best_algorithm()
    {
        var verdict = Judge(Trust with { Realms = ["carrier"] }, $"WWW-Authenticate: Digest realm=\"other\", nonce=\"n\", algorithm=SHA-256\n{Md5}\n{Sha256}\n"
            + "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n3\", algorithm=SHA-512-256");
        var answer = verdict.Answer!.Authorize(Trust.Credentials, "INVITE", "sip:200@x", "c", out _).Single().Value;
        answer.ShouldContain("algorithm=SHA-256");
        answer.ShouldContain("realm=\"carrier\"");
        verdict.Agreement.ShouldBe(new DigestAgreement("carrier", true));
    }

    [Fact]
    public void Of_two_realms_in_the_first_response_one_is_answered()
    {
        var verdict = Judge(Trust, $"{Md5}\nProxy-Authenticate: Digest realm=\"other\", nonce=\"n\"");
        verdict.Answer!.Authorize(Trust.Credentials, "INVITE", "sip:200@x", "c", out _).Single().HeaderName.ShouldBe("Authorization");
    }

    [Theory]
    [InlineData("")]
    [InlineData(", algorithm=MD5")]
    [InlineData(", algorithm=MD5-sess, qop=\"auth\"")]
    [InlineData(", stale=true")]
    public void MD5_is_not_answered_once_SHA_256_was(string weaker)
    {
        var strong = Judge(Trust, Sha256);
        var known = Trust with { Agreement = strong.Agreement };
        var challenge = $"WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n9\"{weaker}";
        Judge(known, challenge).Refusal.ShouldBe(DigestRefusal.Weaker);
        Judge(known, challenge, session: strong.Answer).Refusal.ShouldBe(DigestRefusal.Weaker);
        Judge(known, "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n9\", algorithm=SHA-256-sess, qop=\"auth\"").Refusal.ShouldBe(DigestRefusal.None);
    }

    [Theory]
    [InlineData("WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", algorithm=SHA-512-256")]
    [InlineData("WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", algorithm=")]
    [InlineData("WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", qop=\"token\"")]
    [InlineData("WWW-Authenticate: Basic realm=\"carrier\"")]
    [InlineData("WWW-Authenticate: Bearer x")]
    [InlineData("X: y")]
    public void What_cannot_be_done_is_not_answered(string challenge) => Judge(Trust, challenge).Refusal.ShouldBe(DigestRefusal.Unsupported);

    [Fact]
    public void A_refused_answer_is_not_given_again()
    {
        var first = Judge(Trust, Md5);
        Judge(Trust with { Agreement = first.Agreement }, Md5, session: first.Answer).Refusal.ShouldBe(DigestRefusal.Repeated);
    }
}
