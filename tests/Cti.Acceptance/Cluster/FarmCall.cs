using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance.Cluster;

internal enum CallPhase
{
    /// <summary>Our INVITE is out, or one came and nothing was said yet.</summary>
    Calling,
    Ringing,
    Up,
    /// <summary>Our BYE or CANCEL is out.</summary>
    Leaving,
    Ended,
}

/// <summary>One call of the farm: one dialog with its transactions, one stream of sound. All members but the audio's are the farm's, under its lock.</summary>
internal sealed class FarmCall
{
    private const int T1 = 500, T2 = 4000, Life = 32_000;

    private readonly PhoneFarm _farm;
    private readonly string _tag = "f" + Guid.NewGuid().ToString("N")[..12];
    private readonly List<string> _routes = [];
    private readonly Dictionary<int, string> _acks = [];
    private readonly List<Outstanding> _outstanding = [];
    private readonly SipText? _invited;
    private readonly IPEndPoint _peer;
    private readonly string _remoteUri, _localUri;
    private readonly FarmCrypto? _crypto;
    private string _target, _remoteTag = "", _inviteBranch = "";
    private string _session = "";
    private string _lastBody = "";
    private long _remoteVersion;
    private long _remoteCSeq = -1, _remoteRSeq;
    private int _cseq = 1;
    private int _sdpVersion = 1;
    private int _agreed = 1;
    private long _askAgainAt = long.MaxValue;
    private long _endedAt;

    /// <summary>A call that this phone places.</summary>
    public FarmCall(PhoneFarm farm, int number, string user, IPEndPoint to)
    {
        _farm = farm;
        _peer = to;
        IsCaller = true;
        User = user;
        CallId = Guid.NewGuid().ToString("N") + "@farm";
        _localUri = $"sip:phone{number}@{farm.Address}";
        _remoteUri = $"sip:{user}@{to}";
        _target = _remoteUri;
        Audio = farm.Audio.Add(number);
        _crypto = FarmCrypto.Of(number, farm.Protects);
    }

    /// <summary>A call to this phone.</summary>
    public FarmCall(PhoneFarm farm, int number, SipText invite, IPEndPoint from)
    {
        _farm = farm;
        _peer = from;
        _invited = invite;
        CallId = invite.CallId;
        var uri = invite.Uri;
        User = uri[(uri.IndexOf(':', StringComparison.Ordinal) + 1)..uri.IndexOf('@', StringComparison.Ordinal)];
        _remoteTag = SipText.Parameter(invite.Header("From"), "tag");
        _remoteUri = SipText.Address(invite.Header("From"));
        _localUri = SipText.Address(invite.Header("To"));
        _target = SipText.Address(invite.Header("Contact"));
        _routes.AddRange(invite.All("Record-Route"));
        _remoteCSeq = invite.CSeq;
        Audio = farm.Audio.Add(number);
        _crypto = FarmCrypto.Of(number, farm.Protects);
        TakeDescription(invite);
    }

    /// <summary>What is sent until it is answered.</summary>
    private sealed class Outstanding
    {
        public required string Method { get; init; }
        public required int CSeq { get; init; }
        public required string Text { get; init; }
        public string Branch { get; init; } = "";
        public required IPEndPoint To { get; init; }
        public required bool IsInvite { get; init; }
        /// <summary>A 2xx to an INVITE, until its ACK.</summary>
        public bool IsAnswer { get; init; }
        public long NextAt { get; set; }
        public int Interval { get; set; } = T1;
        public long GiveUpAt { get; set; }
    }

    public string User { get; }

    public string CallId { get; }

    public bool IsCaller { get; }

    public FarmSound Audio { get; }

    public CallPhase Phase { get; private set; } = CallPhase.Calling;

    /// <summary>The final status of our INVITE; 0 before.</summary>
    public int Status { get; private set; }

