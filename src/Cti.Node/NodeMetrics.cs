using System.Diagnostics.Metrics;
using Cti.Actors;
using Cti.Transport.Media;
using Cti.Transport.Runtime;
using Cti.Transport.Sip;

namespace Cti.Node;

/// <summary>What operators watch: instruments of the meter <c>Cti.Node</c>, read when they are scraped.</summary>
internal sealed class NodeMetrics : IDisposable
{
    private readonly Meter _meter = new("Cti.Node");

    public NodeMetrics(ServerNode server, MediaEngine? media, SipTransport? sip, DescriptorBudget descriptors, DescriptorWishes wishes)
    {
        Node(server);
        Descriptors(descriptors, wishes);
        if (media is not null) Media(media);
        if (sip is not null) Sip(sip);
    }

    public void Dispose() => _meter.Dispose();

    private void Node(ServerNode server)
    {
        _meter.CreateObservableGauge("cti_calls", () => server.CallCount, "{call}",
            "Calls on this node, released ones whose far end is still being told included");
        _meter.CreateObservableCounter("cti_calls_refused", () => new Measurement<long>[]
        {
            new(server.CallsRefusedForMax, new KeyValuePair<string, object?>("reason", "calls-max")),
            new(server.CallsRefusedForBacklog, new KeyValuePair<string, object?>("reason", "sip-behind")),
            new(server.CallsRefusedForJournal, new KeyValuePair<string, object?>("reason", "journal")),
        }, "{call}", "New calls that were refused, by reason: calls-max is cti.node.calls-max; sip-behind: SIP messages had waited for over 50 ms; "
            + "journal: it could not be reached");
        _meter.CreateObservableGauge("cti_conferences", () => server.ConferenceCount, "{conference}", "Conferences that this node mixes");
        _meter.CreateObservableGauge("cti_node_ready", () => server.IsReady ? 1 : 0, "1",
            "Whether the node takes new calls: its journal answers and it does not drain");
        _meter.CreateObservableGauge("cti_node_draining", () => server.IsDraining ? 1 : 0, "1", "Whether the node takes no new calls because it is to stop");
        _meter.CreateObservableCounter("cti_dead_letters", () => server.Actors.DeadLetters, "{message}", "Messages of the actor system that found nobody");
        _meter.CreateObservableGauge("cti_actors", () => server.Actors.AliveCount, "{actor}", "Actors alive");
        _meter.CreateObservableGauge("cti_mailbox_highest", () => server.Actors.Mailboxes.Select(static mailbox =>
            new Measurement<int>(mailbox.Highest, new KeyValuePair<string, object?>("kind", mailbox.Kind))), "{message}",
            "Messages that waited in the fullest mailbox of a kind of actor during the last minute or two");
        _meter.CreateObservableCounter("cti_mailbox_refused", () => server.Actors.Mailboxes.Select(static mailbox =>
            new Measurement<long>(mailbox.Refused, new KeyValuePair<string, object?>("kind", mailbox.Kind))), "{message}",
            "Messages that found an actor's mailbox full, by kind of actor; whoever sent them was told so");
        _meter.CreateObservableGauge("cti_media_sessions", () => server.MediaSessionCount, "{session}", "RTP sessions open");
        _meter.CreateObservableGauge("cti_sip_transactions", () => server.TransactionCount, "{transaction}", "SIP transactions alive");
        _meter.CreateObservableCounter("cti_sip_dropped", () => server.SipDropped, "{message}", "SIP messages dropped because the node had too much to do");
        _meter.CreateObservableGauge("cti_instances", () => server.InstanceCount, "{instance}", "Instances that this node serves");
        _meter.CreateObservableGauge("cti_gc_heap", () => GC.GetTotalMemory(forceFullCollection: false), "By",
            "Managed memory in use, garbage not yet collected included");
        _meter.CreateObservableCounter("cti_gc_allocated", () => GC.GetTotalAllocatedBytes(precise: false), "By", "Managed memory allocated since the start");
        _meter.CreateObservableCounter("cti_gc_collections", () => Enumerable.Range(0, GC.MaxGeneration + 1)
            .Select(static generation => new Measurement<long>(GC.CollectionCount(generation), new KeyValuePair<string, object?>("generation", generation))),
            "{collection}",
            "Garbage collections, by the oldest generation that they looked at or one younger than that");
        _meter.CreateObservableCounter("cti_gc_pause", () => GC.GetTotalPauseDuration().TotalSeconds, "s",
            "Time that all threads stood still for the garbage collector, media loops too");
        _meter.CreateObservableGauge("cti_trunk_up", () => server.Trunks.All.SelectMany(trunk => server.Trunks.TargetsOf(trunk).Select(target =>
            new Measurement<int>(target.State.IsUp ? 1 : 0, new KeyValuePair<string, object?>("trunk", trunk.Name),
                new KeyValuePair<string, object?>("target", target.Target.ToString())))), "1", "Whether a target of a trunk answers");
        _meter.CreateObservableGauge("cti_trunk_calls", () => CallsByTrunk(server), "{call}", "Calls of this node over a trunk, either way");
        _meter.CreateObservableGauge("cti_trunk_registered", () => server.Trunks.All.Where(static trunk => trunk.Register).Select(trunk =>
            new Measurement<int>(server.IsRegisteredAt(trunk) ? 1 : 0, new KeyValuePair<string, object?>("trunk", trunk.Name))), "1",
            "Whether this node is registered at a trunk that wants it");
        _meter.CreateObservableCounter("cti_trunk_register_failures", () =>
            server.Trunks.All.SelectMany(trunk => server.Trunks.RegisterFailuresAt(trunk).Select(failure => new Measurement<long>(failure.Value,
                new KeyValuePair<string, object?>("trunk", trunk.Name), new KeyValuePair<string, object?>("status", failure.Key)))),
            "{attempt}", "Attempts to register at a trunk that failed, by SIP status (408: no answer, 503 also: it cannot be reached)");
        _meter.CreateObservableCounter("cti_trunk_challenges_refused", () =>
            server.Trunks.All.Where(static trunk => trunk.Password is not null)
                .SelectMany(trunk => server.Trunks.RefusedChallengesOf(trunk).Select(refused => new Measurement<long>(refused.Count,
                    new KeyValuePair<string, object?>("trunk", trunk.Name), new KeyValuePair<string, object?>("reason", refused.Why.ToString())))),
            "{challenge}", "401 and 407 that were not answered with a trunk's credentials, by why");
        _meter.CreateObservableCounter("cti_trunk_calls_too_fast", () => server.Trunks.All.Where(static trunk => trunk.CallsPerSecond > 0).Select(trunk =>
            new Measurement<long>(server.Trunks.TooFastOn(trunk), new KeyValuePair<string, object?>("trunk", trunk.Name))), "{call}",
            "New calls that were refused, or went to another gateway, because the trunk had its calls-per-second");
    }

