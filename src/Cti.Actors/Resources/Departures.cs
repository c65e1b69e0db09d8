using System.Collections.Concurrent;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>
/// Resources that this node gives to another one, until their far ends listen to there: what they sound by is kept here for so long.
/// <code>
///   (none) ──being given──► Going ──it has let go of it──► Kept ──it arrived, its new owner is lost, too late──► (none)
///                             └──it stays, or has nothing that sounds──► (none)
/// </code>
/// </summary>
internal sealed class Departures
{
    private readonly ConcurrentDictionary<ResourceId, Departure> _departures = new();
    private int _calls;

    /// <summary>How many calls are among them.</summary>
    public int CallCount => Volatile.Read(ref _calls);

    /// <summary>How many there are.</summary>
    public int Count => _departures.Count;

    /// <summary>All, in order of creation.</summary>
    public List<Departure> All => [.. _departures.Values.OrderBy(static departure => departure.Id.ProcessId)];

    /// <summary>Whether a resource's far end may still listen to this node.</summary>
    public bool Has(string resource) => ResourceId.TryParse(resource, out var id) && _departures.ContainsKey(id);

    /// <summary>That resource's departure; null where there is none.</summary>
    public Departure? Find(ResourceId id) => _departures.GetValueOrDefault(id);

    /// <summary>A resource is being given; one that came back meanwhile goes anew.</summary>
    public void Begin(ResourceId id, string to, long epoch)
    {
        var departure = new Departure(id, to, epoch);
        if (!_departures.TryAdd(id, departure)) _departures[id] = departure;
        else if (id.Module == Modules.Call) Interlocked.Increment(ref _calls);
    }

    /// <summary>It stays, or is over there.</summary>
    public void End(ResourceId id)
    {
        if (_departures.TryRemove(id, out _) && id.Module == Modules.Call) Interlocked.Decrement(ref _calls);
    }

    /// <summary>Its actor has stopped: where nothing of it is kept, nothing is left of it.</summary>
    public void EndUnlessKept(ResourceId id)
    {
        if (Find(id) is { IsKept: false }) End(id);
    }
}

/// <summary>A resource on its way to another node.</summary>
/// <param name="Id">Which.</param>
/// <param name="To">The node that it is given to.</param>
/// <param name="Epoch">The epoch under which this node owned it.</param>
internal sealed record Departure(ResourceId Id, string To, long Epoch)
{
    /// <summary>Whether the media node has what it sounds by.</summary>
    public bool IsKept { get; set; }

    /// <summary>Whether it arrived before that.</summary>
    public bool HasArrived { get; set; }
}
