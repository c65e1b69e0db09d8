using Cti.Actors.Feeds;
using Cti.Contract;
using Cti.Testing;
using static Cti.Actors.Tests.Events.FeedBench;

namespace Cti.Actors.Tests.Events;

/// <summary>Feeds without a group, and who counts as listening, over three nodes: a owns instances 0 and 3, b 1, c 2.</summary>
public sealed class ClusterFeedTests
{
    private static string[] Sorted(string events) => [.. events.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order()];

    [Fact]
    public void An_event_reaches_the_feeds_of_every_node_by_push_without_a_read_of_the_store()
    {
        var cluster = FeedCluster.Create(null, "a", "b", "c");
        var feeds = cluster.Nodes.Keys.Select(node => cluster.Join(node, null)).ToArray();
        cluster.Runtime.Advance(10);
        for (var instance = 0; instance < InstanceCount; instance++) cluster.Publish(instance, 2);
        cluster.Runtime.Advance(5);
        foreach (var feed in feeds) Sorted(cluster.DrainText(feed)).ShouldBe(["0:1", "0:2", "1:1", "1:2", "2:1", "2:2", "3:1", "3:2"]);
        foreach (var node in cluster.Nodes.Values) node.Reads[StoreOperation.ReadEvents].ShouldBe(0);
    }

    [Fact]
    public void While_everything_is_pushed_no_tails_are_read()
    {
        var cluster = FeedCluster.Create(null, "a", "b", "c");
        cluster.Join("a", null);
        cluster.Runtime.Advance(100);
        var before = cluster.Nodes.Values.Select(node => node.Reads[StoreOperation.ReadOwnership]).ToArray();
        cluster.Runtime.Advance(10_000);
        cluster.Nodes.Values.Select(node => node.Reads[StoreOperation.ReadOwnership]).ShouldBe(before);
    }

