using Cti.Actors.Feeds;
using Cti.Contract;
using Cti.Testing;
using static Cti.Actors.Tests.Events.FeedBench;

namespace Cti.Actors.Tests.Events;

/// <summary>Groups whose connections are on several nodes.</summary>
public sealed class ClusterGroupTests
{
    private static int[] InstancesOf(IEnumerable<FeedEvent> events) => [.. events.Select(happened => happened.ResourceId[1] - '0').Distinct().Order()];

    private static void PublishEverywhere(FeedCluster cluster, int count = 1)
    {
        for (var instance = 0; instance < InstanceCount; instance++) cluster.Publish(instance, count);
        cluster.Runtime.Advance(20);
    }

    [Fact]
    public void Connections_on_all_nodes_divide_the_instances_and_each_event_reaches_one()
    {
        var cluster = FeedCluster.Create(null, "a", "b", "c");
        var members = cluster.Nodes.Keys.Select(node => cluster.Join(node)).ToArray();
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster, 2);
        var seen = members.Select(cluster.Drain).ToArray();
        seen.SelectMany(events => events).Select(happened => $"{happened.ResourceId}:{happened.Sequence}").Order()
            .ShouldBe(["i0:1", "i0:2", "i1:1", "i1:2", "i2:1", "i2:2", "i3:1", "i3:2"]);
        seen.Select(events => InstancesOf(events).Length).Order().ShouldBe([1, 1, 2]);
    }

    [Fact]
    public void Events_go_to_connections_on_their_owners_nodes_and_cross_no_link()
    {
        // a owns instances 0 and 3, b 1, c 2.
        var cluster = FeedCluster.Create(null, "a", "b", "c");
        var members = new Dictionary<string, IEventFeed>();
        foreach (var node in cluster.Nodes.Keys)
        {
            members.Add(node, cluster.Join(node));
            cluster.Runtime.Advance(100);
        }
        var before = cluster.Net.Sent;
        PublishEverywhere(cluster, 2);
        (cluster.Net.Sent - before).ShouldBe(0);
        foreach (var (node, feed) in members) InstancesOf(cluster.Drain(feed)).ShouldAllBe(instance => cluster.OwnerOf(instance) == node);
    }

    [Fact]
    public void In_whatever_order_connections_come_events_stay_on_their_owners_nodes()
    {
        string[] names = ["a", "b", "c", "d"];
        foreach (var order in Orders(names))
        {
            var cluster = FeedCluster.Create(null, names);
            var members = order.ToDictionary(node => node, node =>
            {
                var member = cluster.Join(node);
                cluster.Runtime.Advance(100);
                return member;
            });
            PublishEverywhere(cluster);
            foreach (var (node, feed) in members)
                InstancesOf(cluster.Drain(feed)).ShouldAllBe(instance => cluster.OwnerOf(instance) == node, string.Join(' ', order));
        }
    }

    /// <summary>One node owns all: its connection gets at most twice an even share, and what one that stays has is not taken away for locality alone.</summary>
    [Fact]
    public void No_connection_has_much_more_than_its_share_because_all_is_at_home_on_its_node()
    {
        var cluster = FeedCluster.Create(null, "a", "b", "c");
        for (var instance = 0; instance < InstanceCount; instance++) cluster.Take("a", instance);
        cluster.TellView();
        cluster.Runtime.Advance(20);
        string[] nodes = ["a", "b", "b", "c", "c", "c"];
        var members = nodes.Select(node => cluster.Join(node)).ToArray();
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster);
        var counts = members.Select(member => InstancesOf(cluster.Drain(member)).Length).ToArray();
        counts.Sum().ShouldBe(InstanceCount);
        counts[0].ShouldBe(2);
    }

    private static IEnumerable<string[]> Orders(string[] names) =>
        names.Length == 1 ? [names] : names.SelectMany(first => Orders([.. names.Where(name => name != first)]).Select(rest => (string[])[first, .. rest]));

    [Fact]
    public void An_event_of_a_group_crosses_to_one_node_however_many_have_connections()
    {
        var cluster = FeedCluster.Create(null, "a", "b", "c", "d");
        for (var instance = 0; instance < InstanceCount; instance++) cluster.Take("a", instance);
        cluster.TellView();
        string[] nodes = ["b", "c", "d"];
        var members = nodes.Select(node => cluster.Join(node)).ToArray();
        cluster.Runtime.Advance(100);
        // What they were given before is read from the store.
        foreach (var member in members) cluster.Drain(member).ShouldBeEmpty();
        var reads = nodes.Sum(node => cluster.Nodes[node].Reads[StoreOperation.ReadEvents]);
        var before = cluster.Net.Sent;
        for (var instance = 0; instance < InstanceCount; instance++)
        {
            cluster.Publish(instance);
            cluster.Runtime.Advance(2);
        }
        (cluster.Net.Sent - before).ShouldBe(InstanceCount);
        members.Select(member => cluster.Drain(member).Count).Order().ShouldBe([1, 1, 2]);
        nodes.Sum(node => cluster.Nodes[node].Reads[StoreOperation.ReadEvents]).ShouldBe(reads);
    }

    [Fact]
    public void A_feed_without_a_group_begins_at_its_own_moment_where_a_group_did_not_want_what_came_before()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var (first, second) = (cluster.Join("a"), cluster.Join("b"));
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster, 20);
        cluster.Drain(first);
        cluster.Drain(second);
        cluster.Runtime.Advance(1_000);
        var plain = cluster.Join("b", null);
        cluster.Runtime.Advance(20);
        cluster.DrainText(plain).ShouldBe("");
        PublishEverywhere(cluster);
        cluster.DrainText(plain).Split(' ').Order().ShouldBe(["0:21", "1:21", "2:21", "3:21"]);
    }

    [Fact]
    public async Task An_ack_moves_only_the_instances_of_its_connection()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        IEventFeed[] members = [cluster.Join("a"), cluster.Join("b")];
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster, 2);
        var mine = cluster.Drain(members[0]);
        cluster.Drain(members[1]);
        Done(members[0].AcknowledgeAsync(FeedCursor.Encode([2, 2, 2, 2]), default)).Error.ShouldBeNull();
        var stored = await cluster.Disk.ReadFeedPositionsAsync(App, FeedCluster.Group);
        for (var instance = 0; instance < InstanceCount; instance++) stored[instance].ShouldBe(InstancesOf(mine).Contains(instance) ? 2 : 0);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("c")]
    public void What_a_dead_node_did_not_acknowledge_comes_again_elsewhere_from_the_stored_position(string victim)
    {
        // Each node once, so one of them is the coordinator.
        var cluster = FeedCluster.Create(null, "a", "b", "c");
        var members = cluster.Nodes.Keys.ToDictionary(node => node, node => cluster.Join(node));
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster, 3);
        var events = members.ToDictionary(member => member.Key, member => cluster.Drain(member.Value));
        foreach (var (node, feed) in members)
            Done(feed.AcknowledgeAsync(events[node].Last(happened => happened.Sequence == 2).Cursor, default)).Error.ShouldBeNull();
        var lost = events[victim];
        cluster.Kill(victim);
        cluster.Runtime.Advance(500);
        var heir = cluster.Nodes.Keys.First();
        for (var instance = 0; instance < InstanceCount; instance++)
        {
            if (cluster.OwnerOf(instance) == victim) cluster.Take(heir, instance);
        }
        cluster.TellView();
        cluster.Runtime.Advance(100);
        var again = members.Where(member => member.Key != victim).SelectMany(member => cluster.Drain(member.Value)).ToArray();
        var acknowledged = FeedCursor.Decode(lost.Last(happened => happened.Sequence == 2).Cursor, InstanceCount, out _)!;
        var expected = lost.Where(happened => happened.Sequence > acknowledged[happened.ResourceId[1] - '0']);
        again.Select(happened => $"{happened.ResourceId}:{happened.Sequence}").Order()
            .ShouldBe(expected.Select(happened => $"{happened.ResourceId}:{happened.Sequence}").Order());
        PublishEverywhere(cluster);
        members.Where(member => member.Key != victim).SelectMany(member => cluster.Drain(member.Value)).Count().ShouldBe(InstanceCount);
    }

    [Fact]
    public async Task A_connection_that_ends_hands_its_instances_to_one_on_another_node()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var (first, second) = (cluster.Join("a"), cluster.Join("b"));
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster, 2);
        var mine = cluster.Drain(first);
        cluster.Drain(second);
        await first.DisposeAsync();
        cluster.Runtime.Advance(20);
        Text(cluster.Drain(second).OrderBy(happened => happened.ResourceId)).ShouldBe(Text(mine.OrderBy(happened => happened.ResourceId)));
    }

    [Fact]
    public void An_instance_moves_to_a_connection_elsewhere_only_when_what_was_delivered_is_acknowledged()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var first = cluster.Join("a");
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster);
        var events = cluster.Drain(first);
        events.Count.ShouldBe(InstanceCount);
        var second = cluster.Join("b");
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster);
        cluster.Drain(second).ShouldBeEmpty();
        cluster.Drain(first).Count.ShouldBe(2);
        Done(first.AcknowledgeAsync(events[^1].Cursor, default)).Error.ShouldBeNull();
        cluster.Runtime.Advance(20);
        cluster.Drain(second).Select(happened => happened.Sequence).ShouldBe([2, 2]);
        cluster.Drain(first).ShouldBeEmpty();
    }

    [Fact]
    public void A_move_to_another_node_waits_no_longer_than_the_handover_time()
    {
        var cluster = FeedCluster.Create(new FeedBounds { HandoverMillis = 1_000 }, "a", "b");
        var first = cluster.Join("a");
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster);
        cluster.Drain(first).Count.ShouldBe(InstanceCount);
        var second = cluster.Join("b");
        cluster.Runtime.Advance(900);
        cluster.Drain(second).ShouldBeEmpty();
        cluster.Runtime.Advance(200);
        cluster.Drain(second).Select(happened => happened.Sequence).ShouldBe([1, 1]);
    }

    [Fact]
    public void A_short_break_of_the_link_moves_nothing_and_a_long_one_does()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var members = cluster.Nodes.Keys.Select(node => cluster.Join(node)).ToArray();
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster);
        foreach (var member in members) cluster.Drain(member).Count.ShouldBe(2);
        cluster.Net.Break("a", "b");
        cluster.Runtime.Advance(1_500);
        cluster.Net.Connect("a", "b");
        cluster.Runtime.Advance(1_000);
        foreach (var member in members) cluster.Drain(member).ShouldBeEmpty();
        PublishEverywhere(cluster);
        foreach (var member in members) cluster.Drain(member).Count.ShouldBe(2);
        cluster.Net.Break("a", "b");
        cluster.Runtime.Advance(2_100);
        // Each side serves alone what it cannot know to be served.
        PublishEverywhere(cluster);
        cluster.Runtime.Advance(1_000);
        foreach (var member in members) InstancesOf(cluster.Drain(member)).ShouldBe([0, 1, 2, 3]);
    }

    [Fact]
    public async Task A_restarted_node_that_is_back_before_it_was_missed_leaves_what_it_acknowledged_alone()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var members = cluster.Nodes.Keys.ToDictionary(node => node, node => cluster.Join(node));
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster, 2);
        var events = cluster.Drain(members["b"]);
        cluster.Drain(members["a"]);
        Done(members["b"].AcknowledgeAsync(events[^1].Cursor, default)).Error.ShouldBeNull();
        cluster.Kill("b");
        cluster.Start("b");
        cluster.TellView();
        cluster.Runtime.Advance(3_000);
        cluster.Drain(members["a"]).ShouldBeEmpty();
        (await cluster.Disk.ReadFeedPositionsAsync(App, FeedCluster.Group)).Values.Count(position => position == 2).ShouldBe(2);
    }

    // With the names a and b, this one coordinates: tests of what it must hear find it by asking, not by the hash.
    private static (FeedCluster.Node Coordinator, FeedCluster.Node Other) Roles(FeedCluster cluster)
    {
        var name = cluster.Nodes.Values.First().Hub.AllGroups().Single().Coordinator!;
        return (cluster.Nodes[name], cluster.Nodes.Values.Single(node => node.Name != name));
    }

    [Fact]
    public async Task A_coordinator_hears_of_its_nodes_last_connection_also_while_the_node_obeys_another()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var members = cluster.Nodes.Keys.ToDictionary(node => node, node => cluster.Join(node));
        cluster.Runtime.Advance(100);
        var (coordinator, other) = Roles(cluster);
        // A question of one that took itself for the coordinator, sent before it knew better.
        coordinator.Feeds.OnMessage(other.Name, new GroupTable(App, FeedCluster.Group, 1, 1, true, new GroupEntry[InstanceCount], new long[InstanceCount])
            .Encode());
        await members[coordinator.Name].DisposeAsync();
        cluster.Runtime.Advance(1_000);
        PublishEverywhere(cluster);
        InstancesOf(cluster.Drain(members[other.Name])).ShouldBe([0, 1, 2, 3]);
    }

    [Fact]
    public async Task The_end_of_a_last_connection_is_heard_of_although_the_link_refused_the_word()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var members = cluster.Nodes.Keys.ToDictionary(node => node, node => cluster.Join(node));
        cluster.Runtime.Advance(100);
        var (coordinator, other) = Roles(cluster);
        cluster.Net.Refuse = () => true;
        await members[other.Name].DisposeAsync();
        cluster.Runtime.Advance(10);
        cluster.Net.Refuse = null;
        cluster.Runtime.Advance(2_000);
        PublishEverywhere(cluster);
        InstancesOf(cluster.Drain(members[coordinator.Name])).ShouldBe([0, 1, 2, 3]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_node_that_was_taken_for_lost_gets_its_instances_back_although_its_coordinator_ended_meanwhile(bool isJoined)
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var members = cluster.Nodes.Keys.ToDictionary(node => node, node => cluster.Join(node));
        cluster.Runtime.Advance(100);
        var (coordinator, other) = Roles(cluster);
        var both = coordinator.View!;
        var alone = both with { Number = both.Number + 1, Nodes = [.. both.Nodes.Where(node => node.Name == coordinator.Name)] };
        coordinator.Feeds.OnViewChanged(both, alone);
        List<IEventFeed> left = [members[other.Name]];
        // Its report is not heard; after that nobody is known to coordinate anything for.
        if (isJoined) left.Add(cluster.Join(other.Name));
        cluster.Runtime.Advance(10);
        await members[coordinator.Name].DisposeAsync();
        cluster.Runtime.Advance(10);
        coordinator.Feeds.OnViewChanged(alone, both with { Number = both.Number + 2 });
        cluster.Runtime.Advance(2_000);
        PublishEverywhere(cluster);
        left.SelectMany(feed => InstancesOf(cluster.Drain(feed))).Order().ShouldBe([0, 1, 2, 3]);
    }

    [Fact]
    public async Task A_report_from_before_a_move_was_called_off_gives_nothing_away()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var members = cluster.Nodes.Keys.ToDictionary(node => node, node => cluster.Join(node));
        cluster.Runtime.Advance(100);
        var (coordinator, other) = Roles(cluster);
        await members[coordinator.Name].DisposeAsync();
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster);
        var holder = members[other.Name];
        // Who shall have half of it is gone before the holder hears of it: it lets go, which it reports, and takes up again.
        await cluster.Join(coordinator.Name).DisposeAsync();
        cluster.Runtime.Advance(1);
        var heir = cluster.Join(coordinator.Name);
        var events = cluster.Drain(holder);
        InstancesOf(events).ShouldBe([0, 1, 2, 3]);
        cluster.Runtime.Advance(100);
        cluster.Drain(heir).ShouldBeEmpty();
        Done(holder.AcknowledgeAsync(events[^1].Cursor, default)).Error.ShouldBeNull();
        PublishEverywhere(cluster);
        cluster.Drain(heir).Select(happened => happened.Sequence).ShouldBe([2, 2]);
        cluster.Drain(holder).Select(happened => happened.Sequence).ShouldBe([2, 2]);
    }

    [Fact]
    public async Task A_new_coordinator_does_not_take_a_move_that_it_called_off_for_done()
    {
        var (coordinator, other) = NamesOfRoles();
        var cluster = FeedCluster.Create(null, other);
        var holder = cluster.Join(other);
        cluster.Runtime.Advance(100);
        PublishEverywhere(cluster);
        var events = cluster.Drain(holder);
        // The move of half of it waits for an ack, when another node comes that shall coordinate.
        var leaving = cluster.Join(other);
        cluster.Start(coordinator);
        cluster.TellView();
        await leaving.DisposeAsync();
        // The link, then the holder's report: the new one has only this connection, which shall have everything.
        cluster.Runtime.Advance(2);
        Done(holder.AcknowledgeAsync(events[^1].Cursor, default)).Error.ShouldBeNull();
        var heir = cluster.Join(coordinator);
        for (var instance = 0; instance < InstanceCount; instance++) cluster.Publish(instance);
        // What is on its way arrives piece by piece: the word that it shall keep everything, its own that it let go, the word that half moves.
        var seen = new List<FeedEvent>();
        for (var step = 0; step < 40 && cluster.Runtime.Step(); step++)
        {
            seen.AddRange(cluster.Drain(holder));
            seen.AddRange(cluster.Drain(heir));
        }
        seen.Select(happened => $"{happened.ResourceId}:{happened.Sequence}").Order().ShouldBe(["i0:2", "i1:2", "i2:2", "i3:2"]);
    }

    [Fact]
    public async Task What_a_node_reported_before_it_was_taken_for_lost_frees_nothing_that_it_was_given_since()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        // Of even shares, one of the other node's moves when another connection comes.
        cluster.AreMedia = false;
        cluster.TellView();
        var members = cluster.Nodes.Keys.ToDictionary(node => node, node => cluster.Join(node));
        cluster.Runtime.Advance(100);
        var (coordinator, other) = Roles(cluster);
        PublishEverywhere(cluster);
        foreach (var feed in members.Values) Done(feed.AcknowledgeAsync(cluster.Drain(feed)[^1].Cursor, default)).Error.ShouldBeNull();
        cluster.Runtime.Advance(100);
        // One of the other's instances shall move: it lets go of it, which it reports, and reports once more because it gets another connection.
        var heir = cluster.Join(coordinator.Name);
        cluster.Runtime.Advance(1);
        var late = cluster.Join(other.Name);
        // Both reports are on their way when the coordinator takes the node for lost and finds it again; nobody waits for the instance any more.
        await LoseAndFindAsync(coordinator, other, heir);
        SeenOnceStepByStep(cluster, [.. members.Values, late]);
    }

    [Fact]
    public async Task A_report_from_before_a_node_was_taken_for_lost_does_not_say_what_it_holds_now()
    {
        var cluster = FeedCluster.Create(new FeedBounds { HandoverMillis = 1_000_000 }, "a", "b");
        var members = cluster.Nodes.Keys.ToDictionary(node => node, node => cluster.Join(node));
        cluster.Runtime.Advance(100);
        var (coordinator, other) = Roles(cluster);
        PublishEverywhere(cluster);
        foreach (var feed in members.Values) Done(feed.AcknowledgeAsync(cluster.Drain(feed)[^1].Cursor, default)).Error.ShouldBeNull();
        await members[other.Name].DisposeAsync();
        cluster.Runtime.Advance(100);
        // The table that gives it two instances crosses a report that it has none, because it gets another connection.
        members[other.Name] = cluster.Join(other.Name);
        cluster.Runtime.Advance(1);
        var late = cluster.Join(other.Name);
        await LoseAndFindAsync(coordinator, other);
        SeenOnceStepByStep(cluster, [.. members.Values, late]);
    }

    /// <summary>In one moment the coordinator takes the other node for lost, a connection ends, and the node is there again.</summary>
    private static async Task LoseAndFindAsync(FeedCluster.Node coordinator, FeedCluster.Node other, IEventFeed? ending = null)
    {
        var both = coordinator.View!;
        var alone = both with { Number = both.Number + 1, Nodes = [.. both.Nodes.Where(node => node.Name != other.Name)] };
        coordinator.Feeds.OnViewChanged(both, alone);
        if (ending is not null) await ending.DisposeAsync();
        coordinator.Feeds.OnViewChanged(alone, both with { Number = both.Number + 2 });
    }

    /// <summary>
    /// A second event of each instance is seen once, although what is on its way arrives piece by piece: what is given for a moment only is seen too.
    /// </summary>
    private static void SeenOnceStepByStep(FeedCluster cluster, IReadOnlyList<IEventFeed> feeds)
    {
        for (var instance = 0; instance < InstanceCount; instance++) cluster.Publish(instance);
        var seen = new List<FeedEvent>();
        for (var step = 0; step < 100 && cluster.Runtime.Step(); step++)
        {
            foreach (var feed in feeds) seen.AddRange(cluster.Drain(feed));
        }
        seen.Select(happened => $"{happened.ResourceId}:{happened.Sequence}").Order().ShouldBe(["i0:2", "i1:2", "i2:2", "i3:2"]);
    }

    private static (string Coordinator, string Other) NamesOfRoles()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        cluster.Join("a");
        var (coordinator, other) = Roles(cluster);
        return (coordinator.Name, other.Name);
    }
}
