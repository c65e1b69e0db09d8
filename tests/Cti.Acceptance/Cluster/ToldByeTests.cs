using System.Diagnostics;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance.Cluster;

/// <summary>
/// A BYE that a node answered while the database was away, and then the node died: nobody but its own disk knows of the end. The telephone says nothing any
/// more, not even 481, so that only that file tells.
/// </summary>
public sealed class ToldByeTests
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(5) };

    [Fact]
    public async Task An_answered_BYE_outlives_the_node_that_could_not_write_it()
    {
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan { Instances = 16 });
        await using var app = await ClusterApp.StartAsync(cluster);
        var stage = new Stage(cluster, app);

        var atOnce = await RoundAsync(stage, Outage.Frozen, isLate: false);
        await cluster.BalancedAsync(Patience.Long);
        var late = await RoundAsync(stage, Outage.Killed, isLate: true);

        await Patience.UntilAsync(async () => (await LeftAsync(cluster, app)).Length == 0, "nothing is left of the calls");
        foreach (var call in (string[])[atOnce, late])
        {
            (await cluster.Database.QueryAsync($"SELECT count(*) FROM cdr WHERE res_id = '{call}'")).ShouldBe(["1"]);
            app.Books.CountOf(call, "sys.call.on_released").ShouldBe(1);
        }
        foreach (var node in cluster.Nodes) await Patience.UntilAsync(() => Spooled(node).Length == 0, $"{node.Name} has nothing left to tell");
        cluster.Farm.Complaints.ShouldBeEmpty();
    }

    /// <summary>How the database goes away.</summary>
    private enum Outage
    {
        /// <summary>It stands still, with what nodes have sent it in its buffers.</summary>
        Frozen,
        Killed,
    }

    /// <summary>A telephone hangs up while the database is away, its node dies and comes back.</summary>
    /// <param name="stage">The cluster.</param>
    /// <param name="outage">How the database goes away.</param>
    /// <param name="isLate">The node is back when another has had the call for a lease, and calls its telephone in vain; otherwise at once.</param>
    /// <returns>The call.</returns>
    private static async Task<string> RoundAsync(Stage stage, Outage outage, bool isLate)
    {
        var (cluster, books) = (stage.Cluster, stage.Books);
        var (call, neighbour) = await TwoOfOneNodeAsync(stage);
        call.Phone.IsSilentWhenEnded = true;

        if (outage == Outage.Frozen) cluster.Database.Freeze();
        else await cluster.Database.KillAsync();
        foreach (var one in cluster.Nodes) await Patience.UntilAsync(() => IsCutOffAsync(one), $"{one.Name} knows that it cannot write");
        var began = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        call.Phone.HangUp("SIP;cause=486;text=\"Busy Here\"");
        await Patience.UntilAsync(() => call.Phone.Phase == CallPhase.Ended, "the BYE is answered");
        var ended = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        // Who has the call now: an instance may have moved since the calls were made.
        var node = cluster.Nodes.Where(one => Spooled(one).Contains($" 486 {call.ResId} ", StringComparison.Ordinal))
            .ShouldHaveSingleItem("it is on the disk before the 200 goes out");
        books.CountOf(call.ResId, "sys.call.on_released").ShouldBe(0, "nothing is told that is not written");

        var killed = Stopwatch.GetTimestamp();
        node.Kill();
        await node.EndedAsync(Patience.Long);
        if (outage == Outage.Frozen) cluster.Database.Thaw();
        else await cluster.Database.LaunchAsync();
        if (isLate)
        {
            await cluster.AbandonedAsync(node.Name, killed, Patience.Long);
            await Patience.UntilAsync(() => cluster.Farm.LastReinvite > killed, "the new owner calls a telephone back");
            await Patience.Elapses(cluster.Plan.Lease);
            books.CountOf(call.ResId, "sys.call.on_released").ShouldBe(0, "nobody has told the new owner");
        }
        await node.StartAsync();

        node.Said("1 BYEs were answered before the restart", killed).ShouldNotBeNull();
        var released = (await books.ExpectAsync("sys.call.on_released", call.ResId, Patience.Long)).Params;
        ((string)released["dropped_by"]!, (int)released["cause"]!).ShouldBe(("usr", 486));
        ((long)released["end_time"]!).ShouldBeInRange(began, ended, "the moment of the BYE, not that of the telling");
        await Patience.UntilAsync(() => !Spooled(node).Contains(call.ResId, StringComparison.Ordinal), "what is told is forgotten");

        // Who did not hang up talks on.
        cluster.Farm.Up.ShouldContain(neighbour.Phone);
        foreach (var phone in cluster.Farm.Up) phone.HangUp();
        await Patience.UntilAsync(() => cluster.Farm.Up.Length == 0, "all others hang up as well");
        return call.ResId;
    }

    private static async Task<bool> IsCutOffAsync(ClusterNode node) =>
        (await Http.GetStringAsync(new Uri(node.Url + "/metrics"))).Contains("\ncti_cluster_cut_off 1\n", StringComparison.Ordinal);

    /// <summary>What a node keeps on its own disk.</summary>
    private static string Spooled(ClusterNode node)
    {
        var file = Path.Combine(node.Folder, "data", "answered-byes-" + node.Name);
        return File.Exists(file) ? File.ReadAllText(file) : "";
    }

    /// <summary>Two calls that are up on one node; the one stays where the other's telephone hangs up.</summary>
    private static async Task<(SceneCall Call, SceneCall Neighbour)> TwoOfOneNodeAsync(Stage stage)
    {
        var owners = await stage.Cluster.OwnersAsync();
        Dictionary<string, SceneCall> first = [];
        while (true)
        {
            var call = await stage.InboundAsync("told");
            var node = owners[call.Instance].Node;
            if (first.TryGetValue(node, out var neighbour)) return (call, neighbour);
            first.Add(node, call);
        }
    }

    /// <summary>What is not over, or not told, of calls that must all be over.</summary>
    private static async Task<string[]> LeftAsync(ClusterUnderTest cluster, ClusterApp app) =>
    [
        .. (await app.AskAsync("sys.call.list", new { limit = 1000 }))!["items"]!.AsArray().Select(static item => (string)item!["res_id"]!),
        .. await cluster.Database.QueryAsync("SELECT DISTINCT res_id FROM journal"),
        .. await cluster.Database.QueryAsync("SELECT id FROM permit"),
        .. app.Books.Problems(isEnd: true),
    ];
}
