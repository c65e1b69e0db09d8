using System.Net;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Sip.Transaction;

public sealed partial class TransactionLayer
{
    internal bool Respond(ServerTransaction server, SipResponse response)
    {
        var input = response.IsProvisional ? TransactionInput.Provisional : response.IsSuccess ? TransactionInput.Success : TransactionInput.Failure;
        var sent = server.Sends;
        Step(server, input, response);
        return server.Sends != sent;
    }

    private void ReceiveRequest(SipRequest request, SipFlow flow, int length)
    {
        if (length == 0) length = SipMessageWriter.GetLength(request);
        var isAck = request.Method == SipMethods.Ack;
        var key = ServerKey.Of(request, isAck ? SipMethods.Invite : request.Method);
        NoteSource(request, flow);
        if (_servers.TryGetValue(key, out var existing))
        {
            if (!isAck)
            {
                existing.Allowance?.Came(length);
                Step(existing, TransactionInput.Repeat);
            }
            else if (existing.Phase == TransactionPhase.Proceeding) _user.OnAck(request, flow, existing);
            else if (key.Port != 0 || existing.ToTag is null || existing.ToTag == request.To.Tag) Step(existing, TransactionInput.Ack, request);
            return;
        }
        if (isAck)
        {
            _user.OnAck(request, flow, null);
            return;
        }
        if (StatelessAnswer(request, flow, key) is { } answer)
        {
            SendStateless(answer, request, flow, length);
            return;
        }
        var allowance = Knows(flow) ? null : new SourceAllowance();
        allowance?.Came(length);
        var server = new ServerTransaction(this, ++_lastId, request, ResponseFlow(request, flow), key) { Allowance = allowance };
        _servers.Add(key, server);
        Register(server);
        Counters.ServerStarted++;
        NoteMerge(server);
        Step(server, TransactionInput.Start);
    }

    /// <summary>
    /// Takes over an INVITE that came to a node which is gone and has no final response yet: its repetitions and its CANCEL are recognised here, and it is
    /// answered from here. What it came by as a stream is gone; its answers open one to the address of its sender (RFC 3261 section 18.2.2).
    /// </summary>
    /// <param name="adopted">Made by <see cref="ServerTransaction.Detached"/>.</param>
    /// <param name="userState">Whatever the user wants to find again.</param>
    public void AdoptServer(ServerTransaction adopted, object? userState)
    {
        if (_servers.TryGetValue(adopted.Key, out var own))
        {
            adopted.LastSent = own.LastSent;
            adopted.ToTag = own.ToTag;
            Abandon(own);
        }
        adopted.Attach(this, ++_lastId);
        adopted.UserState = userState;
        if (adopted.Flow.IsReliable)
        {
            adopted.Rerouted = true;
            adopted.Flow = adopted.Flow with { Remote = new IPEndPoint(adopted.Flow.Remote.Address, adopted.Request.TopVia.PortOrDefault), Connection = 0 };
        }
        adopted.State = new TransactionState(TransactionPhase.Proceeding, TransactionState.Never, 0, TransactionState.Never);
        _servers.Add(adopted.Key, adopted);
        Register(adopted);
        Counters.ServerStarted++;
        NoteMerge(adopted);
        adopted.MergedWith = null;
    }

    /// <summary>Takes an ACK that came to another node: true where it is that of a failure which was answered here.</summary>
    public bool TakeAck(SipRequest ack)
    {
        if (!_servers.TryGetValue(ServerKey.Of(ack, SipMethods.Invite), out var answered)
            || answered.Phase is not (TransactionPhase.Completed or TransactionPhase.Confirmed))
            return false;
        Step(answered, TransactionInput.Ack, ack);
        return true;
    }

    internal void HandOff(ServerTransaction server, long millis)
    {
        if (server.Phase != TransactionPhase.Proceeding) return;
        server.State = server.State with { ResendAt = TransactionState.Never, EndAt = Now + Math.Max(millis, _timers.TimerC) };
        _deadlines.Place(server, server.State.NextDeadline);
    }

    internal void ForgetHandedOff(ServerTransaction server)
    {
        if (server is { Phase: TransactionPhase.Proceeding, State.EndAt: not TransactionState.Never }) Abandon(server);
    }

    private SipResponse? StatelessAnswer(SipRequest request, SipFlow flow, in ServerKey key)
    {
        // RFC 3261 section 9.2: there is nothing to cancel.
        if (request.Method == SipMethods.Cancel && !_servers.ContainsKey(key with { Method = SipMethods.Invite }))
            return SipResponse.For(request, 481, null, TokenFor(request));
        if (_user.AnswerStateless(request, flow) is { } answer) return answer;
        if (_byId.Count < RoomFor(request)) return null;
        Counters.Refused++;
        if (!_full) _log.Write(LogEvents.SipTransactionsFull, _max);
        _full = true;
        return SipResponse.For(request, 503, null, TokenFor(request));
    }

