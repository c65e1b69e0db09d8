using Cti.Cluster.Membership;
using Cti.Testing;

namespace Cti.Cluster.Tests.Membership;

/// <summary>Members to whom a sharding says what of a dead node is theirs.</summary>
public sealed class AllocatedTests
{
    private readonly MemberRig _rig = new();

    [Fact]
    public void Who_is_alone_at_its_start_takes_everything_and_asks_nobody()
    {
        _rig.Start("a", isAllocated: true).Owned.Count.ShouldBe(MemberRig.Instances);
    }

    [Fact]
    public void What_a_dead_node_owned_goes_to_whom_the_sharding_names_as_soon_as_the_verdict_is_there()
    {
        var (a, b, c) = Three();
        a.Kill();
        var instances = a.Owned.Keys.ToList();
        foreach (var instance in instances) b.Member.Want(instance);
        b.Owned.Keys.Intersect(instances).ShouldBeEmpty("its owner may live");

        _rig.Runtime.Advance(MemberRig.Lease + (MemberRig.Lease / 5));

        instances.ShouldAllBe(instance => b.Owned.ContainsKey(instance));
        c.Owned.Keys.Intersect(instances).ShouldBeEmpty();
        _rig.CheckOwners(b, c);
    }

    [Fact]
    public void What_is_wanted_after_the_verdict_is_taken_at_once()
    {
        var (a, b, _) = Three();
        a.Kill();
        var instance = a.Owned.Keys.First();
        Until(() => b.Member.View.Find("a") is null);
        b.Owned.ShouldNotContainKey(instance, "nobody has said whose it is");

        ManualRuntime.Inline(() => b.Member.Want(instance));
        _rig.Runtime.RunAll();

        b.Owned.ShouldContainKey(instance);
        b.Member.Holds(instance).ShouldBeTrue();
    }

    [Fact]
    public void The_shardings_first_word_on_a_dead_nodes_instances_is_its_word_on_all_that_the_hashing_gives()
    {
        var (a, b, c) = Three();
        a.Kill();
        Until(() => b.Member.View.Find("a") is null);
        var parts = a.Owned.Keys.GroupBy(static instance => Rendezvous.Winner(instance, ["b", "c"])).OrderByDescending(static part => part.Count()).ToList();
        var (ours, taker, other) = (parts[0].ToList(), parts[0].Key == "b" ? b : c, parts[0].Key == "b" ? c : b);
        ours.Count.ShouldBeGreaterThan(1);

        ManualRuntime.Inline(() => taker.Member.Want(ours[0]));
        _rig.Runtime.RunAll();

        taker.Owned.Keys.Intersect(a.Owned.Keys).ShouldBe(ours, ignoreOrder: true);
        other.Owned.Keys.Intersect(a.Owned.Keys).ShouldBeEmpty("it has not heard a word");
    }

    [Fact]
    public void What_the_sharding_does_not_decide_soon_the_rows_do()
    {
        var (a, b, c) = Three();
        a.Kill();
        Until(() => b.Member.View.Find("a") is null && c.Member.View.Find("a") is null);
        (b.Owned.Count + c.Owned.Count).ShouldBeLessThan(MemberRig.Instances);

        _rig.Runtime.Advance(MemberRig.Lease + (MemberRig.Lease / 5));

        (b.Owned.Count + c.Owned.Count).ShouldBe(MemberRig.Instances);
        _rig.CheckOwners(b, c);
    }

    [Fact]
    public void Two_that_want_the_same_do_not_both_get_it_and_neither_gets_what_a_living_node_owns()
    {
        var (a, b, c) = Three();
        var alive = c.Owned.Keys.First();
        b.Member.Want(alive);
        a.Kill();
        foreach (var instance in a.Owned.Keys)
        {
            b.Member.Want(instance);
            c.Member.Want(instance);
        }

        _rig.Runtime.Advance(2 * MemberRig.Lease);

        b.Owned.Keys.Intersect(c.Owned.Keys).ShouldBeEmpty();
        c.Owned.ShouldContainKey(alive);
        _rig.CheckOwners(b, c);
    }

    [Fact]
    public void What_is_wanted_no_more_is_not_taken()
    {
        var (a, b, c) = Three();
        a.Kill();
        var instance = a.Owned.Keys.First(instance => Rendezvous.Winner(instance, ["b", "c"]) == "c");
        b.Member.Want(instance);
        b.Member.WantNoMore(instance);

        _rig.Runtime.Advance(3 * MemberRig.Lease);

        b.Owned.ShouldNotContainKey(instance);
        c.Owned.ShouldContainKey(instance);
    }

    private (TestMember A, TestMember B, TestMember C) Three()
    {
        var (a, b, c) = (_rig.Start("a", isAllocated: true), _rig.Start("b", isAllocated: true), _rig.Start("c", isAllocated: true));
        _rig.Balance();
        new[] { a, b, c }.ShouldAllBe(static member => member.Owned.Count > 0);
        return (a, b, c);
    }

    private void Until(Func<bool> isSo)
    {
        for (var i = 0; i < 10 * MemberRig.Lease && !isSo(); i++) _rig.Runtime.Advance(1);
        isSo().ShouldBeTrue();
    }
}
