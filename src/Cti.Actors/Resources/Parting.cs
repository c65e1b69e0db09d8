using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>
/// One instance on its way to another node: which of its resources have agreed to go, and which of those have let go of what two nodes cannot hold at once.
/// Resources report from their own threads.
/// <code>
///   asked ──all agree──► going ──all quiet──► given: the sound goes on here until the far ends listen to the new owner
///     └──one has something under way──► stays, asked again later
/// </code>
/// </summary>
/// <param name="resources">The resources of the instance, in order of creation.</param>
/// <param name="scheduler">Resumes who waits: away from the resource that reported last.</param>
internal sealed class Parting(IReadOnlyList<ResourceListing> resources, IScheduler scheduler)
{
    private readonly Lock _gate = new();
    private readonly HashSet<ResourceListing> _awaited = [];
    private Answer? _answer;

    public IReadOnlyList<ResourceListing> Resources { get; } = resources;

    /// <summary>Who did not agree, and why; null while all have.</summary>
    public string? WhyNot { get; private set; }

    /// <summary>Waits until every resource has agreed, or is quiet: true; false as soon as one is not going to be.</summary>
    public Task<bool> AwaitAll()
    {
        lock (_gate)
        {
            _answer = new Answer();
            _awaited.UnionWith(Resources);
            if (_awaited.Count == 0) Settle(true);
            return _answer.Task;
        }
    }

    /// <summary>One more has agreed, or is quiet.</summary>
    public void Report(ResourceListing resource)
    {
        lock (_gate)
        {
            if (_awaited.Remove(resource) && _awaited.Count == 0) Settle(true);
        }
    }

    /// <summary>One has not agreed.</summary>
    public void Refuse(ResourceListing resource, string why)
    {
        lock (_gate)
        {
            WhyNot ??= $"{resource.Id} {why}";
            Settle(false);
        }
    }

    /// <summary>It takes too long.</summary>
    public void GiveUp()
    {
        lock (_gate)
        {
            WhyNot ??= $"{string.Join(", ", _awaited.Select(static resource => resource.Id))} did not say";
            Settle(false);
        }
    }

    private void Settle(bool yes)
    {
        if (_answer is not { } waiting || !waiting.TryDecide(yes)) return;
        scheduler.Post(waiting);
    }

    private sealed class Answer : IWorkItem
    {
        private readonly TaskCompletionSource<bool> _source = new();
        private bool? _decided;

        public Task<bool> Task => _source.Task;

        public bool TryDecide(bool yes)
        {
            if (_decided is not null) return false;
            _decided = yes;
            return true;
        }

        public void Run() => _source.SetResult(_decided!.Value);
    }
}

/// <summary>Waits until another node serves what it was given.</summary>
/// <param name="instance">What.</param>
/// <param name="scheduler">Resumes who waits: away from the link's thread.</param>
internal sealed class Receipt(int instance, IScheduler scheduler) : IWorkItem
{
    private readonly TaskCompletionSource _source = new();
    private int _isHere;

    public int Instance => instance;

    public Task Task => _source.Task;

    /// <summary>It serves it, or takes too long.</summary>
    public void Arrive()
    {
        if (Interlocked.Exchange(ref _isHere, 1) == 0) scheduler.Post(this);
    }

    public void Run() => _source.SetResult();
}

/// <summary>May the resource move to another node now? It puts everything aside from here on, if it may.</summary>
internal sealed record AskToPart(Parting Parting) : ISystemMessage;

/// <summary>The whole instance may: let go of what two nodes cannot hold at once.</summary>
internal sealed record Go(Parting Parting) : ISystemMessage;

/// <summary>The node stops: what neither goes to another node nor ends by itself soon, a call that is being set up, ends.</summary>
internal sealed record EndIfSettingUp : ISystemMessage;

/// <summary>The instance does not move after all.</summary>
internal sealed record Stay : ISystemMessage;
