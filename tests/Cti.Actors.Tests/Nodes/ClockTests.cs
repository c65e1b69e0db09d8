using Cti.Kernel;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>A machine whose clock is set while its node runs.</summary>
public sealed class ClockTests
{
    private const long Hour = 3_600_000;

    [Theory]
    [InlineData(Hour)]
    [InlineData(-Hour)]
    public void A_clock_that_is_set_during_a_call_changes_none_of_its_times_and_is_followed_when_it_is_over(long jump)
    {
        SetClock machine = null!;
        var log = new CountedLog();
        var bench = new NodeBench(log: log, clock: runtime => machine = new SetClock(runtime));
        var call = AnsweredCall.On(bench, maxAnswerSeconds: 120);
        machine.WallAheadMillis = jump;
        bench.Runtime.Advance(10_000);
        call.Phone.Rest().ShouldBeEmpty("its limit is two minutes of its own time");
        bench.Server.Clock.UnixMillis.ShouldBe(bench.Runtime.UnixMillis);
        log.Count(LogEvents.ClockFarOff).ShouldBe(1);

        var endMillis = bench.Runtime.UnixMillis;
        bench.Ask("sys.call.drop", ("res_id", call.Id)).Error.ShouldBeNull();
        call.Phone.Respond(call.Phone.Request("BYE"), 200);
        bench.Expect("sys.call.on_released").GetProperty("end_time").GetInt64().ShouldBeInRange(endMillis / 1000, (endMillis / 1000) + 1);
        bench.Runtime.Advance(40_000);
        (bench.Server.Clock.UnixMillis - bench.Runtime.UnixMillis).ShouldBe(jump);
        log.Count(LogEvents.ClockStepped).ShouldBe(1);

        bench.Peer("192.0.2.11").Invite("100", "Contact: <sip:caller@192.0.2.11>");
        bench.Expect("sys.call.on_incoming").GetProperty("begin_time").GetInt64()
            .ShouldBeInRange(((bench.Runtime.UnixMillis + jump) / 1000) - 1, (bench.Runtime.UnixMillis + jump) / 1000);
        bench.Crashes.ShouldBeEmpty();
    }

    /// <summary>Slewing is left out, so that the step stands alone.</summary>
    private sealed class SetClock(ManualRuntime runtime) : IReferencedClock
    {
        private long _ahead;

        public long WallAheadMillis { get; set; }
        public long MonotonicNanos => runtime.MonotonicNanos;
        public long UnixMillis => runtime.UnixMillis + _ahead;
        public long ReferenceAheadMillis => WallAheadMillis - _ahead;

        public void Step() => _ahead = WallAheadMillis;
    }
}
