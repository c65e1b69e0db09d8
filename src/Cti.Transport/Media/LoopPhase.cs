using Cti.Kernel;

namespace Cti.Transport.Media;

/// <summary>
/// The sessions of one phase of 20 ms: those that are ticked in each of its turns, and those that have nothing to do before a cadence. Of a sleeper only that
/// number is looked at, and the numbers lie side by side, so a thousand of them cost less than a tick.
/// </summary>
internal sealed class LoopPhase
{
    private readonly SessionSlot?[] _awake = new SessionSlot?[Limits.MediaSessionsPerLoopMax];
    private readonly SessionSlot?[] _asleep = new SessionSlot?[Limits.MediaSessionsPerLoopMax];
    private readonly long[] _wakesAt = new long[Limits.MediaSessionsPerLoopMax];
    private int _asleepCount;

    /// <summary>Sessions that are ticked.</summary>
    public int AwakeCount { get; private set; }

    /// <summary>All sessions.</summary>
    public int Count => AwakeCount + _asleepCount;

    /// <summary>One of those that are ticked.</summary>
    public SessionSlot this[int index] => _awake[index]!;

    public void Add(SessionSlot slot)
    {
        slot.IsAsleep = false;
        slot.PhaseIndex = AwakeCount++;
        _awake[slot.PhaseIndex] = slot;
    }

    /// <summary>The last one takes its place.</summary>
    public void Remove(SessionSlot slot)
    {
        var (slots, lastIndex) = slot.IsAsleep ? (_asleep, --_asleepCount) : (_awake, --AwakeCount);
        var last = slots[lastIndex]!;
        slots[slot.PhaseIndex] = last;
        if (slot.IsAsleep)
            _wakesAt[slot.PhaseIndex] = _wakesAt[lastIndex];
        last.PhaseIndex = slot.PhaseIndex;
        slots[lastIndex] = null;
    }

    /// <summary>It is not ticked before that cadence, unless it is woken.</summary>
    public void Sleep(SessionSlot slot, long cadence)
    {
        Remove(slot);
        slot.IsAsleep = true;
        slot.PhaseIndex = _asleepCount++;
        _asleep[slot.PhaseIndex] = slot;
        _wakesAt[slot.PhaseIndex] = cadence;
    }

    /// <summary>It is ticked from its phase's next turn on.</summary>
    public void Wake(SessionSlot slot)
    {
        if (!slot.IsAsleep)
            return;
        Remove(slot);
        Add(slot);
    }

    /// <summary>Wakes all whose time has come.</summary>
    public void WakeDue(long cadence)
    {
        // Backwards, because the last one takes the place of one that wakes.
        for (var i = _asleepCount - 1; i >= 0; i--)
        {
            if (_wakesAt[i] <= cadence)
                Wake(_asleep[i]!);
        }
    }
}
