using Cti.Actors.Hosting;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Persistence.Journal;

namespace Cti.Actors.Resources;

/// <summary>
/// What its node knows of a resource: where its messages go, and what it has published, which is its durable state. Requests are answered from that, on any
/// thread; everything else is its actor's own.
/// </summary>
internal sealed class ResourceListing : IDurabilityObserver
{
    private ResourceState? _published;
    private bool _hasStoodDown;

    private ResourceListing(InstanceJournal journal) => Journal = journal;

    /// <summary>The journal of its instance.</summary>
    public InstanceJournal Journal { get; }

    /// <summary>Where its messages go.</summary>
    public ActorHandle Actor { get; private set; } = null!;

    /// <summary>Its id, once the directory has it.</summary>
    public ResourceId Id { get; set; }

    /// <summary>Its state as last made durable; null before that.</summary>
    public ResourceState? Published => Volatile.Read(ref _published);

    /// <summary>Whether its actor has let go of all that it could sound by.</summary>
    public bool HasStoodDown
    {
        get => Volatile.Read(ref _hasStoodDown);
        set => Volatile.Write(ref _hasStoodDown, value);
    }

    /// <summary>Makes the actor of a resource, which begins with its first message.</summary>
    /// <param name="system">The node's actors.</param>
    /// <param name="name">For logs.</param>
    /// <param name="journal">The journal of its instance.</param>
    /// <param name="maker">Given the listing once, it answers what makes the actor, also after a crash.</param>
    public static ResourceListing Begin(ActorHost system, string name, InstanceJournal journal, Func<ResourceListing, Func<NodeActor>> maker)
    {
        var listing = new ResourceListing(journal);
        listing.Actor = system.Spawn(name, maker(listing));
        return listing;
    }

    /// <summary>What the journal showed.</summary>
    public void Publish(ResourceState state) => Volatile.Write(ref _published, state);

    /// <inheritdoc/>
    public void OnDurable(long position, object? tag)
    {
        Publish((ResourceState)tag!);
        Actor.Tell(new BecameDurable(position));
    }

    /// <inheritdoc/>
    public void OnDeposed() => Actor.Tell(new WasDeposed());
}
