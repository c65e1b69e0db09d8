using Cti.Contract;

namespace Cti.Actors.Resources;

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

/// <summary>An answer that something else is done with.</summary>
internal sealed class ThenReply(Action<RpcReply> then) : IReplyTo
{
    private int answered;

    public void Reply(RpcReply reply)
    {
        if (Interlocked.Exchange(ref answered, 1) == 0) then(reply);
    }
}

/// <summary>Waits for the answers of several and hands them on together, in the order in which they were asked.</summary>
internal sealed class GatheredReplies(int count, Action<RpcReply[]> then)
{
    private readonly RpcReply[] replies = new RpcReply[count];
    private int missing = count;

    /// <summary>Where the answer of one of them goes.</summary>
    public IReplyTo Of(int index) => new ThenReply(reply =>
    {
        replies[index] = reply;
        if (Interlocked.Decrement(ref missing) == 0) then(replies);
    });
}
