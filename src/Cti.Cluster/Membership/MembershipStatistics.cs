namespace Cti.Cluster.Membership;

/// <summary>From whom a node took an instance.</summary>
public enum TakenFrom
{
    /// <summary>From a node that died, or was taken for dead: a takeover.</summary>
    Dead,
    /// <summary>From a node that handed it over.</summary>
    Given,
    /// <summary>From itself: its last run's, or one that it had to let go of for a moment.</summary>
    Own,
    /// <summary>From nobody: it had no owner.</summary>
    Nobody,
}

/// <summary>The cluster as a node sees it, and what it has done in it since its start. Every instance taken is an epoch raised.</summary>
/// <param name="Up">Nodes that live and take what is new, this one included.</param>
/// <param name="Draining">Nodes that live and drain.</param>
/// <param name="Dead">Nodes that are dead and not forgotten yet.</param>
/// <param name="Held">Instances that this node owns.</param>
/// <param name="TakenFromDead">Instances taken from nodes that died.</param>
/// <param name="TakenFromGivers">Instances that other nodes handed over to this one.</param>
/// <param name="TakenFromSelf">Instances that were this node's before.</param>
/// <param name="TakenFromNobody">Instances that had no owner.</param>
/// <param name="Given">Instances that this node handed over to others.</param>
/// <param name="Lost">Instances that others took from this node, or that it let go of, those handed over left out.</param>
/// <param name="RenewalsFailed">How often the store did not answer a renewal, or a take.</param>
/// <param name="SinceRenewedMillis">Age of the last renewal that succeeded, in milliseconds; -1 before the first.</param>
/// <param name="ClockOffsetMillis">The cluster's time, which follows the database's, less this machine's, in milliseconds.</param>
/// <param name="IsCutOff">Whether the node may have been replaced, because it cannot renew.</param>
public sealed record MembershipStatistics(int Up, int Draining, int Dead, int Held, long TakenFromDead, long TakenFromGivers, long TakenFromSelf,
    long TakenFromNobody, long Given, long Lost, long RenewalsFailed, double SinceRenewedMillis, double ClockOffsetMillis, bool IsCutOff);
