using Cti.Kernel;
using Cti.Persistence.Memory;
using Xunit.Abstractions;

namespace Cti.Cluster.Tests.Remoting;

/// <summary>Akka's remoting, cluster and sharding under what the node needs of them, over sockets of the loopback.</summary>
public sealed class ClusterSystemTests(ITestOutputHelper output)
{
    private readonly MemoryDisk _disk = new() { NowMillis = static () => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() };

    [Fact]
    public async Task Two_nodes_have_a_link_and_each_hears_the_other_in_order()
    {
        await using var a = new RemoteNode(_disk, "a");
        await using var b = new RemoteNode(_disk, "b");
        await a.StartAsync();
        await b.StartAsync();
        await RemoteNode.UntilAsync(() => a.System.IsConnected("b") && b.System.IsConnected("a"), () => Told(a, b));

        for (var i = 0; i < 1000; i++)
        {
            a.Say("b", $"{i}").ShouldBeTrue();
            b.Say("a", $"{i}").ShouldBeTrue();
        }
        await RemoteNode.UntilAsync(() => a.Heard.Count > 1000 && b.Heard.Count > 1000, () => Told(a, b));

        a.Heard.ShouldBe(["b up", .. Enumerable.Range(0, 1000).Select(static i => $"b: {i}")]);
        b.Heard.ShouldBe(["a up", .. Enumerable.Range(0, 1000).Select(static i => $"a: {i}")]);
    }

    /// <summary>What a link actor does about a peer that it does not hear rests on this, which remoting's documentation does not promise.</summary>
    [Fact]
    public async Task A_connection_that_is_ended_without_the_peers_number_is_opened_again_and_nobody_is_removed()
    {
        await using var a = new RemoteNode(_disk, "a");
        await using var b = new RemoteNode(_disk, "b");
        await Task.WhenAll(a.StartAsync(), b.StartAsync());
        await RemoteNode.UntilAsync(() => a.MembersUp == 2 && b.MembersUp == 2, () => Told(a, b));
        var provider = (Akka.Remote.IRemoteActorRefProvider)((Akka.Actor.ExtendedActorSystem)a.System.System!).Provider;
        for (var i = 0; i < 3; i++)
        {
            provider.Quarantine(Akka.Actor.Address.Parse($"{provider.DefaultAddress.Protocol}://{provider.DefaultAddress.System}@{b.Address}"), null);
            await RemoteNode.UntilAsync(() => a.Say("b", $"a {i}") && b.Say("a", $"b {i}")
                && a.Heard.Contains($"b: b {i}") && b.Heard.Contains($"a: a {i}"), () => Told(a, b));
        }
        await RemoteNode.UntilAsync(() => a.MembersUp == 2 && b.MembersUp == 2, () => Told(a, b));
        foreach (var node in (RemoteNode[])[a, b]) node.Log.Ids.ShouldNotContain(LogEvents.ClusterSystemAnew.Id, Told(a, b));
    }

