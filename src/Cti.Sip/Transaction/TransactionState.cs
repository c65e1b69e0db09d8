namespace Cti.Sip.Transaction;

/// <summary>
/// RFC 3261's timers, in milliseconds. They belong to one stack instance, so that tests and closed networks can use others.
/// </summary>
/// <param name="T1">Estimated round-trip time.</param>
/// <param name="T2">The longest interval between retransmissions of a non-INVITE request or of a final response to INVITE.</param>
/// <param name="T4">The longest time that a message stays in the network.</param>
/// <param name="TimerD">How long a failed INVITE's client transaction waits for repeated responses over UDP: at least 32 s.</param>
/// <param name="TryingAfter">When an INVITE that the user has not answered gets its 100.</param>
public sealed record SipTimers(int T1 = 500, int T2 = 4000, int T4 = 5000, int TimerD = 32_000, int TryingAfter = 200)
{
    /// <summary>64 T1: timers B, F, H, J, L and M.</summary>
    public int Limit => 64 * T1;

    /// <summary>Timer C (RFC 3261 section 16.6): how long an INVITE that another answers is remembered at least; more than three minutes.</summary>
    public int TimerC => 200_000;
}

/// <summary>The states of the four machines, by the RFCs' names.</summary>
public enum TransactionPhase
{
    /// <summary>Not begun.</summary>
    Initial,
    /// <summary>INVITE client: sent, nothing heard.</summary>
    Calling,
    /// <summary>Non-INVITE: sent or received, nothing answered.</summary>
    Trying,
    /// <summary>A provisional response was sent or received, or (INVITE server) the request is with the user.</summary>
    Proceeding,
    /// <summary>A final response was sent or received; repetitions are absorbed.</summary>
    Completed,
    /// <summary>INVITE server: the ACK of a failure came.</summary>
    Confirmed,
    /// <summary>INVITE: a 2xx was sent or received (RFC 6026).</summary>
    Accepted,
    /// <summary>Over.</summary>
    Terminated,
}

/// <summary>What can happen to a transaction.</summary>
internal enum TransactionInput
{
    /// <summary>Client: the user starts it. Server: its request came for the first time.</summary>
    Start,
    /// <summary>The clock reached the earliest deadline.</summary>
    Timer,
    /// <summary>Server: the request came again.</summary>
    Repeat,
    /// <summary>Server: an ACK that matches.</summary>
    Ack,
    /// <summary>Client: 1xx came. Server: the user sends 1xx.</summary>
    Provisional,
    /// <summary>Client: 2xx came. Server: the user sends 2xx.</summary>
    Success,
    /// <summary>Client: 300-699 came. Server: the user sends 300-699.</summary>
    Failure,
    /// <summary>The transport could not deliver what was sent.</summary>
    TransportError,
    /// <summary>INVITE client: a CANCEL was sent (RFC 3261 section 9.1).</summary>
    Cancelled,
}

/// <summary>What has to be done after a step, in this order.</summary>
[Flags]
internal enum TransactionActions
{
    None = 0,
    /// <summary>Send the request, or the response that the user gave.</summary>
    Send = 1,
    /// <summary>Send what was sent last once more; nothing where nothing was.</summary>
    Resend = 2,
    /// <summary>Send an ACK for the failure.</summary>
    SendAck = 4,
    /// <summary>Send a 100.</summary>
    SendTrying = 8,
    /// <summary>Give the message to the user.</summary>
    Deliver = 16,
    /// <summary>Tell the user that no answer (client) or no ACK (server) came.</summary>
    ReportTimeout = 32,
    /// <summary>Tell the user that the transport failed.</summary>
    ReportTransportError = 64,
}

/// <summary>Where a transaction stands: a phase and its deadlines, in milliseconds of the monotonic clock.</summary>
/// <param name="Phase">The state.</param>
/// <param name="ResendAt">Timer A, E or G; for an INVITE server in Proceeding when its 100 is due. <see cref="Never"/> where not running.</param>
/// <param name="Interval">The interval that <paramref name="ResendAt"/> ends.</param>
/// <param name="EndAt">The timer that ends the state: B, C, D, F, H, I, J, K, L or M. <see cref="Never"/> where not running.</param>
internal readonly record struct TransactionState(TransactionPhase Phase, long ResendAt, int Interval, long EndAt)
{
    public const long Never = long.MaxValue;

    public static readonly TransactionState Initial = new(TransactionPhase.Initial, Never, 0, Never);

    public static readonly TransactionState Over = new(TransactionPhase.Terminated, Never, 0, Never);

    public long NextDeadline => Math.Min(ResendAt, EndAt);

    public bool IsOver => Phase == TransactionPhase.Terminated;

    /// <summary>A state that only waits for its end; a wait of 0 is over at once.</summary>
    public static TransactionState Linger(TransactionPhase phase, long now, int wait) => wait == 0 ? Over : new(phase, Never, 0, now + wait);

    public TransactionStep With(TransactionActions actions) => new(this, actions);
}

/// <summary>The result of one step.</summary>
/// <param name="State">The new state.</param>
/// <param name="Actions">What has to be done.</param>
internal readonly record struct TransactionStep(TransactionState State, TransactionActions Actions);
