using System.Net;
using Cti.Calls.Call;
using Cti.Persistence;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Testing;
using Cti.Testing.Links;

namespace Cti.Simulation.Cluster;

/// <summary>Three to seven nodes over one store, on one thread and in virtual time; and what they must never do to each other's calls.</summary>
internal sealed class ClusterWorld : VirtualWorld
{
    /// <summary>
    /// A node that serves and renews may be taken for dead after a lease only; one whose process is gone after a fifth of it. A little less: clocks drift.
    /// </summary>
    private const int AliveMillisMin = ClusterNode.LeaseMillis - 50, GoneMillisMin = (ClusterNode.LeaseMillis / 5) - 50;
    /// <summary>How late limits on time may be, where their instance has an owner that runs.</summary>
    private const int LateMillisMax = 1_000;

    private readonly ClusterNode?[] _nodes;
    private readonly int[] _lives;
    private readonly long[] _wokeMillis;
    private readonly bool[] _mustRenew;
    private readonly long[] _claimedMillis;
    private readonly Dictionary<string, long> _renewedMillis = new(StringComparer.Ordinal);
    private readonly List<VirtualMediaPort> _media = [];
    private readonly HashSet<string> _repaired = new(StringComparer.Ordinal);
    private readonly SeededRandom _picks;
    private readonly SeededRandom _spoolDeaths;
    private readonly HashSet<string> _invites = new(StringComparer.Ordinal);

    public ClusterWorld(ClusterPlan plan, PlantedBugs bugs, bool keepTrace) : base(plan, bugs, keepTrace, followsContact: true)
    {
        Cluster = plan;
        _nodes = new ClusterNode?[plan.Nodes];
        _lives = new int[plan.Nodes];
        _wokeMillis = new long[plan.Nodes];
        _mustRenew = new bool[plan.Nodes];
        _claimedMillis = new long[plan.Instances];
        _picks = Random.Fork();
        _spoolDeaths = new SeededRandom(plan.Seed ^ 0x64656164);
        Links = new VirtualLinkNetwork(Runtime, Random.Fork()) { DelayMillis = (1, plan.LinkDelayMillisMax), Splits = plan.SplitsLinks };
        Trouble = new ClusterTrouble(this);
    }

    public ClusterPlan Cluster { get; }
    public VirtualLinkNetwork Links { get; }
    public ClusterTrouble Trouble { get; }
    public override bool MovesInstances => true;

    /// <summary>A node that cannot reach the store, or stood still, knows for a while what is true no more.</summary>
    public override bool MayBeBehind => Cluster.StoreCuts.Count > 0 || Cluster.Outages.Count > 0 || Cluster.StoreFailPercent > 0 || Cluster.Pauses.Count > 0;

    /// <summary>The present life of each node; null while it is down.</summary>
    public IReadOnlyList<ClusterNode?> Nodes => _nodes;

    public void StartNode(int index)
    {
        if (_nodes[index] is { Process.IsAlive: true }) return;
        Trace.Add($"{ClusterNode.NameOf(index)} starts, {++_lives[index]}");
        _nodes[index] = ClusterNode.Begin(this, index, _lives[index]);
    }

    public void NodeServes(ClusterNode node) => Trace.Add($"{node.Name} serves");

    public void NodeDied(ClusterNode node, int downMillis)
    {
        if (!node.Process.IsAlive) return;
        Trace.Add($"{node.Name} dies");
        node.Kill();
        if (_nodes[node.Process.Node] == node) _nodes[node.Process.Node] = null;
        _mustRenew[node.Process.Node] = false;
        Application.LostNode(node);
        Group.LostNode(node);
        Runtime.After(downMillis, () => StartNode(node.Process.Node));
    }

    public void Crash(ClusterNode node, int downMillis)
    {
        HasCrashed = true;
        NodeDied(node, downMillis);
    }

    public void Pause(ClusterNode node)
    {
        if (!node.Process.IsAlive || node.Process.IsPaused) return;
        HasCrashed = true;
        Trace.Add($"{node.Name} stands still");
        var since = Runtime.ElapsedMillis;
        node.Process.Pause();
        node.Woken = () =>
        {
            node.Woken = null;
            if (!node.Process.IsAlive) return;
            Trace.Add($"{node.Name} wakes");
            _wokeMillis[node.Process.Node] = Runtime.UnixMillis;
            _mustRenew[node.Process.Node] = Runtime.ElapsedMillis - since > (ClusterNode.LeaseMillis / 2) + 50;
            node.Process.Wake();
        };
    }

    /// <summary>A renewal of a node's lease has reached the store.</summary>
    public void Renewed(string node)
    {
        _renewedMillis[node] = Runtime.ElapsedMillis;
        for (var index = 0; index < _nodes.Length; index++)
        {
            if (_nodes[index] is { Process.IsPaused: false } present && present.Name == node) _mustRenew[index] = false;
        }
    }