    [Fact]
    public void A_node_without_feeds_of_an_application_gets_none_of_its_events_but_knows_how_far_they_are()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var before = cluster.Net.Sent;
        cluster.Publish(0, 500);
        cluster.Publish(0, 500);
        cluster.Runtime.Advance(1_000);
        (cluster.Net.Sent - before).ShouldBe(1);
        var feed = cluster.Join("b", null);
        cluster.Runtime.Advance(10);
        cluster.DrainText(feed).ShouldBe("");
        cluster.Publish(0);
        cluster.Runtime.Advance(10);
        cluster.DrainText(feed).ShouldBe("0:1001");
    }

    [Fact]
    public void What_happens_before_the_owner_hears_of_a_feed_is_read_from_the_store()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var other = cluster.Nodes["b"].Hub.Open("other");
        cluster.Runtime.Advance(10);
        var feed = cluster.Nodes["b"].Hub.Open(App);
        cluster.Publish(0, 2);
        // Pushed for the other application before the announcement of this one arrives.
        cluster.Publish(0, 1, "other");
        cluster.Runtime.Advance(10);
        cluster.DrainText(feed).ShouldBe("0:1 0:2");
        cluster.DrainText(other).ShouldBe("0:3");
        cluster.Publish(0);
        cluster.Runtime.Advance(10);
        cluster.DrainText(feed).ShouldBe("0:4");
    }

    [Fact]
    public void A_message_that_the_link_refused_leaves_a_gap_that_is_read_from_the_store()
    {
        var draws = 0;
        var cluster = new FeedCluster(InstanceCount, new FeedBounds());
        cluster.Start("a");
        cluster.Start("b");
        for (var instance = 0; instance < InstanceCount; instance++) cluster.Take("a", instance);
        cluster.TellView();
        cluster.Runtime.Advance(100);
        var feed = cluster.Join("b", null);
        cluster.Runtime.Advance(10);
        cluster.Net.Refuse = () => draws++ == 0;
        cluster.Publish(0, 2);
        cluster.Runtime.Advance(10);
        cluster.DrainText(feed).ShouldBe("");
        cluster.Runtime.Advance(300);
        cluster.DrainText(feed).ShouldBe("0:1 0:2");
        cluster.Publish(0);
        cluster.Runtime.Advance(10);
        cluster.DrainText(feed).ShouldBe("0:3");
        draws.ShouldBeGreaterThan(1);
    }

    [Fact]
    public void Without_a_link_events_come_by_asking_for_the_tails_each_second()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var feed = cluster.Join("b", null);
        cluster.Runtime.Advance(10);
        cluster.Net.Break("a", "b");
        cluster.Runtime.Advance(10);
        cluster.Publish(0, 2);
        cluster.Runtime.Advance(1_000);
        cluster.DrainText(feed).ShouldBe("0:1 0:2");
        var reads = cluster.Nodes["b"].Reads[StoreOperation.ReadOwnership];
        cluster.Runtime.Advance(5_000);
        (cluster.Nodes["b"].Reads[StoreOperation.ReadOwnership] - reads).ShouldBe(5);
        cluster.Append(0);
        cluster.Net.Connect("a", "b");
        cluster.Runtime.Advance(10);
        cluster.PublishAll();
        cluster.Publish(0);
        cluster.Runtime.Advance(10);
        cluster.DrainText(feed).ShouldBe("0:3 0:4");
    }

    [Fact]
    public void What_a_dead_owner_did_not_publish_is_found_by_the_new_owner_and_told_to_all()
    {
        var cluster = FeedCluster.Create(null, "a", "b", "c");
        IEventFeed[] feeds = [cluster.Join("b", null), cluster.Join("c", null)];
        cluster.Runtime.Advance(10);
        cluster.Publish(0);
        cluster.Append(0, 2);
        cluster.Kill("a");
        cluster.Take("b", 0);
        cluster.Take("c", 3);
        cluster.TellView();
        cluster.Runtime.Advance(10);
        foreach (var feed in feeds) cluster.DrainText(feed).ShouldBe("0:1 0:2 0:3");
        cluster.Publish(0);
        cluster.Runtime.Advance(10);
        foreach (var feed in feeds) cluster.DrainText(feed).ShouldBe("0:4");
    }

    [Fact]
    public void An_owner_that_publishes_after_it_was_deposed_reorders_nothing()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        IEventFeed[] feeds = [cluster.Join("a", null), cluster.Join("b", null)];
        cluster.Runtime.Advance(10);
        cluster.Append(0, 2);
        cluster.Take("b", 0);
        cluster.Append(0);
        cluster.Nodes["b"].Publish(1);
        cluster.Nodes["a"].Publish(2);
        cluster.TellView();
        cluster.Runtime.Advance(10);
        foreach (var feed in feeds) cluster.DrainText(feed).ShouldBe("0:1 0:2 0:3");
    }

    [Fact]
    public void A_cursor_resumes_on_another_node_right_after_its_event()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var feed = cluster.Join("a", null);
        cluster.Publish(0, 3);
        cluster.Publish(1, 3);
        cluster.Runtime.Advance(10);
        var events = cluster.Drain(feed);
        var cursor = events.Single(happened => happened is { ResourceId: "i0", Sequence: 2 }).Cursor;
        var again = cluster.Nodes["b"].Hub.Open(App);
        Done(again.SubscribeAsync(cursor, null, default)).Error.ShouldBeNull();
        cluster.Runtime.Advance(300);
        var seen = FeedCursor.Decode(cursor, InstanceCount, out _)!;
        Sorted(cluster.DrainText(again)).ShouldBe(Sorted(Text(events.Where(happened => happened.Sequence > seen[happened.ResourceId[1] - '0']))));
    }

    [Fact]
    public void A_cluster_of_one_sends_nothing_and_keeps_no_timer()
    {
        var cluster = FeedCluster.Create(null, "a");
        var feed = cluster.Join("a");
        cluster.Publish(0, 3);
        Text(cluster.Drain(feed)).ShouldBe("0:1 0:2 0:3");
        cluster.Runtime.Advance(5_000);
        cluster.Net.Sent.ShouldBe(0);
        cluster.Runtime.PendingTimers.ShouldBe(0);
        cluster.Nodes["a"].Reads[StoreOperation.ReadOwnership].ShouldBe(1);
    }

    [Fact]
    public async Task An_application_is_attended_while_any_node_has_a_feed_of_it()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        cluster.Runtime.Advance(6_000);
        var owner = cluster.Nodes["a"].Hub;
        owner.IsUnattended(App).ShouldBeTrue();
        var feed = cluster.Join("b", null);
        var second = cluster.Join("b", null);
        cluster.Runtime.Advance(10);
        owner.IsUnattended(App).ShouldBeFalse();
        owner.IsUnattended("other").ShouldBeTrue();
        await feed.DisposeAsync();
        cluster.Runtime.Advance(6_000);
        owner.IsUnattended(App).ShouldBeFalse();
        await second.DisposeAsync();
        cluster.Runtime.Advance(4_990);
        owner.IsUnattended(App).ShouldBeFalse();
        cluster.Runtime.Advance(20);
        owner.IsUnattended(App).ShouldBeTrue();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_node_that_broke_or_died_loses_its_subscribers_after_five_seconds(bool dies)
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        cluster.Join("b", null);
        cluster.Runtime.Advance(10_000);
        if (dies) cluster.Kill("b");
        else cluster.Net.Break("a", "b");
        cluster.Runtime.Advance(4_999);
        cluster.Nodes["a"].Hub.IsUnattended(App).ShouldBeFalse();
        cluster.Runtime.Advance(1);
        cluster.Nodes["a"].Hub.IsUnattended(App).ShouldBeTrue();
        if (dies) return;
        cluster.Net.Connect("a", "b");
        cluster.Runtime.Advance(10);
        cluster.Nodes["a"].Hub.IsUnattended(App).ShouldBeFalse();
    }

    [Fact]
    public void A_node_that_died_for_the_view_alone_says_again_what_it_has_when_it_is_back()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var feed = cluster.Join("b", null);
        cluster.Runtime.Advance(10);
        var all = cluster.Nodes["a"].View!;
        cluster.Nodes["a"].Feeds.OnViewChanged(all, all with { Number = 2, Nodes = [.. all.Nodes.Where(node => node.Name == "a")] });
        cluster.Runtime.Advance(10_000);
        cluster.Nodes["a"].Hub.IsUnattended(App).ShouldBeTrue();
        cluster.Publish(0);
        cluster.Nodes["a"].Feeds.OnViewChanged(all, all with { Number = 3 });
        cluster.Runtime.Advance(10);
        cluster.Nodes["a"].Hub.IsUnattended(App).ShouldBeFalse();
        cluster.Publish(0);
        cluster.Runtime.Advance(10);
        cluster.DrainText(feed).ShouldBe("0:1 0:2");
    }

    [Fact]
    public void A_message_that_cannot_be_read_changes_nothing()
    {
        var cluster = FeedCluster.Create(null, "a", "b");
        var feed = cluster.Join("b", null);
        cluster.Runtime.Advance(10);
        foreach (var bytes in new byte[][] { [], [99], [1], [2, 200], [3, 1, 2, 3, 250, 250, 250, 250, 1], [4, 3, 65],
            [5, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255] })
            cluster.Nodes["b"].Feeds.OnMessage("a", bytes);
        // An instance that this cluster does not have.
        cluster.Nodes["b"].Feeds.OnMessage("a", new byte[] { 3, 77, 0, 5, 0 });
        cluster.Publish(0);
        cluster.Runtime.Advance(10);
        cluster.DrainText(feed).ShouldBe("0:1");
    }
}
