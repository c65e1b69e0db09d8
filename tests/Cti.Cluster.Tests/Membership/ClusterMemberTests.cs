using Cti.Cluster.Membership;
using Cti.Persistence;

namespace Cti.Cluster.Tests.Membership;

/// <summary>Who is dead, who is not, and who gets what: the rules of a lease, on virtual time.</summary>
public sealed class ClusterMemberTests
{
    private const int Lease = MemberRig.Lease;
    private readonly MemberRig _rig = new();

    private void Advance(long millis) => _rig.Runtime.Advance(millis);

    private TestMember[] ThreeBalanced()
    {
        var all = _rig.Start("a", "b", "c");
        _rig.Balance();
        _rig.CheckOwners(all);
        all.ShouldAllBe(static member => member.Owned.Count > 0);
        return all;
    }

    [Fact]
    public void The_first_node_takes_everything_and_others_join_without_deposing_it()
    {
        var first = _rig.Start("a");
        first.Owned.Count.ShouldBe(MemberRig.Instances);
        var others = _rig.Start("b", "c");
        Advance(5 * Lease);
        first.Lost.ShouldBeEmpty();
        others.ShouldAllBe(static other => other.Owned.Count == 0);
        others.ShouldAllBe(static other => other.Sees.SequenceEqual(new[] { "a", "b", "c" }));
        others[0].Member.View.OwnerOf(3)!.Name.ShouldBe("a");
    }

    [Theory]
    [InlineData("", "a:7400", "a uses this database too, and this node has no cti.cluster.listen")]
    [InlineData("b:7400", "", "a uses this database too, without cti.cluster.listen")]
    public void Nodes_that_share_a_database_start_only_with_links(string ofB, string ofA, string why)
    {
        var a = _rig.Start("a", address: ofA);
        var b = _rig.Start("b", address: ofB);

        b.Starting.Exception.ShouldNotBeNull().InnerException.ShouldBeOfType<StoreMismatchException>().Message.ShouldStartWith(why);
        Advance(Lease);
        a.Sees.ShouldBe(["a"], "its row is gone again");
        a.Owned.Count.ShouldBe(MemberRig.Instances);
    }

    [Fact]
    public void A_former_name_of_a_node_without_links_does_not_keep_it_from_starting()
    {
        _rig.Start("before", address: "").Kill();
        Advance(Lease + 1);
        var after = _rig.Start("after", address: "");
        after.Starting.IsCompletedSuccessfully.ShouldBeTrue();
    }

    [Fact]
    public void A_node_that_joins_gets_what_the_hash_gives_it_from_its_owner()
    {
        var all = ThreeBalanced();
        _rig.Members.ShouldAllBe(member => member.Member.PlanGives().Count == 0);
        foreach (var member in all)
            member.Owned.Keys.ShouldAllBe(instance => Rendezvous.Winner(instance, new[] { "a", "b", "c" }) == member.Name);
        var handedOver = all[1].Gained[0];
        handedOver.LostAtMillis.ShouldBe(_rig.Runtime.UnixMillis - _rig.Runtime.ElapsedMillis + handedOver.AtMillis, "nothing was lost by a hand-over");
    }

    [Fact]
    public void A_dead_nodes_instances_go_to_the_survivors_after_a_lease_and_each_to_one()
    {
        var all = ThreeBalanced();
        var died = _rig.Runtime.UnixMillis;
        var diedAt = _rig.Runtime.ElapsedMillis;
        var orphans = all[0].Owned.ToList();
        all[0].Kill();
        Advance(Lease - 300);
        all[1].Sees.ShouldBe(["a", "b", "c"], "not before a whole lease");
        Advance(1000);
        all[1].Sees.ShouldBe(["b", "c"]);
        _rig.CheckOwners(all[1], all[2]);
        foreach (var survivor in all.Skip(1))
        {
            var taken = survivor.Gained.Where(gained => gained.AtMillis >= diedAt).ToList();
            taken.ShouldAllBe(gained => gained.AtMillis - diedAt <= Lease + 500);
            taken.ShouldAllBe(gained => gained.LostAtMillis <= died && gained.LostAtMillis >= died - 250);
            taken.ShouldAllBe(gained => Rendezvous.Winner(gained.Instance, new[] { "b", "c" }) == survivor.Name);
            survivor.Lost.Intersect(orphans.Select(static orphan => orphan.Key)).ShouldBeEmpty();
        }
        var (instance, epoch) = orphans[0];
        var late = new InstanceAppend
        {
            Instance = instance, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, Entries = [new JournalEntry(1, "r", 1, new byte[1])],
        };
        var store = new Cti.Persistence.Memory.MemoryJournalStore(_rig.Disk);
        MemberRig.Done(store.OpenAsync(MemberRig.Instances));
        MemberRig.Done(store.AppendAsync([late])).ShouldBe([AppendOutcome.Fenced]);
    }

