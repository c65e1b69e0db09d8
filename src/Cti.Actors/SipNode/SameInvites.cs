using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>
/// Finds out whether another node has an INVITE already: (Call-ID, From tag, CSeq) is one call in the whole cluster, so that a proxy which offers it to a
/// second node does not make the application's phone ring twice. Each INVITE has one node as its witness, found by its hash, which knows who has asked about
/// it: so it costs the same in a large cluster as in a small one. Where a link is out nodes may differ about who that is: a second one is asked then. Part of
/// the SIP actor.
/// </summary>
internal sealed class SameInvites(SipCluster cluster, InviteWitness witness, IRandom random)
{
    private const int WitnessesMax = 2;

    private readonly Dictionary<long, Question> _asked = [];
    private readonly Dictionary<string, Question> _byKey = new(StringComparer.Ordinal);
    private string[] _able = [];
    private long _lastNumber = cluster.Links is null ? 0 : (long)(random.NextUInt64() >> 2);

    /// <summary>Asks the witness; null where nobody can tell.</summary>
    public Question? Ask(ServerTransaction transaction)
    {
        if (cluster.Links is null) return null;
        var key = SipForwarding.KeyOf(transaction.Request);
        var question = new Question(++_lastNumber, key) { Transaction = transaction };
        foreach (var other in witness.Note(key)) AskOnce(question, other, SipLinkMessage.HaveYou);
        if (Rendezvous.Winner(key, _able) != cluster.Self || witness.IsUnsure) AskWitness(question);
        if (question.Waiting.Count == 0) return null;
        _asked[question.Number] = question;
        _byKey[key] = question;
        return question;
    }

    /// <summary>
    /// Who lives, or who is linked, may have changed: other nodes are the witnesses of some INVITEs from now on, and are told of those that are not answered
    /// yet.
    /// </summary>
    /// <param name="open">The INVITEs of this node that have no final answer.</param>
    public void Reconsider(IEnumerable<ServerTransaction> open)
    {
        if (cluster.View is not { } view || cluster.Links is not { } links) return;
        string[] now =
            [.. view().Nodes.Where(node => node.IsMedia && (node.Name == cluster.Self || links.IsConnected(node.Name))).Select(static node => node.Name)];
        if (now.AsSpan().SequenceEqual(_able)) return;
        var before = _able;
        _able = now;
        foreach (var invite in open)
        {
            var key = SipForwarding.KeyOf(invite.Request);
            // Nothing depends on the answer any more.
            if (Rendezvous.Winner(key, now) is { } next && next != cluster.Self && next != Rendezvous.Winner(key, before))
                links.Send(next, LinkChannel.Sip, SipWire.Write(SipLinkMessage.Witness, InviteWitness.NoQuestion, key));
        }
    }

    /// <summary>
    /// What this node says of an INVITE that it is asking about itself: of two nodes that ask each other at once, the one with the smaller name has it.
    /// </summary>
    public int StatusFor(string node, string key) => _byKey.ContainsKey(key) && string.CompareOrdinal(cluster.Self, node) < 0 ? 100 : 0;

    /// <summary>This node's own question about an INVITE, which the other node has by the same rule; null where there is none.</summary>
    public Question? YieldTo(string node, string key) => _byKey.TryGetValue(key, out var question) && StatusFor(node, key) == 0 ? question : null;

    /// <summary>
    /// A node answered; the question is answered with it where it is the last that was waited for, or says yes. Who else has asked is asked too.
    /// </summary>
    public (Question Question, int Status)? Answered(string node, long number, int status, IEnumerable<string> others)
    {
        if (!_asked.TryGetValue(number, out var question) || !question.Waiting.Remove(node)) return null;
        foreach (var other in status == 0 ? others : [])
        {
            if (other == InviteWitness.Unsure) AskWitness(question);
            else AskOnce(question, other, SipLinkMessage.HaveYou);
        }
        if (status == 0 && question.Waiting.Count > 0) return null;
        return (question, status);
    }

    /// <summary>A node cannot answer any more.</summary>
    /// <returns>The questions that wait for nobody now.</returns>
    public IReadOnlyList<Question> Lost(string node)
    {
        var over = new List<Question>();
        foreach (var question in _asked.Values)
        {
            if (!question.Waiting.Remove(node)) continue;
            AskWitness(question);
            if (question.Waiting.Count == 0) over.Add(question);
        }
        return over;
    }

    /// <summary>The question of that number, if it is open.</summary>
    public Question? Find(long number) => _asked.GetValueOrDefault(number);

    /// <summary>It is decided.</summary>
    public void Close(Question question)
    {
        _asked.Remove(question.Number);
        if (_byKey.GetValueOrDefault(question.Key) == question) _byKey.Remove(question.Key);
    }

    /// <summary>Asks the best of those that were not asked; false where there is none, or enough were.</summary>
    public bool AskWitness(Question question)
    {
        while (question.Witnesses < WitnessesMax && Rendezvous.Winner(question.Key, _able, question.Asked) is { } next)
        {
            if (next == cluster.Self)
            {
                question.Asked.Add(next);
                question.Witnesses++;
            }
            else if (AskOnce(question, next, SipLinkMessage.Witness))
            {
                question.Witnesses++;
                return true;
            }
        }
        return false;
    }

    private bool AskOnce(Question question, string node, SipLinkMessage kind)
    {
        if (node == cluster.Self || question.Asked.Contains(node)) return false;
        question.Asked.Add(node);
        if (!cluster.Links!.Send(node, LinkChannel.Sip, SipWire.Write(kind, question.Number, question.Key))) return false;
        question.Waiting.Add(node);
        return true;
    }

    /// <summary>An INVITE that waits for what the others say.</summary>
    internal sealed class Question(long number, string key) : InviteFate
    {
        public long Number => number;

        public string Key => key;

        public List<string> Waiting { get; } = [];

        /// <summary>Each is asked once.</summary>
        public List<string> Asked { get; } = [];

        /// <summary>Nodes that were asked as its witness, this one among them.</summary>
        public int Witnesses { get; set; }

        /// <summary>Its newest branch.</summary>
        public required ServerTransaction Transaction { get; set; }

        /// <summary>The timer that ends it.</summary>
        public string Timer { get; } = $"same invite {number}";
    }
}
