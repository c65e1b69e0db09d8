using Cti.Kernel;

namespace Cti.Transport.Media;

/// <summary>A bounded queue of loads and the threads that work on it.</summary>
internal sealed class LoadLane : IDisposable
{
    private readonly Queue<Action> _loads = new();
    private readonly Thread[] _threads;
    private bool _stopping;

    public LoadLane(string name, int threads)
    {
        _threads = new Thread[threads];
        for (var i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Run) { IsBackground = true, Name = $"{name} {i}" };
            _threads[i].Start();
        }
    }

    /// <summary>Queues a load; false when too much waits or the lane stops.</summary>
    public bool TryQueue(Action load)
    {
        lock (_loads)
        {
            if (_stopping || _loads.Count >= Limits.MediaLoadsMax)
                return false;
            _loads.Enqueue(load);
            Monitor.Pulse(_loads);
            return true;
        }
    }

    /// <summary>Ends the threads once the queue is empty.</summary>
    public void Dispose()
    {
        lock (_loads)
        {
            _stopping = true;
            Monitor.PulseAll(_loads);
        }

        foreach (var thread in _threads)
            thread.Join();
    }

    private void Run()
    {
        while (true)
        {
            Action? load;
            lock (_loads)
            {
                while (!_loads.TryDequeue(out load))
                {
                    if (_stopping)
                        return;
                    Monitor.Wait(_loads);
                }
            }

            load();
        }
    }
}
