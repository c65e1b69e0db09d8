namespace Cti.Sip.Transaction;

/*
   INVITE client transaction, RFC 3261 section 17.1.1 with RFC 6026 section 7.2

                                     | INVITE from TU
                   Timer A fires     | INVITE sent
                   Reset A,          V                       Timer B fires
                   INVITE sent  +-----------+                or Transport Err.
                     +----------|  Calling  |--------------+ inform TU
                     +--------->|           |------------->|
                                +-----------+              |
              300-699              |     |  2xx            |
              ACK sent             |     |  2xx to TU      |
              resp. to TU          | 1xx |                 |
         +-------------------------+     +------------+    |
         |                         | 1xx to TU        |    |
         |      1xx                V                  |    |
         |      1xx to TU  +------------+             |    |
         |        +--------| Proceeding |             |    |
         |        +------->|            |             |    |
         |                 +------------+             |    |
         |   300-699          |      |  |  2xx        |    |
         |   ACK sent,        |      |  +------------>|    |
         |   resp. to TU      |      | 64*T1 after    |    |
         |<-------------------+      | CANCEL (9.1)   |    |
         |                           | inform TU      |    |
         V                           +----------------|--->|
    +-----------+  Transport Err.                     |    |
    | Completed |  inform TU                          |    |
    |           |-------------------------------------|--->|
    +-----------+                                     |    |
     ^   |   |  Timer D fires                         |    |
     +---+   +----------------------------------------|--->|
    300-699                                           V    |
    ACK sent                            +-----------+      |
                                2xx     |  Accepted |      |
                          2xx to TU +---|           |----->|
                                    +-->+-----------+ Timer M fires
                                                           V
                                                     +------------+
                                                     | Terminated |
                                                     +------------+
*/
internal static class InviteClientMachine
{
    public static TransactionStep Step(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable) => state.Phase switch
    {
        TransactionPhase.Initial => Start(state, input, now, timers, reliable),
        TransactionPhase.Calling => Calling(state, input, now, timers, reliable),
        TransactionPhase.Proceeding => Proceeding(state, input, now, timers, reliable),
        TransactionPhase.Completed => Completed(state, input, now),
        TransactionPhase.Accepted => Accepted(state, input, now),
        _ => state.With(TransactionActions.None),
    };

    private static TransactionStep Start(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable)
    {
        if (input != TransactionInput.Start) return state.With(TransactionActions.None);
        var resendAt = reliable ? TransactionState.Never : now + timers.T1;
        return new TransactionState(TransactionPhase.Calling, resendAt, timers.T1, now + timers.Limit).With(TransactionActions.Send);
    }

    private static TransactionStep Calling(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable)
    {
        switch (input)
        {
            case TransactionInput.Timer when now >= state.EndAt:
                return TransactionState.Over.With(TransactionActions.ReportTimeout);
            case TransactionInput.Timer when now >= state.ResendAt:
                var interval = state.Interval * 2;
                return (state with { Interval = interval, ResendAt = now + interval }).With(TransactionActions.Resend);
            case TransactionInput.Provisional:
                return new TransactionState(TransactionPhase.Proceeding, TransactionState.Never, 0, TransactionState.Never).With(TransactionActions.Deliver);
            case TransactionInput.Success or TransactionInput.Failure:
                return Final(input, now, timers, reliable);
            case TransactionInput.TransportError:
                return TransactionState.Over.With(TransactionActions.ReportTransportError);
            default:
                return state.With(TransactionActions.None);
        }
    }

    private static TransactionStep Proceeding(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable) => input switch
    {
        TransactionInput.Provisional => state.With(TransactionActions.Deliver),
        TransactionInput.Success or TransactionInput.Failure => Final(input, now, timers, reliable),
        TransactionInput.Cancelled => (state with { EndAt = now + timers.Limit }).With(TransactionActions.None),
        TransactionInput.Timer when now >= state.EndAt => TransactionState.Over.With(TransactionActions.ReportTimeout),
        _ => state.With(TransactionActions.None),
    };

    private static TransactionStep Final(TransactionInput input, long now, SipTimers timers, bool reliable) => input == TransactionInput.Success
        ? TransactionState.Linger(TransactionPhase.Accepted, now, timers.Limit).With(TransactionActions.Deliver)
        : TransactionState.Linger(TransactionPhase.Completed, now, reliable ? 0 : timers.TimerD).With(TransactionActions.SendAck | TransactionActions.Deliver);

    private static TransactionStep Completed(TransactionState state, TransactionInput input, long now) => input switch
    {
        TransactionInput.Failure => state.With(TransactionActions.SendAck),
        TransactionInput.TransportError => TransactionState.Over.With(TransactionActions.ReportTransportError),
        TransactionInput.Timer when now >= state.EndAt => TransactionState.Over.With(TransactionActions.None),
        _ => state.With(TransactionActions.None),
    };

    private static TransactionStep Accepted(TransactionState state, TransactionInput input, long now) => input switch
    {
        TransactionInput.Success => state.With(TransactionActions.Deliver),
        TransactionInput.Timer when now >= state.EndAt => TransactionState.Over.With(TransactionActions.None),
        _ => state.With(TransactionActions.None),
    };
}
