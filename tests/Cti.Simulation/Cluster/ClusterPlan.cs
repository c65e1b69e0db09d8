using Cti.Actors.Trunks;
using Cti.Calls.Resources;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation.Cluster;

/// <summary>A node dies at one side of an effect, or at a time, and starts again.</summary>
/// <param name="Node">Which, from 0.</param>
/// <param name="Moment">Where.</param>
/// <param name="Count">The how many-th since <paramref name="FromMillis"/>.</param>
/// <param name="FromMillis">Not before this time.</param>
/// <param name="DownMillis">How long until it starts again.</param>
internal sealed record NodeCrash(int Node, CrashMoment Moment, int Count, int FromMillis, int DownMillis);

/// <summary>A time in which something is wrong with a node.</summary>
internal sealed record NodeTrouble(int Node, int FromMillis, int ToMillis);

/// <summary>A time in which two nodes do not reach each other, or a moment at which their connections are reset.</summary>
internal sealed record LinkTrouble(int First, int Second, int FromMillis, int ToMillis, bool IsReset);

/// <summary>A time in which nothing passes between a node and a telephone.</summary>
internal sealed record LineTrouble(int Node, int Phone, int FromMillis, int ToMillis);

/// <summary>Somebody sets a machine's wall clock; what it measures time by goes on as before.</summary>
internal sealed record ClockJump(int Node, int AtMillis, int ByMillis);

/// <summary>How wrong a node's clocks are.</summary>
/// <param name="SkewMillis">Its wall clock is ahead by that.</param>
/// <param name="DriftPpm">Its clocks run faster by that, at most 1000.</param>
internal sealed record ClockError(int SkewMillis, int DriftPpm);

/// <summary>What a seed means for a cluster.</summary>
internal sealed record ClusterPlan : SimulationPlan
{
    private const int PhoneCount = 3;

    public int Nodes { get; init; } = 3;
    /// <summary>When each node starts.</summary>
    public IReadOnlyList<int> StartMillis { get; init; } = [];
    public IReadOnlyList<ClockError> Clocks { get; init; } = [];
    public IReadOnlyList<NodeCrash> NodeCrashes { get; init; } = [];
    /// <summary>Nodes that stand still.</summary>
    public IReadOnlyList<NodeTrouble> Pauses { get; init; } = [];
    /// <summary>Nodes that cannot reach the store.</summary>
    public IReadOnlyList<NodeTrouble> StoreCuts { get; init; } = [];
    /// <summary>Nodes that drain, leave and come back.</summary>
    public IReadOnlyList<NodeTrouble> Drains { get; init; } = [];
    public IReadOnlyList<LinkTrouble> Links { get; init; } = [];
    public IReadOnlyList<LineTrouble> Lines { get; init; } = [];
    public IReadOnlyList<ClockJump> ClockJumps { get; init; } = [];
    public int LinkDelayMillisMax { get; init; } = 1;
    public bool SplitsLinks { get; init; }
    /// <summary>Whether a sharding says who takes what a dead node owned, as badly as one can; else each node takes by rendezvous.</summary>
    public bool IsSharded { get; init; }

    /// <summary>Whether each owner can keep its limits on time, but for what a takeover costs.</summary>
    public new bool IsPunctual => StoreSlowPercent == 0 && StoreFailPercent == 0 && Outages.Count == 0 && StoreCuts.Count == 0;

    public override bool IsReachable => base.IsReachable && Lines.Count == 0 && StoreCuts.Count == 0;

    public static new ClusterPlan Draw(ulong seed)
    {
        var random = new SeededRandom((seed * 0x9E3779B97F4A7C15) + 3);
        var nodes = random.Pick(3, 3, 3, 4, 5, 6, 7);
        var spread = random.Pick(10_000, 25_000, 40_000);
        var isStormy = random.Chance(35);
        var plan = new ClusterPlan
        {
            Seed = seed,
            Nodes = nodes,
            Inbound = random.Between(2, 6),
            Outbound = random.Between(2, 6),
            Instances = random.Pick(4, 8, 12),
            SpreadMillis = spread,
            Network = random.Pick(NetworkConditions.Good, NetworkConditions.Good, new NetworkConditions(2, 2, 1, 60), new NetworkConditions(5, 3, 5, 200)),
            StoreSlowPercent = isStormy ? random.Pick(5, 50) : 0,
            StoreDelayMillisMax = random.Pick(3, 40, 300),
            StoreFailPercent = isStormy ? random.Pick(0, 2, 10) : 0,
            TrunkCalls = random.Pick(1, 3, 20),
            RepeatPercent = random.Pick(0, 15, 40),
            DisconnectPercent = random.Pick(0, 10, 30),
            HasSmallFeeds = random.Chance(30),
            TrunkDtmf = random.Pick(TrunkDtmf.Rfc4733, TrunkDtmf.Info, TrunkDtmf.InBand),
            ShufflesTimers = true,
            TransferPercent = TransfersOf(seed),
            TogetherPercent = random.Pick(0, 0, 30, 60),
            Flows = random.Pick(0, 0, 1, 2),
            Conferences = random.Pick(0, 0, 1, 2),
            LinkDelayMillisMax = random.Pick(1, 5, 60),
            SplitsLinks = random.Chance(20),
            IsSharded = seed % 2 == 0,
            Calls = new CallSettings
            {
                SetupTimeoutMillis = random.Pick(8_000, 20_000), OfferTimeoutMillis = random.Pick(6_000, 30_000),
                IdleReleaseMillis = random.Pick(0, 15_000, 60_000),
            },
        };
        if (random.Chance(40)) plan = plan with { Phones = PhoneHabits.Polite };
        // By the seed itself: all other clusters are what they were.
        if (seed % 8 == 7) plan = plan with { Phones = plan.Phones with { IsReliable = 60 } };
        if (seed % 16 is 3 or 11) plan = plan with { Phones = plan.Phones with { IsWideband = 60, Protects = seed % 16 == 11 ? 60 : 0 } };
        return DrawLateFaults(DrawFaults(plan, random, spread), random, spread);
    }

