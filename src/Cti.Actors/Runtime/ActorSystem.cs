using System.Collections.Concurrent;
using Cti.Kernel;

namespace Cti.Actors.Runtime;

/// <summary>The runtime of one node's actors: scheduler, clock, timers and log are ports, so a simulation can be all of them.</summary>
/// <param name="scheduler">Runs mailboxes.</param>
/// <param name="clock">Time.</param>
/// <param name="timers">Timers.</param>
/// <param name="log">Log.</param>
public sealed class ActorSystem(IScheduler scheduler, IClock clock, ITimers timers, ILog log)
{
    private readonly ConcurrentDictionary<ActorRef, byte> _alive = new();

    /// <summary>Runs mailboxes.</summary>
    public IScheduler Scheduler { get; } = scheduler;

    /// <summary>Time.</summary>
    public IClock Clock { get; } = clock;

    /// <summary>Timers.</summary>
    public ITimers Timers { get; } = timers;

    /// <summary>Log.</summary>
    public ILog Log { get; } = log;

    /// <summary>How often an actor is restarted before it is stopped.</summary>
    public int RestartsMax { get; init; } = 5;

    /// <summary>Told of every crash; a simulation fails on it.</summary>
    public Action<string, Exception>? CrashObserver { get; set; }

    /// <summary>How many actors live: a simulation asserts that none leaks.</summary>
    public int AliveCount => _alive.Count;

    /// <summary>Names of the living, for diagnostics.</summary>
    public IReadOnlyList<string> AliveNames => [.. _alive.Keys.Select(actor => actor.Name)];

    /// <summary>Creates an actor; the object itself is made in its own mailbox, at its first message and after every crash.</summary>
    /// <param name="name">For logs.</param>
    /// <param name="factory">Makes the actor, also after a crash.</param>
    /// <param name="capacity">Messages that may wait, 1 or more.</param>
    public ActorRef Spawn(string name, Func<Actor> factory, int capacity = Limits.MailboxMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        var actor = new ActorRef(this, name, factory, capacity);
        _alive[actor] = 0;
        return actor;
    }

    internal void Removed(ActorRef actor) => _alive.TryRemove(actor, out _);

    internal void Crashed(string name, Exception fault) => CrashObserver?.Invoke(name, fault);
}