    /// <summary>Who ended it: "" for nobody yet, "phone", "node", "cancel", "refused", "time-out".</summary>
    public string EndedBy { get; private set; } = "";

    /// <summary>The Reason header of the node's BYE.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Stopwatch ticks of the answer and of the end.</summary>
    public long AnsweredAt { get; private set; }

    public long EndedAt { get; private set; }

    /// <summary>Whether the node has answered a PRACK of this phone, which requires reliable provisional responses if its user says so.</summary>
    public bool HasAcknowledged { get; private set; }

    /// <summary>The status of the node's answer to our REFER; 0 before.</summary>
    public int ReferStatus { get; private set; }

    /// <summary>What the node reported of it: the state of the subscription and the first line of the fragment.</summary>
    public List<string> Reports { get; } = [];

    /// <summary>Whether the node has asked this phone to call somebody else.</summary>
    public bool IsReferred { get; private set; }

    /// <summary>INVITEs within the dialog that were accepted.</summary>
    public int Reinvites { get; private set; }

    /// <summary>Once it is over it answers nothing any more, not even with 481: a telephone that was switched off.</summary>
    public bool IsSilentWhenEnded { get; set; }

    /// <summary>Over, and nothing of it comes any more.</summary>
    public bool IsQuiet => Phase == CallPhase.Ended && Environment.TickCount64 - _endedAt > Life;

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{User} ({Phase}, target {_target[(_target.IndexOf('@', StringComparison.Ordinal) + 1)..]})");

    // ---- what the test does ----

    /// <summary>Sends the INVITE.</summary>
    public void Begin()
    {
        _inviteBranch = NewBranch();
        Ask("INVITE", _inviteBranch, Describe(), _peer, isInvite: true, headers: IsReliable ? "Require: 100rel\r\n" : "");
    }

    /// <summary>Answers the call that rings here.</summary>
    public void PickUp() => _farm.Locked(() =>
    {
        if (!IsCaller && (Phase is CallPhase.Calling or CallPhase.Ringing)) AnswerInvite(_invited!, _peer);
    });

    /// <summary>Sends the BYE.</summary>
    /// <param name="reason">Its Reason header's value; "" for none.</param>
    public void HangUp(string reason = "") => _farm.Locked(() =>
    {
        if (Phase != CallPhase.Up) return;
        Phase = CallPhase.Leaving;
        EndedBy = "phone";
        Audio.Stop();
        _cseq++;
        Ask("BYE", NewBranch(), "", NextHop(), isInvite: false, headers: reason.Length > 0 ? $"Reason: {reason}\r\n" : "");
    });

    /// <summary>Gives up a call that was not answered.</summary>
    public void Cancel() => _farm.Locked(() =>
    {
        if (Phase is not (CallPhase.Calling or CallPhase.Ringing) || !IsCaller) return;
        Phase = CallPhase.Leaving;
        EndedBy = "phone";
        Ask("CANCEL", _inviteBranch, "", _peer, isInvite: false, outside: true);
    });

    /// <summary>Asks the node to call somebody else.</summary>
    public void Refer(string to) => _farm.Locked(() =>
    {
        _cseq++;
        Ask("REFER", NewBranch(), "", NextHop(), isInvite: false, headers: $"Refer-To: <{to}>\r\n");
    });

    /// <summary>Tells the node how the call goes that it asked for; a final status is the last one.</summary>
    public void Report(int status) => _farm.Locked(() =>
    {
        _cseq++;
        var state = status < 200 ? "active;expires=60" : "terminated;reason=noresource";
        Ask("NOTIFY", NewBranch(), string.Create(CultureInfo.InvariantCulture, $"SIP/2.0 {status} So\r\n"), NextHop(), isInvite: false,
            headers: $"Event: refer\r\nSubscription-State: {state}\r\n");
    });

    /// <summary>Puts the node on hold, or takes it back.</summary>
    public void Hold(bool isHeld) => _farm.Locked(() =>
    {
        if (Phase != CallPhase.Up) return;
        Audio.IsHolding = isHeld;
        _sdpVersion++;
        Reinvite();
    });

