using Cti.Cluster;
using Cti.Testing;

namespace Cti.Actors.Tests.Events;

/// <summary>The links between the nodes of a test, on virtual time: in order per direction while a link holds, lost with it.</summary>
internal sealed class VirtualLinkNet(ManualRuntime runtime, Func<int, int>? draw = null)
{
    private readonly Dictionary<string, VirtualNodeLinks> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), int> _sessions = [];
    private readonly HashSet<(string, string)> _up = [];

    /// <summary>Messages that were handed over to a link.</summary>
    internal int Sent { get; private set; }

    /// <summary>Says which messages are refused as if the queue were full.</summary>
    internal Func<bool>? Refuse { get; set; }

    internal VirtualNodeLinks Add(string node) => _nodes[node] = new VirtualNodeLinks(this, node);

    internal bool IsUp(string a, string b) => _up.Contains(Pair(a, b));

    internal void Connect(string a, string b)
    {
        if (!_up.Add(Pair(a, b))) return;
        _sessions[Pair(a, b)] = Session(a, b) + 1;
        foreach (var (at, peer) in new[] { (a, b), (b, a) })
        {
            var (links, session) = (_nodes[at], Session(a, b));
            After(Delay(), () =>
            {
                if (session == Session(a, b) && !links.IsDead) links.Open(peer);
            });
        }
    }

    internal void Break(string a, string b)
    {
        if (!_up.Remove(Pair(a, b))) return;
        _sessions[Pair(a, b)] = Session(a, b) + 1;
        foreach (var (at, peer) in new[] { (a, b), (b, a) })
        {
            // What had not been heard of as connected is not heard of as broken.
            if (_nodes[at] is { IsDead: false } links && links.Close(peer)) links.Receiver!.OnBroken(peer);
        }
    }

    /// <summary>A node stops as a killed process does.</summary>
    internal void Kill(string node)
    {
        _nodes[node].IsDead = true;
        foreach (var other in _nodes.Keys.Where(other => other != node).ToArray()) Break(node, other);
    }

    internal bool Send(string from, string to, ReadOnlyMemory<byte> payload)
    {
        if (_nodes[from].IsDead || !IsUp(from, to)) return false;
        if (Refuse?.Invoke() == true) return false;
        Sent++;
        var (target, session) = (_nodes[to], Session(from, to));
        After(1, () =>
        {
            if (session == Session(from, to) && !target.IsDead) target.Deliver(from, payload);
        });
        return true;
    }

    private long Delay() => draw is null ? 1 : 1 + draw(30);

    private int Session(string a, string b) => _sessions.GetValueOrDefault(Pair(a, b));

    private void After(long millis, Action action) => runtime.Schedule(millis, static state => ((Action)state!)(), action);

    private static (string, string) Pair(string a, string b) => string.CompareOrdinal(a, b) < 0 ? (a, b) : (b, a);
}

/// <summary>One node's links.</summary>
internal sealed class VirtualNodeLinks(VirtualLinkNet net, string self) : INodeLinks
{
    private readonly HashSet<string> _open = [];
    private readonly Dictionary<string, List<ReadOnlyMemory<byte>>> _early = [];

    internal ILinkReceiver? Receiver { get; private set; }

    internal bool IsDead { get; set; }

    public bool Send(string node, LinkChannel channel, ReadOnlyMemory<byte> payload)
    {
        channel.ShouldBe(LinkChannel.Events);
        return _open.Contains(node) && net.Send(self, node, payload);
    }

    public bool IsConnected(string node) => _open.Contains(node);

    public void Receive(LinkChannel channel, ILinkReceiver receiver) => Receiver = receiver;

    internal void Open(string peer)
    {
        _open.Add(peer);
        Receiver!.OnConnected(peer);
        if (!_early.Remove(peer, out var waiting)) return;
        foreach (var payload in waiting) Receiver.OnMessage(peer, payload);
    }

    internal bool Close(string peer)
    {
        _early.Remove(peer);
        return _open.Remove(peer);
    }

    // The other side may hear first that the link is up.
    internal void Deliver(string peer, ReadOnlyMemory<byte> payload)
    {
        if (_open.Contains(peer))
        {
            Receiver!.OnMessage(peer, payload);
            return;
        }
        if (!_early.TryGetValue(peer, out var waiting)) _early.Add(peer, waiting = []);
        waiting.Add(payload);
    }
}
