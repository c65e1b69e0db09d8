using Cti.Actors.Hosting;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>A request on its way through the actors, with where its answer goes.</summary>
/// <param name="Request">The request.</param>
/// <param name="RecordPath">The resolved path of its <c>record_file</c>.</param>
/// <param name="ReplyTo">Given the answer, once.</param>
internal sealed record RpcAsk(RpcRequest Request, string? RecordPath, IReplyTo ReplyTo)
{
    /// <summary>What it is to be refused with, unless it repeats a request that was answered: then it gets that answer, whatever has gone meanwhile.</summary>
    public RpcError? Refusal { get; init; }
}

/// <summary>
/// A request of the resource that drives this one. It is no new work from outside, so neither a stalled journal nor a full mailbox refuses it.
/// </summary>
/// <param name="Request">The request.</param>
/// <param name="Ask">Where its answer goes.</param>
internal sealed record OwnedAsk(ResourceRequest Request, RpcAsk Ask) : ISystemMessage;

/// <summary>Entries up to a position are durable.</summary>
internal sealed record BecameDurable(long Position) : ISystemMessage;

/// <summary>The instance was taken over by another node.</summary>
internal sealed record WasDeposed : ISystemMessage;

/// <summary>The armed deadline came.</summary>
internal sealed record DeadlineCame;

/// <summary>Decides on a command that comes from the node itself or from another resource.</summary>
internal sealed record Decide(ResourceCommand Command) : ISystemMessage;

/// <summary>The first message of a resource that the journal of an instance showed alive when this node got it.</summary>
/// <param name="LostAtMillis">When its last owner was last known to live, Unix milliseconds.</param>
internal sealed record Recover(long LostAtMillis) : ISystemMessage
{
    /// <summary>Of a flow: the calls that it drives, as their journal shows them.</summary>
    public IReadOnlyList<ResourceState> Owned { get; init; } = [];
}
