using Cti.Kernel;
using Cti.Persistence;
using Cti.Testing;

namespace Cti.Cluster.Tests.Membership;

/// <summary>Time that is more than a minute off: a step while nothing counts on it, 1 % while something does.</summary>
public sealed class ClockStepTests
{
    private const long Hour = 3_600_000;

    private readonly MemberRig _rig = new();
    private readonly Remoting.WrittenLog _log = new();
    private bool _isIdle = true;

    private long Ahead(TestMember member) => member.Clock.UnixMillis - _rig.Runtime.UnixMillis;

    private TestMember Start(bool isShared, IClock? machine = null)
    {
        var member = _rig.Start("a", isShared: isShared, machine: machine, log: _log);
        member.IsIdle = () => _isIdle;
        _rig.Runtime.Advance(2_000);
        _log.Clear();
        return member;
    }

    [Theory]
    [InlineData(Hour)]
    [InlineData(-Hour)]
    [InlineData(61_000)]
    [InlineData(-61_000)]
    public void The_databases_clock_is_followed_at_once_while_no_call_is_up(long jump)
    {
        var member = Start(isShared: true);
        _rig.DatabaseAheadMillis = jump;
        _rig.Runtime.Advance(1_000);
        Ahead(member).ShouldBeInRange(jump - 2, jump + 2);
        _log.Ids.ShouldBe([LogEvents.ClockStepped.Id]);
    }

    [Theory]
    [InlineData(Hour)]
    [InlineData(-Hour)]
    public void While_a_call_is_up_time_goes_on_and_jumps_when_it_is_over(long jump)
    {
        var member = Start(isShared: true);
        _isIdle = false;
        _rig.DatabaseAheadMillis = jump;
        var before = member.Clock.UnixMillis;
        _rig.Runtime.Advance(100_000);
        (member.Clock.UnixMillis - before).ShouldBeInRange(98_900, 101_100);
        _log.Ids.ShouldBe([LogEvents.ClockFarOff.Id], "it is said once");
        _isIdle = true;
        _rig.Runtime.Advance(1_000);
        Ahead(member).ShouldBeInRange(jump - 2, jump + 2);
        _log.Ids.ShouldBe([LogEvents.ClockFarOff.Id, LogEvents.ClockStepped.Id]);
    }

    [Fact]
    public void While_a_call_is_up_anywhere_in_the_cluster_none_of_its_nodes_steps_alone()
    {
        var member = Start(isShared: true);
        var other = _rig.Start("b");
        _rig.Runtime.Advance(2_000);
        var instance = other.Owned.Count > 0 ? other : member;
        var (id, epoch) = instance.Owned.First();
        InstanceAppend Append(long tail, bool isOver) => new()
        {
            Instance = id, Owner = instance.Name, Epoch = epoch, ExpectedTail = tail, NewTail = tail + 1,
            Entries = [new JournalEntry(tail + 1, "call", 1, new byte[1])], ReleasedResources = isOver ? ["call"] : [],
        };
        MemberRig.Done(member.Store.AppendAsync([Append(0, isOver: false)])).ShouldBe([AppendOutcome.Accepted]);
        _log.Clear();
        _rig.DatabaseAheadMillis = Hour;
        _rig.Runtime.Advance(10_000);
        Ahead(member).ShouldBeInRange(90, 110);
        _log.Ids.ShouldBe([LogEvents.ClockFarOff.Id]);
        MemberRig.Done(member.Store.AppendAsync([Append(1, isOver: true)])).ShouldBe([AppendOutcome.Accepted]);
        _rig.Runtime.Advance(2 * MemberRig.Lease);
        Ahead(member).ShouldBeInRange(Hour - 2, Hour + 2);
        _log.Ids.ShouldBe([LogEvents.ClockFarOff.Id, LogEvents.ClockStepped.Id]);
    }

    [Theory]
    [InlineData(59_000)]
    [InlineData(-59_000)]
    public void What_is_less_than_a_minute_is_slewed_even_if_no_call_is_up(long jump)
    {
        var member = Start(isShared: true);
        _rig.DatabaseAheadMillis = jump;
        _rig.Runtime.Advance(10_000);
        Math.Abs(Ahead(member)).ShouldBeInRange(90, 110);
        _log.Ids.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(Hour)]
    [InlineData(-Hour)]
    public void A_node_alone_follows_its_machines_clock_that_was_set(long jump)
    {
        var machine = new SetClock(_rig.Runtime);
        var member = Start(isShared: false, machine);
        _isIdle = false;
        machine.WallAheadMillis = jump;
        _rig.Runtime.Advance(10_000);
        Ahead(member).ShouldBe(0);
        _log.Ids.ShouldBe([LogEvents.ClockFarOff.Id]);
        _isIdle = true;
        _rig.Runtime.Advance(1_000);
        Ahead(member).ShouldBe(jump);
        _log.Ids.ShouldBe([LogEvents.ClockFarOff.Id, LogEvents.ClockStepped.Id]);
        _rig.Runtime.Advance(10_000);
        _log.Ids.Count.ShouldBe(2, "it is right now");
    }

    [Fact]
    public void Where_time_is_the_databases_the_machines_clock_changes_nothing_of_it()
    {
        var machine = new SetClock(_rig.Runtime);
        var member = Start(isShared: true, machine);
        machine.WallAheadMillis = Hour;
        _rig.Runtime.Advance(5_000);
        Ahead(member).ShouldBe(0);
        (machine.UnixMillis - _rig.Runtime.UnixMillis).ShouldBe(Hour, "what does not count on the cluster's time is right at once");
        _log.Ids.ShouldBeEmpty();
    }

    /// <summary>A machine whose clock somebody sets; slewing is left out, so that the step stands alone.</summary>
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