    /// <summary>The node has taken the last <see cref="Hold"/>.</summary>
    public bool HasAgreed => _agreed == _sdpVersion;

    // ---- what comes ----

    /// <summary>An INVITE that began this call.</summary>
    public void BeInvited()
    {
        if (User.StartsWith("mute", StringComparison.Ordinal))
        {
            Respond(_invited!, 100, "Trying", _peer);
        }
        else if (User.StartsWith("busy", StringComparison.Ordinal))
        {
            Respond(_invited!, 486, "Busy Here", _peer);
            End("refused");
        }
        else if (User.StartsWith("rings", StringComparison.Ordinal))
        {
            Phase = CallPhase.Ringing;
            Respond(_invited!, 180, "Ringing", _peer);
        }
        else
        {
            AnswerInvite(_invited!, _peer);
        }
    }

    public void OnRequest(SipText request, IPEndPoint from)
    {
        if (IsSilentWhenEnded && Phase == CallPhase.Ended) return;
        switch (request.Method)
        {
            case "ACK":
                _outstanding.RemoveAll(o => o.IsAnswer && o.CSeq == request.CSeq);
                if (request.Body.Length > 0) TakeDescription(request);
                return;
            case "CANCEL":
                OnCancel(request, from);
                return;
        }
        if (SipText.Parameter(request.Header("To"), "tag") != _tag || Phase == CallPhase.Ended || (Phase == CallPhase.Leaving && request.Method != "BYE"))
        {
            Respond(request, 481, "Call Does Not Exist", from);
            return;
        }
        // RFC 3261, section 12.2.2: out of order.
        if (request.CSeq <= _remoteCSeq)
        {
            _farm.Complain(this, $"CSeq {request.CSeq} {request.Method} from {from} after {_remoteCSeq}");
            Respond(request, 500, "CSeq Too Low", from);
            return;
        }
        _remoteCSeq = request.CSeq;
        switch (request.Method)
        {
            case "BYE":
                Reason = request.Header("Reason");
                Respond(request, 200, "OK", from);
                if (Phase != CallPhase.Leaving) End("node");
                break;
            case "INVITE":
                Reinvites++;
                Refresh(request);
                AnswerInvite(request, from);
                break;
            case "UPDATE":
                Refresh(request);
                _farm.Answer(request, request.Respond(200, "OK", _tag, Contact, request.Body.Length > 0 ? Describe() : ""), from);
                break;
            case "REFER":
                Respond(request, 202, "Accepted", from);
                IsReferred = true;
                Report(100);
                break;
            case "NOTIFY":
                Respond(request, 200, "OK", from);
                lock (Reports) Reports.Add($"{request.Header("Subscription-State")} {request.Body.Split('\r')[0]}");
                break;
            default:
                Respond(request, 200, "OK", from);
                break;
        }
    }

    public void OnResponse(SipText response, IPEndPoint from)
    {
        if (response.Method == "INVITE" && response.Status >= 200 && _acks.TryGetValue(response.CSeq, out var ack))
        {
            // RFC 3261, section 13.2.2.4: a 2xx that comes again means that the ACK was lost.
            _farm.Send(ack, response.Status < 300 || response.CSeq > 1 ? NextHop() : _peer);
            return;
        }
        var asked = _outstanding.Find(o => !o.IsAnswer && o.Method == response.Method && o.CSeq == response.CSeq);
        if (response.Method == "INVITE") OnInviteResponse(response, asked);
        else if (asked is not null && response.Status >= 200)
        {
            _outstanding.Remove(asked);
            if (asked.Method == "BYE") End(EndedBy);
            else if (asked.Method == "REFER") ReferStatus = response.Status;
            else if (asked.Method == "PRACK" && response.Status < 300) HasAcknowledged = true;
        }
    }

