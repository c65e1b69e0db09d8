using System.Diagnostics;
using Cti.Kernel;
using Cti.Transport.Runtime;

namespace Cti.Transport.Tests.Runtime;

public sealed class SystemPortsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void Unix_time_is_slewed_by_one_percent_towards_a_reference_that_is_behind_and_never_goes_back()
    {
        long mono = 0, wall = 1_000_000_000_000;
        var clock = new SystemClock(() => mono, () => wall);
        clock.UnixNanos.ShouldBe(1_000_000_000_000);
        clock.Follow(1_000_000_000_000 - 50_000_000);
        mono = 1_000_000_000;
        clock.UnixNanos.ShouldBe(1_000_990_000_000);
        mono = 5_000_000_000;
        clock.UnixNanos.ShouldBe(1_004_950_000_000);
        mono = 9_000_000_000;
        clock.UnixNanos.ShouldBe(1_008_950_000_000);
        clock.UnixMillis.ShouldBe(1_008_950);
    }

    [Fact]
    public void Unix_time_follows_the_wall_clock_once_a_second_without_stepping()
    {
        long mono = 0, wall = 0;
        var clock = new SystemClock(() => mono, () => wall);
        mono = 1_000_000_000;
        wall = 3_000_000_000;
        clock.UnixNanos.ShouldBe(1_000_000_000);
        mono = 1_500_000_000;
        clock.UnixNanos.ShouldBe(1_505_000_000);
    }

    [Theory]
    [InlineData(3_600_000_000_000)]
    [InlineData(-3_600_000_000_000)]
    public void A_wall_clock_that_was_set_is_told_and_reached_by_a_step_on_demand(long jumpNanos)
    {
        long mono = 0, wall = 10_000_000_000_000;
        var clock = new SystemClock(() => mono, () => wall);
        clock.ReferenceAheadMillis.ShouldBe(0);
        wall += jumpNanos;
        clock.ReferenceAheadMillis.ShouldBe(jumpNanos / 1_000_000);
        mono += 1_000_000_000;
        wall += 1_000_000_000;
        clock.UnixNanos.ShouldBe(10_001_000_000_000, "by itself it slews");
        clock.Step();
        clock.UnixNanos.ShouldBe(wall);
        clock.ReferenceAheadMillis.ShouldBe(0);
        mono += 5_000_000_000;
        wall += 5_000_000_000;
        clock.UnixNanos.ShouldBe(wall);
    }

    [Fact]
    public void A_reference_of_the_callers_is_reached_by_a_step_too()
    {
        long mono = 0;
        var clock = new SystemClock(() => mono, () => 0);
        clock.Follow(100_000_000_000);
        mono = 10_000_000_000;
        clock.ReferenceAheadMillis.ShouldBe(99_900);
        clock.Step();
        clock.UnixMillis.ShouldBe(110_000);
        clock.ReferenceAheadMillis.ShouldBe(0);
    }

    [Fact]
    public void Timers_fire_once_in_due_order_and_never_early()
    {
        var clock = new SystemClock();
        using var timers = new SystemTimers(clock, new PoolScheduler(NullLog.Instance));
        var fired = new List<(int Name, long Early)>();
        using var done = new CountdownEvent(4);
        var start = clock.MonotonicNanos;
        foreach (var delay in (int[])[120, 0, 60, 20])
        {
            timers.Schedule(delay, state =>
            {
                lock (fired)
                    fired.Add(((int)state!, clock.MonotonicNanos - start - (int)state * 1_000_000L));
                done.Signal();
            }, delay);
        }

        done.Wait(Patience).ShouldBeTrue();
        fired.Select(f => f.Name).ShouldBe([0, 20, 60, 120]);
        fired.ShouldAllBe(f => f.Early >= 0);
        timers.Count.ShouldBe(0);
    }

    [Fact]
    public void A_cancelled_timer_leaves_the_wheel_and_does_not_fire()
    {
        using var timers = new SystemTimers(new SystemClock(), new PoolScheduler(NullLog.Instance));
        using var later = new ManualResetEventSlim();
        var fired = 0;
        var handles = Enumerable.Range(0, 1000).Select(_ => timers.Schedule(30, _ => Interlocked.Increment(ref fired), null)).ToList();
        timers.Schedule(60, _ => later.Set(), null);
        handles.ForEach(handle => handle.Cancel());
        handles.ForEach(handle => handle.Cancel());
        timers.Count.ShouldBe(1);
        later.Wait(Patience).ShouldBeTrue();
        fired.ShouldBe(0);
    }

    [Fact]
    public void A_timer_of_several_turns_of_the_wheel_waits_for_its_own_turn()
    {
        var clock = new StepClock();
        using var timers = new SystemTimers(clock, new InlineScheduler(), ownThread: false);
        var firedAt = new List<long>();
        foreach (var delay in (long[])[65_000, 3, 20_480])
            timers.Schedule(delay, _ => firedAt.Add(clock.MonotonicNanos / 1_000_000), null);
        for (var millis = 0; millis <= 70_000; millis += 5)
        {
            clock.Set(millis * 1_000_000L);
            timers.Advance();
        }

        firedAt.ShouldBe([5, 20_480, 65_000]);
    }

    [Fact]
    public void A_wheel_held_up_for_longer_than_a_turn_fires_everything_that_fell_due()
    {
        var clock = new StepClock();
        using var timers = new SystemTimers(clock, new InlineScheduler(), ownThread: false);
        var fired = new List<long>();
        foreach (var delay in (long[])[1, 19_000, 30_000, 59_999, 61_000])
            timers.Schedule(delay, state => fired.Add((long)state!), delay);
        clock.Set(60_000_000_000);
        timers.Advance();
        fired.Order().ShouldBe([1, 19_000, 30_000, 59_999]);
        timers.Count.ShouldBe(1);
    }

    [Fact]
    public void An_item_that_throws_is_logged_and_the_pool_goes_on()
    {
        var log = new CollectingLog();
        var scheduler = new PoolScheduler(log);
        scheduler.Post(new Work(() => throw new InvalidOperationException("broken")));
        using var next = new ManualResetEventSlim();
        scheduler.Post(new Work(next.Set));
        next.Wait(Patience).ShouldBeTrue();
        SpinWait.SpinUntil(() => log.Kinds.Contains(LogEvents.WorkItemFault), Patience).ShouldBeTrue();
    }

    private sealed class StepClock : IClock
    {
        private long _nanos;

        public long MonotonicNanos => Volatile.Read(ref _nanos);

        public long UnixMillis => MonotonicNanos / 1_000_000;

        public void Set(long nanos) => Volatile.Write(ref _nanos, nanos);
    }

    private sealed class InlineScheduler : IScheduler
    {
        public void Post(IWorkItem item) => item.Run();
    }

    private sealed class Work(Action action) : IWorkItem
    {
        public void Run() => action();
    }
}
