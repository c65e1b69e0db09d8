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
    private readonly TaskCompletionSource<RpcReply> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<RpcReply> Task => _source.Task;

    public void Reply(RpcReply reply) => _source.TrySetResult(reply);
}

/// <summary>An answer that something else is done with.</summary>
internal sealed class ThenReply(Action<RpcReply> then) : IReplyTo
{
    private int _answered;

    public void Reply(RpcReply reply)
    {
        if (Interlocked.Exchange(ref _answered, 1) == 0) then(reply);
    }
}

/// <summary>Waits for the answers of several and hands them on together, in the order in which they were asked.</summary>
internal sealed class GatheredReplies(int count, Action<RpcReply[]> then)
{
    private readonly RpcReply[] _replies = new RpcReply[count];
    private int _missing = count;

    /// <summary>Where the answer of one of them goes.</summary>
    public IReplyTo Of(int index) => new ThenReply(reply =>
    {
        _replies[index] = reply;
        if (Interlocked.Decrement(ref _missing) == 0) then(_replies);
    });
}
