using Cti.Kernel;

namespace Cti.Actors.Feeds;

/// <summary>The bounds of feeds; tests make them small.</summary>
internal sealed record FeedBounds
{
    /// <summary>Events of one application kept for live feeds; a power of two.</summary>
    internal int LiveEventsMax { get; init; } = Limits.LiveEventsMax;

    /// <summary>Delivered and unacknowledged events of one connection of a group; at it delivery pauses until an ack.</summary>
    internal int UnacknowledgedMax { get; init; } = Limits.UnacknowledgedEventsMax;

    /// <summary>Events read from the store at once.</summary>
    internal int PageRowsMax { get; init; } = 1_000;

    /// <summary>How long an instance that shall move to another connection of its group waits for the acks of what was delivered.</summary>
    internal long HandoverMillis { get; init; } = Limits.FeedHandoverMillis;

    /// <summary>After how long a read that the store could not serve is tried again.</summary>
    internal long RetryMillis { get; init; } = 250;
}
