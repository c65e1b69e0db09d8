using System.Globalization;
using System.Net;
using Cti.Server.Trunks;
using Cti.Sip;
using Cti.Storage.Memory;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <summary>Everything that a node touches, in virtual time: network, telephones, application, disk; and what went wrong.</summary>
internal sealed class SimulatedWorld
{
    private static readonly string[] PhoneAddresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    private readonly Queue<CrashPoint> crashes;
    private readonly bool keepsTrace;
    private int crashCount;
    private int starts;

    public SimulatedWorld(SimulationPlan plan, PlantedBugs bugs, bool keepTrace)
    {
        Plan = plan;
        Bugs = bugs;
        keepsTrace = keepTrace;
        Random = new SeededRandom(plan.Seed);
        var order = Random.Fork();
        var timers = new SeededRandom(plan.Seed ^ 0x74696D65);
        Runtime = new ManualRuntime(choose: order.Next, chooseTimer: plan.ShufflesTimers ? timers.Next : null);
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
            Name = "carrier", Host = PhoneAddresses[0], MaxCalls = plan.TrunkCalls, OptionsIntervalMillis = plan.OptionsIntervalMillis, Dtmf = plan.TrunkDtmf,
        };
        Disk.NowMillis = () => Runtime.UnixMillis;
        Application = new RandomApplication(this, Random.Fork());
        Group = new GroupOfConsumers(this, Random.Fork());
        Trouble = new WorldTrouble(this, Random.Fork());
        Rush = new Rush(this, new SeededRandom(plan.Seed ^ 0x72757368));
        Rest = new RestChecks(this);
    }

    public SimulationPlan Plan { get; }
    public PlantedBugs Bugs { get; }
    public SeededRandom Random { get; }
    public ManualRuntime Runtime { get; }
    public Trace Trace { get; }
    public VirtualNetwork Network { get; }
    public VirtualMediaPort Media { get; private set; }
    public MemoryDisk Disk { get; } = new();
    public Ledger Ledger { get; }
    public WireChecks Wire { get; }
    public IReadOnlyList<RandomPhone> Phones { get; }
    public Trunk Trunk { get; }
    public RandomApplication Application { get; }
    public GroupOfConsumers Group { get; }
    public WorldTrouble Trouble { get; }
    public Rush Rush { get; }
    public RestChecks Rest { get; }

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
        if (!crashes.TryPeek(out var next)) return;
        if (next.Moment == CrashMoment.AtTime) Runtime.After(next.Count, () => CrashIf(node.Process, next));
        if (next.Moment == CrashMoment.Drain) Runtime.After(next.Count, () => Drain(node, next));
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
        Group.LostNode();
        Runtime.After(downMillis, StartNode);
    }

    /// <summary>A crash that a script wants at this very moment.</summary>
    public void CrashNow(int downMillis)
    {
        if (Node is not { IsServing: true } node) return;
        HasCrashed = true;
        Trace.Add("crash: now");
        NodeDied(node, downMillis);
    }

    /// <summary>From now on the node dies where that says; null: it lives on.</summary>
    public void PlanCrash(CrashPoint? crash)
    {
        crashes.Clear();
        if (crash is null) return;
        crashes.Enqueue(crash);
        crashCount = crash.Count;
    }

    public void Heal()
    {
        Trace.Add("healed");
        IsHealed = true;
        Network.Heal();
        Network.Drop = Drop;
    }

    /// <summary>The program's own stop: refuses what is new, waits, drops what is left, waits again, ends.</summary>
    private void Drain(SimulatedNode node, CrashPoint stop)
    {
        if (IsHealed || !node.Process.IsAlive) return;
        Trace.Add("drain");
        node.Server!.Drain();
        Runtime.After(3_000, () =>
        {
            if (!node.Process.IsAlive) return;
            Trace.Add("drop all");
            node.Server.DropAll();
            EndWhenDrained(node, stop, Runtime.ElapsedMillis + 5_000);
        });
    }

    private void EndWhenDrained(SimulatedNode node, CrashPoint stop, long latestMillis)
    {
        if (!node.Process.IsAlive) return;
        var isEmpty = node.Server is { CallCount: 0, IsJournalIdle: true };
        if (!isEmpty && Runtime.ElapsedMillis < latestMillis)
        {
            Runtime.After(50, () => EndWhenDrained(node, stop, latestMillis));
            return;
        }
        if (isEmpty && Ledger.Calls.FirstOrDefault(call => !call.IsGone) is { } left) Fail($"the node is drained, {left.Id} is not over");
        if (!IsHealed) CrashIf(node.Process, stop);
        else NodeDied(node, stop.DownMillis);
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
        if (!to.Equals(SimulatedNode.Address)) Rush.Sent(datagram);
        else Rush.Arrives(datagram);
        Trace.Add(keepsTrace ? $"{from} -> {to} {Describe(datagram)}" : $"{from} -> {to}", datagram.Span);
        return Bugs.Drops(from, to, datagram);
    }

    private static string Describe(ReadOnlyMemory<byte> datagram) => SipParser.ParseDatagram(datagram).Message is { } message
        ? $"{(message is SipResponse response ? response.Status.ToString(CultureInfo.InvariantCulture) : ((SipRequest)message).Method)} of {message.CSeq.Number} {message.CSeq.Method} {message.CallId}"
        : "no SIP";

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