    private static ClusterPlan DrawFaults(ClusterPlan plan, SeededRandom random, int spread)
    {
        int Node() => random.Next(plan.Nodes);
        int Moment() => random.Between(3_000, spread + 15_000);
        plan = plan with
        {
            StartMillis = [.. Enumerable.Range(0, plan.Nodes)
                .Select(node => node > 1 && random.Chance(20) ? random.Between(4_000, spread) : random.Between(0, 300))],
            Clocks = [.. Enumerable.Range(0, plan.Nodes)
                .Select(_ => random.Chance(50) ? new ClockError(0, 0) : new ClockError(random.Between(-30_000, 30_000), random.Between(-1000, 1000)))],
        };
        if (random.Chance(60))
        {
            plan = plan with
            {
                NodeCrashes = [.. Enumerable.Range(0, random.Between(1, 3)).Select(_ =>
                {
                    var moment = (CrashMoment)random.Next(6);
                    return new NodeCrash(Node(), moment, moment == CrashMoment.AtTime ? 0 : random.Between(1, 12), Moment(),
                        random.Pick(100, 1_500, 6_000, 30_000));
                })],
            };
        }
        if (random.Chance(30)) plan = plan with { Pauses = [Spell(Node(), Moment(), random.Pick(100, 700, 1_300, 2_500, 10_000))] };
        if (random.Chance(20)) plan = plan with { StoreCuts = [Spell(Node(), Moment(), random.Pick(500, 1_500, 4_000, 12_000))] };
        if (random.Chance(10))
        {
            var from = Moment();
            plan = plan with { Outages = [new Outage(from, from + random.Pick(300, 3_000, 8_000))] };
        }
        if (random.Chance(25)) plan = plan with { Drains = [Spell(Node(), Moment(), random.Pick(1_000, 5_000))] };
        if (random.Chance(35))
        {
            plan = plan with
            {
                Links = [.. Enumerable.Range(0, random.Between(1, 3)).Select(_ =>
                {
                    var (first, from) = (Node(), Moment());
                    return new LinkTrouble(first, (first + random.Between(1, plan.Nodes - 1)) % plan.Nodes, from, from + random.Pick(300, 3_000, 12_000),
                        random.Chance(40));
                })],
            };
        }
        return plan;
    }

    /// <summary>What was thought of later is drawn last, so that a seed of before means what it meant.</summary>
    private static ClusterPlan DrawLateFaults(ClusterPlan plan, SeededRandom random, int spread)
    {
        int Moment() => random.Between(3_000, spread + 15_000);
        if (random.Chance(20))
        {
            // Shorter than what retransmissions bridge: a call that is up may not be lost by it.
            plan = plan with
            {
                Lines = [.. Enumerable.Range(0, random.Between(1, 3)).Select(_ =>
                {
                    var from = Moment();
                    return new LineTrouble(random.Next(plan.Nodes), random.Next(PhoneCount), from, from + random.Pick(400, 3_000, 12_000));
                })],
            };
        }
        if (random.Chance(20))
            plan = plan with
            {
                ClockJumps = [.. Enumerable.Range(0, random.Between(1, 3))
                .Select(_ => new ClockJump(random.Next(plan.Nodes), Moment(), random.Pick(-3_600_000, -20_000, -700, 700, 20_000, 3_600_000)))]
            };
        if (random.Chance(8))
        {
            var (first, pause, down) = (random.Between(4_000, 12_000), random.Pick(4_000, 9_000), random.Pick(300, 2_000));
            plan = plan with { Drains = [.. Enumerable.Range(0, plan.Nodes).Select(node => Spell(node, first + (node * pause), down))] };
        }
        return plan;
    }

    private static NodeTrouble Spell(int node, int from, int millis) => new(node, from, from + millis);

    public override string ToString() =>
        $"{Nodes} nodes starting at [{string.Join(", ", StartMillis)}], clocks "
        + $"[{string.Join(", ", Clocks.Select(clock => $"{clock.SkewMillis} ms {clock.DriftPpm} ppm"))}]; "
        + "crashes ["
        + string.Join(", ", NodeCrashes.Select(crash => $"n{crash.Node + 1} {crash.Moment} {crash.Count} from {crash.FromMillis}, down {crash.DownMillis}"))
        + "]; "
        + $"pauses [{Describe(Pauses)}]; store cuts [{Describe(StoreCuts)}]; drains [{Describe(Drains)}]; "
        + "links ["
        + string.Join(", ", Links.Select(link =>
            $"n{link.First + 1}-n{link.Second + 1} {(link.IsReset ? "reset" : "cut")} {link.FromMillis}..{link.ToMillis}"))
        + $"] up to {LinkDelayMillisMax} ms; "
        + $"lines [{string.Join(", ", Lines.Select(line => $"n{line.Node + 1}-telephone {line.Phone + 1} {line.FromMillis}..{line.ToMillis}"))}]; "
        + $"clocks set [{string.Join(", ", ClockJumps.Select(jump => $"n{jump.Node + 1} at {jump.AtMillis} by {jump.ByMillis}"))}]; {base.ToString()}";

    private static string Describe(IReadOnlyList<NodeTrouble> troubles) =>
        string.Join(", ", troubles.Select(trouble => $"n{trouble.Node + 1} {trouble.FromMillis}..{trouble.ToMillis}"));
}
