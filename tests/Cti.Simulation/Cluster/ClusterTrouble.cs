using Cti.Testing;

namespace Cti.Simulation.Cluster;

/// <summary>Lets happen to a cluster what its plan says: nodes that die, stand still and leave, links that break.</summary>
internal sealed class ClusterTrouble
{
    private const int LookMillis = 250;
    /// <summary>After so long a node that cannot get rid of its instances leaves them behind.</summary>
    private const int DrainMillisMax = 25_000;
    private readonly ClusterWorld world;
    private readonly List<Pending> crashes;

    public ClusterTrouble(ClusterWorld world)
    {
        this.world = world;
        crashes = [.. world.Cluster.NodeCrashes.Select(static crash => new Pending(crash))];
    }

    public void Begin()
    {
        var plan = world.Cluster;
        for (var index = 0; index < plan.Nodes; index++)
        {
            var started = index;
            world.Runtime.After(plan.StartMillis[index], () => world.StartNode(started));
        }
        foreach (var crash in plan.NodeCrashes.Where(static crash => crash.Moment == CrashMoment.AtTime)) At(crash.Node, crash.FromMillis, node => world.Crash(node, crash.DownMillis));
        foreach (var pause in plan.Pauses)
        {
            At(pause.Node, pause.FromMillis, node =>
            {
                world.Pause(node);
                world.Runtime.After(pause.ToMillis - pause.FromMillis, () => node.Woken?.Invoke());
            });
        }
        foreach (var drain in plan.Drains) At(drain.Node, drain.FromMillis, node => Drain(node, drain.ToMillis - drain.FromMillis));
        foreach (var link in plan.Links)
        {
            world.Runtime.After(link.FromMillis, () => BreakLink(link));
            world.Runtime.After(link.ToMillis, Recut);
        }
        foreach (var line in plan.Lines)
        {
            world.Runtime.After(line.FromMillis, () => CutLine(line));
            world.Runtime.After(line.ToMillis, RecutLines);
        }
    }

    /// <summary>The node passed a moment at which it may be planned to die.</summary>
    public void Reach(NodeProcess process, CrashMoment moment)
    {
        if (world.IsHealed) return;
        foreach (var crash in crashes)
        {
            if (crash.Plan.Node != process.Node || crash.Plan.Moment != moment || world.Runtime.ElapsedMillis < crash.Plan.FromMillis || crash.IsOver || --crash.Left > 0) continue;
            if (world.Nodes[process.Node] is not { } node || node.Process != process) continue;
            crash.IsOver = true;
            world.Trace.Add($"crash: {moment}");
            world.Crash(node, crash.Plan.DownMillis);
            return;
        }
    }

    private void At(int index, int millis, Action<ClusterNode> act) => world.Runtime.After(millis, () =>
    {
        if (!world.IsHealed && world.Nodes[index] is { IsServing: true } node) act(node);
    });

    /// <summary>The program's own stop: hands over what it has, leaves the cluster, ends.</summary>
    private void Drain(ClusterNode node, int downMillis)
    {
        world.Trace.Add($"{node.Name} drains");
        node.IsLeaving = true;
        node.Server!.Drain();
        LeaveWhenEmpty(node, downMillis, world.Runtime.ElapsedMillis + DrainMillisMax);
    }

    private void LeaveWhenEmpty(ClusterNode node, int downMillis, long latestMillis) => world.Runtime.After(LookMillis, () => node.Process.Hear(() =>
    {
        if (!node.Process.IsAlive) return;
        if (node.Server is { InstanceCount: 0, CallCount: 0, IsJournalIdle: true } server)
        {
            world.Trace.Add($"{node.Name} leaves");
            _ = LeaveAsync(node, server, downMillis);
        }
        else if (world.Runtime.ElapsedMillis >= latestMillis)
        {
            world.Trace.Add($"{node.Name} leaves in a hurry");
            world.Crash(node, downMillis);
        }
        else
        {
            LeaveWhenEmpty(node, downMillis, latestMillis);
        }
    }));

    private async Task LeaveAsync(ClusterNode node, Cti.Actors.ServerNode server, int downMillis)
    {
        try
        {
            await server.StopAsync();
            world.NodeDied(node, downMillis);
        }
#pragma warning disable CA1031 // Nothing observes this task but the failure list.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            world.Fail($"{node.Name} does not stop: {fault}");
        }
    }

    private void BreakLink(LinkTrouble link)
    {
        if (world.IsHealed) return;
        var (first, second) = (ClusterNode.NameOf(link.First), ClusterNode.NameOf(link.Second));
        world.Trace.Add($"link {first}-{second} {(link.IsReset ? "is reset" : "is cut")}");
        if (!link.IsReset)
        {
            world.Links.Cut(first, second);
            return;
        }
        world.Links.Break(first, second);
        world.Links.Break(second, first);
    }

    private void Recut()
    {
        if (world.IsHealed) return;
        world.Links.Heal();
        var now = world.Runtime.ElapsedMillis;
        foreach (var link in world.Cluster.Links.Where(link => !link.IsReset && link.FromMillis <= now && now < link.ToMillis)) world.Links.Cut(ClusterNode.NameOf(link.First), ClusterNode.NameOf(link.Second));
    }

    private void CutLine(LineTrouble line)
    {
        if (world.IsHealed) return;
        world.Trace.Add($"line {ClusterNode.NameOf(line.Node)}-{world.Phones[line.Phone].Local} is cut");
        world.Network.Cut(ClusterNode.AddressOf(line.Node).Address, world.Phones[line.Phone].Local.Address);
    }

    private void RecutLines()
    {
        if (world.IsHealed) return;
        world.Network.Mend();
        var now = world.Runtime.ElapsedMillis;
        foreach (var line in world.Cluster.Lines.Where(line => line.FromMillis <= now && now < line.ToMillis)) CutLine(line);
    }

    private sealed class Pending(NodeCrash plan)
    {
        public NodeCrash Plan { get; } = plan;
        public int Left { get; set; } = plan.Count;
        public bool IsOver { get; set; }
    }
}
