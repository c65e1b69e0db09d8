using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using Cti.Cluster.Membership;
using Cti.Cluster.Remoting;
using Cti.Kernel;

namespace Cti.Cluster.Sharding;

/// <summary>
/// Brings this node into Akka's cluster without anybody having named a first one: the living nodes stand in the table of nodes, and the one that has run
/// longest begins.
/// <code>
///   begin ──rows settled──► joining ──up──► member ──older nodes are no members of ours for 10 s──► island: anew, towards those
///                             │              ├──removed by the others──► anew
///                             │              └──never a link to anybody for 15 s──► anew
///                             ├──linked, and never answered for 15 s──► anew
///                             └──5 s, or other rows──► joining, from now on only nodes that a link leads to
/// </code>
/// </summary>
internal sealed class ClusterJoiner : UntypedActor, IWithTimers
{
    private const int LookMillis = 250, AgainMillis = 5_000;

    private readonly ClusterSystemOptions _options;
    private readonly InstanceShards _shards;
    private readonly RemoteLinks _links;
    private readonly Action<ImmutableArray<string>> _anew;
    private readonly Akka.Cluster.Cluster _cluster;
    private readonly long _begunMillis;
    private readonly ImmutableArray<string> _towards;
    private string _asked = "";
    private bool _hasLinked;
    private long _askedMillis, _strangersSinceMillis;

    /// <param name="options">This node.</param>
    /// <param name="shards">Has its view of the cluster.</param>
    /// <param name="links">Know which nodes have proved by a link that they are of this cluster and speak its version.</param>
    /// <param name="towards">The addresses to join, and no others, where this node finds itself on an island; empty for all.</param>
    /// <param name="anew">Ends this actor system and begins another one, towards those.</param>
    public ClusterJoiner(ClusterSystemOptions options, InstanceShards shards, RemoteLinks links, ImmutableArray<string> towards,
        Action<ImmutableArray<string>> anew)
    {
        (_options, _shards, _links, _towards, _anew) = (options, shards, links, towards, anew);
        _cluster = Akka.Cluster.Cluster.Get(Context.System);
        _begunMillis = Now;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private long Now => _options.Clock.MonotonicNanos / 1_000_000;

    protected override void PreStart() => Timers.StartPeriodicTimer("look", "look", TimeSpan.FromMilliseconds(LookMillis));

    protected override void OnReceive(object message)
    {
        if (_cluster.IsTerminated)
        {
            // The others have removed this node.
            _anew([]);
            return;
        }
        // In the order in which they began, which all see alike; a node whose row is not there yet is none.
        var rows = _shards.View.Nodes.Where(static node => node.LinkAddress.Length > 0)
            .OrderBy(static node => node.StartedMillis).ThenBy(static node => node.Name, StringComparer.Ordinal).ToImmutableArray();
        if (IsStuck(rows))
        {
            _options.Log.Write(LogEvents.ClusterStuck);
            _anew([]);
        }
        else if (_cluster.SelfMember.Status is MemberStatus.Up) LookForIslands(rows);
        else Join(rows);
    }

    /// <summary>
    /// Whether remoting brings nothing to the others, or nothing back, though they live: on a busy machine it may happen that a node which has started at the
    /// address of its last run a moment ago is never heard. Another actor system is another one to them. Nothing is lost by that: there is no link that works.
    /// </summary>
    private bool IsStuck(ImmutableArray<ClusterNode> rows)
    {
        var isLinked = rows.Any(row => _links.IsConnected(row.Name));
        _hasLinked |= isLinked;
        // Whoever is refused for its secret or version is no reason, as often as this node may ask.
        if (Now - _begunMillis < _options.StuckMillis || rows.All(row => row.Name == _options.Self) || _links.HasComplainedSince(Now - _options.StuckMillis))
            return false;
        return !_hasLinked || (isLinked && _cluster.SelfMember.Status is MemberStatus.Removed);
    }

    /// <summary>A verdict on this node's last run holds until everybody has seen the row of this one.</summary>
    private void Join(ImmutableArray<ClusterNode> rows)
    {
        var isAlone = rows.Length <= 1;
        if (rows.All(row => row.Name != _options.Self) || (!isAlone && Now - _begunMillis < _options.LeaseMillis / 4)) return;
        // The first of them begins the cluster; one with another secret or version answers nobody and would keep the others waiting for ever.
        var isLate = Now - _begunMillis > AgainMillis;
        var seeds = rows
            .Where(row => isLate ? row.Name == _options.Self || _links.IsConnected(row.Name) : _towards.IsEmpty || _towards.Contains(row.LinkAddress))
            .Select(static row => row.LinkAddress).ToList();
        if (seeds.Count == 0) return;
        var asked = string.Join(' ', seeds);
        if (asked == _asked && Now - _askedMillis < AgainMillis) return;
        (_asked, _askedMillis) = (asked, Now);
        _cluster.JoinSeedNodes(seeds.Select(AddressOf));
    }

    /// <summary>Nodes that began at the same moment may have begun two clusters; no instance is taken by both, but neither would help the other.</summary>
    private void LookForIslands(ImmutableArray<ClusterNode> rows)
    {
        var members = _cluster.State.Members.Select(static member => $"{member.Address.Host}:{member.Address.Port}").ToHashSet(StringComparer.Ordinal);
        // One with another secret or version stands in the rows too and can never be joined.
        var strangers = rows.TakeWhile(row => !members.Contains(row.LinkAddress)).Where(row => _links.IsConnected(row.Name))
            .Select(static row => row.LinkAddress).ToImmutableArray();
        if (strangers.IsEmpty)
        {
            _strangersSinceMillis = 0;
            return;
        }
        if (_strangersSinceMillis == 0) _strangersSinceMillis = Now;
        if (Now - _strangersSinceMillis < _options.IslandMillis) return;
        _options.Log.Write(LogEvents.ClusterIsland, string.Join(", ", strangers));
        _strangersSinceMillis = Now;
        _anew(strangers);
    }

    private Address AddressOf(string hostAndPort) => Address.Parse($"{_cluster.SelfAddress.Protocol}://{_cluster.SelfAddress.System}@{hostAndPort}");
}
