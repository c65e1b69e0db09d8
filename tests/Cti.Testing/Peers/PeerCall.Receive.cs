using System.Net;
using Cti.Sip.Message;

namespace Cti.Testing.Peers;

/// <summary>What a far end makes of what it gets.</summary>
public sealed partial class PeerCall
{
    private bool _hasProvisional;
    private int _codec;
    private bool _hangsUpAfterAck;
    private readonly Dictionary<uint, byte[]> _acks = [];

    /// <summary>Their INVITE that makes the call: 100 goes out at once, so that the script may take its time.</summary>
    internal void Offered(SipRequest request)
    {
        _invite = request;
        _remoteCSeq = request.CSeq.Number;
        Described(SdpFacts.Read(request.Body));
        _routes = [.. request.RecordRoutes.Select(route => route.ToString())];
        _answered[Key(request)] = _peer.Transmit(_server, RawSip.Respond(request, 100, _localTag, _peer.Local));
    }

    internal void Receive(IPEndPoint from, SipMessage message)
    {
        if (message is SipResponse response)
        {
            ReceiveResponse(response);
            return;
        }
        var request = (SipRequest)message;
        if (request.Method == SipMethods.Ack) ReceiveAck(request);
        else if (_answered.TryGetValue(Key(request), out var bytes))
        {
            if (bytes is not null) _peer.Transmit(from, bytes, $"answer to {request.Method} again");
        }
        else if (request.Method == SipMethods.Cancel) ReceiveCancel(from, request);
        else ReceiveInDialog(from, request);
    }

    /// <summary>They describe their sound, maybe anew: what was agreed on stays possible, and a key is of one socket alone.</summary>
    private void Described(SdpFacts? theirs)
    {
        if (theirs is null) return;
        if (Sound.Key is not null && theirs.CryptoKey is null) Violated("a description without a key");
        if (Remote is { } before)
        {
            if (theirs.CryptoKey is { } key && key == before.CryptoKey && !theirs.Rtp.Equals(before.Rtp)) Violated("the same key at another socket");
            if (!theirs.Payloads.Contains(_codec)) Violated($"the agreed codec {_codec} is not among {string.Join(' ', theirs.Payloads)}");
        }
        _codec = theirs.FirstOf(Sound);
        if (theirs.OpusPayload is { } opus) Sound = Sound with { OpusPayload = opus };
        Remote = theirs;
    }

    private void ReceiveAck(SipRequest ack)
    {
        var key = AckKey(ack.CSeq.Number);
        if (!_pending.TryGetValue(key, out var waiting))
        {
            if (_answered.Keys.All(known => !known.EndsWith("|INVITE", StringComparison.Ordinal))) Violated("ACK without an INVITE");
            return;
        }
        Stop(key);
        if (waiting.Method != "200 INVITE") return;
        if (Remote is null) Described(SdpFacts.Read(ack.Body));
        if (Phase != PeerPhase.Answered) return;
        Become(PeerPhase.Up);
        if (_hangsUpAfterAck) HangUp();
    }

    private void ReceiveCancel(IPEndPoint from, SipRequest cancel)
    {
        var known = _invite is not null && _invite.TopVia.Branch == cancel.TopVia.Branch;
        if (known && cancel.CSeq.Number != _invite!.CSeq.Number) Violated("a CANCEL with another CSeq than its INVITE");
        Answer(from, cancel, known ? 200 : 481);
        if (!known || Phase != PeerPhase.Offered) return;
        EndReason = cancel.Get(HeaderId.Reason);
        EndedByThem = true;
        Respond(487);
    }

    private void ReceiveInDialog(IPEndPoint from, SipRequest request)
    {
        if (request.To.Tag != _localTag)
        {
            Answer(from, request, 481);
            return;
        }
        if (Phase == PeerPhase.Ended)
        {
            // Of a dialog that is over nothing is known any more.
            Answer(from, request, 481);
            return;
        }
        if (_remoteCSeq != 0 && request.CSeq.Number <= _remoteCSeq)
        {
            // Not a retransmission (those were answered above): out of order on the way, or a number used twice.
            if (request.CSeq.Number == _remoteCSeq) Violated($"{request.Method} reuses CSeq {_remoteCSeq}");
            Answer(from, request, 500);
            return;
        }
        _remoteCSeq = request.CSeq.Number;
        switch (request.Method)
        {
            case SipMethods.Bye: ReceiveBye(from, request); break;
            case SipMethods.Invite: ReceiveReInvite(from, request); break;
            case SipMethods.Prack: ReceivePrack(from, request); break;
            case SipMethods.Refer when Phase == PeerPhase.Up: ReceiveRefer(from, request); break;
            case SipMethods.Notify: ReceiveReport(from, request); break;
            default:
                Answer(from, request, Phase == PeerPhase.Ended
                    ? 481
                    : request.Method is SipMethods.Update or SipMethods.Info or SipMethods.Options ? 200 : 405);
                break;
        }
    }

    private void ReceiveBye(IPEndPoint from, SipRequest bye)
    {
        Answer(from, bye, 200);
        if (Phase is PeerPhase.Ended) return;
        EndReason = bye.Get(HeaderId.Reason);
        EndedByThem = Phase != PeerPhase.HangingUp;
        StopTimers();
        Become(PeerPhase.Ended);
    }

