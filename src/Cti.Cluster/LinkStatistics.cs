namespace Cti.Cluster;

/// <summary>
/// What the links of a node have done since its start. Frames are messages of channels; bytes are those of their payloads.
/// </summary>
/// <param name="Peers">Other nodes to which there ought to be a link.</param>
/// <param name="Up">Of these, to how many there is one.</param>
/// <param name="FramesSent">Frames sent.</param>
/// <param name="BytesSent">Bytes of these.</param>
/// <param name="FramesReceived">Frames received.</param>
/// <param name="BytesReceived">Bytes of these.</param>
/// <param name="WithoutLink">Messages that were not sent because there was no link.</param>
/// <param name="QueueFull">Messages that were not sent because too much waited, or the link was about to end.</param>
/// <param name="Broken">Links that broke.</param>
/// <param name="Refused">Peers that were refused: no proof of the secret, another name, another version.</param>
public readonly record struct LinkStatistics(int Peers, int Up, long FramesSent, long BytesSent, long FramesReceived, long BytesReceived, long WithoutLink,
    long QueueFull, long Broken, long Refused);

/// <summary>What is under way to a peer: sent, and not known to have been handed on there.</summary>
/// <param name="Node">The peer.</param>
/// <param name="Bytes">Bytes of payloads, at most <see cref="Cti.Kernel.Limits.LinkQueueBytes"/>: past it nothing is sent.</param>
public readonly record struct LinkLoad(string Node, long Bytes);

/// <summary>Counts for <see cref="LinkStatistics"/>, from any thread.</summary>
internal sealed class LinkCounters
{
    private long _framesSent, _bytesSent, _framesReceived, _bytesReceived, _withoutLink, _queueFull, _broken, _refused;

    public void Sent(int bytes)
    {
        Interlocked.Increment(ref _framesSent);
        Interlocked.Add(ref _bytesSent, bytes);
    }

    public void Received(int bytes)
    {
        Interlocked.Increment(ref _framesReceived);
        Interlocked.Add(ref _bytesReceived, bytes);
    }

    public void WithoutLink() => Interlocked.Increment(ref _withoutLink);

    public void QueueFull() => Interlocked.Increment(ref _queueFull);

    public void Broke() => Interlocked.Increment(ref _broken);

    public void Refused() => Interlocked.Increment(ref _refused);

    public LinkStatistics Read(int peers, int up) =>
        new(peers, up, Interlocked.Read(ref _framesSent), Interlocked.Read(ref _bytesSent), Interlocked.Read(ref _framesReceived),
        Interlocked.Read(ref _bytesReceived), Interlocked.Read(ref _withoutLink), Interlocked.Read(ref _queueFull), Interlocked.Read(ref _broken),
        Interlocked.Read(ref _refused));
}
