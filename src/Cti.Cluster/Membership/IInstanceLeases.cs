namespace Cti.Cluster.Membership;

/// <summary>This node's leases of instances, as the sharding asks for them. All members may be used from any thread.</summary>
public interface IInstanceLeases
{
    /// <summary>This node's name.</summary>
    string Self { get; }

    /// <summary>Who lives and who owns what, as this node knows it now.</summary>
    ClusterView View { get; }

    /// <summary>Whether this node owns an instance now.</summary>
    bool Holds(int instance);

    /// <summary>
    /// The sharding wants this node to own an instance: it takes it as soon as its owner is known to be dead, or is nobody. What is wanted already, or owned,
    /// is not wanted twice.
    /// </summary>
    void Want(int instance);

    /// <summary>The sharding does not want it any more, or has given it up. What is owned stays so: only a hand-over gives an instance away.</summary>
    void WantNoMore(int instance);
}
