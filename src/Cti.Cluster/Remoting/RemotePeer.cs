using Cti.Cluster.Membership;

namespace Cti.Cluster.Remoting;

/// <summary>What is known of one peer.</summary>
internal sealed class RemotePeer(string name)
{
    private RemoteLink? _current;

    public string Name => name;

    /// <summary>As the cluster's view has it; null where it has not.</summary>
    public ClusterNode? Node { get; set; }

    /// <summary>The link.</summary>
    public RemoteLink? Current
    {
        get => Volatile.Read(ref _current);
        set => Volatile.Write(ref _current, value);
    }

    /// <summary>This node's number of the link that it has asked for; 0 before.</summary>
    public long Wanted { get; set; }

    /// <summary>When it is asked again.</summary>
    public long DueMillis { get; set; }

    /// <summary>Since when it is asked, or was connected to anew.</summary>
    public long AskedSinceMillis { get; set; }

    /// <summary>When the link ends because the peer is no longer in the cluster.</summary>
    public long EndsMillis { get; set; } = long.MaxValue;

    /// <summary>Times that it was asked since the last link.</summary>
    public int Failures { get; set; }

    /// <summary>Why it was refused last.</summary>
    public string Complaint { get; set; } = "";

    /// <summary>It is asked at once, for a link with a number of its own.</summary>
    public void Again(long now) => (Wanted, DueMillis, Failures, AskedSinceMillis) = (0, now, 0, now);
}
