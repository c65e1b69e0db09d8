using System.Diagnostics;
using System.Globalization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence.Sql;
using Cti.Persistence.PostgreSql;
using Cti.Persistence.Tests.PostgreSql;
using Xunit.Abstractions;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>
/// Why Akka.Persistence.Sql is not under the calls: a writer that was replaced wakes, and a database goes away for some seconds, on both. The test ends when
/// that does not hold any more, so that the decision is looked at again.
/// </summary>
[Collection(PostgreSqlCollection.Name)]
public sealed class PeerTests(PostgreSqlFixture fixture, ITestOutputHelper output)
{
    private const int Instances = 8, Actors = 40, Lost = 3, AwaySeconds = 5, GivenUpSeconds = 45;

    private static readonly string[] Ids = [.. Enumerable.Range(1, Actors).Select(static number => Id(number))];

    private static string Id(int number) => $"0.0.{number % Instances}-sys.call-{number.ToString(CultureInfo.InvariantCulture)}";

    private static bool IsLost(string id) => id.StartsWith($"0.0.{Lost}-", StringComparison.Ordinal);

    [Fact]
    public async Task A_stale_writer_and_a_lost_database_harm_no_innocent_actor_here_and_do_with_Akka_Persistence_Sql()
    {
        // Each with tables of its own, at the same time: most of it is waiting.
        var outcomes = await Task.WhenAll(StaleAsync(PlugInAsync), AwayAsync(PlugInAsync), StaleAsync(SqlAsync), AwayAsync(SqlAsync));
        string[] what = ["plug-in, stale writer", "plug-in, database away", "Akka.Persistence.Sql, stale writer", "Akka.Persistence.Sql, database away"];
        foreach (var (name, outcome) in what.Zip(outcomes)) output.WriteLine($"{name}: {outcome}");

        outcomes[0].ShouldSatisfyAllConditions(static stale => stale.InnocentsFailed.ShouldBe(0), static stale =>
            stale.OthersFailed.ShouldBe(Actors / Instances));
        outcomes[1].ShouldSatisfyAllConditions(static away => away.InnocentsFailed.ShouldBe(0), static away => away.OthersFailed.ShouldBe(0));
        foreach (var (name, outcome) in what.Zip(outcomes).Skip(2))
            outcome.HasDefect.ShouldBeTrue($"{name}: no innocent actor failed, and a new one wrote at once. If it stays so, Akka.Persistence.Sql may carry "
                + "calls: "
                + $"src/architecture/persistence.md says why it does not. {outcome}");
    }

    /// <summary>
    /// A node's instance is taken over and written to by its new owner; then the old node, which does not know, writes for all of its actors at once.
    /// </summary>
    private async Task<Outcome> StaleAsync(Func<string, string, int?, Task<Peer>> create)
    {
        var schema = await fixture.NewSchemaAsync();
        await using var stale = await create("stale", schema, null);
        await stale.ClaimAsync([.. Enumerable.Range(0, Instances)]);
        var actors = await StartAsync(stale, Ids);
        await PersistAsync(stale, actors);

        await using var owner = await create("owner", schema, null);
        await owner.ClaimAsync([Lost]);
        await PersistAsync(owner, await StartAsync(owner, [.. Ids.Where(IsLost)]));

        var began = Stopwatch.GetTimestamp();
        foreach (var actor in actors) actor.Tell(new Keeper.Persist(stale.Event()));
        var told = await SettledAsync(stale, actors.Count);
        return Outcome.Of(told, IsLost, await FirstWriteAsync(stale, began));
    }

