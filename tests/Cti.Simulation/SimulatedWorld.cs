using System.Net;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>Everything that a node touches, in virtual time: network, telephones, application, disk; and what went wrong.</summary>
internal sealed class SimulatedWorld : VirtualWorld
{
    private readonly Queue<CrashPoint> _crashes;
    private int _crashCount;
    private int _starts;

    public SimulatedWorld(SimulationPlan plan, PlantedBugs bugs, bool keepTrace) : base(plan, bugs, keepTrace, followsContact: false)
    {
        Media = NewMedia(SimulatedNode.Address.Address);
        _crashes = new Queue<CrashPoint>(plan.Crashes);
        _crashCount = _crashes.TryPeek(out var first) ? first.Count : 0;
        Trouble = new WorldTrouble(this, Random.Fork());
        Rush = new Rush(this, new SeededRandom(plan.Seed ^ 0x72757368));
        Rest = new RestChecks(this);
    }

    public VirtualMediaPort Media { get; private set; }
    public WorldTrouble Trouble { get; }
    public Rush Rush { get; }
    public RestChecks Rest { get; }

    /// <summary>The present life of the node, serving or starting; null while it is down.</summary>
    public SimulatedNode? Node { get; private set; }

    public override NodeLife? PickNode() => Node;

    /// <summary>How late a decision may be, in milliseconds, where nothing keeps the node from being in time.</summary>
    private const int LateMillisMax = 10;

    public override long? LatestFor(int instance, long dueMillis) => Plan.IsPunctual && !HasCrashed ? dueMillis + LateMillisMax : null;

    public override bool IsIncomplete(string path) => Media.Recordings.TryGetValue(path, out var recording) && !recording.IsComplete;

    public override void Decided(CallBook call) => Rush.Decided(call);

    public override void Reports(IPEndPoint? local) => Rush.Reports(local);

    protected override void Press(IPEndPoint rtp, char key) => Media.Press(rtp, key);

    protected override void Passes(IPEndPoint from, IPEndPoint to, ReadOnlyMemory<byte> datagram)
    {
        if (!to.Equals(SimulatedNode.Address)) Rush.Sent(datagram);
        else Rush.Arrives(datagram);
    }

    public void StartNode()
    {
        Trace.Add($"node starts, {++_starts}");
        Node = SimulatedNode.Begin(this, _starts);
    }

    public void NodeServes(SimulatedNode node)
    {
        Trace.Add("node serves");
        if (!_crashes.TryPeek(out var next)) return;
        if (next.Moment == CrashMoment.AtTime) Runtime.After(next.Count, () => CrashIf(node.Process, next));
        if (next.Moment == CrashMoment.Drain) Runtime.After(next.Count, () => Drain(node, next));
    }

    /// <summary>The node passed a moment at which it may be planned to die.</summary>
    public override void Reach(NodeProcess process, CrashMoment moment)
    {
        if (!IsHealed && _crashes.TryPeek(out var next) && next.Moment == moment && --_crashCount <= 0) CrashIf(process, next);
    }

    public void NodeDied(SimulatedNode node, int downMillis)
    {
        Trace.Add("node dies");
        node.Kill();
        Media.Crash();
        // The dead node's commands must not reach the media side of the next life, so each life has its own.
        Media = NewMedia(SimulatedNode.Address.Address);
        if (Node == node) Node = null;
        Application.LostNode(node);
        Group.LostNode(node);
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
        _crashes.Clear();
        if (crash is null) return;
        _crashes.Enqueue(crash);
        _crashCount = crash.Count;
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
        if (IsHealed || !process.IsAlive || !_crashes.TryPeek(out var next) || next != crash || Node?.Process != process) return;
        _crashes.Dequeue();
        _crashCount = _crashes.TryPeek(out var following) ? following.Count : 0;
        HasCrashed = true;
        Trace.Add($"crash: {crash.Moment}");
        NodeDied(Node, crash.DownMillis);
    }
}
