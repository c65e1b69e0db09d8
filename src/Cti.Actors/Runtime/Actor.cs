using Cti.Kernel;

namespace Cti.Actors.Runtime;

/// <summary>A behaviour: a named way to receive messages. False means that the message is not accepted in it.</summary>
/// <param name="message">The message.</param>
public delegate bool Behaviour(object message);

/// <summary>
/// An actor: state of its own, changed by one message at a time. Subclasses set their first behaviour in <see cref="OnStart"/> with <see cref="Become"/>.
/// </summary>
public abstract class Actor
{
    private readonly Dictionary<string, ActorTimer> _timers = [];
    private Behaviour? _behaviour;
    private Queue<object>? _stash;
    private long _timerGeneration;

    /// <summary>The runtime.</summary>
    protected ActorSystem System { get; private set; } = null!;

    /// <summary>This actor's address.</summary>
    protected ActorRef Self { get; private set; } = null!;

    internal bool StopRequested { get; private set; }

    internal void Attach(ActorSystem system, ActorRef self)
    {
        System = system;
        Self = self;
    }

    internal void Start() => OnStart();

    internal void Stopped() => OnStop();

    internal void Undelivered(object message) => OnUndelivered(message);

    internal bool MayRestartAfter(Exception fault) => RestartAfter(fault);

    internal void Handle(object message)
    {
        if (message is ActorTimer timer)
        {
            if (!_timers.TryGetValue(timer.Key, out var live) || live.Generation != timer.Generation) return;
            _timers.Remove(timer.Key);
            message = timer.Message;
        }
        if (_behaviour is null) throw new InvalidOperationException($"{GetType().Name} has no behaviour: OnStart must call Become");
        if (!_behaviour(message)) Unhandled(message);
    }

    /// <summary>Called before the first message, also after a restart.</summary>
    protected abstract void OnStart();

    /// <summary>Called once when the actor has stopped for good.</summary>
    protected virtual void OnStop()
    {
    }

    /// <summary>Called for each message that was still queued when the actor stopped: a request is answered here.</summary>
    protected virtual void OnUndelivered(object message)
    {
    }

    /// <summary>Whether a crash is followed by a restart (a new object in the same mailbox). False stops the actor.</summary>
    protected virtual bool RestartAfter(Exception fault) => true;

    /// <summary>An illegal message crashes the actor: a state machine that carries on in the dark is worse than one that restarts from its journal.</summary>
    protected virtual void Unhandled(object message) =>
        throw new InvalidOperationException($"{GetType().Name} does not accept {message.GetType().Name} in its present behaviour");

    /// <summary>Switches the behaviour from the next message on.</summary>
    protected void Become(Behaviour next) => _behaviour = next;

    /// <summary>Puts a message aside until <see cref="UnstashAll"/>. Bounded by <see cref="Limits.MailboxMax"/>: past it this throws.</summary>
    protected void Stash(object message)
    {
        _stash ??= new Queue<object>();
        if (_stash.Count >= Limits.MailboxMax) throw new InvalidOperationException($"{Self.Name}: the stash is full ({Limits.MailboxMax})");
        _stash.Enqueue(message);
    }

    /// <summary>Handles what was put aside, in order, with the present behaviour, before anything newer.</summary>
    protected void UnstashAll()
    {
        if (_stash is null) return;
        var aside = _stash;
        _stash = null;
        while (aside.TryDequeue(out var message)) Handle(message);
    }

    /// <summary>Sends <paramref name="message"/> to this actor in <paramref name="delayMillis"/>; a timer of the same key is replaced.</summary>
    protected void StartTimer(string key, long delayMillis, object message)
    {
        CancelTimer(key);
        var timer = new ActorTimer(key, ++_timerGeneration, message, Self);
        _timers[key] = timer;
        timer.Handle = System.Timers.Schedule(delayMillis, static state => ((ActorTimer)state!).Fire(), timer);
    }

    /// <summary>Cancels the timer of that key, if there is one; its message does not arrive any more.</summary>
    protected void CancelTimer(string key)
    {
        if (_timers.Remove(key, out var timer)) timer.Handle?.Cancel();
    }

    internal void CancelTimers()
    {
        foreach (var timer in _timers.Values) timer.Handle?.Cancel();
        _timers.Clear();
    }

    /// <summary>Stops this actor after the present message.</summary>
    protected void StopSelf() => StopRequested = true;

    private sealed class ActorTimer(string key, long generation, object message, ActorRef self) : ISystemMessage
    {
        public string Key { get; } = key;
        public long Generation { get; } = generation;
        public object Message { get; } = message;
        public ITimerHandle? Handle { get; set; }

        public void Fire() => self.Tell(this);
    }
}
