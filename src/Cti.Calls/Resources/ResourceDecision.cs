using System.Collections.Immutable;
using Cti.Kernel;

namespace Cti.Calls.Resources;

/// <summary>What a command leads to: a refusal, or entries with what follows from them.</summary>
/// <typeparam name="TState">The resource's state.</typeparam>
/// <typeparam name="TEntry">Its entries.</typeparam>
public abstract record ResourceDecision<TState, TEntry>
    where TState : ResourceState
    where TEntry : ResourceEntry
{
    /// <summary>The request is refused; nothing else is set.</summary>
    public RpcError? Refusal { get; init; }
    /// <summary>Facts to journal, in order; empty when nothing changed.</summary>
    public ImmutableArray<TEntry> Entries { get; init; } = [];
    /// <summary>Events, in order; durable with the entries.</summary>
    public ImmutableArray<ResourceEvent> Events { get; init; } = [];
    /// <summary>Effects, in order.</summary>
    public ImmutableArray<ResourceEffect> Effects { get; init; } = [];
    /// <summary>The call record that the release writes: UTF-8 JSON array.</summary>
    public ReadOnlyMemory<byte> CallRecord { get; init; }
    /// <summary>The state after the entries.</summary>
    public TState? State { get; init; }
}