    [Fact]
    public void A_broken_link_and_a_refused_connection_shorten_the_lease()
    {
        var all = ThreeBalanced();
        var diedAt = _rig.Runtime.ElapsedMillis;
        all[0].Kill();
        foreach (var survivor in all.Skip(1)) survivor.Member.OnBroken("a");
        Advance(30);
        foreach (var survivor in all.Skip(1)) survivor.Member.PeerRefused("a");
        Advance(620);
        _rig.CheckOwners(all[1], all[2]);
        // Its row was last seen to change at most a renewal before its death, and each of the two looks when that was a short lease ago.
        foreach (var survivor in all.Skip(1)) survivor.Gained[^1].AtMillis.ShouldBeInRange(diedAt + (Lease / 10), diedAt + (Lease / 5) + 40);
    }

    [Fact]
    public void A_broken_link_alone_shortens_nothing()
    {
        var all = ThreeBalanced();
        all[0].Kill();
        foreach (var survivor in all.Skip(1)) survivor.Member.OnBroken("a");
        Advance(Lease - 300);
        all[1].Sees.ShouldBe(["a", "b", "c"]);
        Advance(1000);
        _rig.CheckOwners(all[1], all[2]);
    }

    [Fact]
    public void A_node_that_renews_is_never_deposed_whatever_its_links_do()
    {
        var all = ThreeBalanced();
        for (var second = 0; second < 20; second++)
        {
            foreach (var other in all.Skip(1))
            {
                other.Member.OnBroken("a");
                other.Member.PeerRefused("a");
            }
            Advance(1000);
        }
        _rig.CheckOwners(all);
        all.ShouldAllBe(static member => member.Sees.Length == 3);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(1500)]
    [InlineData(30_000)]
    public void An_outage_of_the_database_deposes_nobody(int millis)
    {
        var all = ThreeBalanced();
        all[0].Lost.Clear();
        foreach (var member in all) member.HasNoDatabase = true;
        Advance(millis);
        all[1].Member.IsCutOff.ShouldBe(millis > Lease / 2);
        // They do not come back at the same moment.
        foreach (var member in all.Reverse())
        {
            member.HasNoDatabase = false;
            Advance(300);
        }
        Advance(5 * Lease);
        _rig.CheckOwners(all);
        all.ShouldAllBe(static member => !member.Member.IsCutOff);
        all[0].Lost.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_without_the_database_is_cut_off_and_says_no_BYE_once_a_peer_has_it()
    {
        var all = ThreeBalanced();
        var (alone, others) = (all[0], all[1..]);
        alone.HasNoDatabase = true;
        Advance((Lease / 2) - 300);
        alone.Member.IsCutOff.ShouldBeFalse();
        alone.Member.MayBye.ShouldBeTrue();
        Advance(600);
        alone.Member.IsCutOff.ShouldBeTrue();
        alone.Member.MayBye.ShouldBeFalse("a peer says that the database is up");
        alone.IsOpen.ShouldBeTrue("media goes on");
        alone.Owned.Count.ShouldBeGreaterThan(0, "it cannot know yet");
        Advance(Lease);
        others.ShouldAllBe(static other => other.Sees.SequenceEqual(new[] { "b", "c" }));
        alone.HasNoDatabase = false;
        Advance(500);
        alone.Owned.ShouldBeEmpty("it stands down");
        alone.Member.IsCutOff.ShouldBeFalse();
        others[0].Sees.ShouldBe(["a", "b", "c"]);
        _rig.CheckOwners(others);
    }

    [Fact]
    public void Cut_off_from_the_database_like_everybody_else_a_node_may_say_BYE()
    {
        var all = ThreeBalanced();
        foreach (var member in all) member.HasNoDatabase = true;
        Advance(Lease);
        all.ShouldAllBe(static member => member.Member.IsCutOff && member.Member.MayBye);
    }

    [Fact]
    public void A_process_that_stood_still_is_silent_until_it_has_renewed_and_keeps_its_calls()
    {
        var all = ThreeBalanced();
        all[0].Lost.Clear();
        all[0].Pause();
        Advance((Lease / 2) + 200);
        all[0].IsOpen.ShouldBeFalse("from the first moment, before any timer has run");
        all[0].Continue();
        Advance(50);
        all[0].IsOpen.ShouldBeTrue();
        all[0].Lost.ShouldBeEmpty();
        _rig.CheckOwners(all);
    }

    [Fact]
    public void A_process_that_was_replaced_while_it_stood_still_stands_down_before_it_speaks()
    {
        var all = ThreeBalanced();
        all[0].Lost.Clear();
        all[0].OpenAtLoss.Clear();
        all[0].Pause();
        Advance(3 * Lease);
        _rig.CheckOwners(all[1], all[2]);
        all[0].Continue();
        Advance(1);
        all[0].Owned.ShouldBeEmpty();
        all[0].OpenAtLoss.ShouldBe([false]);
        Advance(Lease / 2);
        all[0].IsOpen.ShouldBeTrue();
        all[0].Sees.ShouldBe(["a", "b", "c"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_process_that_was_replaced_is_silent_until_its_calls_have_stood_down_but_not_for_one_that_hangs(bool hangs)
    {
        var all = ThreeBalanced();
        var isBusy = true;
        all[0].IsStandingDown = () => isBusy;
        all[0].Pause();
        Advance(3 * Lease);
        all[0].Continue();
        Advance(Lease / 2);
        all[0].Owned.ShouldBeEmpty();
        all[0].IsOpen.ShouldBeFalse("it renews, but something of what it lost could still sound");
        isBusy = hangs;
        Advance(Lease / 4);
        all[0].IsOpen.ShouldBe(!hangs);
        Advance(Lease / 2);
        all[0].IsOpen.ShouldBeTrue();
    }

    [Fact]
    public void An_observer_that_stood_still_itself_deposes_nobody()
    {
        var all = ThreeBalanced();
        all[2].Pause();
        Advance(Lease - 700);
        all[2].Continue();
        all[2].Pause();
        Advance(Lease - 700);
        all[2].Continue();
        Advance(50);
        all[2].Sees.ShouldBe(["a", "b", "c"]);
        all[0].Lost.Intersect(all[2].Owned.Keys).ShouldBe(all[2].Owned.Keys, "only what was handed over");
    }

    [Fact]
    public void A_takeover_is_tried_again_until_the_database_takes_it()
    {
        var all = ThreeBalanced();
        all[0].Kill();
        all[1].FailingTakes = all[2].FailingTakes = 5;
        Advance(2 * Lease);
        _rig.CheckOwners(all[1], all[2]);
        all[1].FailingTakes.ShouldBeLessThanOrEqualTo(0);
    }

    [Fact]
    public void A_node_that_is_started_again_takes_its_own_at_once_and_knows_when_it_died()
    {
        var all = ThreeBalanced();
        var had = all[0].Owned.Keys.ToArray();
        var died = _rig.Runtime.UnixMillis;
        all[0].Kill();
        Advance(900);
        var again = _rig.Start("a");
        again.Owned.Keys.ShouldBe(had);
        again.Gained.ShouldAllBe(gained => gained.LostAtMillis <= died && gained.LostAtMillis >= died - 250);
        Advance(3 * Lease);
        _rig.CheckOwners(again, all[1], all[2]);
    }

    [Fact]
    public void Of_two_processes_of_one_name_the_older_stands_down()
    {
        var all = ThreeBalanced();
        var second = _rig.Start("a");
        Advance(Lease);
        all[0].Owned.ShouldBeEmpty();
        (all[0].Member.IsCutOff, all[0].Member.MayBye).ShouldBe((true, false));
        _rig.CheckOwners(second, all[1], all[2]);
    }

    [Fact]
    public void A_draining_node_gives_everything_away_and_gets_nothing()
    {
        var all = ThreeBalanced();
        all[0].Member.Drain();
        Advance(300);
        all[0].Member.PlanGives().Count.ShouldBe(all[0].Owned.Count);
        _rig.Balance();
        all[0].Owned.ShouldBeEmpty();
        _rig.CheckOwners(all[1], all[2]);
        all[1].Kill();
        Advance(2 * Lease);
        _rig.CheckOwners(all[2]);
    }

    [Fact]
    public void A_node_that_leaves_is_replaced_at_once()
    {
        var all = ThreeBalanced();
        all[0].Member.StopAsync().IsCompletedSuccessfully.ShouldBeTrue();
        Advance(250);
        _rig.CheckOwners(all[1], all[2]);
        all[1].Sees.ShouldBe(["b", "c"]);
    }

    [Fact]
    public void A_node_without_media_owns_nothing_and_puts_down_what_it_once_had()
    {
        var before = _rig.Start("a");
        before.Kill();
        var gateway = _rig.Start("a", isMedia: false);
        gateway.Owned.ShouldBeEmpty();
        Advance(500);
        _rig.Ownership().ShouldAllBe(static instance => instance.Owner.Length == 0);
        var media = _rig.Start("b");
        _rig.CheckOwners(media);
        media.Kill();
        Advance(5 * Lease);
        gateway.Owned.ShouldBeEmpty();
    }

    [Fact]
    public void An_append_that_is_refused_takes_the_instance_down_and_up_again_where_it_is_still_ours()
    {
        var only = _rig.Start("a");
        only.Member.Fenced(3, only.Owned[3] - 1);
        only.Lost.ShouldBeEmpty("it was of an older ownership");
        only.Member.Fenced(3, only.Owned[3]);
        Advance(100);
        only.Lost.ShouldBe([3]);
        _rig.CheckOwners(only);
    }

    [Fact]
    public void A_node_that_is_alone_takes_what_an_earlier_name_of_it_left()
    {
        _rig.Start("old", isShared: false).Kill();
        var lived = _rig.Runtime.UnixMillis;
        Advance(500);
        var renamed = _rig.Start("new", isShared: false);
        _rig.CheckOwners(renamed);
        renamed.Gained.ShouldAllBe(gained => gained.LostAtMillis == lived);
        renamed.HasNoDatabase = true;
        Advance(60_000);
        renamed.Member.IsCutOff.ShouldBeFalse("nobody can replace it");
    }

    [Fact]
    public void A_row_of_a_node_that_died_long_ago_is_forgotten()
    {
        var all = ThreeBalanced();
        all[0].Kill();
        Advance(40 * Lease);
        var store = all[1].Store;
        MemberRig.Done(store.RenewAsync(new NodeLease { Name = "nobody", Incarnation = "" }, -1)).Nodes.Select(static node => node.Name).ShouldBe(["b", "c"]);
    }

    [Fact]
    public void A_rough_first_look_at_the_databases_clock_is_put_right_by_a_step_and_never_backwards()
    {
        var clock = new ClusterClock(_rig.Runtime);
        clock.Set(_rig.Runtime.UnixMillis, _rig.Runtime.MonotonicNanos);
        clock.Settle(_rig.Runtime.UnixMillis + 3_000, _rig.Runtime.MonotonicNanos);
        (clock.UnixMillis - _rig.Runtime.UnixMillis).ShouldBe(3_000);
        clock.Settle(_rig.Runtime.UnixMillis + 1_000, _rig.Runtime.MonotonicNanos);
        (clock.UnixMillis - _rig.Runtime.UnixMillis).ShouldBe(3_000, "what is ahead is slewed");
    }

    [Fact]
    public void A_first_look_that_takes_seconds_does_not_put_the_clock_ahead()
    {
        _rig.DatabaseAheadMillis = 5_000;
        var member = _rig.Start("a", slowMillis: 12_000);
        Advance(12_001);
        _rig.CheckOwners(member);
        (member.Clock.UnixMillis - _rig.Runtime.UnixMillis).ShouldBe(5_000);
    }

    [Fact]
    public void The_clusters_time_is_the_databases_slewed_and_never_goes_back()
    {
        _rig.DatabaseAheadMillis = 5_000;
        var member = _rig.Start("a");
        (member.Clock.UnixMillis - _rig.Runtime.UnixMillis).ShouldBe(5_000, "the first time is set");
        _rig.DatabaseAheadMillis = 4_000;
        var last = member.Clock.UnixMillis;
        for (var second = 0; second < 60; second++)
        {
            Advance(1000);
            var passed = member.Clock.UnixMillis - last;
            passed.ShouldBeInRange(989, 1000);
            last += passed;
        }
        (member.Clock.UnixMillis - _rig.Runtime.UnixMillis).ShouldBeInRange(4_300, 4_460);
        Advance(60_000);
        (member.Clock.UnixMillis - _rig.Runtime.UnixMillis).ShouldBeInRange(3_998, 4_002);
    }
}
