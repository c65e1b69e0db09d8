using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>
/// Calls of ours that nobody knows any more and that were answered: a late fork, or the node restarted while it rang. Part of the SIP actor.
/// <code>
///   200 for nobody ──BYE──► being hung up ──answered, or nothing came──► ACK ──64 T1──► forgotten
///   INVITE of a dead node ──its call is over, and sends a BYE──► hung up: an answer that crosses the CANCEL is acknowledged
/// </code>
/// </summary>
internal sealed class StrayCalls(TransactionLayer layer, IInboundCalls inbound, IClock clock, SipTimers timers)
{
    /// <summary>
    /// Stray answers remembered, each for 64 T1: more than a node that restarted with all its calls ringing has; past it a BYE may go out twice.
    /// </summary>
    private const int StraysMax = 4_000;

    private readonly Dictionary<(string CallId, string Tag), StrayCall> _strays = [];
    private readonly Dictionary<string, long> _inherited = new(StringComparer.Ordinal);

    private long NowMillis => clock.MonotonicNanos / 1_000_000;

    /// <summary>An INVITE of a dead node is taken over, so that it can be cancelled.</summary>
    public void Inherit(string callId)
    {
        if (_inherited.Count >= StraysMax)
        {
            foreach (var (old, ends) in _inherited)
            {
                if (ends <= NowMillis) _inherited.Remove(old);
            }
        }
        if (_inherited.Count < StraysMax) _inherited[callId] = NowMillis + (2 * timers.Limit);
    }

    /// <summary>A request goes out; the call of a BYE may be over before the answer that crossed the CANCEL comes for the last time.</summary>
    public void Sent(SipRequest request, SipFlow flow)
    {
        if (request.Method == SipMethods.Bye && _inherited.Remove(request.CallId))
            Remember((request.CallId, request.To.Tag ?? ""), new StrayCall(flow, NowMillis + timers.Limit) { IsOver = true });
    }

    /// <summary>A BYE of these was answered, or nothing will come.</summary>
    public void Settled(ClientTransaction transaction)
    {
        if (transaction.UserState is StrayCall stray) stray.SayGoodbye(layer, null);
    }

    /// <summary>
    /// It is hung up, so that no phone stays in a call with nobody, and acknowledged only when that has succeeded: if this process dies meanwhile, the answer
    /// is repeated to the next one.
    /// </summary>
    public void HangUp(SipResponse response, SipFlow flow)
    {
        var key = (response.CallId, response.To.Tag ?? "");
        if (_strays.TryGetValue(key, out var known) && known.EndsMillis > NowMillis)
        {
            known.Allowance?.Came(SipMessageWriter.GetLength(response));
            if (known.IsOver) known.SayGoodbye(layer, response);
            return;
        }
        var dialog = StrayDialog.Of(response, flow);
        var stray = new StrayCall(flow, NowMillis + timers.Limit)
        {
            Ack = StrayDialog.Ack(dialog),
            Allowance = flow.IsReliable || inbound.IsKnown(flow) ? null : new SourceAllowance(),
        };
        stray.Allowance?.Came(SipMessageWriter.GetLength(response));
        Remember(key, stray);
        layer.StartClient(DialogRequests.Bye(dialog, out _, SipReason.Sip(481, "Call does not exist")), flow, stray, allowance: stray.Allowance);
    }

    private void Remember((string CallId, string Tag) key, StrayCall stray)
    {
        if (_strays.Count >= StraysMax)
        {
            foreach (var (old, known) in _strays)
            {
                if (known.EndsMillis <= NowMillis) _strays.Remove(old);
            }
        }
        if (_strays.Count < StraysMax) _strays[key] = stray;
    }

    /// <summary>A stray call that is being hung up, or one of a dead node's that was.</summary>
    private sealed class StrayCall(SipFlow flow, long endsMillis)
    {
        public long EndsMillis { get; } = endsMillis;

        /// <summary>Its BYE was answered, or is its call's to see through.</summary>
        public bool IsOver { get; set; }

        public SipRequest? Ack { get; set; }

        /// <summary>What may be sent to a stranger, who may never have been called.</summary>
        public SourceAllowance? Allowance { get; init; }

        /// <summary>Acknowledges the answer; <paramref name="repeated"/> is that answer where it came again.</summary>
        public void SayGoodbye(TransactionLayer layer, SipResponse? repeated)
        {
            IsOver = true;
            Ack ??= repeated is null ? null : StrayDialog.Ack(StrayDialog.Of(repeated, flow));
            if (Ack is not { } ack) return;
            ack.Remove(HeaderId.Via);
            layer.SendAck(ack, flow);
        }
    }
}
