using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;
using Cti.Kernel;

namespace Cti.Actors.Hosting;

/// <summary>Akka's scheduler on the node's timers. A cancelled timer is taken out at once.</summary>
internal sealed class PortScheduler(Config config, ILoggingAdapter log) : SchedulerBase(config, log), IDateTimeOffsetNowTimeProvider
{
    /// <summary>Akka creates the scheduler from its type's name: whose it is, is known on the thread that creates the system.</summary>
    [ThreadStatic]
    private static ActorHost? _creating;

    public ActorHost Host { get; } = _creating ?? throw new InvalidOperationException("an actor system of a node is created by ActorHost");

    public override TimeSpan MonotonicClock => new(Host.Clock.MonotonicNanos / TimeSpan.NanosecondsPerTick);

    public override TimeSpan HighResMonotonicClock => MonotonicClock;

    protected override DateTimeOffset TimeNow => DateTimeOffset.FromUnixTimeMilliseconds(Host.Clock.UnixMillis);

    /// <summary>Creates a system whose scheduler is that host's.</summary>
    public static ActorSystem Create(ActorHost host, Func<ActorSystem> create)
    {
        _creating = host;
        try
        {
            return create();
        }
        finally
        {
            _creating = null;
        }
    }

    protected override void InternalScheduleTellOnce(TimeSpan delay, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable) =>
        Start(delay, new Due(cancelable) { Receiver = receiver, Message = message, Sender = sender });

    protected override void InternalScheduleTellRepeatedly(TimeSpan initialDelay, TimeSpan interval, ICanTell receiver, object message, IActorRef sender,
        ICancelable cancelable) =>
        Start(initialDelay, new Due(cancelable) { Receiver = receiver, Message = message, Sender = sender, Scheduler = this, Interval = interval });

    protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable cancelable) =>
        Start(delay, new Due(cancelable) { Action = action });

    protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable cancelable) =>
        Start(delay, new Due(cancelable) { Action = action.Run });

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, Action action, ICancelable cancelable) =>
        Start(initialDelay, new Due(cancelable) { Action = action, Scheduler = this, Interval = interval });

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, IRunnable action, ICancelable cancelable) =>
        InternalScheduleRepeatedly(initialDelay, interval, action.Run, cancelable);

    private void Start(TimeSpan delay, Due due)
    {
        var timer = Host.Timers.Schedule((long)Math.Ceiling(delay.TotalMilliseconds), static state => ((Due)state!).Fire(), due);
        if (due.Cancelable is { } cancelable) cancelable.Token.UnsafeRegister(static state => ((ITimerHandle)state!).Cancel(), timer);
    }

    /// <summary>What is to be done at a time: a message to be sent or an action to be run, once, or again and again.</summary>
    private sealed class Due(ICancelable? cancelable)
    {
        public ICancelable? Cancelable => cancelable;

        public ICanTell? Receiver { get; init; }

        public object? Message { get; init; }

        public IActorRef? Sender { get; init; }

        public Action? Action { get; init; }

        public PortScheduler? Scheduler { get; init; }

        public TimeSpan Interval { get; init; }

        public void Fire()
        {
            if (cancelable?.IsCancellationRequested == true) return;
            Scheduler?.Start(Interval, this);
            if (Receiver is { } receiver) receiver.Tell(Message, Sender);
            else Action!();
        }
    }
}
