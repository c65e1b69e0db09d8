namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>Something came that is not an acceptable SIP message.</summary>
    public static readonly LogEvent SipRejected = new(2001, LogSeverity.Debug, "SIP message from {0} rejected: {1}") { SummedAs = "rejected SIP messages" };
    /// <summary>The table of transactions is full; logged once each time it fills.</summary>
    public static readonly LogEvent SipTransactionsFull = new(2002, LogSeverity.Warning,
        "{0} SIP transactions at once: new requests get 503")
    { SummedAs = "times that the table of transactions was full" };
    /// <summary>SIP messages have waited too long for a while, and a new call is refused.</summary>
    public static readonly LogEvent SipBehind = new(2003, LogSeverity.Warning,
        "a new call is refused with 503: SIP messages wait {0} ms before they are handled")
    { SummedAs = "calls refused because SIP messages had to wait" };
}
