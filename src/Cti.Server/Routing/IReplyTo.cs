using Cti.Calls.Api;

namespace Cti.Server.Routing;

/// <summary>Where an answer goes. Called once; a second call is ignored.</summary>
internal interface IReplyTo
{
    void Reply(RpcReply reply);
}

/// <summary>An answer that a task waits for.</summary>
internal sealed class TaskReply : IReplyTo
{
    private readonly TaskCompletionSource<RpcReply> source = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<RpcReply> Task => source.Task;

    public void Reply(RpcReply reply) => source.TrySetResult(reply);
}
