using System.Text;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Fuzz.Targets;

/// <summary>
/// What a call hangs on: INVITE, its responses, ACK, BYE, UPDATE, as devices send them and worse. Whatever comes, a BYE, an ACK and a response that tell
/// whose they are are taken, every 2xx is acknowledged, and what goes out can be read.
/// </summary>
public sealed class SipDialogTarget : IFuzzTarget
{
    private const string Sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n";

    private static readonly SipTimers Timers = new();
    private static readonly LocalAudio Us = new("192.0.2.1", 20_000, 42, 1, ["PCMA", "PCMU"]);
    private static readonly SdpSession Offer = SdpNegotiator.CreateOffer(Us);
    private static readonly NameAddr Contact = new(SipUri.Parse("sip:us@192.0.2.1:5060"));
    private static readonly DialogState Dialog =
        new("c1", "u1", "b1", "<sip:u@192.0.2.1>", "<sip:b@192.0.2.7>", Contact.ToString(), "sip:b@192.0.2.7", [], 5, 1, "", false, true, true);

    private static readonly InviteClientState Inviting = InviteClientUsage.Begin(InitialRequests.Invite(new InitialRequest(SipUri.Parse("sip:b@192.0.2.7"),
        new NameAddr(SipUri.Parse("sip:u@192.0.2.1")), new NameAddr(SipUri.Parse("sip:b@192.0.2.7")), Contact, "c1", "u1", 1, []), Offer.ToBytes()), Offer, "",
        new InviteClientPolicy())
        .State;

    private static readonly string[] Odd =
    [
        "Expires: 60\r\nExpires: 61\r\n", "Session-Expires: 1800;refresher=uac\r\nSession-Expires: 90;\r\n", "X-Junk\r\n", "Contact: <sip:b@192.0.2.7>;\r\n",
        "Contact: <sip:b@192.0.2.7:0>\r\n",
        "Contact: <sip:b@192.0.2.7;thinfo=\"a1b2=\";;x>\r\n", "Contact: < sip: b@[2001:db8:::192.0.2.1] >;;q=\r\n",
        "Max-Forwards: 70\r\nMax-Forwards: 71\r\nContent-Type:\r\n", "Record-Route: <sip:p;lr;a=\"b c\">;d=\"e\",,\r\n",
        "Require: \"x\", timer\r\nSupported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: UPDATE\r\n", "Via: odd\r\nRoute: <\r\n",
        "Content-Length: 9999\r\n",
    ];

    public string Name => "sip-dialog";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            foreach (var odd in Odd)
            {
                foreach (var from in new[] { "<sip:b@192.0.2.7>;tag=b1", "<sip:@192.0.2.7>;;tag=\"b 1\"", "Bell, A. <sip: b@192.0.2.7 >;tag=b<1>" })
                {
                    yield return Request("INVITE", "<sip:u@192.0.2.1>", from, odd, Sdp);
                    foreach (var method in new[] { "INVITE", "UPDATE", "ACK" }) yield return Request(method, "<sip:u@192.0.2.1>;tag=u1", from, odd, Sdp);
                    foreach (var method in new[] { "BYE", "ACK", "UPDATE" }) yield return Request(method, "<sip:u@192.0.2.1>;tag=u1", from, odd, "");
                    foreach (var status in new[] { "183 Progress", "200 OK", "302 Moved", "401 Who", "486 Busy" }) yield return Response(status, from, odd);
                }
            }
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        SipFuzzTarget.Run(input);
        var result = SipParser.ParseDatagram(input);
        if (result.Outcome == SipParseOutcome.Rejected && result.Message is SipResponse or SipRequest { Method: "BYE" or "ACK" }
            && result.Rejection is not (SipRejection.MissingHeader or SipRejection.RepeatedHeader or SipRejection.BadHeaderValue or SipRejection.BadVersion
                or SipRejection.BadStatus))
            throw new InvalidOperationException($"{result.Message} was refused for {result.Rejection}");
        if (result.Outcome != SipParseOutcome.Message) return;
        if (result.Message is SipResponse response) Take(response);
        else Take((SipRequest)result.Message!);
    }

    private static void Take(SipResponse response)
    {
        var step = InviteClientUsage.Step(Inviting, new InviteClientInput.Responded(response, "0123456789abcdef"), 0, Timers);
        Check(step.Actions);
        if (response.IsSuccess && response.CSeq is { Method: "INVITE", Number: <= 1 } && !step.Actions.Any(action => action is SendAck))
            throw new InvalidOperationException("a 2xx is not acknowledged");
        var stray = StrayDialog.Of(response, new SipFlow(SipTransportKind.Udp, 0, new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 5060)));
        Check([new SendAck(StrayDialog.Ack(stray), false), new SendRequest(DialogRequests.Bye(stray, out _))]);
    }

    private static void Take(SipRequest request)
    {
        if (request is { Method: "INVITE", To.Tag: null })
        {
            var begun = InviteServerUsage.Begin(request, "u1", Contact, "", out var refusal);
            if (begun is null)
            {
                Check([new SendResponse(request, refusal!)]);
                return;
            }
            var accepted = InviteServerUsage.Step(begun, new InviteServerInput.Accept(Us), 0, Timers);
            Check(accepted.Actions);
            Check(InviteServerUsage.Step(accepted.State, new InviteServerInput.Tick(), 32_000, Timers).Actions);
            return;
        }
        var session = new ReInviteState { Dialog = Dialog, Local = Us, LocalSdp = Offer };
        if (request.Method == "BYE" && Dialog.Owns(request) && DialogChecks.Check(Dialog, request, 1).Next is null)
            throw new InvalidOperationException("a BYE of the dialog does not end it");
        var taken = request.Method == "ACK"
            ? ReInviteUsage.Step(session, new ReInviteInput.Acknowledged(request), 0, Timers)
            : ReInviteUsage.Step(session, new ReInviteInput.Received(request, 1), 0, Timers);
        Check(taken.Actions);
        Check([new SendRequest(DialogRequests.Bye(taken.State.Dialog, out _))]);
    }

    private static void Check(IEnumerable<UsageAction> actions)
    {
        foreach (var action in actions)
        {
            SipMessage? sent = action switch { SendRequest a => a.Request, SendAck a => a.Ack, SendResponse a => a.Response, _ => null };
            // The answer to a BYE says what the BYE said, garbled as it may be.
            if (sent is null || action is SendResponse { Request.Method: "BYE" }) continue;
            if (sent is SipRequest request && !request.Has(HeaderId.Via)) request.AddFirst(HeaderId.Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx");
            var bytes = SipMessageWriter.ToArray(sent);
            if (SipParser.ParseDatagram(bytes) is { Outcome: not SipParseOutcome.Message } refused)
                throw new InvalidOperationException($"what we send is {refused.Rejection}: {Encoding.UTF8.GetString(bytes)}");
        }
    }

    private static byte[] Request(string method, string to, string from, string odd, string body) => Encoding.UTF8.GetBytes(
        $"{method} sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa;rport\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: c1\r\n"
            + $"CSeq: 7 {method}\r\n{Rest(odd, body)}");

    private static byte[] Response(string status, string to, string odd) => Encoding.UTF8.GetBytes(
        $"SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nFrom: <sip:u@192.0.2.1>;tag=u1\r\nTo: {to}\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"
            + $"{Rest(odd, Sdp)}");

    private static string Rest(string odd, string body) =>
        $"{odd}{(odd.Contains("Contact", StringComparison.Ordinal) ? "" : "Contact: <sip:b@192.0.2.7>\r\n")}"
            + $"{(body.Length > 0 ? "Content-Type: application/sdp\r\n" : "")}\r\n{body}";
}

