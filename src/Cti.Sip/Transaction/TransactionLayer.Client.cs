using System.Collections.Immutable;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Sip.Transaction;

public sealed partial class TransactionLayer
{
    /// <summary>
    /// Sends a request and minds it until it is answered. A Via with a new branch is put on top, unless <paramref name="keepVia"/>.
    /// A request that is too large for UDP goes by TCP where there is a listener (RFC 3261 section 18.1.1), and by UDP after all where no connection opens.
    /// </summary>
    /// <param name="request">Any request but ACK; the layer changes its Via and owns it from now on.</param>
    /// <param name="flow">By what.</param>
    /// <param name="userState">Whatever the user wants to find again.</param>
    /// <param name="keepVia">The request has its Via.</param>
    /// <param name="branch">The branch of the new Via, where its owner has journaled it; null for a random one.</param>
    /// <param name="allowance">What may be sent to a peer that has not shown itself; null for any other.</param>
    /// <exception cref="ArgumentException">An ACK; or the branch of a kept Via is in use or missing.</exception>
    public ClientTransaction StartClient(SipRequest request, SipFlow flow, object? userState = null, bool keepVia = false, string? branch = null,
        SourceAllowance? allowance = null)
    {
        if (request.Method == SipMethods.Ack) throw new ArgumentException("an ACK is no transaction", nameof(request));
        var asked = flow;
        if (!keepVia)
        {
            branch ??= NewBranch();
            request.AddFirst(HeaderId.Via, NewVia(flow, branch).ToString());
            flow = FlowFor(request, flow, branch);
        }
        if (request.TopVia.Branch is not { } own) throw new ArgumentException("a kept Via has no branch", nameof(request));
        var client = new ClientTransaction(this, ++_lastId, request, flow, new ClientKey(own, request.Method)) { UserState = userState, Allowance = allowance };
        if (flow != asked) client.FallBack = asked;
        Begin(client);
        return client;
    }

    /// <summary>
    /// Takes over an INVITE that a node sent which is gone, as if a provisional response had come to it here. Nothing is sent: it may be cancelled, with the
    /// dead node's Via verbatim, and what is still answered to it here is acknowledged. A transaction of this INVITE that is still here, from a time when it
    /// was this node's before, ends without a word, and so does its CANCEL.
    /// </summary>
    /// <param name="invite">Request-URI, Via, Route, From, To, Call-ID and CSeq as they were sent.</param>
    /// <param name="flow">By what it went.</param>
    /// <param name="userState">Whatever the user wants to find again.</param>
    /// <exception cref="ArgumentException">No INVITE, or its Via has no branch.</exception>
    public ClientTransaction AdoptClient(SipRequest invite, SipFlow flow, object? userState = null)
    {
        if (invite.Method != SipMethods.Invite || invite.TopVia.Branch is not { } branch)
            throw new ArgumentException("no INVITE that was sent", nameof(invite));
        var key = new ClientKey(branch, invite.Method);
        // It was ours before, and somebody else's in between: what is left of that time, its CANCEL included, ends, and this one begins anew.
        if (_clients.TryGetValue(key, out var own)) Abandon(own);
        if (_clients.TryGetValue(new ClientKey(branch, SipMethods.Cancel), out var cancel)) Abandon(cancel);
        var client = new ClientTransaction(this, ++_lastId, invite, flow, key) { UserState = userState };
        _clients.Add(key, client);
        Register(client);
        Counters.ClientStarted++;
        client.State = new TransactionState(TransactionPhase.Proceeding, TransactionState.Never, 0, TransactionState.Never);
        return client;
    }

    /// <summary>Sends the ACK of a 2xx: outside any transaction, with a branch of its own (RFC 3261 section 13.2.2.4).</summary>
    public void SendAck(SipRequest ack, SipFlow flow)
    {
        var branch = NewBranch();
        ack.AddFirst(HeaderId.Via, NewVia(flow, branch).ToString());
        flow = FlowFor(ack, flow, branch);
        _transport.Send(flow, SipMessageWriter.ToArray(ack), 0);
    }

    internal void Cancel(ClientTransaction client, string? reason, ImmutableArray<KeyValuePair<string, string>> fields)
    {
        if (!client.IsInvite || client.IsCancelled || client.Phase is not (TransactionPhase.Calling or TransactionPhase.Proceeding)) return;
        client.IsCancelled = true;
        (client.CancelReason, client.CancelFields) = (reason, fields);
        if (client.Phase == TransactionPhase.Proceeding) SendCancel(client);
    }

    private void Begin(ClientTransaction client)
    {
        if (!_clients.TryAdd(client.Key, client)) throw new ArgumentException($"branch {client.Key.Branch} is in use", nameof(client));
        Register(client);
        Counters.ClientStarted++;
        client.LastSent = SipMessageWriter.ToArray(client.Request);
        Step(client, TransactionInput.Start);
    }

