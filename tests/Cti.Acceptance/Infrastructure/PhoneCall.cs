using System.Globalization;
using System.Net;
using System.Text;

namespace Cti.Acceptance.Infrastructure;

/// <summary>One call of a <see cref="TestPhone"/>, in either direction.</summary>
internal sealed class PhoneCall
{
    private readonly TestPhone _phone;
    private readonly string _tag = "t" + Guid.NewGuid().ToString("N")[..10];
    private readonly List<string> _routes = [];
    private string _inviteBranch = "";
    private string _inviteUri = "";
    private int _cseq = 1;
    private int _sdpVersion = 1;

    public PhoneCall(TestPhone phone, IPEndPoint node)
    {
        _phone = phone;
        Node = node;
        CallId = Guid.NewGuid().ToString("N") + "@phone";
    }

    public PhoneCall(TestPhone phone, IPEndPoint node, SipText invite)
    {
        _phone = phone;
        Node = node;
        Invited = invite;
        CallId = invite.CallId;
        RemoteTag = SipText.Parameter(invite.Header("From"), "tag");
        RemoteUri = SipText.Address(invite.Header("From"));
        LocalUri = SipText.Address(invite.Header("To"));
        Target = SipText.Address(invite.Header("Contact"));
    }

    public RtpEndpoint Rtp { get; } = new();

    /// <summary>The INVITE that began the call, if it came from the node.</summary>
    public SipText? Invited { get; }

    public IPEndPoint Node { get; set; }

    public string CallId { get; }

    public string LocalUri { get; init; } = "";

    public string RemoteUri { get; init; } = "";

    public string Target { get; set; } = "";

    public string Codecs { get; init; } = "8 0 101";

    /// <summary>This phone's tag of the dialog.</summary>
    public string LocalTag => _tag;

    /// <summary>The node's tag of the dialog.</summary>
    public string RemoteTag { get; set; } = "";

    /// <summary>The SDP of the answer to our INVITE.</summary>
    public SipText? Answered { get; private set; }

