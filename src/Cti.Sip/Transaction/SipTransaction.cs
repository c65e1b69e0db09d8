using System.Collections.Immutable;
using Cti.Sip.Message;

namespace Cti.Sip.Transaction;

/// <summary>What client and server transactions share.</summary>
public abstract class SipTransaction
{
    private protected SipTransaction(TransactionLayer layer, long id, SipRequest request, SipFlow flow)
    {
        Layer = layer;
        Id = id;
        Request = request;
        Flow = flow;
        IsInvite = request.Method == SipMethods.Invite;
    }

    /// <summary>Unique in its layer.</summary>
    public long Id { get; private set; }

    /// <summary>The request.</summary>
    public SipRequest Request { get; }

    /// <summary>By what it goes or came.</summary>
    public SipFlow Flow { get; internal set; }

    /// <summary>Whether this is an INVITE's.</summary>
    public bool IsInvite { get; }

    /// <summary>Where it stands.</summary>
    public TransactionPhase Phase => State.Phase;

    /// <summary>Whatever the user wants to find again.</summary>
    public object? UserState { get; set; }

    internal TransactionLayer Layer { get; private set; }

    internal TransactionState State { get; set; } = TransactionState.Initial;

    internal int HeapIndex { get; set; } = -1;

    internal long Deadline { get; set; }

    /// <summary>What was sent last.</summary>
    internal ReadOnlyMemory<byte> LastSent { get; set; }

    /// <summary>What may still be sent to a peer that has not shown itself; null for any other.</summary>
    public SourceAllowance? Allowance { get; internal init; }

    internal void Attach(TransactionLayer layer, long id)
    {
        Layer = layer;
        Id = id;
    }
}

/// <summary>A request of ours.</summary>
public sealed class ClientTransaction : SipTransaction
{
    internal ClientTransaction(TransactionLayer layer, long id, SipRequest request, SipFlow flow, ClientKey key)
        : base(layer, id, request, flow) => Key = key;

    /// <summary>The status of the last response; 0 before the first.</summary>
    public int LastStatus { get; internal set; }

    /// <summary>By what the last response came, which need not be by what the request went; the default before the first.</summary>
    public SipFlow LastCame { get; internal set; }

    /// <summary>Whether <see cref="Cancel"/> was called.</summary>
    public bool IsCancelled { get; internal set; }

    internal ClientKey Key { get; }

    internal bool CancelSent { get; set; }

    internal string? CancelReason { get; set; }

    internal ImmutableArray<KeyValuePair<string, string>> CancelFields { get; set; } = [];

    /// <summary>Where a request that went by TCP only for its size is sent when no connection can be opened.</summary>
    internal SipFlow? FallBack { get; set; }

    /// <summary>Set for the CANCEL itself: the layer's own, of which the user hears nothing.</summary>
    internal bool IsInternal { get; set; }

    /// <summary>The ACK of a failure, sent again for each repetition.</summary>
    internal ReadOnlyMemory<byte> AckBytes { get; set; }

    /// <summary>
    /// Cancels an INVITE (RFC 3261 section 9.1): CANCEL goes out as soon as a provisional response has come, and never after a final one. The INVITE's own
    /// final response (487, or a 2xx that crossed) still follows; without one the transaction times out 64 T1 after the CANCEL.
    /// </summary>
    /// <param name="reason">Value of a Reason header field (RFC 3326), or null.</param>
    /// <param name="fields">Names and values of more header fields.</param>
    public void Cancel(string? reason = null, params ImmutableArray<KeyValuePair<string, string>> fields) => Layer.Cancel(this, reason, fields);
}

/// <summary>A request of someone else's.</summary>
public sealed class ServerTransaction : SipTransaction
{
    internal ServerTransaction(TransactionLayer layer, long id, SipRequest request, SipFlow flow, ServerKey key)
        : base(layer, id, request, flow) => Key = key;

    /// <summary>
    /// The transaction of an INVITE that came to another node, from what that node journaled; on any thread. It is nothing before a layer adopted it.
    /// </summary>
    /// <param name="invite">As it came: its top Via with received and rport.</param>
    /// <param name="flow">What it came by.</param>
    public static ServerTransaction Detached(SipRequest invite, SipFlow flow) => new(null!, 0, invite, flow, ServerKey.Of(invite, invite.Method));

    /// <summary>
    /// A request whose transaction another node has, because its socket is there: what is answered is sent to that node, see <see cref="Origin"/>.
    /// No layer knows it, so <see cref="Respond"/> must not be called.
    /// </summary>
    /// <param name="request">The request, as that node received it.</param>
    /// <param name="flow">What it came by there; without the connection, which is that node's.</param>
    /// <param name="origin">Where answers go.</param>
    public static ServerTransaction Elsewhere(SipRequest request, SipFlow flow, object origin) => new(null!, 0, request, flow, default) { Origin = origin };

    /// <summary>Who has the transaction where it is not this node; null for one of this node's layer.</summary>
    public object? Origin { get; private init; }

    /// <summary>The status sent last; 0 before the first response.</summary>
    public int LastStatus { get; internal set; }

    /// <summary>The To tag of what was answered; null before.</summary>
    public string? ToTag { get; internal set; }

    /// <summary>Whether a CANCEL came for this INVITE.</summary>
    public bool IsCancelled { get; internal set; }

    internal ServerKey Key { get; }

    /// <summary>How many responses the user had sent.</summary>
    internal int Sends { get; set; }

    internal MergeKey? MergeKey { get; set; }

    /// <summary>The transaction of the same request by another path, until the user was told.</summary>
    internal ServerTransaction? MergedWith { get; set; }

    /// <summary>The connection went away: answers go by a new one to the address and port of the top Via (RFC 3261 section 18.2.2).</summary>
    internal bool Rerouted { get; set; }

    /// <summary>
    /// Sends a response. False, and nothing is sent, when the state does not allow it: a final response was sent before, or the transaction is over.
    /// A 2xx to INVITE may be sent again until 64 T1 after the first: repeating it until the ACK is the caller's job (RFC 6026).
    /// </summary>
    public bool Respond(SipResponse response) => Layer.Respond(this, response);

    /// <summary>
    /// Another node answers this INVITE, and maybe its next hop does not know: for so long its repetitions get what was answered last, and the user hears of
    /// its CANCEL and of the ACK of that answer. Of no effect once it is answered.
    /// </summary>
    /// <param name="millis">In milliseconds; at least <see cref="SipTimers.TimerC"/> is used.</param>
    public void HandOff(long millis) => Layer.HandOff(this, millis);

    /// <summary>Forgets an INVITE that was handed off: what another node answered is acknowledged.</summary>
    public void Forget() => Layer.ForgetHandedOff(this);

    /// <summary>Sends 100 now rather than after 200 ms.</summary>
    public void SendTrying() => Layer.Respond(this, SipResponse.For(Request, 100));
}
