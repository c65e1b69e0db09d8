using System.Collections.Concurrent;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>The resources that live on this node, by their names.</summary>
internal sealed class ResourceDirectory
{
    private readonly ConcurrentDictionary<ResourceId, ResourceListing> _listings = new();
    private int _calls;

    /// <summary>How many calls are among them, those driven by flows included.</summary>
    public int CallCount => Volatile.Read(ref _calls);

    /// <summary>How many resources there are.</summary>
    public int Count => _listings.Count;

    /// <summary>All, in no order.</summary>
    public IEnumerable<ResourceListing> All => _listings.Values;

    /// <summary>All in order of creation: a table of its own order would be another in every process, and no seed could replay it.</summary>
    public List<ResourceListing> InOrder(Func<ResourceListing, bool> which) => [.. All.Where(which).OrderBy(static listing => listing.Id.ProcessId)];

    /// <summary>The resource of that id; null where none lives here.</summary>
    public ResourceListing? Find(ResourceId id) => _listings.GetValueOrDefault(id);

    /// <summary>The resource of that id as text.</summary>
    public ResourceListing? Find(string id) => ResourceId.TryParse(id, out var parsed) ? Find(parsed) : null;

    /// <summary>A resource lives here from now on.</summary>
    public void Add(ResourceId id, ResourceListing listing)
    {
        listing.Id = id;
        if (_listings.TryAdd(id, listing) && id.Module == Modules.Call) Interlocked.Increment(ref _calls);
    }

    /// <summary>Removes that very resource: another life of it, recovered meanwhile, stays.</summary>
    public void Remove(ResourceListing listing)
    {
        if (_listings.TryRemove(KeyValuePair.Create(listing.Id, listing)) && listing.Id.Module == Modules.Call) Interlocked.Decrement(ref _calls);
    }
}
