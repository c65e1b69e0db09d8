using Cti.Sip.Message;

namespace Cti.Sip.Transaction;

/// <summary>What a transaction layer counts, since it was made.</summary>
public sealed class TransactionCounters
{
    private readonly long[] _rejected = new long[Enum.GetValues<SipRejection>().Length];

    /// <summary>Server transactions begun.</summary>
    public long ServerStarted { get; internal set; }
    /// <summary>Client transactions begun, CANCELs included.</summary>
    public long ClientStarted { get; internal set; }
    /// <summary>Messages sent again, by a timer or because the peer repeated itself.</summary>
    public long Retransmitted { get; internal set; }
    /// <summary>Requests refused with 503 because there were too many transactions.</summary>
    public long Refused { get; internal set; }
    /// <summary>Requests answered without a transaction.</summary>
    public long Stateless { get; internal set; }
    /// <summary>Messages not sent, because their receiver has not shown itself and would have got more than three times what came from it.</summary>
    public long Withheld { get; internal set; }
    /// <summary>Requests that came again by another path.</summary>
    public long Merged { get; internal set; }
    /// <summary>Responses that belonged to nothing.</summary>
    public long StrayResponses { get; internal set; }
    /// <summary>Client transactions that timed out.</summary>
    public long Timeouts { get; internal set; }

    /// <summary>Messages rejected for that reason.</summary>
    public long Rejected(SipRejection reason) => _rejected[(int)reason];

    internal void CountRejected(SipRejection reason) => _rejected[(int)reason]++;
}
