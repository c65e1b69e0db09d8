using Cti.Actors.Feeds;
using Cti.Contract;
using Cti.Kernel;
using Cti.Testing;
using static Cti.Actors.Tests.Events.FeedBench;

namespace Cti.Actors.Tests.Events;

public sealed class FeedGroupTests
{
    private static readonly FeedBounds Small = new() { LiveEventsMax = 8, PageRowsMax = 3, UnacknowledgedMax = 4, HandoverMillis = 1_000 };

    private static IEventFeed Join(FeedBench bench, string? from = null, string group = "g")
    {
        var feed = bench.Hub.Open(App);
        bench.Subscribe(feed, from, group).Error.ShouldBeNull();
        return feed;
    }

    private static int[] InstancesOf(string events) =>
        [.. events.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text => text[0] - '0').Distinct().Order()];

    [Fact]
    public void Connections_of_a_group_divide_the_instances_and_each_event_reaches_one()
    {
        var bench = Create();
        IEventFeed[] members = [Join(bench), Join(bench), Join(bench)];
        for (var instance = 0; instance < InstanceCount; instance++) bench.Publish(instance, 2);
        var seen = members.Select(member => bench.Drain(member)).ToArray();
        string.Join(' ', seen).Split(' ').Order().ShouldBe(["0:1", "0:2", "1:1", "1:2", "2:1", "2:2", "3:1", "3:2"]);
        seen.Select(text => InstancesOf(text).Length).Order().ShouldBe([1, 1, 2]);
    }

    [Fact]
    public void A_joining_connection_moves_no_more_instances_than_its_share()
    {
        var bench = Create();
        var first = Join(bench);
        var second = Join(bench);
        for (var instance = 0; instance < InstanceCount; instance++) bench.Publish(instance);
        var (before1, before2) = (bench.DrainEvents(first), bench.DrainEvents(second));
        bench.Acknowledge(first, before1[^1].Cursor);
        bench.Acknowledge(second, before2[^1].Cursor);
        var third = Join(bench);
        for (var instance = 0; instance < InstanceCount; instance++) bench.Publish(instance);
        InstancesOf(bench.Drain(third)).Length.ShouldBe(1);
        InstancesOf(bench.Drain(first)).ShouldBeSubsetOf(InstancesOf(Text(before1)));
        InstancesOf(bench.Drain(second)).ShouldBeSubsetOf(InstancesOf(Text(before2)));
    }

    [Fact]
    public void More_connections_than_instances_leave_some_in_reserve()
    {
        var bench = Create();
        var members = Enumerable.Range(0, InstanceCount + 1).Select(_ => Join(bench)).ToArray();
        for (var instance = 0; instance < InstanceCount; instance++) bench.Publish(instance);
        members.Count(member => bench.Drain(member).Length == 0).ShouldBe(1);
    }

    [Fact]
    public async Task What_a_lost_connection_did_not_acknowledge_goes_to_another_from_the_last_acknowledged_on()
    {
        var bench = Create();
        var first = Join(bench);
        bench.Publish(0, 3);
        bench.Publish(1, 2);
        var events = bench.DrainEvents(first);
        Text(events).ShouldBe("0:1 0:2 0:3 1:1 1:2");
        bench.Acknowledge(first, events[1].Cursor).Error.ShouldBeNull();
        var second = Join(bench);
        await first.DisposeAsync();
        bench.Drain(second).ShouldBe("0:3 1:1 1:2");
    }

    [Fact]
    public async Task The_stored_position_wins_over_from_also_after_a_restart()
    {
        var bench = Create();
        var first = Join(bench);
        bench.Publish(0, 3);
        var events = bench.DrainEvents(first);
        bench.Acknowledge(first, events[0].Cursor);
        await first.DisposeAsync();
        bench.Restart();
        var feed = bench.Hub.Open(App);
        bench.Subscribe(feed, "earliest", "g").Error.ShouldBeNull();
        bench.Drain(feed).ShouldBe("0:2 0:3");
        await feed.DisposeAsync();
        bench.Drain(Join(bench)).ShouldBe("0:2 0:3");
    }

    [Fact]
    public async Task A_group_that_never_acknowledged_still_resumes_where_it_began()
    {
        var bench = Create();
        bench.Publish(0);
        var first = Join(bench);
        await first.DisposeAsync();
        bench.Publish(0, 2);
        bench.Drain(Join(bench)).ShouldBe("0:2 0:3");
    }

    [Fact]
    public async Task An_ack_moves_only_the_acking_connections_instances_and_never_beyond_its_delivery()
    {
        var bench = Create();
        var first = Join(bench);
        var second = Join(bench);
        for (var instance = 0; instance < InstanceCount; instance++) bench.Publish(instance, 2);
        var mine = bench.DrainEvents(first);
        bench.DrainEvents(second);
        bench.Publish(InstancesOf(Text(mine))[0]);
        // Everything that exists, far beyond what was delivered to the first.
        bench.Acknowledge(first, FeedCursor.Encode(bench.Tails)).Error.ShouldBeNull();
        var stored = await bench.Disk.ReadFeedPositionsAsync(App, "g");
        for (var instance = 0; instance < InstanceCount; instance++)
            stored[instance].ShouldBe(InstancesOf(Text(mine)).Contains(instance) ? 2 : 0);
    }

    [Fact]
    public async Task An_acknowledgement_needs_a_group_and_a_cursor()
    {
        var bench = Create();
        var feed = bench.Hub.Open(App);
        bench.Publish(0);
        var cursor = bench.DrainEvents(feed)[0].Cursor;
        bench.Acknowledge(feed, cursor).Error!.Code.ShouldBe(ErrorCodes.InvalidParams);
        bench.Subscribe(feed, null, "g");
        var malformed = bench.Acknowledge(feed, "nonsense").Error!;
        (malformed.Code, malformed.Data!["param"]).ShouldBe((ErrorCodes.InvalidParams, "cursor"));
        bench.Subscribe(feed, null, "").Error!.Data!["param"].ShouldBe("group");
        bench.Acknowledge(feed, cursor).Error.ShouldBeNull();
        (await bench.Disk.ReadFeedPositionsAsync(App, "g"))[0].ShouldBe(1);
    }

    [Fact]
    public void An_acknowledgement_that_could_not_be_stored_counts_for_nothing()
    {
        var faults = new ScriptedStoreFaults();
        var bench = Create(Small, faults);
        var feed = Join(bench);
        bench.Publish(0, 4);
        var events = bench.DrainEvents(feed);
        faults.FailNext(StoreOperation.WriteFeedPositions);
        bench.Acknowledge(feed, events[3].Cursor).Error!.Code.ShouldBe(ErrorCodes.Unavailable);
        bench.Publish(0);
        bench.Drain(feed).ShouldBe("");
        bench.Acknowledge(feed, events[3].Cursor).Error.ShouldBeNull();
        bench.Drain(feed).ShouldBe("0:5");
    }

    [Fact]
    public async Task At_the_bound_of_unacknowledged_events_delivery_pauses_until_an_ack_and_nothing_is_overrun()
    {
        var bench = Create(Small);
        var feed = Join(bench);
        bench.Publish(0, 3);
        bench.Publish(1, 3);
        var events = bench.DrainEvents(feed);
        Text(events).ShouldBe("0:1 0:2 0:3 1:1");
        var read = bench.StartRead(feed);
        bench.Publish(2, 20);
        bench.Runtime.RunAll();
        read.IsCompleted.ShouldBeFalse();
        bench.Acknowledge(feed, events[1].Cursor);
        bench.Runtime.RunAll();
        Text(await read).ShouldBe("1:2 1:3");
        bench.Acknowledge(feed, events[3].Cursor);
        bench.Drain(feed).ShouldBe("2:1 2:2");
    }

    [Fact]
    public void Of_a_connection_that_does_not_acknowledge_the_operator_hears_once_until_it_has_acknowledged_half()
    {
        var bench = Create(Small);
        var told = new List<string>();
        bench.Hub.DeliveryPaused = (application, group, events) => told.Add($"{application} {group} {events}");
        var feed = Join(bench);
        bench.Publish(0, 20);
        var events = bench.DrainEvents(feed);
        told.ShouldBe([$"{App} g 4"]);
        bench.Acknowledge(feed, events[0].Cursor);
        bench.DrainEvents(feed);
        told.Count.ShouldBe(1, "one event acknowledged, one delivered");
        bench.Acknowledge(feed, events[3].Cursor);
        bench.DrainEvents(feed);
        told.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_ack_stored_after_its_connection_is_gone_leaves_the_next_owner_nothing_outstanding(bool whileThePageIsRead)
    {
        var faults = new ScriptedStoreFaults();
        var bench = Create(Small, faults);
        var first = Join(bench);
        var second = Join(bench);
        bench.Publish(0, 4);
        var events = bench.DrainEvents(first);
        Text(events).ShouldBe("0:1 0:2 0:3 0:4");
        var stored = faults.HoldNext(StoreOperation.WriteFeedPositions);
        var acknowledging = first.AcknowledgeAsync(events[3].Cursor, default).AsTask();
        await first.DisposeAsync();
        var page = faults.HoldNext(StoreOperation.ReadEvents, applied: true);
        if (!whileThePageIsRead) page.SetResult();
        bench.Publish(0, 4);
        var read = whileThePageIsRead ? bench.StartRead(second) : null;
        ManualRuntime.Inline(stored.SetResult);
        (await acknowledging).Error.ShouldBeNull();
        if (read is null) read = bench.StartRead(second);
        else ManualRuntime.Inline(page.SetResult);
        bench.Runtime.RunAll();
        List<FeedEvent> rest = [.. await read, .. bench.DrainEvents(second)];
        Text(rest).ShouldBe("0:5 0:6 0:7 0:8");
        bench.Acknowledge(second, rest[^1].Cursor).Error.ShouldBeNull();
        bench.Publish(0, 4);
        bench.Drain(second).ShouldBe("0:9 0:10 0:11 0:12");
    }

    [Fact]
    public void While_its_connection_lives_no_event_is_delivered_twice_and_moves_wait_for_the_ack()
    {
        var bench = Create(Small);
        var first = Join(bench);
        bench.Publish(2);
        bench.Publish(3);
        var events = bench.DrainEvents(first);
        var second = Join(bench);
        bench.Publish(2);
        bench.Publish(3);
        bench.Drain(second).ShouldBe("");
        bench.Drain(first).ShouldBe("");
        bench.Acknowledge(first, events[1].Cursor);
        bench.Drain(second).ShouldBe("2:2 3:2");
        bench.Drain(first).ShouldBe("");
        bench.Runtime.Advance(1_000);
        bench.Drain(second).ShouldBe("");
    }

    [Fact]
    public void A_move_waits_no_longer_than_the_handover_time()
    {
        var bench = Create(Small);
        var first = Join(bench);
        bench.Publish(3);
        var events = bench.DrainEvents(first);
        var second = Join(bench);
        bench.Publish(3);
        bench.Runtime.Advance(999);
        bench.Drain(second).ShouldBe("");
        bench.Runtime.Advance(1);
        bench.Drain(second).ShouldBe("3:1 3:2");
        // Too late: it is the second's now.
        bench.Acknowledge(first, events[0].Cursor);
        bench.Publish(3);
        bench.Drain(second).ShouldBe("3:3");
        bench.Drain(first).ShouldBe("");
    }

    [Fact]
    public async Task A_move_that_is_off_lets_the_first_connection_go_on_without_repeats()
    {
        var bench = Create(Small);
        var first = Join(bench);
        bench.Publish(3);
        bench.DrainEvents(first);
        var second = Join(bench);
        bench.Publish(3);
        await second.DisposeAsync();
        bench.Drain(first).ShouldBe("3:2");
        bench.Runtime.Advance(1_000);
        bench.Publish(3);
        bench.Drain(first).ShouldBe("3:3");
    }

    [Fact]
    public void Groups_and_plain_feeds_do_not_disturb_each_other()
    {
        var bench = Create();
        var plain = bench.Hub.Open(App);
        var g = Join(bench);
        var h = Join(bench, group: "h");
        bench.Publish(0);
        foreach (var feed in new[] { plain, g, h }) bench.Drain(feed).ShouldBe("0:1");
    }

    [Fact]
    public void Leaving_a_group_by_a_new_subscription_hands_its_instances_on()
    {
        var bench = Create();
        var first = Join(bench);
        var second = Join(bench);
        bench.Subscribe(first);
        for (var instance = 0; instance < InstanceCount; instance++) bench.Publish(instance);
        bench.Drain(second).ShouldBe("0:1 1:1 2:1 3:1");
        bench.Drain(first).ShouldBe("0:1 1:1 2:1 3:1");
    }

    [Fact]
    public void Subscribing_to_the_same_group_again_starts_from_the_last_acknowledged()
    {
        var bench = Create();
        var feed = Join(bench);
        bench.Publish(0, 3);
        var events = bench.DrainEvents(feed);
        bench.Acknowledge(feed, events[0].Cursor);
        bench.Subscribe(feed, null, "g").Cursor.ShouldBe(events[0].Cursor);
        bench.Drain(feed).ShouldBe("0:2 0:3");
    }

    [Fact]
    public async Task A_groups_expired_position_is_410_until_a_from_says_where_to_go_on()
    {
        var bench = Create();
        var feed = Join(bench);
        await feed.DisposeAsync();
        bench.Hub.Publish(bench.Append(0, 3, time: 100));
        bench.Hub.Publish(bench.Append(0, 1, time: 200));
        bench.Hub.Publish(bench.Append(1, 1, time: 200));
        await bench.Disk.SweepAsync(200, 0, 0);
        var again = bench.Hub.Open(App);
        var refusal = bench.Subscribe(again, null, "g").Error!;
        refusal.Code.ShouldBe(ErrorCodes.Gone);
        bench.Subscribe(again, (string)refusal.Data!["earliest"], "g").Error.ShouldBeNull();
        bench.Drain(again).ShouldBe("0:4 1:1");
    }
}
