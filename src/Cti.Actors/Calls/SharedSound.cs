using Cti.Actors.MediaNode;
using Cti.Calls;

namespace Cti.Actors.Calls;

/// <summary>How the sound of one bridge or conference is carried here.</summary>
internal sealed class SharedSound(string op)
{
    /// <summary>Names the saga.</summary>
    public string Op => op;

    /// <summary>The other side's place, where that is on another node.</summary>
    public LinkAudio? Link { get; init; }

    /// <summary>The other node's answer to our offer of a link.</summary>
    public LinkSound? Answer { get; set; }

    /// <summary>The media side's number of the bridge that carries it; 0 for none.</summary>
    public long Number { get; set; }

    /// <summary>Whether it does.</summary>
    public bool IsRunning { get; set; }
}

/// <summary>What came of connecting the two parties of a bridge.</summary>
internal enum ConnectOutcome
{
    /// <summary>They hear each other.</summary>
    Connected,
    /// <summary>No media loop has room for the bridge.</summary>
    NoRoom,
    /// <summary>The second party answered from here and has moved since: it is asked again.</summary>
    PeerHasMoved,
    /// <summary>One of the two has no session any more: it has hung up, and says so itself.</summary>
    PeerIsSilent,
}
