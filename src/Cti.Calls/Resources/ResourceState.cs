using System.Collections.Immutable;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Resources;

/// <summary>What every resource (call, conference, ready-made flow) has in common, as its journal tells it. Times are Unix milliseconds.</summary>
public abstract record ResourceState
{
    /// <summary>The resource.</summary>
    public required ResourceId Id { get; init; }
    /// <summary>The application that it belongs to.</summary>
    public required string Application { get; init; }
    /// <summary>The resource that drives this one in the application's place (a flow its calls); null for the application's own.</summary>
    public string? Owner { get; init; }
    /// <summary>The application's own data.</summary>
    public string? UserData { get; init; }
    /// <summary>When it began.</summary>
    public required long BeginMillis { get; init; }
    /// <summary>The time of its last entry: no later decision is before it.</summary>
    public long LastMillis { get; init; }
    /// <summary>Events emitted so far: the last one's sequence number.</summary>
    public int EventCount { get; init; }

    /// <summary>Whether it is over for the application.</summary>
    public abstract bool IsReleased { get; }

    /// <summary>Whether nothing is owed to anyone any more: its journal is deleted.</summary>
    public abstract bool IsOver { get; }

    /// <summary>The documented name of its state, as that generation knows it.</summary>
    public abstract string StateName(ApiGeneration generation);

    /// <summary>UTF-8 JSON of what <c>get</c> answers, which is also one item of <c>list</c>.</summary>
    public abstract ReadOnlyMemory<byte> Describe(ApiGeneration generation);

    /// <summary>Full paths of the files that it records to.</summary>
    public virtual IEnumerable<string> RecordPaths => [];

    /// <summary>Whether it shares a bridge or a conference with a resource of that instance.</summary>
    public virtual bool IsSharedWith(PeerMoved moved) => false;

    /// <summary>What it shares with other resources and what another one's decision may end: until its message has come, this state does not know.</summary>
    public virtual ImmutableArray<ResourceTie> Ties => [];

    /// <summary>Whether this side still has what <see cref="ResourceTie.Op"/> names; never true once it has said that it is over.</summary>
    public virtual bool Holds(string op) => false;

    /// <summary>Whether an application may see it.</summary>
    public virtual bool IsVisibleTo(string application) => Owner is null && !IsReleased && Application == application;
}

/// <summary>Something that two resources share: a bridge, a seat in a conference, a dialling that a parent hears.</summary>
/// <param name="Partner">The other resource.</param>
/// <param name="Op">
/// Names it on both sides: the saga, or the parent of a dialling; null while the partner may not know of it yet, so that only its own end ends it.
/// </param>
public readonly record struct ResourceTie(string Partner, string? Op)
{
    /// <summary>Whether the partner, as it stands, still has its side; without a partner there is none.</summary>
    public bool IsHeldBy(ResourceState? partner) => partner is not null && (Op is null ? !partner.IsReleased : partner.Holds(Op));
}
