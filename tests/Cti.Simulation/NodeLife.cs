using Cti.Actors;
using Cti.Actors.Feeds;
using Cti.Contract;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>One life of a node: from its start on the disk that is there until it is killed.</summary>
internal abstract class NodeLife(NodeProcess process)
{
    protected static readonly FeedBounds SmallFeeds =
        new() { LiveEventsMax = 8, UnacknowledgedMax = 12, PageRowsMax = 3, HandoverMillis = 1_500, RetryMillis = 100 };

    public NodeProcess Process { get; } = process;
    public VirtualSipTransport? Sip { get; protected set; }
    public EventHub? Hub { get; protected set; }
    public ServerNode? Server { get; protected set; }
    public IRequestRouter? Router { get; protected set; }
    public bool IsServing { get; protected set; }

    public virtual void Kill()
    {
        IsServing = false;
        Process.Kill();
        Sip?.Dispose();
    }
}
