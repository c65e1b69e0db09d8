namespace Cti.Sip.Transaction;

/*
   Non-INVITE server transaction, RFC 3261 section 17.2.2

                                  | Request received
                                  | pass to TU
                                  V
                            +-----------+  Request: absorbed
                            |  Trying   |-------------+
                            +-----------+             |
                                  |                   | 200-699 from TU
                                  | 1xx from TU       | send response
                                  | send response     |
               Request            V      1xx from TU  |
               send response+-----------+send response|
                   +--------|           |--------+    |
                   |        | Proceeding|        |    |
                   +------->|           |<-------+    |
            +<--------------|           |             |
            |Trnsprt Err    +-----------+             |
            |Inform TU            |                   |
            |                     | 200-699 from TU   |
            |  Request            | send response     |
            |  send response      V                   |
            |      +--------+-----------+             |
            |      |        |           |<------------+
            |      +------->| Completed |
            +<--------------|           | other responses from TU: discarded
            |Trnsprt Err    +-----------+
            |Inform TU            | Timer J
            |                     V
            |               +-----------+
            +-------------->| Terminated|
                            +-----------+
*/
internal static class NonInviteServerMachine
{
    public static TransactionStep Step(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable)
    {
        switch (state.Phase)
        {
            case TransactionPhase.Initial when input == TransactionInput.Start:
                return new TransactionState(TransactionPhase.Trying, TransactionState.Never, 0, TransactionState.Never).With(TransactionActions.Deliver);
            case TransactionPhase.Trying or TransactionPhase.Proceeding:
                return Open(state, input, now, timers, reliable);
            case TransactionPhase.Completed:
                return Completed(state, input, now);
            default:
                return state.With(TransactionActions.None);
        }
    }

    private static TransactionStep Open(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable) => input switch
    {
        TransactionInput.Provisional => (state with { Phase = TransactionPhase.Proceeding }).With(TransactionActions.Send),
        TransactionInput.Success or TransactionInput.Failure =>
            TransactionState.Linger(TransactionPhase.Completed, now, reliable ? 0 : timers.Limit).With(TransactionActions.Send),
        TransactionInput.Repeat when state.Phase == TransactionPhase.Proceeding => state.With(TransactionActions.Resend),
        TransactionInput.TransportError when state.Phase == TransactionPhase.Proceeding => TransactionState.Over.With(TransactionActions.ReportTransportError),
        _ => state.With(TransactionActions.None),
    };

    private static TransactionStep Completed(TransactionState state, TransactionInput input, long now) => input switch
    {
        TransactionInput.Repeat => state.With(TransactionActions.Resend),
        TransactionInput.TransportError => TransactionState.Over.With(TransactionActions.ReportTransportError),
        TransactionInput.Timer when now >= state.EndAt => TransactionState.Over.With(TransactionActions.None),
        _ => state.With(TransactionActions.None),
    };
}
