using System.Collections.Immutable;
using System.Text;
using Cti.Cluster.Links;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Testing;

namespace Cti.Cluster.Tests.Links;

/// <summary>Nodes with links over a virtual network, and what each of them heard.</summary>
internal sealed class LinkWorld
{
    public const string Secret = "sixteen characters or more";
    private readonly SeededRandom _random;

    public LinkWorld(ulong seed = 1)
    {
        _random = new SeededRandom(seed);
        Network = new VirtualLinkNetwork(Runtime, _random.Fork());
    }

    public ManualRuntime Runtime { get; } = new();

    public VirtualLinkNetwork Network { get; }

    public Dictionary<string, LinkNode> Nodes { get; } = [];

    public LinkNode Add(string name, string secret = Secret, string run = "1", string? host = null, int version = LinkHandshake.CurrentVersion)
    {
        var node = new LinkNode(this, name, secret, run, host ?? name, _random.Fork(), version);
        Nodes[name] = node;
        return node;
    }

    /// <summary>Every node learns of every node.</summary>
    public void Introduce()
    {
        ImmutableArray<ClusterNode> all = [.. Nodes.Values.Select(static node => node.Node)];
        foreach (var node in Nodes.Values) node.Links.SetPeers(all);
    }
}

/// <summary>One node's links; writes down what it hears.</summary>
internal sealed class LinkNode : ILinkReceiver
{
    public LinkNode(LinkWorld world, string name, string secret, string run, string host, IRandom random, int version)
    {
        Node = new ClusterNode { Name = name, Incarnation = run, LinkAddress = $"{host}:7000" };
        Links = new NodeLinks(new NodeLinksOptions
        {
            Self = name,
            Incarnation = run,
            Listen = Node.LinkAddress,
            Secret = secret,
            Version = version,
            Transport = world.Network.For(host),
            Clock = world.Runtime,
            Timers = world.Runtime,
            Random = random,
            Log = Log,
        })
        {
            PeerRefused = peer => Heard.Add($"{world.Runtime.ElapsedMillis} {peer} refused"),
        };
        Links.Receive(LinkChannel.Requests, this);
        Links.Start();
    }

    public ClusterNode Node { get; }

    public NodeLinks Links { get; }

    public CollectedLog Log { get; } = new();

    public List<string> Heard { get; } = [];

    public IEnumerable<string> Texts => Heard.Where(static line => line.Contains(": ", StringComparison.Ordinal));

    public bool Say(string peer, string text) => Links.Send(peer, LinkChannel.Requests, Encoding.UTF8.GetBytes(text));

    public void OnMessage(string node, ReadOnlyMemory<byte> payload) => Heard.Add($"{node}: {Encoding.UTF8.GetString(payload.Span)}");

    public void OnConnected(string node) => Heard.Add($"{node} up");

    public void OnBroken(string node) => Heard.Add($"{node} broken");
}

/// <summary>Log lines, kept.</summary>
internal sealed class CollectedLog : ILog
{
    public List<string> Lines { get; } = [];

    public List<int> Ids { get; } = [];

    public bool IsEnabled(LogSeverity severity) => true;

    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
    {
        Ids.Add(kind.Id);
        Lines.Add(LogText.Of(kind, arguments));
    }
}
