using System.Collections.Concurrent;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>The resources that live on this node, by id.</summary>
internal sealed class ResourceDirectory
{
    private readonly ConcurrentDictionary<ResourceId, ResourceCell> _cells = new();
    private int _calls;

    /// <summary>How many calls are among them, those driven by flows included.</summary>
    public int CallCount => Volatile.Read(ref _calls);

    /// <summary>How many resources there are.</summary>
    public int Count => _cells.Count;

    public IEnumerable<ResourceCell> All => _cells.Values;

    public ResourceCell? Find(ResourceId id) => _cells.GetValueOrDefault(id);

    /// <summary>The resource of that id, if it is of that kind.</summary>
    public TCell? Find<TCell>(ResourceId id) where TCell : ResourceCell => Find(id) as TCell;

    /// <summary>The resource of that id as text.</summary>
    public ResourceCell? Find(string id) => ResourceId.TryParse(id, out var parsed) ? Find(parsed) : null;

    public void Add(ResourceId id, ResourceCell cell)
    {
        if (_cells.TryAdd(id, cell) && id.Module == Modules.Call) Interlocked.Increment(ref _calls);
    }

    /// <summary>Removes that very resource: another life of it, recovered meanwhile, stays.</summary>
    public void Remove(ResourceId id, ResourceCell cell)
    {
        if (_cells.TryRemove(KeyValuePair.Create(id, cell)) && id.Module == Modules.Call) Interlocked.Decrement(ref _calls);
    }
}
