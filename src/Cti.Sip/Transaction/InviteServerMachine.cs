namespace Cti.Sip.Transaction;

/*
   INVITE server transaction, RFC 3261 section 17.2.1 with RFC 6026 section 7.1

                                  | INVITE
                                  | pass INVITE to TU
               INVITE             V  send 100 if TU has not within 200 ms
               send response+------------+ 1xx from TU
                   +--------|            |--------+ send response
                   |        | Proceeding |        |
                   +------->|            |<-------+  Transport Err.: inform TU, stay
                            +------------+
          300-699 from TU      |      |  2xx from TU
          send response        |      |  send response
                   +-----------+      +------------------+
                   |                                     |
   INVITE          V           Timer G                   V   INVITE: absorbed
   send resp. +-----------+  send resp.            +-----------+ ACK: to TU
      +-------|           |-------+                |           | 2xx from TU:
      |       | Completed |       |                | Accepted  | send response
      +------>|           |<------+                |           | Transport Err.:
              +-----------+                        +-----------+ inform TU, stay
               |        |                                |
           ACK |        | Timer H: inform TU             | Timer L
               V        |                                |
              +-----------+                              |
              | Confirmed | ACK: absorbed                |
              +-----------+                              |
               | Timer I|                                |
               V        V                                |
              +-----------+                              |
              | Terminated|<-----------------------------+
              +-----------+
   One that another node answers (HandOff) stays in Proceeding for timer C: Terminated
*/
internal static class InviteServerMachine
{
    public static TransactionStep Step(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable) => state.Phase switch
    {
        TransactionPhase.Initial when input == TransactionInput.Start =>
            new TransactionState(TransactionPhase.Proceeding, now + timers.TryingAfter, 0, TransactionState.Never).With(TransactionActions.Deliver),
        TransactionPhase.Proceeding => Proceeding(state, input, now, timers, reliable),
        TransactionPhase.Completed => Completed(state, input, now, timers, reliable),
        TransactionPhase.Confirmed when input == TransactionInput.Timer && now >= state.EndAt => TransactionState.Over.With(TransactionActions.None),
        TransactionPhase.Accepted => Accepted(state, input, now),
        _ => state.With(TransactionActions.None),
    };

    private static TransactionStep Proceeding(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable) => input switch
    {
        TransactionInput.Repeat => state.With(TransactionActions.Resend),
        TransactionInput.Provisional => (state with { ResendAt = TransactionState.Never }).With(TransactionActions.Send),
        TransactionInput.Success => TransactionState.Linger(TransactionPhase.Accepted, now, timers.Limit).With(TransactionActions.Send),
        TransactionInput.Failure =>
            new TransactionState(TransactionPhase.Completed, reliable ? TransactionState.Never : now + timers.T1, timers.T1, now + timers.Limit)
            .With(TransactionActions.Send),
        TransactionInput.Timer when now >= state.EndAt => TransactionState.Over.With(TransactionActions.None),
        TransactionInput.Timer when now >= state.ResendAt => (state with { ResendAt = TransactionState.Never }).With(TransactionActions.SendTrying),
        TransactionInput.TransportError => state.With(TransactionActions.ReportTransportError),
        _ => state.With(TransactionActions.None),
    };

    private static TransactionStep Completed(TransactionState state, TransactionInput input, long now, SipTimers timers, bool reliable)
    {
        switch (input)
        {
            case TransactionInput.Repeat:
                return state.With(TransactionActions.Resend);
            case TransactionInput.Ack:
                return TransactionState.Linger(TransactionPhase.Confirmed, now, reliable ? 0 : timers.T4).With(TransactionActions.None);
            case TransactionInput.Timer when now >= state.EndAt:
                return TransactionState.Over.With(TransactionActions.ReportTimeout);
            case TransactionInput.Timer when now >= state.ResendAt:
                var interval = Math.Min(state.Interval * 2, timers.T2);
                return (state with { Interval = interval, ResendAt = now + interval }).With(TransactionActions.Resend);
            case TransactionInput.TransportError:
                // Over UDP timer G tries again, so an error now is no reason to forget the answer.
                return state.With(TransactionActions.ReportTransportError);
            default:
                return state.With(TransactionActions.None);
        }
    }

    private static TransactionStep Accepted(TransactionState state, TransactionInput input, long now) => input switch
    {
        TransactionInput.Success => state.With(TransactionActions.Send),
        TransactionInput.Ack => state.With(TransactionActions.Deliver),
        TransactionInput.TransportError => state.With(TransactionActions.ReportTransportError),
        TransactionInput.Timer when now >= state.EndAt => TransactionState.Over.With(TransactionActions.None),
        _ => state.With(TransactionActions.None),
    };
}
