using System.Text;

namespace Cti.Actors.Feeds;

/// <summary>
/// Who coordinates which group, and the way between this node's connections and that coordinator. Each group has one coordinator: of the living nodes
/// with connections the one of highest random weight (application, group, node), so all nodes name the same without asking. A node that cannot reach it
/// takes the next that it reaches, so that no consumer waits for a link to heal; until then an event may be delivered on both sides.
/// <para>
/// A node obeys one coordinator at a time and tells a new one what it holds; a new one gives nothing away before it has heard all others. So two views of
/// the cluster, of which one is older, never give an instance to two connections.
/// </para>
/// Messages to this node itself are handled one after the other, when the one before is done. Under the hub's lock.
/// </summary>
internal sealed class GroupRoles(EventHub hub)
{
    /// <summary>Groups reported to this node before its own view says that it coordinates them.</summary>
    private const int EarlyMax = 1_024;
    private const long DetourNanos = 5_000_000_000;
    /// <summary>How long a node obeys one that says it coordinates although the own view names another: longer than views differ.</summary>
    private const long ClaimNanos = 3_000_000_000;

    private readonly Dictionary<(string Application, string Group), GroupCoordinator> _coordinators = [];
    private readonly HashSet<(string Application, string Group)> _early = [];
    private readonly Queue<Action> _steps = new();
    private bool _isPumping;
    // Rises from run to run of the program too: a node may remember what an earlier run told it.
    private long _connection = hub.Clock.UnixMillis << 8;
    private long _term;

    /// <summary>The other nodes; null while there are none to speak of.</summary>
    internal ClusterFeeds? Cluster { get; set; }

    private string Self => Cluster?.Self ?? "";

    /// <summary>The node that owns an instance, or will in a moment: with a connection there, its events need not travel.</summary>
    internal string? HomeOf(int instance) => Cluster is { } cluster ? cluster.HomeOf(instance) : Self;

    /// <summary>A number for a connection's stay in a group; never used twice by this process.</summary>
    internal long NextConnection() => ++_connection;

    /// <summary>Tells a group's coordinator what this node's connections are and hold.</summary>
    internal void Report(FeedGroup group)
    {
        if (group.Coordinator is null && Choose(group.Application, group.Name) is { } chosen) group.Follow(chosen);
        // Before the first view nobody can be named; the view brings the report.
        if (group.Coordinator is not { } coordinator) return;
        var report = group.ToReport(coordinator != Best(group.Application, group.Name, Living));
        Send(coordinator, report);
        if (report.Connections.Count > 0)
        {
            group.Told.Add(coordinator);
            return;
        }
        foreach (var other in group.Told.Where(other => other != coordinator)) Send(other, report with { IsDetour = false });
        group.Told.Clear();
    }

    private void Send(string coordinator, GroupReport report)
    {
        if (coordinator == Self) Pump(() => OnReport(Self, report));
        else Cluster!.Send(coordinator, report.Encode());
    }

    /// <summary>Sends a node its table.</summary>
    internal void Send(string node, GroupTable table)
    {
        if (node == Self) Pump(() => OnTable(Self, table));
        else Cluster!.Send(node, table.Encode());
    }

    /// <summary>Does a step, and what follows from it here.</summary>
    internal void Pump(Action step)
    {
        _steps.Enqueue(step);
        if (_isPumping) return;
        _isPumping = true;
        try
        {
            while (_steps.TryDequeue(out var next)) next();
        }
        finally
        {
            _isPumping = false;
        }
    }

    internal void OnReport(string node, GroupReport report)
    {
        var key = (report.Application, report.Group);
        if (!_coordinators.TryGetValue(key, out var coordinator))
        {
            if (report.Connections.Count == 0) return;
            if (!report.IsDetour && Choose(report.Application, report.Group) != Self)
            {
                // That node knows something of the cluster that this one will know in a moment.
                if (_early.Count < EarlyMax) _early.Add(key);
                return;
            }
            coordinator = Begin(key, report.Acknowledged);
        }
        coordinator.OnReport(node, report);
        if (coordinator.IsIdle) End(coordinator);
    }

    internal void OnTable(string from, GroupTable table)
    {
        if (hub.FindGroup(table.Application, table.Group) is not { } group)
        {
            Send(from, new GroupReport(table.Application, table.Group, table.Term, table.Number, false, [], [], []));
            return;
        }
        // Who asks coordinates, by a view of the cluster that is newer than ours; if it is not, the next look at our own view tells.
        if (group.Coordinator != from && table.IsQuestion) group.Follow(from, hub.Clock.MonotonicNanos + ClaimNanos);
        if (group.Coordinator != from) return;
        group.Apply(table);
        Report(group);
    }

