using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Cti.Testing;

namespace Cti.Acceptance.Cluster;

/// <summary>How the phones reach the nodes.</summary>
internal enum Topology
{
    /// <summary>A record-routing proxy stands in front: only it knows the nodes.</summary>
    Proxy,
    /// <summary>Phones accept every node's address.</summary>
    Direct,
}

/// <summary>What a cluster under test consists of.</summary>
internal sealed record ClusterPlan
{
    public int Nodes { get; init; } = 3;

    public Topology Topology { get; init; } = Topology.Direct;

    /// <summary>Whether the network must be able to fail.</summary>
    public bool WithNetworkFaults { get; init; }

    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(2);

    public int Instances { get; init; } = 64;

    /// <summary>Calls at once over the trunk named narrow.</summary>
    public int NarrowTrunkCalls { get; init; } = 5;

    /// <summary>Whether every other phone protects its sound.</summary>
    public bool Protects { get; init; }

    /// <summary>Who signs the nodes' certificates where they speak TLS, too.</summary>
    public TestCertificates? Certificates { get; init; }

    /// <summary>More keys, as HOCON.</summary>
    public string More { get; init; } = "";
}

/// <summary>A database, nodes, where wanted a proxy; all processes of their own, all ended by their ids.</summary>
internal sealed class ClusterUnderTest : IAsyncDisposable
{
    /// <summary>The application's key.</summary>
    public const string Key = "cluster-test-key-that-guards-nothing";

    private readonly string _folder = Directory.CreateTempSubdirectory("cti-cluster-").FullName;
    private readonly List<ClusterNode> _nodes = [];

    private ClusterUnderTest(ClusterPlan plan, ClusterNetwork network, PostgreSqlServer database)
    {
        Plan = plan;
        Network = network;
        Database = database;
        Farm = new PhoneFarm(IPAddress.Parse(network.Phones), plan.Protects);
        Directory.CreateDirectory(RecordRoot);
    }

    public ClusterPlan Plan { get; }

    public ClusterNetwork Network { get; }

    public NamespaceNetwork Faults => (NamespaceNetwork)Network;

    public PostgreSqlServer Database { get; }

    /// <summary>For how long all nodes stood still so far: nobody hears, and nothing is recorded, while they do.</summary>
    public double StalledSeconds { get; set; }

    public PhoneFarm Farm { get; }

    public Kamailio? Proxy { get; private set; }

    public IReadOnlyList<ClusterNode> Nodes => _nodes;

    public IEnumerable<ClusterNode> Serving => _nodes.Where(static node => node.IsServing);

    public string MediaRoot => Path.Combine(_folder, "media");

    public string RecordRoot => Path.Combine(MediaRoot, "recordings");

