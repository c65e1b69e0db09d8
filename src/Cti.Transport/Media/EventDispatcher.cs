using Cti.Kernel;
using Cti.Media;

namespace Cti.Transport.Media;

/// <summary>
/// Carries reports from the loops to their receivers on a thread of its own, so that no receiver can hold up sound. Reports of one session keep
/// their order: they come from one loop.
/// </summary>
internal sealed class EventDispatcher : IDisposable
{
    private readonly MpscRing<Item> _ring = new(Limits.MediaEventsMax);
    private readonly AutoResetEvent _wake = new(false);
    private readonly ILog _log;
    private readonly Thread _thread;
    private volatile bool _stopping;
    private int _unannounced;

    public EventDispatcher(ILog log)
    {
        _log = log;
        _thread = new Thread(Run) { IsBackground = true, Name = "media events" };
        _thread.Start();
    }

    /// <summary>Queues a report. A full ring holds the loop up until there is room: reports are never lost.</summary>
    public void Report(MediaSessionId session, MediaEvent happened, IMediaEvents receiver)
    {
        while (!_ring.TryWrite(new Item(session, happened, receiver)))
        {
            _wake.Set();
            Thread.Yield();
            if (_stopping)
                return;
        }

        Volatile.Write(ref _unannounced, 1);
    }

    /// <summary>Wakes the thread if anything was reported; a loop calls it once a cadence.</summary>
    public void Announce()
    {
        if (Volatile.Read(ref _unannounced) != 0 && Interlocked.Exchange(ref _unannounced, 0) != 0)
            _wake.Set();
    }

    /// <summary>Delivers what is queued, then stops.</summary>
    public void Dispose()
    {
        _stopping = true;
        _wake.Set();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
        _wake.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            var last = _stopping;
            while (_ring.TryRead(out var report))
                Deliver(report);
            if (last)
                return;
            _wake.WaitOne();
        }
    }

    private void Deliver(in Item report)
    {
        try
        {
            report.Receiver.OnMediaEvent(report.Session, report.Happened);
        }
        catch (Exception fault)
        {
            // One receiver's bug must not silence every other session.
            _log.Write(LogEvents.MediaReceiverFault, report.Session.Value, fault);
        }
    }

    private readonly record struct Item(MediaSessionId Session, MediaEvent Happened, IMediaEvents Receiver);
}
