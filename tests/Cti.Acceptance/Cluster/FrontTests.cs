using System.Diagnostics;

namespace Cti.Acceptance.Cluster;

/// <summary>New calls behind a proxy whose node has said 100 and cannot write them down: it died, stands still, or its database is slow.</summary>
public sealed class FrontTests
{
    private static readonly ClusterPlan Plan = new() { Nodes = 2, Topology = Topology.Proxy, Instances = 16 };

    /// <param name="isWritten">What the node had sent to its database is written after its death; otherwise it is lost with the database's memory.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_caller_whose_node_said_100_and_died_is_offered_once_by_another_node_within_seconds(bool isWritten)
    {
        await using var cluster = await ClusterUnderTest.StartAsync(Plan);
        await using var app = await ClusterApp.StartAsync(cluster);
        cluster.Database.Freeze();
        var phone = cluster.Farm.Call("died", cluster.Entrance(0));
        var node = await TriedAsync(cluster, "died");
        node.Kill();
        var killed = Stopwatch.GetTimestamp();
        if (isWritten)
        {
            cluster.Database.Thaw();
        }
        else
        {
            await cluster.Database.KillAsync();
            await cluster.Database.LaunchAsync();
        }
        var call = await OfferedAsync(app, phone);
        // Three seconds for it to ring, one more for its silence when it is asked again.
        Stopwatch.GetElapsedTime(killed).TotalSeconds.ShouldBeLessThan(15, Told(cluster));
        await OnceAsync(cluster, app, call);
    }

    [Fact]
    public async Task A_node_whose_database_is_slow_is_asked_again_and_answers_the_newest_branch()
    {
        await using var cluster = await ClusterUnderTest.StartAsync(Plan);
        await using var app = await ClusterApp.StartAsync(cluster);
        cluster.Database.Freeze();
        var phone = cluster.Farm.Call("slow", cluster.Entrance(0));
        var node = await TriedAsync(cluster, "slow");
        await Stage.UntilAsync(() => cluster.Proxy!.Said.Contains(Kamailio.AskedAgain, StringComparison.Ordinal), "the node is asked again");
        cluster.Database.Thaw();
        var call = await OfferedAsync(app, phone);
        (await cluster.OwnersAsync())[call.Instance].Node.ShouldBe(node.Name);
        await OnceAsync(cluster, app, call);
        cluster.Proxy!.Said.ShouldNotContain(Kamailio.Next);
    }

    [Fact]
    public async Task A_node_that_stands_still_does_not_offer_the_call_once_more_when_it_goes_on()
    {
        await using var cluster = await ClusterUnderTest.StartAsync(Plan);
        await using var app = await ClusterApp.StartAsync(cluster);
        cluster.Database.Freeze();
        var phone = cluster.Farm.Call("still", cluster.Entrance(0));
        var node = await TriedAsync(cluster, "still");
        node.Pause();
        cluster.Database.Thaw();
        var call = await OfferedAsync(app, phone);
        await cluster.AbandonedAsync(node.Name, Stopwatch.GetTimestamp(), TimeSpan.FromSeconds(20));
        node.Continue();
        await cluster.BalancedAsync(TimeSpan.FromSeconds(30));
        await OnceAsync(cluster, app, call);
    }

    /// <summary>The node that said 100 to a new call: it has it, and has not written it down.</summary>
    private static async Task<ClusterNode> TriedAsync(ClusterUnderTest cluster, string user)
    {
        ClusterNode? node = null;
        await Stage.UntilAsync(() => (node = cluster.Nodes.FirstOrDefault(n =>
            cluster.Proxy!.Said.Contains($"{Kamailio.Trying} {n.Address} of {user}", StringComparison.Ordinal))) is not null, $"a node says 100 to {user}");
        return node!;
    }

    private static async Task<SceneCall> OfferedAsync(ClusterApp app, FarmCall phone)
    {
        var incoming = await app.Books.TryExpectAsync(e => e.Method == "sys.call.on_incoming", null, TimeSpan.FromSeconds(40))
            ?? throw new ShouldAssertException($"{phone} is not offered; its status is {phone.Status}");
        return new SceneCall(incoming.ResId, phone);
    }

    /// <summary>It is answered and up, and there is no other; when it is over nothing is left, and one record.</summary>
    private static async Task OnceAsync(ClusterUnderTest cluster, ClusterApp app, SceneCall call)
    {
        var stage = new Stage(cluster, app);
        await stage.AnswerAsync(call, 600);
        await stage.ShouldBeInAsync(call, "Idle");
        (await app.AskAsync("sys.call.list", new { limit = 10 }))!["items"]!.AsArray().Select(static item => (string)item!["res_id"]!)
            .ShouldBe([call.ResId], Told(cluster));
        await stage.DropAsync(call);
        await app.Books.ExpectAsync("sys.on_chan_closed", call.ResId, Stage.Patience);
        app.Books.Resources.ShouldBe([call.ResId], $"the application hears of one call\n{Told(cluster)}");
        app.Books.Problems(isEnd: true).ShouldBeEmpty();
        cluster.Farm.Complaints.ShouldBeEmpty();
        (await cluster.Database.QueryAsync("SELECT DISTINCT res_id FROM journal")).ShouldBeEmpty();
        (await cluster.Database.QueryAsync("SELECT res_id FROM cdr")).ShouldBe([call.ResId]);
    }

    private static string Told(ClusterUnderTest cluster) => cluster.Proxy!.Said;
}