    [Fact]
    public async Task Three_nodes_become_one_cluster_and_survivors_take_what_a_killed_one_owned()
    {
        await using var a = new RemoteNode(_disk, "a");
        await using var b = new RemoteNode(_disk, "b");
        await using var c = new RemoteNode(_disk, "c");
        RemoteNode[] all = [a, b, c];
        await Task.WhenAll(a.StartAsync(), b.StartAsync(), c.StartAsync());
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        await RemoteNode.UntilAsync(() => all.All(static node => node.MembersUp == 3), () => Told(all));
        output.WriteLine($"a cluster after {System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalMilliseconds:0} ms");
        await RemoteNode.UntilAsync(() => all.Sum(static node => node.Owned.Count) == RemoteNode.Instances, () => Told(all));
        foreach (var node in all)
        {
            foreach (var (instance, to) in node.Member.PlanGives()) (await node.Member.GiveAsync(instance, to)).ShouldBeTrue();
        }
        foreach (var node in all) node.Member.RenewNow();
        await RemoteNode.UntilAsync(() => all.All(static node => node.Owned.Count > 0) && all.Sum(static node => node.Owned.Count) == RemoteNode.Instances,
            () => Told(all));

        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        await a.KillAsync();
        await RemoteNode.UntilAsync(() => b.Owned.Count + c.Owned.Count == RemoteNode.Instances, () => Told(all));
        output.WriteLine($"taken after {System.Diagnostics.Stopwatch.GetElapsedTime(began).TotalMilliseconds:0} ms\n{Told(all)}");

        b.Owned.Keys.Intersect(c.Owned.Keys).ShouldBeEmpty();
        b.Member.Snapshot().TakenFromDead.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_node_with_another_secret_is_refused_and_both_logs_say_why()
    {
        await using var a = new RemoteNode(_disk, "a");
        await using var b = new RemoteNode(_disk, "b", secret: "another secret of a cluster");
        await a.StartAsync();
        await b.StartAsync();
        await RemoteNode.UntilAsync(() => Complains(a) && Complains(b), () => Told(a, b));
        (a.System.IsConnected("b"), b.System.IsConnected("a")).ShouldBe((false, false));
        await RemoteNode.UntilAsync(() => a.MembersUp == 1, () => Told(a, b));
        b.MembersUp.ShouldBeLessThan(2, "a cluster of its own at most");
        a.Log.Lines.ShouldNotContain(static line => line.Contains("made anew", StringComparison.Ordinal), "a handshake that fails ends nothing");

        static bool Complains(RemoteNode node) => Says(node, "does not prove that it knows the cluster's secret");
    }

    [Fact]
    public async Task A_stranger_that_began_first_keeps_nobody_from_becoming_a_cluster_and_is_no_island_to_be_joined()
    {
        await using var x = new RemoteNode(_disk, "x", secret: "another secret of a cluster");
        await x.StartAsync();
        await RemoteNode.UntilAsync(() => x.MembersUp == 1, () => Told(x));
        await using var a = new RemoteNode(_disk, "a");
        await using var b = new RemoteNode(_disk, "b");
        await a.StartAsync();
        await b.StartAsync();
        await RemoteNode.UntilAsync(() => a.MembersUp == 2 && b.MembersUp == 2, () => Told(x, a, b));

        // Four times as long as an island is borne here.
        var systems = (a.System.System, b.System.System);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        for (var i = 0; i < 40; i++)
        {
            await tick.WaitForNextTickAsync();
            (a.System.System, b.System.System, a.MembersUp, b.MembersUp).ShouldBe((systems.Item1, systems.Item2, 2, 2), Told(x, a, b));
        }
    }

    [Fact]
    public async Task A_node_that_is_never_heard_by_one_that_lives_makes_its_part_of_the_cluster_anew()
    {
        // Its row is renewed, its port takes connections, and nothing comes of them.
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        await using var x = new RemoteNode(_disk, "x", port: ((System.Net.IPEndPoint)silent.LocalEndpoint).Port);
        await x.StartMemberAloneAsync();
        await using var a = new RemoteNode(_disk, "a", stuckMillis: 6_000);
        await a.StartAsync();
        await RemoteNode.UntilAsync(() => Says(a, "nothing is heard of them over this node's links"), () => Told(x, a));
        await RemoteNode.UntilAsync(() => Says(a, "made anew"), () => Told(x, a));
        await RemoteNode.UntilAsync(() => a.MembersUp == 1, () => Told(x, a));
    }

    [Fact]
    public async Task Two_versions_of_what_nodes_say_refuse_each_other_and_both_logs_name_both()
    {
        await using var a = new RemoteNode(_disk, "a", version: 2);
        await using var b = new RemoteNode(_disk, "b", version: 3);
        await a.StartAsync();
        await b.StartAsync();
        await RemoteNode.UntilAsync(() => Says(a, "it speaks version 3 of the links between nodes, this node version 2")
            && Says(b, "it speaks version 2 of the links between nodes, this node version 3"), () => Told(a, b));
        a.System.IsConnected("b").ShouldBeFalse();
    }

    [Fact]
    public async Task Nodes_with_certificates_of_one_authority_are_linked_and_need_no_secret()
    {
        using var authority = new Authority("cluster");
        await using var a = new RemoteNode(_disk, "a", secret: "", certificate: authority.Issue("a"));
        await using var b = new RemoteNode(_disk, "b", secret: "", certificate: authority.Issue("b", isByIntermediate: true));
        await a.StartAsync();
        await b.StartAsync();
        await RemoteNode.UntilAsync(() => a.System.IsConnected("b") && b.System.IsConnected("a") && a.MembersUp == 2, () => Told(a, b));
    }

    [Fact]
    public void A_node_does_not_start_with_a_certificate_that_all_others_would_refuse()
    {
        using var authority = new Authority("cluster");
        using var other = new Authority("other");
        var foreign = new GivenCertificate(other.Issue("b").Own, authority.Issue("b").Authority);
        foreach (var given in (GivenCertificate[])[authority.Issue("b", isOld: true), foreign])
            Should.Throw<IOException>(() => new RemoteNode(_disk, "b", certificate: given)).Message.ShouldStartWith(
                "this node shows a certificate (CN=b) that is not one of the cluster's authority: ");
    }

    [Theory]
    [InlineData(true, "shows a certificate (CN=a) that is not one of the cluster's authority: ")]
    [InlineData(false, "does not prove that it knows the cluster's secret")]
    public async Task A_node_that_shows_another_authoritys_certificate_or_knows_the_secret_alone_is_refused(bool hasCertificate, string whyNotA)
    {
        using var authority = new Authority("cluster");
        using var other = new Authority("other");
        await using var a = new RemoteNode(_disk, "a", certificate: authority.Issue("a"));
        await using var b = new RemoteNode(_disk, "b", certificate: hasCertificate ? other.Issue("b") : null);
        await a.StartAsync();
        await b.StartAsync();
        await RemoteNode.UntilAsync(() => Says(a, "that is not one of the cluster's authority: "), () => Told(a, b));
        await RemoteNode.UntilAsync(() => Says(b, whyNotA), () => Told(a, b));
        (a.System.IsConnected("b"), b.System.IsConnected("a")).ShouldBe((false, false));
        await RemoteNode.UntilAsync(() => a.MembersUp == 1, () => Told(a, b));
        a.Log.Lines.ShouldNotContain(static line => line.Contains("made anew", StringComparison.Ordinal), "a handshake that fails ends nothing");
    }

    [Fact]
    public async Task A_node_tells_operators_who_the_members_are_where_the_coordinator_lives_and_what_its_shards_are()
    {
        await using var a = new RemoteNode(_disk, "a");
        a.System.Picture().ShouldSatisfyAllConditions(static seen => seen.IsRunning.ShouldBeFalse(), static seen => seen.Status.ShouldBe("none"));
        await a.StartAsync();
        await RemoteNode.UntilAsync(() => a.System.Picture() is { IsUp: true, Shards: RemoteNode.Instances }, () => Told(a));
        await using var g = new RemoteNode(_disk, "g", isMedia: false);
        await g.StartAsync();
        await RemoteNode.UntilAsync(() => g.System.Picture().IsUp, () => Told(a, g));

        var seen = g.System.Picture();
        seen.Members.OrderBy(static member => member.Name).Select(static member => (member.Name, string.Join(' ', member.Roles), member.Status,
            member.IsReachable)).ShouldBe([("a", "gateway media", "Up", true), ("g", "gateway", "Up", true)]);
        (seen.Coordinator, seen.Shards, seen.ShardsWanted).ShouldBe((a.Address, 0, 0), "only media nodes have shards");

        var cluster = Akka.Cluster.Cluster.Get(a.System.System);
        cluster.Down(cluster.State.Members.Single(member => member.Address.Port == g.Port).Address);
        await RemoteNode.UntilAsync(() => g.System.Picture() is { Renewed: 1, IsUp: true }, () => Told(a, g));
        await a.KillAsync();
        await RemoteNode.UntilAsync(() => g.System.Picture() is { Members: [{ Name: "g" }], Coordinator: "" }, () => Told(a, g));
        g.System.Picture().IsUp.ShouldBeTrue("another node's death does not make this one less ready");
    }

    [Fact]
    public void A_short_secret_is_refused_at_once() =>
        Should.Throw<ArgumentException>(() => new RemoteNode(_disk, "a", secret: "too short")).Message.ShouldContain("at least 16 characters");

    [Fact]
    public async Task An_address_that_another_program_has_is_named()
    {
        using var other = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        var port = ((System.Net.IPEndPoint)other.LocalEndpoint).Port;
        await using var a = new RemoteNode(_disk, "a", port: port);
        (await Should.ThrowAsync<Kernel.ListenException>(a.StartAsync())).Message.ShouldStartWith($"127.0.0.1:{port} is in use by another process");
    }

    [Fact]
    public async Task A_node_without_the_role_media_joins_and_owns_nothing()
    {
        await using var a = new RemoteNode(_disk, "a");
        await using var g = new RemoteNode(_disk, "g", isMedia: false);
        await a.StartAsync();
        await g.StartAsync();
        await RemoteNode.UntilAsync(() => a.MembersUp == 2 && g.MembersUp == 2 && g.System.IsConnected("a"), () => Told(a, g));
        (a.Owned.Count, g.Owned.Count).ShouldBe((RemoteNode.Instances, 0));
    }

    [Fact]
    public async Task A_node_that_the_others_removed_comes_back_and_what_it_owns_is_not_touched()
    {
        await using var a = new RemoteNode(_disk, "a");
        await using var b = new RemoteNode(_disk, "b");
        await a.StartAsync();
        await b.StartAsync();
        await RemoteNode.UntilAsync(() => a.MembersUp == 2 && b.MembersUp == 2 && a.System.IsConnected("b") && b.System.IsConnected("a"), () => Told(a, b));
        var (before, system) = (a.Owned, a.System.System);

        var cluster = Akka.Cluster.Cluster.Get(b.System.System);
        cluster.Down(cluster.State.Members.Single(member => member.Address.Port == a.Port).Address);
        await RemoteNode.UntilAsync(() => a.System.System is { } now && now != system && a.MembersUp == 2 && b.MembersUp == 2
            && a.System.IsConnected("b") && b.System.IsConnected("a"), () => Told(a, b));

        a.Owned.ShouldBe(before, "with the epochs under which it owned them");
        a.Log.Lines.ShouldContain(static line => line.Contains("made anew; its calls go on", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_that_leaves_is_removed_without_a_verdict_and_its_name_may_come_back_at_once()
    {
        await using var a = new RemoteNode(_disk, "a");
        await a.StartAsync();
        var b = new RemoteNode(_disk, "b");
        await b.StartAsync();
        await RemoteNode.UntilAsync(() => a.MembersUp == 2, () => Told(a, b));
        await b.DisposeAsync();
        await RemoteNode.UntilAsync(() => a.MembersUp == 1, () => Told(a));
        await using var again = new RemoteNode(_disk, "b", port: b.Port);
        await again.StartAsync();
        await RemoteNode.UntilAsync(() => a.MembersUp == 2 && again.MembersUp == 2 && a.System.IsConnected("b"), () => Told(a, again));
    }

    private static bool Says(RemoteNode node, string what) => node.Log.Lines.Any(line => line.Contains(what, StringComparison.Ordinal));

    private static string Told(params RemoteNode[] nodes) => string.Join("\n", nodes.Select(static node =>
        $"-- {node.Name}: {node.MembersUp} members, owns {string.Join(' ', node.Owned.Keys)}\n{string.Join("\n", node.Log.Lines)}\n"
            + string.Join("; ", node.Heard.Take(20))));
}
