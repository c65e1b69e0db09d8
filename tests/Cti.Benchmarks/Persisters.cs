using System.Diagnostics;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Persistence;
using Akka.Persistence.Sql;
using Cti.Persistence;
using Cti.Persistence.AkkaJournal;
using Cti.Persistence.Journal;
using Npgsql;

namespace Cti.Benchmarks;

/// <summary>No actors: whoever hears that an append is durable queues the next.</summary>
internal sealed class BareWriter(FencedStore fenced) : Persister
{
    private Chain[] _chains = [];

    protected override int Count => _chains.Length;

    public static async Task<Persister> CreateAsync(string connection) => new BareWriter(await FencedStore.OpenAsync(connection));

    public override Task StartAsync(string[] ids, int entries)
    {
        _chains = [.. ids.Select(id => new Chain(this, fenced.JournalOf(id), id))];
        return Task.CompletedTask;
    }

    public override ValueTask DisposeAsync() => fenced.DisposeAsync();

    protected override void Begin()
    {
        foreach (var chain in _chains) chain.Begin(Appends);
    }

    private sealed class Chain(BareWriter all, InstanceJournal journal, string id) : IDurabilityObserver
    {
        private int _left;
        private long _began;

        public void Begin(int appends)
        {
            _left = appends;
            Append();
        }

        public void OnDurable(long position, object? tag)
        {
            all.Took(_began);
            if (--_left > 0) Append();
            else all.Done();
        }

        public void OnDeposed() => all.Fail(new InvalidOperationException("deposed"));

        private void Append()
        {
            _began = Stopwatch.GetTimestamp();
            journal.Append(first => FencedStore.Rows(id, first), this);
        }
    }
}

/// <summary>Those whose actors are Akka's.</summary>
internal abstract class AkkaPersister(ActorSystem system, FencedStore? fenced) : Persister
{
    protected static readonly Config Quiet = ConfigurationFactory.ParseString("""
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          log-dead-letters = off
          coordinated-shutdown.run-by-clr-shutdown-hook = off
        }
        """);

    private IActorRef[] _actors = [];

    protected override int Count => _actors.Length;

    public override async Task StartAsync(string[] ids, int entries)
    {
        Expect(ids.Length);
        var propsOf = await PropsAsync(entries);
        _actors = [.. ids.Select(id => system.ActorOf(propsOf(id)))];
        await DoneAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await system.Terminate();
        if (fenced is not null) await fenced.DisposeAsync();
    }

    protected abstract Task<Func<string, Props>> PropsAsync(int entries);

    protected override void Begin()
    {
        foreach (var actor in _actors) actor.Tell(new Run(Appends));
    }

    internal sealed record Run(int Appends);
}

/// <summary>
/// As calls are hosted: an actor appends to its instance's journal and is told when that is durable; who recovers is given what one read found.
/// </summary>
internal sealed class PlainActors(ActorSystem system, FencedStore fenced) : AkkaPersister(system, fenced)
{
    private readonly FencedStore _fenced = fenced;

    public static async Task<Persister> CreateAsync(string connection) =>
        new PlainActors(ActorSystem.Create("plain", Quiet), await FencedStore.OpenAsync(connection));

    protected override async Task<Func<string, Props>> PropsAsync(int entries)
    {
        var journals = entries == 0 ? null : await _fenced.Store.ReadJournalsAsync([.. Enumerable.Range(0, PersistenceBenchmark.Instances)]);
        var found = (journals ?? new Dictionary<int, IReadOnlyList<JournalEntry>>()).Values.SelectMany(static read => read)
            .ToLookup(static entry => entry.ResourceId);
        return id =>
        {
            var (journal, entriesOf) = (_fenced.JournalOf(id), found[id].ToArray());
            return Props.Create(() => new Actor(this, journal, id, entriesOf, entries));
        };
    }

    private sealed class Actor(PlainActors all, InstanceJournal journal, string id, JournalEntry[] found, int expected) : UntypedActor, IDurabilityObserver
    {
        private static readonly object Durable = new();
        private IActorRef _self = ActorRefs.Nobody;
        private int _left;
        private long _began;

        public void OnDurable(long position, object? tag) => _self.Tell(Durable);

