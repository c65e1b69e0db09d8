using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Cti.Testing;

namespace Cti.Benchmarks;

/// <summary>The published program as an operator runs it: its own process, SQLite's journal on disk, gateway over WebSocket. Loopback only.</summary>
internal sealed class NodeProcess : IDisposable
{
    public const string Key = "benchmark-key-that-guards-nothing";

    /// <summary>The key of a second application, <c>probe</c>, which owns the calls that it places.</summary>
    public const string ProbeKey = "another-key-that-guards-nothing";

    private readonly Process _process;
    private readonly string _folder;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(20) };
    private readonly StringBuilder _said = new();

    private NodeProcess(Process process, string folder, int sipPort, int gatewayPort)
    {
        _process = process;
        _folder = folder;
        SipPort = sipPort;
        _http.BaseAddress = new Uri($"http://127.0.0.1:{gatewayPort.ToString(CultureInfo.InvariantCulture)}");
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        Socket = new Uri($"ws://127.0.0.1:{gatewayPort.ToString(CultureInfo.InvariantCulture)}/v2/rpc");
    }

    public int Id => _process.Id;

    public int SipPort { get; }

    public Uri Socket { get; }

    public double CpuSeconds => ProcessCost.CpuSeconds(Id);

    /// <summary>Starts it on a fresh journal and waits until it is ready.</summary>
    public static NodeProcess Start() => Start("bench", "", isOfCluster: false);

    /// <summary>The same with more lines of configuration, and environment variables.</summary>
    public static NodeProcess Start(string more, params ReadOnlySpan<(string Name, string Value)> environment) =>
        Start("bench", more, isOfCluster: false, environment);

    /// <summary>Starts one node of a cluster: they share the journal at <paramref name="connection"/>.</summary>
    public static NodeProcess Start(int number, int nodes, string connection)
    {
        var first = 10_000 + (20_000 / nodes * number);
        return Start($"bench{number}", $$"""
            cti.journal { provider = postgresql, connection-string = "{{connection.Replace("\"", "\\\"", StringComparison.Ordinal)}}" }
            cti.cluster { listen = "127.0.0.1:{{Ports.Free()}}", secret = "a secret of the benchmarks" }
            cti.media.ports = "{{first}}-{{first + (20_000 / nodes) - 1}}"
            """, isOfCluster: true);
    }

    private static NodeProcess Start(string name, string more, bool isOfCluster, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        // Beside the published program, not in /tmp: that is in memory on many machines, and the journal's price is its disk.
        var folder = Path.Combine(Repository(), "artifacts", "bench", $"{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}-{name}");
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(Path.Combine(folder, "media"));
        Sound.WriteAlaw(Path.Combine(folder, "media", "sound.wav"), seconds: 10);
        var (sip, gateway) = (Ports.Free(), Ports.Free());
        var file = Path.Combine(folder, "node.conf");
        File.WriteAllText(file, Configuration(folder, name, sip, gateway) + "\n" + more);
        var start = new ProcessStartInfo(Program(), ["run", "--config", file])
        {
            RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = folder,
        };
        // Eight nodes that compile their hot code anew fill two cores for minutes: of a cluster, what was compiled ahead of time is measured.
        if (isOfCluster) start.Environment["DOTNET_TieredCompilation"] = "0";
        foreach (var (variable, value) in environment) start.Environment[variable] = value;
        start.Environment.TryAdd("DOTNET_ROOT", Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..")));
        var node = new NodeProcess(Process.Start(start)!, folder, sip, gateway);
        node.Listen();
        try
        {
            node.WaitUntilReady();
        }
        catch
        {
            node.Dispose();
            throw;
        }
        return node;
    }

    /// <summary>The value of a metric; where it has labels, the sum.</summary>
    public double Metric(string name) => Series(name).Sum(static one => one.Value);

    /// <summary>A metric's values, each with its labels.</summary>
    public List<(string Labels, double Value)> Series(string name) =>
        [.. _http.GetStringAsync(new Uri("/metrics", UriKind.Relative)).GetAwaiter().GetResult().Split('\n')
            .Where(line => line.StartsWith(name, StringComparison.Ordinal) && (line.Length > name.Length && line[name.Length] is ' ' or '{'))
            .Select(line => (line[name.Length..line.LastIndexOf(' ')], double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture)))];

    /// <summary>Memory that is held, after a full collection: the managed heap and what is resident.</summary>
    public (double HeapBytes, double ResidentBytes) Memory()
    {
        // Twice: what has a finalizer goes with the second.
        for (var i = 0; i < 2; i++)
            if (!Diagnostics.Collect(Id)) throw new InvalidOperationException("the node has no diagnostics socket");
        return (Metric("cti_gc_heap_bytes"), ProcessCost.ResidentBytes(Id));
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _http.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>The repository's root: where the solution stands.</summary>
    public static string Repository()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "Cti.Actors.sln"))) return at.FullName;
        throw new InvalidOperationException("the benchmarks are run inside the repository");
    }

    private static string Program()
    {
        var program = Path.Combine(Repository(), "artifacts", "cti", "cti");
        return File.Exists(program) ? program : throw new FileNotFoundException($"{program} is missing: ./build.sh build makes it");
    }

    private static string Configuration(string folder, string name, int sip, int gateway) => $$"""
        cti.data = "{{folder}}/data"
        cti.node.name = {{name}}
        cti.sip { listen = ["udp:127.0.0.1:{{sip}}"], accept-any = true, dial-any = true }
        cti.media { address = "127.0.0.1", ports = "10000-29999", root = "{{folder}}/media", inactivity = 0s }
        cti.gateway.listen = "http://127.0.0.1:{{gateway}}"
        cti.gateway.default-application = bench
        cti.gateway.applications.bench { keys = ["{{Hash(Key)}}"], rate = 100000, burst = 100000 }
        cti.gateway.applications.probe { keys = ["{{Hash(ProbeKey)}}"], rate = 100000, burst = 100000 }
        cti.log.level = warning
        """;

    private static string Hash(string key) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private void Listen()
    {
        void Take(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is null) return;
            lock (_said)
            {
                _said.AppendLine(line.Data);
                if (_said.Length > 20_000) _said.Remove(0, 10_000);
            }
        }

        _process.OutputDataReceived += Take;
        _process.ErrorDataReceived += Take;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The last lines that it wrote.</summary>
    public string Said
    {
        get
        {
            lock (_said) return string.Join('\n', _said.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(6));
        }
    }

    private void WaitUntilReady()
    {
        var deadline = Environment.TickCount64 + 30_000;
        while (Environment.TickCount64 < deadline && !_process.HasExited)
        {
            try
            {
                using var answer = _http.GetAsync(new Uri("/readyz", UriKind.Relative)).GetAwaiter().GetResult();
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
            Thread.Sleep(50);
        }
        var said = Said;
        Dispose();
        throw new InvalidOperationException("the node did not become ready:\n" + said);
    }
}
