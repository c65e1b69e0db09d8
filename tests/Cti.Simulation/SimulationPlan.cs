using Cti.Actors.Trunks;
using Cti.Calls.Resources;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <summary>At which side of which effect the node dies.</summary>
internal enum CrashMoment
{
    /// <summary>An append is lost with the process.</summary>
    BeforeAppend,
    /// <summary>An append is durable and nobody was told.</summary>
    AfterAppend,
    /// <summary>A SIP message does not go out.</summary>
    BeforeSend,
    /// <summary>A SIP message is out, and what follows it does not happen.</summary>
    AfterSend,
    /// <summary>A command does not reach the media side.</summary>
    AtMedia,
    /// <summary>Simply at a time: <see cref="CrashPoint.Count"/> milliseconds after the start.</summary>
    AtTime,
    /// <summary>No crash: at a time the node is told to stop, drains, drops what is left and ends.</summary>
    Drain,
}

/// <summary>A crash.</summary>
/// <param name="Moment">Where.</param>
/// <param name="Count">The how many-th since the last start of the node.</param>
/// <param name="DownMillis">How long until it starts again.</param>
internal sealed record CrashPoint(CrashMoment Moment, int Count, int DownMillis);

/// <summary>A time in which the journal cannot be reached.</summary>
internal sealed record Outage(long FromMillis, long ToMillis);

/// <summary>A time in which a telephone and the node do not reach each other.</summary>
internal sealed record Cut(int Phone, long FromMillis, long ToMillis);

/// <summary>What a seed means: how bad the world is and what is done in it.</summary>
internal record SimulationPlan
{
    public required ulong Seed { get; init; }
    public int Inbound { get; init; }
    public int Outbound { get; init; }
    public int Instances { get; init; } = 4;
    /// <summary>Calls begin within that time.</summary>
    public int SpreadMillis { get; init; } = 30_000;
    public NetworkConditions Network { get; init; } = NetworkConditions.Good;
    /// <summary>Percent of the journal's operations that take time.</summary>
    public int StoreSlowPercent { get; init; }
    public int StoreDelayMillisMax { get; init; }
    /// <summary>Percent of the journal's operations that fail, half of them after they took effect.</summary>
    public int StoreFailPercent { get; init; }
    public IReadOnlyList<Outage> Outages { get; init; } = [];
    public IReadOnlyList<CrashPoint> Crashes { get; init; } = [];
    public IReadOnlyList<Cut> Cuts { get; init; } = [];
    /// <summary>Whether ports run out, disks fill up and far ends fall silent.</summary>
    public bool HasMediaTrouble { get; init; }
    public int CallsMax { get; init; } = 4000;
    /// <summary>Whether the feeds' bounds are so small that readers fall behind.</summary>
    public bool HasSmallFeeds { get; init; }
    public TrunkDtmf TrunkDtmf { get; init; }
    public PhoneHabits Phones { get; init; } = new();
    /// <summary>Percent of requests that are sent again with the same id.</summary>
    public int RepeatPercent { get; init; } = 15;
    /// <summary>Percent of the application's pauses in which it loses its connection.</summary>
    public int DisconnectPercent { get; init; } = 20;
    /// <summary>Calls at once over the trunk.</summary>
    public int TrunkCalls { get; init; } = 3;
    public int OptionsIntervalMillis { get; init; }
    /// <summary>Percent of a call's moves that involve another resource; 0: single calls only.</summary>
    public int TogetherPercent { get; init; }
    /// <summary>
    /// Percent of moments (a message of a far end, a report of the media side, a deadline) at which the application or a telephone does something to the very
    /// call.
    /// </summary>
    public int RushPercent { get; init; }
    /// <summary>Ready-made flows that are begun.</summary>
    public int Flows { get; init; }
    /// <summary>Percent of a call's moves, of either side, that ask for a transfer.</summary>
    public int TransferPercent { get; init; }
    /// <summary>Conferences that are made.</summary>
    public int Conferences { get; init; }
    /// <summary>Whether a script says what the application and the telephones do, and nobody does anything else.</summary>
    public bool IsScripted { get; init; }
    /// <summary>Whether the order of timers of the same millisecond is drawn.</summary>
    public bool ShufflesTimers { get; init; }
    public CallSettings Calls { get; init; } = new();

    /// <summary>A few calls between polite telephones and a patient application over a good network, and one crash.</summary>
    public static SimulationPlan Calm(ulong seed, CrashPoint crash) => new()
    {
        Seed = seed, Inbound = 2, Outbound = 2, Instances = 2, SpreadMillis = 3_000, Phones = PhoneHabits.Polite, DisconnectPercent = 0, Crashes = [crash],
    };

    /// <summary>Whether nothing may keep the node from doing things in time.</summary>
    public bool IsPunctual => StoreSlowPercent == 0 && StoreFailPercent == 0 && Outages.Count == 0 && Crashes.Count == 0;

    /// <summary>Whether nothing but the loss of the node comes between it and the telephones.</summary>
    public virtual bool IsReachable =>
        StoreSlowPercent == 0 && StoreFailPercent == 0 && Outages.Count == 0 && Cuts.Count == 0 && Network is { LossPercent: 0, DelayMillisMax: < 100 };

    /// <summary>Calls with all that joins them, most of the time.</summary>
    public static SimulationPlan Draw(ulong seed)
    {
        var plan = DrawSingles(seed) with { TransferPercent = TransfersOf(seed) };
        var random = new SeededRandom((seed * 0x9E3779B97F4A7C15) + 2);
        if (random.Chance(20)) return plan;
        return plan with
        {
            Inbound = random.Between(2, 9),
            Outbound = random.Between(2, 9),
            TogetherPercent = random.Pick(30, 60, 85),
            RushPercent = random.Pick(0, 5, 20),
            ShufflesTimers = true,
            Flows = random.Between(0, 4),
            Conferences = random.Pick(0, 1, 2, 4),
        };
    }

