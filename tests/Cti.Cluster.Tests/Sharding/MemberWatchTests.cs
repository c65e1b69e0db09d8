using Akka.Actor;
using Akka.Cluster;
using Akka.TestKit.Xunit2;
using Cti.Cluster.Sharding;

namespace Cti.Cluster.Tests.Sharding;

/// <summary>What is written down of the members, of a cluster of one that hears of more.</summary>
public sealed class MemberWatchTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Akka.Cluster.Cluster _cluster;
    private readonly IActorRef _watch;
    private MemberSight _sight = MemberSight.Nobody;

    public MemberWatchTests() : base("""
        akka {
          loglevel = WARNING
          actor.provider = cluster
          remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
          cluster { roles = [media], min-nr-of-members = 1, gossip-interval = 50ms, leader-actions-interval = 20ms, periodic-tasks-initial-delay = 10ms }
        }
        """)
    {
        _cluster = Akka.Cluster.Cluster.Get(Sys);
        _watch = Sys.ActorOf(Props.Create(() => new MemberWatch(sight => Volatile.Write(ref _sight, sight))));
    }

    private string Self => $"{_cluster.SelfAddress.Host}:{_cluster.SelfAddress.Port}";

    [Fact]
    public void A_member_that_is_up_is_written_down_with_its_role_and_hosts_the_coordinator()
    {
        Volatile.Read(ref _sight).ShouldBe(MemberSight.Nobody);
        Up();
        var sight = Volatile.Read(ref _sight);
        sight.Members.ShouldHaveSingleItem().ShouldSatisfyAllConditions(member => member.Address.ShouldBe(Self), static member =>
            member.Roles.ShouldBe(["media"]), static member => member.Status.ShouldBe("Up"), static member => member.IsReachable.ShouldBeTrue());
        sight.Coordinator.ShouldBe(Self);
    }

    [Fact]
    public void Who_is_not_heard_stays_a_member_and_the_coordinators_host()
    {
        Up();
        _watch.Tell(new ClusterEvent.UnreachableMember(_cluster.SelfMember));
        AwaitAssert(() => Volatile.Read(ref _sight).Members[0].IsReachable.ShouldBeFalse(), Patience);
        Volatile.Read(ref _sight).Coordinator.ShouldBe(Self, "its node may live");
        _watch.Tell(new ClusterEvent.ReachableMember(_cluster.SelfMember));
        AwaitAssert(() => Volatile.Read(ref _sight).Members[0].IsReachable.ShouldBeTrue(), Patience);
    }

    [Fact]
    public void Who_is_on_his_way_out_hosts_no_coordinator_and_a_watch_that_ends_leaves_nobody()
    {
        Up();
        _watch.Tell(new ClusterEvent.MemberExited(_cluster.SelfMember.Copy(MemberStatus.Leaving).Copy(MemberStatus.Exiting)));
        AwaitAssert(() => Volatile.Read(ref _sight).ShouldSatisfyAllConditions(static sight => sight.Members[0].Status.ShouldBe("Exiting"),
            static sight => sight.Coordinator.ShouldBe("")), Patience);
        Watch(_watch);
        Sys.Stop(_watch);
        ExpectTerminated(_watch, Patience);
        AwaitAssert(() => Volatile.Read(ref _sight).ShouldBe(MemberSight.Nobody), Patience);
    }

    private void Up()
    {
        _cluster.Join(_cluster.SelfAddress);
        AwaitAssert(() => Volatile.Read(ref _sight).Coordinator.ShouldBe(Self), Patience);
    }
}
