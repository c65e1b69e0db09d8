using Cti.Kernel;
using Cti.Node.Configuration;

namespace Cti.Node;

/// <summary>What a node would have open if everything came that its configuration allows.</summary>
/// <param name="Sessions">Media sessions: as many as there are pairs of ports.</param>
/// <param name="SipConnections">Over TCP.</param>
/// <param name="GatewayConnections">Of applications.</param>
/// <param name="Fixed">Listeners, connections to the database, links to other nodes, engines of speech: what is not refused.</param>
internal readonly record struct DescriptorWishes(int Sessions, int SipConnections, int GatewayConnections, int Fixed);

/// <summary>
/// How the descriptors that the system gives this process are divided: each kind has its own, and is refused when they are used up, so that none of them takes
/// the last one from a call that is up, from the journal or from the runtime, which does not survive that.
/// </summary>
/// <param name="Limit">The system's.</param>
/// <param name="Kept">Open at the start, reserved, and fixed.</param>
/// <param name="Sessions">Media sessions at most.</param>
/// <param name="SipConnections">SIP connections at most.</param>
/// <param name="GatewayConnections">Gateway connections at most.</param>
internal sealed record DescriptorBudget(int Limit, int Kept, int Sessions, int SipConnections, int GatewayConnections)
{
    private const int SessionsMin = 16, ConnectionsMin = 16;

    /// <summary>Media sessions may be a tenth more, for calls that are up and need another one.</summary>
    private const int TenSessions = 11 * Limits.DescriptorsPerSession;

    /// <summary>What is refused while it is being said so is open, too.</summary>
    private const int RefusedAtOnce = 48;

    /// <summary>
    /// Divides. Where there is enough, everybody gets what is wished for. Where there is not, calls have three fifths and each of the others a fifth; what one
    /// of them does not need goes to calls, then to the gateway, then to SIP.
    /// </summary>
    /// <exception cref="InvalidDataException">The limit is so low that the node would be of no use; says which is right.</exception>
    public static DescriptorBudget Divide(int limit, int inUse, DescriptorWishes wishes)
    {
        var kept = Math.Max(inUse, Limits.DescriptorsRuntime) + Limits.DescriptorsReserved + RefusedAtOnce + wishes.Fixed;
        var least = CostOf(Math.Min(SessionsMin, wishes.Sessions)) + Math.Min(ConnectionsMin, wishes.SipConnections)
            + Math.Min(ConnectionsMin, wishes.GatewayConnections);
        var wanted = CostOf(wishes.Sessions) + wishes.SipConnections + wishes.GatewayConnections;
        if (limit - kept < least)
        {
            throw new InvalidDataException($"the limit of open files is {limit}, and at least {kept + least} are needed; right for this configuration is "
                + $"{kept + wanted} or more "
                + "(ulimit -Hn, LimitNOFILE= of a systemd unit, --ulimit nofile= of a container)");
        }
        // What each of them must have for a little of everything is set apart first.
        var free = limit - kept - least;
        var calls = Part(CostOf(wishes.Sessions), CostOf(SessionsMin), free / 5 * 3);
        var gateway = Part(wishes.GatewayConnections, ConnectionsMin, free / 5);
        var sip = Part(wishes.SipConnections, ConnectionsMin, free / 5);
        var left = limit - kept - calls - gateway - sip;
        left -= Give(ref calls, CostOf(wishes.Sessions), left);
        left -= Give(ref gateway, wishes.GatewayConnections, left);
        Give(ref sip, wishes.SipConnections, left);
        return new DescriptorBudget(limit, kept, Math.Min(wishes.Sessions, calls * 10 / TenSessions), sip, gateway);
    }

    /// <summary>
    /// Logs what was divided, and each kind that has less than the configuration says: a warning where the operator has asked for that many, a note where it
    /// is a default.
    /// </summary>
    /// <param name="wishes">What the configuration says.</param>
    /// <param name="isConfigured">Whether a key was set by the operator.</param>
    /// <param name="log">Where to.</param>
    public void Tell(DescriptorWishes wishes, Func<string, bool> isConfigured, ILog log)
    {
        log.Write(LogEvents.DescriptorsDivided, Limit, CostOf(Sessions), Sessions, SipConnections, GatewayConnections);
        Scarce(NodeConfiguration.MediaPortsKey, "the number of media sessions (cti.media.ports)", Sessions, wishes.Sessions);
        Scarce(NodeConfiguration.SipConnectionsKey, NodeConfiguration.SipConnectionsKey, SipConnections, wishes.SipConnections);
        Scarce(NodeConfiguration.GatewayConnectionsKey, NodeConfiguration.GatewayConnectionsKey, GatewayConnections, wishes.GatewayConnections);

        void Scarce(string key, string what, int has, int wanted)
        {
            if (has < wanted) log.Write(isConfigured(key) ? LogEvents.DescriptorsScarce : LogEvents.DescriptorsLowered, Limit, what, has, wanted);
        }
    }

    private static int CostOf(int sessions) => ((sessions * TenSessions) + 9) / 10;

    private static int Part(int wanted, int min, int share) => Math.Min(wanted, Math.Min(wanted, min) + share);

    private static int Give(ref int has, int wanted, int left)
    {
        var given = Math.Min(Math.Max(0, left), wanted - has);
        has += given;
        return given;
    }
}
