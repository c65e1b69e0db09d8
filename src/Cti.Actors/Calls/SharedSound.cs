using Cti.Actors.MediaNode;
using Cti.Calls;

namespace Cti.Actors.Calls;

/// <summary>How this node carries the sound of the bridge or conference that a call is in. Only the call's actor touches it; a new owner begins with none.</summary>
/// <param name="op">The saga.</param>
internal sealed class SharedSound(string op)
{
    /// <summary>Names the saga.</summary>
    public string Op { get; } = op;

    /// <summary>The other side's place, where that is on another node.</summary>
    public LinkAudio? Link { get; init; }

    /// <summary>The other node's answer to our offer of a link.</summary>
    public LinkSound? Answer { get; set; }

    /// <summary>The media side's number of the bridge that carries it; 0 for none.</summary>
    public long Number { get; set; }

    /// <summary>Whether it does.</summary>
    public bool IsRunning { get; set; }
}
