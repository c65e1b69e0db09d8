using Akka.Actor;
using Cti.Kernel;

namespace Cti.Cluster.Remoting;

/// <summary>One link: both sides' numbers for it, and what is under way.</summary>
/// <param name="remote">The peer's link actor, of one run of its actor system.</param>
/// <param name="own">This node's link actor.</param>
/// <param name="mine">This node's number of the link.</param>
/// <param name="theirs">The peer's.</param>
/// <param name="incarnation">The run of the peer's program.</param>
internal sealed class RemoteLink(IActorRef remote, IActorRef own, long mine, long theirs, string incarnation)
{
    private readonly Lock _gate = new();
    private long _numbered, _sentBytes, _handedBytes;

    public IActorRef Remote => remote;
    public long Mine => mine;
    public long Theirs => theirs;
    public string Incarnation => incarnation;

    /// <summary>The number of the next frame that is to come; the link actor's alone.</summary>
    public long Expected { get; set; } = 1;

    /// <summary>Bytes that came; the link actor's alone.</summary>
    public long ReceivedBytes { get; set; }

    /// <summary>Bytes that the peer was told to have come; the link actor's alone.</summary>
    public long ToldBytes { get; set; }

    /// <summary>When anything came over it last; the link actor's alone.</summary>
    public long HeardMillis { get; set; }

    /// <summary>When the peer was greeted over it last; the link actor's alone.</summary>
    public long BeatMillis { get; set; }

    /// <summary>Bytes that were sent and are not known to have been handed on.</summary>
    public long UnderWay
    {
        get
        {
            lock (_gate) return _sentBytes - _handedBytes;
        }
    }

    /// <summary>Sends a message, in order; false where too much is under way.</summary>
    public bool Send(LinkChannel channel, ReadOnlyMemory<byte> payload)
    {
        lock (_gate)
        {
            if (_sentBytes - _handedBytes + payload.Length > Limits.LinkQueueBytes) return false;
            _sentBytes += payload.Length;
            remote.Tell(new LinkFrame(mine, ++_numbered, channel, payload), own);
            return true;
        }
    }

    /// <summary>The peer has handed on so many bytes.</summary>
    public void Handed(long bytes)
    {
        lock (_gate) _handedBytes = Math.Clamp(bytes, _handedBytes, _sentBytes);
    }
}