    /// <summary>The program: CTI_PROGRAM, or the one that this build made.</summary>
    public static string Program { get; } = Environment.GetEnvironmentVariable("CTI_PROGRAM") is { Length: > 0 } named
        ? named
        : Path.GetFullPath(typeof(ClusterUnderTest).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static a => a.Key == "CtiProgram").Value!);

    /// <summary>CTI_PROGRAM_NEXT: what a rolling restart starts instead, null for the same again.</summary>
    public static string? NextProgram { get; } = Environment.GetEnvironmentVariable("CTI_PROGRAM_NEXT") is { Length: > 0 } named ? named : null;

    public static async Task<ClusterUnderTest> StartAsync(ClusterPlan plan)
    {
        if (!File.Exists(Program)) throw new InvalidOperationException($"{Program} is missing: build src/Cti.Node");
        var network = plan.WithNetworkFaults ? await ClusterNetwork.NamespacesAsync(plan.Nodes) : ClusterNetwork.Loopback();
        ClusterUnderTest cluster;
        try
        {
            var database = network is NamespaceNetwork spaces
                ? await PostgreSqlServer.StartAsync(address: network.Database, subnet: spaces.Subnet)
                : await PostgreSqlServer.StartAsync();
            cluster = new ClusterUnderTest(plan, network, database);
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
        try
        {
            for (var i = 0; i < plan.Nodes; i++) cluster._nodes.Add(cluster.NewNode(i));
            if (plan.Topology == Topology.Proxy)
            {
                cluster.Proxy = Kamailio.Start(Path.Combine(cluster._folder, "proxy"), network.Front, cluster._nodes.Select(static node => node.Sip),
                    cluster.Farm.Address);
                cluster.Farm.Proxy = cluster.Proxy.Address;
            }
            // All at once, on an empty database: migrations must stand that.
            await Task.WhenAll(cluster._nodes.Select(static node => node.StartAsync()));
            await cluster.BalancedAsync(TimeSpan.FromSeconds(30));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>What an application dials to reach a user of the farm.</summary>
    /// <param name="user">The user part, which says how the phone behaves.</param>
    /// <param name="trunk">Over the trunk with few calls.</param>
    public string Dial(string user, bool trunk = false) =>
        trunk ? $"sip:{user}@narrow" : Plan.Topology == Topology.Proxy ? $"sip:{user}@carrier" : $"sip:{user}@{Farm.Address}";

    /// <summary>Where a phone sends a new call: to the proxy, or to one of the living nodes, in turn.</summary>
    public IPEndPoint Entrance(int number)
    {
        if (Proxy is not null) return Proxy.Address;
        var serving = Serving.ToArray();
        return serving[number % serving.Length].Sip;
    }

    /// <summary>The node that has been up longest.</summary>
    public async Task<string> OldestAsync()
    {
        var serving = Serving.Select(static node => node.Name).ToHashSet();
        return (await Database.QueryAsync("SELECT name FROM node ORDER BY started, name")).First(serving.Contains);
    }

    /// <summary>The owner of each instance, as the database has it.</summary>
    public async Task<Dictionary<int, (string Node, long Epoch)>> OwnersAsync() =>
        (await Database.QueryAsync("SELECT id, owner, epoch FROM instance")).Select(static row => row.Split('|'))
            .ToDictionary(static row => int.Parse(row[0], CultureInfo.InvariantCulture), static row =>
                (row[1], long.Parse(row[2], CultureInfo.InvariantCulture)));

    /// <summary>How long after a moment the first node said that another is gone, ms; negative if none did.</summary>
    public double DetectedMillis(string node, long since) =>
        _nodes.Select(n => n.Said($"node {node} is gone", since)).Min() is { } said ? Stopwatch.GetElapsedTime(since, said).TotalMilliseconds : -1;

    public static int InstanceOf(string resId) =>
        int.Parse(resId.AsSpan(0, resId.IndexOf('-', StringComparison.Ordinal)).ToString().Split('.')[2], CultureInfo.InvariantCulture);

    /// <summary>What the other nodes say they did about a node that is gone, each with the time in ms.</summary>
    public string Takeover(string node, long since)
    {
        string At(ClusterNode of, string text) =>
            of.Said(text, since) is { } said ? Stopwatch.GetElapsedTime(since, said).TotalMilliseconds.ToString("F0", CultureInfo.InvariantCulture) : "-";
        return string.Join("; ", _nodes.Where(other => other.Name != node).Select(other =>
            $"{other.Name} sees it {At(other, $"node {node} is gone")}, takes {At(other, $"instances of {node}")}, serves {At(other, "more instances")}"));
    }

    /// <summary>Waits until no instance is owned by that node; answers how long that took.</summary>
    public async Task<TimeSpan> AbandonedAsync(string node, long since, TimeSpan within)
    {
        // The nodes say when they take what was a dead node's: to ask the database in that moment would cost the takeover more than it costs itself.
        var others = Serving.Where(other => other.Name != node).ToArray();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var asked = Stopwatch.GetTimestamp(); ; await timer.WaitForNextTickAsync())
        {
            var taken = others.Select(other => other.Said($"instances of {node}", since)).ToArray();
            var waited = Stopwatch.GetElapsedTime(asked);
            if (waited.TotalMilliseconds < 1000) continue;
            asked = Stopwatch.GetTimestamp();
            if ((await OwnersAsync()).Values.All(o => o.Node != node))
                return taken.Max() is { } last ? Stopwatch.GetElapsedTime(since, last) : Stopwatch.GetElapsedTime(since);
            if (Stopwatch.GetElapsedTime(since) > within) throw new InvalidOperationException($"{node} still owns instances after {within.TotalSeconds} s");
        }
    }

    /// <summary>
    /// Waits until every serving node owns its share of the instances (rendezvous is uneven: a quarter of an even share), and nobody else any.
    /// </summary>
    public async Task BalancedAsync(TimeSpan within)
    {
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        while (true)
        {
            var serving = Serving.Select(static node => node.Name).ToArray();
            var owners = await OwnersAsync();
            var counts = owners.Values.GroupBy(static o => o.Node).ToDictionary(static g => g.Key, static g => g.Count());
            if (counts.Keys.All(serving.Contains) && serving.All(name => counts.GetValueOrDefault(name) * serving.Length * 4 >= owners.Count)) return;
            if (Stopwatch.GetElapsedTime(started) > within)
                throw new InvalidOperationException($"the instances are not spread over {string.Join(", ", serving)} in {within.TotalSeconds} s: "
                    + $"{string.Join(", ", counts.Select(static c => $"'{c.Key}' {c.Value}"))}");
            await timer.WaitForNextTickAsync();
        }
    }

    /// <summary>Others who take part and end with it.</summary>
    public ConcurrentBag<IAsyncDisposable> Guests { get; } = [];

    public async ValueTask DisposeAsync()
    {
        foreach (var guest in Guests) await guest.DisposeAsync();
        await Farm.DisposeAsync();
        if (Proxy is not null) await Proxy.DisposeAsync();
        foreach (var node in _nodes) await node.DisposeAsync();
        await Database.DisposeAsync();
        await Network.DisposeAsync();
        if (Environment.GetEnvironmentVariable("CTI_KEEP") is not { Length: > 0 }) Directory.Delete(_folder, recursive: true);
    }

    private ClusterNode NewNode(int index)
    {
        var name = ((char)('a' + index)).ToString();
        var folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        File.WriteAllText(Path.Combine(folder, "node.conf"), Configuration(name, index, folder));
        return new ClusterNode(name, Network.Node(index), folder, Network.Enter(index), Program);
    }

    private string Configuration(string name, int index, string folder)
    {
        var address = Network.Node(index);
        var gateway = Proxy?.Address ?? (Plan.Topology == Topology.Proxy ? new IPEndPoint(IPAddress.Parse(Network.Front), Kamailio.Port) : Farm.Address);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)));
        // A single node on the loopback is the program before it had a cluster, and what it can do alone.
        var cluster = Plan.Nodes == 1 ? "" : $"cti.cluster {{ listen = \"{address}:{ClusterNode.LinkPort}\", secret = \"a secret of the cluster under test\", "
            + $"lease = {(int)Plan.Lease.TotalMilliseconds}ms }}";
        var database = Database.ConnectionString(address: Network is NamespaceNetwork ? Network.Database : null);
        return $$"""
            cti.node.name = {{name}}
            cti.data = "{{folder}}/data"
            cti.instances = {{Plan.Instances}}
            cti.sip { listen = ["udp:{{address}}:{{ClusterNode.SipPort}}", "tcp:{{address}}:{{ClusterNode.SipPort}}"], accept-any = true, dial-any = true }
            cti.media { address = "{{address}}", ports = "20000-27999", root = "{{MediaRoot}}", record-root = "{{RecordRoot}}" }
            cti.media.codecs = [PCMA, PCMU, G722, opus]
            cti.gateway.listen = "http://{{address}}:{{ClusterNode.HttpPort}}"
            cti.gateway.default-application = main
            cti.gateway.applications.main { keys = ["sha256:{{hash}}"], admin = true, rate = 100000, burst = 100000 }
            cti.journal { provider = postgresql, connection-string = {{Quoted(database)}} }
            cti.trunks = [
              { name = carrier, address = "{{gateway}}", options-interval = 2s }
              { name = narrow, address = "{{gateway}}", max-calls = {{Plan.NarrowTrunkCalls}}, options-interval = 2s }
            ]
            cti.call { offer-timeout = 120s, setup-timeout = 300s }
            {{(Plan.Protects ? "cti.media { srtp = optional, srtp-suites = [AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32] }" : "")}}
            {{Tls(name, address)}}
            {{cluster}}
            {{Plan.More}}
            """;
    }

    private string Tls(string name, string address)
    {
        if (Plan.Certificates is not { } certificates) return "";
        var file = certificates.Issue(name, address);
        return $$"""
            cti.sip.listen += "tls:{{address}}:{{ClusterNode.TlsPort}}"
            cti.sip.tls { certificate = "{{file}}", key = "{{file}}", trusted = "{{certificates.Authority}}" }
            """;
    }

    private static string Quoted(string text) =>
        "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";
}
