using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;

namespace Cti.Cluster.Sharding;

/// <summary>
/// Akka's own timer wheel, with one message sooner: the shard coordinator waits 500 ms after it has read its state, which nobody can set, and calls of a dead
/// node wait with it. The message is told by the name of its type, so a test holds that it still has it; without it a fail-over of the coordinator's node takes
/// half a second longer, and nothing else changes.
/// </summary>
public sealed class CoordinatorScheduler : SchedulerBase, IDateTimeOffsetNowTimeProvider, IDisposable
{
    /// <summary>The message's type.</summary>
    internal const string StateInitialized = "StateInitialized";

    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(5);
    private readonly HashedWheelTimerScheduler _wheel;

    /// <summary>Made by Akka, from its configuration.</summary>
    public CoordinatorScheduler(Config config, ILoggingAdapter log) : base(config, log) => _wheel = new HashedWheelTimerScheduler(config, log);

    /// <inheritdoc/>
    public override TimeSpan MonotonicClock => _wheel.MonotonicClock;

    /// <inheritdoc/>
    public override TimeSpan HighResMonotonicClock => _wheel.HighResMonotonicClock;

    /// <inheritdoc/>
    protected override DateTimeOffset TimeNow => ((ITimeProvider)_wheel).Now;

    private ITellScheduler Tells => _wheel;

    private IActionScheduler Actions => _wheel;

    /// <inheritdoc/>
    public void Dispose() => _wheel.Dispose();

    /// <inheritdoc/>
    protected override void InternalScheduleTellOnce(TimeSpan delay, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable) =>
        Tells.ScheduleTellOnce(message.GetType().Name == StateInitialized ? Soon : delay, receiver, message, sender, cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleTellRepeatedly(TimeSpan initialDelay, TimeSpan interval, ICanTell receiver, object message, IActorRef sender,
        ICancelable cancelable) => Tells.ScheduleTellRepeatedly(initialDelay, interval, receiver, message, sender, cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable cancelable) => Actions.ScheduleOnce(delay, action, cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable cancelable) => Actions.ScheduleOnce(delay, action, cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, Action action, ICancelable cancelable) =>
        Actions.ScheduleRepeatedly(initialDelay, interval, action, cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, IRunnable action, ICancelable cancelable) =>
        Actions.ScheduleRepeatedly(initialDelay, interval, action, cancelable);
}
