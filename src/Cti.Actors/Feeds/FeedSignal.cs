using Cti.Kernel;

namespace Cti.Actors.Feeds;

/// <summary>
/// What a waiting reader waits for. It is run by the scheduler, never by the thread that publishes: the reader's continuation,
/// which runs within <see cref="Run"/>, meets no lock of the hub and holds up no writer.
/// </summary>
internal sealed class FeedSignal : IWorkItem
{
    private readonly TaskCompletionSource _raised = new();

    public void Run() => _raised.TrySetResult();

    internal async ValueTask WaitAsync(CancellationToken cancellation)
    {
        using var registration = cancellation.UnsafeRegister(
            static (signal, token) => ((FeedSignal)signal!)._raised.TrySetCanceled(token), this);
        // A caller's synchronization context would take the continuation out of Run, to a time of its own.
        await _raised.Task.ConfigureAwait(false);
    }
}
