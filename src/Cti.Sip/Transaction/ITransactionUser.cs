using Cti.Sip.Message;

namespace Cti.Sip.Transaction;

/// <summary>
/// What stands above transactions (RFC 3261's TU). Called from within the layer's methods, one call at a time; may call back into the layer.
/// </summary>
public interface ITransactionUser
{
    /// <summary>
    /// Asked before there is a transaction: the answer to a request that nothing is to be kept of, with a To tag of <see cref="TransactionLayer.TokenFor"/>, so
    /// that its repetitions get the same (RFC 3261 section 8.2.7). It is sent once, and again for each repetition. Null where the request goes on to
    /// <see cref="OnRequest"/>.
    /// </summary>
    SipResponse? AnswerStateless(SipRequest request, SipFlow flow) => null;

    /// <summary>A new request, checked for syntax only; it must be answered, sooner or later, by <see cref="ServerTransaction.Respond"/>.</summary>
    void OnRequest(ServerTransaction transaction);

    /// <summary>
    /// The same request by another path (RFC 3261 section 8.2.2.2). True: the user takes <paramref name="arrived"/> and answers it.
    /// False: it is answered with 482.
    /// </summary>
    bool OnMerged(ServerTransaction existing, ServerTransaction arrived) => false;

    /// <summary>
    /// An ACK that belongs to no failure of this layer's: that of a 2xx, or of what another node answered. <paramref name="transaction"/> is set where it
    /// matched one in Accepted, or one that was not answered here (then it is in Proceeding).
    /// </summary>
    void OnAck(SipRequest ack, SipFlow flow, ServerTransaction? transaction);

    /// <summary>An INVITE that has no final response yet is cancelled; the CANCEL was answered, the user answers the INVITE (487).</summary>
    void OnCancel(ServerTransaction invite, SipRequest cancel);

    /// <summary>A response; to an INVITE maybe several 2xx (repetitions and other forks), each of which the user acknowledges.</summary>
    void OnResponse(ClientTransaction transaction, SipResponse response);

    /// <summary>A 2xx to an INVITE whose transaction is over: a late repetition that the user acknowledges again, or a late fork.</summary>
    void OnStrayResponse(SipResponse response, SipFlow flow);

    /// <summary>No final response came in time (RFC 3261 section 8.1.3.1: as if 408 had come).</summary>
    void OnTimeout(ClientTransaction transaction);

    /// <summary>
    /// The request could not be sent (RFC 3261 section 8.1.3.1: as if 503 had come); after a final response of 300-699 to INVITE: its ACK could not.
    /// </summary>
    void OnTransportError(ClientTransaction transaction, SipSendFailure failure);

    /// <summary>
    /// A final response of 300-699 to INVITE was not acknowledged in time, or a response could not be sent (<paramref name="failure"/> is then set).
    /// </summary>
    void OnServerFailed(ServerTransaction transaction, SipSendFailure? failure);
}
