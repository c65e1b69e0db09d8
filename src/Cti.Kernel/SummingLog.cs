using System.Collections.Concurrent;

namespace Cti.Kernel;

/// <summary>
/// Keeps strangers from filling the log. Of a kind that names what many of it are (<see cref="LogEvent.SummedAs"/>) the first line is written at once, which
/// opens a window of 10 s; what comes in the window is counted; at its end one line tells how many were left out, and the next window begins. A window in which
/// nothing came closes, and the next line is written at once again. Every other kind passes.
/// <code>
///            first: written                    10 s, some left out: told
///   closed ───────────────────► open (left out: 0, 1, 2 …) ─────────┐
///     ▲                          │   ▲                              │
///     └── 10 s, none left out ───┘   └──────────────────────────────┘
/// </code>
/// Counting takes no lock and allocates nothing.
/// </summary>
public sealed class SummingLog : ILog, IDisposable
{
    /// <summary>With every kind at once a few lines a second, and an operator who reads along is told soon.</summary>
    private const long WindowMillis = 10_000;

    private readonly ILog _log;
    private readonly IClock _clock;
    private readonly ITimers _timers;
    private readonly ConcurrentDictionary<int, Window> _windows = new();
    private volatile bool _isDisposed;

    /// <summary>A log in front of another. It holds one small window for each summed kind of the catalogue that was ever written.</summary>
    /// <param name="log">Where the lines go.</param>
    /// <param name="clock">Says how long a window really was.</param>
    /// <param name="timers">Ends the windows.</param>
    public SummingLog(ILog log, IClock clock, ITimers timers) => (_log, _clock, _timers) = (log, clock, timers);

    /// <inheritdoc/>
    public bool IsEnabled(LogSeverity severity) => _log.IsEnabled(severity);

    /// <inheritdoc/>
    public bool IsWanted(LogEvent kind) =>
        _log.IsWanted(kind) && !(kind.SummedAs is not null && _windows.TryGetValue(kind.Id, out var window) && window.TryLeaveOut());

    /// <inheritdoc/>
    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
    {
        if (kind.SummedAs is null || _isDisposed)
        {
            _log.Write(kind, arguments);
            return;
        }
        if (_log.IsWanted(kind) && WindowOf(kind).OpenOrLeaveOut()) _log.Write(kind, arguments);
    }

    /// <summary>Tells what was left out so far; from now on nothing is summed up.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        foreach (var window in _windows.Values) window.Close();
    }

    private Window WindowOf(LogEvent kind) =>
        _windows.TryGetValue(kind.Id, out var window)
            ? window
            : _windows.GetOrAdd(kind.Id, static (_, made) => new Window(made.Log, made.Kind), (Log: this, Kind: kind));

    /// <summary>One kind's window: a single number, so that opening, counting and closing exclude each other without a lock.</summary>
    private sealed class Window(SummingLog owner, LogEvent kind)
    {
        private const long Closed = -1;

        private readonly LogEvent _summary = new(kind.Id, kind.Severity, "… and {0} more in {1} s: " + kind.SummedAs);
        private long _leftOut = Closed;
        private long _openedNanos;
        private ITimerHandle? _timer;

        /// <summary>Counts one where the window is open; false where it is closed.</summary>
        public bool TryLeaveOut()
        {
            for (var seen = Volatile.Read(ref _leftOut); seen != Closed;)
            {
                var was = Interlocked.CompareExchange(ref _leftOut, seen + 1, seen);
                if (was == seen) return true;
                seen = was;
            }
            return false;
        }

        /// <summary>True when this opened the window, so the line is to be written; else it is counted.</summary>
        public bool OpenOrLeaveOut()
        {
            while (!TryLeaveOut())
            {
                if (Interlocked.CompareExchange(ref _leftOut, 0, Closed) != Closed) continue;
                Begin();
                return true;
            }
            return false;
        }

        /// <summary>Ends the window for good.</summary>
        public void Close()
        {
            _timer?.Cancel();
            Tell(Interlocked.Exchange(ref _leftOut, Closed));
        }

        private void Begin()
        {
            Volatile.Write(ref _openedNanos, owner._clock.MonotonicNanos);
            _timer = owner._timers.Schedule(WindowMillis, static window => ((Window)window!).End(), this);
        }

        private void End()
        {
            if (owner._isDisposed || Interlocked.CompareExchange(ref _leftOut, Closed, 0) is 0 or Closed) return;
            Tell(Interlocked.Exchange(ref _leftOut, 0));
            Begin();
        }

        private void Tell(long count)
        {
            if (count > 0)
                owner._log.Write(_summary, count, Math.Max(1, (owner._clock.MonotonicNanos - Volatile.Read(ref _openedNanos) + 500_000_000) / 1_000_000_000));
        }
    }
}
