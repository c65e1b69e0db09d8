using Cti.Kernel;
using Cti.Persistence;
using Cti.Testing;

namespace Cti.Cluster.Tests.Membership;

/// <summary>Time that is more than a minute off: a step while nothing counts on it, 1 % while something does.</summary>
public sealed class ClockStepTests
{
    private const long Hour = 3_600_000;

    private readonly MemberRig rig = new();
    private readonly Links.CollectedLog log = new();
    private bool isIdle = true;

    private long Ahead(TestMember member) => member.Clock.UnixMillis - rig.Runtime.UnixMillis;

    private TestMember Start(bool isShared, IClock? machine = null)
    {
        var member = rig.Start("a", isShared: isShared, machine: machine, log: log);
        member.IsIdle = () => isIdle;
        rig.Runtime.Advance(2_000);
        log.Ids.Clear();
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
        rig.DatabaseAheadMillis = jump;
        rig.Runtime.Advance(1_000);
        Ahead(member).ShouldBeInRange(jump - 2, jump + 2);
        log.Ids.ShouldBe([LogEvents.ClockStepped.Id]);
    }

    [Theory]
    [InlineData(Hour)]
    [InlineData(-Hour)]
    public void While_a_call_is_up_time_goes_on_and_jumps_when_it_is_over(long jump)
    {
        var member = Start(isShared: true);
        isIdle = false;
        rig.DatabaseAheadMillis = jump;
        var before = member.Clock.UnixMillis;
        rig.Runtime.Advance(100_000);
        (member.Clock.UnixMillis - before).ShouldBeInRange(98_900, 101_100);
        log.Ids.ShouldBe([LogEvents.ClockFarOff.Id], "it is said once");
        isIdle = true;
        rig.Runtime.Advance(1_000);
        Ahead(member).ShouldBeInRange(jump - 2, jump + 2);
        log.Ids.ShouldBe([LogEvents.ClockFarOff.Id, LogEvents.ClockStepped.Id]);
    }

    [Fact]
    public void While_a_call_is_up_anywhere_in_the_cluster_none_of_its_nodes_steps_alone()
    {
        var member = Start(isShared: true);
        var other = rig.Start("b");
        rig.Runtime.Advance(2_000);
        var instance = other.Owned.Count > 0 ? other : member;
        var (id, epoch) = instance.Owned.First();
        InstanceAppend Append(long tail, bool isOver) => new()
        {
            Instance = id, Owner = instance.Name, Epoch = epoch, ExpectedTail = tail, NewTail = tail + 1,
            Entries = [new JournalEntry(tail + 1, "call", 1, new byte[1])], ReleasedResources = isOver ? ["call"] : [],
        };
        MemberRig.Done(member.Store.AppendAsync([Append(0, isOver: false)])).ShouldBe([AppendOutcome.Accepted]);
        log.Ids.Clear();
        rig.DatabaseAheadMillis = Hour;
        rig.Runtime.Advance(10_000);
        Ahead(member).ShouldBeInRange(90, 110);
        log.Ids.ShouldBe([LogEvents.ClockFarOff.Id]);
        MemberRig.Done(member.Store.AppendAsync([Append(1, isOver: true)])).ShouldBe([AppendOutcome.Accepted]);
        rig.Runtime.Advance(2 * MemberRig.Lease);
        Ahead(member).ShouldBeInRange(Hour - 2, Hour + 2);
        log.Ids.ShouldBe([LogEvents.ClockFarOff.Id, LogEvents.ClockStepped.Id]);
    }

    [Theory]
    [InlineData(59_000)]
    [InlineData(-59_000)]
    public void What_is_less_than_a_minute_is_slewed_even_if_no_call_is_up(long jump)
    {
        var member = Start(isShared: true);
        rig.DatabaseAheadMillis = jump;
        rig.Runtime.Advance(10_000);
        Math.Abs(Ahead(member)).ShouldBeInRange(90, 110);
        log.Ids.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(Hour)]
    [InlineData(-Hour)]
    public void A_node_alone_follows_its_machines_clock_that_was_set(long jump)
    {
        var machine = new SetClock(rig.Runtime);
        var member = Start(isShared: false, machine);
        isIdle = false;
        machine.WallAheadMillis = jump;
        rig.Runtime.Advance(10_000);
        Ahead(member).ShouldBe(0);
        log.Ids.ShouldBe([LogEvents.ClockFarOff.Id]);
        isIdle = true;
        rig.Runtime.Advance(1_000);
        Ahead(member).ShouldBe(jump);
        log.Ids.ShouldBe([LogEvents.ClockFarOff.Id, LogEvents.ClockStepped.Id]);
        rig.Runtime.Advance(10_000);
        log.Ids.Count.ShouldBe(2, "it is right now");
    }

    [Fact]
    public void Where_time_is_the_databases_the_machines_clock_changes_nothing_of_it()
    {
        var machine = new SetClock(rig.Runtime);
        var member = Start(isShared: true, machine);
        machine.WallAheadMillis = Hour;
        rig.Runtime.Advance(5_000);
        Ahead(member).ShouldBe(0);
        (machine.UnixMillis - rig.Runtime.UnixMillis).ShouldBe(Hour, "what does not count on the cluster's time is right at once");
        log.Ids.ShouldBeEmpty();
    }

    /// <summary>A machine whose clock somebody sets; slewing is left out, so that the step stands alone.</summary>
    private sealed class SetClock(ManualRuntime runtime) : IReferencedClock
    {
        private long ahead;

        public long WallAheadMillis { get; set; }
        public long MonotonicNanos => runtime.MonotonicNanos;
        public long UnixMillis => runtime.UnixMillis + ahead;
        public long ReferenceAheadMillis => WallAheadMillis - ahead;

        public void Step() => ahead = WallAheadMillis;
    }
}
