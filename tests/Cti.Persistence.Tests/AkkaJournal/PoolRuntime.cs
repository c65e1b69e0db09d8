using Cti.Kernel;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>Real threads and real time: Akka's own are real as well.</summary>
internal sealed class PoolRuntime : IScheduler, ITimers
{
    public static readonly PoolRuntime Instance = new();

    public void Post(IWorkItem item) => ThreadPool.UnsafeQueueUserWorkItem(static state => state.Run(), item, preferLocal: false);

    public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state) => new Handle(delayMillis, callback, state);

    private sealed class Handle : ITimerHandle, IDisposable
    {
        private readonly Timer _timer;

        // The callback holds the timer, which would be collected otherwise: nobody need keep the handle.
        public Handle(long delayMillis, Action<object?> callback, object? state)
        {
            _timer = new Timer(_ =>
            {
                callback(state);
                GC.KeepAlive(_timer);
            });
            _timer.Change(delayMillis, Timeout.Infinite);
        }

        public void Cancel() => Dispose();

        public void Dispose() => _timer.Dispose();
    }
}
