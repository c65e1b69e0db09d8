using System.Diagnostics;
using System.Globalization;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>cluster-compose/ as it is started by its README: real images, SIPp behind Kamailio, a node killed amid calls.</summary>
public sealed class ContainerTests
{
    private const int Calls = 9;
    private static readonly string[] Nodes = ["node-a", "node-b", "node-c"];
    private static readonly TimeSpan Start = TimeSpan.FromMinutes(3);

    [ContainerFact]
    public async Task Calls_through_Kamailio_outlive_a_node_that_is_killed_and_the_node_comes_back()
    {
        await using var cluster = await Containers.PrepareAsync();
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        await cluster.UpAsync(["postgres", "kamailio", .. Nodes, "prometheus"]);
        foreach (var node in Nodes) await ReadyAsync(cluster, http, node);
        // Node, and the front's view of it: whoever answers OPTIONS is active.
        await PatientlyAsync(async () => Active(await cluster.InsideAsync("kamailio", "kamcmd", "-s", "unix:/run/kamailio/ctl", "dispatcher.list")) == 3,
            "Kamailio has three nodes", cluster, "kamailio");
        (await cluster.InsideAsync("node-a", "id", "-u")).Trim().ShouldNotBe("0", "nothing runs as root");

        await cluster.UpAsync("app");
        await PatientlyAsync(async () => await SumAsync(cluster, http, Nodes, "cti_gateway_connections") >= 1, "the application has its events",
            cluster, "app");
        await cluster.UpAsync("load");
        // Answered and played to: what is offered and not yet in the journal is nobody's promise.
        await PatientlyAsync(async () => (await cluster.InsideAsync("node-a", "cti", "calls", "--state", "Play", "--key", cluster.Key))
            .Contains($"{Calls} calls", StringComparison.Ordinal), "every call is up", cluster, "load");
        var each = new Dictionary<string, double>();
        foreach (var node in Nodes) each[node] = await SumAsync(cluster, http, [node], "cti_calls");
        each.Values.ShouldAllBe(static calls => calls >= 1, "calls go round the nodes");

        var victim = "node-b";
        var rest = Nodes.Where(node => node != victim).ToArray();
        using var prometheus = new PrometheusClient(cluster.Prometheus);
        await PatientlyAsync(async () => await prometheus.QueryAsync("sum(up{job=\"cti\"})") is [{ Value: 3 }]
            && await prometheus.QueryAsync("sum(cti_calls)") is [{ Value: >= Calls }], "Prometheus reads every node", cluster, "prometheus");

        await cluster.KillAsync(victim);
        await PatientlyAsync(async () => await SumAsync(cluster, http, rest, "cti_calls") >= Calls, "the survivors have every call", cluster, "node-a");
        await SoundAsync(cluster, http, rest);
        (await SumAsync(cluster, http, rest, "cti_cluster_calls_recovered_total")).ShouldBeGreaterThanOrEqualTo(1, "they say so");
        (await SumAsync(cluster, http, rest, "cti_cluster_instances_taken_total{from=\"dead\"}")).ShouldBeGreaterThanOrEqualTo(1);

        await cluster.StartAsync(victim);
        await ReadyAsync(cluster, http, victim);
        // SIPp ends with 0 only when each of its calls was answered, and each BYE too, wherever the call is by then.
        (await cluster.ExitAsync("load", TimeSpan.FromMinutes(5))).ShouldBe(0, await cluster.LogAsync("load"));
        await PatientlyAsync(async () => await SumAsync(cluster, http, Nodes, "cti_calls") == 0, "no call is left over", cluster, "node-a");
        (await cluster.InsideAsync("node-a", "cti", "status", "--key", cluster.Key)).ShouldContain(victim);
        // Kamailio's own figures are there too, and its counters of answers only once there were some.
        await PatientlyAsync(async () => await prometheus.QueryAsync("sum(up)") is [{ Value: >= 4 }], "Prometheus reads Kamailio", cluster, "prometheus");
        await prometheus.AnswersAsync(Dashboard.Queries(cluster.Compose));
        (await prometheus.QueryAsync("rate(kamailio_core_rcv_requests[1m])")).ShouldNotBeEmpty();

        // As the README has it: a node is drained, and may be stopped.
        var drained = await cluster.InsideAsync("node-a", "cti", "drain", "node-c", "--key", cluster.Key);
        drained.ShouldContain("node-c is empty and may be stopped");
        await PatientlyAsync(async () => Active(await cluster.InsideAsync("kamailio", "kamcmd", "-s", "unix:/run/kamailio/ctl", "dispatcher.list")) == 2,
            "Kamailio gives it nothing new", cluster, "kamailio");
    }

    private static int Active(string list) => list.Split('\n').Count(static line => line.Contains("FLAGS: AP", StringComparison.Ordinal));

    private static Task ReadyAsync(Containers cluster, HttpClient http, string node) => PatientlyAsync(async () =>
    {
        using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{cluster.GatewayPort(node)}/readyz"));
        return answer.IsSuccessStatusCode;
    }, $"{node} is ready", cluster, node);

    /// <summary>Each call is played to, and its caller gives the sound back: 50 packets a second each way, of which a busy machine must reach half.</summary>
    private static async Task SoundAsync(Containers cluster, HttpClient http, string[] nodes)
    {
        var (sent, received, began) = (await SumAsync(cluster, http, nodes, "cti_rtp_sent_total"),
            await SumAsync(cluster, http, nodes, "cti_rtp_received_total"), Stopwatch.GetTimestamp());
        await PatientlyAsync(async () => await SumAsync(cluster, http, nodes, "cti_rtp_sent_total") - sent > Calls * 50 * 2
            && await SumAsync(cluster, http, nodes, "cti_rtp_received_total") - received > Calls * 50 * 2, "sound goes on", cluster, nodes[0]);
        Stopwatch.GetElapsedTime(began).ShouldBeLessThan(TimeSpan.FromSeconds(6), "two seconds of sound for every call");
    }

    private static async Task<double> SumAsync(Containers cluster, HttpClient http, string[] nodes, string metric)
    {
        var sum = 0.0;
        foreach (var node in nodes)
        {
            var text = await http.GetStringAsync(new Uri($"http://127.0.0.1:{cluster.GatewayPort(node)}/metrics"));
            sum += text.Split('\n').Where(line => line.StartsWith(metric + " ", StringComparison.Ordinal)
                || line.StartsWith(metric + "{", StringComparison.Ordinal))
                .Sum(static line => double.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture));
        }
        return sum;
    }

    /// <summary>Looks every half second; what cannot be asked yet is not so yet.</summary>
    private static async Task PatientlyAsync(Func<Task<bool>> condition, string what, Containers cluster, string speaks)
    {
        var began = Stopwatch.GetTimestamp();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        while (true)
        {
            try
            {
                if (await condition()) return;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // Not listening yet.
            }
            if (Stopwatch.GetElapsedTime(began) > Start)
                throw new ShouldAssertException($"{what}: not so in {Start}. {speaks} said:\n{await cluster.LogAsync(speaks)}");
            await tick.WaitForNextTickAsync();
        }
    }
}
