using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Cti.Testing;

namespace Cti.Benchmarks;

/// <summary>What a finished caller counted.</summary>
internal sealed record SippResult(long Succeeded, long Failed, long Retransmissions, double Seconds, double CpuSeconds, double[] ResponseMillis)
{
    /// <summary>Why calls failed, as it counts them: name and number, without those that never happened.</summary>
    public required IReadOnlyList<(string Why, long Calls)> Failures { get; init; }

    /// <summary>The messages that it gave a call up for: their first lines, and how many.</summary>
    public required IReadOnlyList<(string Line, long Calls)> Unexpected { get; init; }
}

/// <summary>SIPp as the far end: a process of its own, one UDP socket, loopback.</summary>
internal sealed class Sipp : IDisposable
{
    private readonly Process _process;
    private readonly string _folder = Directory.CreateTempSubdirectory("cti-bench-").FullName;
    private readonly string _scenario;
    private readonly double _childrenCpuBefore = ProcessCost.EndedChildrenCpuSeconds();
    private readonly long _started = Stopwatch.GetTimestamp();

    private readonly TimeSpan _patience;

    private Sipp(string scenario, TimeSpan patience, IEnumerable<string> arguments)
    {
        _patience = patience;
        Port = Ports.Free();
        _scenario = Path.Combine(AppContext.BaseDirectory, "scenarios", scenario + ".xml");
        // Its files (names with its process id) are written where it runs.
        var start = new ProcessStartInfo("sipp")
        {
            WorkingDirectory = _folder, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        foreach (var argument in (IEnumerable<string>)["-sf", _scenario, "-i", "127.0.0.1", "-p", Text(Port), "-t", "u1", "-nostdin", "-buff_size", "1000000",
            "-key", "rtp", Text(RtpSink.Port), .. arguments])
            start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
        // Its screen is of no use here, and a full pipe would stop it.
        _process.OutputDataReceived += static (_, _) => { };
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Port { get; }

    /// <summary>What it reads beside its scenario, deleted with it.</summary>
    private string? List { get; init; }

    /// <summary>Whether the program is there; says what to install where it is not.</summary>
    public static bool IsThere()
    {
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(static folder => File.Exists(Path.Combine(folder, "sipp")));
        if (!found) Console.Error.WriteLine("sipp is needed as the far end (apt-get install sip-tester)");
        return found;
    }

    /// <summary>
    /// Calls the node <paramref name="rate"/> times a second, <paramref name="calls"/> times in all, and hangs up after <paramref name="holdMillis"/>.
    /// </summary>
    public static Sipp Caller(int nodePort, int rate, int calls, int holdMillis) => new("uac", TimeSpan.FromSeconds((calls / rate) + (holdMillis / 1000) + 60),
        ["127.0.0.1:" + Text(nodePort), "-r", Text(rate), "-m", Text(calls), "-l", "100000", "-d", Text(holdMillis),
            "-trace_rtt", "-rtt_freq", "1", "-trace_stat", "-trace_err", "-fd", "1", "-timeout", Text(calls / rate + holdMillis / 1000 + 20)]);

    /// <summary>Answers what calls it, until it is disposed of.</summary>
    public static Sipp Callee() => new("uas", Timeout.InfiniteTimeSpan, []);

    /// <summary>The same, each call with the next of <paramref name="ports"/> as the place of its sound.</summary>
    public static Sipp Callee(IEnumerable<int> ports)
    {
        var list = Path.GetTempFileName();
        File.WriteAllLines(list, (IEnumerable<string>)["SEQUENTIAL", .. ports.Select(static port => Text(port) + ";")]);
        return new Sipp("uas-ports", Timeout.InfiniteTimeSpan, ["-inf", list]) { List = list };
    }

    /// <summary>CPU of a running one so far, in seconds.</summary>
    public double CpuSeconds => ProcessCost.CpuSeconds(_process.Id);

    /// <summary>Waits for a caller's end.</summary>
    /// <exception cref="InvalidOperationException">
    /// It does not end: calls hang, as they do where a node was thought dead and SIPp does not follow them to the next.
    /// </exception>
    public SippResult Result()
    {
        if (!_process.WaitForExit(_patience)) throw new InvalidOperationException($"SIPp's calls did not end within {_patience.TotalSeconds} s");
        var seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;
        var statistics = File.ReadAllLines(Directory.GetFiles(_folder, "*_.csv").Single());
        var (names, last) = (statistics[0].Split(';'), statistics[^1].Split(';'));
        long Count(string name) => long.Parse(last[Array.IndexOf(names, name)], CultureInfo.InvariantCulture);
        var responses = Directory.GetFiles(_folder, "*_rtt.csv").SelectMany(static file => File.ReadLines(file).Skip(1))
            .Select(static line => double.Parse(line.Split(';')[1], CultureInfo.InvariantCulture)).ToArray();
        return new SippResult(Count("SuccessfulCall(C)"), Count("FailedCall(C)"), Count("Retransmissions(C)"), seconds,
            ProcessCost.EndedChildrenCpuSeconds() - _childrenCpuBefore, responses)
        {
            Unexpected = [.. Directory.GetFiles(_folder, "*_errors.log").SelectMany(File.ReadLines)
                .Where(static line => line.Contains("received '", StringComparison.Ordinal))
                .Select(static line => line[(line.IndexOf("received '", StringComparison.Ordinal) + 10)..].Trim())
                .GroupBy(static line => line.StartsWith("SIP/2.0", StringComparison.Ordinal) ? line : line.Split(' ')[0], StringComparer.Ordinal)
                .Select(static line => (line.Key, line.LongCount()))],
            Failures = [.. names.Where(static name => name.StartsWith("Failed", StringComparison.Ordinal) && name.EndsWith("(C)", StringComparison.Ordinal)
                && name != "FailedCall(C)")
                .Select(name => (name["Failed".Length..^"(C)".Length], Count(name))).Where(static why => why.Item2 > 0)],
        };
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
        if (List is not null) File.Delete(List);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Where the far ends want their sound: a socket that nobody reads, so that it costs the kernel little and the sender sees no errors.</summary>
internal static class RtpSink
{
    private static readonly Socket Sink = Open();

    public static int Port => ((System.Net.IPEndPoint)Sink.LocalEndPoint!).Port;

    private static Socket Open()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 4096 };
        socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        return socket;
    }
}
