using Cti.Actors.Feeds;
using Cti.Contract;
using Cti.Kernel;
using Cti.Testing;
using static Cti.Actors.Tests.Events.FeedBench;

namespace Cti.Actors.Tests.Events;

public sealed class EventHubTests
{
    private static readonly FeedBounds Small = new() { LiveEventsMax = 8, PageRowsMax = 3 };

    [Fact]
    public void An_open_feed_gets_its_applications_events_from_then_on()
    {
        var bench = Create();
        bench.Publish(0, 2);
        var feed = bench.Hub.Open(App);
        bench.Publish(0, 1, "other");
        bench.Publish(0, 2);
        bench.Publish(3);
        bench.Drain(feed).ShouldBe("0:4 0:5 3:1");
    }

    [Fact]
    public async Task A_waiting_reader_is_resumed_by_the_scheduler_and_not_by_who_publishes()
    {
        var bench = Create();
        var feed = bench.Hub.Open(App);
        var read = bench.StartRead(feed);
        bench.Publish(1);
        read.IsCompleted.ShouldBeFalse();
        bench.Runtime.RunAll().ShouldBe(1);
        Text(await read).ShouldBe("1:1");
    }

    [Fact]
    public async Task An_event_is_delivered_with_all_that_was_stored_of_it()
    {
        var bench = Create();
        var feed = bench.Hub.Open(App);
        var stored = bench.Append(2)[0] with { UnixMillis = 77, Params = "{\"a\":1}"u8.ToArray(), Media = "[1]"u8.ToArray() };
        bench.Hub.Publish([stored]);
        var happened = (await bench.StartRead(feed)).ShouldHaveSingleItem();
        (happened.ResourceId, happened.Sequence, happened.UnixMillis, happened.Method).ShouldBe(("i2", 1, 77, "sys.call.on_test"));
        happened.Params.ToArray().ShouldBe("{\"a\":1}"u8.ToArray());
        happened.Media.ToArray().ShouldBe("[1]"u8.ToArray());
    }

    [Fact]
    public void An_event_published_twice_is_delivered_once()
    {
        var bench = Create();
        var feed = bench.Hub.Open(App);
        var events = bench.Append(0, 2);
        bench.Hub.Publish(events);
        bench.Hub.Publish(events);
        bench.Drain(feed).ShouldBe("0:1 0:2");
    }

    [Fact]
    public void Every_events_cursor_resumes_right_after_it()
    {
        var bench = Create(Small);
        var feed = bench.Hub.Open(App);
        foreach (var instance in new[] { 0, 1, 0, 3, 3, 1 }) bench.Publish(instance);
        var events = bench.DrainEvents(feed);
        for (var i = 0; i < events.Count; i++)
        {
            var again = bench.Hub.Open(App);
            bench.Subscribe(again, events[i].Cursor).Cursor.ShouldBe(events[i].Cursor);
            bench.Drain(again).Split(' ', StringSplitOptions.RemoveEmptyEntries).Order()
                .ShouldBe(Text(events[(i + 1)..]).Split(' ', StringSplitOptions.RemoveEmptyEntries).Order());
            bench.Runtime.RunAll();
        }
    }

    [Fact]
    public void A_cursor_is_good_after_a_restart_of_the_node()
    {
        var bench = Create();
        var feed = bench.Hub.Open(App);
        bench.Publish(0, 2);
        var cursor = bench.DrainEvents(feed)[0].Cursor;
        bench.Append(1, 1);
        bench.Restart();
        var again = bench.Hub.Open(App);
        bench.Subscribe(again, cursor).Error.ShouldBeNull();
        bench.Publish(0);
        bench.Drain(again).ShouldBe("0:2 0:3 1:1");
    }

    [Fact]
    public void Earliest_reads_all_that_is_kept_in_pages_and_goes_on_live()
    {
        var bench = Create(Small);
        bench.Publish(0, 7);
        bench.Publish(2, 3);
        var feed = bench.Hub.Open(App);
        bench.Subscribe(feed, "earliest").Error.ShouldBeNull();
        bench.Drain(feed, limit: 2).ShouldBe("0:1 0:2 0:3 0:4 0:5 0:6 0:7 2:1 2:2 2:3");
        bench.Publish(0);
        bench.Drain(feed).ShouldBe("0:8");
    }

    [Fact]
    public void Null_is_now_and_its_cursor_says_where_that_was()
    {
        var bench = Create();
        bench.Publish(0, 3);
        var feed = bench.Hub.Open(App);
        bench.Publish(1);
        var now = bench.Subscribe(feed).Cursor!;
        bench.Publish(2);
        bench.Drain(feed).ShouldBe("2:1");
        bench.Subscribe(feed, now).Error.ShouldBeNull();
        bench.Drain(feed).ShouldBe("2:1");
    }

