using Cti.Actors.SipNode;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>What a witness knows of INVITEs, and who the witnesses are.</summary>
public sealed class InviteRegisterTests
{
    private readonly ManualRuntime _runtime = new();

    [Fact]
    public void Who_asks_is_told_who_asked_before()
    {
        var register = new InviteRegister(_runtime);
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
        var register = new InviteRegister(_runtime);
        register.Note("old", "a");
        _runtime.Advance(Limits.InviteWitnessMillis);
        register.Note("old", "b").ShouldBeEmpty();
        for (var i = 0; i < Limits.InviteWitnessesMax; i++) register.Note($"new {i}", "a");
        register.Note("old", "c").ShouldBeEmpty();
        register.Note($"new {Limits.InviteWitnessesMax - 1}", "c").ShouldBe(["a"]);
    }

    [Fact]
    public void What_takes_no_thought_is_only_what_nobody_has_asked_about()
    {
        var register = new InviteRegister(_runtime);
        register.TryNoteFirst("key", "a").ShouldBeTrue();
        register.TryNoteFirst("key", "a").ShouldBeFalse();
        register.TryNoteFirst("key", "b").ShouldBeFalse();
        register.Note("key", "c").ShouldBe(["a"], "b was not noted");
    }

    [Fact]
    public void Each_node_is_the_witness_of_its_share_and_only_a_newcomers_share_moves()
    {
        string[] eight = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"];
        var of = new Dictionary<string, int>();
        for (var i = 0; i < 4000; i++)
        {
            var key = $"1 tag{i} call{i}";
            var before = Rendezvous.Winner(key, eight)!;
            of[before] = of.GetValueOrDefault(before) + 1;
            var after = Rendezvous.Winner(key, [.. eight, "n9"])!;
            if (after != before) after.ShouldBe("n9");
            of[after] = of.GetValueOrDefault(after) + (after == "n9" ? 1 : 0);
            // Whoever cannot reach the first asks the one that is first without it.
            Rendezvous.Winner(key, eight, [before]).ShouldBe(Rendezvous.Winner(key, [.. eight.Where(node => node != before)]));
        }
        foreach (var witness in eight) of[witness].ShouldBeInRange(400, 600, witness);
        of["n9"].ShouldBeInRange(350, 550);
        Rendezvous.Winner("key", ["alone"]).ShouldBe("alone");
        Rendezvous.Winner("key", ["alone"], ["alone"]).ShouldBeNull();
    }
}
