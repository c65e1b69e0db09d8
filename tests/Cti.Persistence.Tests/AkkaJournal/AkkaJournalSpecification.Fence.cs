using Akka.Actor;
using Akka.Persistence;
using Cti.Persistence.AkkaJournal;
using Cti.Testing;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>Many actors at once, the one read, the fence, and a store that is away.</summary>
public abstract partial class AkkaJournalSpecification
{
    [Fact]
    public async Task Many_actors_write_at_once_in_few_transactions_and_all_recover()
    {
        const int Actors = 120, Writes = 6;
        var ids = Enumerable.Range(0, Actors).Select(static number => Id(number + 1, number % Instances)).ToArray();
        var actors = ids.Select(id => _node.System.ActorOf(Keeper.Of(id, _node.Probe))).ToArray();
        await _node.Probe.ExpectAsync<Keeper.Recovered>(Actors);
        for (var round = 0; round < Writes; round++)
        {
            foreach (var actor in actors) actor.Tell(new Keeper.Persist(AkkaNode.Event(2 * round + 1), AkkaNode.Event(2 * round + 2)));
        }
        await _node.Probe.ExpectAsync<Keeper.Stored>(Actors * Writes);
        _node.Batches.Sum().ShouldBe(Actors * Writes, "each atomic write is an append");
        _node.Batches.Count.ShouldBeLessThan(Actors * Writes / 2, "many of them are one transaction");

        await RestartAsync();
        var before = Begun(StoreOperation.ReadJournal);
        foreach (var id in ids) _node.System.ActorOf(Keeper.Of(id, _node.Probe));
        var recovered = await _node.Probe.ExpectAsync<Keeper.Recovered>(Actors);
        recovered.Select(static actor => actor.Id).Order().ShouldBe(ids.Order());
        recovered.ShouldAllBe(static actor => actor.Sequence == 2 * Writes);
        foreach (var actor in recovered) actor.Events.Select(AkkaNode.Text).ShouldBe(Enumerable.Range(1, 2 * Writes).Select(static number => $"e{number}"));
        (Begun(StoreOperation.ReadJournal) - before).ShouldBeLessThanOrEqualTo(Instances, "no actor has a query of its own");
    }

    [Fact]
    public async Task All_actors_of_an_instance_recover_from_one_read_and_new_ones_from_none()
    {
        for (var number = 1; number <= 30; number++) await _node.WriteAsync(Id(number), 1, 2);
        await RestartAsync();
        var before = Begun(StoreOperation.ReadJournal);
        for (var number = 1; number <= 40; number++) _node.System.ActorOf(Keeper.Of(Id(number), _node.Probe));
        (await _node.Probe.ExpectAsync<Keeper.Recovered>(40)).Count(static actor => actor.Sequence == 2).ShouldBe(30);
        (Begun(StoreOperation.ReadJournal) - before).ShouldBe(1);
    }

    [Fact]
    public async Task An_actor_that_recovers_finds_what_its_predecessor_had_on_its_way()
    {
        await _node.WriteAsync(Id(1), 1, 2);
        var gate = _faults.HoldNext(StoreOperation.Append);
        _node.Write(AkkaNode.Atomic(Id(1), 3, AkkaNode.Event(3)));
        _node.Write(AkkaNode.Atomic(Id(1), 4, AkkaNode.Event(4)));
        var successor = _node.ReplayAsync(Id(1), probe: new Probe(_node.System));
        // Whoever needs nothing of what is held is answered meanwhile.
        (await _node.ReplayAsync(Id(9, 2))).Highest.ShouldBe(0);
        successor.IsCompleted.ShouldBeFalse();
        gate.SetResult();
        (await successor).Events.ShouldBe(["1:e1", "2:e2", "3:e3", "4:e4"]);
    }

