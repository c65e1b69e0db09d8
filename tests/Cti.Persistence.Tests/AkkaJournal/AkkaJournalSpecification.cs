using Akka.Actor;
using Akka.Persistence;
using Cti.Persistence.AkkaJournal;
using Cti.Persistence.Memory;
using Cti.Persistence.PostgreSql;
using Cti.Persistence.Sqlite;
using Cti.Persistence.Tests.PostgreSql;
using Cti.Testing;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>What Akka.Persistence asks of a journal, and what the fence adds to it; the same over every store.</summary>
public abstract partial class AkkaJournalSpecification : IAsyncLifetime
{
    private const int Instances = 8;
    private readonly ScriptedStoreFaults _faults = new();
    private IJournalStore _store = null!;
    private AkkaNode _node = null!;

    /// <summary>The store of one test.</summary>
    private protected abstract Task<IJournalStore> CreateAsync();

    public async Task InitializeAsync()
    {
        _store = WithFaults(await CreateAsync());
        await _store.OpenAsync(Instances);
        _node = await new AkkaNode("a", _store).ClaimAsync([.. Enumerable.Range(0, Instances)]);
    }

    public virtual async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _store.DisposeAsync();
    }

    private IJournalStore WithFaults(IJournalStore store) => new FaultyJournalStore(store, _faults);

    private static string Id(int number, int instance = 1) => $"0.0.{instance}-sys.call-{number * Instances + instance}";

    private int Begun(StoreOperation operation) => _faults.Begun.Count(begun => begun == operation);

    /// <summary>The node as it is after it started anew: everything is claimed again.</summary>
    private async Task RestartAsync()
    {
        await _node.DisposeAsync();
        _node = await new AkkaNode("a", _store).ClaimAsync([.. Enumerable.Range(0, Instances)]);
    }

    [Theory]
    [InlineData(1, long.MaxValue, long.MaxValue, "1 2 3 4 5")]
    [InlineData(3, long.MaxValue, long.MaxValue, "3 4 5")]
    [InlineData(1, 3, long.MaxValue, "1 2 3")]
    [InlineData(1, long.MaxValue, 3, "1 2 3")]
    [InlineData(1, 3, 2, "1 2")]
    [InlineData(2, 4, long.MaxValue, "2 3 4")]
    [InlineData(3, 5, 2, "3 4")]
    [InlineData(2, 2, long.MaxValue, "2")]
    [InlineData(2, 4, 0, "")]
    [InlineData(3, 2, long.MaxValue, "")]
    [InlineData(6, long.MaxValue, long.MaxValue, "")]
    [InlineData(0, 0, long.MaxValue, "")]
    public async Task A_replay_keeps_its_bounds_and_always_tells_the_highest_sequence_number(long from, long to, long max, string expected)
    {
        await _node.WriteAsync(Id(1), 1, 5);
        await _node.WriteAsync(Id(2), 1, 2);
        var events = expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(number => $"{number}:e{number}");
        var live = await _node.ReplayAsync(Id(1), from, to, max);
        live.Events.ShouldBe(events);
        live.Highest.ShouldBe(5);
        await RestartAsync();
        var recovered = await _node.ReplayAsync(Id(1), from, to, max);
        recovered.Events.ShouldBe(events);
        recovered.Highest.ShouldBe(5);
        (await _node.ReplayAsync(Id(1))).Events.Length.ShouldBe(5, "the first replay took nothing away");
    }

    [Fact]
    public async Task An_actor_that_never_wrote_has_no_event_and_0_for_its_highest_number()
    {
        (await _node.ReplayAsync(Id(1))).ShouldSatisfyAllConditions(static empty => empty.Events.ShouldBeEmpty(), static empty => empty.Highest.ShouldBe(0));
    }

    [Fact]
    public async Task An_event_comes_back_with_its_version_and_bytes()
    {
        var big = new byte[1 << 20];
        new Random(7).NextBytes(big);
        _node.Write(AkkaNode.Atomic(Id(1), 1, new JournalEvent(9, big), new JournalEvent(1, default)));
        await _node.Probe.ExpectAsync<WriteMessagesSuccessful>();
        await _node.Probe.ExpectAsync<WriteMessageSuccess>(2);
        await RestartAsync();
        _node.System.ActorOf(Keeper.Of(Id(1), _node.Probe));
        var events = (await _node.Probe.ExpectAsync<Keeper.Recovered>()).Events.Cast<JournalEvent>().ToArray();
        events.Select(static given => given.Version).ShouldBe([9, 1]);
        events[0].Bytes.Span.SequenceEqual(big).ShouldBeTrue();
        events[1].Bytes.Length.ShouldBe(0);
    }

    [Theory]
    [InlineData(1, "2 3 4 5")]
    [InlineData(3, "4 5")]
    [InlineData(5, "")]
    [InlineData(9, "")]
    [InlineData(long.MaxValue, "")]
    public async Task A_deletion_hides_what_there_was_and_keeps_the_highest_number(long to, string expected)
    {
        var events = expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(number => $"{number}:e{number}").ToArray();
        await _node.WriteAsync(Id(1), 1, 5);
        await _node.WriteAsync(Id(2), 1, 2);
        await _node.DeleteAsync(Id(1), to);
        (await _node.ReplayAsync(Id(1))).ShouldSatisfyAllConditions(live => live.Events.ShouldBe(events), live => live.Highest.ShouldBe(5));
        await _node.WriteAsync(Id(1), 6, 1);
        await RestartAsync();
        (await _node.ReplayAsync(Id(1))).ShouldSatisfyAllConditions(after => after.Events.ShouldBe([.. events, "6:e6"]), after => after.Highest.ShouldBe(6));
        (await _node.ReplayAsync(Id(2))).Events.Length.ShouldBe(2, "another actor's are its own");
    }

    [Fact]
    public async Task Deleting_what_is_not_there_writes_nothing()
    {
        await _node.ReplayAsync(Id(1));
        await _node.DeleteAsync(Id(1), long.MaxValue);
        Begun(StoreOperation.Append).ShouldBe(0);
    }

    [Fact]
    public async Task Results_come_in_the_order_of_the_events_to_the_incarnation_that_asked()
    {
        _node.Journal.Tell(new WriteMessages([AkkaNode.Atomic(Id(1), 1, AkkaNode.Event(1), AkkaNode.Event(2)), AkkaNode.Atomic(Id(1), 3, AkkaNode.Event(3))],
            _node.Probe.Ref, 7));
        await _node.Probe.ExpectAsync<WriteMessagesSuccessful>();
        (await _node.Probe.ExpectAsync<WriteMessageSuccess>(3)).Select(static told => (told.Persistent.SequenceNr, told.ActorInstanceId))
            .ShouldBe([(1, 7), (2, 7), (3, 7)]);
    }

    [Fact]
    public async Task An_atomic_write_is_one_append()
    {
        await _node.ReplayAsync(Id(1));
        _node.Write(AkkaNode.Atomic(Id(1), 1, AkkaNode.Event(1), AkkaNode.Event(2), AkkaNode.Event(3)), AkkaNode.Atomic(Id(1), 4, AkkaNode.Event(4)));
        await _node.Probe.ExpectAsync<WriteMessagesSuccessful>();
        await _node.Probe.ExpectAsync<WriteMessageSuccess>(4);
        _node.Batches.Sum().ShouldBe(2);
        (await _store.ReadJournalAsync(1)).Select(static entry => (entry.Position, entry.Version)).ShouldBe([(1, 3), (2, 3), (3, 3), (4, 3)]);
    }

    [Fact]
    public async Task An_event_that_cannot_be_stored_rejects_its_atomic_write_whole_and_no_other()
    {
        _node.Write(AkkaNode.Atomic(Id(1), 1, AkkaNode.Event(1)), AkkaNode.Atomic(Id(1), 2, AkkaNode.Event(2), "no bytes", AkkaNode.Event(4)),
            AkkaNode.Atomic(Id(1), 5, new JournalEvent(0, default)), AkkaNode.Atomic(Id(1), 6, AkkaNode.Event(6)));
        await _node.Probe.ExpectAsync<WriteMessagesSuccessful>();
        (await _node.Probe.ExpectAsync<WriteMessageSuccess>()).Persistent.SequenceNr.ShouldBe(1);
        var rejected = await _node.Probe.ExpectAsync<WriteMessageRejected>(4);
        rejected.Select(static told => told.Persistent.SequenceNr).ShouldBe([2, 3, 4, 5]);
        rejected[0].Cause.Message.ShouldContain("System.String");
        (await _node.Probe.ExpectAsync<WriteMessageSuccess>()).Persistent.SequenceNr.ShouldBe(6);
        (await _node.ReplayAsync(Id(1))).ShouldSatisfyAllConditions(static stored => stored.Events.ShouldBe(["1:e1", "6:e6"]), static stored =>
            stored.Highest.ShouldBe(6));
    }

    [Fact]
    public async Task An_actor_whose_event_was_rejected_goes_on()
    {
        var actor = await _node.StartAsync(Id(1));
        actor.Tell(new Keeper.Persist("no bytes"));
        (await _node.Probe.ExpectAsync<Keeper.Rejected>()).Sequence.ShouldBe(1);
        (await _node.Probe.ExpectAsync<Keeper.Stored>()).Id.ShouldBe(Id(1));
        actor.Tell(new Keeper.Persist(AkkaNode.Event(2)));
        (await _node.Probe.ExpectAsync<Keeper.Stored>()).Sequence.ShouldBe(2);
        (await _node.ReplayAsync(Id(1))).Events.ShouldBe(["2:e2"]);
    }

    [Fact]
    public async Task The_last_event_of_a_resource_takes_its_journal_along()
    {
        var actor = await _node.StartAsync(Id(1));
        actor.Tell(new Keeper.Persist(AkkaNode.Event(1)));
        actor.Tell(new Keeper.Persist(AkkaNode.Event(2), AkkaNode.Event(3) with { EndsResource = true }));
        await _node.Probe.ExpectAsync<Keeper.Stored>(2);
        (await _store.IsEmptyAsync()).ShouldBeTrue();
        (await _node.ReplayAsync(Id(1))).Highest.ShouldBe(0);
    }
}

public sealed class MemoryAkkaJournalTests : AkkaJournalSpecification
{
    private protected override Task<IJournalStore> CreateAsync() => Task.FromResult<IJournalStore>(new MemoryJournalStore());
}

public sealed class SqliteAkkaJournalTests : AkkaJournalSpecification
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cti-akka-");

    private protected override Task<IJournalStore> CreateAsync() =>
        Task.FromResult<IJournalStore>(new SqliteJournalStore(new SqliteOptions { Path = Path.Combine(_folder.FullName, "journal.db") }));

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}

[Collection(PostgreSqlCollection.Name)]
public sealed class PostgreSqlAkkaJournalTests(PostgreSqlFixture fixture) : AkkaJournalSpecification
{
    private protected override async Task<IJournalStore> CreateAsync() => new PostgreSqlJournalStore(new PostgreSqlOptions
    {
        ConnectionString = fixture.Server.ConnectionString(await fixture.NewSchemaAsync()),
        ConnectTimeout = TimeSpan.FromSeconds(30),
        CommandTimeout = TimeSpan.FromSeconds(30),
    });
}
