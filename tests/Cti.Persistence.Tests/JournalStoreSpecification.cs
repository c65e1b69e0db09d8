using System.Text;
using Cti.Testing;

namespace Cti.Persistence.Tests;

/// <summary>What every store must do, whatever it is made of. A store's test class inherits it and says how to make one.</summary>
public abstract partial class JournalStoreSpecification : IAsyncLifetime
{
    protected const int Instances = 8;

    private IJournalStore _store = null!;

    /// <summary>A store over the same data each time it is called within one test.</summary>
    protected abstract IJournalStore Create();

    protected IJournalStore Store => _store;

    public virtual async Task InitializeAsync()
    {
        _store = Create();
        await _store.OpenAsync(Instances);
    }

    public virtual async Task DisposeAsync() => await _store.DisposeAsync();

    protected async Task ReopenAsync()
    {
        await _store.DisposeAsync();
        _store = Create();
        await _store.OpenAsync(Instances);
    }

    protected async Task<long> ClaimAsync(int instance, string node = "a") => (await _store.ClaimAsync(node, [instance]))[0].Epoch;

    protected static JournalEntry Entry(long position, string resource = "r", string payload = "p") =>
        new(position, resource, 1, Encoding.UTF8.GetBytes(payload));

    protected static StoredEvent Event(int instance, long position, string application = "app", long time = 1_000, string resource = "r") =>
        new(application, instance, position, resource, (int)position, time, "sys.call.on_test", Encoding.UTF8.GetBytes($"{{\"n\":{position}}}"),
            ReadOnlyMemory<byte>.Empty);

    protected static InstanceAppend Entries(int instance, long epoch, long tail, int count = 1, string node = "a", string resource = "r") => new()
    {
        Instance = instance, Owner = node, Epoch = epoch, ExpectedTail = tail, NewTail = tail + count,
        Entries = [.. Enumerable.Range(1, count).Select(i => Entry(tail + i, resource))],
    };

    protected static InstanceAppend Events(int instance, long epoch, long tail, int count = 1, string application = "app", long time = 1_000) => new()
    {
        Instance = instance, Owner = "a", Epoch = epoch, ExpectedTail = tail, NewTail = tail + count,
        Events = [.. Enumerable.Range(1, count).Select(i => Event(instance, tail + i, application, time))],
    };

    protected async Task<AppendOutcome> AppendAsync(InstanceAppend append) => (await _store.AppendAsync([append])).ShouldHaveSingleItem();

    private async Task<long> TailAsync(int instance) => (await _store.ReadOwnershipAsync())[instance].Tail;

    private async Task<long[]> JournalAsync(int instance) => [.. (await _store.ReadJournalAsync(instance)).Select(entry => entry.Position)];

    private async Task<long[]> FeedAsync(int instance, long after = 0, int limit = 100, string application = "app") =>
        [.. (await _store.ReadEventsAsync(application, instance, after, limit)).Select(stored => stored.Position)];

    [Fact]
    public async Task A_new_store_has_every_instance_unowned_and_empty()
    {
        (await Store.ReadOwnershipAsync()).ShouldBe(Enumerable.Range(0, Instances).Select(id => new InstanceOwnership(id, "", 0, 0)));
    }

    [Fact]
    public async Task A_claim_raises_each_epoch_by_one_and_answers_in_the_order_asked()
    {
        (await Store.ClaimAsync("a", [3, 1])).ShouldBe([new InstanceOwnership(3, "a", 1, 0), new InstanceOwnership(1, "a", 1, 0)]);
        await AppendAsync(Entries(3, 1, 0, 2));
        (await Store.ClaimAsync("b", [3])).ShouldBe([new InstanceOwnership(3, "b", 2, 2)]);
        var now = await Store.ReadOwnershipAsync();
        now[1].ShouldBe(new InstanceOwnership(1, "a", 1, 0));
        now[3].ShouldBe(new InstanceOwnership(3, "b", 2, 2));
    }

