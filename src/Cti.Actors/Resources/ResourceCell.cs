using Cti.Actors.Hosting;
using Cti.Calls.Resources;
using Cti.Persistence.Journal;

namespace Cti.Actors.Resources;

/// <summary>
/// What outlives a crash of a resource's actor: the state that its journal shows, the effects that wait for durability, and (in subclasses) what it
/// holds outside. The actor's code is replaceable; this is the resource.
/// </summary>
internal abstract class ResourceCell(InstanceJournal journal) : IDurabilityObserver
{
    private ResourceState? _durable;
    private bool _isHandedOver;
    private string? _givenTo;
    private bool _hasStoodDown;

    public InstanceJournal Journal { get; } = journal;

    public ActorHandle Actor { get; set; } = null!;

    /// <summary>The state after everything decided so far, durable or not.</summary>
    public ResourceState? Latest { get; protected set; }

    /// <summary>The state as last made durable: what queries answer from, on any thread.</summary>
    public ResourceState? DurableState => Volatile.Read(ref _durable);

    public Queue<CommittedEffects> Waiting { get; } = new();

    public long LastPosition { get; set; }

    /// <summary>The request that waits for another resource's answer.</summary>
    public RpcAsk? Held { get; set; }

    public bool Deposed { get; set; }

    /// <summary>Whether its actor has let go of all that it could sound by; read on any thread.</summary>
    public bool HasStoodDown
    {
        get => Volatile.Read(ref _hasStoodDown);
        set => Volatile.Write(ref _hasStoodDown, value);
    }

    /// <summary>Whether it was read from the journal and has not begun to go on.</summary>
    public bool AwaitsRecovery { get; set; }

    /// <summary>Whether another node that lives gave it and goes on sounding until this one is heard.</summary>
    public bool IsHandedOver
    {
        get => Volatile.Read(ref _isHandedOver);
        set => Volatile.Write(ref _isHandedOver, value);
    }

    /// <summary>The node that it is given to; null before.</summary>
    public string? GivenTo
    {
        get => Volatile.Read(ref _givenTo);
        set => Volatile.Write(ref _givenTo, value);
    }

    /// <summary>Takes over what the journal tells.</summary>
    public void Restore(ResourceState state)
    {
        Latest = state;
        AwaitsRecovery = true;
        Volatile.Write(ref _durable, state);
    }

    public void OnDurable(long position, object? tag)
    {
        Volatile.Write(ref _durable, (ResourceState?)tag);
        Actor.Tell(new BecameDurable(position));
    }

    public void OnDeposed() => Actor.Tell(new WasDeposed());
}

/// <inheritdoc/>
/// <typeparam name="TState">The resource's state.</typeparam>
internal abstract class ResourceCell<TState>(InstanceJournal journal) : ResourceCell(journal)
    where TState : ResourceState
{
    /// <inheritdoc cref="ResourceCell.Latest"/>
    public TState? State
    {
        get => (TState?)Latest;
        set => Latest = value;
    }

    /// <inheritdoc cref="ResourceCell.DurableState"/>
    public TState? Durable => (TState?)DurableState;
}

/// <summary>Effects that run once a position is durable.</summary>
/// <param name="Position">The position.</param>
/// <param name="Effects">What to do, in order.</param>
/// <param name="Ask">The request that they answer, if any.</param>
internal sealed record CommittedEffects(long Position, List<ResourceEffect> Effects, RpcAsk? Ask);
