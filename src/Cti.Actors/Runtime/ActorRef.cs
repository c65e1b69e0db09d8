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

    private readonly ConcurrentQueue<object> _queue = new();
    private readonly ActorSystem _system;
    private readonly int _capacity;
    private int _count;
    private int _phase;
    private volatile bool _stopped;
    private Actor? _actor;
    private Func<Actor>? _factory;
    private int _crashes;

    internal ActorRef(ActorSystem system, string name, Func<Actor> factory, int capacity)
    {
        _system = system;
        _factory = factory;
        _capacity = capacity;
        Name = name;
    }

    /// <summary>For logs.</summary>
    public string Name { get; }

    /// <summary>True once the actor has stopped for good; messages are then refused.</summary>
    public bool IsStopped => _stopped;

    /// <summary>How many messages wait.</summary>
    public int Waiting => Volatile.Read(ref _count);

    /// <summary>Puts a message into the mailbox; false when it is full or the actor has stopped (nothing was queued).</summary>
    public bool Tell(object message)
    {
        if (_stopped) return false;
        if (Interlocked.Increment(ref _count) > _capacity && message is not ISystemMessage)
        {
            Interlocked.Decrement(ref _count);
            return false;
        }
        _queue.Enqueue(message);
        Schedule();
        return true;
    }

    /// <inheritdoc/>
    public void Run()
    {
        for (var handled = 0; handled < BatchMax && _queue.TryDequeue(out var message); handled++)
        {
            Interlocked.Decrement(ref _count);
            if (!_stopped) Deliver(message);
        }
        Volatile.Write(ref _phase, Idle);
        if (!_queue.IsEmpty) Schedule();
    }

    private void Schedule()
    {
        if (Interlocked.CompareExchange(ref _phase, Scheduled, Idle) == Idle) _system.Scheduler.Post(this);
    }

    private void Deliver(object message)
    {
        try
        {
            if (_actor is null)
            {
                _actor = _factory!();
                _actor.Attach(_system, this);
                _actor.Start();
            }
            _actor.Handle(message);
            if (_actor.StopRequested) Stop(null);
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
        _crashes++;
        var broken = _actor;
        _actor = null;
        broken?.CancelTimers();
        if (broken is null || _crashes > _system.RestartsMax || !broken.MayRestartAfter(fault))
        {
            _system.Log.Write(LogEvents.ActorStopped, Name, _crashes, fault);
            _system.Crashed(Name, fault);
            Stop(broken);
            return;
        }
        _system.Log.Write(LogEvents.ActorCrashed, Name, fault);
        _system.Crashed(Name, fault);
    }

    private void Stop(Actor? broken)
    {
        _stopped = true;
        var last = _actor ?? broken;
        _actor = null;
        last?.CancelTimers();
        last?.Stopped();
        // Whoever still holds the address (a transaction lingers for half a minute) does not hold what the actor held.
        _factory = null;
        _system.Removed(this);
        while (_queue.TryDequeue(out var undelivered))
        {
            Interlocked.Decrement(ref _count);
            last?.Undelivered(undelivered);
        }
    }
}

/// <summary>A message of the runtime itself: accepted by a full mailbox, because what it reports cannot be taken back.</summary>
public interface ISystemMessage;
