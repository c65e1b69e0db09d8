using System.Text;
using Cti.Persistence.PostgreSql;
using Cti.Testing;
using Npgsql;

namespace Cti.Persistence.Tests.PostgreSql;

/// <summary>What holds between nodes that share a database.</summary>
[Collection(PostgreSqlCollection.Name)]
public sealed partial class PostgreSqlJournalStoreTests(PostgreSqlFixture fixture) : PostgreSqlTests(fixture)
{
    private readonly PostgreSqlFixture _fixture = fixture;

    private static InstanceAppend Release(long epoch, long tail, string resource = "r") => new()
    {
        Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = tail, NewTail = tail + 1, Entries = [Entry(tail + 1, resource)],
        ReleasedResources = [resource],
    };

    private static InstanceAppend Record(int instance, long epoch, long tail, Guid id) => new()
    {
        Instance = instance, Owner = "a", Epoch = epoch, ExpectedTail = tail, NewTail = tail + 1,
        CallRecords = [new CallRecordRow(id, "a", "r", 100, "[]"u8.ToArray())],
    };

    [Fact]
    public async Task Several_nodes_that_open_a_new_database_at_once_agree_on_its_tables()
    {
        var schema = await _fixture.NewSchemaAsync();
        var stores = Enumerable.Range(0, 6).Select(_ => new PostgreSqlJournalStore(new PostgreSqlOptions
        {
            ConnectionString = Server.ConnectionString(schema), ConnectTimeout = TimeSpan.FromSeconds(30), CommandTimeout = TimeSpan.FromSeconds(30),
        })).ToArray();
        await Task.WhenAll(stores.Select(store => Task.Run(async () => await store.OpenAsync(Instances))));
        foreach (var store in stores) (await store.ReadOwnershipAsync()).Count.ShouldBe(Instances);
        foreach (var store in stores) await store.DisposeAsync();
        (await Server.QueryAsync("SELECT version FROM schema_migration", schema)).ShouldBe(["1", "2"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_takeover_waits_for_an_append_that_is_under_way_and_reads_what_became_of_it(bool commits)
    {
        var epoch = await ClaimAsync(0);
        await using var old = await ConnectAsync();
        await using var transaction = await old.BeginTransactionAsync();
        (await BeginAppendAsync(old, Entries(0, epoch, 0, 3))).ShouldBe([AppendOutcome.Accepted]);

        await using var second = Create(null);
        await second.OpenAsync(Instances);
        var claim = second.ClaimAsync("b", [1, 0]).AsTask();
        await UntilWaitingAsync(1);
        claim.IsCompleted.ShouldBeFalse("the takeover has to wait for the append");
        if (commits) await transaction.CommitAsync();
        else await transaction.RollbackAsync();

        var tail = commits ? 3 : 0;
        (await claim.WaitAsync(Patience)).ShouldBe([new InstanceOwnership(1, "b", 1, 0), new InstanceOwnership(0, "b", epoch + 1, tail)]);
        (await second.ReadJournalAsync(0)).Count.ShouldBe(tail);
        (await AppendAsync(Entries(0, epoch, tail))).ShouldBe(AppendOutcome.Fenced);
        (await second.ReadJournalAsync(0)).Count.ShouldBe(tail);
    }

    [Fact]
    public async Task An_append_that_waits_for_a_takeover_is_fenced()
    {
        var epoch = await ClaimAsync(0);
        await using var other = await ConnectAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand("UPDATE instance SET owner = 'b', epoch = epoch + 1 WHERE id = 0", other))
            await command.ExecuteNonQueryAsync();
        var free = await ClaimAsync(1);
        var append = Store.AppendAsync([Entries(0, epoch, 0), Entries(1, free, 0)]).AsTask();
        await UntilWaitingAsync(1);
        append.IsCompleted.ShouldBeFalse();
        await transaction.CommitAsync();
        (await append.WaitAsync(Patience)).ShouldBe([AppendOutcome.Fenced, AppendOutcome.Accepted]);
        (await Store.ReadJournalAsync(0)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_release_that_waits_for_an_earlier_append_deletes_what_that_wrote()
    {
        var epoch = await ClaimAsync(0);
        await Store.TryAcquirePermitAsync("t", 9, "p", 0);
        await using var first = await ConnectAsync();
        await using var transaction = await first.BeginTransactionAsync();
        await BeginAppendAsync(first, new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 2, Entries = [Entry(1), Entry(2)], BoundPermits = [new("p", "r")],
        });
        var release = Store.AppendAsync([Release(epoch, 2)]).AsTask();
        await UntilWaitingAsync(1);
        await transaction.CommitAsync();
        (await release.WaitAsync(Patience)).ShouldBe([AppendOutcome.Accepted]);
        (await Store.ReadJournalAsync(0)).ShouldBeEmpty();
        (await Store.ReadPermitsInUseAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_written_bound_and_released_within_one_batch_leaves_nothing_and_what_comes_behind_stays()
    {
        var epoch = await ClaimAsync(0);
        await Store.TryAcquirePermitAsync("t", 9, "p", 0);
        var bind = new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 2, Entries = [Entry(1, "x"), Entry(2, "y")], BoundPermits = [new("p", "x")],
        };
        (await Store.AppendAsync([bind, Release(epoch, 2, "x"), Entries(0, epoch, 3, resource: "x")]))
            .ShouldAllBe(outcome => outcome == AppendOutcome.Accepted);
        (await Store.ReadJournalAsync(0)).Select(entry => (entry.Position, entry.ResourceId)).ShouldBe([(2, "y"), (4, "x")]);
        (await Store.ReadPermitsInUseAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_nodes_call_records_appear_in_the_order_of_their_numbers()
    {
        var epochs = (await Store.ClaimAsync("a", [0, 1, 2])).Select(claim => claim.Epoch).ToArray();
        var ids = Enumerable.Range(0, 3).Select(_ => Guid.NewGuid()).ToArray();
        await Store.AppendAsync([Record(2, epochs[2], 0, ids[0])]);
        await using var slow = await ConnectAsync();
        await using var transaction = await slow.BeginTransactionAsync();
        await BeginAppendAsync(slow, Record(0, epochs[0], 0, ids[1]));
        var behind = Store.AppendAsync([Record(1, epochs[1], 0, ids[2])]).AsTask();
        await UntilWaitingAsync(1);
        (await Store.ReadCallRecordsAsync("a", 0, 10)).Select(stored => (stored.RowNumber, stored.Record.Id)).ShouldBe([(1, ids[0])]);
        await transaction.CommitAsync();
        await behind.WaitAsync(Patience);
        (await Store.ReadCallRecordsAsync("a", 0, 10)).Select(stored => (stored.RowNumber, stored.Record.Id)).ShouldBe([(1, ids[0]), (2, ids[1]), (3, ids[2])]);
    }

    [Fact]
    public async Task A_call_record_whose_append_was_refused_takes_no_number()
    {
        var epoch = await ClaimAsync(0);
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        (await Store.AppendAsync([Record(0, epoch, 4, Guid.NewGuid()), Record(0, epoch, 0, first), Record(0, epoch, 9, Guid.NewGuid()),
            Record(0, epoch, 1, second)]))
            .ShouldBe([AppendOutcome.TailMismatch, AppendOutcome.Accepted, AppendOutcome.TailMismatch, AppendOutcome.Accepted]);
        (await Store.ReadCallRecordsAsync("a", 0, 10)).Select(stored => (stored.RowNumber, stored.Record.Id)).ShouldBe([(1, first), (2, second)]);
    }

    [Fact]
    public async Task Two_nodes_whose_batches_name_the_same_instances_in_opposite_order_never_block_each_other()
    {
        var all = Enumerable.Range(0, Instances).ToArray();
        var epochs = (await Store.ClaimAsync("a", all)).Select(claim => claim.Epoch).ToArray();
        await using var second = Create(null);
        await second.OpenAsync(Instances);
        async Task<int> RunAsync(IJournalStore store, int[] order)
        {
            var accepted = 0;
            for (var round = 0; round < 25; round++)
            {
                var tails = await store.ReadOwnershipAsync();
                var outcomes = await store.AppendAsync([.. order.Select(id => Entries(id, epochs[id], tails[id].Tail))]);
                accepted += outcomes.Count(outcome => outcome == AppendOutcome.Accepted);
            }
            return accepted;
        }
        var accepted = await Task.WhenAll(Task.Run(() => RunAsync(Store, all)), Task.Run(() => RunAsync(second, [.. all.Reverse()])));
        (await Store.ReadOwnershipAsync()).Sum(owned => owned.Tail).ShouldBe(accepted.Sum());
        foreach (var id in all) (await Store.ReadJournalAsync(id)).Count.ShouldBe((int)(await Store.ReadOwnershipAsync())[id].Tail);
    }

    [Fact]
    public async Task Of_nodes_that_race_for_a_trunks_permits_as_many_win_as_there_are()
    {
        await using var second = Create(null);
        await second.OpenAsync(Instances);
        IJournalStore[] stores = [Store, second];
        var won = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(async () => await stores[i % 2].TryAcquirePermitAsync("t", 7, $"p{i}", 0))));
        won.Count(isWon => isWon).ShouldBe(7);
        (await Store.ReadPermitsInUseAsync())["t"].ShouldBe(7);
        var (free, held) = (Array.IndexOf(won, false), Array.IndexOf(won, true));
        await second.ReleasePermitAsync($"p{held}");
        (await Store.TryAcquirePermitAsync("t", 7, $"p{free}", 0)).ShouldBeTrue();
        (await Store.TryAcquirePermitAsync("t", 7, $"p{held}", 0)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_release_that_is_under_way_keeps_no_other_node_from_its_trunk()
    {
        var epoch = await ClaimAsync(0);
        await Store.TryAcquirePermitAsync("t", 2, "p", 0);
        await using var releasing = await ConnectAsync();
        await using var transaction = await releasing.BeginTransactionAsync();
        await BeginAppendAsync(releasing, new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, ReleasedPermits = ["p"],
        });
        (await Store.TryAcquirePermitAsync("t", 2, "q", 0).AsTask().WaitAsync(Patience)).ShouldBeTrue();
        // What is not committed is not free yet.
        (await Store.TryAcquirePermitAsync("t", 2, "r", 0).AsTask().WaitAsync(Patience)).ShouldBeFalse();
        await transaction.CommitAsync();
        (await Store.TryAcquirePermitAsync("t", 2, "r", 0)).ShouldBeTrue();
    }

    [Fact]
    public async Task Nodes_that_sweep_at_once_leave_exactly_the_young()
    {
        var epoch = await ClaimAsync(0);
        for (var tail = 0; tail < 6_000; tail += 500) await AppendAsync(Events(0, epoch, tail, 500, time: 1_000 + tail));
        await using var second = Create(null);
        await second.OpenAsync(Instances);
        await Task.WhenAll(((IJournalStore[])[Store, second, Store]).Select(store => Task.Run(async () => await store.SweepAsync(6_500, 0, 0))));
        (await Store.ReadEventsAsync("app", 0, 0, 10_000)).Select(stored => stored.Position).ShouldBe(Enumerable.Range(5_501, 500).Select(i => (long)i));
        (await second.ReadExpiredAsync("app"))[0].ShouldBe(5_500);
    }

    [Theory]
    [InlineData(""","a5",{"received":{"codec":"PCMA","packets":148,"lost":2,"jitter_ms":1.3,"round_trip_ms":null,"mos":4.2}"""
        + ""","sent":{"codec":"PCMA","packets":150,"lost":null}}]""", "PCMA|148|2|1.3||4.2|PCMA|150||||")]
    [InlineData(""","a5",null]""", "|||||||||||")]
    [InlineData(""","a5"]""", "|||||||||||")]
    public async Task Call_records_can_be_read_by_the_names_of_their_fields(string end, string quality)
    {
        var epoch = await ClaimAsync(0);
        var fields = "[" + string.Join(',', Enumerable.Range(0, 28).Select(i => i % 2 == 0 ? $"\"f{i}\"" : $"{i}")) + end;
        await AppendAsync(new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1,
            CallRecords =
            [
                new CallRecordRow(Guid.NewGuid(), "a", "r", 70, Encoding.UTF8.GetBytes(fields)), new CallRecordRow(Guid.NewGuid(), "a", "none", 70, default),
            ],
        });
        const string Names = "number, node, res_id, time, id, nodeid, cdrid, processid, callid, ch, devno, ani, dnis, dnis2, orgcallno, dir, devtype, "
            + "busitype, callstatus, endtype, ipscreason, "
            + "callfailcause, callbegintime, connectbegintime, callendtime, talkduration, projectid, flowid, additionalinfo1, additionalinfo2, "
            + "additionalinfo3, additionalinfo4, additionalinfo5, "
            + "received_codec, received_packets, received_lost, received_jitter_ms, received_round_trip_ms, received_mos, sent_codec, sent_packets, sent_lost, "
            + "sent_jitter_ms, sent_round_trip_ms, sent_mos";
        (await Server.QueryAsync($"SELECT {Names} FROM call_record WHERE res_id = 'r'", Schema))
            .ShouldBe(["1|a|r|70|" + string.Join('|', Enumerable.Range(0, 28).Select(i => i % 2 == 0 ? $"f{i}" : $"{i}")) + "|a5|" + quality]);
        (await Server.QueryAsync("SELECT count(*), count(id) FROM call_record", Schema)).ShouldBe(["2|1"]);
    }

    [Fact]
    public async Task A_batch_of_appends_is_one_round_trip_and_one_transaction()
    {
        await using var wire = new CountingProxy(Server.Port);
        await using var store = Create(wire.Port);
        await store.OpenAsync(Instances);
        var epochs = (await store.ClaimAsync("a", [.. Enumerable.Range(0, Instances)])).Select(claim => claim.Epoch).ToArray();
        var tail = 0;
        InstanceAppend[] Batch()
        {
            tail += 4;
            return [.. Enumerable.Range(0, Instances * 4).Select(i => new InstanceAppend
            {
                Instance = i % Instances, Owner = "a", Epoch = epochs[i % Instances], ExpectedTail = tail - 4 + (i / Instances),
                NewTail = tail - 3 + (i / Instances),
                Entries = [Entry(tail - 3 + (i / Instances), $"r{i}", new string('x', 2_000))],
                Idempotency = [new IdempotencyRow("app", Guid.NewGuid(), 1, 1, "{}"u8.ToArray())],
                CallRecords = [new CallRecordRow(Guid.NewGuid(), "a", "r", 1, "[]"u8.ToArray())],
            })];
        }
        for (var i = 0; i < 4; i++) await store.AppendAsync(Batch());
        var (trips, before) = (wire.RoundTrips, tail);
        for (var i = 0; i < 5; i++) (await store.AppendAsync(Batch())).ShouldAllBe(outcome => outcome == AppendOutcome.Accepted);
        (wire.RoundTrips - trips).ShouldBe(5);
        (await Server.QueryAsync($"SELECT count(*), count(DISTINCT xmin::text) FROM journal WHERE pos > {before}", Schema))
            .ShouldBe([$"{5 * 4 * Instances}|5"]);
    }
}
