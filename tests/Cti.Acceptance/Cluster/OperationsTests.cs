using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance.Cluster;

/// <summary>
/// What an operator of a cluster sees and does, with real processes: the metrics page, <c>cti status</c>, <c>cti drain</c>, and what they say when it is wrong.
/// </summary>
public sealed class OperationsTests
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Metrics_status_and_drain_tell_what_happens_in_a_cluster()
    {
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan { Nodes = 2, Instances = 16 });
        var (a, b) = (cluster.Nodes[0], cluster.Nodes[1]);

        await UntilAsync(async () => (await MetricAsync(a, "cti_link_up"), await MetricAsync(b, "cti_link_up")) == (1, 1), "they are linked");
        foreach (var node in cluster.Nodes)
        {
            (await MetricAsync(node, "cti_cluster_nodes{state=\"up\"}")).ShouldBe(2);
            (await MetricAsync(node, "cti_link_frames_sent_total")).ShouldBeGreaterThan(0);
            (await MetricAsync(node, "cti_link_received_bytes_total")).ShouldBeGreaterThan(0);
            (await MetricAsync(node, "cti_cluster_lease_age_seconds")).ShouldBeInRange(0, 2);
            Math.Abs(await MetricAsync(node, "cti_cluster_clock_offset_seconds")).ShouldBeLessThan(2, "one machine, one clock");
            (await MetricAsync(node, "cti_cluster_cut_off")).ShouldBe(0);
            (await MetricAsync(node, "cti_cluster_members{state=\"up\"}")).ShouldBe(2);
            (await MetricAsync(node, "cti_cluster_members{state=\"unreachable\"}")).ShouldBe(0);
            (await MetricAsync(node, "cti_cluster_member_up")).ShouldBe(1);
            (await MetricAsync(node, "cti_cluster_systems_renewed_total")).ShouldBe(0);
            (await MetricAsync(node, "cti_link_queue_ratio")).ShouldBeInRange(0, 1);
            (await MetricAsync(node, "cti_mailbox_highest{kind=\"instance\"}")).ShouldBeGreaterThanOrEqualTo(0);
            (await MetricAsync(node, "cti_mailbox_refused_total{kind=\"sip\"}")).ShouldBe(0);
            (await ReadyAsync(node)).ShouldBe("ready\njournal: reachable\nactors: running\ncluster actors: running\ncluster member: Up\n");
        }
        await UntilAsync(async () => await MetricAsync(a, "cti_cluster_shards{state=\"owned\"}") == await MetricAsync(a, "cti_instances")
            && await MetricAsync(b, "cti_cluster_shards{state=\"owned\"}") == await MetricAsync(b, "cti_instances"), "shards are where instances are owned");
        (await MetricAsync(a, "cti_instances") + await MetricAsync(b, "cti_instances")).ShouldBe(16);

        var call = await CallAsync(a, "stays");
        var (owner, other) = Owner(await cluster.OwnersAsync(), call) == a.Name ? (a, b) : (b, a);
        var forwarded = await MetricAsync(other, "cti_cluster_requests_forwarded_total");
        var taken = await MetricAsync(owner, "cti_cluster_requests_taken_total");
        await AskAsync(other, "sys.call.get", new() { ["res_id"] = call });
        (await MetricAsync(other, "cti_cluster_requests_forwarded_total")).ShouldBe(forwarded + 1);
        (await MetricAsync(owner, "cti_cluster_requests_taken_total")).ShouldBe(taken + 1);
        (await MetricAsync(owner, "cti_journal_append_seconds_count")).ShouldBeGreaterThan(0);
        (await MetricAsync(owner, "cti_journal_batch_count")).ShouldBeGreaterThan(0);
        (await MetricAsync(owner, "cti_journal_append_seconds_bucket{le=\"10\"}"))
            .ShouldBe(await MetricAsync(owner, "cti_journal_append_seconds_count"), "nothing took ten seconds");

        await StatusAsync(owner, other);
        await MistakesAsync(owner);

        var (code, text) = await other.CommandAsync(LongEnough, "drain", owner.Name);
        code.ShouldBe(0, text);
        text.ShouldMatch($@"^{owner.Name} drains: \d+ instances?, \d+ calls?");
        text.TrimEnd().ShouldMatch($@"{owner.Name} is empty and may be stopped, after \d+\.\d s$");
        (await MetricAsync(other, "cti_cluster_nodes{state=\"draining\"}")).ShouldBe(1);
        (await MetricAsync(other, "cti_cluster_instances_taken_total{from=\"giver\"}")).ShouldBeGreaterThan(0);
        (await MetricAsync(owner, "cti_cluster_instances_given_total")).ShouldBeGreaterThan(0);
        await UntilAsync(async () => await MetricAsync(other, "cti_cluster_calls_recovered_total{outcome=\"resumed\"}") == 1, "the call came over");
        (await MetricAsync(other, "cti_cluster_instances_taken_total{from=\"dead\"}")).ShouldBe(0);
        (await owner.TerminateAsync(LongEnough)).ShouldBe(0);
        await UntilAsync(async () => await MetricAsync(other, "cti_cluster_nodes{state=\"up\"}") == 1
            && await MetricAsync(other, "cti_cluster_nodes{state=\"draining\"}") == 0, "it left");

        await owner.StartAsync();
        await cluster.BalancedAsync(LongEnough);
        (await MetricAsync(other, "cti_cluster_instances_taken_total{from=\"dead\"}")).ShouldBe(0);
        owner.Kill();
        var held = (await cluster.OwnersAsync()).Values.Count(instance => instance.Node == owner.Name);
        held.ShouldBeGreaterThan(0);
        await UntilAsync(async () => await MetricAsync(other, "cti_instances") == 16, "the survivor has them all");
        (await MetricAsync(other, "cti_cluster_instances_taken_total{from=\"dead\"}")).ShouldBe(held, "what it held was taken from the dead");
        (await MetricAsync(other, "cti_cluster_nodes{state=\"dead\"}")).ShouldBe(1);
        (await MetricAsync(other, "cti_link_broken_total")).ShouldBeGreaterThan(0);
        (await ReadyAsync(other)).ShouldStartWith("ready\n", customMessage: "another node's death makes this one no less ready");
        await UntilAsync(async () => await MetricAsync(other, "cti_cluster_members{state=\"up\"}") == 1
            && await MetricAsync(other, "cti_cluster_members{state=\"unreachable\"}") == 0, "the dead node is removed");
        await UntilAsync(async () => await MetricAsync(other, "cti_cluster_shards{state=\"owned\"}") == 16, "the survivor has all shards");
    }

    [Fact]
    public async Task Nodes_with_certificates_of_one_authority_are_a_cluster()
    {
        using var certificates = new TestCertificates();
        var own = certificates.Issue("node", "node");
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan
        {
            Nodes = 2, Instances = 4, More = $"cti.cluster {{ certificate = \"{own}\", key = \"{own}\", authority = \"{certificates.Authority}\" }}",
        });
        await UntilAsync(async () => await MetricAsync(cluster.Nodes[0], "cti_link_up") == 1 && await MetricAsync(cluster.Nodes[1], "cti_link_up") == 1,
            "they are linked");
        (await MetricAsync(cluster.Nodes[0], "cti_cluster_members{state=\"up\"}")).ShouldBe(2);
    }

    [ProgramFact(PrometheusProcess.Program, "prometheus")]
    public async Task Prometheus_reads_every_node_and_answers_each_panel_of_the_dashboard()
    {
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan { Nodes = 2, Instances = 16 });
        await CallAsync(cluster.Nodes[0], "stays");
        var folder = ComposeConfigurationTests.Folder;
        var configuration = await File.ReadAllTextAsync(Path.Combine(folder, "prometheus", "prometheus.yml"));
        // As it is committed, but for whom it asks, and how often.
        foreach (var (name, node) in ((string, ClusterNode)[])[("node-a", cluster.Nodes[0]), ("node-b", cluster.Nodes[1])])
            configuration = configuration.Replace($"\"{name}:8080\"", $"\"{new Uri(node.Url).Authority}\"", StringComparison.Ordinal);
        configuration = configuration.Replace(", \"node-c:8080\"", "", StringComparison.Ordinal).Replace("scrape_interval: 5s", "scrape_interval: 1s",
            StringComparison.Ordinal).Replace("scrape_timeout: 4s", "scrape_timeout: 1s", StringComparison.Ordinal);
        configuration.ShouldNotContain("node-c:8080");

        await using var prometheus = await PrometheusProcess.StartAsync(configuration);
        await UntilAsync(async () => (await prometheus.Client.QueryAsync("sum(up{job=\"cti\"})")) is [{ Value: 2 }], "both nodes are read");
        await prometheus.Client.AnswersAsync(Dashboard.Queries(folder));
        (await prometheus.Client.QueryAsync("sum(cti_instances)")).Single().Value.ShouldBe(16);
        (await prometheus.Client.QueryAsync("sum(cti_calls)")).Single().Value.ShouldBe(1);
        (await prometheus.Client.QueryAsync("sum(cti_link_up)")).Single().Value.ShouldBe(2);
    }

    private static async Task StatusAsync(ClusterNode owner, ClusterNode other)
    {
        var (code, text) = await other.CommandAsync(LongEnough, "status");
        code.ShouldBe(0, text);
        text = Regex.Replace(text, " +", " ");
        text.ShouldStartWith($"{other.Url}/ is ready");
        text.ShouldContain("│ node │ roles │ version │ instances │ epoch │ calls │ lag (ms) │ state │ trunks │");
        text.ShouldMatch($@"│ {owner.Name} │ gateway, media │ \S+ │ \d+ │ \d+ │ 1 │ \d+ │ up │ ");
        text.ShouldMatch($@"│ {other.Name} │ gateway, media │ \S+ │ \d+ │ \d+ │ 0 │ \d+ │ up │ ");
        text.ShouldContain("│ member │ address │ roles │ status │ reachable │ shards │ leases │ epochs │");
        foreach (var node in (ClusterNode[])[owner, other])
            text.ShouldMatch($@"│ {node.Name} │ \S+:\d+ │ gateway, media │ Up │ yes │ (\d+) │ \1 │ \d+(-\d+)? │");
        text.ShouldMatch($@"members as a sees them; shard coordinator: ({owner.Name}|{other.Name})");
        text.ShouldContain("16 shards, 0 unallocated; 16 leases, 0 without an owner");
        text.TrimEnd().ShouldEndWith("2 nodes, 16 instances, 1 call");
    }

    /// <summary>An operator's mistakes: each answer names what is wrong, and what would be right.</summary>
    private static async Task MistakesAsync(ClusterNode node)
    {
        var (code, text) = await node.CommandAsync(LongEnough, "drain", "nobody");
        code.ShouldBe(1);
        text.ShouldContain("there is no node nobody in the cluster; there are a, b");
        (code, text) = await Tools.RunAsync(ClusterUnderTest.Program, "cti", ["drain", node.Name, "--url", node.Url, "--key", "wrong"]);
        code.ShouldBe(1);
        text.ShouldContain("refuses the key; name the right one with --keys-file or --key");
        (code, text) = await Tools.RunAsync(ClusterUnderTest.Program, "cti", ["status", "--url", "http://127.0.0.1:1", "--key", "any"]);
        code.ShouldBe(1);
        text.ShouldContain("no gateway answers at http://127.0.0.1:1/");
        text.ShouldContain("name another with --url");
    }

    private static async Task<string> CallAsync(ClusterNode node, string user) =>
        (string)(await AskAsync(node, "sys.call.construct", new() { ["to_uri"] = $"sip:{user}@carrier", ["max_answer_seconds"] = 600 }))!["res_id"]!;

    private static string Owner(Dictionary<int, (string Node, long Epoch)> owners, string call) => owners[ClusterUnderTest.InstanceOf(call)].Node;

    private static async Task<JsonNode?> AskAsync(ClusterNode node, string method, JsonObject parameters)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(node.Url + "/v2/rpc"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", ClusterUnderTest.Key);
        request.Content = new StringContent(new JsonObject
        {
            ["jsonrpc"] = "2.0", ["id"] = Guid.NewGuid().ToString(), ["method"] = method,
            ["params"] = parameters
        }.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return JsonNode.Parse(text)!["result"] ?? throw new InvalidOperationException($"{method}: {text}");
    }

    /// <summary>One series of the metrics page, by its name and labels as they stand there.</summary>
    private static async Task<double> MetricAsync(ClusterNode node, string series)
    {
        var page = await Http.GetStringAsync(new Uri(node.Url + "/metrics"));
        var line = page.Split('\n').FirstOrDefault(line => line.StartsWith(series + " ", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"{node.Name} does not measure {series}:\n{page}");
        return double.Parse(line[(series.Length + 1)..], CultureInfo.InvariantCulture);
    }

    private static async Task<string> ReadyAsync(ClusterNode node)
    {
        using var answer = await Http.GetAsync(new Uri(node.Url + "/readyz"));
        return await answer.Content.ReadAsStringAsync();
    }

    private static async Task UntilAsync(Func<Task<bool>> condition, string what) => await Patience.UntilAsync(condition, what);
}