    [Fact]
    public async Task A_stale_writer_loses_the_writes_of_its_lost_instance_and_no_other()
    {
        var actors = Enumerable.Range(0, 5 * Instances).Select(number => _node.System.ActorOf(Keeper.Of(Id(number + 1, number % Instances), _node.Probe)))
            .ToArray();
        await _node.Probe.ExpectAsync<Keeper.Recovered>(actors.Length);
        foreach (var actor in actors) actor.Tell(new Keeper.Persist(AkkaNode.Event(1)));
        await _node.Probe.ExpectAsync<Keeper.Stored>(actors.Length);

        await using var owner = await new AkkaNode("b", _store).ClaimAsync(3);
        var moved = await owner.StartAsync(Id(4, 3));
        moved.Tell(new Keeper.Persist(AkkaNode.Event(2)));
        (await owner.Probe.ExpectAsync<Keeper.Stored>()).Sequence.ShouldBe(2);

        // Held, so that what follows is one batch.
        var gate = _faults.HoldNext(StoreOperation.Append);
        await HeldAsync(actors[0]);
        foreach (var actor in actors.Skip(1)) actor.Tell(new Keeper.Persist(AkkaNode.Event(2), AkkaNode.Event(3)));
        await UntilAsync(() => _node.Writer.WaitingCount == actors.Length - 1);
        gate.SetResult();
        List<object> told = [];
        while (told.OfType<Keeper.Stored>().Count() + told.OfType<Keeper.Failed>().Select(static failed => failed.Id).Distinct().Count() < actors.Length)
            told.Add(await _node.Probe.NextAsync());
        told.OfType<Keeper.Stored>().Count().ShouldBe(actors.Length - 5);
        told.OfType<Keeper.Failed>().ShouldAllBe(static failed => failed.Id.StartsWith("0.0.3-", StringComparison.Ordinal)
            && failed.Fault is NotOwnerException);
        _node.Batches.ShouldContain(actors.Length - 1);

        // Neither does it recover anything of that instance, and all others go on.
        _node.System.ActorOf(Keeper.Of(Id(12, 3), _node.Probe));
        (await _node.Probe.ExpectAsync<Keeper.Failed>()).Id.ShouldBe(Id(12, 3));
        actors[1].Tell(new Keeper.Persist(AkkaNode.Event(4)));
        (await _node.Probe.ExpectAsync<Keeper.Stored>()).Sequence.ShouldBe(4);
        (await owner.ReplayAsync(Id(4, 3))).Events.ShouldBe(["1:e1", "2:e2"]);
    }

    private async Task HeldAsync(IActorRef actor)
    {
        var batches = _node.Batches.Count;
        actor.Tell(new Keeper.Persist(AkkaNode.Event(2), AkkaNode.Event(3)));
        await UntilAsync(() => _node.Batches.Count > batches);
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!holds()) await timer.WaitForNextTickAsync(limit.Token);
    }

    [Fact]
    public async Task What_belongs_to_no_instance_here_fails_alone()
    {
        await _node.ReplayAsync(Id(1));
        foreach (var (id, why) in new[] { ("nobody", typeof(ArgumentException)), ("0.0.9-sys.call-9", typeof(NotOwnerException)) })
        {
            _node.Write(AkkaNode.Atomic(id, 1, AkkaNode.Event(1)));
            await _node.Probe.ExpectAsync<WriteMessagesFailed>();
            (await _node.Probe.ExpectAsync<WriteMessageFailure>()).Cause.ShouldBeOfType(why);
            _node.Journal.Tell(new ReplayMessages(1, long.MaxValue, long.MaxValue, id, _node.Probe.Ref));
            (await _node.Probe.ExpectAsync<ReplayMessagesFailure>()).Cause.ShouldBeOfType(why);
            _node.Journal.Tell(new DeleteMessagesTo(id, 1, _node.Probe.Ref));
            (await _node.Probe.ExpectAsync<DeleteMessagesFailure>()).Cause.ShouldBeOfType(why);
        }
        await _node.WriteAsync(Id(1), 1, 1);
    }

    [Fact]
    public async Task A_store_that_is_away_delays_and_fails_nobody()
    {
        await _node.WriteAsync(Id(1), 1, 1);
        await RestartAsync();
        _faults.FailNext(StoreOperation.ReadJournal, 3);
        _faults.FailNext(StoreOperation.Append, 3);
        _faults.FailNext(StoreOperation.ReadOwnership, 2);
        var first = _node.System.ActorOf(Keeper.Of(Id(1), _node.Probe));
        var second = _node.System.ActorOf(Keeper.Of(Id(2), _node.Probe));
        (await _node.Probe.ExpectAsync<Keeper.Recovered>(2)).Sum(static actor => actor.Sequence).ShouldBe(1);
        first.Tell(new Keeper.Persist(AkkaNode.Event(2)));
        second.Tell(new Keeper.Persist(AkkaNode.Event(1)));
        await _node.Probe.ExpectAsync<Keeper.Stored>(2);
        (await _node.ReplayAsync(Id(1))).Events.ShouldBe(["1:e1", "2:e2"]);
    }

    [Fact]
    public async Task A_commit_whose_answer_is_lost_is_in_the_journal_once_and_stops_nobody()
    {
        var actor = await _node.StartAsync(Id(1));
        _faults.FailNext(StoreOperation.Append, applied: true);
        actor.Tell(new Keeper.Persist(AkkaNode.Event(1), AkkaNode.Event(2)));
        (await _node.Probe.ExpectAsync<Keeper.Stored>()).Sequence.ShouldBe(2);
        (await _node.ReplayAsync(Id(1))).Events.ShouldBe(["1:e1", "2:e2"]);
    }
}
