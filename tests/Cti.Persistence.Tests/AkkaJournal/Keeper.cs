using Akka.Actor;
using Akka.Persistence;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>A persistent actor as calls would be: events by PersistAllAsync, answers behind them by DeferAsync. It tells its probe of everything.</summary>
internal sealed class Keeper : UntypedPersistentActor
{
    private readonly IActorRef _probe;
    private readonly List<object> _recovered = [];

    public Keeper(string id, IActorRef probe) => (PersistenceId, _probe) = (id, probe);

    /// <summary>Persist these, all or none, then say that they are.</summary>
    public sealed record Persist(params object[] Events);

    /// <summary>It has recovered.</summary>
    public sealed record Recovered(string Id, long Sequence, IReadOnlyList<object> Events);

    /// <summary>What was asked for before is durable.</summary>
    public sealed record Stored(string Id, long Sequence);

    /// <summary>An event was refused; the actor goes on.</summary>
    public sealed record Rejected(string Id, long Sequence, Exception Fault);

    /// <summary>An event was not written; the actor stops.</summary>
    public sealed record Failed(string Id, long Sequence, Exception Fault);

    public override string PersistenceId { get; }

    public override Recovery Recovery => new(SnapshotSelectionCriteria.None);

    public static Props Of(string id, Probe probe) => Props.Create(() => new Keeper(id, probe.Ref));

    protected override void OnRecover(object message)
    {
        if (message is RecoveryCompleted) _probe.Tell(new Recovered(PersistenceId, LastSequenceNr, _recovered));
        else _recovered.Add(message);
    }

    protected override void OnCommand(object message)
    {
        if (message is not Persist persist) return;
        PersistAllAsync(persist.Events, static _ => { });
        DeferAsync(persist, _ => _probe.Tell(new Stored(PersistenceId, LastSequenceNr)));
    }

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr) => _probe.Tell(new Rejected(PersistenceId, sequenceNr, cause));

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) => _probe.Tell(new Failed(PersistenceId, sequenceNr, cause));

    protected override void OnRecoveryFailure(Exception reason, object? message = null) => _probe.Tell(new Failed(PersistenceId, LastSequenceNr, reason));
}