/// <summary>URIs and addresses as others write them: their text is kept, and what goes back as a Request-URI can be read.</summary>
public sealed class SipUriTarget : IFuzzTarget
{
    public string Name => "sip-uri";

    public IEnumerable<byte[]> Seeds =>
    [
        .. new[]
        {
            "sip:alice:secret@example.com:5070;transport=tcp?subject=x&y=z", "sips:[2001:db8::1]:5061;lr", "sip:@example.com",
            " sip: a @ 192.0.2.7 : 5070 ; lr ", "sip:u@192.0.2.7;thinfo=\"a1b2=\";;method=INVITE?a=b",
            "sip:u@192.0.2.7;x=\"a;b?c>d@e\\\"f\";lr", "sip:user@[2001:db8:::192.0.2.1]:0", "tel:+1-212-555-0101;ext=7;", "urn:service:sos",
            "sip:+49123;phone-context=x@10.0.0.1;user=phone", "sip:%2A21%23@example.com:",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        Address(input);
        if (!SipUri.TryRead(input, out var uri)) return;
        if (uri.Text != Encoding.UTF8.GetString(input)) throw new InvalidOperationException("a URI is not what it was");
        if (!uri.IsEquivalentTo(uri)) throw new InvalidOperationException("a URI is not itself");
        if (SipUri.TryParse(uri.Text, out var strict) && (strict.Host, strict.User, strict.Port) != (uri.Host, uri.User, uri.Port))
            throw new InvalidOperationException("a URI is read in two ways");
        var dialog = new DialogState("c", "l", "r", "<sip:a@b>", "<sip:c@d>", "<sip:a@b>", uri.Text, [], 1, 1, "", false, true, true);
        var bye = DialogRequests.Options(dialog, out _);
        bye.AddFirst(HeaderId.Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx");
        if (SipParser.ParseDatagram(SipMessageWriter.ToArray(bye)) is { Outcome: not SipParseOutcome.Message } refused)
            throw new InvalidOperationException($"{uri} as a Request-URI {bye.Uri} is {refused.Rejection}");
    }

    private static void Address(ReadOnlySpan<byte> input)
    {
        byte[] bracketed = [.. "\"N\" <"u8, .. input, .. ">;tag=x"u8];
        if (!NameAddr.TryParse(bracketed, out var address)) return;
        if (!NameAddr.TryParse(address.ToString(), out var again)) throw new InvalidOperationException("an address cannot be read again");
        if (again.Uri.Text != address.Uri.Text || again.Tag != address.Tag) throw new InvalidOperationException("an address is not what it was");
    }
}