    [Fact]
    public async Task A_subscription_moves_a_feed_whose_reader_waits()
    {
        var bench = Create();
        bench.Publish(0, 2);
        var feed = bench.Hub.Open(App);
        var read = bench.StartRead(feed);
        bench.Subscribe(feed, "earliest");
        bench.Runtime.RunAll();
        Text(await read).ShouldBe("0:1 0:2");
    }

    [Fact]
    public async Task What_is_published_while_the_store_is_read_follows_without_gap_or_repeat()
    {
        var faults = new ScriptedStoreFaults();
        var bench = Create(new FeedBounds(), faults);
        bench.Publish(0, 2);
        var feed = bench.Hub.Open(App);
        bench.Subscribe(feed, "earliest");
        var gate = faults.HoldNext(StoreOperation.ReadEvents);
        var late = faults.HoldNext(StoreOperation.ReadEvents, applied: true);
        var read = bench.StartRead(feed);
        // Before the page is read (the page shows it) and after (it does not).
        var shown = bench.Append(0);
        ManualRuntime.Inline(gate.SetResult);
        bench.Publish(0);
        bench.Hub.Publish(shown);
        ManualRuntime.Inline(late.SetResult);
        Text(await read).ShouldBe("0:1 0:2 0:3");
        bench.Publish(0);
        bench.Drain(feed).ShouldBe("0:4 0:5");
    }

    [Fact]
    public async Task When_the_ring_wraps_during_the_catch_up_the_store_is_read_again()
    {
        var faults = new ScriptedStoreFaults();
        var bench = Create(Small, faults);
        bench.Publish(0);
        var feed = bench.Hub.Open(App);
        bench.Subscribe(feed, "earliest");
        var gate = faults.HoldNext(StoreOperation.ReadEvents, applied: true);
        var read = bench.StartRead(feed);
        for (var i = 0; i < 10; i++) bench.Publish(i % 2);
        ManualRuntime.Inline(gate.SetResult);
        Text(await read).ShouldBe("0:1");
        bench.Drain(feed).Split(' ').Order().ShouldBe(["0:2", "0:3", "0:4", "0:5", "0:6", "1:1", "1:2", "1:3", "1:4", "1:5"]);
        bench.Publish(3);
        bench.Drain(feed).ShouldBe("3:1");
    }

    [Fact]
    public async Task A_live_reader_that_falls_behind_the_ring_is_told_and_resumes_by_cursor()
    {
        var bench = Create(Small);
        var feed = bench.Hub.Open(App);
        bench.Publish(0);
        var cursor = bench.DrainEvents(feed)[0].Cursor;
        bench.Publish(0, 8);
        bench.Publish(1);
        await Should.ThrowAsync<FeedOverrunException>(() => bench.StartRead(feed));
        await feed.DisposeAsync();
        var again = bench.Hub.Open(App);
        bench.Subscribe(again, cursor);
        bench.Drain(again).ShouldBe("0:2 0:3 0:4 0:5 0:6 0:7 0:8 0:9 1:1");
    }

    [Fact]
    public void Exactly_the_rings_bound_is_not_behind_it()
    {
        var bench = Create(Small);
        var feed = bench.Hub.Open(App);
        bench.Publish(0, 8);
        bench.Drain(feed).ShouldBe("0:1 0:2 0:3 0:4 0:5 0:6 0:7 0:8");
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("")]
    [InlineData("AQMAAAAA")]
    public void A_malformed_cursor_is_an_invalid_parameter_and_moves_nothing(string from)
    {
        var bench = Create();
        var feed = bench.Hub.Open(App);
        bench.Publish(0);
        var answer = bench.Subscribe(feed, from);
        answer.Cursor.ShouldBeNull();
        answer.Error!.Code.ShouldBe(ErrorCodes.InvalidParams);
        answer.Error.Data!["param"].ShouldBe("from");
        bench.Drain(feed).ShouldBe("0:1");
    }

    [Fact]
    public void A_cursor_of_events_that_never_were_is_refused()
    {
        var bench = Create();
        bench.Publish(0);
        var feed = bench.Hub.Open(App);
        bench.Subscribe(feed, FeedCursor.Encode([2, 0, 0, 0])).Error!.Code.ShouldBe(ErrorCodes.InvalidParams);
        bench.Subscribe(feed, FeedCursor.Encode([1, 0, 0, 0])).Error.ShouldBeNull();
    }

    [Fact]
    public async Task An_expired_cursor_answers_410_with_the_earliest_that_works()
    {
        var bench = Create();
        var feed = bench.Hub.Open(App);
        bench.Hub.Publish(bench.Append(0, 3, time: 100));
        bench.Hub.Publish(bench.Append(0, 2, time: 200));
        bench.Hub.Publish(bench.Append(1, 1, time: 200));
        var old = bench.DrainEvents(feed)[0].Cursor;
        await bench.Disk.SweepAsync(200, 0, 0);
        var answer = bench.Subscribe(feed, old);
        answer.Cursor.ShouldBeNull();
        answer.Error!.Code.ShouldBe(ErrorCodes.Gone);
        var earliest = answer.Error.Data!["earliest"].ShouldBeOfType<string>();
        bench.Subscribe(feed, earliest).Error.ShouldBeNull();
        bench.Drain(feed).ShouldBe("0:4 0:5 1:1");
        bench.Subscribe(feed, "earliest").Error.ShouldBeNull();
        bench.Drain(feed).ShouldBe("0:4 0:5 1:1");
    }

