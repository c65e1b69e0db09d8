using System.Collections.Concurrent;
using Akka.Actor;
using Cti.Cluster.Membership;

namespace Cti.Cluster.Downing;

/// <summary>
/// Who is dead, for Akka.Cluster: whom the store's rows condemn, and nobody else. Gossip and heartbeats alone down nobody, since a busy machine or a cut line
/// between two nodes kills no call.
/// </summary>
internal sealed class Verdicts : IClusterEvents
{
    private static readonly ConcurrentDictionary<string, Verdicts> Known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ClusterNode> _dead = new(StringComparer.Ordinal);
    private IActorRef _actor = ActorRefs.Nobody;

    /// <summary>The verdicts of a run of a node: its configuration is all that Akka tells a failure detector of where it is.</summary>
    public static Verdicts Of(string run) => Known.GetOrAdd(run, static _ => new Verdicts());

    /// <summary>The run is over.</summary>
    public static void Forget(string run) => Known.TryRemove(run, out _);

    /// <summary>The downing actor of the actor system that runs now.</summary>
    public void Use(IActorRef actor) => Volatile.Write(ref _actor, actor);

    /// <summary>Whether the node at an address was condemned.</summary>
    public bool IsDead(string hostAndPort) => _dead.ContainsKey(hostAndPort);

    /// <inheritdoc/>
    public void OnViewChanged(ClusterView before, ClusterView now)
    {
        foreach (var node in now.Nodes) _dead.TryRemove(node.LinkAddress, out _);
        foreach (var node in before.Nodes)
        {
            if (node.LinkAddress.Length == 0 || now.Nodes.Any(other => other.LinkAddress == node.LinkAddress)) continue;
            _dead[node.LinkAddress] = node;
            Volatile.Read(ref _actor).Tell(new Condemned(node.LinkAddress));
        }
    }

    /// <summary>The verdict on the node at an address.</summary>
    internal sealed record Condemned(string Address);
}
