using System.Diagnostics;
using System.Globalization;

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
        var port = Ports.Free();
        var folder = Directory.CreateTempSubdirectory("cti-sipp-").FullName;
        List<string> arguments =
        [
            "-sf", Path.Combine(AppContext.BaseDirectory, "scenarios", scenario), "-i", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture),
            "-m", calls.ToString(CultureInfo.InvariantCulture), "-timeout", "40s", "-timeout_error", "-nostdin", "-trace_err", "-trace_msg", .. more,
        ];
        if (user is not null) arguments.AddRange(["-s", user]);
        if (target is not null) arguments.Add($"127.0.0.1:{target.SipPort}");
        var process = Process.Start(new ProcessStartInfo(Tools.Find("sipp", "sip-tester"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder,
        })!;
        process.StandardInput.Close();
        var sipp = new Sipp(process, port, folder);
        // A far end that is called must be listening first.
        if (target is null) await Patience.UntilAsync(() => sipp.IsListening() || process.HasExited, "SIPp listens");
        return sipp;
    }

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
