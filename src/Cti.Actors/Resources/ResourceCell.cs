using Cti.Actors.Hosting;
using Cti.Calls.Resources;
using Cti.Persistence.Journal;

namespace Cti.Actors.Resources;

/// <summary>
/// What outlives a crash of a resource's actor: the state that was decided on, the effects that wait for durability, and (in subclasses) what it holds
/// outside. The actor's code is replaceable; this is the resource. Nobody but its actor touches it.
/// </summary>
/// <param name="listing">What the node knows of it.</param>
/// <typeparam name="TState">The resource's state.</typeparam>
internal abstract class ResourceCell<TState>(ResourceListing listing)
    where TState : ResourceState
{
    /// <summary>What the node knows of it.</summary>
    public ResourceListing Listing => listing;

    /// <summary>The journal of its instance.</summary>
    public InstanceJournal Journal => listing.Journal;

    /// <summary>Where its messages go.</summary>
    public ActorHandle Actor => listing.Actor;

    /// <summary>The state after everything decided so far, durable or not; null before it exists.</summary>
    public TState? State { get; set; }

    /// <summary>The state as last made durable.</summary>
    public TState? Durable => (TState?)listing.Published;

    /// <summary>Effects that wait for the disk, in order.</summary>
    public Queue<CommittedEffects> Waiting { get; } = new();

    /// <summary>The position of its last entry.</summary>
    public long LastPosition { get; set; }

    /// <summary>The request that waits for another resource's answer.</summary>
    public RpcAsk? Held { get; set; }

    /// <summary>Whether another node owns it: nothing outside is touched any more.</summary>
    public bool Deposed { get; set; }

    /// <summary>Whether it was read from the journal and has not begun to go on.</summary>
    public bool AwaitsRecovery { get; private set; }

    /// <summary>Whether another node that lives gave it and goes on sounding until this one is heard.</summary>
    public bool IsHandedOver { get; set; }

    /// <summary>Takes over what the journal tells.</summary>
    public void Restore(TState state, bool isHandedOver)
    {
        State = state;
        AwaitsRecovery = true;
        IsHandedOver = isHandedOver;
        listing.Publish(state);
    }

    /// <summary>It goes on.</summary>
    public void HasRecovered() => AwaitsRecovery = false;
}

/// <summary>Effects that run once a position is durable.</summary>
/// <param name="Position">The position.</param>
/// <param name="Effects">What to do, in order.</param>
/// <param name="Ask">The request that they answer, if any.</param>
internal sealed record CommittedEffects(long Position, List<ResourceEffect> Effects, RpcAsk? Ask);
