using Akka.Actor;
using Akka.Persistence;
using Cti.Persistence.Journal;

namespace Cti.Persistence.AkkaJournal;

/// <summary>The writes of one actor that came in one message, until the last of them is settled; then it is told, in order.</summary>
internal sealed class PendingWrite(WriteMessages batch, IActorRef plugin)
{
    private readonly List<Part> _parts = [];
    // One for the plug-in, which is still adding parts.
    private int _unsettled = 1;

    private IActorRef Plugin => plugin;

    /// <summary>Adds an atomic write that is appended to an instance, which tells the observer.</summary>
    internal IDurabilityObserver Add(OpenInstance instance)
    {
        Interlocked.Increment(ref _unsettled);
        var part = new Part(this, instance);
        _parts.Add(part);
        return part;
    }

    /// <summary>Adds an atomic write that cannot be stored, though others can.</summary>
    internal void AddRejected(Exception fault) => _parts.Add(new Part(this, null) { Fault = fault, IsRejected = true });

    /// <summary>Adds an atomic write that is not this node's to write.</summary>
    internal void AddFailed(Exception fault) => _parts.Add(new Part(this, null) { Fault = fault });

    /// <summary>All parts have been added.</summary>
    internal void Added() => Settle();

    private void Settle()
    {
        if (Interlocked.Decrement(ref _unsettled) == 0) Answer();
    }

    private void Answer()
    {
        var actor = batch.PersistentActor;
        // This only lets the actor go on with its next batch: what became of each event follows.
        var failed = _parts.Find(static part => part is { Fault: not null, IsRejected: false });
        actor.Tell(failed is null ? WriteMessagesSuccessful.Instance : new WriteMessagesFailed(failed.Fault, _parts.Count), plugin);
        var next = 0;
        foreach (var envelope in batch.Messages)
        {
            if (envelope is not AtomicWrite write)
            {
                actor.Tell(new LoopMessageSuccess(envelope.Payload, batch.ActorInstanceId), envelope.Sender);
                continue;
            }
            var part = _parts[next++];
            foreach (var persisted in EventForm.Events(write)) actor.Tell(part.Result(persisted, batch.ActorInstanceId), persisted.Sender);
        }
    }

    private sealed class Part(PendingWrite whole, OpenInstance? instance) : IDurabilityObserver
    {
        internal Exception? Fault { get; set; }

        internal bool IsRejected { get; init; }

        internal object Result(IPersistentRepresentation persisted, int actorInstance) => this switch
        {
            { Fault: null } => new WriteMessageSuccess(persisted, actorInstance),
            { IsRejected: true } => new WriteMessageRejected(persisted, Fault, actorInstance),
            _ => new WriteMessageFailure(persisted, Fault, actorInstance),
        };

        public void OnDurable(long position, object? tag)
        {
            instance!.Settled(position, whole.Plugin);
            whole.Settle();
        }

        public void OnDeposed()
        {
            Fault = JournalInstances.Deposed(instance!);
            instance!.Settled(long.MaxValue, whole.Plugin);
            whole.Settle();
        }
    }
}

/// <summary>A deletion on its way.</summary>
internal sealed class PendingDeletion(DeleteMessagesTo request, OpenInstance instance, IActorRef plugin) : IDurabilityObserver
{
    public void OnDurable(long position, object? tag)
    {
        instance.Settled(position, plugin);
        request.PersistentActor.Tell(new DeleteMessagesSuccess(request.ToSequenceNr), plugin);
    }

    public void OnDeposed()
    {
        instance.Settled(long.MaxValue, plugin);
        request.PersistentActor.Tell(new DeleteMessagesFailure(JournalInstances.Deposed(instance), request.ToSequenceNr), plugin);
    }
}
