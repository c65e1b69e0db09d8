using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace Cti.Acceptance.Cluster;

/// <summary>Where everything of a cluster under test listens: addresses of its own, so that fixed ports never meet another program's.</summary>
internal abstract class ClusterNetwork : IAsyncDisposable
{
    private static int _number = Environment.TickCount & 0xFF;

    /// <summary>The phones', and that of whatever the test itself is.</summary>
    public abstract string Phones { get; }

    /// <summary>The database's.</summary>
    public abstract string Database { get; }

    /// <summary>That of the proxy in front.</summary>
    public abstract string Front { get; }

    /// <summary>A node's, counted from 0.</summary>
    public abstract string Node(int index);

    /// <summary>What stands before a node's command line to start it at its place.</summary>
    public virtual IReadOnlyList<string> Enter(int index) => [];

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Addresses of the loopback: for everything but faults of the network.</summary>
    public static ClusterNetwork Loopback() => new LoopbackNetwork(NextNumber());

    /// <summary>A network namespace for each node, joined by a bridge. Needs root.</summary>
    public static async Task<NamespaceNetwork> NamespacesAsync(int nodes)
    {
        var network = new NamespaceNetwork(NextNumber(), nodes);
        try
        {
            await network.BuildAsync();
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    private static int NextNumber() => Interlocked.Increment(ref _number) & 0xFF;

    private sealed class LoopbackNetwork(int number) : ClusterNetwork
    {
        private readonly string _prefix = string.Create(CultureInfo.InvariantCulture, $"127.{100 + (Environment.ProcessId % 100)}.{number}.");

        public override string Phones => _prefix + "1";

        public override string Database => "127.0.0.1";

        public override string Front => _prefix + "3";

        public override string Node(int index) => _prefix + (11 + index).ToString(CultureInfo.InvariantCulture);
    }
}

/// <summary>
/// Namespaces, and faults between them. Faults are programs for the packet filter at a node's interface (classic BPF through tc, in both directions), which
/// need no kernel module: a drop there is silent to both ends, as on a wire.
/// </summary>
internal sealed class NamespaceNetwork : ClusterNetwork
{
    private readonly int _nodes;
    private readonly string _name;
    private readonly string _prefix;
    private readonly List<string>[] _cut;
    private int _lossPercent;

    public NamespaceNetwork(int number, int nodes)
    {
        _nodes = nodes;
        _name = string.Create(CultureInfo.InvariantCulture, $"ct{Environment.ProcessId % 100_000}x{number:x2}");
        _prefix = string.Create(CultureInfo.InvariantCulture, $"10.{64 + (Environment.ProcessId % 128)}.{number}.");
        _cut = [.. Enumerable.Range(0, nodes).Select(static _ => new List<string>())];
    }

    public override string Phones => _prefix + "1";

    public override string Database => _prefix + "2";

    public override string Front => _prefix + "3";

    /// <summary>What the database must let in.</summary>
    public string Subnet => _prefix + "0/24";

    public override string Node(int index) => _prefix + (11 + index).ToString(CultureInfo.InvariantCulture);

    public override IReadOnlyList<string> Enter(int index) => ["ip", "netns", "exec", Space(index)];

    /// <summary>Nothing passes between a node and that address any more, in either direction.</summary>
    public Task CutAsync(int node, string address)
    {
        _cut[node].Add(address);
        return ProgramAsync(node);
    }

    /// <summary>Everything passes again between a node and that address.</summary>
    public Task MendAsync(int node, string address)
    {
        _cut[node].Remove(address);
        return ProgramAsync(node);
    }

    /// <summary>This share of all packets on each way is lost: between nodes, to and from everyone else.</summary>
    public async Task LoseAsync(int percent)
    {
        _lossPercent = percent;
        for (var node = 0; node < _nodes; node++) await ProgramAsync(node);
    }

    public async Task BuildAsync()
    {
        if (Environment.UserName != "root") throw new InvalidOperationException("faults of the network need root, for network namespaces");
        var bridge = _name + "b";
        await IpAsync($"link add {bridge} type bridge");
        foreach (var last in new[] { 1, 2, 3 }) await IpAsync($"addr add {_prefix}{last}/24 dev {bridge}");
        await IpAsync($"link set {bridge} up");
        for (var node = 0; node < _nodes; node++)
        {
            var space = Space(node);
            await IpAsync($"netns add {space}");
            await IpAsync($"link add {_name}v{node} type veth peer name eth0 netns {space}");
            await IpAsync($"link set {_name}v{node} master {bridge} up");
            await IpAsync($"-n {space} addr add {Node(node)}/24 dev eth0");
            await IpAsync($"-n {space} link set eth0 up");
            await IpAsync($"-n {space} link set lo up");
            await RunAsync("ip", $"netns exec {space} tc qdisc add dev eth0 clsact", must: true);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        for (var node = 0; node < _nodes; node++)
        {
            await RunAsync("ip", $"link del {_name}v{node}", must: false);
            await RunAsync("ip", $"netns del {Space(node)}", must: false);
        }
        await RunAsync("ip", $"link del {_name}b", must: false);
        await base.DisposeAsync();
    }

    private string Space(int node) => string.Create(CultureInfo.InvariantCulture, $"{_name}n{node}");

    private async Task ProgramAsync(int node)
    {
        foreach (var direction in new[] { "ingress", "egress" })
        {
            await RunAsync("ip", $"netns exec {Space(node)} tc filter del dev eth0 {direction}", must: false);
            var program = Program(_cut[node], direction == "egress", _lossPercent);
            if (program.Count == 0) continue;
            await RunAsync("ip", [.. $"netns exec {Space(node)} tc filter add dev eth0 {direction} prio 1 bpf da bytecode".Split(' '),
                program.Count.ToString(CultureInfo.InvariantCulture) + "," + string.Join(',', program)], must: true);
        }
    }

    /// <summary>
    /// <code>
    ///   not IPv4                        -> pass
    ///   other end's address is cut      -> drop
    ///   comes from a node (.11 and up)  -> pass   (what enters only: the sending node has drawn already)
    ///   random &lt; loss                   -> drop
    /// </code>
    /// </summary>
    internal static List<string> Program(IReadOnlyList<string> cut, bool isEgress, int lossPercent)
    {
        if (cut.Count == 0 && lossPercent == 0) return [];
        const string Drop = "6 0 0 2", Pass = "6 0 0 0";
        List<string> program = ["40 0 0 12", "21 1 0 2048", Pass];
        if (cut.Count > 0) program.Add(isEgress ? "32 0 0 30" : "32 0 0 26");
        foreach (var address in cut)
        {
            var bytes = IPAddress.Parse(address).GetAddressBytes();
            program.Add(string.Create(CultureInfo.InvariantCulture,
                $"21 0 1 {((uint)bytes[0] << 24) | ((uint)bytes[1] << 16) | ((uint)bytes[2] << 8) | bytes[3]}"));
            program.Add(Drop);
        }
        if (lossPercent > 0)
        {
            if (!isEgress) program.AddRange(["48 0 0 29", "53 0 1 11", Pass]);
            // The word at SKF_AD_OFF + SKF_AD_RANDOM is a random number.
            program.Add("32 0 0 4294963256");
            program.Add(string.Create(CultureInfo.InvariantCulture, $"53 1 0 {uint.MaxValue / 100 * lossPercent}"));
            program.Add(Drop);
        }
        program.Add(Pass);
        return program;
    }

    private static Task IpAsync(string arguments) => RunAsync("ip", arguments, must: true);

    private static Task RunAsync(string program, string arguments, bool must) => RunAsync(program, arguments.Split(' '), must);

    private static async Task RunAsync(string program, string[] arguments, bool must)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var reading = Task.WhenAll(process.StandardError.ReadToEndAsync(), process.StandardOutput.ReadToEndAsync());
        await process.WaitForExitAsync();
        var said = new StringBuilder().AppendJoin(' ', await reading);
        if (must && process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {said}");
    }
}
