using Cti.Media;
using Cti.Transport.Media;

namespace Cti.Transport.Tests.Media;

/// <summary>What a media loop makes of its own work and of its lateness, by numbers alone.</summary>
public sealed class LoopLoadTests
{
    private const double Budget = 0.7;
    private const long Millis = 1_000_000;

    private static LoopLoad Loop(int seconds, long lateNanos, long workNanos)
    {
        var load = new LoopLoad();
        Go(load, seconds, lateNanos, workNanos);
        return load;
    }

    private static void Go(LoopLoad load, int seconds, long lateNanos, long workNanos)
    {
        for (var i = 0; i < seconds * LoopLoad.WindowCadences; i++) load.Count(lateNanos, workNanos);
    }

    [Fact]
    public void A_loop_that_is_kept_waiting_by_others_has_not_worked_and_takes_calls()
    {
        var load = Loop(30, lateNanos: 15 * Millis, workNanos: MediaLoop.CadenceNanos / 20);
        load.WorkShare.ShouldBe(0.05, 0.001);
        load.LatenessP99Nanos.ShouldBe(15 * Millis);
        load.Refusal(Budget, sessions: 100).ShouldBe(MediaRefusal.None);
    }

    [Fact]
    public void A_loop_over_its_own_budget_says_so_however_punctual_it_is()
    {
        var load = Loop(10, lateNanos: 0, workNanos: MediaLoop.CadenceNanos * 3 / 4);
        load.Refusal(Budget, sessions: 2000).ShouldBe(MediaRefusal.OwnWork);
        Go(load, 10, 0, MediaLoop.CadenceNanos / 2);
        load.Refusal(Budget, sessions: 2000).ShouldBe(MediaRefusal.None);
    }

    [Fact]
    public void Lateness_that_is_heard_refuses_until_it_is_over()
    {
        var load = Loop(2, lateNanos: 120 * Millis, workNanos: 0);
        load.Refusal(Budget, sessions: 1).ShouldBe(MediaRefusal.Lateness);
        Go(load, 1, 2 * Millis, 0);
        load.Refusal(Budget, sessions: 1).ShouldBe(MediaRefusal.None);
    }

    [Fact]
    public void Pauses_of_sixty_milliseconds_in_every_second_are_not_refused()
    {
        var load = new LoopLoad();
        for (var i = 0; i < 10 * LoopLoad.WindowCadences; i++) load.Count(i % LoopLoad.WindowCadences < 12 ? 60 * Millis : 0, 0);
        load.LatenessP99Nanos.ShouldBe(60 * Millis);
        load.Refusal(Budget, sessions: 100).ShouldBe(MediaRefusal.None);
    }

    [Fact]
    public void Lateness_without_calls_harms_nobody() =>
        Loop(10, lateNanos: 150 * Millis, workNanos: 0).Refusal(Budget, sessions: 0).ShouldBe(MediaRefusal.None);

    [Fact]
    public void One_stall_is_over_when_it_is_seen()
    {
        var load = Loop(3, 0, 0);
        for (var cadence = 0; cadence < 40; cadence++) load.Count((200 - (5 * cadence)) * Millis, 0);
        for (var second = 0; second < 3; second++)
        {
            load.Refusal(Budget, sessions: 100).ShouldBe(MediaRefusal.None);
            Go(load, 1, 0, 0);
        }
    }

    [Fact]
    public void The_99th_of_100_counts_so_that_two_late_cadences_of_a_second_do_not()
    {
        var load = new LoopLoad();
        for (var i = 0; i < LoopLoad.WindowCadences; i++) load.Count(i % 100 == 0 ? 180 * Millis : 1 * Millis, 0);
        load.LatenessP99Nanos.ShouldBe(1 * Millis);
        for (var i = 0; i < LoopLoad.WindowCadences; i++) load.Count(i % 50 == 0 ? 180 * Millis : 1 * Millis, 0);
        load.LatenessP99Nanos.ShouldBe(180 * Millis);
    }

    [Fact]
    public void A_loop_that_stood_still_has_not_worked_for_longer_than_a_cadence()
    {
        var load = Loop(10, 0, MediaLoop.CadenceNanos / 10);
        load.Count(0, 1_200 * Millis);
        load.WorkShare.ShouldBeInRange(0.1, 0.11);
    }
}
