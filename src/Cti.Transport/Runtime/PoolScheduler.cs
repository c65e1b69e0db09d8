using Cti.Kernel;

namespace Cti.Transport.Runtime;

/// <summary>Runs work on the process's thread pool. An item that throws in spite of its contract is logged; the pool goes on.</summary>
public sealed class PoolScheduler(ILog log) : IScheduler
{
    private readonly Action<IWorkItem> _run = item => RunGuarded(item, log);

    /// <inheritdoc/>
    public void Post(IWorkItem item) => ThreadPool.UnsafeQueueUserWorkItem(_run, item, preferLocal: false);

    private static void RunGuarded(IWorkItem item, ILog log)
    {
        try
        {
            item.Run();
        }
        catch (Exception fault)
        {
            // An escaped exception on a pool thread would end the process and every call on it.
            log.Write(LogEvents.WorkItemFault, item.GetType().Name, fault);
        }
    }
}
