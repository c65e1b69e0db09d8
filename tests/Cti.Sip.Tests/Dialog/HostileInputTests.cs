using System.Text;
using Cti.Fuzz.Targets;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Dialog;

/// <summary>
/// Whatever a far end writes, what we send is well-formed: messages are changed at random places (the same in each run) and fed to the usages.
/// </summary>
public sealed class HostileInputTests
{
    private static readonly SipTimers Timers = new();
    private static readonly SdpSession Offer = SdpNegotiator.CreateOffer(Sdps.Us);
    private static readonly byte[] Spice = [.. "\0\t\r\n \"\\<>;,=:@?%[]*#z9\u00e9"u8];

    private const string TheirInvite = "INVITE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n" +
        "Record-Route: \"P\" <sip:p;lr>;x=\"y\", <sip:q>\r\nFrom: \"Bob\" <sip:bob@198.51.100.7>;tag=b1;p=\"v\"\r\nTo: One <sip:100@192.0.2.1>\r\n" +
        "Call-ID: c1@h\r\nCSeq: 7 INVITE\r\n" +
        "Contact: \"B\" <sip:bob?x@198.51.100.7:5070;method=INVITE?a=b>\r\nRequire: timer\r\nSession-Expires: 90;refresher=uas\r\nSupported: timer\r\n" +
        "Content-Type: application/sdp\r\n\r\n";

    private static IEnumerable<byte[]> Mutations(string text, int count)
    {
        var random = new Random(20260101);
        var seed = Encoding.UTF8.GetBytes(text);
        yield return seed;
        for (var i = 0; i < count; i++)
        {
            var bytes = new List<byte>(seed);
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(3))
                {
                    case 0: bytes[at] = Spice[random.Next(Spice.Length)]; break;
                    case 1: bytes.Insert(at, Spice[random.Next(Spice.Length)]); break;
                    default: bytes.RemoveRange(at, Math.Min(random.Next(1, 6), bytes.Count - at)); break;
                }
            }
            yield return [.. bytes];
        }
    }

    private static SipMessage? Parse(byte[] bytes) =>
        SipParser.ParseDatagram(bytes) is { Outcome: SipParseOutcome.Message, Rejection: SipRejection.None, Message: { } message } ? message : null;

    private static void ShouldBeWellFormed(IEnumerable<UsageAction> actions)
    {
        foreach (var action in actions)
        {
            SipMessage? sent = action switch { SendRequest a => a.Request, SendAck a => a.Ack, SendResponse a => a.Response, _ => null };
            if (sent is null) continue;
            if (sent is SipRequest request && !request.Has(HeaderId.Via)) request.AddFirst(HeaderId.Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx");
            var bytes = SipMessageWriter.ToArray(sent);
            Parse(bytes).ShouldNotBeNull(Encoding.UTF8.GetString(bytes));
        }
    }

    [Fact]
    public void An_INVITE_to_us()
    {
        var contact = new NameAddr(SipUri.Parse("sip:us@192.0.2.1:5060"));
        var begun = 0;
        foreach (var bytes in Mutations(TheirInvite + Sdps.Theirs(), 6_000))
        {
            if (Parse(bytes) is not SipRequest { Method: "INVITE" } invite) continue;
            var state = InviteServerUsage.Begin(invite, "t1", contact, "", out var refusal);
            if (state is null)
            {
                ShouldBeWellFormed([new SendResponse(invite, refusal!)]);
                continue;
            }
            begun++;
            var accepted = InviteServerUsage.Step(state, new InviteServerInput.Accept(Sdps.Us), 0, Timers);
            ShouldBeWellFormed(accepted.Actions);
            ShouldBeWellFormed(InviteServerUsage.Step(accepted.State, new InviteServerInput.Tick(), 32_000, Timers).Actions);
        }
        begun.ShouldBeGreaterThan(500);
    }

    [Theory]
    [InlineData("SIP/2.0 200 OK\r\n", "Session-Expires: 90;refresher=uac\r\n", true)]
    [InlineData("SIP/2.0 183 Progress\r\n", "", true)]
    [InlineData("SIP/2.0 302 Moved\r\n", "", false)]
    [InlineData("SIP/2.0 401 Who\r\n", "WWW-Authenticate: Digest realm=\"r\", nonce=n, opaque=\"o\", algorithm=MD5, qop=\"auth\"\r\n", false)]
    [InlineData("SIP/2.0 422 Small\r\n", "Min-SE: 100\r\n", false)]
    public void A_response_to_our_INVITE(string start, string header, bool sdp)
    {
        var text = start
            + "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nRecord-Route: \"P\" <sip:p;lr>;x=\"y\", <sip:q>\r\nFrom: <sip:100@192.0.2.1>;tag=u1\r\n" +
            "To: \"Bob\" <sip:200@198.51.100.7>;tag=b1;p=\"v\"\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n" +
            "Contact: \"B\" <sip:bob@198.51.100.7:5070;method=INVITE?a=b>;q=0.5\r\n" + header +
            (sdp ? "Content-Type: application/sdp\r\n\r\n" + Sdps.Theirs() : "\r\n");
        var initial = new InitialRequest(SipUri.Parse("sip:200@198.51.100.7"), new NameAddr(SipUri.Parse("sip:100@192.0.2.1")),
            new NameAddr(SipUri.Parse("sip:200@198.51.100.7")), new NameAddr(SipUri.Parse("sip:us@192.0.2.1:5060")), "c1", "u1", 1, []);
        var acted = 0;
        foreach (var bytes in Mutations(text, 3_000))
        {
            if (Parse(bytes) is not SipResponse response) continue;
            var begun = InviteClientUsage.Begin(InitialRequests.Invite(initial, Offer.ToBytes()), Offer, "",
                new InviteClientPolicy(new DigestCredentials("u", "p"))).State;
            var step = InviteClientUsage.Step(begun, new InviteClientInput.Responded(response, "0123456789abcdef")
            {
                Answer = begun.Digest.TryChallenge(DigestChallenges.Read(response), out var answer) ? answer : null,
            }, 0, Timers);
            if (step.Actions.Length > 0) acted++;
            ShouldBeWellFormed(step.Actions);
            if (step.State.Dialog is { } dialog) ShouldBeWellFormed([new SendRequest(DialogRequests.ReInvite(dialog, Offer.ToBytes(), out _))]);
        }
        acted.ShouldBeGreaterThan(300);
    }

    [Fact]
    public void Session_descriptions()
    {
        var text = Sdps.Theirs("a=rtpmap:101 telephone-event/8000\r\na=rtcp:4001 IN IP4 198.51.100.7\r\na=sendonly\r\nm=video 5000 RTP/AVP 99\r\n"
            + "c=IN IP6 2001:db8::1\r\n", codecs: "8 0 101");
        foreach (var bytes in Mutations(text, 20_000)) SdpTarget.Run(bytes);
    }
}
