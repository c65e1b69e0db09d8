using Cti.Testing;

namespace Cti.Simulation.Cluster;

/// <summary>Lets happen to a cluster what its plan says: nodes that die, stand still and leave, links that break.</summary>
internal sealed class ClusterTrouble
{
    private const int LookMillis = 250;
    /// <summary>After so long a node that cannot get rid of its instances leaves them behind.</summary>
    private const int DrainMillisMax = 25_000;
    private readonly ClusterWorld _world;
    private readonly List<Pending> _crashes;

    public ClusterTrouble(ClusterWorld world)
    {
        _world = world;
        _crashes = [.. world.Cluster.NodeCrashes.Select(static crash => new Pending(crash))];
    }

    public void Begin()
    {
        var plan = _world.Cluster;
        for (var index = 0; index < plan.Nodes; index++)
        {
            var started = index;
            _world.Runtime.After(plan.StartMillis[index], () => _world.StartNode(started));
        }
        foreach (var crash in plan.NodeCrashes.Where(static crash => crash.Moment == CrashMoment.AtTime))
            At(crash.Node, crash.FromMillis, node => _world.Crash(node, crash.DownMillis));
        foreach (var pause in plan.Pauses)
        {
            At(pause.Node, pause.FromMillis, node =>
            {
                _world.Pause(node);
                _world.Runtime.After(pause.ToMillis - pause.FromMillis, () => node.Woken?.Invoke());
            });
        }
        foreach (var drain in plan.Drains) At(drain.Node, drain.FromMillis, node => Drain(node, drain.ToMillis - drain.FromMillis));
        foreach (var link in plan.Links)
        {
            _world.Runtime.After(link.FromMillis, () => BreakLink(link));
            _world.Runtime.After(link.ToMillis, Recut);
        }
        foreach (var line in plan.Lines)
        {
            _world.Runtime.After(line.FromMillis, () => CutLine(line));
            _world.Runtime.After(line.ToMillis, RecutLines);
        }
    }

    /// <summary>The node passed a moment at which it may be planned to die.</summary>
    public void Reach(NodeProcess process, CrashMoment moment)
    {
        if (_world.IsHealed) return;
        foreach (var crash in _crashes)
        {
            if (crash.Plan.Node != process.Node || crash.Plan.Moment != moment || _world.Runtime.ElapsedMillis < crash.Plan.FromMillis || crash.IsOver
                || --crash.Left > 0)
                continue;
            if (_world.Nodes[process.Node] is not { } node || node.Process != process) continue;
            crash.IsOver = true;
            _world.Trace.Add($"crash: {moment}");
            _world.Crash(node, crash.Plan.DownMillis);
            return;
        }
    }

    private void At(int index, int millis, Action<ClusterNode> act) => _world.Runtime.After(millis, () =>
    {
        if (!_world.IsHealed && _world.Nodes[index] is { IsServing: true } node) act(node);
    });

    /// <summary>The program's own stop: hands over what it has, leaves the cluster, ends.</summary>
    private void Drain(ClusterNode node, int downMillis)
    {
        _world.Trace.Add($"{node.Name} drains");
        node.IsLeaving = true;
        node.Server!.Drain();
        LeaveWhenEmpty(node, downMillis, _world.Runtime.ElapsedMillis + DrainMillisMax);
    }

    private void LeaveWhenEmpty(ClusterNode node, int downMillis, long latestMillis) => _world.Runtime.After(LookMillis, () => node.Process.Hear(() =>
    {
        if (!node.Process.IsAlive) return;
        if (node.Server is { InstanceCount: 0, CallCount: 0, IsJournalIdle: true } server)
        {
            _world.Trace.Add($"{node.Name} leaves");
            _ = LeaveAsync(node, server, downMillis);
        }
        else if (_world.Runtime.ElapsedMillis >= latestMillis)
        {
            _world.Trace.Add($"{node.Name} leaves in a hurry");
            _world.Crash(node, downMillis);
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
            _world.NodeDied(node, downMillis);
        }
#pragma warning disable CA1031 // Nothing observes this task but the failure list.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            _world.Fail($"{node.Name} does not stop: {fault}");
        }
    }

    private void BreakLink(LinkTrouble link)
    {
        if (_world.IsHealed) return;
        var (first, second) = (ClusterNode.NameOf(link.First), ClusterNode.NameOf(link.Second));
        _world.Trace.Add($"link {first}-{second} {(link.IsReset ? "is reset" : "is cut")}");
        if (!link.IsReset)
        {
            _world.Links.Cut(first, second);
            return;
        }
        _world.Links.Break(first, second);
        _world.Links.Break(second, first);
    }

    private void Recut()
    {
        if (_world.IsHealed) return;
        _world.Links.Heal();
        var now = _world.Runtime.ElapsedMillis;
        foreach (var link in _world.Cluster.Links.Where(link => !link.IsReset && link.FromMillis <= now && now < link.ToMillis))
            _world.Links.Cut(ClusterNode.NameOf(link.First), ClusterNode.NameOf(link.Second));
    }

    private void CutLine(LineTrouble line)
    {
        if (_world.IsHealed) return;
        _world.Trace.Add($"line {ClusterNode.NameOf(line.Node)}-{_world.Phones[line.Phone].Local} is cut");
        _world.Network.Cut(ClusterNode.AddressOf(line.Node).Address, _world.Phones[line.Phone].Local.Address);
    }

    private void RecutLines()
    {
        if (_world.IsHealed) return;
        _world.Network.Mend();
        var now = _world.Runtime.ElapsedMillis;
        foreach (var line in _world.Cluster.Lines.Where(line => line.FromMillis <= now && now < line.ToMillis)) CutLine(line);
    }

    private sealed class Pending(NodeCrash plan)
    {
        public NodeCrash Plan { get; } = plan;
        public int Left { get; set; } = plan.Count;
        public bool IsOver { get; set; }
    }
}