    /// <summary>Retransmissions that are due.</summary>
    public void Tick(long now)
    {
        if (now >= _askAgainAt && Phase == CallPhase.Up) Reinvite();
        for (var i = _outstanding.Count - 1; i >= 0; i--)
        {
            var sent = _outstanding[i];
            if (now >= sent.GiveUpAt)
            {
                _outstanding.RemoveAt(i);
                if (sent.IsAnswer) _farm.Complain(this, $"no ACK of the 2xx to INVITE {sent.CSeq} in {Life} ms");
                else if (sent.IsInvite && sent.CSeq > 1) _farm.Complain(this, $"no answer to re-INVITE {sent.CSeq}");
                else if (sent.Method is "INVITE" or "BYE") End(sent.Method == "BYE" ? EndedBy : "time-out");
                continue;
            }
            if (now < sent.NextAt) continue;
            _farm.Send(sent.Text, sent.To);
            sent.Interval = sent.IsInvite && !sent.IsAnswer ? sent.Interval * 2 : Math.Min(sent.Interval * 2, T2);
            sent.NextAt = now + sent.Interval;
        }
    }

    private void OnInviteResponse(SipText response, Outstanding? asked)
    {
        if (response.Status is > 100 and < 200 && response.Header("RSeq") is { Length: > 0 } number) AcknowledgeProvisional(response, number);
        if (asked is null)
        {
            // A provisional response after the first: no more retransmissions, but it may tell that it rings.
            if (response.Status is > 100 and < 200 && Phase == CallPhase.Calling) Phase = CallPhase.Ringing;
            if (response.Status < 200 || _acks.ContainsKey(response.CSeq)) return;
        }
        if (response.Status < 200)
        {
            // RFC 3261, section 17.1.1.2: Proceeding sends nothing again.
            asked!.NextAt = long.MaxValue;
            asked.GiveUpAt = long.MaxValue;
            if (response.Status > 100 && Phase == CallPhase.Calling) Phase = CallPhase.Ringing;
            return;
        }
        if (asked is not null) _outstanding.Remove(asked);
        if (response.Status >= 300)
        {
            Acknowledge(response, asked?.Branch ?? _inviteBranch, outside: response.CSeq == 1);
            if (response.CSeq > 1)
            {
                // RFC 3261, section 14.1: who made the Call-ID waits longer.
                if (response.Status == 491) _askAgainAt = Environment.TickCount64 + (IsCaller ? Random.Shared.Next(210, 401) : Random.Shared.Next(0, 201)) * 10;
                else _farm.Complain(this, $"re-INVITE {response.CSeq} is answered {response.Status}");
                return;
            }
            Status = response.Status;
            End(EndedBy.Length > 0 ? EndedBy : "refused");
            return;
        }
        if (response.CSeq == 1)
        {
            Status = response.Status;
            _remoteTag = SipText.Parameter(response.Header("To"), "tag");
            _routes.Clear();
            _routes.AddRange(response.All("Record-Route").Reverse());
        }
        if (response.Header("Contact") is { Length: > 0 } contact) _target = SipText.Address(contact);
        Acknowledge(response, NewBranch(), outside: false);
        TakeDescription(response);
        if (response.CSeq == _cseq) _agreed = _sdpVersion;
        if (Phase is CallPhase.Calling or CallPhase.Ringing) BeUp();
        else if (Phase == CallPhase.Leaving && response.CSeq == 1)
        {
            // It was answered before our CANCEL came.
            _cseq++;
            Ask("BYE", NewBranch(), "", NextHop(), isInvite: false);
        }
    }

