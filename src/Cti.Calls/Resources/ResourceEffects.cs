using Cti.Kernel;

namespace Cti.Calls.Resources;

/// <summary>
/// Something that a decision causes outside. A committed effect waits until the decision's entries are durable; a reflex runs at once.
/// Never stored: what is still owed after a recovery is derived from the state.
/// </summary>
public abstract record ResourceEffect
{
    /// <summary>Whether it runs before the entries are durable.</summary>
    public virtual bool IsReflex => false;

    /// <summary>Whether it asks another resource whose answer the request waits for.</summary>
    public virtual bool HoldsRequest => false;
}

/// <summary>Answers the request.</summary>
/// <param name="Result">UTF-8 JSON of <c>result</c>.</param>
public sealed record ReplyResult(ReadOnlyMemory<byte> Result) : ResourceEffect;

/// <summary>Refuses the request that has waited for another resource's answer.</summary>
public sealed record ReplyRefused(RpcError Refusal) : ResourceEffect;

/// <summary>Tells the resource that owns this one what an application would have been told by an event.</summary>
/// <param name="Owner">The owner.</param>
/// <param name="Method">The event's name.</param>
/// <param name="Params">UTF-8 JSON.</param>
public sealed record NotifyOwner(string Owner, string Method, ReadOnlyMemory<byte> Params) : ResourceEffect
{
    /// <summary>Its number among what this resource has told, from 1.</summary>
    public int Number { get; init; }

    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"NotifyOwner {Number} {Method}";
}

/// <summary>An event for the application.</summary>
/// <param name="Sequence">Its number among the resource's.</param>
/// <param name="Method">Its name.</param>
/// <param name="Params">UTF-8 JSON.</param>
public sealed record ResourceEvent(int Sequence, string Method, ReadOnlyMemory<byte> Params)
{
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"ResourceEvent {Sequence} {Method}";
}