    /// <summary>The SDP with which this phone describes itself.</summary>
    public string Offer(string direction = "sendrecv", string codecs = "")
    {
        var list = codecs.Length > 0 ? codecs : Codecs;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"v=0\r\no=phone 1 {_sdpVersion++} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {Rtp.Port} RTP/AVP {list}\r\n");
        foreach (var codec in list.Split(' ')) text.Append(CultureInfo.InvariantCulture, $"a=rtpmap:{codec} {Name(codec)}\r\n");
        if (list.Contains("101", StringComparison.Ordinal)) text.Append("a=fmtp:101 0-15\r\n");
        return text.Append(CultureInfo.InvariantCulture, $"a=ptime:20\r\na={direction}\r\n").ToString();
    }

    public void Invite(string body, string extra = "")
    {
        _inviteBranch = NewBranch();
        _inviteUri = Target;
        _phone.Send(Request("INVITE", _cseq, _inviteBranch, body, extra), Node);
    }

    /// <summary>The next response to a request of ours.</summary>
    public Task<SipText> ResponseAsync(string method, Func<int, bool> status, string what, TimeSpan? within = null) =>
        _phone.Arrived.TakeAsync(m => !m.IsRequest && m.CallId == CallId && m.Method == method && m.CSeq == _cseq && status(m.Status), $"{what} to {method}",
            within);

    /// <summary>The final response to the INVITE; one that refuses is acknowledged.</summary>
    public async Task<SipText> FinalAsync(TimeSpan? within = null)
    {
        var final = await ResponseAsync("INVITE", static s => s >= 200, "a final response", within);
        if (final.Status >= 300) AckRefusal(final);
        return final;
    }

    /// <summary>A refusal with this status, acknowledged.</summary>
    public async Task<SipText> RefusedAsync(int status, TimeSpan? within = null)
    {
        var final = await FinalAsync(within);
        final.Status.ShouldBe(status, final.ToString());
        return final;
    }

    /// <summary>A 200 to the INVITE, acknowledged unless the ACK is to be lost; RTP starts.</summary>
    public async Task<SipText> AnsweredAsync(bool acknowledge = true)
    {
        var final = await FinalAsync();
        final.Status.ShouldBe(200, final.ToString());
        Learn(final);
        if (acknowledge) Ack(final);
        Listen(final);
        return final;
    }

    public void Ack(SipText final, string body = "")
    {
        var ack = Request("ACK", final.CSeq, NewBranch(), body);
        _phone.RememberAck(CallId, final.CSeq, ack);
        _phone.Send(ack, Node);
    }

    public void Cancel() => _phone.Send(Request("CANCEL", _cseq, _inviteBranch, "", uri: _inviteUri, inDialog: false), Node);

    /// <summary>A re-INVITE, acknowledged when it was accepted.</summary>
    public async Task<SipText> ReinviteAsync(string body, bool answerInAck = false)
    {
        _cseq++;
        Invite(body);
        var final = await FinalAsync();
        if (final.Status == 200) Ack(final, answerInAck ? Offer() : "");
        return final;
    }

    /// <summary>Acknowledges an answer that is an offer, with our answer, and starts sending.</summary>
    public void Accept(SipText final, string answer)
    {
        Learn(final);
        Ack(final, answer);
        Listen(final);
    }

    public async Task HangUpAsync(string extra = "")
    {
        _cseq++;
        _phone.Send(Request("BYE", _cseq, NewBranch(), "", extra), Node);
        (await ResponseAsync("BYE", static s => s >= 200, "a response")).Status.ShouldBe(200);
    }

    /// <summary>A request in the dialog, its final response.</summary>
    public async Task<SipText> AskAsync(string method, string extra = "")
    {
        _cseq++;
        _phone.Send(Request(method, _cseq, NewBranch(), "", extra), Node);
        return await ResponseAsync(method, static s => s >= 200, "a response");
    }

    /// <summary>The far end's BYE, which the phone has answered already.</summary>
    public Task<SipText> ByeAsync(TimeSpan? within = null) => ReceivedAsync("BYE", within);

    public Task<SipText> ReceivedAsync(string method, TimeSpan? within = null) =>
        _phone.Arrived.TakeAsync(m => m.IsRequest && m.CallId == CallId && m.Method == method, method, within);

    /// <summary>Takes the node's re-INVITE after a takeover: answers it, goes on from the new place, and sees its ACK.</summary>
    public async Task<SipText> AgreeAsync(string direction = "sendrecv")
    {
        var change = await _phone.Arrived.TakeAsync(m => m.IsRequest && m.CallId == CallId && m.Method == "INVITE"
            && SipText.Parameter(m.Header("To"), "tag") == _tag,
            "a re-INVITE", TimeSpan.FromSeconds(20));
        _phone.Answer(change, TestPhone.Respond(change, 200, "OK", null, Contact, Offer(direction)), Node);
        Target = SipText.Address(change.Header("Contact"));
        Listen(change);
        await _phone.Arrived.TakeAsync(m => m.IsRequest && m.CallId == CallId && m.Method == "ACK" && m.CSeq == change.CSeq, "its ACK");
        return change;
    }

    /// <summary>Rings: 180.</summary>
    public void Ring() => _phone.Answer(Invited!, TestPhone.Respond(Invited!, 180, "Ringing", _tag, Contact), Node);

    /// <summary>Sends sound before it answers: 183 with SDP.</summary>
    public void RingWithSound()
    {
        _phone.Answer(Invited!, TestPhone.Respond(Invited!, 183, "Session Progress", _tag, Contact, Offer()), Node);
        Listen(Invited!);
    }

    /// <summary>200 with SDP; waits for the ACK and starts sending.</summary>
    public async Task PickUpAsync(bool waitForAck = true)
    {
        _phone.Answer(Invited!, TestPhone.Respond(Invited!, 200, "OK", _tag, Contact, Offer()), Node);
        Listen(Invited!);
        if (waitForAck) await ReceivedAsync("ACK");
    }

    /// <summary>Refuses; the ACK is the node's to send.</summary>
    public void Refuse(int status, string headers = "") => _phone.Answer(Invited!, TestPhone.Respond(Invited!, status, "Refused", _tag, headers), Node);

    private string Contact => $"Contact: <sip:phone@{_phone.Address}>\r\n";

    private static string Name(string codec) => codec switch
    {
        "0" => "PCMU/8000",
        "8" => "PCMA/8000",
        "101" => "telephone-event/8000",
        _ => "G722/8000",
    };

    private static string NewBranch() => "z9hG4bK" + Guid.NewGuid().ToString("N");

    private void Listen(SipText description)
    {
        Answered = description;
        var media = description.Line("m").Split(' ');
        var codec = media[3..].Select(static c => int.Parse(c, CultureInfo.InvariantCulture)).First(static c => c is 0 or 8);
        Rtp.Connect(new IPEndPoint(IPAddress.Parse(description.Line("c").Split(' ')[2]), int.Parse(media[1], CultureInfo.InvariantCulture)), codec);
    }

    private void Learn(SipText final)
    {
        RemoteTag = SipText.Parameter(final.Header("To"), "tag");
        if (final.Header("Contact") is { Length: > 0 } contact) Target = SipText.Address(contact);
        _routes.Clear();
        _routes.AddRange(final.All("Record-Route").Reverse());
    }

    private void AckRefusal(SipText final)
    {
        var ack = Request("ACK", final.CSeq, _inviteBranch, "", uri: _inviteUri, to: final.Header("To"));
        _phone.RememberAck(CallId, final.CSeq, ack);
        _phone.Send(ack, Node);
    }

    private string Request(string method, int cseq, string branch, string body, string extra = "", string? uri = null, bool inDialog = true, string? to = null)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"{method} {uri ?? Target} SIP/2.0\r\nVia: SIP/2.0/UDP {_phone.Address};branch={branch};rport\r\nMax-Forwards: 70\r\n");
        foreach (var route in _routes) text.Append(CultureInfo.InvariantCulture, $"Route: {route}\r\n");
        var remote = to ?? $"<{RemoteUri}>" + (inDialog && RemoteTag.Length > 0 ? ";tag=" + RemoteTag : "");
        text.Append(CultureInfo.InvariantCulture,
            $"From: <{LocalUri}>;tag={_tag}\r\nTo: {remote}\r\nCall-ID: {CallId}\r\nCSeq: {cseq} {method}\r\n{Contact}{extra}");
        if (body.Length > 0) text.Append("Content-Type: application/sdp\r\n");
        return text.Append(CultureInfo.InvariantCulture, $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}").ToString();
    }
}
