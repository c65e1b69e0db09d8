using Akka.Actor;

namespace Cti.Cluster.Sharding;

/// <summary>
/// The one entity of an instance's shard. It exists where the instance is owned; the instance's calls live beside it, on the node's own actor system, so that
/// they outlive a cluster that is made anew.
/// </summary>
internal sealed class InstanceShard : UntypedActor
{
    /// <summary>The sharding's name for instances.</summary>
    public const string TypeName = "instance";

    protected override void OnReceive(object message)
    {
        // To be woken is all that it is asked for.
    }
}
