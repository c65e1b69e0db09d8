using Akka.Actor;
using Cti.Kernel;

namespace Cti.Actors.Hosting;

/// <summary>
/// What every actor of a node is on top of Akka's: its handle, the node's ports, and three rules. A message that its behaviour does not accept is a crash: a
/// state machine that carries on in the dark is worse than one that restarts from its journal. A crash does not stop it, so nothing outside is let go. And
/// whatever still waited when it stopped is given back.
/// <code>
///   created ──OnStart──► (its behaviours) ──StopSelf──► OnStop ──► OnUndelivered for each message that still waited
///                ▲             │
///                └── restart ──┘  a crash: a new object in the same mailbox, timers gone, what was stashed back in the mailbox
/// </code>
/// </summary>
public abstract class NodeActor : ActorBase, IWithTimers, IWithUnboundedStash
{
    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <inheritdoc/>
    public IStash Stash { get; set; } = null!;

    /// <summary>The node's ports.</summary>
    protected ActorHost System { get; private set; } = null!;

    /// <summary>Where messages for this actor go.</summary>
    protected new ActorHandle Self { get; private set; } = null!;

    internal void Attach(ActorHost system, ActorHandle self)
    {
        System = system;
        Self = self;
    }

    internal void Undelivered(object message) => OnUndelivered(message);

    /// <summary>Sets the first behaviour, with Become; also after a restart.</summary>
    protected abstract void OnStart();

    /// <summary>Called once when the actor has stopped for good.</summary>
    protected virtual void OnStop()
    {
    }

    /// <summary>Called for each message that was still queued when the actor stopped: a request is answered here.</summary>
    protected virtual void OnUndelivered(object message)
    {
    }

    /// <summary>Whether a crash is followed by a restart. False stops the actor.</summary>
    protected virtual bool RestartAfter(Exception fault) => true;

    /// <summary>Sends <paramref name="message"/> to this actor in <paramref name="delayMillis"/>; a timer of the same key is replaced.</summary>
    protected void StartTimer(string key, long delayMillis, object message) => Timers.StartSingleTimer(key, message, TimeSpan.FromMilliseconds(delayMillis));

    /// <summary>Cancels the timer of that key, if there is one; its message does not arrive any more.</summary>
    protected void CancelTimer(string key) => Timers.Cancel(key);

    /// <summary>Puts the present message aside until <see cref="UnstashAll"/>. Bounded by <see cref="Limits.MailboxMax"/>: past it this throws.</summary>
    protected void StashMessage()
    {
        if (Stash.Count >= Limits.MailboxMax) throw new InvalidOperationException($"{Self.Name}: the stash is full ({Limits.MailboxMax})");
        Stash.Stash();
    }

    /// <summary>What was put aside comes next, in order, before anything newer.</summary>
    protected void UnstashAll() => Stash.UnstashAll();

    /// <summary>Tells this actor, by <see cref="Terminated"/>, when another one has stopped; null for one that has already.</summary>
    protected IActorRef? Watch(ActorHandle other) => other.Actor is { } actor ? Context.Watch(actor) : null;

    /// <summary>That is of no interest any more.</summary>
    protected void Unwatch(IActorRef other) => Context.Unwatch(other);

    /// <summary>Stops this actor after the present message.</summary>
    protected void StopSelf() => Context.Stop(base.Self);

    /// <inheritdoc/>
    protected sealed override bool Receive(object message) =>
        throw new InvalidOperationException($"{GetType().Name} has no behaviour: OnStart must call Become");

    /// <inheritdoc/>
    protected sealed override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception fault) when (!RestartAfter(fault))
        {
            System.Stops(Self, fault);
            StopSelf();
            return true;
        }
    }

    /// <inheritdoc/>
    protected sealed override void Unhandled(object message) =>
        throw new InvalidOperationException($"{GetType().Name} does not accept {message.GetType().Name} in its present behaviour");

    /// <inheritdoc/>
    protected sealed override void PreStart() => OnStart();

    /// <inheritdoc/>
    protected sealed override void PreRestart(Exception reason, object message)
    {
        // Akka's own would stop it: what it holds outside stays with its cell, for the next object.
    }

    /// <inheritdoc/>
    protected sealed override void PostRestart(Exception reason) => OnStart();

    /// <inheritdoc/>
    protected sealed override void PostStop()
    {
        Self.Stopped(this);
        OnStop();
    }
}
