using System.Numerics;
using Cti.Kernel;

namespace Cti.Transport.Runtime;

/// <summary>
/// A hashed wheel of 5 ms slots on one thread: starting and cancelling cost a short lock and no search. A timer never fires early, and up to
/// one slot late; due callbacks run on the scheduler. The thread sleeps until the next slot that holds anything.
/// </summary>
public sealed class SystemTimers : ITimers, IDisposable
{
    private const long SlotNanos = 5_000_000;
    private const long NanosPerMilli = 1_000_000;
    // 4096 slots are 20 s: most SIP timers are met once; a longer one is passed over once a turn.
    private const int SlotCount = 4096;
    private const int SlotMask = SlotCount - 1;

    private readonly IClock _clock;
    private readonly IScheduler _scheduler;
    private readonly object _gate = new();
    private readonly Entry?[] _slots = new Entry?[SlotCount];
    private readonly ulong[] _occupied = new ulong[SlotCount / 64];
    private readonly Thread? _thread;
    private readonly long _startNanos;
    private long _tick;
    private long _wakeTick = long.MaxValue;
    private int _count;
    private bool _stopped;

    /// <summary>Starts the wheel's thread.</summary>
    public SystemTimers(IClock clock, IScheduler scheduler)
        : this(clock, scheduler, ownThread: true)
    {
    }

    internal SystemTimers(IClock clock, IScheduler scheduler, bool ownThread)
    {
        _clock = clock;
        _scheduler = scheduler;
        _startNanos = clock.MonotonicNanos;
        if (!ownThread)
            return;
        _thread = new Thread(Turn) { IsBackground = true, Name = "timers" };
        _thread.Start();
    }

    /// <summary>Timers started, not yet fired and not cancelled.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    /// <inheritdoc/>
    public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(delayMillis);
        var entry = new Entry(this, callback, state);
        var dueNanos = _clock.MonotonicNanos - _startNanos + delayMillis * NanosPerMilli;
        lock (_gate)
        {
            entry.DueTick = Math.Max(_tick + 1, (dueNanos + SlotNanos - 1) / SlotNanos);
            Link(entry);
            if (entry.DueTick < _wakeTick)
                Monitor.Pulse(_gate);
        }

        return entry;
    }

    /// <summary>Stops the thread; what has not fired never will.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.Pulse(_gate);
        }

        if (_thread is not null && Thread.CurrentThread != _thread)
            _thread.Join();
    }

    private void Turn()
    {
        lock (_gate)
        {
            while (!_stopped)
            {
                Advance();
                Sleep();
            }
        }
    }

    /// <summary>Fires what is due by now.</summary>
    internal void Advance()
    {
        lock (_gate)
        {
            var nowTick = (_clock.MonotonicNanos - _startNanos) / SlotNanos;
            if (nowTick - _tick > SlotCount)
                _tick = nowTick - SlotCount; // One whole turn meets every slot, however long the thread was held up.
            while (_tick < nowTick)
                FireSlot(++_tick, nowTick);
        }
    }

    private void FireSlot(long tick, long nowTick)
    {
        var slot = (int)(tick & SlotMask);
        for (var entry = _slots[slot]; entry is not null;)
        {
            var next = entry.Next;
            if (entry.DueTick <= nowTick)
            {
                Unlink(entry);
                _scheduler.Post(entry);
            }

            entry = next;
        }
    }

    private void Sleep()
    {
        _wakeTick = NextOccupiedTick();
        if (_wakeTick == long.MaxValue)
        {
            Monitor.Wait(_gate);
        }
        else
        {
            var waitNanos = _wakeTick * SlotNanos - (_clock.MonotonicNanos - _startNanos);
            if (waitNanos > 0)
                Monitor.Wait(_gate, (int)((waitNanos + NanosPerMilli - 1) / NanosPerMilli));
        }

        _wakeTick = long.MinValue; // While the thread is awake nobody needs to wake it: it looks again before it sleeps.
    }

    private long NextOccupiedTick()
    {
        if (_count == 0)
            return long.MaxValue;
        var first = (int)((_tick + 1) & SlotMask);
        for (var step = 0; step <= _occupied.Length; step++)
        {
            var word = ((first >> 6) + step) % _occupied.Length;
            var bits = _occupied[word];
            if (step == 0)
                bits &= ulong.MaxValue << (first & 63);
            if (bits == 0)
                continue;
            var slot = (word << 6) + BitOperations.TrailingZeroCount(bits);
            return _tick + 1 + ((slot - first) & SlotMask);
        }

        return _tick + SlotCount;
    }

    private void Link(Entry entry)
    {
        var slot = (int)(entry.DueTick & SlotMask);
        entry.Next = _slots[slot];
        if (entry.Next is not null)
            entry.Next.Previous = entry;
        _slots[slot] = entry;
        _occupied[slot >> 6] |= 1UL << (slot & 63);
        entry.Linked = true;
        _count++;
    }

    private void Unlink(Entry entry)
    {
        var slot = (int)(entry.DueTick & SlotMask);
        if (entry.Previous is null)
            _slots[slot] = entry.Next;
        else
            entry.Previous.Next = entry.Next;
        if (entry.Next is not null)
            entry.Next.Previous = entry.Previous;
        if (_slots[slot] is null)
            _occupied[slot >> 6] &= ~(1UL << (slot & 63));
        entry.Next = entry.Previous = null;
        entry.Linked = false;
        _count--;
    }

    private sealed class Entry(SystemTimers owner, Action<object?> callback, object? state) : ITimerHandle, IWorkItem
    {
        public long DueTick;
        public Entry? Next;
        public Entry? Previous;
        public bool Linked;
        private volatile bool _cancelled;

        public void Cancel()
        {
            _cancelled = true;
            lock (owner._gate)
            {
                if (Linked)
                    owner.Unlink(this);
            }
        }

        public void Run()
        {
            if (!_cancelled)
                callback(state);
        }
    }
}
