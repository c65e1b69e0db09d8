namespace Cti.Contract;

/// <summary>How a gateway reaches the owners of resources, wherever they are.</summary>
public interface IRequestRouter
{
    /// <summary>Carries one request to its owner and its answer back; a fault of ours is a -32603 answer, never an exception.</summary>
    ValueTask<RpcReply> AskAsync(RpcRequest request, CancellationToken cancellation);
}

/// <summary>How a gateway reads events.</summary>
public interface IEventFeeds
{
    /// <summary>
    /// Opens a feed for one connection. From then on the application has a live subscriber; events flow live from this moment until
    /// <see cref="IEventFeed.SubscribeAsync"/> moves the feed elsewhere.
    /// </summary>
    IEventFeed Open(string application);
}

/// <summary>One connection's feed. One reader at a time; disposing it ends the subscription and hands its instances to the group's others.</summary>
public interface IEventFeed : IAsyncDisposable
{
    /// <summary>
    /// Waits for events and answers at least one, at most <paramref name="limit"/>, each with the cursor that resumes after it.
    /// </summary>
    /// <exception cref="FeedOverrunException">The reader fell behind the bound: close with 4008, it resumes by cursor.</exception>
    ValueTask<IReadOnlyList<FeedEvent>> ReadAsync(int limit, CancellationToken cancellation);

    /// <summary>
    /// Moves the feed: <paramref name="from"/> is a cursor, "earliest" or null for now; a group's stored position wins over it.
    /// The answer's error is -32602 for a malformed cursor and 410 for one that expired.
    /// </summary>
    ValueTask<FeedPosition> SubscribeAsync(string? from, string? group, CancellationToken cancellation);

    /// <summary>Acknowledges everything delivered to this connection up to the cursor. Without a group, or with a malformed cursor: -32602.</summary>
    ValueTask<FeedPosition> AcknowledgeAsync(string cursor, CancellationToken cancellation);
}

/// <summary>An event as delivered.</summary>
/// <param name="Cursor">Resumes the application's feed after this event.</param>
/// <param name="ResourceId">The resource.</param>
/// <param name="Sequence">Its number among the resource's events.</param>
/// <param name="UnixMillis">When it was decided.</param>
/// <param name="Method">The event's name.</param>
/// <param name="Params">UTF-8 JSON.</param>
/// <param name="Media">UTF-8 JSON of <c>meta.media</c>, or empty.</param>
public sealed record FeedEvent(string Cursor, string ResourceId, int Sequence, long UnixMillis, string Method,
    ReadOnlyMemory<byte> Params, ReadOnlyMemory<byte> Media);

/// <summary>A cursor, or why there is none.</summary>
/// <param name="Cursor">Where the feed stands.</param>
/// <param name="Error">The refusal.</param>
public readonly record struct FeedPosition(string? Cursor, Cti.Kernel.RpcError? Error);

/// <summary>A reader fell too far behind.</summary>
public sealed class FeedOverrunException() : Exception("the reader fell behind the feed's bound; it resumes from its last cursor");

/// <summary>How a gateway hears of what is told while it happens, and is kept nowhere.</summary>
public interface INotices
{
    /// <summary>Is told from now on, on any thread, until the answer is disposed.</summary>
    /// <param name="take">Takes one; returns at once.</param>
    IDisposable Listen(Action<Notice> take);
}

/// <summary>Something that is told while it happens.</summary>
/// <param name="Method">The event's name.</param>
/// <param name="Params">UTF-8 JSON.</param>
public sealed record Notice(string Method, ReadOnlyMemory<byte> Params);
