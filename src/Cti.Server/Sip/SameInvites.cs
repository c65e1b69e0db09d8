using Cti.Cluster.Links;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Sip;

namespace Cti.Server.Sip;

/// <summary>
/// Finds out whether another node has an INVITE already: (Call-ID, From tag, CSeq) is one call in the whole cluster, so that a proxy which offers it to a second node does
/// not make the application's phone ring twice. Two nodes are each INVITE's witnesses, found by its hash, and know who has asked about it: so it costs the same in a large cluster
/// as in one of three. Part of the SIP actor.
/// </summary>
internal sealed class SameInvites(SipCluster cluster, IClock clock, IRandom random)
{
    /// <summary>One may die between the first branch and the second.</summary>
    private const int Witnesses = 2;

    private readonly Dictionary<long, Question> asked = [];
    private readonly Dictionary<string, Question> byKey = new(StringComparer.Ordinal);
    private readonly InviteRegister register = new(clock);
    private long lastNumber = cluster.Links is null ? 0 : (long)(random.NextUInt64() >> 2);

    /// <summary>Asks the witnesses among the nodes to which there is a link; null where nobody can tell.</summary>
    public Question? Ask(ServerTransaction transaction)
    {
        if (cluster.Links is not { } links || cluster.View is not { } view) return null;
        var key = SipForwarding.KeyOf(transaction.Request);
        var question = new Question(++lastNumber, key) { Transaction = transaction };
        var able = view().Nodes.Where(node => node.IsMedia && (node.Name == cluster.Self || links.IsConnected(node.Name))).Select(static node => node.Name);
        var witnesses = Rendezvous.Best(key, able, Witnesses);
        // A witness says too whether it has the INVITE itself.
        question.Asked.UnionWith(witnesses);
        foreach (var witness in witnesses)
        {
            if (witness == cluster.Self) AskEach(question, register.Note(key, cluster.Self));
            else if (links.Send(witness, LinkChannel.Sip, SipWire.Write(SipLinkMessage.Witness, question.Number, key))) question.Waiting.Add(witness);
        }
        if (question.Waiting.Count == 0) return null;
        asked[question.Number] = question;
        byKey[key] = question;
        return question;
    }

    /// <summary>A node asks its witness: who else has asked about that INVITE, apart by blanks.</summary>
    public string Witnessed(string node, string key) => string.Join(' ', register.Note(key, node));

    private void AskEach(Question question, IEnumerable<string> nodes)
    {
        foreach (var node in nodes)
        {
            if (node != cluster.Self && question.Asked.Add(node) && cluster.Links!.Send(node, LinkChannel.Sip, SipWire.Write(SipLinkMessage.HaveYou, question.Number, question.Key))) question.Waiting.Add(node);
        }
    }

    /// <summary>
    /// What this node says of an INVITE that it is asking about itself: of two nodes that ask each other at once, the one with the smaller name has it.
    /// </summary>
    public int StatusFor(string node, string key) => byKey.ContainsKey(key) && string.CompareOrdinal(cluster.Self, node) < 0 ? 100 : 0;

    /// <summary>This node's own question about an INVITE, which the other node has by the same rule; null where there is none.</summary>
    public Question? YieldTo(string node, string key) => byKey.TryGetValue(key, out var question) && StatusFor(node, key) == 0 ? question : null;

    /// <summary>A node answered; the question is answered with it where it is the last that was waited for, or says yes. Who else has asked is asked too.</summary>
    public (Question Question, int Status)? Answered(string node, long number, int status, IEnumerable<string> others)
    {
        if (!asked.TryGetValue(number, out var question) || !question.Waiting.Remove(node)) return null;
        if (status == 0) AskEach(question, others);
        if (status == 0 && question.Waiting.Count > 0) return null;
        return (question, status);
    }

    /// <summary>A node cannot answer any more.</summary>
    public IReadOnlyList<Question> Lost(string node)
    {
        var over = new List<Question>();
        foreach (var question in asked.Values)
        {
            if (question.Waiting.Remove(node) && question.Waiting.Count == 0) over.Add(question);
        }
        return over;
    }

    /// <summary>The question of that number, if it is open.</summary>
    public Question? Find(long number) => asked.GetValueOrDefault(number);

    /// <summary>It is decided.</summary>
    public void Close(Question question)
    {
        asked.Remove(question.Number);
        if (byKey.GetValueOrDefault(question.Key) == question) byKey.Remove(question.Key);
    }

    /// <summary>An INVITE that waits for what the others say.</summary>
    internal sealed class Question(long number, string key)
    {
        public long Number => number;

        public string Key => key;

        public HashSet<string> Waiting { get; } = new(StringComparer.Ordinal);

        /// <summary>Each is asked once.</summary>
        public HashSet<string> Asked { get; } = new(StringComparer.Ordinal);

        /// <summary>Its newest branch.</summary>
        public required ServerTransaction Transaction { get; set; }

        /// <summary>The timer that ends it.</summary>
        public string Timer { get; } = $"same invite {number}";
    }
}