    [Fact]
    public async Task The_cursor_of_a_quiet_application_does_not_expire_with_anothers_events()
    {
        var bench = Create();
        var feed = bench.Hub.Open(App);
        var quiet = bench.Subscribe(feed).Cursor!;
        bench.Hub.Publish(bench.Append(0, 5, "busy", 100));
        await bench.Disk.SweepAsync(200, 0, 0);
        bench.Subscribe(feed, quiet).Error.ShouldBeNull();
        bench.Publish(0);
        bench.Drain(feed).ShouldBe("0:6");
    }

    [Fact]
    public async Task A_reader_waits_out_an_unavailable_store()
    {
        var faults = new ScriptedStoreFaults();
        var bench = Create(Small, faults);
        bench.Publish(0, 2);
        var feed = bench.Hub.Open(App);
        bench.Subscribe(feed, "earliest");
        faults.FailNext(StoreOperation.ReadEvents, 2);
        var read = bench.StartRead(feed);
        bench.Runtime.Advance(499);
        read.IsCompleted.ShouldBeFalse();
        bench.Runtime.Advance(1);
        Text(await read).ShouldBe("0:1 0:2");
        bench.Runtime.PendingTimers.ShouldBe(0);
    }

    [Fact]
    public void A_subscription_that_the_store_cannot_serve_is_503_and_moves_nothing()
    {
        var faults = new ScriptedStoreFaults();
        var bench = Create(Small, faults);
        bench.Publish(0);
        var feed = bench.Hub.Open(App);
        bench.Publish(0);
        faults.FailNext(StoreOperation.ReadExpired);
        bench.Subscribe(feed, "earliest").Error!.Code.ShouldBe(ErrorCodes.Unavailable);
        bench.Drain(feed).ShouldBe("0:2");
    }

    [Fact]
    public async Task A_cancelled_read_takes_nothing_with_it()
    {
        var faults = new ScriptedStoreFaults();
        var bench = Create(Small, faults);
        bench.Publish(0, 2);
        var feed = bench.Hub.Open(App);
        bench.Subscribe(feed, "earliest");
        faults.HoldNext(StoreOperation.ReadEvents, applied: true);
        using var cancel = new CancellationTokenSource();
        var read = bench.StartRead(feed, 10, cancel.Token);
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => read);
        bench.Drain(feed).ShouldBe("0:1 0:2");
    }

    [Fact]
    public async Task Closing_a_feed_ends_its_waiting_read()
    {
        var bench = Create();
        var feed = bench.Hub.Open(App);
        var read = bench.StartRead(feed);
        await feed.DisposeAsync();
        await feed.DisposeAsync();
        bench.Runtime.RunAll();
        await Should.ThrowAsync<ObjectDisposedException>(() => read);
        await Should.ThrowAsync<ObjectDisposedException>(async () => await feed.SubscribeAsync(null, null, default));
    }

    [Fact]
    public async Task Whether_an_application_is_attended_is_known_and_told()
    {
        var bench = Create();
        var told = new List<string>();
        bench.Hub.SubscribersChanged = (application, count) => told.Add($"{application} {count}");
        bench.Runtime.Advance(4_999);
        bench.Hub.HasLiveSubscriber(App).ShouldBeFalse();
        bench.Hub.LastSubscriberLostAt(App).ShouldBe(0);
        bench.Hub.IsUnattended(App).ShouldBeFalse();
        bench.Runtime.Advance(1);
        bench.Hub.IsUnattended(App).ShouldBeTrue();

        var first = bench.Hub.Open(App);
        var second = bench.Hub.Open(App);
        bench.Hub.HasLiveSubscriber(App).ShouldBeTrue();
        bench.Hub.HasLiveSubscriber("other").ShouldBeFalse();
        bench.Hub.LastSubscriberLostAt(App).ShouldBeNull();
        await first.DisposeAsync();
        bench.Hub.HasLiveSubscriber(App).ShouldBeTrue();
        bench.Runtime.Advance(1_000);
        await second.DisposeAsync();
        bench.Hub.LastSubscriberLostAt(App).ShouldBe(6_000_000_000);
        bench.Runtime.Advance(4_999);
        bench.Hub.IsUnattended(App).ShouldBeFalse();
        bench.Runtime.Advance(1);
        bench.Hub.IsUnattended(App).ShouldBeTrue();
        told.ShouldBe(["app 1", "app 2", "app 1", "app 0"]);
    }
}
