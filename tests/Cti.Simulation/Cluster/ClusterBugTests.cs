using System.Net;
using Cti.Persistence;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation.Cluster;

/// <summary>Rules that cannot fail prove nothing: each of these defects of a cluster, put in on purpose, is found within a few seeds.</summary>
public sealed class ClusterBugTests
{
    private const ulong SeedsMax = 40;

    [Fact]
    public void A_store_without_fencing_is_found() => Find(new NoFencing(), Stands, "an append of", "which it has lost", "an append at");

    [Fact]
    public void An_epoch_that_a_take_does_not_raise_is_found() => Find(new SameEpoch(), Dies, "epoch");

    [Fact]
    public void An_effect_before_its_append_is_seen_on_the_wire() => Find(new PlantedBugTests.EarlyReports(), static plan => plan, "durable");

    [Fact]
    public void A_cursor_that_skips_an_event_is_found() =>
        Find(new SkippedEvent(), Dies, "follows", "is given event", "the application has seen", "has not seen all");

    [Fact]
    public void A_node_that_goes_on_speaking_after_a_pause_is_found() => Find(new Unguarded(), Stands, "speaks after a pause", "which it has lost");

    [Fact]
    public void A_lease_that_is_judged_by_the_wall_clock_is_found() => Find(new WallClockLease(), Skewed, "which has renewed its lease");

    /// <summary>
    /// A seed shows the defect by one of its signs; and the same world without the defect breaks no rule, so it is the defect that was found.
    /// </summary>
    private static void Find(PlantedBugs bugs, Func<ClusterPlan, ClusterPlan> bend, params string[] signs)
    {
        for (var seed = 1ul; seed <= SeedsMax; seed++)
        {
            var plan = bend(ClusterPlan.Draw(seed));
            var result = ClusterSimulation.Run(plan, bugs);
            if (result.Failures.Count == 0) continue;
            result.Failures.ShouldContain(failure => signs.Any(sign => failure.Contains(sign, StringComparison.Ordinal)), result.Describe());
            var sound = ClusterSimulation.Run(plan);
            sound.Failures.ShouldBeEmpty(sound.Describe());
            return;
        }
        Assert.Fail($"{SeedsMax} seeds did not find it");
    }

    private static ClusterPlan Quiet(ClusterPlan plan) => plan with
    {
        Pauses = [],
        StoreCuts = [],
        Outages = [],
        NodeCrashes = [],
        Drains = [],
        Links = [],
        Lines = [],
        ClockJumps = [],
        StoreFailPercent = 0,
        StoreSlowPercent = 0,
        Network = NetworkConditions.Good,
        Inbound = 6,
        Outbound = 6,
        SpreadMillis = 10_000,
        TogetherPercent = 0,
        Flows = 0,
        Conferences = 0,
    };

    /// <summary>A node stands still for longer than its lease while calls are up, with appends on their way.</summary>
    private static ClusterPlan Stands(ClusterPlan plan) => Quiet(plan) with
    {
        Pauses = [.. Enumerable.Range(0, plan.Nodes).Select(static node => new NodeTrouble(node, 8_000 + (node * 4_000), 11_500 + (node * 4_000)))],
        StoreSlowPercent = 50,
        StoreDelayMillisMax = 300,
        Phones = PhoneHabits.Polite,
    };

    private static ClusterPlan Dies(ClusterPlan plan) =>
        Quiet(plan) with { NodeCrashes = [new NodeCrash(0, CrashMoment.AtTime, 0, 9_000, 1_500)], DisconnectPercent = 30 };

    /// <summary>Wall clocks that are wrong by more than a lease.</summary>
    private static ClusterPlan Skewed(ClusterPlan plan) =>
        Quiet(plan) with { Clocks = [.. Enumerable.Range(0, plan.Nodes).Select(static node => new ClockError(node * 7_000, 0))] };

    private sealed class NoFencing : PlantedBugs
    {
        public override IJournalStore Disk(IJournalStore disk) => new Open(disk);

        private sealed class Open(IJournalStore inner) : ForwardingJournalStore(inner)
        {
            public override async ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends,
                CancellationToken cancellation = default) =>
                [.. (await base.AppendAsync(appends, cancellation)).Select(static outcome =>
                    outcome == AppendOutcome.Fenced ? AppendOutcome.Accepted : outcome)];
        }
    }

    private sealed class SameEpoch : PlantedBugs
    {
        public override IJournalStore Disk(IJournalStore disk) => new Lazy(disk);

        private sealed class Lazy(IJournalStore inner) : ForwardingJournalStore(inner)
        {
            public override async ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances,
                NodeLease? unrenewed = null, CancellationToken cancellation = default)
            {
                var taken = await base.TakeAsync(node, instances, unrenewed, cancellation);
                return unrenewed is null ? taken : [.. taken.Select(static claim => claim with { Epoch = claim.Epoch - 1 })];
            }
        }
    }

    private sealed class SkippedEvent : PlantedBugs
    {
        public override IJournalStore Store(IJournalStore store, NodeProcess process) => new Skips(store);

        private sealed class Skips(IJournalStore inner) : ForwardingJournalStore(inner)
        {
            public override async ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit,
                CancellationToken cancellation = default)
            {
                var read = await base.ReadEventsAsync(application, instance, afterPosition, limit, cancellation);
                return read.Count > 1 ? [.. read.Skip(1)] : read;
            }
        }
    }

    private sealed class Unguarded : PlantedBugs
    {
        public override bool IsUnguarded => true;
    }

    /// <summary>Whoever has not renewed for a lease by this node's wall clock is dead, whatever its row does.</summary>
    private sealed class WallClockLease : PlantedBugs
    {
        public override IJournalStore Store(IJournalStore store, NodeProcess process) => new Judges(store);

        private sealed class Judges(IJournalStore inner) : ForwardingJournalStore(inner)
        {
            private readonly Dictionary<string, long> _frozen = new(StringComparer.Ordinal);
            private long _skew;

            public override ValueTask<NodeLease?> JoinAsync(NodeLease self, CancellationToken cancellation = default)
            {
                // Its own time as it joins, against the database's.
                _skew = self.StartedMillis - 1_700_000_000_000;
                return base.JoinAsync(self, cancellation);
            }

            public override async ValueTask<LeaseView> RenewAsync(NodeLease self, long knownOwnership, CancellationToken cancellation = default)
            {
                var view = await base.RenewAsync(self, knownOwnership, cancellation);
                return view with
                {
                    Nodes = [.. view.Nodes.Select(row =>
                    row.Name == self.Name || view.NowMillis + _skew - row.RenewedAtMillis < ClusterNode.LeaseMillis ? row : Freeze(row))]
                };
            }

            public override ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances,
                NodeLease? unrenewed = null, CancellationToken cancellation = default) =>
                base.TakeAsync(node, instances, null, cancellation);

            private NodeLease Freeze(NodeLease row)
            {
                if (!_frozen.TryGetValue(row.Name, out var renewals)) _frozen.Add(row.Name, renewals = row.Renewals);
                return row with { Renewals = renewals };
            }
        }
    }
}
