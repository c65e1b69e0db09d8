namespace Cti.Sip.Transaction;

/*
   Non-INVITE client transaction, RFC 3261 section 17.1.2

                                   | Request from TU
                                   | send request
               Timer E             V
               send request  +-----------+
                   +---------|           |-------------------+
                   |         |  Trying   |  Timer F          |
                   +-------->|           |  or Transport Err.|
                             +-----------+  inform TU        |
                200-699         |  |                         |
                resp. to TU     |  | 1xx                     |
                +---------------+  | resp. to TU             |
                |                  V      Timer F            |
                |  Timer E   +-----------+ or Transport Err. |
                |  send req  |           | inform TU         |
                |  +---------|Proceeding |------------------>|
                |  +-------->|           |-----+             |
                |            +-----------+     | 1xx         |
                |              |      ^        | resp. to TU |
                | 200-699      |      +--------+             |
                | resp. to TU  |                             |
                |              V                             |
                |            +-----------+                   |
                +----------->| Completed |                   |
                             +-----------+                   |
                                   | Timer K                 |
                                   V                         |
                             +-----------+                   |
                             | Terminated|<------------------+
                             +-----------+
*/
internal static class NonInviteClientMachine
{
    public static TransactionStep Step(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable)
    {
        switch (state.Phase)
        {
            case TransactionPhase.Initial when input == TransactionInput.Start:
                var resendAt = reliable ? TransactionState.Never : now + timers.T1;
                return new TransactionState(TransactionPhase.Trying, resendAt, timers.T1, now + timers.Limit).With(TransactionActions.Send);
            case TransactionPhase.Trying or TransactionPhase.Proceeding:
                return Open(state, input, now, timers, reliable);
            case TransactionPhase.Completed when input == TransactionInput.Timer && now >= state.EndAt:
                return TransactionState.Over.With(TransactionActions.None);
            default:
                return state.With(TransactionActions.None);
        }
    }

    private static TransactionStep Open(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable)
    {
        switch (input)
        {
            case TransactionInput.Timer when now >= state.EndAt:
                return TransactionState.Over.With(TransactionActions.ReportTimeout);
            case TransactionInput.Timer when now >= state.ResendAt:
                var interval = state.Phase == TransactionPhase.Proceeding ? timers.T2 : Math.Min(state.Interval * 2, timers.T2);
                return (state with { Interval = interval, ResendAt = now + interval }).With(TransactionActions.Resend);
            case TransactionInput.Provisional:
                return (state with { Phase = TransactionPhase.Proceeding }).With(TransactionActions.Deliver);
            case TransactionInput.Success or TransactionInput.Failure:
                return TransactionState.Linger(TransactionPhase.Completed, now, reliable ? 0 : timers.T4).With(TransactionActions.Deliver);
            case TransactionInput.TransportError:
                return TransactionState.Over.With(TransactionActions.ReportTransportError);
            default:
                return state.With(TransactionActions.None);
        }
    }
}
