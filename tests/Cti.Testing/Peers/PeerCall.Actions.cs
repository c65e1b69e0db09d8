using System.Net;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Testing.Peers;

/// <summary>What a far end does.</summary>
public sealed partial class PeerCall
{
    private SipRequest? invite;
    private bool isCancelled;
    private ITimerHandle? cancelDeadline;

    /// <summary>Sends the INVITE; with <paramref name="withOffer"/> false the other side has to offer.</summary>
    public void Invite(bool withOffer = true)
    {
        invite = NewRequest(SipMethods.Invite, ++localCSeq);
        if (withOffer) invite.SetBody("application/sdp", RawSip.Sdp(Rtp, ++sdpVersion, "sendrecv"));
        Start(invite);
    }

    /// <summary>Responds to their INVITE: provisionally, with success (and our answer or offer), or with a refusal.</summary>
    public void Respond(int status)
    {
        if (Phase != PeerPhase.Offered || invite is null) throw new InvalidOperationException($"nothing to respond {status} to in {Phase}");
        var response = RawSip.Respond(invite, status, localTag, peer.Local);
        if (status == 302) response.Add(HeaderId.Contact, $"<sip:elsewhere@{RawSip.Host(peer.Local)}>");
        if (status is 200 or 183) response.SetBody("application/sdp", RawSip.Sdp(Rtp, ++sdpVersion, Remote?.Answer ?? "sendrecv", Remote));
        var bytes = peer.Transmit(server, response);
        answered[Key(invite)] = bytes;
        if (status < 200) return;
        FinalStatus = status;
        AwaitAck(invite, status, bytes, server);
        Become(status < 300 ? PeerPhase.Answered : PeerPhase.Ended);
    }

    /// <summary>CANCELs our INVITE. Before a provisional response it may not be sent (RFC 3261 section 9.1): it follows the first one.</summary>
    public void Cancel()
    {
        if (Phase != PeerPhase.Calling || invite is null || isCancelled) return;
        isCancelled = true;
        if (hasProvisional) SendCancel();
    }

    /// <summary>Hangs up: BYE, or before the answer whatever ends the call.</summary>
    public void HangUp()
    {
        switch (Phase)
        {
            case PeerPhase.Calling: Cancel(); break;
            case PeerPhase.Offered: Respond(603); break;
            case PeerPhase.Answered when pending.Values.Any(waiting => waiting.Method == "200 INVITE"): hangsUpAfterAck = true; break;
            case PeerPhase.Up or PeerPhase.Answered:
                Become(PeerPhase.HangingUp);
                Start(NewRequest(SipMethods.Bye, ++localCSeq));
                break;
        }
    }

    /// <summary>re-INVITE: sendrecv, sendonly (hold), inactive; null for one without an offer.</summary>
    public bool ReInvite(string? direction)
    {
        if (Phase != PeerPhase.Up || pending.Values.Any(waiting => waiting.Method is SipMethods.Invite or "200 INVITE")) return false;
        invite = NewRequest(SipMethods.Invite, ++localCSeq);
        if (direction is not null) invite.SetBody("application/sdp", RawSip.Sdp(Rtp, ++sdpVersion, direction));
        Start(invite);
        return true;
    }

    /// <summary>A key by INFO (application/dtmf-relay).</summary>
    public void SendInfo(char key)
    {
        if (Phase != PeerPhase.Up) return;
        var info = NewRequest(SipMethods.Info, ++localCSeq);
        info.SetBody("application/dtmf-relay", System.Text.Encoding.ASCII.GetBytes($"Signal={key}\r\nDuration=160\r\n"));
        Start(info);
    }

    /// <summary>OPTIONS within the call.</summary>
    public void SendOptions()
    {
        if (Phase == PeerPhase.Up) Start(NewRequest(SipMethods.Options, ++localCSeq));
    }

    /// <summary>Acknowledges the 200 that was not acknowledged so far.</summary>
    public void SendAck()
    {
        if (acks.Count > 0) SendAck(acks.Keys.Max());
    }

    private void SendAck(uint cseq)
    {
        if (acks.TryGetValue(cseq, out var ack)) peer.Transmit(Target, ack, "ACK");
    }

    private void SendCancel()
    {
        var cancel = new SipRequest(SipMethods.Cancel, invite!.Uri);
        cancel.Add(HeaderId.Via, invite.Get(HeaderId.Via)!);
        cancel.Add(HeaderId.MaxForwards, "70");
        cancel.AddAll(invite, HeaderId.Route);
        cancel.AddAll(invite, HeaderId.From);
        cancel.AddAll(invite, HeaderId.To);
        cancel.AddAll(invite, HeaderId.CallId);
        cancel.Add(HeaderId.CSeq, $"{invite.CSeq.Number} CANCEL");
        var bytes = peer.Transmit(inviteTo, cancel);
        var waiting = new Pending($"{invite.TopVia.Branch}|CANCEL", SipMethods.Cancel, cancel, bytes, inviteTo, peer.Runtime.ElapsedMillis, peer.T1);
        pending[waiting.Key] = waiting;
        Repeat(waiting);
        // Without a final response to the INVITE it counts as cancelled 64 T1 later (RFC 3261 section 9.1).
        cancelDeadline = peer.Runtime.After(64L * peer.T1, () =>
        {
            if (Phase != PeerPhase.Calling) return;
            Stop(invite.TopVia.Branch!);
            FinalStatus = 487;
            Become(PeerPhase.Ended);
        });
    }

    private void AwaitAck(SipRequest request, int status, byte[] bytes, IPEndPoint to)
    {
        var waiting = new Pending(AckKey(request.CSeq.Number), status < 300 ? "200 INVITE" : $"{status} INVITE", null, bytes, to, peer.Runtime.ElapsedMillis, peer.T1);
        pending[waiting.Key] = waiting;
        Repeat(waiting);
    }

    private static string AckKey(uint cseq) => $"ack|{cseq}";

    private static string Key(SipRequest request) => $"{request.TopVia.Branch}|{request.Method}";
}