    [Fact]
    public async Task Claiming_again_by_the_same_node_raises_the_epoch_and_fences_its_older_self()
    {
        var before = await ClaimAsync(0);
        var after = await ClaimAsync(0);
        after.ShouldBe(before + 1);
        (await AppendAsync(Entries(0, before, 0))).ShouldBe(AppendOutcome.Fenced);
        (await AppendAsync(Entries(0, after, 0))).ShouldBe(AppendOutcome.Accepted);
    }

    [Fact]
    public async Task An_append_by_another_than_the_owner_is_fenced_and_writes_nothing()
    {
        var epoch = await ClaimAsync(0);
        (await AppendAsync(Entries(0, epoch, 0, node: "b"))).ShouldBe(AppendOutcome.Fenced);
        (await JournalAsync(0)).ShouldBeEmpty();
        (await TailAsync(0)).ShouldBe(0);
    }

    [Fact]
    public async Task An_append_to_an_instance_that_was_never_claimed_is_fenced()
    {
        (await AppendAsync(Entries(5, 0, 0))).ShouldBe(AppendOutcome.Fenced);
    }

    [Fact]
    public async Task A_deposed_owner_is_told_fenced_even_where_its_tail_is_wrong_too()
    {
        var epoch = await ClaimAsync(0);
        await ClaimAsync(0, "b");
        (await AppendAsync(Entries(0, epoch, 7))).ShouldBe(AppendOutcome.Fenced);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task An_append_behind_another_tail_is_refused_and_writes_nothing(long expected)
    {
        var epoch = await ClaimAsync(0);
        await AppendAsync(Entries(0, epoch, 0, 2));
        (await AppendAsync(Entries(0, epoch, expected))).ShouldBe(AppendOutcome.TailMismatch);
        (await JournalAsync(0)).ShouldBe([1, 2]);
        (await TailAsync(0)).ShouldBe(2);
    }

    [Fact]
    public async Task Positions_are_gapless_over_many_appends_and_entries_share_them_with_events()
    {
        var epoch = await ClaimAsync(2);
        for (long tail = 0; tail < 30; tail += 3)
        {
            (await AppendAsync(new InstanceAppend
            {
                Instance = 2, Owner = "a", Epoch = epoch, ExpectedTail = tail, NewTail = tail + 3,
                Entries = [Entry(tail + 1), Entry(tail + 3)], Events = [Event(2, tail + 2)],
            })).ShouldBe(AppendOutcome.Accepted);
        }
        (await TailAsync(2)).ShouldBe(30);
        (await JournalAsync(2)).Concat(await FeedAsync(2)).Order().ShouldBe(Enumerable.Range(1, 30).Select(i => (long)i));
    }

    [Theory]
    [InlineData(new long[] { 2 }, new long[0], 1)]
    [InlineData(new long[] { 0 }, new long[0], 1)]
    [InlineData(new long[] { 1, 1 }, new long[0], 2)]
    [InlineData(new long[] { 2, 1 }, new long[0], 2)]
    [InlineData(new long[] { 1 }, new long[] { 1 }, 2)]
    [InlineData(new long[0], new long[] { 2, 1 }, 2)]
    [InlineData(new long[0], new long[0], 0)]
    public async Task An_append_that_breaks_the_numbering_is_a_bug_and_nothing_of_its_batch_is_written(long[] entries, long[] events, long newTail)
    {
        var epoch = await ClaimAsync(0);
        var other = await ClaimAsync(1);
        var broken = new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = newTail,
            Entries = [.. entries.Select(position => Entry(position))], Events = [.. events.Select(position => Event(0, position))],
        };
        await Should.ThrowAsync<ArgumentException>(async () => await Store.AppendAsync([Entries(1, other, 0), broken]));
        (await TailAsync(0)).ShouldBe(0);
        (await TailAsync(1)).ShouldBe(0);
    }

