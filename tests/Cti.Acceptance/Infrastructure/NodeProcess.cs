using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text;
using Cti.Testing;

namespace Cti.Acceptance.Infrastructure;

/// <summary>The real program, in a folder of its own, on free ports of the loopback.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private static int _nextRange;

    private readonly string[] _sets;
    private readonly string? _configuration;
    private readonly List<string> _log = [];
    private readonly bool _demo;
    private Process? _process;

    private readonly int _filesMax;
    private readonly bool _isOnOneProcessor;

    private NodeProcess(string[] sets, string? configuration, bool demo, int filesMax, bool isOnOneProcessor)
    {
        (_filesMax, _isOnOneProcessor) = (filesMax, isOnOneProcessor);
        _sets = sets;
        _configuration = configuration;
        _demo = demo;
        Folder = Directory.CreateTempSubdirectory("cti-acceptance-").FullName;
        MediaRoot = Directory.CreateDirectory(Path.Combine(Folder, "media")).FullName;
        SipPort = Ports.Free();
        HttpPort = Ports.Free();
        RtpFirst = 10_000 + (Environment.ProcessId % 20 * 480) + (Interlocked.Increment(ref _nextRange) % 4 * 120);
    }

    /// <summary>The program under test: CTI_PROGRAM, or the one that this build made.</summary>
    public static string Program { get; } = Environment.GetEnvironmentVariable("CTI_PROGRAM") is { Length: > 0 } named
        ? named
        : Path.GetFullPath(typeof(NodeProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "CtiProgram").Value!);

    public string Folder { get; }

    public string MediaRoot { get; }

    public int SipPort { get; }

    public int HttpPort { get; }

    public int RtpFirst { get; }

    public string Url => $"http://127.0.0.1:{HttpPort}";

    public string KeysFile => Path.Combine(Folder, "data", "default.key");

    public string Key => File.ReadLines(KeysFile).First().Trim();

    public string Journal => Path.Combine(Folder, "data", "journal.db");

    public IPEndPoint Sip => new(IPAddress.Loopback, SipPort);

    /// <summary>For tests in which the program is meant to report errors.</summary>
    public bool ExpectsErrors { get; set; }

    public int ExitCode => _process!.ExitCode;

    public string Log
    {
        get
        {
            lock (_log) return string.Join('\n', _log);
        }
    }

    /// <param name="sets">KEY=VALUE on top of the loopback addresses; {url} stands for the gateway's.</param>
    /// <param name="configuration">The text of a configuration file, or none for embedded defaults.</param>
    /// <param name="acceptAny">Whether unknown sources reach the default application.</param>
    /// <param name="filesMax">The system's limit of its open files; 0: that of this process.</param>
    /// <param name="isOnOneProcessor">Whether it gets one processor only.</param>
    public static async Task<NodeProcess> StartAsync(string[]? sets = null, string? configuration = null, bool acceptAny = true, int filesMax = 0,
        bool isOnOneProcessor = false)
    {
        for (var attempt = 1; ; attempt++)
        {
            var node = new NodeProcess([.. acceptAny ? ["cti.sip.accept-any=true"] : Array.Empty<string>(), .. sets ?? []], configuration,
                configuration is null, filesMax, isOnOneProcessor);
            try
            {
                await node.LaunchAsync();
                return node;
            }
            catch (Exception) when (attempt < 5 && node.Log.Contains("is in use by another process", StringComparison.Ordinal))
            {
                // A port that was free a moment ago is another program's now: others are looked for.
                node.ExpectsErrors = true;
                await node.DisposeAsync();
            }
            catch
            {
                node.ExpectsErrors = true;
                await node.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Starts it again, on the same folder and ports.</summary>
    public async Task LaunchAsync()
    {
        if (!File.Exists(Program)) throw new InvalidOperationException($"{Program} is missing: build src/Cti.Node");
        // Each of these becomes the next: signals reach the program.
        string[] command =
        [
            .. _isOnOneProcessor ? [Tools.Find("taskset", "util-linux"), "-c", FirstProcessor()] : Array.Empty<string>(),
            .. _filesMax != 0 ? [Tools.Find("prlimit", "util-linux"), $"--nofile={_filesMax}:{_filesMax}"] : Array.Empty<string>(),
            Program,
        ];
        var start = new ProcessStartInfo(command[0])
        {
            WorkingDirectory = Folder,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        };
        foreach (var part in command[1..]) start.ArgumentList.Add(part);
        start.ArgumentList.Add("run");
        if (_configuration is not null)
        {
            var file = Path.Combine(Folder, "node.conf");
            await File.WriteAllTextAsync(file, _configuration);
            start.ArgumentList.Add("--config");
            start.ArgumentList.Add(file);
        }
        string[] own =
        [
            $"cti.sip.listen=[\"udp:127.0.0.1:{SipPort}\", \"tcp:127.0.0.1:{SipPort}\"]",
            "cti.media.address=127.0.0.1",
            $"cti.media.ports={RtpFirst}-{RtpFirst + 119}",
            $"cti.gateway.listen={Url}",
            .. _demo ? Array.Empty<string>() : ["cti.sip.dial-any=true"],
            .. _sets.Select(set => set.Replace("{url}", Url, StringComparison.Ordinal)),
        ];
        foreach (var set in own)
        {
            start.ArgumentList.Add("--set");
            start.ArgumentList.Add(set);
        }
        var process = Process.Start(start)!;
        _process = process;
        process.StandardInput.Close();
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        await ReadyAsync(process);
    }

    /// <summary>SIGKILL: nothing is tidied up.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience.Long);
    }

    /// <summary>SIGTERM, without waiting for the end.</summary>
    public void Terminate() => Signal("TERM");

    public async Task<int> StopAsync()
    {
        Terminate();
        return await ExitAsync(TimeSpan.FromSeconds(45));
    }

    public async Task<int> ExitAsync(TimeSpan within)
    {
        try
        {
            await _process!.WaitForExitAsync().WaitAsync(within);
        }
        catch (TimeoutException)
        {
            throw new ShouldAssertException($"the node did not end in {within.TotalSeconds} s; its log:\n{Log}");
        }
        return _process!.ExitCode;
    }

    public string[] Errors()
    {
        lock (_log)
            return [.. _log.Where(static line =>
                line.Contains(" ERROR ", StringComparison.Ordinal) || line.Contains("Unhandled exception", StringComparison.Ordinal))];
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false } running)
        {
            running.Kill();
            await running.WaitForExitAsync();
        }
        _process?.Dispose();
        try
        {
            Directory.Delete(Folder, recursive: true);
        }
        catch (IOException)
        {
            // A file that is still written: the folder of temporary files is emptied by the system.
        }
        if (!ExpectsErrors) Errors().ShouldBeEmpty("the node logged errors");
    }

    /// <summary>Runs the program's command line against this node.</summary>
    public async Task<(int Code, string Out)> CommandAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program)
        {
            WorkingDirectory = Folder, RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true,
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var said = new StringBuilder();
        var reading = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(40));
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
        foreach (var text in await reading) said.Append(text);
        return (process.ExitCode, said.ToString());
    }

    /// <summary>The rows of a query on the journal, one line each. Python reads SQLite without anything of the product.</summary>
    public async Task<string[]> QueryAsync(string sql)
    {
        const string Script = "import sqlite3,sys\nc=sqlite3.connect('file:'+sys.argv[1]+'?mode=ro',uri=True,timeout=10)\n"
            + "for r in c.execute(sys.argv[2]): print('\\t'.join(x.decode('utf-8','replace') if isinstance(x,bytes) else str(x) for x in r))";
        var (code, text) = await Tools.RunAsync("python3", "python3", ["-c", Script, Journal, sql]);
        code.ShouldBe(0, text);
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>The first that this process may run on: of a container that need not be 0.</summary>
    private static string FirstProcessor() =>
        File.ReadLines("/proc/self/status").First(static line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split(':')[1].Trim()
            .Split(',', '-')[0];

    private void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-" + name, _process!.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_log) _log.Add(line);
    }

    private async Task ReadyAsync(Process process)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(40))
        {
            if (process.HasExited)
            {
                process.WaitForExit();
                throw new ShouldAssertException($"the node ended with {process.ExitCode}:\n{Log}");
            }
            try
            {
                using var answer = await http.GetAsync(new Uri(Url + "/readyz"));
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
            await timer.WaitForNextTickAsync();
        }
        throw new ShouldAssertException($"the node is not ready in 40 s:\n{Log}");
    }
}

/// <summary>Programs of the system that tests start.</summary>
internal static class Tools
{
    /// <summary>Where a program is; fails naming the package that has it.</summary>
    public static string Find(string program, string package)
    {
        foreach (var folder in (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin").Split(':'))
        {
            var file = Path.Combine(folder, program);
            if (File.Exists(file)) return file;
        }
        throw new InvalidOperationException($"{program} is missing; on Debian: apt-get install {package}");
    }

    public static async Task<(int Code, string Text)> RunAsync(string program, string package, string[] arguments, string? folder = null,
        TimeSpan? within = null)
    {
        using var process = Process.Start(new ProcessStartInfo(Find(program, package), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        })!;
        process.StandardInput.Close();
        var reading = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await process.WaitForExitAsync().WaitAsync(within ?? TimeSpan.FromSeconds(30));
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
        // What it started and left behind may hold its output open.
        return (process.ExitCode, string.Concat(await reading.WaitAsync(TimeSpan.FromSeconds(30))));
    }
}
