namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>The gateway listens.</summary>
    public static readonly LogEvent GatewayListening = new(6001, LogSeverity.Information, "gateway listens on {0}");
    /// <summary>The gateway stopped.</summary>
    public static readonly LogEvent GatewayStopped = new(6002, LogSeverity.Information, "gateway stopped");
    /// <summary>Someone came without a key or with a wrong one.</summary>
    public static readonly LogEvent GatewayUnauthorized = new(6003, LogSeverity.Information,
        "refused {0} from {1}: no key or a wrong one")
    { SummedAs = "refused requests without a right key" };
    /// <summary>An application connected.</summary>
    public static readonly LogEvent GatewayConnected = new(6004, LogSeverity.Debug, "application {0} connected from {1}, {2}");
    /// <summary>An application's connection ended.</summary>
    public static readonly LogEvent GatewayDisconnected = new(6005, LogSeverity.Debug, "connection of application {0} from {1} ended: {2}");
    /// <summary>A reader was too slow.</summary>
    public static readonly LogEvent GatewaySlowReader = new(6006, LogSeverity.Warning,
        "disconnected a slow reader of application {0} from {1}; it resumes by cursor");
    /// <summary>An owner did not answer in time.</summary>
    public static readonly LogEvent GatewayOwnerTimeout = new(6007, LogSeverity.Warning,
        "{0} of application {1} was not answered in {2} ms")
    { SummedAs = "requests that were not answered in time" };
    /// <summary>A bug outside a request.</summary>
    public static readonly LogEvent GatewayFault = new(6008, LogSeverity.Error, "gateway fault in {0}: {1}") { SummedAs = "gateway faults" };
}