    /// <summary>RFC 3262, section 4: the first, then the next one only; what comes again is known, whoever sends it.</summary>
    private void AcknowledgeProvisional(SipText response, string number)
    {
        var rseq = long.Parse(number, CultureInfo.InvariantCulture);
        if (_remoteRSeq > 0 && rseq != _remoteRSeq + 1)
        {
            if (rseq != _remoteRSeq) _farm.Complain(this, $"RSeq {rseq} after {_remoteRSeq}");
            return;
        }
        _remoteRSeq = rseq;
        _remoteTag = SipText.Parameter(response.Header("To"), "tag");
        _routes.Clear();
        _routes.AddRange(response.All("Record-Route").Reverse());
        _target = SipText.Address(response.Header("Contact"));
        _cseq++;
        Ask("PRACK", NewBranch(), "", NextHop(), isInvite: false, headers: $"RAck: {number} {response.CSeq} INVITE\r\n");
    }

    private void OnCancel(SipText cancel, IPEndPoint from)
    {
        // RFC 3261, section 9.2 and 17.2.3: the branch, the sent-by of the topmost Via, and the method name the transaction.
        if (_invited is null || cancel.Branch != _invited.Branch || SentBy(cancel) != SentBy(_invited))
        {
            _farm.Complain(this, $"a CANCEL that fits no INVITE, from {from}");
            Respond(cancel, 481, "Call Does Not Exist", from);
            return;
        }
        Respond(cancel, 200, "OK", from);
        if (Phase is not (CallPhase.Calling or CallPhase.Ringing)) return;
        Respond(_invited, 487, "Request Terminated", from);
        End("cancel");
    }

    // ---- how it is done ----

    private string Contact => $"Contact: <sip:{(IsCaller ? "phone" : User)}@{_farm.Address}>\r\n";

    private bool IsReliable => IsCaller && User.StartsWith("reliable", StringComparison.Ordinal);

    private static string NewBranch() => "z9hG4bK" + Guid.NewGuid().ToString("N");

    private static string SentBy(SipText message) => message.Header("Via").Split(';')[0];

    private void BeUp()
    {
        Phase = CallPhase.Up;
        AnsweredAt = Stopwatch.GetTimestamp();
        Audio.Start();
    }

    private void End(string by)
    {
        if (Phase == CallPhase.Ended) return;
        EndedBy = by;
        EndedAt = Stopwatch.GetTimestamp();
        _endedAt = Environment.TickCount64;
        Phase = CallPhase.Ended;
        _outstanding.Clear();
        Audio.Stop();
    }

    private void Respond(SipText request, int status, string reason, IPEndPoint to) =>
        _farm.Answer(request, request.Respond(status, reason, status == 100 ? null : _tag, Contact), to);

    private void AnswerInvite(SipText invite, IPEndPoint to)
    {
        var response = invite.Respond(200, "OK", _tag, Contact, Describe());
        _farm.Answer(invite, response, to);
        _outstanding.RemoveAll(static o => o.IsAnswer);
        _outstanding.Add(new Outstanding
        {
            Method = "INVITE", CSeq = invite.CSeq, Text = response, To = to, IsInvite = true, IsAnswer = true,
            NextAt = Environment.TickCount64 + T1, GiveUpAt = Environment.TickCount64 + Life
        });
        if (Phase is CallPhase.Calling or CallPhase.Ringing) BeUp();
    }

    /// <summary>A target refresh: from now on the far end is there.</summary>
    private void Refresh(SipText request)
    {
        if (request.Header("Contact") is { Length: > 0 } contact) _target = SipText.Address(contact);
        TakeDescription(request);
    }

    private void TakeDescription(SipText message)
    {
        if (message.Body.Length == 0) return;
        var origin = message.Line("o").Split(' ');
        var version = long.Parse(origin[2], CultureInfo.InvariantCulture);
        // RFC 3264, section 8: the same origin but for the version, which goes up by one where anything changed.
        if (_session.Length > 0)
        {
            if (origin[1] != _session) _farm.Complain(this, $"the session id of o= changed from {_session} to {origin[1]}");
            else if (message.Body != _lastBody && version <= _remoteVersion)
                _farm.Complain(this, $"another description with version {version} of o= after {_remoteVersion}");
        }
        _session = origin[1];
        _remoteVersion = version;
        _lastBody = message.Body;
        var media = message.Line("m").Split(' ');
        if (_crypto?.Take(message.Body, Audio) == false) _farm.Complain(this, $"no key in the description: {message.Line("m")}");
        Audio.Remote(new IPEndPoint(IPAddress.Parse(message.Line("c").Split(' ')[2]), int.Parse(media[1], CultureInfo.InvariantCulture)));
    }

