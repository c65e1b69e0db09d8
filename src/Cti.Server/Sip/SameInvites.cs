using Cti.Cluster.Links;
using Cti.Kernel;
using Cti.Sip;

namespace Cti.Server.Sip;

/// <summary>
/// Finds out whether another node has an INVITE already: (Call-ID, From tag, CSeq) is one call in the whole cluster, so that a proxy which offers it to a second node does
/// not make the application's phone ring twice. Part of the SIP actor.
/// </summary>
internal sealed class SameInvites(SipCluster cluster, IRandom random)
{
    private readonly Dictionary<long, Question> asked = [];
    private readonly Dictionary<string, Question> byKey = new(StringComparer.Ordinal);
    private long lastNumber = cluster.Links is null ? 0 : (long)(random.NextUInt64() >> 2);

    /// <summary>Asks every node to which there is a link; null where there is none.</summary>
    public Question? Ask(ServerTransaction transaction)
    {
        if (cluster.Links is not { } links || cluster.View is not { } view) return null;
        var key = SipForwarding.KeyOf(transaction.Request);
        var question = new Question(++lastNumber, key) { Transaction = transaction };
        foreach (var node in view().Nodes)
        {
            if (node.Name != cluster.Self && node.IsMedia && links.Send(node.Name, LinkChannel.Sip, SipWire.Write(SipLinkMessage.HaveYou, question.Number, key))) question.Waiting.Add(node.Name);
        }
        if (question.Waiting.Count == 0) return null;
        asked[question.Number] = question;
        byKey[key] = question;
        return question;
    }

    /// <summary>
    /// What this node says of an INVITE that it is asking about itself: of two nodes that ask each other at once, the one with the smaller name has it.
    /// </summary>
    public int StatusFor(string node, string key) => byKey.ContainsKey(key) && string.CompareOrdinal(cluster.Self, node) < 0 ? 100 : 0;

    /// <summary>A node answered; the question is answered with it where it is the last that was waited for, or says yes.</summary>
    public (Question Question, int Status)? Answered(string node, long number, int status)
    {
        if (!asked.TryGetValue(number, out var question) || !question.Waiting.Remove(node)) return null;
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

        /// <summary>Its newest branch.</summary>
        public required ServerTransaction Transaction { get; set; }

        /// <summary>The timer that ends it.</summary>
        public string Timer { get; } = $"same invite {number}";
    }
}
