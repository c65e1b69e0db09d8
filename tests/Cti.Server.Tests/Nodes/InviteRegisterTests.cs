using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Server.Sip;
using Cti.Testing;

namespace Cti.Server.Tests.Nodes;

/// <summary>What a witness knows of INVITEs, and who the witnesses are.</summary>
public sealed class InviteRegisterTests
{
    private readonly ManualRuntime runtime = new();

    [Fact]
    public void Who_asks_is_told_who_asked_before()
    {
        var register = new InviteRegister(runtime);
        register.Note("1 tag call", "a").ShouldBeEmpty();
        register.Note("1 tag call", "a").ShouldBeEmpty();
        register.Note("1 tag call", "b").ShouldBe(["a"]);
        register.Note("1 tag call", "c").ShouldBe(["a", "b"]);
        register.Note("1 tag call", "a").ShouldBe(["b", "c"]);
        register.Note("2 tag call", "b").ShouldBeEmpty();
    }

    [Fact]
    public void It_forgets_in_time_and_the_oldest_when_there_are_too_many()
    {
        var register = new InviteRegister(runtime);
        register.Note("old", "a");
        runtime.Advance(Limits.InviteWitnessMillis);
        register.Note("old", "b").ShouldBeEmpty();
        for (var i = 0; i < Limits.InviteWitnessesMax; i++) register.Note($"new {i}", "a");
        register.Note("old", "c").ShouldBeEmpty();
        register.Note($"new {Limits.InviteWitnessesMax - 1}", "c").ShouldBe(["a"]);
    }

    [Fact]
    public void The_witnesses_are_two_and_few_change_when_a_node_comes()
    {
        string[] eight = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"];
        var (changed, of) = (0, new Dictionary<string, int>());
        for (var i = 0; i < 4000; i++)
        {
            var before = Rendezvous.Best($"1 tag{i} call{i}", eight, 2);
            before.Count.ShouldBe(2);
            foreach (var witness in before) of[witness] = of.GetValueOrDefault(witness) + 1;
            var after = Rendezvous.Best($"1 tag{i} call{i}", [.. eight, "n9"], 2);
            after.Intersect(before).ShouldNotBeEmpty("one of the two still knows");
            if (!after.SequenceEqual(before)) changed++;
        }
        foreach (var witness in eight) of[witness].ShouldBeInRange(800, 1200, witness);
        changed.ShouldBeLessThan(1200);
        Rendezvous.Best("key", ["alone"], 2).ShouldBe(["alone"]);
    }
}
