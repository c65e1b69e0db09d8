namespace Cti.Persistence.Tests;

/// <content>Nodes, their leases, and how instances change hands.</content>
public abstract partial class JournalStoreSpecification
{
    private static readonly InstanceEpoch[] All = [.. Enumerable.Range(0, Instances).Select(static id => new InstanceEpoch(id, 0))];

    private static NodeLease Lease(string name, string incarnation = "1") => new()
    {
        Name = name, Incarnation = incarnation, LinkAddress = name + ":7400", Version = "9", StartedMillis = 17, IsGateway = true, IsMedia = true,
    };

    private async Task<NodeLease> RowAsync(string name, string incarnation = "1") =>
        (await Store.RenewAsync(Lease(name, incarnation), -1)).Nodes.Single(node => node.Name == name);

    [Fact]
    public async Task A_node_that_joins_has_a_row_and_learns_of_its_last_run()
    {
        (await Store.JoinAsync(Lease("a"))).ShouldBeNull();
        var first = await RowAsync("a");
        (first.Incarnation, first.LinkAddress, first.Version, first.StartedMillis, first.IsGateway, first.IsMedia, first.IsDraining)
            .ShouldBe(("1", "a:7400", "9", 17, true, true, false));
        var before = (await Store.JoinAsync(Lease("a", "2"))).ShouldNotBeNull();
        before.ShouldBe(first);
        (await RowAsync("a", "2")).Incarnation.ShouldBe("2");
    }

    [Fact]
    public async Task A_renewal_raises_the_counter_tells_the_time_and_shows_every_node()
    {
        await Store.JoinAsync(Lease("b"));
        await Store.JoinAsync(Lease("a"));
        var before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        var one = await Store.RenewAsync(Lease("a"), -1);
        var two = await Store.RenewAsync(Lease("a") with { IsDraining = true, IsMedia = false }, -1);
        one.Nodes.Select(static node => node.Name).ShouldBe(["a", "b"]);
        (two.Nodes[0].Renewals - one.Nodes[0].Renewals, two.Nodes[1].Renewals - one.Nodes[1].Renewals).ShouldBe((1, 0));
        (two.Nodes[0].IsDraining, two.Nodes[0].IsMedia).ShouldBe((true, false));
        one.NowMillis.ShouldBeInRange(before - 1_000, before + 60_000);
        two.Nodes[0].RenewedAtMillis.ShouldBeInRange(one.NowMillis, two.NowMillis + 1);
    }

    [Fact]
    public async Task A_node_whose_row_is_gone_or_another_runs_renews_nothing_and_is_shown_it()
    {
        (await Store.RenewAsync(Lease("a"), -1)).Nodes.ShouldBeEmpty();
        await Store.JoinAsync(Lease("a"));
        await Store.JoinAsync(Lease("a", "2"));
        var now = await RowAsync("a", "2");
        var shown = (await Store.RenewAsync(Lease("a"), -1)).Nodes.ShouldHaveSingleItem();
        (shown.Incarnation, shown.Renewals).ShouldBe(("2", now.Renewals));
    }

    [Fact]
    public async Task A_renewal_shows_the_ownership_unless_it_is_known_already()
    {
        await Store.JoinAsync(Lease("a"));
        var empty = await Store.RenewAsync(Lease("a"), -1);
        empty.Ownership.ShouldBe(Enumerable.Range(0, Instances).Select(id => new InstanceOwnership(id, "", 0, 0)));
        (await Store.RenewAsync(Lease("a"), empty.OwnershipVersion)).Ownership.ShouldBeNull();
        await Store.TakeAsync("a", [new(3, 0)]);
        var taken = await Store.RenewAsync(Lease("a"), empty.OwnershipVersion);
        taken.Ownership.ShouldNotBeNull()[3].ShouldBe(new InstanceOwnership(3, "a", 1, 0));
        (await AppendAsync(Entries(3, 1, 0))).ShouldBe(AppendOutcome.Accepted);
        (await Store.RenewAsync(Lease("a"), taken.OwnershipVersion)).Ownership.ShouldBeNull("who owns what has not changed");
        // As a program of before leases does it.
        await ClaimAsync(5, "old");
        (await Store.RenewAsync(Lease("a"), taken.OwnershipVersion)).Ownership.ShouldNotBeNull()[5].Owner.ShouldBe("old");
    }

