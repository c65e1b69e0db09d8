using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Memory;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Two versions side by side: what only the newer one can read.</summary>
public sealed class UpgradeTests : ClusterNodeTests
{
    private const int Instances = 24;

    /// <summary>An entry of a version that no program has yet, as a newer one would have written it; answers its resource.</summary>
    private string WriteOfTomorrow(string owner, Func<int, bool> isWanted)
    {
        var store = new MemoryJournalStore(bench.Disk);
        store.OpenAsync(Instances).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        var own = store.ReadOwnershipAsync().AsTask().Result.First(instance => instance.Owner == owner && isWanted(instance.Instance));
        var resource = $"0.0.{own.Instance}-sys.call-999999";
        store.AppendAsync([new InstanceAppend
        {
            Instance = own.Instance, Owner = owner, Epoch = own.Epoch, ExpectedTail = own.Tail, NewTail = own.Tail + 1,
            Entries = [new JournalEntry(own.Tail + 1, resource, 99, "{}"u8.ToArray())],
        }]).AsTask().Result.ShouldBe([AppendOutcome.Accepted]);
        return resource;
    }

    [Fact]
    public void An_instance_that_a_newer_version_wrote_stays_unserved_and_nothing_else_suffers()
    {
        var (call, peer) = Up(name => name == "n1");
        ResourceId.TryParse(call, out var id).ShouldBeTrue();
        var unreadable = WriteOfTomorrow("n1", instance => instance != id.Instance);

        bench.Kill(bench["n1"]);
        var again = peer.Request("INVITE");
        peer.Towards = bench.OwnerOf(call).Address;
        Answer(peer, again);
        bench.Runtime.Advance(1000);
        State(call).ShouldBe("Idle", "what can be read goes on");
        (bench["n2"].Server.Cluster.Snapshot().Held + bench["n3"].Server.Cluster.Snapshot().Held).ShouldBe(Instances);
        (bench["n2"].Server.InstanceCount + bench["n3"].Server.InstanceCount).ShouldBe(Instances - 1);
        bench.Wait(bench.Begin(bench["n2"], null, "sys.call.get", ("res_id", unreadable)), 8000).Error.ShouldNotBeNull()
            .Code.ShouldBe(503, "it is there, and nobody may say that it is not");

        // Nor does it keep a node from starting, which would take the readable ones down as well.
        bench.Kill(bench["n2"]);
        bench.Kill(bench["n3"]);
        var next = bench.Join("n4");
        bench.Runtime.Advance(5000);
        (next.Server.Cluster.Snapshot().Held, next.Server.InstanceCount).ShouldBe((Instances, Instances - 1));
        bench.Crashes.ShouldBeEmpty();
    }
}
