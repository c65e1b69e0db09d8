using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence;
using Akka.Persistence.Journal;

namespace Cti.Persistence.AkkaJournal;

/// <summary>
/// Akka.Persistence's journal over the fenced store. A persistence id is a resource's id, whose instance says which journal it belongs to:
/// <code>
///   PersistentActor ──WriteMessages───► one append of its instance for each AtomicWrite ──► JournalWriter: many actors' appends are one transaction
///                   ◄─Success/Failure── durable / another node owns the instance
///                   ──ReplayMessages──► what the one read of the instance left in memory, else a read that all share who wait
///                   ──DeleteMessages──► an entry that says so; what it hides goes with the resource
/// </code>
/// It stands on the bare protocol: Akka's usual base for journals has a circuit breaker, by which one actor's fault becomes everybody's.
/// </summary>
public sealed partial class CtiJournal : WriteJournalBase, IWithTimers
{
    /// <summary>What <c>akka.persistence.journal.plugin</c> names.</summary>
    public const string PluginId = "akka.persistence.journal.cti";

    private readonly JournalInstances _instances;

    /// <summary>Begun by Akka.Persistence in a system whose setup has <see cref="JournalInstances"/>.</summary>
    public CtiJournal() => _instances = Context.System.Settings.Setup.Get<JournalInstances>() is { HasValue: true } instances
        ? instances.Value
        : throw new InvalidOperationException($"{PluginId} needs {nameof(JournalInstances)} in the actor system's setup");

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>
    /// The plug-in, chosen as the system's journal. A recovery waits for a store that is away, as writes do, so Akka's own limit on its time is out of the way;
    /// recoveries share reads, so that many at once cost no more.
    /// </summary>
    public static Config Configuration { get; } = ConfigurationFactory.ParseString($$"""
        akka.persistence {
          journal.plugin = "{{PluginId}}"
          max-concurrent-recoveries = 1000
        }
        {{PluginId}} {
          class = "{{typeof(CtiJournal).AssemblyQualifiedName}}"
          plugin-dispatcher = "akka.actor.default-dispatcher"
          recovery-event-timeout = 7d
        }
        """);

    /// <inheritdoc/>
    protected override bool Receive(object message)
    {
        switch (message)
        {
            case WriteMessages batch: Write(batch); return true;
            case ReplayMessages request: Replay(request); return true;
            case DeleteMessagesTo request: Delete(request); return true;
            case Wake: Serve(); return true;
            case ReadAgain: Read(); return true;
            case JournalsRead read: Take(read); return true;
            case ReadFailed failed: Take(failed); return true;
            default: return false;
        }
    }

    private void Write(WriteMessages batch)
    {
        var pending = new PendingWrite(batch, Self);
        foreach (var envelope in batch.Messages)
        {
            if (envelope is AtomicWrite write) Write(write, pending);
        }
        pending.Added();
    }

    private void Write(AtomicWrite write, PendingWrite pending)
    {
        if (!_instances.TryFind(write.PersistenceId, out var instance, out var fault))
        {
            pending.AddFailed(fault);
            return;
        }
        var events = EventForm.Events(write);
        var entries = new JournalEntry[events.Count];
        var endsResource = false;
        try
        {
            for (var i = 0; i < entries.Length; i++)
            {
                var adapted = AdaptToJournal(events[i]);
                entries[i] = EventForm.Entry(adapted);
                endsResource |= ((JournalEvent)adapted.Payload).EndsResource;
            }
        }
        catch (Exception unstorable)
        {
            // An event that its adapter or the form refuses: all of its own atomic write, and nothing else, is rejected.
            pending.AddRejected(unstorable);
            return;
        }
        instance.Append(entries, endsResource, pending.Add(instance));
    }

    private void Delete(DeleteMessagesTo request)
    {
        if (!_instances.TryFind(request.PersistenceId, out var instance, out var fault))
            request.PersistentActor.Tell(new DeleteMessagesFailure(fault, request.ToSequenceNr), Self);
        else if (instance.IsEmpty(request.PersistenceId))
            request.PersistentActor.Tell(new DeleteMessagesSuccess(request.ToSequenceNr), Self);
        else
            instance.Append([EventForm.Deletion(request.PersistenceId, request.ToSequenceNr)], false, new PendingDeletion(request, instance, Self));
    }

    /// <summary>Appends for which somebody waits are settled.</summary>
    internal sealed class Wake
    {
        internal static readonly Wake Instance = new();
    }
}
