using System.Net;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Testing.Peers;

/// <summary>What a far end does.</summary>
public sealed partial class PeerCall
{
    private SipRequest? _invite;
    private bool _isCancelled;
    private ITimerHandle? _cancelDeadline;

    /// <summary>Sends the INVITE; with <paramref name="withOffer"/> false the other side has to offer.</summary>
    public void Invite(bool withOffer = true)
    {
        _invite = NewRequest(SipMethods.Invite, ++_localCSeq);
        if (RequiresReliable && withOffer) _invite.Add(HeaderId.Require, "100rel");
        if (withOffer) _invite.SetBody("application/sdp", RawSip.Sdp(Rtp, ++_sdpVersion, "sendrecv", Sound));
        Start(_invite);
    }

    /// <summary>Responds to their INVITE: provisionally, with success (and our answer or offer), or with a refusal.</summary>
    public void Respond(int status)
    {
        if (Phase != PeerPhase.Offered || _invite is null) throw new InvalidOperationException($"nothing to respond {status} to in {Phase}");
        var response = RawSip.Respond(_invite, status, _localTag, _peer.Local);
        if (status == 302) response.Add(HeaderId.Contact, $"<sip:elsewhere@{RawSip.Host(_peer.Local)}>");
        var isReliable = status == 180 && RingsReliably && Lists(_invite) && _ownRSeq == 0;
        if (isReliable)
        {
            response.Add(HeaderId.Require, "100rel");
            response.Add(HeaderId.RSeq, $"{_ownRSeq = (uint)CallId.Length}");
        }
        if (status is 200 or 183) response.SetBody("application/sdp", RawSip.Sdp(Rtp, ++_sdpVersion, Remote?.Answer ?? "sendrecv", Sound, Remote));
        var bytes = _peer.Transmit(_server, response);
        _answered[Key(_invite)] = bytes;
        if (isReliable) AwaitPrack(bytes);
        if (status < 200) return;
        Stop(Ringing);
        FinalStatus = status;
        AwaitAck(_invite, status, bytes, _server);
        Become(status < 300 ? PeerPhase.Answered : PeerPhase.Ended);
    }

    /// <summary>CANCELs our INVITE. Before a provisional response it may not be sent (RFC 3261 section 9.1): it follows the first one.</summary>
    public void Cancel()
    {
        if (Phase != PeerPhase.Calling || _invite is null || _isCancelled) return;
        _isCancelled = true;
        if (_hasProvisional) SendCancel();
    }

    /// <summary>Hangs up: BYE, or before the answer whatever ends the call.</summary>
    public void HangUp()
    {
        switch (Phase)
        {
            case PeerPhase.Calling: Cancel(); break;
            case PeerPhase.Offered: Respond(603); break;
            case PeerPhase.Answered when _pending.Values.Any(waiting => waiting.Method == "200 INVITE"): _hangsUpAfterAck = true; break;
            case PeerPhase.Up or PeerPhase.Answered:
                Become(PeerPhase.HangingUp);
                Start(NewRequest(SipMethods.Bye, ++_localCSeq));
                break;
        }
    }

    /// <summary>re-INVITE: sendrecv, sendonly (hold), inactive; null for one without an offer.</summary>
    public bool ReInvite(string? direction)
    {
        if (Phase != PeerPhase.Up || _pending.Values.Any(waiting => waiting.Method is SipMethods.Invite or "200 INVITE")) return false;
        _invite = NewRequest(SipMethods.Invite, ++_localCSeq);
        if (direction is not null) _invite.SetBody("application/sdp", RawSip.Sdp(Rtp, ++_sdpVersion, direction, Sound));
        Start(_invite);
        return true;
    }

    /// <summary>A key by INFO (application/dtmf-relay).</summary>
    public void SendInfo(char key)
    {
        if (Phase != PeerPhase.Up) return;
        var info = NewRequest(SipMethods.Info, ++_localCSeq);
        info.SetBody("application/dtmf-relay", System.Text.Encoding.ASCII.GetBytes($"Signal={key}\r\nDuration=160\r\n"));
        Start(info);
    }

    /// <summary>OPTIONS within the call.</summary>
    public void SendOptions()
    {
        if (Phase == PeerPhase.Up) Start(NewRequest(SipMethods.Options, ++_localCSeq));
    }

    /// <summary>Acknowledges the 200 that was not acknowledged so far.</summary>
    public void SendAck()
    {
        if (_acks.Count > 0) SendAck(_acks.Keys.Max());
    }

    private void SendAck(uint cseq)
    {
        if (_acks.TryGetValue(cseq, out var ack)) _peer.Transmit(Target, ack, "ACK");
    }

    private void SendCancel()
    {
        var cancel = new SipRequest(SipMethods.Cancel, _invite!.Uri);
        cancel.Add(HeaderId.Via, _invite.Get(HeaderId.Via)!);
        cancel.Add(HeaderId.MaxForwards, "70");
        cancel.AddAll(_invite, HeaderId.Route);
        cancel.AddAll(_invite, HeaderId.From);
        cancel.AddAll(_invite, HeaderId.To);
        cancel.AddAll(_invite, HeaderId.CallId);
        cancel.Add(HeaderId.CSeq, $"{_invite.CSeq.Number} CANCEL");
        var bytes = _peer.Transmit(_inviteTo, cancel);
        var waiting = new Pending($"{_invite.TopVia.Branch}|CANCEL", SipMethods.Cancel, cancel, bytes, _inviteTo, _peer.Runtime.ElapsedMillis, _peer.T1);
        _pending[waiting.Key] = waiting;
        Repeat(waiting);
        // Without a final response to the INVITE it counts as cancelled 64 T1 later (RFC 3261 section 9.1).
        _cancelDeadline = _peer.Runtime.After(64L * _peer.T1, () =>
        {
            if (Phase != PeerPhase.Calling) return;
            Stop(_invite.TopVia.Branch!);
            FinalStatus = 487;
            Become(PeerPhase.Ended);
        });
    }

    private void AwaitAck(SipRequest request, int status, byte[] bytes, IPEndPoint to)
    {
        var waiting = new Pending(AckKey(request.CSeq.Number), status < 300 ? "200 INVITE" : $"{status} INVITE", null, bytes, to, _peer.Runtime.ElapsedMillis,
            _peer.T1);
        _pending[waiting.Key] = waiting;
        Repeat(waiting);
    }

    private static string AckKey(uint cseq) => $"ack|{cseq}";

    private static string Key(SipRequest request) => $"{request.TopVia.Branch}|{request.Method}";
}
