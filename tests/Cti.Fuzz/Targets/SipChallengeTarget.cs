using System.Net;
using System.Text;
using Cti.Sip;
using Cti.Sip.Auth;
using Cti.Sip.Message;

namespace Cti.Fuzz.Targets;

/// <summary>
/// WWW-Authenticate and Proxy-Authenticate: the lines of one 401 or 407 after the other, an empty line between them. Whatever is asked, few challenges are
/// read, an answer is one header of our request and nothing else, and over all responses one realm is answered, and by no weaker algorithm than before.
/// </summary>
public sealed class SipChallengeTarget : IFuzzTarget
{
    private const int ChallengesMax = 8, ResponsesMax = 32;
    private const string Rfc7616 = "WWW-Authenticate: Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
        + "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    private static readonly SipFlow Peer = new(SipTransportKind.Udp, 0, IPEndPoint.Parse("192.0.2.10:5060"));
    private static readonly byte[] Outside = Request("<sip:200@x>"), Within = Request("<sip:200@x>;tag=t2");

    private static readonly DigestTrust Any = new()
    {
        Credentials = new DigestCredentials("u", "p"), Host = "192.0.2.10", Port = 5060, EndPoints = [IPEndPoint.Parse("192.0.2.10:5060")],
    };

    private static readonly DigestTrust Configured = Any with { Realms = ["carrier", "a \"b\""] };

    public string Name => "sip-challenge";

    public IEnumerable<byte[]> Seeds =>
    [
        .. new[]
        {
            "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\"\r\n\r\nWWW-Authenticate: Digest realm=\"carrier\", nonce=\"n2\", stale=TRUE\r\n",
            Rfc7616 + "\r\nWWW-Authenticate: Digest realm=\"http-auth@example.org\", nonce=\"m\", algorithm=MD5\r\n\r\n"
                + Rfc7616.Replace("SHA-256", "MD5", StringComparison.Ordinal) + "\r\n",
            "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n\", algorithm=SHA-256-sess, qop=auth\r\n"
                + "WWW-Authenticate: Digest realm=\"other\", nonce=\"n\", algorithm=MD5-sess\r\n",
            "WWW-Authenticate: Digest realm=\"one\", nonce=\"n\"\r\nWWW-Authenticate: Digest realm=\"two\", nonce=\"n\"\r\n\r\n"
                + "WWW-Authenticate: Digest realm=\"two\", nonce=\"n\"\r\n\r\nProxy-Authenticate: Digest realm=\"one\", nonce=\"n\"\r\n",
            "WWW-Authenticate: Digest realm=\"a \\\"b\\\"\", nonce=\"x\\\\\", opaque=\"\", algorithm=md5, qop=\"auth\", stale=false, realm=\"carrier\"\r\n",
            "WWW-Authenticate: Basic realm=\"carrier\"\r\nWWW-Authenticate: Digest realm=carrier, nonce=n, qop=auth-int\r\n"
                + "WWW-Authenticate: digest\t realm=carrier ,,nonce=n , domain=\"sip:a sip:b\",charset=UTF-8,userhash=true\r\n",
            "WWW-Authenticate: Digest realm=\"carrier\",\r\n nonce=\"n\",\r\n\tqop=\"auth\"\r\n",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        foreach (var trust in (DigestTrust[])[Any, Configured]) Talk(trust, input);
    }

    private static void Talk(DigestTrust trust, ReadOnlySpan<byte> rest)
    {
        var session = DigestSession.Empty;
        var realms = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < ResponsesMax && rest.Length > 0; i++)
        {
            var end = rest.IndexOf("\r\n\r\n"u8);
            var lines = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 4)..];
            if (SipParser.ParseDatagram(Response(lines)).Message is not SipResponse response) continue;
            if (DigestChallenges.Read(response).Length > ChallengesMax) throw new InvalidOperationException("more challenges than are looked at");
            // Every third is of a call that is up.
            var request = Parse(i % 3 == 2 ? Within : Outside);
            var verdict = trust.Judge(session, request, response, Peer, Peer);
            if ((verdict.Refusal == DigestRefusal.None) != (verdict.Answer is not null))
                throw new InvalidOperationException($"{verdict.Refusal}, and yet or not answered");
            if (verdict.Answer is null)
            {
                if (verdict.Agreement != trust.Agreement) throw new InvalidOperationException("what is not answered changes what was agreed");
                continue;
            }
            if (trust.Agreement is { Strong: true } && verdict.Agreement is not { Strong: true })
                throw new InvalidOperationException("a weaker algorithm than was agreed");
            session = DigestChallenges.AddTo(request, verdict.Answer, trust.Credentials, "0123456789abcdef");
            foreach (var answer in Answers(request, Math.Max(1, trust.Realms.Length))) realms.Add(RealmOf(answer));
            trust = trust with { Agreement = verdict.Agreement };
            if (i % 2 == 1) session = session.Accept();
        }
        if (trust.Realms.IsEmpty ? realms.Count > 1 : realms.Any(realm => realm is not ("carrier" or "a \\\"b\\\"")))
            throw new InvalidOperationException($"answered are {string.Join(" and ", realms)}");
    }

    /// <summary>What goes out, as the far end reads it: each answer whole, and nothing that the challenger has written as a header of its own.</summary>
    private static List<string> Answers(SipRequest request, int realmsMax)
    {
        var sent = Parse(SipMessageWriter.ToArray(request));
        if (sent.Headers.Length != request.Headers.Length) throw new InvalidOperationException("an answer is more than a header");
        var answers = new List<string>();
        foreach (ref readonly var header in sent.Headers)
        {
            if (header.Id is not (HeaderId.Authorization or HeaderId.ProxyAuthorization)) continue;
            if (answers.Count == 2 * realmsMax) throw new InvalidOperationException("more answers than a server and a proxy may have for each realm");
            answers.Add(header.Value);
        }
        if (answers.Count == 0) throw new InvalidOperationException("an answer without a header");
        return answers;
    }

    private static string RealmOf(string answer)
    {
        const string Begin = "Digest username=\"u\", realm=\"";
        if (!answer.StartsWith(Begin, StringComparison.Ordinal)) throw new InvalidOperationException($"no answer begins like that: {answer}");
        for (var i = Begin.Length; i < answer.Length; i++)
        {
            if (answer[i] == '\\') i++;
            else if (answer[i] == '"') return answer[Begin.Length..i];
        }
        throw new InvalidOperationException($"a realm without an end: {answer}");
    }

    private static byte[] Response(ReadOnlySpan<byte> lines) =>
        [.. "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:us@192.0.2.1>;tag=t1\r\nTo: <sip:200@x>;tag=far\r\n"u8
            + "Call-ID: c\r\nCSeq: 1 INVITE\r\n"u8, .. lines, .. "\r\nContent-Length: 0\r\n\r\n"u8];

    private static byte[] Request(string to) => Encoding.ASCII.GetBytes(
        $"INVITE sip:200@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:us@192.0.2.1>;tag=t1\r\n"
            + $"To: {to}\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:us@192.0.2.1>\r\nContent-Length: 0\r\n\r\n");

    private static SipRequest Parse(byte[] bytes) =>
        SipParser.ParseDatagram(bytes) is { Outcome: SipParseOutcome.Message, Message: SipRequest request }
            ? request
            : throw new InvalidOperationException($"our request cannot be read: {Encoding.UTF8.GetString(bytes)}");
}
