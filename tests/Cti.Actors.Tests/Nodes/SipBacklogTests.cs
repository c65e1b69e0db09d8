using Cti.Actors.SipNode;

namespace Cti.Actors.Tests.Nodes;

/// <summary>When an INVITE is refused because messages have to wait.</summary>
public sealed class SipBacklogTests
{
    private readonly SipBacklog _backlog = new();
    private long _now = 1_000_000;

    /// <summary>Messages every 10 ms, each of which has waited so long; how many of them would be refused as INVITEs.</summary>
    private int Run(int millis, int waited)
    {
        var refused = 0;
        for (var end = _now + millis; _now < end; _now += 10)
        {
            _backlog.Note(_now - waited, _now);
            if (_backlog.Refuses()) refused++;
        }
        return refused;
    }

    [Fact]
    public void Nobody_is_refused_while_messages_are_handled_at_once() => Run(60_000, 5).ShouldBe(0);

    [Fact]
    public void What_a_pause_of_the_machine_leaves_behind_is_worked_off_and_refuses_nobody()
    {
        Run(1000, 5).ShouldBe(0);
        Run(400, 600).ShouldBe(0);
        Run(1000, 5).ShouldBe(0);
        _backlog.IsShedding.ShouldBeFalse();
    }

    [Fact]
    public void After_half_a_second_behind_those_are_refused_that_have_waited()
    {
        Run(500, 150).ShouldBe(0);
        Run(100, 150).ShouldBe(10);
        Run(100, 15).ShouldBe(0, "who has not waited is taken");
        Run(100, 60).ShouldBe(10);
        _backlog.Refused.ShouldBe(20);
    }

    [Fact]
    public void The_refusing_ends_after_five_seconds_without_a_wait()
    {
        Run(600, 150);
        Run(4900, 10);
        _backlog.IsShedding.ShouldBeTrue();
        Run(200, 10);
        _backlog.IsShedding.ShouldBeFalse();
        Run(100, 60).ShouldBe(0);
    }
}
