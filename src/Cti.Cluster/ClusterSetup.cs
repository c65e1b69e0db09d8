using Akka.Actor.Setup;
using Cti.Cluster.Downing;
using Cti.Cluster.Sharding;

namespace Cti.Cluster;

/// <summary>What the parts that Akka makes by their names find of the node to which they belong.</summary>
internal sealed class ClusterSetup(InstanceShards shards, Verdicts verdicts) : Setup
{
    public InstanceShards Shards => shards;
    public Verdicts Verdicts => verdicts;
}