    private void ReceiveReInvite(IPEndPoint from, SipRequest request)
    {
        if (Phase is not PeerPhase.Up)
        {
            Answer(from, request, Phase is PeerPhase.Ended or PeerPhase.HangingUp ? 481 : 491);
            return;
        }
        var status = RefuseNextReInvite != 0 ? RefuseNextReInvite : HasOpenOffer ? 491 : 200;
        if (RefuseNextReInvite is not (0 or 491)) HasRefusedReInvite = true;
        RefuseNextReInvite = 0;
        var response = RawSip.Respond(request, status, _localTag, _peer.Local);
        if (status == 200)
        {
            if (request.Contact is { } contact) RemoteTarget = contact.Uri;
            var offer = SdpFacts.Read(request.Body);
            Described(offer);
            response.SetBody("application/sdp", RawSip.Sdp(Rtp, ++_sdpVersion, offer?.Answer ?? "sendrecv", Sound, offer));
        }
        var bytes = _peer.Transmit(from, response);
        _answered[Key(request)] = bytes;
        AwaitAck(request, status, bytes, from);
    }

    private void Answer(IPEndPoint from, SipRequest request, int status) =>
        _answered[Key(request)] = _peer.Transmit(from, RawSip.Respond(request, status, _localTag, _peer.Local));

    private void ReceiveResponse(SipResponse response)
    {
        var branch = response.TopVia.Branch ?? "";
        var method = response.CSeq.Method;
        if (method == SipMethods.Invite)
        {
            ReceiveInviteResponse(branch, response);
            return;
        }
        var key = method == SipMethods.Cancel ? $"{branch}|CANCEL" : branch;
        if (!_pending.ContainsKey(key) || response.IsProvisional) return;
        Stop(key);
        if (method == SipMethods.Bye) Become(PeerPhase.Ended);
    }

    private void ReceiveInviteResponse(string branch, SipResponse response)
    {
        if (_invite is null || branch != _invite.TopVia.Branch)
        {
            // A 2xx that comes again for an INVITE before the last one is acknowledged again; the rest is late.
            if (response.IsSuccess) SendAck(response.CSeq.Number);
            return;
        }
        if (response.IsProvisional)
        {
            _hasProvisional = true;
            if (_pending.TryGetValue(branch, out var waiting)) waiting.Timer?.Cancel();
            if (response.Status > 100) Rang = true;
            Acknowledge(response);
            if (_isCancelled && !_pending.ContainsKey($"{branch}|CANCEL")) SendCancel();
            return;
        }
        Stop(branch);
        if (response.IsSuccess) Accepted(response);
        else Refused(response);
    }

    private void Accepted(SipResponse response)
    {
        var number = response.CSeq.Number;
        if (_acks.ContainsKey(number))
        {
            if (LoseAcks > 0) LoseAcks--;
            else SendAck(number);
            return;
        }
        if (Phase == PeerPhase.Ended && WasUp) return;
        if (!WasUp)
        {
            RemoteParty = response.Get(HeaderId.To)!;
            _routes = [.. response.RecordRoutes.Reverse().Select(route => route.ToString())];
        }
        if (response.To.Tag is null) Violated("a 200 without a tag");
        if (response.Contact is { } contact) RemoteTarget = contact.Uri;
        else Violated("a 200 to INVITE without Contact");
        var theirs = SdpFacts.Read(response.Body);
        if (theirs is null) Violated("a 200 to INVITE without a session description");
        else Described(theirs);
        var ack = NewRequest(SipMethods.Ack, number);
        if (_invite!.Body.IsEmpty && theirs is not null) ack.SetBody("application/sdp", RawSip.Sdp(Rtp, ++_sdpVersion, theirs.Answer, Sound, theirs));
        _acks[number] = SipMessageWriter.ToArray(ack);
        if (LoseAcks > 0) LoseAcks--;
        else SendAck(number);
        if (WasUp) return;
        _cancelDeadline?.Cancel();
        FinalStatus = response.Status;
        var wasOver = Phase == PeerPhase.Ended;
        Become(PeerPhase.Up);
        // Our CANCEL came too late, or a BYE overtook the answer: the call is up and has to be hung up.
        if (_isCancelled || wasOver) HangUp();
    }

    private void Refused(SipResponse response)
    {
        var ack = new SipRequest(SipMethods.Ack, _invite!.Uri);
        ack.Add(HeaderId.Via, _invite.Get(HeaderId.Via)!);
        ack.Add(HeaderId.MaxForwards, "70");
        ack.AddAll(_invite, HeaderId.Route);
        ack.AddAll(_invite, HeaderId.From);
        ack.AddAll(response, HeaderId.To);
        ack.AddAll(_invite, HeaderId.CallId);
        ack.Add(HeaderId.CSeq, $"{_invite.CSeq.Number} ACK");
        _peer.Transmit(_inviteTo, ack);
        if (Phase != PeerPhase.Calling) return;
        _cancelDeadline?.Cancel();
        FinalStatus = response.Status;
        RedirectedTo = response.Status is >= 300 and < 400 ? response.Contact?.Uri.Text : null;
        EndedByThem = !_isCancelled;
        Become(PeerPhase.Ended);
    }
}
