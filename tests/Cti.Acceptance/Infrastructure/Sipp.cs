using System.Diagnostics;
using System.Globalization;
using System.Net;
using Cti.Testing;

namespace Cti.Acceptance.Infrastructure;

/// <summary>A SIPp process with one of the scenarios of this project.</summary>
internal sealed class Sipp : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string[]> _output;
    private readonly string _folder;

    private Sipp(Process process, int port, string folder)
    {
        _process = process;
        _folder = folder;
        Port = port;
        _output = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
    }

    public int Port { get; }

    /// <summary>One call of a scenario; as a caller when <paramref name="target"/> is given.</summary>
    public static async Task<Sipp> StartAsync(string scenario, NodeProcess? target = null, string? user = null, int calls = 1, params string[] more)
    {
        List<string> arguments =
        [
            "-i", "127.0.0.1", "-m", calls.ToString(CultureInfo.InvariantCulture), "-timeout", "40s", "-timeout_error", "-trace_msg", .. more,
        ];
        if (user is not null) arguments.AddRange(["-s", user]);
        if (target is not null) arguments.Add($"127.0.0.1:{target.SipPort}");
        var sipp = Start(scenario, arguments);
        // A far end that is called must be listening first.
        if (target is null) await Patience.UntilAsync(() => sipp.IsListening() || sipp.HasExited, "SIPp listens");
        if (sipp.HasExited) await sipp.ShouldSucceedAsync();
        return sipp;
    }

    /// <summary>Calls that last as long as the other end wants. What it hears it says back, so that there is sound both ways.</summary>
    /// <param name="address">Its own address, all to itself: its port for sound is fixed.</param>
    /// <param name="target">Where it calls to.</param>
    /// <param name="user">Call n is to the user of that name, x and n, counted from 1.</param>
    /// <param name="calls">How many, five a second.</param>
    public static Sipp Stay(string address, IPEndPoint target, string user, int calls)
    {
        var count = calls.ToString(CultureInfo.InvariantCulture);
        return Start("stays.xml", ["-i", address, "-mi", address, "-rtp_echo", "-m", count, "-l", count, "-r", "5", "-s", user, "-trace_stat", "-fd", "1",
            "-trace_logs", target.ToString()]);
    }

    private static Sipp Start(string scenario, List<string> arguments)
    {
        var port = Ports.Free();
        var folder = Directory.CreateTempSubdirectory("cti-sipp-").FullName;
        // Its watchdog counts a busy machine among the errors, and ends the process after some of them.
        string[] all =
        [
            "-watchdog_minor_threshold", "60000", "-watchdog_major_threshold", "60000", "-sf", Path.Combine(AppContext.BaseDirectory, "scenarios", scenario),
            "-p", port.ToString(CultureInfo.InvariantCulture), "-nostdin", "-trace_err", .. arguments,
        ];
        var process = Process.Start(new ProcessStartInfo(Tools.Find("sipp", "sip-tester"), all)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder,
        })!;
        process.StandardInput.Close();
        return new Sipp(process, port, folder);
    }

    public bool HasExited => _process.HasExited;

    /// <summary>0 when every call went as the scenario says.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>What it says is wrong: unexpected messages, calls that it gave up.</summary>
    public string Errors() => Read("*_errors.log");

    /// <summary>What the scenario's log actions wrote, a line each.</summary>
    public string[] Logged() => Read("*_logs.log").Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A number of its statistics since the start, e.g. FailedCall, as it was a second ago at most; 0 while there are none.</summary>
    public int Count(string what)
    {
        var rows = Read("*.csv").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (rows.Length < 2) return 0;
        var column = Array.IndexOf(rows[0].Split(';'), what + "(C)");
        // A row that is being written is not whole yet.
        var row = rows.Skip(1).LastOrDefault(row => row.Count(static c => c == ';') >= rows[0].Count(static c => c == ';'));
        return column < 0
            ? throw new ArgumentException($"SIPp counts no {what}", nameof(what))
            : row is null ? 0 : int.Parse(row.Split(';')[column], CultureInfo.InvariantCulture);
    }

    private string Read(string files) => string.Concat(Directory.GetFiles(_folder, files).Select(static file =>
    {
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }));

    /// <summary>Waits for the end; every message must have been as the scenario says.</summary>
    public async Task ShouldSucceedAsync()
    {
        try
        {
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(45));
        }
        catch (TimeoutException)
        {
            _process.Kill();
        }
        var output = await _output;
        _process.ExitCode.ShouldBe(0, $"SIPp: {string.Concat(output)}\n{Traces()}");
    }

    /// <summary>Every message that it sent and received.</summary>
    public string Messages() => string.Concat(Directory.GetFiles(_folder, "*_messages.log").Select(File.ReadAllText));

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        await _output;
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Traces() => string.Join('\n', Directory.GetFiles(_folder, "*.log").Select(File.ReadAllText));

    private bool IsListening()
    {
        var wanted = ":" + Port.ToString("X4", CultureInfo.InvariantCulture) + " ";
        return File.ReadLines("/proc/net/udp").Any(line => line.Contains(wanted, StringComparison.Ordinal));
    }
}
