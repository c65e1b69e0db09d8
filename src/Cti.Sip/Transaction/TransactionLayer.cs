using System.Globalization;
using System.Net;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Sip.Transaction;

/// <summary>
/// Holds the transactions of one SIP stack (RFC 3261 section 17 with RFC 6026). Single-threaded: callers serialise. After every call, and whenever
/// <see cref="NextDeadline"/> is reached, the caller sees to it that <see cref="Tick"/> is called by the next deadline.
/// </summary>
public sealed partial class TransactionLayer
{
    /// <summary>Entries for which room is kept however few there are.</summary>
    private const int CapacityKept = 4096;

    private readonly ISipTransport _transport;
    private readonly ITransactionUser _user;
    private readonly IClock _clock;
    private readonly IRandom _random;
    private readonly ILog _log;
    private readonly SipTimers _timers;
    private readonly int _max;
    private readonly ulong _tagSecret;
    private readonly Dictionary<ServerKey, ServerTransaction> _servers = [];
    private readonly Dictionary<ClientKey, ClientTransaction> _clients = [];
    private readonly Dictionary<MergeKey, ServerTransaction> _merged = [];
    private readonly Dictionary<long, SipTransaction> _byId = [];
    private readonly DeadlineHeap _deadlines = new();
    private long _lastId;
    private bool _full;