    /// <summary>Looks at the cluster anew: a node came, went, was reached or is out of reach for longer than the grace.</summary>
    internal void Reconsider() => Pump(() =>
    {
        foreach (var coordinator in _coordinators.Values.ToArray())
        {
            if (Coordinates(coordinator)) coordinator.Reach(Reachable);
            else End(coordinator);
        }
        foreach (var group in hub.AllGroups())
        {
            var chosen = Choose(group.Application, group.Name);
            if (chosen is null || chosen == group.Coordinator || IsClaimed(group)) continue;
            if (group.Coordinator is { } former && former != Self && Living.Contains(former) && !Reachable.Contains(former)) group.DropAll();
            group.Follow(chosen);
            Report(group);
        }
        foreach (var key in _early.ToArray())
        {
            if (Choose(key.Application, key.Group) != Self) continue;
            _early.Remove(key);
            if (!_coordinators.ContainsKey(key)) Begin(key, []);
        }
    });

    /// <summary>Says everything again that a link may have lost.</summary>
    internal void Repeat(string node) => Pump(() =>
    {
        foreach (var coordinator in _coordinators.Values.ToArray()) coordinator.Repeat(node);
        foreach (var group in hub.AllGroups())
        {
            if (group.Coordinator == node) Report(group);
        }
    });

    /// <summary>The slow fall-back: asks again who has not been answered, and keeps alive what stands in for a coordinator out of reach.</summary>
    internal void Tick()
    {
        Reconsider();
        Pump(() =>
        {
            foreach (var group in hub.AllGroups())
            {
                if (!group.IsAnswered || group.Coordinator != Best(group.Application, group.Name, Living)) Report(group);
            }
        });
    }

    private GroupCoordinator Begin((string Application, string Group) key, IReadOnlyList<long> acknowledged)
    {
        // Rises from run to run of the program too: a node may remember what an earlier run told it.
        _term = Math.Max(_term + 1, hub.Clock.UnixMillis << 8);
        long[] positions = acknowledged.Count == hub.InstanceCount ? [.. acknowledged] : new long[hub.InstanceCount];
        // Without other nodes the positions are those that the one connection has just read or stored.
        var coordinator = new GroupCoordinator(hub, this, key.Application, key.Group, _term, positions, Cluster?.HasPeers != true && acknowledged.Count > 0);
        _coordinators.Add(key, coordinator);
        _early.Remove(key);
        coordinator.Reach(Reachable);
        return coordinator;
    }

    private void End(GroupCoordinator coordinator)
    {
        coordinator.Stop();
        _coordinators.Remove((coordinator.Application, coordinator.Name));
    }

    private bool Coordinates(GroupCoordinator coordinator) =>
        Choose(coordinator.Application, coordinator.Name) == Self || hub.Clock.MonotonicNanos - coordinator.DetourAt < DetourNanos;

    private bool IsClaimed(FeedGroup group) =>
        group.Coordinator is { } coordinator && hub.Clock.MonotonicNanos < group.ClaimedUntil && Cluster?.IsConnected(coordinator) == true;

    private IReadOnlyCollection<string> Living => Cluster?.LivingGateways ?? [""];

    private IReadOnlyCollection<string> Reachable => Cluster?.ReachableGateways ?? [""];

    private string? Choose(string application, string group)
    {
        if (Cluster is null) return "";
        return Cluster.HasView ? Best(application, group, Reachable) : null;
    }

    private static string Best(string application, string group, IReadOnlyCollection<string> nodes)
    {
        var best = "";
        var highest = 0UL;
        foreach (var node in nodes)
        {
            var weight = Weight(application, group, node);
            if (best.Length > 0 && (weight < highest || (weight == highest && string.CompareOrdinal(node, best) > 0))) continue;
            (best, highest) = (node, weight);
        }
        return best;
    }

    // FNV-1a with the final mixing of MurmurHash3: the same number on every node and in every version of the program.
    private static ulong Weight(string application, string group, string node)
    {
        var hash = Mix(Mix(Mix(14695981039346656037UL, application) * 1099511628211UL, group) * 1099511628211UL, node);
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdUL;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53UL;
        return hash ^ (hash >> 33);
    }

    /// <summary>A character 0 between the parts is a multiplication alone.</summary>
    private static ulong Mix(ulong hash, string text)
    {
        Span<byte> bytes = stackalloc byte[256];
        if (Encoding.UTF8.GetMaxByteCount(text.Length) > bytes.Length) bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        foreach (var next in bytes[..Encoding.UTF8.GetBytes(text, bytes)]) hash = (hash ^ next) * 1099511628211UL;
        return hash;
    }
}
