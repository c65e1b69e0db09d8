using Cti.Actors.Hosting;
using Cti.Kernel;

namespace Cti.Actors.Calls;

/// <summary>One timer for the earliest deadline of a leg's usages; the call is told when it comes.</summary>
internal sealed class LegTimer(LegContext leg, LegUsages usages)
{
    private ITimerHandle? _timer;
    private long _armed = long.MaxValue;
    private bool _isStopped;

    /// <summary>After each step: the deadline may be another one.</summary>
    public void Arm()
    {
        if (_isStopped) return;
        var due = usages.Deadline;
        if (due == _armed) return;
        _armed = due;
        _timer?.Cancel();
        _timer = due == long.MaxValue ? null
            : leg.Timers.Schedule(Math.Max(0, due - leg.NowMillis), static state => ((ActorHandle)state!).Tell(new LegTick()), leg.Cell.Actor);
    }

    /// <summary>The deadline came; the next one is armed anew even where it is the same.</summary>
    public void Came() => _armed = long.MaxValue;

    /// <summary>No deadline counts any more.</summary>
    public void Stop()
    {
        _isStopped = true;
        _timer?.Cancel();
    }
}
