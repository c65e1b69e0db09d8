using Cti.Actors;
using Cti.Kernel;
using Cti.Server.Resources;

namespace Cti.Server.HandOver;

/// <summary>
/// One instance on its way to another node: which of its resources have agreed to go, and which of those have let go of what two nodes cannot hold at once.
/// Resources report from their own threads.
/// <code>
///   asked ──all agree──► going ──all quiet──► given: the sound goes on here until the far ends listen to the new owner
///     └──one has something under way──► stays, asked again later
/// </code>
/// </summary>
/// <param name="resources">The resources of the instance, in order of creation.</param>
/// <param name="scheduler">Runs what waits for them, so that no resource runs it in its own turn.</param>
internal sealed class Parting(IReadOnlyList<ResourceCell> resources, IScheduler scheduler)
{
    private readonly Lock gate = new();
    private readonly HashSet<ResourceCell> awaited = [.. resources];
    private TaskCompletionSource<bool> answered = new();

    public IReadOnlyList<ResourceCell> Resources { get; } = resources;

    /// <summary>True once all agreed, false as soon as one did not.</summary>
    public Task<bool> Agreement
    {
        get
        {
            lock (gate)
            {
                if (awaited.Count == 0) answered.TrySetResult(true);
                return answered.Task;
            }
        }
    }

    /// <summary>All have agreed: from now on they report that they are quiet.</summary>
    public Task<bool> BeginGoing()
    {
        lock (gate)
        {
            answered = new TaskCompletionSource<bool>();
            awaited.UnionWith(Resources);
            if (awaited.Count == 0) answered.SetResult(true);
            return answered.Task;
        }
    }

    /// <summary>One more has agreed, or is quiet.</summary>
    public void Report(ResourceCell resource, bool yes)
    {
        lock (gate)
        {
            if (!yes) Answer(false);
            else if (awaited.Remove(resource) && awaited.Count == 0) Answer(true);
        }
    }

    /// <summary>It takes too long.</summary>
    public void GiveUp()
    {
        lock (gate) Answer(false);
    }

    private void Answer(bool yes) => scheduler.Post(new Verdict(answered, yes));

    private sealed class Verdict(TaskCompletionSource<bool> answered, bool yes) : IWorkItem
    {
        public void Run() => answered.TrySetResult(yes);
    }
}

/// <summary>May the resource move to another node now? It puts everything aside from here on, if it may.</summary>
internal sealed record AskToPart(Parting Parting) : ISystemMessage;

/// <summary>The whole instance may: let go of what two nodes cannot hold at once.</summary>
internal sealed record Go(Parting Parting) : ISystemMessage;

/// <summary>The instance does not move after all.</summary>
internal sealed record Stay : ISystemMessage;

/// <summary>The far end listens to the new owner, or the resource is over there: what is still held here can go.</summary>
internal sealed record LetGo : ISystemMessage;
