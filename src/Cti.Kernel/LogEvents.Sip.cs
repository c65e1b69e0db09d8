namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>Something came that is not an acceptable SIP message.</summary>
    public static readonly LogEvent SipRejected = new(2001, LogSeverity.Debug, "SIP message from {0} rejected: {1}") { SummedAs = "rejected SIP messages" };
    /// <summary>The table of transactions is full; logged once each time it fills.</summary>
    public static readonly LogEvent SipTransactionsFull = new(2002, LogSeverity.Warning, "{0} SIP transactions at once: new requests get 503") { SummedAs = "times that the table of transactions was full" };
}
