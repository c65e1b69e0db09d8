using Cti.Kernel;
using Cti.Testing;

namespace Cti.Server.Tests.Nodes;

/// <summary>What a node does that loses an instance: nothing that anyone outside could notice.</summary>
public sealed class StandDownTests
{
    private readonly ClusterBench bench = new();

    private (string Call, RawPeer Phone, ClusterNodeBench Owner) Ringing()
    {
        var phone = bench.Peer("192.0.2.10", bench.Nodes[0]);
        var call = bench.Construct(bench.Nodes[0], "sip:100@192.0.2.10");
        phone.Respond(phone.Request("INVITE"), 180);
        return (call, phone, bench.OwnerOf(call));
    }

    [Fact]
    public void An_owner_that_hands_an_instance_over_lets_go_of_its_calls_without_a_word()
    {
        var (call, phone, owner) = Ringing();
        ResourceId.TryParse(call, out var id).ShouldBeTrue();
        var to = bench.Nodes.First(node => node != owner);
        var had = owner.Server.InstanceCount;
        owner.Server.CallCount.ShouldBe(1);
        Task<bool> giving = null!;
        ManualRuntime.Inline(() => giving = owner.Server.Cluster.GiveAsync(id.Instance, to.Name));
        bench.Runtime.RunAll();
        NodeBench.Done(new ValueTask<bool>(giving)).ShouldBeTrue();
        (owner.Server.InstanceCount, owner.Server.CallCount).ShouldBe((had - 1, 0));
        bench.Runtime.Advance(50);
        owner.Server.MediaSessionCount.ShouldBe(0, "the session was closed and its end was heard");
        bench.Runtime.Advance(500);
        bench.OwnerOf(call).ShouldBe(to);
        bench.Crashes.ShouldBeEmpty();
        phone.Hears("BYE", 10).ShouldBeFalse();
    }

    [Fact]
    public void An_owner_whose_append_is_refused_stands_down_for_the_whole_instance()
    {
        var (call, _, owner) = Ringing();
        ResourceId.TryParse(call, out var id).ShouldBeTrue();
        var had = owner.Server.InstanceCount;
        var epoch = owner.Server.Cluster.View.Owners[id.Instance].Epoch;
        owner.Server.Cluster.Fenced(id.Instance, epoch);
        // It is still this node's by name: the next renewal shows it, and it is served again under a new epoch.
        bench.Runtime.Advance(1000);
        owner.Server.InstanceCount.ShouldBe(had);
        owner.Server.Cluster.View.Owners[id.Instance].Epoch.ShouldBe(epoch + 1);
        bench.Crashes.ShouldBeEmpty();
    }
}