    /// <summary>Drawn apart, so that a seed means the same without them.</summary>
    protected static int TransfersOf(ulong seed) => new SeededRandom((seed * 0x9E3779B97F4A7C15) + 5).Pick(0, 0, 15, 60);

    /// <summary>Calls that know nothing of each other.</summary>
    public static SimulationPlan DrawSingles(ulong seed)
    {
        var random = new SeededRandom(seed * 0x9E3779B97F4A7C15 + 1);
        var badness = random.Next(4);
        var network = badness switch
        {
            0 => NetworkConditions.Good,
            1 => new NetworkConditions(2, 2, 1, 60),
            2 => new NetworkConditions(8, 4, 5, 300),
            _ => new NetworkConditions(random.Between(10, 25), random.Between(0, 20), 1, random.Between(50, 1500)),
        };
        var stormy = random.Chance(60);
        var plan = new SimulationPlan
        {
            Seed = seed,
            Inbound = random.Between(3, 14),
            Outbound = random.Between(3, 14),
            Instances = random.Pick(1, 2, 4, 7),
            SpreadMillis = random.Pick(500, 5_000, 40_000),
            Network = network,
            StoreSlowPercent = stormy ? random.Pick(5, 50, 100) : 0,
            StoreDelayMillisMax = random.Pick(3, 40, 800),
            StoreFailPercent = stormy ? random.Pick(0, 1, 8, 25) : 0,
            OptionsIntervalMillis = random.Pick(0, 0, 10_000),
            TrunkCalls = random.Pick(0, 1, 3, 20),
            RepeatPercent = random.Pick(0, 15, 40),
            DisconnectPercent = random.Pick(0, 10, 40),
            Calls = new CallSettings
            {
                SetupTimeoutMillis = random.Pick(5_000, 20_000), OfferTimeoutMillis = random.Pick(4_000, 30_000),
                IdleReleaseMillis = random.Pick(0, 8_000, 60_000),
            },
        };
        if (random.Chance(25)) plan = plan with { Phones = PhoneHabits.Polite };
        if (stormy && random.Chance(30))
        {
            var from = random.Between(0, plan.SpreadMillis + 20_000);
            plan = plan with { Outages = [new Outage(from, from + random.Between(100, 20_000))] };
        }
        if (random.Chance(50)) plan = plan with { Crashes = DrawCrashes(random, plan) };
        if (random.Chance(15))
        {
            var from = random.Between(0, plan.SpreadMillis + 15_000);
            plan = plan with { Cuts = [new Cut(random.Next(3), from, from + random.Pick(2_000, 20_000, 50_000))] };
        }
        plan = plan with
        {
            HasMediaTrouble = random.Chance(25),
            HasSmallFeeds = random.Chance(30),
            CallsMax = random.Pick(4, 4000, 4000),
            TrunkDtmf = random.Pick(TrunkDtmf.Rfc4733, TrunkDtmf.Info, TrunkDtmf.InBand)
        };
        // By the seed itself: all other worlds are what they were.
        if (seed % 8 == 7) plan = plan with { Phones = plan.Phones with { IsReliable = 60 } };
        if (seed % 16 is 3 or 11) plan = plan with { Phones = plan.Phones with { IsWideband = 60, Protects = seed % 16 == 11 ? 60 : 0 } };
        return plan;
    }

    public override string ToString() =>
        $"{Inbound} in, {Outbound} out, {Instances} instances, within {SpreadMillis} ms; network {Network.LossPercent} % lost, {Network.DuplicatePercent} % "
        + "twice, "
        + $"{Network.DelayMillisMin}..{Network.DelayMillisMax} ms; journal {StoreSlowPercent} % up to {StoreDelayMillisMax} ms late, {StoreFailPercent} % "
        + "failing, "
        + $"outages [{string.Join(", ", Outages.Select(outage => $"{outage.FromMillis}..{outage.ToMillis}"))}]; "
        + $"crashes [{string.Join(", ", Crashes.Select(crash => $"{crash.Moment} {crash.Count}, down {crash.DownMillis} ms"))}]; trunk {TrunkCalls}, options "
        + $"{OptionsIntervalMillis}; "
        + $"cuts [{string.Join(", ", Cuts.Select(cut => $"telephone {cut.Phone + 1} {cut.FromMillis}..{cut.ToMillis}"))}]; media trouble {HasMediaTrouble}; at "
        + $"most {CallsMax} calls, keys by {TrunkDtmf}; small feeds {HasSmallFeeds}; "
        + $"together {TogetherPercent}, transfers {TransferPercent}, {Flows} flows, {Conferences} conferences, rush {RushPercent}, "
        + $"timers {(ShufflesTimers ? "in any order" : "in order")}";

    private static IReadOnlyList<CrashPoint> DrawCrashes(SeededRandom random, SimulationPlan plan)
    {
        var crashes = new List<CrashPoint>();
        for (var left = random.Between(1, 3); left > 0; left--)
        {
            var moment = (CrashMoment)random.Next(7);
            var count = moment switch
            {
                CrashMoment.AtTime or CrashMoment.Drain => random.Between(0, plan.SpreadMillis + 20_000),
                CrashMoment.AtMedia => random.Between(1, 30),
                _ => random.Between(1, 150),
            };
            crashes.Add(new CrashPoint(moment, count, random.Pick(10, 500, 4_000, 45_000)));
        }
        return crashes;
    }
}