    private SipFlow FlowFor(SipRequest request, SipFlow flow, string branch)
    {
        if (flow.Kind != SipTransportKind.Udp || SipMessageWriter.GetLength(request) <= Limits.SipDatagramRequestBytesMax) return flow;
        var listener = _transport.FindListener(SipTransportKind.Tcp, flow.Remote.AddressFamily);
        if (listener < 0) return flow;
        var stream = new SipFlow(SipTransportKind.Tcp, listener, flow.Remote);
        request.ReplaceTopVia(NewVia(stream, branch));
        return stream;
    }

    private void FallBack(ClientTransaction client, SipFlow flow)
    {
        client.FallBack = null;
        if (client.Phase is not (TransactionPhase.Calling or TransactionPhase.Trying)) return;
        client.Flow = flow;
        client.Request.ReplaceTopVia(NewVia(flow, client.Key.Branch));
        client.LastSent = SipMessageWriter.ToArray(client.Request);
        client.State = TransactionState.Initial;
        Step(client, TransactionInput.Start);
    }

    private void ReceiveResponse(SipResponse response, SipFlow flow)
    {
        if (response.Vias.Count == 1 && response.TopVia.Branch is { } branch
            && _clients.TryGetValue(new ClientKey(branch, response.CSeq.Method), out var client))
        {
            client.LastStatus = response.Status;
            client.LastCame = flow;
            var input = response.IsProvisional ? TransactionInput.Provisional : response.IsSuccess ? TransactionInput.Success : TransactionInput.Failure;
            Step(client, input, response);
            if (client is { IsCancelled: true, CancelSent: false, Phase: TransactionPhase.Proceeding }) SendCancel(client);
            return;
        }
        if (response.IsSuccess && response.CSeq.Method == SipMethods.Invite && IsOurs(response, flow))
        {
            _user.OnStrayResponse(response, flow);
            return;
        }
        Counters.StrayResponses++;
    }

    // RFC 3261 section 18.1.2: what does not name us on top, or names more than us, was not for us.
    private bool IsOurs(SipResponse response, SipFlow flow)
    {
        if (response.Vias.Count != 1) return false;
        var local = _transport.LocalAddress(flow.Kind, flow.Listener);
        return response.TopVia.PortOrDefault == local.Port && response.TopVia.Host.Equals(local.Host, StringComparison.OrdinalIgnoreCase);
    }

    private void PerformClient(ClientTransaction client, TransactionActions actions, SipResponse? response, SipSendFailure failure)
    {
        if ((actions & TransactionActions.Send) != 0) Transmit(client, again: false);
        if ((actions & TransactionActions.Resend) != 0 && MayRepeat?.Invoke(client) != false) Transmit(client, again: true);
        if ((actions & TransactionActions.SendAck) != 0 && response is not null)
        {
            if (client.AckBytes.IsEmpty) client.AckBytes = SipMessageWriter.ToArray(AckFor(client, response));
            else Counters.Retransmitted++;
            _transport.Send(client.Flow, client.AckBytes, client.Id);
        }
        if ((actions & TransactionActions.ReportTimeout) != 0) Counters.Timeouts++;
        if (client.IsInternal) return;
        if ((actions & TransactionActions.Deliver) != 0 && response is not null) _user.OnResponse(client, response);
        if ((actions & TransactionActions.ReportTimeout) != 0) _user.OnTimeout(client);
        if ((actions & TransactionActions.ReportTransportError) != 0) _user.OnTransportError(client, failure);
    }

    private void SendCancel(ClientTransaction client)
    {
        client.CancelSent = true;
        var cancel = Derive(client, SipMethods.Cancel);
        cancel.AddAll(client.Request, HeaderId.To);
        if (client.CancelReason is not null) cancel.Add(HeaderId.Reason, client.CancelReason);
        foreach (var (name, value) in client.CancelFields) cancel.Add(name, value);
        Step(client, TransactionInput.Cancelled);
        Begin(new ClientTransaction(this, ++_lastId, cancel, client.Flow, new ClientKey(client.Key.Branch, SipMethods.Cancel)) { IsInternal = true });
    }

    // RFC 3261 section 17.1.1.3.
    private static SipRequest AckFor(ClientTransaction client, SipResponse response)
    {
        var ack = Derive(client, SipMethods.Ack);
        ack.AddAll(response, HeaderId.To);
        return ack;
    }

    // What CANCEL and ACK share with their INVITE: Request-URI, top Via, Route, From, Call-ID and the number of CSeq.
    private static SipRequest Derive(ClientTransaction client, string method)
    {
        var invite = client.Request;
        var request = new SipRequest(method, invite.Uri);
        request.Add(HeaderId.Via, invite.TopVia.ToString());
        request.Add(HeaderId.MaxForwards, "70");
        request.AddAll(invite, HeaderId.Route);
        request.AddAll(invite, HeaderId.From);
        request.AddAll(invite, HeaderId.CallId);
        request.Add(HeaderId.CSeq, new CSeqValue(invite.CSeq.Number, method).ToString());
        return request;
    }
}
