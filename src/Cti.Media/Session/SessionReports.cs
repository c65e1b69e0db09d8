namespace Cti.Media.Session;

/// <summary>What a session tells, as long as anybody is to hear of it: nothing once it is given up, nothing of its bridges after its last report.</summary>
internal sealed class SessionReports(MediaSessionId session, IMediaEvents events)
{
    /// <summary>True once the session was given up without a report.</summary>
    public bool IsAbandoned { get; private set; }

    /// <summary>True once the last report is due or out.</summary>
    public bool IsClosed { get; private set; }

    public void Report(MediaEvent happened)
    {
        if (!IsAbandoned) events.OnMediaEvent(session, happened);
    }

    /// <summary>A report of a bridge: nothing follows the session's last report.</summary>
    public void ReportOfBridge(MediaEvent happened)
    {
        if (!IsClosed) Report(happened);
    }

    /// <summary>Nothing is told any more.</summary>
    public void Abandon() => IsAbandoned = true;

    /// <summary>The last report follows.</summary>
    public void Close() => IsClosed = true;
}
