namespace Cti.Acceptance.Cluster;

/// <summary>What is done to the cluster in a round.</summary>
internal enum Fault
{
    /// <summary>Nothing: what the checks find then is the checks' or the program's own.</summary>
    None,
    Kill,
    /// <summary>The node that hosts the shard coordinator, which is the one that has been up longest.</summary>
    KillCoordinator,
    /// <summary>SIGSTOP for ten seconds.</summary>
    Pause,
    /// <summary>Two nodes cannot reach each other for eight seconds; both reach the database.</summary>
    CutPeers,
    /// <summary>One node cannot reach the database for eight seconds.</summary>
    CutDatabase,
    /// <summary>The database is killed and started again.</summary>
    RestartDatabase,
    /// <summary>5 % of all packets are lost for fifteen seconds; in the middle of it a node is killed.</summary>
    LoseAndKill,
    /// <summary>5 % of all packets are lost for fifteen seconds.</summary>
    Lose,
    /// <summary>cti drain, then the end of the process.</summary>
    Drain,
    /// <summary>Every node in turn is drained, ended and started again.</summary>
    Rolling,
    /// <summary>The same on a machine whose host takes its processors away for more than half a lease, every few seconds.</summary>
    RollingStalled,
    /// <summary>
    /// Ten minutes in which other programs keep every processor busy and nodes in turn stand still for 0.6 s, twenty times: nobody may be taken for dead.
    /// </summary>
    Busy,
}

internal static class Faults
{
    /// <summary>Whether every node has its turn.</summary>
    public static bool IsRolling(this Fault fault) => fault is Fault.Rolling or Fault.RollingStalled;

    /// <summary>Whether a node dies without a word, and nothing else is wrong.</summary>
    public static bool IsKill(this Fault fault) => fault is Fault.Kill or Fault.KillCoordinator;

    /// <summary>Whether one node is struck.</summary>
    public static bool HasVictim(this Fault fault) => !fault.IsRolling() && fault is not (Fault.None or Fault.RestartDatabase or Fault.Lose or Fault.Busy);
}

/// <summary>A run: how many calls, which faults in which order.</summary>
internal sealed record FaultPlan(int Calls, Fault[] Rounds, int Seed = 1);