    private string Describe()
    {
        var direction = Audio.IsHolding ? "sendonly" : "sendrecv";
        var address = _farm.Address.Address;
        return string.Create(CultureInfo.InvariantCulture,
            $"v=0\r\no=farm {_tag.GetHashCode(StringComparison.Ordinal) & 0x7FFFFFFF} {_sdpVersion} IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
            + $"m=audio {Audio.Port} {_crypto?.Profile ?? "RTP/AVP"} 8 101\r\n"
            + $"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n{_crypto?.Line}");
    }

    /// <summary>Where requests of the dialog go: the first route, else the remote target (RFC 3261, section 12.2.1.1; all routes here are loose).</summary>
    private IPEndPoint NextHop() => HostOf(_routes.Count > 0 ? SipText.Address(_routes[0]) : _target);

    private static IPEndPoint HostOf(string uri)
    {
        var host = uri[(uri.IndexOf(':', StringComparison.Ordinal) + 1)..];
        host = host[(host.IndexOf('@', StringComparison.Ordinal) + 1)..];
        host = host.IndexOfAny([';', '>', '?']) is >= 0 and var stop ? host[..stop] : host;
        var address = IPEndPoint.Parse(host);
        return address.Port == 0 ? new IPEndPoint(address.Address, 5060) : address;
    }

    private void Ask(string method, string branch, string body, IPEndPoint to, bool isInvite, bool outside = false, string headers = "")
    {
        var text = Write(method, _cseq, branch, body, outside, headers: headers);
        var now = Environment.TickCount64;
        _outstanding.Add(new Outstanding
        {
            Method = method, CSeq = _cseq, Branch = branch, Text = text, To = to, IsInvite = isInvite, NextAt = now + T1, GiveUpAt = now + Life,
        });
        _farm.Send(text, to);
    }

    private void Reinvite()
    {
        _askAgainAt = long.MaxValue;
        _cseq++;
        Ask("INVITE", NewBranch(), Describe(), NextHop(), isInvite: true);
    }

    private void Acknowledge(SipText response, string branch, bool outside)
    {
        var ack = Write("ACK", response.CSeq, branch, "", outside, outside ? response.Header("To") : null);
        _acks[response.CSeq] = ack;
        _farm.Send(ack, outside ? _peer : NextHop());
    }

    private string Write(string method, int cseq, string branch, string body, bool outside, string? to = null, string headers = "")
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"{method} {(outside ? _remoteUri : _target)} SIP/2.0\r\nVia: SIP/2.0/UDP {_farm.Address};branch={branch};rport\r\nMax-Forwards: 70\r\n");
        if (!outside)
        {
            foreach (var route in _routes) text.Append(CultureInfo.InvariantCulture, $"Route: {route}\r\n");
        }
        var remote = to ?? $"<{_remoteUri}>" + (!outside && _remoteTag.Length > 0 ? ";tag=" + _remoteTag : "");
        text.Append(CultureInfo.InvariantCulture,
            $"From: <{_localUri}>;tag={_tag}\r\nTo: {remote}\r\nCall-ID: {CallId}\r\nCSeq: {cseq} {method}\r\n{Contact}{headers}");
        if (body.Length > 0) text.Append(CultureInfo.InvariantCulture, $"Content-Type: {(method == "NOTIFY" ? "message/sipfrag" : "application/sdp")}\r\n");
        return text.Append(CultureInfo.InvariantCulture, $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}").ToString();
    }
}
