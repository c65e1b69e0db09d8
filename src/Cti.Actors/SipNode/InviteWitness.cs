using System.Globalization;
using Cti.Cluster;
using Cti.Kernel;

namespace Cti.Actors.SipNode;

/// <summary>
/// This node as the witness of INVITEs that came to others. One that nobody has asked about before is noted and answered by the thread of the link that brought
/// the question: that is what nearly every INVITE needs, and it costs the SIP actor nothing.
/// </summary>
internal sealed class InviteWitness(SipCluster cluster, IClock clock)
{
    /// <summary>Stands among the nodes that have asked: there are nodes to which the witness has no link, and they may have asked another.</summary>
    public const string Unsure = "?";

    /// <summary>The number of what is told a witness without a question.</summary>
    public const long NoQuestion = 0;

    private readonly InviteRegister _register = new(clock);

    /// <summary>Whether some living node cannot ask this one.</summary>
    public bool IsUnsure
    {
        get
        {
            if (cluster.View?.Invoke() is not { } view || cluster.Links is not { } links) return false;
            foreach (var node in view.Nodes)
            {
                if (node.IsMedia && node.Name != cluster.Self && !links.IsConnected(node.Name)) return true;
            }
            return false;
        }
    }

    /// <summary>Notes an INVITE that came to this node; answers who else has asked about it.</summary>
    public IReadOnlyList<string> Note(string key) => _register.Note(key, cluster.Self);

    /// <summary>Answers a question at once where that takes no thought; false where the SIP actor has to.</summary>
    public bool TryAnswer(string node, ReadOnlySpan<byte> message)
    {
        if (SipWire.KindOf(message) != SipLinkMessage.Witness || !_register.TryNoteFirst(SipWire.TextOf(message), node)) return false;
        Answer(node, SipWire.NumberOf(message), 0, []);
        return true;
    }

    /// <summary>Answers a question of another node's.</summary>
    /// <param name="node">Who asks.</param>
    /// <param name="number">The question's number there.</param>
    /// <param name="key">What tells INVITEs apart.</param>
    /// <param name="status">How this node has answered that INVITE: 0 where it has none, 100 where not finally.</param>
    /// <param name="isWitness">Whether the other asks this node as the witness.</param>
    public void Answer(string node, long number, string key, int status, bool isWitness) =>
        Answer(node, number, status, isWitness ? _register.Note(key, node) : null);

    private void Answer(string node, long number, int status, IReadOnlyList<string>? others)
    {
        if (number == NoQuestion) return;
        var said = status.ToString(CultureInfo.InvariantCulture);
        if (others is { Count: > 0 }) said = $"{said} {string.Join(' ', others)}";
        if (others is not null && IsUnsure) said = $"{said} {Unsure}";
        cluster.Links!.Send(node, LinkChannel.Sip, SipWire.Write(SipLinkMessage.Have, number, said));
    }
}
