using System.Collections.Immutable;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Persistence;
using Cti.Kernel;
using Cti.Persistence.AkkaJournal;
using Cti.Persistence.Journal;
using Cti.Transport.Runtime;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>A node: an actor system, the plug-in, a writer and the instances that it claims. The store is the test's.</summary>
internal sealed class AkkaNode : IAsyncDisposable
{
    public static readonly Config Quiet = ConfigurationFactory.ParseString("""
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          log-dead-letters = off
          coordinated-shutdown.run-by-clr-shutdown-hook = off
        }
        """);

    private readonly string _name;
    private readonly IJournalStore _store;
    private readonly JournalInstances _instances;
    private readonly SystemTimers _timers;

    public AkkaNode(string name, IJournalStore store)
    {
        (_name, _store, _instances) = (name, store, new JournalInstances(store));
        var pool = new PoolScheduler(NullLog.Instance);
        _timers = new SystemTimers(new SystemClock(), pool);
        Writer = new JournalWriter(store, pool, _timers, NullLog.Instance, static _ => { }) { BatchTaken = Batches.Add };
        System = ActorSystem.Create("cti", BootstrapSetup.Create().WithConfig(CtiJournal.Configuration.WithFallback(Quiet)).And(_instances));
        Journal = global::Akka.Persistence.Persistence.Instance.Apply(System).JournalFor(CtiJournal.PluginId);
        Probe = new Probe(System);
    }

    public ActorSystem System { get; }

    public IActorRef Journal { get; }

    public Probe Probe { get; }

    public JournalWriter Writer { get; }

    /// <summary>Appends of each batch.</summary>
    public List<int> Batches { get; } = [];

    public async Task<AkkaNode> ClaimAsync(params int[] instances)
    {
        foreach (var claim in await _store.ClaimAsync(_name, instances)) _instances.Open(Writer.Open(_name, claim));
        return this;
    }

    public async Task<IActorRef> StartAsync(string id)
    {
        var actor = System.ActorOf(Keeper.Of(id, Probe));
        (await Probe.ExpectAsync<Keeper.Recovered>()).Id.ShouldBe(id);
        return actor;
    }

    /// <summary>What journals answer to a write, as an actor would send it: atomic writes, each of events of one actor.</summary>
    public void Write(params AtomicWrite[] writes) => Journal.Tell(new WriteMessages(writes, Probe.Ref, 1));

    /// <summary>An atomic write of one actor's events, numbered from a sequence number on.</summary>
    public static AtomicWrite Atomic(string id, long first, params object[] events) => new(events
        .Select((given, index) => (IPersistentRepresentation)new Persistent(given, first + index, id, "", false, ActorRefs.NoSender, "")).ToImmutableList());

    /// <summary>Writes events one by one and waits until they are durable.</summary>
    public async Task WriteAsync(string id, long first, int count)
    {
        Write([.. Enumerable.Range(0, count).Select(i => Atomic(id, first + i, Event(first + i)))]);
        await Probe.ExpectAsync<WriteMessagesSuccessful>();
        await Probe.ExpectAsync<WriteMessageSuccess>(count);
    }

    /// <summary>What is replayed, as the texts of the events, and the highest sequence number.</summary>
    public async Task<(string[] Events, long Highest)> ReplayAsync(string id, long from = 1, long to = long.MaxValue, long max = long.MaxValue,
        Probe? probe = null)
    {
        probe ??= Probe;
        Journal.Tell(new ReplayMessages(from, to, max, id, probe.Ref));
        List<string> events = [];
        while (true)
        {
            switch (await probe.NextAsync())
            {
                case ReplayedMessage replayed:
                    replayed.Persistent.PersistenceId.ShouldBe(id);
                    replayed.Persistent.IsDeleted.ShouldBeFalse();
                    events.Add($"{replayed.Persistent.SequenceNr}:{Text(replayed.Persistent.Payload)}");
                    break;
                case RecoverySuccess success:
                    return ([.. events], success.HighestSequenceNr);
                case var other:
                    throw new InvalidOperationException($"a replay was answered by {other}");
            }
        }
    }

    public async Task DeleteAsync(string id, long to)
    {
        Journal.Tell(new DeleteMessagesTo(id, to, Probe.Ref));
        (await Probe.ExpectAsync<DeleteMessagesSuccess>()).ToSequenceNr.ShouldBe(to);
    }

    public static JournalEvent Event(long number) => new(3, global::System.Text.Encoding.UTF8.GetBytes($"e{number}"));

    public static string Text(object payload) => global::System.Text.Encoding.UTF8.GetString(payload.ShouldBeOfType<JournalEvent>().Bytes.Span);

    public async ValueTask DisposeAsync()
    {
        await System.Terminate();
        _timers.Dispose();
    }
}