    [Fact]
    public async Task In_a_batch_one_refused_append_leaves_the_rest_standing()
    {
        var first = await ClaimAsync(0);
        await ClaimAsync(1, "b");
        var third = await ClaimAsync(2);
        (await Store.AppendAsync([Entries(0, first, 0), Entries(1, 1, 0), Entries(2, third, 4), Entries(2, third, 0, 2)]))
            .ShouldBe([AppendOutcome.Accepted, AppendOutcome.Fenced, AppendOutcome.TailMismatch, AppendOutcome.Accepted]);
        (await JournalAsync(0)).ShouldBe([1]);
        (await JournalAsync(1)).ShouldBeEmpty();
        (await JournalAsync(2)).ShouldBe([1, 2]);
    }

    [Fact]
    public async Task One_instance_may_stand_in_a_batch_several_times_in_order()
    {
        var epoch = await ClaimAsync(0);
        (await Store.AppendAsync([Entries(0, epoch, 0, 2), Entries(0, epoch, 2), Entries(0, epoch, 3, 3)]))
            .ShouldAllBe(outcome => outcome == AppendOutcome.Accepted);
        (await JournalAsync(0)).ShouldBe([1, 2, 3, 4, 5, 6]);
    }

    [Fact]
    public async Task Behind_a_refused_append_a_later_one_of_the_same_instance_is_refused_too()
    {
        var epoch = await ClaimAsync(0);
        (await Store.AppendAsync([Entries(0, epoch, 5), Entries(0, epoch, 6)])).ShouldBe([AppendOutcome.TailMismatch, AppendOutcome.TailMismatch]);
        (await TailAsync(0)).ShouldBe(0);
    }

    [Fact]
    public async Task An_empty_batch_is_answered_with_no_outcome()
    {
        (await Store.AppendAsync([])).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_entry_comes_back_as_it_was_written()
    {
        var epoch = await ClaimAsync(4);
        var payload = new byte[] { 0, 255, 1, 0 };
        await AppendAsync(new InstanceAppend
        {
            Instance = 4, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 2,
            Entries = [new JournalEntry(1, "0.0.4-sys.call-8", 7, payload), new JournalEntry(2, "0.0.4-sys.call-8", 8, ReadOnlyMemory<byte>.Empty)],
        });
        payload.AsSpan().Clear();
        var read = await Store.ReadJournalAsync(4);
        read.Select(entry => (entry.Position, entry.ResourceId, entry.Version)).ShouldBe([(1, "0.0.4-sys.call-8", 7), (2, "0.0.4-sys.call-8", 8)]);
        read[0].Payload.ToArray().ShouldBe([0, 255, 1, 0]);
        read[1].Payload.Length.ShouldBe(0);
    }

    [Fact]
    public async Task Payloads_of_a_megabyte_come_back_whole()
    {
        var epoch = await ClaimAsync(0);
        var big = new byte[1 << 20];
        new Random(7).NextBytes(big);
        await AppendAsync(new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 2,
            Entries = [new JournalEntry(1, "r", 1, big)],
            Events = [Event(0, 2) with { Params = big, Media = big }],
        });
        (await Store.ReadJournalAsync(0))[0].Payload.Span.SequenceEqual(big).ShouldBeTrue();
        var stored = (await Store.ReadEventsAsync("app", 0, 0, 1))[0];
        stored.Params.Span.SequenceEqual(big).ShouldBeTrue();
        stored.Media.Span.SequenceEqual(big).ShouldBeTrue();
    }