    private static IEnumerable<Measurement<int>> CallsByTrunk(ServerNode server)
    {
        // Without trunks no call is looked at.
        var calls = server.Trunks.All.IsEmpty ? null : server.CallsByTrunk();
        return server.Trunks.All.Select(trunk =>
            new Measurement<int>(calls!.GetValueOrDefault(trunk.Name), new KeyValuePair<string, object?>("trunk", trunk.Name)));
    }

    private void Descriptors(DescriptorBudget budget, DescriptorWishes wishes)
    {
        _meter.CreateObservableGauge("cti_descriptors_in_use", static () => DescriptorLimit.InUse(), "{descriptor}", "Files and sockets open");
        _meter.CreateObservableGauge("cti_descriptors_limit", () => budget.Limit, "{descriptor}",
            "Files and sockets that the system lets this process have open");
        _meter.CreateObservableGauge("cti_descriptors_share", () => Kinds(budget.Sessions, budget.SipConnections, budget.GatewayConnections), "1",
            "Media sessions, SIP connections and gateway connections that are let in, by kind");
        _meter.CreateObservableGauge("cti_descriptors_wanted", () => Kinds(wishes.Sessions, wishes.SipConnections, wishes.GatewayConnections), "1",
            "Those that the configuration allows, by kind; where the share is less, the limit of open files is too low");
    }

