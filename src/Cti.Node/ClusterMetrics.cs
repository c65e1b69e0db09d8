using System.Diagnostics.Metrics;
using Cti.Actors;
using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Kernel;

namespace Cti.Node;

/// <summary>What operators watch of the cluster: its members, its links, what moved in it, and the journal that holds it together.</summary>
internal sealed class ClusterMetrics : IDisposable
{
    // An append is a round trip and a commit: finer steps around what is usual.
    private static readonly double[] AppendSeconds = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1, 2, 5, 10];

    private readonly Meter _meter = new("Cti.Cluster");
    private readonly ServerNode _server;

    public ClusterMetrics(ServerNode server)
    {
        _server = server;
        Members();
        Akka();
        Moves();
        Links();
        Forwarding();
        Journal();
    }

    public void Dispose() => _meter.Dispose();

    private MembershipStatistics Member => _server.Cluster.Snapshot();

    private LinkStatistics Link => _server.LinkStatistics ?? default;

    private void Members()
    {
        _meter.CreateObservableGauge("cti_cluster_nodes", () =>
        {
            var seen = Member;
            return (Measurement<long>[])[Of(seen.Up, "state", "up"), Of(seen.Draining, "state", "draining"), Of(seen.Dead, "state", "dead")];
        }, "{node}", "Nodes of the cluster as this one sees them, itself included, by state: up, draining, dead and not forgotten");
        _meter.CreateObservableGauge("cti_cluster_cut_off", () => Member.IsCutOff ? 1 : 0, "1",
            "Whether the node cannot renew its lease for so long that it may have been replaced");
        _meter.CreateObservableGauge("cti_cluster_lease_age", () => Member.SinceRenewedMillis / 1000, "s",
            "Age of the last renewal of the lease that succeeded");
        _meter.CreateObservableCounter("cti_cluster_lease_failures", () => Member.RenewalsFailed, "{renewal}",
            "Renewals, and takes of instances, that the database did not answer");
        _meter.CreateObservableGauge("cti_cluster_clock_offset", () => Member.ClockOffsetMillis / 1000, "s",
            "The cluster's time, which follows the database's clock, less this machine's");
    }

    /// <summary>A node that is alone has the names, and nothing under them.</summary>
    private void Akka()
    {
        _meter.CreateObservableGauge("cti_cluster_members", () => Seen(static seen =>
        {
            var up = seen.Members.Count(static member => member is { Status: ClusterPictureMember.Up, IsReachable: true });
            var unreachable = seen.Members.Count(static member => !member.IsReachable);
            return [Of(up, "state", "up"), Of(unreachable, "state", "unreachable"), Of(seen.Members.Length - up - unreachable, "state", "other")];
        }), "{member}", "Members of Akka's cluster as this node sees them, itself included: up, unreachable, other (they join or leave)");
        _meter.CreateObservableGauge("cti_cluster_member_up", () => Seen(static seen => [new(seen.IsUp ? 1 : 0)]), "1",
            "Whether this node is a member of Akka's cluster that is up");
        _meter.CreateObservableGauge("cti_cluster_shards", () => Seen(static seen =>
            [Of(seen.Shards, "state", "owned"), Of(seen.ShardsWanted, "state", "wanted")]), "{shard}",
            "Shards that live on this node: owned, with their lease, or wanted: they wait for it");
        _meter.CreateObservableCounter("cti_cluster_systems_renewed", () => Seen(static seen => [new(seen.Renewed)]), "{system}",
            "How often this node's part of the cluster was made anew, because the others had removed it or it was on an island");
        _meter.CreateObservableCounter("cti_cluster_dead_letters", () => Seen(static seen => [new(seen.DeadLetters)]), "{message}",
            "Messages of the cluster's actor system that found nobody");
    }

    private Measurement<long>[] Seen(Func<ClusterPicture, Measurement<long>[]> measure) => _server.ClusterPicture is { } picture ? measure(picture) : [];

    private void Moves()
    {
        _meter.CreateObservableCounter("cti_cluster_instances_taken", () =>
        {
            var seen = Member;
            return (Measurement<long>[])[Of(seen.TakenFromDead, "from", "dead"), Of(seen.TakenFromGivers, "from", "giver"),
                Of(seen.TakenFromSelf, "from", "self"), Of(seen.TakenFromNobody, "from", "nobody")];
        }, "{instance}",
            "Instances that came to this node, each with a raised epoch, by former owner: dead (a takeover), giver (handed over), self (its last run), nobody");
        _meter.CreateObservableCounter("cti_cluster_instances_given", () => Member.Given, "{instance}", "Instances that this node handed over to others");
        _meter.CreateObservableCounter("cti_cluster_instances_lost", () => Member.Lost, "{instance}",
            "Instances that this node lost without handing them over");
        _meter.CreateObservableCounter("cti_cluster_calls_recovered", () =>
        {
            var counted = _server.ClusterCounters;
            return (Measurement<long>[])[Of(counted.CallsResumed, "outcome", "resumed"), Of(counted.CallsReleased, "outcome", "released")];
        }, "{call}", "Calls of instances that came to this node, by outcome: resumed, or released with 503");
        _meter.CreateObservableGauge("cti_cluster_byes_untold", () => _server.ToldByeCount, "{call}",
            "Calls whose far end has hung up at this node and whose owner is not known to know it");
    }

    private void Links()
    {
        _meter.CreateObservableGauge("cti_link_peers", () => Link.Peers, "{node}", "Other nodes to which there ought to be a link");
        _meter.CreateObservableGauge("cti_link_up", () => Link.Up, "{link}", "Links to other nodes that are up");
        _meter.CreateObservableCounter("cti_link_broken", () => Link.Broken, "{link}", "Links that broke");
        _meter.CreateObservableCounter("cti_link_refused", () => Link.Refused, "{connection}",
            "Connections between nodes that were refused: another secret, another version, changed frames");
        _meter.CreateObservableCounter("cti_link_frames_sent", () => Link.FramesSent, "{frame}", "Frames sent over links");
        _meter.CreateObservableCounter("cti_link_frames_received", () => Link.FramesReceived, "{frame}", "Frames received over links");
        _meter.CreateObservableCounter("cti_link_sent", () => Link.BytesSent, "By", "Bytes sent over links");
        _meter.CreateObservableCounter("cti_link_received", () => Link.BytesReceived, "By", "Bytes received over links");
        _meter.CreateObservableGauge("cti_link_under_way", () => _server.LinkLoads.Sum(static load => load.Bytes), "By",
            "Bytes sent over links that the other nodes are not known to have taken");
        _meter.CreateObservableGauge("cti_link_queue_ratio", () =>
            _server.LinkLoads.Select(static load => load.Bytes).DefaultIfEmpty().Max() / (double)Limits.LinkQueueBytes, "1",
            "How full the fullest link is; at 1 messages are refused");
        _meter.CreateObservableCounter("cti_link_unsent", () =>
        {
            var seen = Link;
            return (Measurement<long>[])[Of(seen.WithoutLink, "reason", "no_link"), Of(seen.QueueFull, "reason", "queue_full")];
        }, "{message}", "Messages to other nodes that could not be sent, by reason; most are repeated later");
    }

    private void Forwarding()
    {
        var counted = _server.ClusterCounters;
        _meter.CreateObservableCounter("cti_cluster_requests_forwarded", () => counted.RequestsForwarded, "{request}",
            "Requests of applications sent on to the node that owns the call");
        _meter.CreateObservableCounter("cti_cluster_requests_taken", () => counted.RequestsCarriedOut, "{request}",
            "Requests of applications that other nodes sent on to this one");
        _meter.CreateObservableCounter("cti_cluster_requests_held", () => counted.RequestsHeld, "{wait}",
            "Waits of requests for an instance between two owners");
        _meter.CreateObservableCounter("cti_cluster_sip_forwarded", () => counted.SipForwarded, "{message}",
            "SIP messages within dialogs sent on to the node that owns the call");
        _meter.CreateObservableCounter("cti_cluster_sip_taken", () => counted.SipTaken, "{message}", "SIP messages that other nodes sent on to this one");
        _meter.CreateObservableCounter("cti_cluster_sip_held", () => counted.SipHeld, "{wait}", "Waits of SIP messages for an instance between two owners");
        _meter.CreateObservableCounter("cti_cluster_sip_given_up", () => counted.SipGivenUp, "{message}",
            "SIP messages whose owner was not found in time: refused with 503 where they can be answered");
        _meter.CreateObservableCounter("cti_cluster_invites_offered", () => counted.InvitesOffered, "{request}",
            "INVITEs handed to another node, because this one takes nothing new");
    }

    private void Journal()
    {
        var journal = _server.Journal;
        var append = _meter.CreateHistogram("cti_journal_append", "s", "Time from a decision to its being durable",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = AppendSeconds });
        var batch = _meter.CreateHistogram<int>("cti_journal_batch", "{append}", "Appends written in one transaction");
        journal.Appended = append.Record;
        journal.BatchTaken = batch.Record;
        _meter.CreateObservableGauge("cti_journal_waiting", () => journal.WaitingCount, "{append}", "Appends that wait for the present transaction");
        _meter.CreateObservableGauge("cti_journal_lag", () => journal.LagMillis / 1000.0, "s", "How long the present transaction has been on its way");
        _meter.CreateObservableCounter("cti_journal_refused", () => journal.RefusedCount, "{append}",
            "Appends refused, because another node owns the instance");
        _meter.CreateObservableCounter("cti_journal_unreachable", () => journal.UnreachedCount, "{transaction}",
            "Transactions that the database did not answer");
    }

    private static Measurement<long> Of(long value, string label, string what) => new(value, new KeyValuePair<string, object?>(label, what));
}