    /// <summary>Makes an empty layer.</summary>
    /// <param name="transport">Where messages go.</param>
    /// <param name="user">Who gets what arrives.</param>
    /// <param name="clock">Time; only its monotonic side is used.</param>
    /// <param name="random">For branches and tags.</param>
    /// <param name="timers">Null for the RFC's own.</param>
    /// <param name="maxTransactions">
    /// Past this many transactions new calls get 503; 1 or more. Requests within a dialog find room for a quarter more, BYE and CANCEL always: those, and our
    /// own, are bounded by the calls.
    /// </param>
    /// <param name="log">Null for none.</param>
    public TransactionLayer(ISipTransport transport, ITransactionUser user, IClock clock, IRandom random, SipTimers? timers = null,
        int maxTransactions = Limits.SipTransactionsMax, ILog? log = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTransactions, 1);
        _transport = transport;
        _user = user;
        _clock = clock;
        _random = random;
        _timers = timers ?? new SipTimers();
        ArgumentOutOfRangeException.ThrowIfLessThan(_timers.T1, 1, nameof(timers));
        ArgumentOutOfRangeException.ThrowIfLessThan(_timers.T2, _timers.T1, nameof(timers));
        _log = log ?? NullLog.Instance;
        _max = maxTransactions;
        _tagSecret = random.NextUInt64();
    }

    /// <summary>
    /// When <see cref="Tick"/> has to be called, in milliseconds of the monotonic clock; <see cref="long.MaxValue"/> where nothing is waited for.
    /// </summary>
    public long NextDeadline => _deadlines.Next;

    /// <summary>How many transactions there are.</summary>
    public int Count => _byId.Count;

    /// <summary>For how many there is room without asking for more.</summary>
    internal int Capacity => _byId.Capacity;

    /// <summary>How many transactions end only when their user does something: no timer ends them.</summary>
    public int EndlessCount => _byId.Values.Count(static transaction => transaction.State.EndAt == TransactionState.Never);

    /// <summary>What was counted.</summary>
    public TransactionCounters Counters { get; } = new();

    /// <summary>Whether a request of ours may be sent once more; where it may not, its timers go on. Null: always.</summary>
    public Func<ClientTransaction, bool>? MayRepeat { get; init; }

    /// <summary>
    /// Whether whoever sends by a flow is known to be there, as a trunk is. Over UDP anybody else gets no more than <see cref="SourceAllowance"/> allows. Null:
    /// all are.
    /// </summary>
    public Func<SipFlow, bool>? IsKnown { get; init; }

    /// <summary>The timers in use.</summary>
    public SipTimers Timers => _timers;

    private long Now => _clock.MonotonicNanos / 1_000_000;

    /// <summary>Does what is due.</summary>
    public void Tick()
    {
        var now = Now;
        while (_deadlines.Next <= now) Step(_deadlines.First, TransactionInput.Timer);
    }

    /// <summary>Takes a message from the network.</summary>
    public void Receive(in ReceivedMessage received)
    {
        if (received.Message is SipRequest request) ReceiveRequest(request, received.Flow, received.Length);
        else ReceiveResponse((SipResponse)received.Message, received.Flow);
    }

    /// <summary>Takes what the parser rejected: counts it, and answers it statelessly where that can be done.</summary>
    public void ReceiveRejected(in SipParseResult rejected, SipFlow flow)
    {
        Counters.CountRejected(rejected.Rejection);
        if (_log.IsWanted(LogEvents.SipRejected)) _log.Write(LogEvents.SipRejected, flow.Remote, rejected.Rejection);
        if (rejected.Message is not SipRequest request || rejected.Status == 0) return;
        NoteSource(request, flow);
        SendStateless(SipResponse.For(request, rejected.Status, null, TokenFor(request)), request, flow, rejected.Consumed);
    }

    /// <summary>The transport could not send what was given to it with that id.</summary>
    public void SendFailed(long sendId, SipSendFailure failure)
    {
        if (!_byId.TryGetValue(sendId, out var transaction)) return;
        if (transaction is ServerTransaction { Rerouted: false } server && server.Flow is { IsReliable: true, Connection: not 0 })
        {
            Reroute(server);
            return;
        }
        if (transaction is ClientTransaction { FallBack: { } flow } client)
        {
            FallBack(client, flow);
            return;
        }
        Step(transaction, TransactionInput.TransportError, failure: failure);
    }

    /// <summary>64 random bits in hexadecimal: for tags and branches.</summary>
    public string NewToken() => _random.NextHex(8);

    private void SendStateless(SipResponse response, SipRequest request, SipFlow flow, int length)
    {
        var bytes = SipMessageWriter.ToArray(response);
        if (bytes.Length > (long)SourceAllowance.Factor * length && !Knows(flow))
        {
            Counters.Withheld++;
            return;
        }
        Counters.Stateless++;
        _transport.Send(ResponseFlow(request, flow), bytes, 0);
    }

    private bool Knows(SipFlow flow) => flow.IsReliable || IsKnown is null || IsKnown(flow);

    private void Step(SipTransaction transaction, TransactionInput input, SipMessage? message = null, SipSendFailure failure = SipSendFailure.Unreachable)
    {
        var now = Now;
        var reliable = transaction.Flow.IsReliable;
        var step = transaction switch
        {
            ClientTransaction { IsInvite: true } => InviteClientMachine.Step(transaction.State, input, now, _timers, reliable),
            ClientTransaction => NonInviteClientMachine.Step(transaction.State, input, now, _timers, reliable),
            { IsInvite: true } => InviteServerMachine.Step(transaction.State, input, now, _timers, reliable),
            _ => NonInviteServerMachine.Step(transaction.State, input, now, _timers, reliable),
        };
        transaction.State = step.State;
        _deadlines.Place(transaction, step.State.NextDeadline);
        if (step.State.IsOver) Forget(transaction);
        if (step.Actions == TransactionActions.None) return;
        if (transaction is ClientTransaction client) PerformClient(client, step.Actions, message as SipResponse, failure);
        else PerformServer((ServerTransaction)transaction, step.Actions, message, failure);
    }

    private void Register(SipTransaction transaction) => _byId.Add(transaction.Id, transaction);

    private void Abandon(SipTransaction transaction)
    {
        _deadlines.Place(transaction, TransactionState.Never);
        transaction.State = TransactionState.Over;
        Forget(transaction);
    }

    private void Forget(SipTransaction transaction)
    {
        if (!_byId.Remove(transaction.Id)) return;
        if (transaction is ClientTransaction client)
        {
            _clients.Remove(client.Key);
            return;
        }
        var server = (ServerTransaction)transaction;
        _servers.Remove(server.Key);
        if (server.MergeKey is { } key && _merged.TryGetValue(key, out var first) && first == server) _merged.Remove(key);
        if (_full && _byId.Count < _max - (_max / 10)) _full = false;
        if (_byId.Capacity > CapacityKept && _byId.Count < _byId.Capacity / 8) Shrink();
    }

    /// <summary>A rush leaves nothing behind, not even room.</summary>
    private void Shrink()
    {
        _byId.TrimExcess();
        _servers.TrimExcess();
        _clients.TrimExcess();
        _merged.TrimExcess();
        _deadlines.Shrink();
    }

    private void Transmit(SipTransaction transaction, bool again, int kept = 0)
    {
        if (transaction.LastSent.IsEmpty) return;
        // A provisional answer leaves room for the final one: who hears none asks again, and who heard one does not.
        if (transaction is ServerTransaction { LastStatus: < 200 }) kept = transaction.LastSent.Length + SourceAllowance.AnswerBytes;
        if (transaction.Allowance is { } allowance && !allowance.TrySpend(transaction.LastSent.Length, kept))
        {
            Counters.Withheld++;
            return;
        }
        if (again) Counters.Retransmitted++;
        _transport.Send(transaction.Flow, transaction.LastSent, transaction.Id);
    }

    private string NewBranch() => ViaValue.MagicCookie + _random.NextHex(8);

    private ViaValue NewVia(SipFlow flow, string branch) => ViaFor(_transport, flow, branch);

    /// <summary>The Via of a request that goes by <paramref name="flow"/>.</summary>
    /// <param name="transport">The sockets.</param>
    /// <param name="flow">By what.</param>
    /// <param name="branch">Its branch, with the magic cookie.</param>
    public static ViaValue ViaFor(ISipTransport transport, SipFlow flow, string branch)
    {
        var local = transport.LocalAddress(flow.Kind, flow.Listener);
        return new ViaValue(flow.ViaTransport, local.Host, local.Port, new SipParams([new SipParam("rport", null), new SipParam("branch", branch)]));
    }

    /// <summary>A To tag that the same request gets again, without anything being kept (RFC 3261 section 8.2.7).</summary>
    public string TokenFor(SipRequest request)
    {
        var hash = _tagSecret ^ 14695981039346656037UL;
        foreach (var c in request.CallIdOrNull ?? "") hash = (hash ^ c) * 1099511628211UL;
        foreach (var c in request.Vias.Count > 0 ? request.TopVia.Branch ?? "" : "") hash = (hash ^ c) * 1099511628211UL;
        return hash.ToString("x16", CultureInfo.InvariantCulture);
    }

    // RFC 3261 section 18.2.1 and RFC 3581 section 4.
    private static void NoteSource(SipRequest request, SipFlow flow)
    {
        if (request.Vias.Count == 0) return;
        var via = request.TopVia;
        var address = flow.Remote.Address.IsIPv4MappedToIPv6 ? flow.Remote.Address.MapToIPv4() : flow.Remote.Address;
        var sameHost = IPAddress.TryParse(via.Host, out var written) && written.Equals(address);
        if (sameHost && !via.HasRPort && via.Received is null) return;
        via = via.With("received", address.ToString());
        if (via.HasRPort) via = via.With("rport", flow.Remote.Port.ToString(CultureInfo.InvariantCulture));
        request.ReplaceTopVia(via);
    }

    // RFC 3261 section 18.2.2: a stream's answers use the stream; a datagram's go to where it came from, at the port that its sender named.
    private static SipFlow ResponseFlow(SipRequest request, SipFlow flow)
    {
        if (flow.IsReliable || request.Vias.Count == 0) return flow;
        var via = request.TopVia;
        var port = via.HasRPort ? flow.Remote.Port : via.PortOrDefault;
        return port == flow.Remote.Port ? flow : flow with { Remote = new IPEndPoint(flow.Remote.Address, port) };
    }
}