    private static Measurement<int>[] Kinds(int sessions, int sip, int gateway) => [Kind("media", sessions), Kind("sip", sip), Kind("gateway", gateway)];

    private static Measurement<int> Kind(string kind, int value) => new(value, new KeyValuePair<string, object?>("kind", kind));

    private void Media(MediaEngine media)
    {
        _meter.CreateObservableGauge("cti_media_free_ports", () => media.FreePairs, "{pair}", "RTP port pairs free");
        _meter.CreateObservableGauge("cti_media_held_up_threads", () => media.HeldUpThreads, "{thread}",
            "Threads that read or write files whose disk does not answer; what waited for them was ended");
        _meter.CreateObservableGauge("cti_media_busy_ratio", () => Loops(media, static loop => loop.WorkShare), "1",
            "Share of its time that a media loop works, by its thread's own clock");
        _meter.CreateObservableGauge("cti_media_lateness", () => Loops(media, static loop => loop.LatenessP99Micros / 1e6), "s",
            "How late a media loop sent at most, for 99 of 100 packets of the last second");
        _meter.CreateObservableCounter("cti_media_refused", () => ByReason(media.Refusals), "{session}",
            "RTP sessions and conferences that were not opened, by reason");
        _meter.CreateObservableCounter("cti_rtp_received", () => Loops(media, static loop => loop.RtpReceived), "{packet}", "RTP packets received");
        _meter.CreateObservableCounter("cti_rtp_sent", () => Loops(media, static loop => loop.RtpSent), "{packet}", "RTP packets sent");
        _meter.CreateObservableCounter("cti_rtp_dropped", () => ByReason(media.Snapshot().SelectMany(static loop => loop.Dropped)), "{packet}",
            "RTP and RTCP packets dropped, by reason");
        _meter.CreateObservableCounter("cti_media_late", () => Loops(media, static loop => loop.LateCadences), "{cadence}",
            "Times that a media loop woke a cadence of 5 ms too late, or later");
        _meter.CreateObservableCounter("cti_media_skipped", () => Loops(media, static loop => loop.SkippedCadences), "{cadence}",
            "Cadences of 5 ms that a media loop left out to catch up");
    }

    private void Sip(SipTransport sip)
    {
        _meter.CreateObservableCounter("cti_sip_rejected", () => ByReason(sip.Snapshot().Rejected), "{message}",
            "SIP messages that were not understood, by reason");
        _meter.CreateObservableCounter("cti_sip_send_failures", () => ByReason(sip.Snapshot().SendFailures), "{message}",
            "SIP messages that could not be sent, by reason");
        _meter.CreateObservableCounter("cti_sip_received", () => sip.Snapshot() is var all ? all.DatagramsReceived + all.StreamMessagesReceived : 0,
            "{message}", "SIP messages received");
        _meter.CreateObservableGauge("cti_sip_connections", () => sip.Snapshot().Connections, "{connection}", "SIP connections open");
        _meter.CreateObservableCounter("cti_sip_connections_refused", () => sip.Snapshot().ConnectionsRefused, "{connection}",
            "SIP connections closed at once, because there were too many");
        _meter.CreateObservableCounter("cti_sip_connections_evicted", () => sip.Snapshot().ConnectionsEvicted, "{connection}",
            "SIP connections of idle strangers closed to make room");
        _meter.CreateObservableCounter("cti_sip_sent", () => sip.Snapshot() is var all ? all.DatagramsSent + all.StreamMessagesSent : 0, "{message}",
            "SIP messages sent");
    }

    private static IEnumerable<Measurement<long>> ByReason<TReason>(IEnumerable<KeyValuePair<TReason, long>> counts)
        where TReason : struct, Enum =>
        counts.GroupBy(static count => count.Key, static count => count.Value)
            .Select(static sum => new Measurement<long>(sum.Sum(), new KeyValuePair<string, object?>("reason", sum.Key.ToString())));

    private static IEnumerable<Measurement<T>> Loops<T>(MediaEngine media, Func<MediaLoopStatistics, T> read)
        where T : struct
    {
        var index = 0;
        foreach (var loop in media.Snapshot()) yield return new Measurement<T>(read(loop), new KeyValuePair<string, object?>("loop", index++));
    }
}
