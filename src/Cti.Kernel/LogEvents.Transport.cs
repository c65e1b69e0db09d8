namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>A work item broke its contract and threw.</summary>
    public static readonly LogEvent WorkItemFault = new(1801, LogSeverity.Error, "work item {0} threw: {1}");
    /// <summary>A media session's engine broke; the session was closed.</summary>
    public static readonly LogEvent MediaSessionFault = new(3801, LogSeverity.Error,
        "media session {0} broke and was closed: {1}")
    { SummedAs = "broken media sessions" };
    /// <summary>A receiver of media events threw.</summary>
    public static readonly LogEvent MediaReceiverFault = new(3802, LogSeverity.Error,
        "the receiver of media session {0} threw: {1}")
    { SummedAs = "failed receivers of media events" };
    /// <summary>A session or conference was refused: the loops work too much themselves.</summary>
    public static readonly LogEvent MediaOverBudget = new(3803, LogSeverity.Warning,
        "media session or conference {0} is not opened: {1}")
    { SummedAs = "refused media sessions and conferences over the loops' own budget" };
    /// <summary>A session or conference was refused: the loops run so late that calls which are up are harmed.</summary>
    public static readonly LogEvent MediaTooLate = new(3813, LogSeverity.Warning,
        "media session or conference {0} is not opened: {1}")
    { SummedAs = "refused media sessions and conferences because of lateness" };
    /// <summary>A session or conference was refused for want of ports, addresses or places.</summary>
    public static readonly LogEvent MediaRefused = new(3814, LogSeverity.Warning,
        "media session or conference {0} is not opened: {1}")
    { SummedAs = "refused media sessions and conferences" };
    /// <summary>RTP sockets could not be bound for another reason than a taken port.</summary>
    public static readonly LogEvent MediaBindFailed = new(3804, LogSeverity.Error,
        "cannot bind RTP at {0} port {1}: {2}")
    { SummedAs = "RTP sockets that could not be bound" };
    /// <summary>A conference broke; it was closed, its members go on.</summary>
    public static readonly LogEvent MediaConferenceFault = new(3805, LogSeverity.Error,
        "conference {0} broke and was closed: {1}")
    { SummedAs = "broken conferences" };
    /// <summary>A file is waited for no longer.</summary>
    public static readonly LogEvent DiskSilent = new(3806, LogSeverity.Error, "{0}: the disk of {1}, of application {2}, has not answered for {3} ms; what "
        + "waited for it is ended; {4} of {5} threads are held up in this way")
    { SummedAs = "files whose disk does not answer" };
    /// <summary>A disk that was given up answers.</summary>
    public static readonly LogEvent DiskAnswersAgain = new(3807, LogSeverity.Warning,
        "{0}: the disk of {1}, of application {2}, answers again")
    { SummedAs = "files whose disk answers again" };
    /// <summary>A recording could not be written to its end.</summary>
    public static readonly LogEvent RecordingFailed = new(3808, LogSeverity.Error,
        "recording {0}")
    { SummedAs = "recordings that could not be written to their end" };
    /// <summary>A receiver of SIP messages threw.</summary>
    public static readonly LogEvent SipReceiverFault = new(2801, LogSeverity.Error,
        "the receiver of a SIP message from {0} threw: {1}")
    { SummedAs = "failed receivers of SIP messages" };
    /// <summary>A TCP connection could not be accepted.</summary>
    public static readonly LogEvent SipAcceptFailed = new(2802, LogSeverity.Warning,
        "cannot accept at {0}: {1}")
    { SummedAs = "connections that could not be accepted" };
    /// <summary>A SIP connection over TLS did not come about.</summary>
    public static readonly LogEvent TlsGreetingFailed = new(2803, LogSeverity.Warning,
        "no TLS with {0}: {1}")
    { SummedAs = "connections over TLS that did not come about" };
    /// <summary>Certificates that have changed were read.</summary>
    public static readonly LogEvent CertificateRead = new(2804, LogSeverity.Information, "the certificate in {0} is used from now on");
    /// <summary>Certificates that have changed cannot be used.</summary>
    public static readonly LogEvent CertificateUnreadable = new(2805, LogSeverity.Error, "the certificate stays the one that was read before: {0}");
}
