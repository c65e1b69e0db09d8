using System.Collections.Concurrent;
using Cti.Kernel;

namespace Cti.Actors.Runtime;

/// <summary>
/// Where messages for one actor go. A mailbox runs its actor on the scheduler, one message at a time, and is never run twice at once.
/// </summary>
public sealed class ActorRef : IWorkItem
{
    private const int BatchMax = 64;
    private const int Idle = 0, Scheduled = 1;

    private readonly ConcurrentQueue<object> queue = new();
    private readonly ActorSystem system;
    private readonly int capacity;
    private int count;
    private int phase;
    private volatile bool stopped;
    private Actor? actor;
    private Func<Actor>? factory;
    private int crashes;

    internal ActorRef(ActorSystem system, string name, Func<Actor> factory, int capacity)
    {
        this.system = system;
        this.factory = factory;
        this.capacity = capacity;
        Name = name;
    }

    /// <summary>For logs.</summary>
    public string Name { get; }

    /// <summary>True once the actor has stopped for good; messages are then refused.</summary>
    public bool IsStopped => stopped;

    /// <summary>How many messages wait.</summary>
    public int Waiting => Volatile.Read(ref count);

    /// <summary>Puts a message into the mailbox; false when it is full or the actor has stopped (nothing was queued).</summary>
    public bool Tell(object message)
    {
        if (stopped) return false;
        if (Interlocked.Increment(ref count) > capacity && message is not ISystemMessage)
        {
            Interlocked.Decrement(ref count);
            return false;
        }
        queue.Enqueue(message);
        Schedule();
        return true;
    }

    /// <inheritdoc/>
    public void Run()
    {
        for (var handled = 0; handled < BatchMax && queue.TryDequeue(out var message); handled++)
        {
            Interlocked.Decrement(ref count);
            if (!stopped) Deliver(message);
        }
        Volatile.Write(ref phase, Idle);
        if (!queue.IsEmpty) Schedule();
    }

    private void Schedule()
    {
        if (Interlocked.CompareExchange(ref phase, Scheduled, Idle) == Idle) system.Scheduler.Post(this);
    }

    private void Deliver(object message)
    {
        try
        {
            if (actor is null)
            {
                actor = factory!();
                actor.Attach(system, this);
                actor.Start();
            }
            actor.Handle(message);
            if (actor.StopRequested) Stop(null);
        }
#pragma warning disable CA1031 // Supervision: whatever an actor throws is its crash, and its supervisor's business.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Supervise(fault);
        }
    }

    private void Supervise(Exception fault)
    {
        crashes++;
        var broken = actor;
        actor = null;
        broken?.CancelTimers();
        if (broken is null || crashes > system.RestartsMax || !broken.MayRestartAfter(fault))
        {
            system.Log.Write(LogEvents.ActorStopped, Name, crashes, fault);
            system.Crashed(Name, fault);
            Stop(broken);
            return;
        }
        system.Log.Write(LogEvents.ActorCrashed, Name, fault);
        system.Crashed(Name, fault);
    }

    private void Stop(Actor? broken)
    {
        stopped = true;
        var last = actor ?? broken;
        actor = null;
        last?.CancelTimers();
        last?.Stopped();
        // Whoever still holds the address (a transaction lingers for half a minute) does not hold what the actor held.
        factory = null;
        system.Removed(this);
        while (queue.TryDequeue(out var undelivered))
        {
            Interlocked.Decrement(ref count);
            last?.Undelivered(undelivered);
        }
    }
}

/// <summary>A message of the runtime itself: accepted by a full mailbox, because what it reports cannot be taken back.</summary>
public interface ISystemMessage;