    [Fact]
    public async Task A_released_resource_leaves_the_journal_and_its_events_stay()
    {
        var epoch = await ClaimAsync(0);
        await AppendAsync(Entries(0, epoch, 0, 2, resource: "x"));
        await AppendAsync(Entries(0, epoch, 2, 1, resource: "y"));
        (await AppendAsync(new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 3, NewTail = 5,
            Entries = [Entry(4, "x")], Events = [Event(0, 5, resource: "x")], ReleasedResources = ["x"],
        })).ShouldBe(AppendOutcome.Accepted);
        (await JournalAsync(0)).ShouldBe([3]);
        (await FeedAsync(0)).ShouldBe([5]);
        (await TailAsync(0)).ShouldBe(5);
    }

    [Fact]
    public async Task A_journal_is_empty_when_every_resource_of_every_instance_was_released()
    {
        (await Store.IsEmptyAsync()).ShouldBeTrue();
        var epochs = (First: await ClaimAsync(0), Last: await ClaimAsync(3));
        await AppendAsync(Entries(0, epochs.First, 0, resource: "x"));
        await AppendAsync(Entries(3, epochs.Last, 0, resource: "y"));
        await AppendAsync(new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epochs.First, ExpectedTail = 1, NewTail = 2, Events = [Event(0, 2, resource: "x")], ReleasedResources = ["x"],
        });
        (await Store.IsEmptyAsync()).ShouldBeFalse("one is left");
        await AppendAsync(new InstanceAppend
        {
            Instance = 3, Owner = "a", Epoch = epochs.Last, ExpectedTail = 1, NewTail = 2, Events = [Event(3, 2, resource: "y")], ReleasedResources = ["y"],
        });
        (await Store.IsEmptyAsync()).ShouldBeTrue("events stay, and do not count");
    }

    [Fact]
    public async Task A_refused_append_releases_nothing()
    {
        var epoch = await ClaimAsync(0);
        await AppendAsync(Entries(0, epoch, 0, resource: "x"));
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, ReleasedResources = ["x"] });
        (await JournalAsync(0)).ShouldBe([1]);
    }

    [Fact]
    public async Task Events_are_read_by_application_and_instance_behind_a_position_in_pages()
    {
        var epoch = await ClaimAsync(0);
        await AppendAsync(Events(0, epoch, 0, 5));
        await AppendAsync(Events(0, epoch, 5, 2, "other"));
        await AppendAsync(Events(0, epoch, 7, 3));
        await AppendAsync(Events(1, await ClaimAsync(1), 0, 4));
        (await FeedAsync(0, 0, 3)).ShouldBe([1, 2, 3]);
        (await FeedAsync(0, 3, 3)).ShouldBe([4, 5, 8]);
        (await FeedAsync(0, 8, 3)).ShouldBe([9, 10]);
        (await FeedAsync(0, 10)).ShouldBeEmpty();
        (await FeedAsync(0, application: "other")).ShouldBe([6, 7]);
        (await FeedAsync(1)).ShouldBe([1, 2, 3, 4]);
        (await FeedAsync(0, application: "nobody")).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_event_comes_back_as_it_was_written()
    {
        var epoch = await ClaimAsync(6);
        await AppendAsync(new InstanceAppend
        {
            Instance = 6, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1,
            Events =
            [
                new StoredEvent("äpp", 6, 1, "0.0.6-sys.call-14", 3, 1_700_000_000_123, "sys.call.on_incoming", "{\"a\":1}"u8.ToArray(), "[]"u8.ToArray()),
            ],
        });
        var stored = (await Store.ReadEventsAsync("äpp", 6, 0, 10)).ShouldHaveSingleItem();
        (stored.Application, stored.Instance, stored.Position, stored.ResourceId, stored.Sequence, stored.UnixMillis, stored.Method)
            .ShouldBe(("äpp", 6, 1, "0.0.6-sys.call-14", 3, 1_700_000_000_123, "sys.call.on_incoming"));
        Encoding.UTF8.GetString(stored.Params.Span).ShouldBe("{\"a\":1}");
        Encoding.UTF8.GetString(stored.Media.Span).ShouldBe("[]");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(10_001)]
    public async Task A_page_is_of_1_to_10000_rows(int limit)
    {
        await Should.ThrowAsync<ArgumentOutOfRangeException>(async () => await Store.ReadEventsAsync("app", 0, 0, limit));
        await Should.ThrowAsync<ArgumentOutOfRangeException>(async () => await Store.ReadCallRecordsAsync("a", 0, limit));
    }

    [Fact]
    public async Task An_instance_out_of_range_is_a_bug_of_the_caller()
    {
        await Should.ThrowAsync<ArgumentException>(async () => await Store.AppendAsync([Entries(Instances, 1, 0)]));
        await Should.ThrowAsync<ArgumentException>(async () => await Store.ClaimAsync("a", [-1]));
        await Should.ThrowAsync<ArgumentException>(async () => await Store.ReadJournalAsync(Instances));
    }

    [Fact]
    public async Task The_sweep_drops_old_events_and_says_per_application_and_instance_how_far()
    {
        var epoch = await ClaimAsync(0);
        await AppendAsync(Events(0, epoch, 0, 3, time: 100));
        await AppendAsync(Events(0, epoch, 3, 2, "other", time: 100));
        await AppendAsync(Events(0, epoch, 5, 2, time: 200));
        await AppendAsync(Events(1, await ClaimAsync(1), 0, 1, time: 300));
        (await Store.ReadExpiredAsync("app")).ShouldBe(new long[Instances]);
        await Store.SweepAsync(200, 0, 0);
        (await FeedAsync(0)).ShouldBe([6, 7]);
        (await FeedAsync(1)).ShouldBe([1]);
        (await Store.ReadExpiredAsync("app")).ShouldBe([3, 0, 0, 0, 0, 0, 0, 0]);
        (await Store.ReadExpiredAsync("other")).ShouldBe([5, 0, 0, 0, 0, 0, 0, 0]);
        await Store.SweepAsync(301, 0, 0);
        await Store.SweepAsync(301, 0, 0);
        (await Store.ReadExpiredAsync("app")).ShouldBe([7, 1, 0, 0, 0, 0, 0, 0]);
    }

    [Fact]
    public async Task A_sweep_of_thousands_of_events_leaves_exactly_the_young()
    {
        var epoch = await ClaimAsync(0);
        for (var tail = 0; tail < 5_000; tail += 500) await AppendAsync(Events(0, epoch, tail, 500, time: 1_000 + tail));
        await Store.SweepAsync(5_500, 0, 0);
        (await FeedAsync(0, limit: 10_000)).ShouldBe(Enumerable.Range(4_501, 500).Select(i => (long)i));
        (await Store.ReadExpiredAsync("app"))[0].ShouldBe(4_500);
    }

    [Fact]
    public async Task Permits_are_given_up_to_the_maximum_and_again_once_one_is_freed()
    {
        (await Store.TryAcquirePermitAsync("t", 2, "p1", 0)).ShouldBeTrue();
        (await Store.TryAcquirePermitAsync("t", 2, "p2", 0)).ShouldBeTrue();
        (await Store.TryAcquirePermitAsync("t", 2, "p3", 0)).ShouldBeFalse();
        (await Store.TryAcquirePermitAsync("u", 1, "p4", 0)).ShouldBeTrue();
        (await Store.ReadPermitsInUseAsync()).ShouldBe(new Dictionary<string, int> { ["t"] = 2, ["u"] = 1 }, ignoreOrder: true);
        await Store.ReleasePermitAsync("p1");
        await Store.ReleasePermitAsync("p1");
        await Store.ReleasePermitAsync("never");
        (await Store.ReadPermitsInUseAsync())["t"].ShouldBe(1);
        (await Store.TryAcquirePermitAsync("t", 2, "p3", 0)).ShouldBeTrue();
        (await Store.TryAcquirePermitAsync("v", 0, "p5", 0)).ShouldBeFalse();
        (await Store.ReadPermitsInUseAsync()).Keys.ShouldBe(["t", "u"], ignoreOrder: true);
    }

    [Fact]
    public async Task Acquiring_a_permit_that_is_held_takes_nothing_even_when_all_are_in_use()
    {
        await Store.TryAcquirePermitAsync("t", 1, "p", 0);
        (await Store.TryAcquirePermitAsync("t", 1, "p", 0)).ShouldBeTrue();
        (await Store.ReadPermitsInUseAsync())["t"].ShouldBe(1);
    }

    [Fact]
    public async Task The_sweep_frees_old_permits_that_no_resource_holds_and_only_those()
    {
        var epoch = await ClaimAsync(0);
        await Store.TryAcquirePermitAsync("t", 9, "bound", 100);
        await Store.TryAcquirePermitAsync("t", 9, "orphan", 100);
        await Store.TryAcquirePermitAsync("t", 9, "young", 200);
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, BoundPermits = [new("bound", "r")] });
        await Store.SweepAsync(0, 0, 200);
        (await Store.ReadPermitsInUseAsync())["t"].ShouldBe(2);
        (await Store.TryAcquirePermitAsync("t", 2, "orphan", 300)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_permit_is_freed_with_the_transaction_that_says_so_and_not_by_a_refused_one()
    {
        var epoch = await ClaimAsync(0);
        await Store.TryAcquirePermitAsync("t", 9, "p", 0);
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 4, NewTail = 5, ReleasedPermits = ["p"] });
        (await Store.ReadPermitsInUseAsync())["t"].ShouldBe(1);
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, ReleasedPermits = ["p"] });
        (await Store.ReadPermitsInUseAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_release_of_a_resource_frees_the_permits_bound_to_it()
    {
        var epoch = await ClaimAsync(0);
        await Store.TryAcquirePermitAsync("t", 9, "p", 0);
        await Store.TryAcquirePermitAsync("t", 9, "q", 0);
        await AppendAsync(new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, BoundPermits = [new("p", "x"), new("q", "y")],
        });
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 1, NewTail = 2, ReleasedResources = ["x"] });
        (await Store.ReadPermitsInUseAsync())["t"].ShouldBe(1);
    }

    [Fact]
    public async Task Feed_positions_are_kept_per_group_and_never_move_back()
    {
        (await Store.ReadFeedPositionsAsync("app", "g")).ShouldBeEmpty();
        await Store.WriteFeedPositionsAsync("app", "g", new Dictionary<int, long> { [0] = 5, [3] = 7 });
        await Store.WriteFeedPositionsAsync("app", "g", new Dictionary<int, long> { [0] = 4, [3] = 8, [7] = 0 });
        await Store.WriteFeedPositionsAsync("app", "h", new Dictionary<int, long> { [0] = 1 });
        (await Store.ReadFeedPositionsAsync("app", "g")).ShouldBe(new Dictionary<int, long> { [0] = 5, [3] = 8, [7] = 0 }, ignoreOrder: true);
        (await Store.ReadFeedPositionsAsync("app", "h"))[0].ShouldBe(1);
        (await Store.ReadFeedPositionsAsync("other", "g")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Call_records_are_numbered_and_read_by_node()
    {
        var epoch = await ClaimAsync(0);
        var records = Enumerable.Range(0, 5)
            .Select(i => new CallRecordRow(Guid.NewGuid(), i == 2 ? "b" : "a", $"r{i}", 100 + i, Encoding.UTF8.GetBytes($"[{i}]"))).ToList();
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, CallRecords = records[..3] });
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 1, NewTail = 2, CallRecords = records[3..] });
        var page = await Store.ReadCallRecordsAsync("a", 0, 3);
        page.Select(stored => stored.Record.Id).ShouldBe([records[0].Id, records[1].Id, records[3].Id]);
        page.Select(stored => stored.RowNumber).ShouldBeInOrder();
        (page[2].Record.Node, page[2].Record.ResourceId, page[2].Record.UnixMillis, Encoding.UTF8.GetString(page[2].Record.Fields.Span))
            .ShouldBe(("a", "r3", 103, "[3]"));
        (await Store.ReadCallRecordsAsync("a", page[2].RowNumber, 3)).ShouldHaveSingleItem().Record.Id.ShouldBe(records[4].Id);
        (await Store.ReadCallRecordsAsync("b", 0, 3)).ShouldHaveSingleItem().Record.Id.ShouldBe(records[2].Id);
        await Store.SweepAsync(long.MaxValue, long.MaxValue, long.MaxValue);
        (await Store.ReadCallRecordsAsync("a", 0, 10)).Count.ShouldBe(4);
    }

    [Fact]
    public async Task Call_records_are_dropped_by_age_up_to_a_row_and_row_numbers_are_never_used_again()
    {
        var epoch = await ClaimAsync(0);
        var records = Enumerable.Range(0, 5)
            .Select(i => new CallRecordRow(Guid.NewGuid(), i == 1 ? "b" : "a", $"r{i}", 100 + i, Encoding.UTF8.GetBytes($"[{i}]"))).ToList();
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, CallRecords = records });
        var rows = (await Store.ReadCallRecordsAsync("a", 0, 10)).Select(stored => stored.RowNumber).ToArray();
        await Store.DropCallRecordsAsync("a", long.MaxValue, 100);
        (await RowsAsync("a")).ShouldBe(rows);
        await Store.DropCallRecordsAsync("a", rows[2], 1_000);
        (await RowsAsync("a")).ShouldBe(rows[2..]);
        await Store.DropCallRecordsAsync("a", long.MaxValue, 104);
        (await RowsAsync("a")).ShouldBe(rows[3..]);
        (await RowsAsync("b")).Length.ShouldBe(1);
        await Store.DropCallRecordsAsync("a", long.MaxValue, long.MaxValue);
        (await RowsAsync("a")).ShouldBeEmpty();
        await ReopenAsync();
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 1, NewTail = 2, CallRecords = [records[0]] });
        (await RowsAsync("a")).ShouldHaveSingleItem().ShouldBeGreaterThan(rows[^1]);
    }

    [Fact]
    public async Task Any_number_of_call_records_is_dropped_at_once()
    {
        var epoch = await ClaimAsync(0);
        var records = Enumerable.Range(0, 4_100).Select(i => new CallRecordRow(Guid.NewGuid(), "a", "r", 100, ReadOnlyMemory<byte>.Empty)).ToList();
        await AppendAsync(new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, CallRecords = records });
        await Store.DropCallRecordsAsync("a", long.MaxValue, 101);
        (await RowsAsync("a")).ShouldBeEmpty();
    }

    private async Task<long[]> RowsAsync(string node) => [.. (await Store.ReadCallRecordsAsync(node, 0, 10)).Select(stored => stored.RowNumber)];

    [Theory]
    [InlineData(Instances - 1)]
    [InlineData(Instances + 1)]
    public async Task A_store_of_another_number_of_instances_is_refused_by_name_of_both_numbers(int configured)
    {
        await Store.DisposeAsync();
        var other = Create();
        var refusal = await Should.ThrowAsync<StoreMismatchException>(async () => await other.OpenAsync(configured));
        refusal.Message.ShouldContain($"{Instances} instances");
        refusal.Message.ShouldContain($"{configured}");
        await other.DisposeAsync();
        await ReopenAsync();
        (await Store.ReadOwnershipAsync()).Count.ShouldBe(Instances);
    }

    [Fact]
    public async Task Before_it_is_open_a_store_answers_nothing()
    {
        await Store.DisposeAsync();
        var closed = Create();
        await Should.ThrowAsync<InvalidOperationException>(async () => await closed.ReadOwnershipAsync());
        await Should.ThrowAsync<InvalidOperationException>(async () => await closed.AppendAsync([]));
        await closed.DisposeAsync();
    }

    [Fact]
    public async Task Reopening_finds_everything()
    {
        var epoch = await ClaimAsync(0);
        await Store.TryAcquirePermitAsync("t", 9, "bound", 100);
        await Store.TryAcquirePermitAsync("t", 9, "loose", 100);
        await AppendAsync(new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 3,
            Entries = [Entry(1, "x"), Entry(2, "y")], Events = [Event(0, 3, time: 50)],
            Idempotency = [new IdempotencyRow("app", Guid.NewGuid(), 1, 60, ReadOnlyMemory<byte>.Empty)],
            CallRecords = [new CallRecordRow(Guid.NewGuid(), "a", "z", 70, ReadOnlyMemory<byte>.Empty)],
            BoundPermits = [new("bound", "x")],
        });
        await AppendAsync(Events(0, epoch, 3, 1, time: 90));
        await Store.WriteFeedPositionsAsync("app", "g", new Dictionary<int, long> { [2] = 9 });
        await Store.SweepAsync(60, 0, 0);
        await ReopenAsync();
        (await Store.ReadOwnershipAsync())[0].ShouldBe(new InstanceOwnership(0, "a", epoch, 4));
        (await JournalAsync(0)).ShouldBe([1, 2]);
        (await FeedAsync(0)).ShouldBe([4]);
        (await Store.ReadExpiredAsync("app"))[0].ShouldBe(3);
        (await Store.ReadIdempotencyAsync(0, 0)).Count.ShouldBe(1);
        (await Store.ReadCallRecordsAsync("a", 0, 9)).Count.ShouldBe(1);
        (await Store.ReadFeedPositionsAsync("app", "g"))[2].ShouldBe(9);
        await Store.SweepAsync(0, 0, 1_000);
        (await Store.ReadPermitsInUseAsync())["t"].ShouldBe(1);
        (await AppendAsync(Entries(0, epoch, 4))).ShouldBe(AppendOutcome.Accepted);
    }

    [Fact]
    public async Task Concurrent_writers_of_different_instances_all_get_their_own_outcome()
    {
        var epochs = (await Store.ClaimAsync("a", [.. Enumerable.Range(0, Instances)])).Select(claim => claim.Epoch).ToArray();
        var writers = Enumerable.Range(0, Instances).Select(instance => Task.Run(async () =>
        {
            var refused = 0;
            for (long tail = 0; tail < 50;)
            {
                // Every fifth attempt is wrong on purpose: its refusal must not reach a neighbour in the same commit.
                if (tail % 5 == 4 && await AppendAsync(Entries(instance, epochs[instance], tail + 1)) == AppendOutcome.TailMismatch) refused++;
                if (await AppendAsync(Entries(instance, epochs[instance], tail)) == AppendOutcome.Accepted) tail++;
            }
            return refused;
        }));
        (await Task.WhenAll(writers)).ShouldAllBe(refused => refused == 10);
        for (var instance = 0; instance < Instances; instance++)
            (await JournalAsync(instance)).ShouldBe(Enumerable.Range(1, 50).Select(i => (long)i));
    }

    [Fact]
    public async Task Of_racing_owners_exactly_one_wins_each_position()
    {
        var epoch = await ClaimAsync(0);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => AppendAsync(Entries(0, epoch, 0, resource: $"r{i}")))));
        outcomes.Count(outcome => outcome == AppendOutcome.Accepted).ShouldBe(1);
        outcomes.Count(outcome => outcome == AppendOutcome.TailMismatch).ShouldBe(19);
        (await Store.ReadJournalAsync(0)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task What_an_append_was_answered_for_is_read_at_once()
    {
        var epoch = await ClaimAsync(0);
        for (var tail = 0; tail < 50; tail++)
        {
            await AppendAsync(Events(0, epoch, tail));
            (await FeedAsync(0, tail)).ShouldBe([tail + 1L]);
        }
    }
}