        public void OnDeposed() => all.Fail(new InvalidOperationException("deposed"));

        protected override void PreStart()
        {
            _self = Self;
            if (found.Length == expected) all.Done();
            else all.Fail(new InvalidOperationException($"{found.Length} entries of {id}"));
        }

        protected override void OnReceive(object message)
        {
            if (message is AkkaPersister.Run run)
            {
                _left = run.Appends;
                Append();
                return;
            }
            all.Took(_began);
            if (--_left > 0) Append();
            else all.Done();
        }

        private void Append()
        {
            _began = Stopwatch.GetTimestamp();
            journal.Append(first => FencedStore.Rows(id, first), this);
        }
    }
}

/// <summary>Persistent actors on the plug-in.</summary>
internal sealed class PlugIn(ActorSystem system, FencedStore fenced) : AkkaPersister(system, fenced)
{
    private static readonly object[] Events = [.. PersistenceBenchmark.Payloads.Select(static payload => new JournalEvent(1, payload))];

    public static async Task<Persister> CreateAsync(string connection)
    {
        var fenced = await FencedStore.OpenAsync(connection);
        var instances = new JournalInstances(fenced.Store);
        foreach (var journal in fenced.Journals) instances.Open(journal);
        var setup = BootstrapSetup.Create().WithConfig(Quiet.WithFallback(CtiJournal.Configuration)).And(instances);
        return new PlugIn(ActorSystem.Create("plugin", setup), fenced);
    }

    protected override Task<Func<string, Props>> PropsAsync(int entries) =>
        Task.FromResult<Func<string, Props>>(id => Props.Create(() => new PersistingActor(this, id, Events, entries)));
}

/// <summary>Persistent actors on Akka.Persistence.Sql as it comes, untagged.</summary>
internal sealed class SqlPlugIn(ActorSystem system) : AkkaPersister(system, null)
{
    // The server takes a hundred; each actor that recovers has queries of its own.
    private const int ConnectionsMax = 64;
    private static readonly object[] Events = [.. PersistenceBenchmark.Payloads];

    public static Task<Persister> CreateAsync(string connection)
    {
        var config = ConfigurationFactory.ParseString($$"""
            akka.persistence.journal {
              plugin = "akka.persistence.journal.sql"
              sql {
                connection-string = "{{connection.Replace("\"", "\\\"", StringComparison.Ordinal)}};Maximum Pool Size={{ConnectionsMax}}"
                provider-name = "PostgreSQL.15"
                auto-initialize = on
              }
            }
            """);
        return Task.FromResult<Persister>(
            new SqlPlugIn(ActorSystem.Create("sql", Quiet.WithFallback(config).WithFallback(SqlPersistence.DefaultConfiguration))));
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        NpgsqlConnection.ClearAllPools();
    }

    protected override Task<Func<string, Props>> PropsAsync(int entries) =>
        Task.FromResult<Func<string, Props>>(id => Props.Create(() => new PersistingActor(this, id, Events, entries)));
}

/// <summary>The same actor on both journals.</summary>
internal sealed class PersistingActor(Persister all, string id, object[] events, int expected) : UntypedPersistentActor
{
    private int _left, _found;
    private long _began;

    public override string PersistenceId => id;

    public override Recovery Recovery => new(SnapshotSelectionCriteria.None);

    protected override void OnRecover(object message)
    {
        if (message is not RecoveryCompleted) _found++;
        else if (_found == expected) all.Done();
        else all.Fail(new InvalidOperationException($"{_found} events of {id}"));
    }

    protected override void OnCommand(object message)
    {
        if (message is not AkkaPersister.Run run) return;
        _left = run.Appends;
        Append();
    }

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) => all.Fail(cause);

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr) => all.Fail(cause);

    protected override void OnRecoveryFailure(Exception reason, object? message = null) => all.Fail(reason);

    private void Append()
    {
        _began = Stopwatch.GetTimestamp();
        PersistAllAsync(events, static _ => { });
        DeferAsync(events, _ => Durable());
    }

    private void Durable()
    {
        all.Took(_began);
        if (--_left > 0) Append();
        else all.Done();
    }
}
