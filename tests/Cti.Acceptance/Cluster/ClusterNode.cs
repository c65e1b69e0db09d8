using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Cti.Acceptance.Cluster;

/// <summary>One node of a cluster under test: the real program, its own process.</summary>
internal sealed class ClusterNode(string name, string address, string folder, IReadOnlyList<string> enter, string program) : IAsyncDisposable
{
    public const int SipPort = 15060, TlsPort = 15061, HttpPort = 18080, LinkPort = 17400;

    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(3) };

    private static readonly bool Keeps = Environment.GetEnvironmentVariable("CTI_KEEP") is { Length: > 0 };

    private readonly List<(long Ticks, string Line)> _log = [];
    private Process? _process;

    public string Name { get; } = name;

    public string Address { get; } = address;

    /// <summary>What is started next; another one is an upgrade.</summary>
    public string Program { get; set; } = program;

    public string Folder { get; } = folder;

    public string Url { get; } = string.Create(CultureInfo.InvariantCulture, $"http://{address}:{HttpPort}");

    public IPEndPoint Sip { get; } = new(IPAddress.Parse(address), SipPort);

    public int Id => _process!.Id;

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>Whether it is meant to be alive and able to serve now: not killed, not paused, not drained.</summary>
    public bool IsServing { get; private set; }

    /// <summary>The last lines that it wrote.</summary>
    public string[] Log
    {
        get
        {
            lock (_log) return [.. _log.Select(static said => said.Line)];
        }
    }

    /// <summary>When it first wrote this after a moment (Stopwatch ticks); null if it did not.</summary>
    public long? Said(string text, long since)
    {
        lock (_log)
            return _log.Where(said => said.Ticks >= since && said.Line.Contains(text, StringComparison.Ordinal)).Select(static said => (long?)said.Ticks)
                .FirstOrDefault();
    }

    public string[] Errors() =>
        [.. Log.Where(static line => line.Contains(" ERROR ", StringComparison.Ordinal) || line.Contains("Unhandled exception", StringComparison.Ordinal))];

    /// <summary>Starts it with the configuration in its folder; ready when this ends.</summary>
    public async Task StartAsync(bool waitUntilReady = true)
    {
        _process?.Dispose();
        string[] command = [.. enter, Program, "run", "--config", Path.Combine(Folder, "node.conf")];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = Folder, RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true,
        };
        // Not in its file: an upgrade's first program may not have the key, and takes no offence at this.
        start.Environment["CTI_GATEWAY_PLAIN_HTTP"] = "true";
        var process = Process.Start(start)!;
        _process = process;
        process.StandardInput.Close();
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        if (waitUntilReady) await ReadyAsync(TimeSpan.FromSeconds(60));
    }

    public async Task ReadyAsync(TimeSpan within)
    {
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (Stopwatch.GetElapsedTime(started) < within)
        {
            if (_process!.HasExited) throw new InvalidOperationException($"node {Name} ended with {_process.ExitCode}:\n{string.Join('\n', Log.TakeLast(30))}");
            try
            {
                using var answer = await Http.GetAsync(new Uri(Url + "/readyz"));
                if (answer.IsSuccessStatusCode)
                {
                    IsServing = true;
                    return;
                }
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // Not listening yet.
            }
            await timer.WaitForNextTickAsync();
        }
        throw new InvalidOperationException($"node {Name} is not ready in {within.TotalSeconds} s:\n{string.Join('\n', Log.TakeLast(30))}");
    }

    /// <summary>SIGKILL: nothing is tidied up.</summary>
    public void Kill()
    {
        IsServing = false;
        _process!.Kill();
    }

    /// <summary>SIGSTOP: it stands still until <see cref="Continue"/>.</summary>
    public void Pause()
    {
        IsServing = false;
        Signal("STOP");
    }

    public void Continue()
    {
        Signal("CONT");
        IsServing = true;
    }

    /// <summary>Stands still, for less time than anybody would notice in what it is asked.</summary>
    public void Stall() => Signal("STOP");

    /// <summary>Goes on after <see cref="Stall"/>.</summary>
    public void GoOn() => Signal("CONT");

    /// <summary>Takes no part in what a test begins from here on.</summary>
    public void Retire() => IsServing = false;

    /// <summary>SIGTERM; ends when it has ended.</summary>
    public async Task<int> TerminateAsync(TimeSpan within)
    {
        IsServing = false;
        Signal("TERM");
        return await EndedAsync(within);
    }

    public async Task<int> EndedAsync(TimeSpan within)
    {
        try
        {
            await _process!.WaitForExitAsync().WaitAsync(within);
        }
        catch (TimeoutException)
        {
            throw new InvalidOperationException($"node {Name} did not end in {within.TotalSeconds} s:\n{string.Join('\n', Log.TakeLast(30))}");
        }
        return _process!.ExitCode;
    }

    /// <summary>The program's command line, against this node's gateway.</summary>
    public async Task<(int Code, string Text)> CommandAsync(TimeSpan within, params string[] arguments)
    {
        string[] command = [.. enter, Program, .. arguments, "--url", Url, "--key", ClusterUnderTest.Key];
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = Folder, RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true,
        })!;
        process.StandardInput.Close();
        var reading = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await process.WaitForExitAsync().WaitAsync(within);
        }
        catch (TimeoutException)
        {
            process.Kill();
            return (-1, $"cti {string.Join(' ', arguments)} did not end in {within.TotalSeconds} s: {string.Concat(await reading)}");
        }
        return (process.ExitCode, string.Concat(await reading));
    }

    public async ValueTask DisposeAsync()
    {
        IsServing = false;
        if (_process is null) return;
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }

    private void Signal(string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_log)
        {
            // Who keeps the folder wants to read it all.
            if (Environment.GetEnvironmentVariable("CTI_KEEP") is { Length: > 0 }) File.AppendAllText(Path.Combine(Folder, "node.log"), line + "\n");
            _log.Add((Stopwatch.GetTimestamp(), line));
            if (_log.Count > 4000) _log.RemoveRange(0, 1000);
            if (Keeps) File.AppendAllText(Path.Combine(Folder, "log"), line + "\n");
        }
    }
}
