namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>How the process's descriptors are divided.</summary>
    public static readonly LogEvent DescriptorsDivided = new(1021, LogSeverity.Information,
        "open files: {0} at most, of which {1} for {2} media sessions, {3} for SIP connections, {4} for the gateway");
    /// <summary>The configuration allows more than the system.</summary>
    public static readonly LogEvent DescriptorsScarce = new(1022, LogSeverity.Warning,
        "open files: the system allows {0}, so {1} is {2} rather than {3}; "
        + "raise the limit (ulimit -Hn, LimitNOFILE= of a systemd unit, --ulimit nofile= of a container)");
    /// <summary>A default is more than the system allows: nobody asked for that many.</summary>
    public static readonly LogEvent DescriptorsLowered = new(1023, LogSeverity.Information,
        "open files: the system allows {0}, so {1} is {2} rather than the default of {3}; "
        + "for more raise the limit (ulimit -Hn, LimitNOFILE= of a systemd unit, --ulimit nofile= of a container)");
}