    /// <summary>Half of the nodes that may die do so while they write down what they have told, or soon after: nobody else knows of it then.</summary>
    protected override void Spools(NodeProcess process)
    {
        base.Spools(process);
        if (IsHealed || Cluster.NodeCrashes.Count == 0 || _spoolDeaths.Next(2) == 0) return;
        var (inMillis, downMillis) = (_spoolDeaths.Next(200), _spoolDeaths.Next(6_000));
        Runtime.After(inMillis, () =>
        {
            if (!IsHealed && _nodes[process.Node] is { } node && node.Process == process) Crash(node, downMillis);
        });
    }

    public VirtualMediaPort MediaOf(IPAddress address)
    {
        var made = NewMedia(address);
        _media.Add(made);
        return made;
    }

    public override NodeLife? PickNode()
    {
        var serving = _nodes.Where(static node => node is { IsServing: true, IsLeaving: false, Process.IsPaused: false }).ToList();
        return serving.Count == 0 ? null : serving[_picks.Next(serving.Count)];
    }

    /// <summary>Where a telephone calls: at any node, or where one was.</summary>
    public IPEndPoint PickAddress() => PickNode() is ClusterNode node ? node.Address : ClusterNode.AddressOf(_picks.Next(_nodes.Length));

    public override void Reach(NodeProcess process, CrashMoment moment) => Trouble.Reach(process, moment);

    public override long? LatestFor(int instance, long dueMillis)
    {
        if (!Cluster.IsPunctual) return null;
        var owner = Array.Find(_nodes, node => node?.Name == Ledger.OwnerOf(instance));
        return Math.Max(dueMillis, Math.Max(_claimedMillis[instance], owner is null ? 0 : _wokeMillis[owner.Process.Node])) + LateMillisMax;
    }

    /// <summary>
    /// Nobody can write, and a limit on time that is in the journal is over: whoever has the call keeps it. Of a dialled call whose answer is in no journal
    /// either nothing was promised to anybody: its limits begin with what is not written.
    /// </summary>
    public override bool MayHangUpUnwritten(CallBook call, NodeProcess process) =>
        _nodes[process.Node] is { Server.Cluster: { IsCutOff: true, MayBye: true } }
        && (call is { First: Constructed, WasDialAnswered: false }
            || (CallDecider.NextDeadline(call.State, Plan.Calls) is { } due && due <= Runtime.UnixMillis + LateMillisMax));

    public override bool IsIncomplete(string path)
    {
        var files = _media.Where(one => one.Recordings.ContainsKey(path)).Select(one => one.Recordings[path]).ToList();
        return files.Count > 0 && !_repaired.Contains(path) && files.TrueForAll(static file => !file.IsComplete);
    }

    /// <summary>A recording that a dead node left open was closed.</summary>
    public void Repaired(string path) => _repaired.Add(path);

    public override void Claimed(InstanceOwnership claim, string before)
    {
        _claimedMillis[claim.Instance] = Runtime.UnixMillis;
        if (before.Length == 0 || before == claim.Owner) return;
        var silence = Runtime.ElapsedMillis - _renewedMillis.GetValueOrDefault(before);
        var isThere = Array.Exists(_nodes, node => node is { IsServing: true } && node.Name == before);
        if (silence < (isThere ? AliveMillisMin : GoneMillisMin))
            Fail($"{claim.Owner} takes instance {claim.Instance} from {before}, which has renewed its lease {silence} ms ago");
    }

    public override void Sent(SipMessage message, NodeProcess process)
    {
        if (_nodes[process.Node] is not { } node || node.Process != process) return;
        if (_mustRenew[process.Node]) Fail($"{node.Name} speaks after a pause, before it has renewed its lease");
        if (message is not SipRequest request || !DialogTag.TryParse(request.From.Tag, out var tag)) return;
        if (request.Method == SipMethods.Invite) _invites.Add(request.TopVia.Branch!);
        // A refusal is acknowledged by its transaction, which knows of no calls.
        var isOfTransaction = request.Method == SipMethods.Ack && _invites.Contains(request.TopVia.Branch!);
        // The transactions of a call that is over end where they are, and a late answer to its INVITE is hung up by whoever gets it.
        var isOver = Ledger.Find<CallBook>(tag.Resource.ToString()) is { Release: not null };
        if (!isOfTransaction && !isOver && node.Lost.TryGetValue(tag.Resource.Instance, out var lostAt))
            Fail($"{node.Name} sends {request.Method} {request.CSeq.Number} for {tag.Resource}, which it has lost at {lostAt}");
    }

    public override void Heal()
    {
        base.Heal();
        Links.Heal();
        foreach (var node in _nodes) node?.Woken?.Invoke();
    }

    protected override void Press(IPEndPoint rtp, char key)
    {
        var node = Array.Find(_nodes, node => node?.Address.Address.Equals(rtp.Address) == true);
        node?.Media.Press(rtp, key);
    }
}
