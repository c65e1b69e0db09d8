using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;

namespace Cti.Cluster.Sharding;

/// <summary>
/// Writes down what Akka says of the cluster's members, so that whoever asks reads what is written and waits for nobody. Shards are counted where their leases
/// are asked for, so nobody asks the coordinator about them.
/// </summary>
internal sealed class MemberWatch : UntypedActor
{
    private readonly Akka.Cluster.Cluster _cluster;
    private readonly Action<MemberSight> _written;
    private readonly Dictionary<UniqueAddress, Member> _members = [];
    private readonly HashSet<UniqueAddress> _unreachable = [];

    /// <param name="written">Told what is written down now.</param>
    public MemberWatch(Action<MemberSight> written) => (_cluster, _written) = (Akka.Cluster.Cluster.Get(Context.System), written);

    protected override void PreStart() => _cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
        typeof(ClusterEvent.IMemberEvent), typeof(ClusterEvent.IReachabilityEvent));

    protected override void PostStop()
    {
        _cluster.Unsubscribe(Self);
        _written(MemberSight.Nobody);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ClusterEvent.MemberRemoved { Member: var gone }:
                // The same node may be there again already, as another member.
                _members.Remove(gone.UniqueAddress);
                _unreachable.Remove(gone.UniqueAddress);
                break;
            case ClusterEvent.IMemberEvent { Member: var member }: _members[member.UniqueAddress] = member; break;
            case ClusterEvent.UnreachableMember { Member: var member }: _unreachable.Add(member.UniqueAddress); break;
            case ClusterEvent.ReachableMember { Member: var member }: _unreachable.Remove(member.UniqueAddress); break;
            default: return;
        }
        _written(Sight());
    }

    private MemberSight Sight()
    {
        var seen = _members.Values.Select(member => new ClusterPictureMember("", HostOf(member), [.. member.Roles.Order(StringComparer.Ordinal)],
            member.Status.ToString(), !_unreachable.Contains(member.UniqueAddress))).OrderBy(static member => member.Address, StringComparer.Ordinal);
        // The coordinator is a singleton: it lives on the oldest member of its role, and goes on to the next when that one is removed or leaves.
        Member? oldest = null;
        foreach (var member in _members.Values)
        {
            if (member.Status is MemberStatus.Up or MemberStatus.Leaving && member.HasRole("media") && (oldest is null || member.IsOlderThan(oldest)))
                oldest = member;
        }
        return new MemberSight([.. seen], oldest is null ? "" : HostOf(oldest));
    }

    private static string HostOf(Member member) => $"{member.Address.Host}:{member.Address.Port}";
}

/// <summary>What is written down of the members.</summary>
/// <param name="Members">In order of address, without names.</param>
/// <param name="Coordinator">The address of the member that hosts the shard coordinator; "" while there is none.</param>
internal sealed record MemberSight(ImmutableArray<ClusterPictureMember> Members, string Coordinator)
{
    /// <summary>Before the first word, and after the last.</summary>
    public static readonly MemberSight Nobody = new([], "");
}
