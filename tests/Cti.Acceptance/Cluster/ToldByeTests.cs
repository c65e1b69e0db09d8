using System.Diagnostics;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance.Cluster;

/// <summary>
/// A BYE that a node answered while the database was away, and then the node died: nobody but its own disk knows of the end. The telephone says nothing any more, not even 481, so that only that file tells.
/// </summary>
public sealed class ToldByeTests
{
    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromSeconds(5) };

    /// <summary>How the database goes away.</summary>
    public enum Outage
    {
        /// <summary>It stands still, with what nodes have sent it in its buffers.</summary>
        Frozen,
        Killed,
    }

    /// <summary>When the node is back.</summary>
    public enum Return
    {
        AtOnce,
        /// <summary>When another node has had the call for a lease, and calls its telephone in vain.</summary>
        Late,
    }

    [Theory]
    [InlineData(Outage.Frozen, Return.AtOnce)]
    [InlineData(Outage.Killed, Return.Late)]
    public async Task An_answered_BYE_outlives_the_node_that_could_not_write_it(Outage outage, Return @return)
    {
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan { Instances = 16 });
        await using var app = await ClusterApp.StartAsync(cluster);
        var stage = new Stage(cluster, app);
        var (call, neighbour, node) = await TwoOfOneNodeAsync(stage);
        call.Phone.IsSilentWhenEnded = true;
        var file = Path.Combine(node.Folder, "data", "answered-byes-" + node.Name);

        if (outage == Outage.Frozen) cluster.Database.Freeze();
        else await cluster.Database.KillAsync();
        await Patience.UntilAsync(async () => (await s_http.GetStringAsync(new Uri(node.Url + "/metrics"))).Contains("\ncti_cluster_cut_off 1\n", StringComparison.Ordinal), "the node knows that it cannot write");
        var began = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        call.Phone.HangUp("SIP;cause=486;text=\"Busy Here\"");
        await Patience.UntilAsync(() => call.Phone.Phase == CallPhase.Ended, "the BYE is answered");
        var ended = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        (await File.ReadAllTextAsync(file)).ShouldContain($" 486 {call.ResId} ", Case.Sensitive, "it is on the disk before the 200 goes out");
        app.Books.CountOf(call.ResId, "sys.call.on_released").ShouldBe(0, "nothing is told that is not written");
        //HAND
        foreach (var one in new[] { node, cluster.Nodes[0] }) await File.AppendAllTextAsync("/tmp/realspool-hand.txt", $"{outage} {one.Name}\n{await one.CommandAsync(TimeSpan.FromSeconds(30), "status")}\n");
        await File.AppendAllTextAsync("/tmp/realspool-hand.txt", string.Join("\n", node.Log) + "\n" + await File.ReadAllTextAsync(file) + "\n");

        var killed = Stopwatch.GetTimestamp();
        node.Kill();
        await node.EndedAsync(Patience.Long);
        if (outage == Outage.Frozen) cluster.Database.Thaw();
        else await cluster.Database.LaunchAsync();
        if (@return == Return.Late)
        {
            await cluster.AbandonedAsync(node.Name, killed, Patience.Long);
            await Patience.UntilAsync(() => cluster.Farm.LastReinvite > killed, "the new owner calls a telephone back");
            await Patience.Elapses(cluster.Plan.Lease);
            app.Books.CountOf(call.ResId, "sys.call.on_released").ShouldBe(0, "nobody has told the new owner");
        }
        await node.StartAsync();

        var released = (await app.Books.ExpectAsync("sys.call.on_released", call.ResId, Patience.Long)).Params;
        ((string)released["dropped_by"]!, (int)released["cause"]!).ShouldBe(("usr", 486));
        ((long)released["end_time"]!).ShouldBeInRange(began, ended, "the moment of the BYE, not that of the telling");
        await Patience.UntilAsync(() => !File.Exists(file) || new FileInfo(file).Length == 0, "the file has nothing left to tell");

        // Who did not hang up talks on.
        neighbour.Phone.Phase.ShouldBe(CallPhase.Up);
        await stage.DropAsync(neighbour);
        await Patience.UntilAsync(async () => (await LeftAsync(cluster, app)).Length == 0, "nothing is left of the calls");
        (await cluster.Database.QueryAsync($"SELECT res_id, count(*) FROM cdr WHERE res_id IN ('{call.ResId}', '{neighbour.ResId}') GROUP BY res_id")).ShouldBe([call.ResId + "|1", neighbour.ResId + "|1"], ignoreOrder: true);
        app.Books.CountOf(call.ResId, "sys.call.on_released").ShouldBe(1);
        cluster.Farm.Complaints.ShouldBeEmpty();
    }

    /// <summary>Two calls that are up on one node; the one stays where the other's telephone hangs up.</summary>
    private static async Task<(SceneCall Call, SceneCall Neighbour, ClusterNode Node)> TwoOfOneNodeAsync(Stage stage)
    {
        var node = stage.Cluster.Nodes[1];
        List<SceneCall> here = [];
        while (here.Count < 2)
        {
            var call = await stage.InboundAsync("told");
            if ((await stage.Cluster.OwnersAsync())[call.Instance].Node == node.Name) here.Add(call);
            else await stage.DropAsync(call);
        }
        return (here[0], here[1], node);
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
