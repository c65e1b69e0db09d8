using System.Collections.Concurrent;
using Cti.Kernel;

namespace Cti.Server.Calls;

/// <summary>The calls that live on this node, by resource id.</summary>
internal sealed class CallDirectory
{
    private readonly ConcurrentDictionary<ResourceId, CallCell> calls = new();

    public int Count => calls.Count;

    public IEnumerable<CallCell> All => calls.Values;

    public CallCell? Find(ResourceId id) => calls.GetValueOrDefault(id);

    public void Add(ResourceId id, CallCell cell) => calls[id] = cell;

    public void Remove(ResourceId id) => calls.TryRemove(id, out _);
}