    // What is of a call that is known finds room when nothing new does: whoever is refused a BYE hangs up all the same, and the call would stay. Each call has
    // one at most.
    private int RoomFor(SipRequest request)
    {
        if (request.Method is SipMethods.Bye or SipMethods.Cancel) return int.MaxValue;
        return request.To.Tag is null ? _max : _max + (_max / 4);
    }

    // RFC 3261 section 8.2.2.2: only requests outside of a dialog, and only those that can be told apart.
    private void NoteMerge(ServerTransaction server)
    {
        var request = server.Request;
        if (request.Method == SipMethods.Cancel || request.To.Tag is not null || request.From.Tag is not { } tag) return;
        var key = new MergeKey(request.CallId, tag, request.CSeq.Number, request.Method);
        if (_merged.TryGetValue(key, out var first)) server.MergedWith = first;
        else _merged.Add(key, server);
        server.MergeKey = key;
    }

    private void PerformServer(ServerTransaction server, TransactionActions actions, SipMessage? message, SipSendFailure failure)
    {
        if ((actions & TransactionActions.SendTrying) != 0) Answer(server, SipResponse.For(server.Request, 100));
        if ((actions & TransactionActions.Send) != 0) Answer(server, (SipResponse)message!);
        if ((actions & TransactionActions.Resend) != 0) Transmit(server, again: true);
        if ((actions & TransactionActions.Deliver) != 0) Deliver(server, message);
        if ((actions & TransactionActions.ReportTimeout) != 0) _user.OnServerFailed(server, null);
        if ((actions & TransactionActions.ReportTransportError) != 0 && server.Request.Method != SipMethods.Cancel) _user.OnServerFailed(server, failure);
    }

    private void Answer(ServerTransaction server, SipResponse response)
    {
        var kept = server.LastStatus >= 200 && server.Request.To.Tag is null ? SourceAllowance.ByeBytes : 0;
        server.LastStatus = response.Status;
        server.Sends++;
        if (response.ToOrNull?.Tag is { } tag) server.ToTag = tag;
        server.LastSent = SipMessageWriter.ToArray(response);
        Transmit(server, again: false, kept);
    }

    private void Deliver(ServerTransaction server, SipMessage? message)
    {
        if (message is SipRequest ack)
        {
            _user.OnAck(ack, server.Flow, server);
            return;
        }
        if (server.Request.Method == SipMethods.Cancel)
        {
            DeliverCancel(server);
            return;
        }
        if (server.MergedWith is not { } first)
        {
            _user.OnRequest(server);
            return;
        }
        Counters.Merged++;
        server.MergedWith = null;
        if (!_user.OnMerged(first, server)) server.Respond(SipResponse.For(server.Request, 482, null, NewToken()));
        // The newest branch is the one that is answered, and the one that a further branch is compared with.
        else if (server.MergeKey is { } key) _merged[key] = server;
    }

    /// <summary>The INVITEs outside a dialog, the newest branch of each.</summary>
    public IEnumerable<ServerTransaction> Invites => _merged.Values.Where(static server => server.Request.Method == SipMethods.Invite);

    /// <summary>
    /// The INVITE outside a dialog with that Call-ID, From tag and CSeq number, of whichever branch came last; null where none came or all is over.
    /// </summary>
    public ServerTransaction? FindInvite(string callId, string fromTag, uint number) =>
        _merged.GetValueOrDefault(new MergeKey(callId, fromTag, number, SipMethods.Invite));

    // RFC 3261 section 9.2.
    private void DeliverCancel(ServerTransaction cancel)
    {
        // One that cancels nothing was answered before there was a transaction.
        var invite = _servers[cancel.Key with { Method = SipMethods.Invite }];
        cancel.Respond(SipResponse.For(cancel.Request, 200, null, invite.ToTag ?? NewToken()));
        if (invite.Phase != TransactionPhase.Proceeding || invite.IsCancelled) return;
        invite.IsCancelled = true;
        _user.OnCancel(invite, cancel.Request);
    }

    // The stream that the request came by is gone: a new one to the address that it came from and the port that its sender named.
    private void Reroute(ServerTransaction server)
    {
        server.Rerouted = true;
        server.Flow = server.Flow with { Remote = new IPEndPoint(server.Flow.Remote.Address, server.Request.TopVia.PortOrDefault), Connection = 0 };
        Transmit(server, again: true);
    }
}
