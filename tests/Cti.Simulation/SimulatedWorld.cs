using System.Globalization;
using System.Net;
using Cti.Server.Trunks;
using Cti.Storage.Memory;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <summary>Everything that a node touches, in virtual time: network, telephones, application, disk; and what went wrong.</summary>
internal sealed class SimulatedWorld
{
    private static readonly string[] PhoneAddresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    private readonly Queue<CrashPoint> crashes;
    private int crashCount;
    private int starts;

    public SimulatedWorld(SimulationPlan plan, PlantedBugs bugs, bool keepTrace)
    {
        Plan = plan;
        Bugs = bugs;
        Random = new SeededRandom(plan.Seed);
        var order = Random.Fork();
        Runtime = new ManualRuntime(choose: order.Next);
        Trace = new Trace(() => Runtime.ElapsedMillis, keepTrace);
        Network = new VirtualNetwork(Runtime, Random.Fork()) { Conditions = plan.Network, Drop = Drop };
        Ledger = new Ledger(this);
        Wire = new WireChecks(this);
        Media = NewMedia();
        crashes = new Queue<CrashPoint>(plan.Crashes);
        crashCount = crashes.TryPeek(out var first) ? first.Count : 0;
        Phones = [.. PhoneAddresses.Select(address => new RandomPhone(Network, Runtime, Random.Fork(), new IPEndPoint(IPAddress.Parse(address), 5060), plan.Phones)
        {
            PressKey = (rtp, key) => Media.Press(rtp, key),
        })];
        Trunk = new Trunk
        {
            Name = "carrier", Host = PhoneAddresses[0], MaxCalls = plan.TrunkCalls, OptionsIntervalMillis = plan.OptionsIntervalMillis,
        };
        Application = new RandomApplication(this, Random.Fork());
    }

    public SimulationPlan Plan { get; }
    public PlantedBugs Bugs { get; }
    public SeededRandom Random { get; }
    public ManualRuntime Runtime { get; }
    public Trace Trace { get; }
    public VirtualNetwork Network { get; }
    public VirtualMediaPort Media { get; private set; }
    public VirtualResolver Resolver { get; } = new();
    public MemoryDisk Disk { get; } = new();
    public Ledger Ledger { get; }
    public WireChecks Wire { get; }
    public IReadOnlyList<RandomPhone> Phones { get; }
    public Trunk Trunk { get; }
    public RandomApplication Application { get; }

    /// <summary>The present life of the node, serving or starting; null while it is down.</summary>
    public SimulatedNode? Node { get; private set; }

    /// <summary>From then on nothing goes wrong any more.</summary>
    public bool IsHealed { get; private set; }

    public bool HasCrashed { get; private set; }

    public List<string> Failures { get; } = [];

    public void Fail(string what)
    {
        Trace.Add($"FAILED {what}");
        Failures.Add(string.Create(CultureInfo.InvariantCulture, $"at {Runtime.ElapsedMillis} ms: {what}"));
    }

    public void StartNode()
    {
        Trace.Add($"node starts, {++starts}");
        Node = SimulatedNode.Begin(this, starts);
    }

    public void NodeServes(SimulatedNode node)
    {
        Trace.Add("node serves");
        if (crashes.TryPeek(out var next) && next.Moment == CrashMoment.AtTime) Runtime.After(Math.Max(0, next.Count), () => CrashIf(node.Process, next));
    }

    /// <summary>The node passed a moment at which it may be planned to die.</summary>
    public void Reach(NodeProcess process, CrashMoment moment)
    {
        if (!IsHealed && crashes.TryPeek(out var next) && next.Moment == moment && --crashCount <= 0) CrashIf(process, next);
    }

    public void NodeDied(SimulatedNode node, int downMillis)
    {
        Trace.Add("node dies");
        node.Kill();
        Media.Crash();
        Media = NewMedia();
        if (Node == node) Node = null;
        Application.LostNode();
        Runtime.After(downMillis, StartNode);
    }

    public void Heal()
    {
        Trace.Add("healed");
        IsHealed = true;
        Network.Heal();
        Network.Drop = Drop;
    }

    private void CrashIf(NodeProcess process, CrashPoint crash)
    {
        if (IsHealed || !process.IsAlive || !crashes.TryPeek(out var next) || next != crash || Node?.Process != process) return;
        crashes.Dequeue();
        crashCount = crashes.TryPeek(out var following) ? following.Count : 0;
        HasCrashed = true;
        Trace.Add($"crash: {crash.Moment}");
        NodeDied(Node, crash.DownMillis);
    }

    private bool Drop(IPEndPoint from, IPEndPoint to, ReadOnlyMemory<byte> datagram)
    {
        Trace.Add($"{from} -> {to}", datagram.Span);
        return Bugs.Drops(from, to, datagram);
    }

    // The dead node's commands must not reach the media side of the next life, so each life has its own.
    private VirtualMediaPort NewMedia()
    {
        var media = new VirtualMediaPort(Runtime, SimulatedNode.Address.Address);
        media.Files["short.wav"] = 900;
        media.Files["long.wav"] = 15_000;
        media.Files["broken.wav"] = 1;
        media.Broken.Add("broken.wav");
        return media;
    }
}