    /// <summary>The database is away for some seconds while all actors have something to write.</summary>
    private async Task<Outcome> AwayAsync(Func<string, string, int?, Task<Peer>> create)
    {
        await using var proxy = new OutageProxy(fixture.Server.Port);
        await using var peer = await create("node", await fixture.NewSchemaAsync(), proxy.Port);
        await peer.ClaimAsync([.. Enumerable.Range(0, Instances)]);
        var actors = await StartAsync(peer, Ids);
        await PersistAsync(peer, actors);

        var began = Stopwatch.GetTimestamp();
        proxy.GoAway();
        foreach (var actor in actors) actor.Tell(new Keeper.Persist(peer.Event()));
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(AwaySeconds));
        await timer.WaitForNextTickAsync();
        proxy.ComeBack();
        var told = await SettledAsync(peer, actors.Count);
        return Outcome.Of(told, static _ => false, await FirstWriteAsync(peer, began) - AwaySeconds);
    }

    private static async Task<List<IActorRef>> StartAsync(Peer peer, string[] ids)
    {
        List<IActorRef> actors = [.. ids.Select(id => peer.System.ActorOf(Keeper.Of(id, peer.Probe)))];
        await peer.Probe.ExpectAsync<Keeper.Recovered>(actors.Count);
        return actors;
    }

    private static async Task PersistAsync(Peer peer, List<IActorRef> actors)
    {
        foreach (var actor in actors) actor.Tell(new Keeper.Persist(peer.Event()));
        await peer.Probe.ExpectAsync<Keeper.Stored>(actors.Count);
    }

    /// <summary>What each actor tells of its one write.</summary>
    private static async Task<List<object>> SettledAsync(Peer peer, int count)
    {
        List<object> told = [];
        while (told.Count < count) told.Add(await peer.Probe.NextAsync());
        return told;
    }

    /// <summary>Seconds from a moment until a new actor recovers and writes on that node, one being tried each quarter of a second.</summary>
    private static async Task<double> FirstWriteAsync(Peer peer, long began)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        var stored = new Probe(peer.System);
        // Of an instance that nobody took.
        for (var number = Actors + 1; !stored.Has<Keeper.Stored>(); number++)
        {
            if (Stopwatch.GetElapsedTime(began).TotalSeconds > GivenUpSeconds) return double.PositiveInfinity;
            var id = Id(number * Instances);
            peer.System.ActorOf(Keeper.Of(id, stored)).Tell(new Keeper.Persist(peer.Event()));
            await timer.WaitForNextTickAsync();
        }
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private async Task<Peer> PlugInAsync(string name, string schema, int? port)
    {
        // A server beside seven busy test programs may be slow; what is looked at here is a database that is away, which refuses at once.
        var store = new PostgreSqlJournalStore(new PostgreSqlOptions
        {
            ConnectionString = fixture.Server.ConnectionString(schema, port), ConnectTimeout = TimeSpan.FromSeconds(30),
        });
        await store.OpenAsync(Instances);
        var node = new AkkaNode(name, store);
        return new Peer(node.System, node.Probe, static () => AkkaNode.Event(1), instances => node.ClaimAsync(instances), store);
    }

    private Task<Peer> SqlAsync(string name, string schema, int? port)
    {
        // Its defaults, but for the place of its tables.
        var config = ConfigurationFactory.ParseString($$"""
            akka.persistence.journal {
              plugin = "akka.persistence.journal.sql"
              sql {
                connection-string = "{{fixture.Server.ConnectionString(schema, port).Replace("\"", "\\\"", StringComparison.Ordinal)}}"
                provider-name = "PostgreSQL.15"
                auto-initialize = on
              }
            }
            """);
        var system = ActorSystem.Create(name, config.WithFallback(AkkaNode.Quiet).WithFallback(SqlPersistence.DefaultConfiguration));
        return Task.FromResult(new Peer(system, new Probe(system), static () => "e1"u8.ToArray(), static _ => Task.CompletedTask, null));
    }

    /// <summary>A node on one of the two.</summary>
    private sealed record Peer(ActorSystem System, Probe Probe, Func<object> Event, Func<int[], Task> ClaimAsync, IJournalStore? Store) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await System.Terminate();
            if (Store is not null) await Store.DisposeAsync();
        }
    }

    /// <summary>How it went.</summary>
    /// <param name="InnocentsFailed">Actors that stopped though nobody else had written for them.</param>
    /// <param name="OthersFailed">Actors that had to stop.</param>
    /// <param name="Innocents">All of the former.</param>
    /// <param name="SecondsUntilWrite">From the fault, or its end, until a new actor recovered and wrote.</param>
    private sealed record Outcome(int InnocentsFailed, int OthersFailed, int Innocents, double SecondsUntilWrite)
    {
        /// <summary>The breaker's own pause is half a minute; a third of it is beyond any slow machine.</summary>
        public bool HasDefect => InnocentsFailed > 0 || SecondsUntilWrite > 10;

        public static Outcome Of(List<object> told, Func<string, bool> mayFail, double seconds)
        {
            var failed = told.OfType<Keeper.Failed>().Select(static failure => failure.Id).Distinct().ToList();
            return new Outcome(failed.Count(id => !mayFail(id)), failed.Count(mayFail), Ids.Count(id => !mayFail(id)), seconds);
        }

        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture,
                $"{InnocentsFailed} of {Innocents} innocent actors failed, {OthersFailed} others; a new actor wrote after {SecondsUntilWrite:F1} s");
    }
}