    [Fact]
    public async Task Of_two_who_take_the_same_instance_one_gets_it()
    {
        var both = await Task.WhenAll(Store.TakeAsync("a", All).AsTask(), Store.TakeAsync("b", All).AsTask());
        both.Sum(static taken => taken.Count).ShouldBe(Instances);
        var now = await Store.ReadOwnershipAsync();
        now.ShouldAllBe(static instance => instance.Epoch == 1);
        foreach (var taken in both.SelectMany(static taken => taken)) now[taken.Instance].ShouldBe(taken);
    }

    [Fact]
    public async Task What_was_taken_is_answered_in_order_with_its_tail_and_the_rest_is_left_out()
    {
        var epoch = await ClaimAsync(2, "old");
        await AppendAsync(Entries(2, epoch, 0, 3, "old"));
        (await Store.TakeAsync("a", [new(6, 0), new(2, epoch), new(1, 7)]))
            .ShouldBe([new InstanceOwnership(2, "a", 2, 3), new InstanceOwnership(6, "a", 1, 0)]);
        (await Store.ReadOwnershipAsync())[1].ShouldBe(new InstanceOwnership(1, "", 0, 0));
    }

    [Fact]
    public async Task An_old_owners_append_after_a_takeover_is_fenced()
    {
        await Store.JoinAsync(Lease("old"));
        await Store.TakeAsync("old", [new(0, 0)]);
        await Store.TakeAsync("a", [new(0, 1)], await RowAsync("old"));
        (await AppendAsync(Entries(0, 1, 0, node: "old"))).ShouldBe(AppendOutcome.Fenced);
        (await AppendAsync(Entries(0, 2, 0))).ShouldBe(AppendOutcome.Accepted);
    }

    [Fact]
    public async Task A_node_that_renewed_meanwhile_keeps_its_instances()
    {
        await Store.JoinAsync(Lease("old"));
        await Store.TakeAsync("old", [new(0, 0)]);
        var believedDead = await RowAsync("old");
        await Store.RenewAsync(Lease("old"), -1);
        (await Store.TakeAsync("a", [new(0, 1)], believedDead)).ShouldBeEmpty();
        (await Store.ReadOwnershipAsync())[0].ShouldBe(new InstanceOwnership(0, "old", 1, 0));
    }

    [Fact]
    public async Task An_owner_hands_over_what_is_its_own_and_nothing_else()
    {
        await Store.TakeAsync("a", [new(0, 0)]);
        (await Store.GiveAsync(0, "a", 7, "b")).ShouldBeFalse();
        (await Store.GiveAsync(0, "b", 1, "c")).ShouldBeFalse();
        (await Store.GiveAsync(0, "a", 1, "b")).ShouldBeTrue();
        (await Store.ReadOwnershipAsync())[0].ShouldBe(new InstanceOwnership(0, "b", 2, 0));
        (await AppendAsync(Entries(0, 1, 0))).ShouldBe(AppendOutcome.Fenced);
    }

    [Fact]
    public async Task A_node_that_leaves_takes_its_row_with_it_and_leaves_its_instances_to_nobody()
    {
        await Store.JoinAsync(Lease("a"));
        await Store.TakeAsync("a", [new(0, 0), new(4, 0)]);
        await Store.TakeAsync("b", [new(1, 0)]);
        var row = await RowAsync("a");
        (await Store.RemoveNodeAsync("a", "0")).ShouldBeFalse();
        (await Store.RemoveNodeAsync("a", "1", row.Renewals - 1)).ShouldBeFalse("it has renewed since");
        (await Store.RemoveNodeAsync("a", "1", row.Renewals)).ShouldBeTrue();
        (await Store.RemoveNodeAsync("a", "1")).ShouldBeFalse();
        var now = await Store.ReadOwnershipAsync();
        (now[0], now[4], now[1]).ShouldBe((new InstanceOwnership(0, "", 2, 0), new InstanceOwnership(4, "", 2, 0), new InstanceOwnership(1, "b", 1, 0)));
        (await AppendAsync(Entries(0, 1, 0))).ShouldBe(AppendOutcome.Fenced);
    }
}
