using Cti.Kernel;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>Real threads and real time: Akka's own are real as well.</summary>
internal sealed class PoolRuntime : IScheduler, ITimers
{
    public static readonly PoolRuntime Instance = new();

    public void Post(IWorkItem item) => ThreadPool.UnsafeQueueUserWorkItem(static state => state.Run(), item, preferLocal: false);

    public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state) =>
        new Handle(new Timer(due => callback(due), state, delayMillis, Timeout.Infinite));

    private sealed class Handle(Timer timer) : ITimerHandle
    {
        public void Cancel() => timer.Dispose();
    }
}
