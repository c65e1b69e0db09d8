using System.Diagnostics;
using System.Globalization;

namespace Cti.Benchmarks;

/// <summary>The C program that stands for what the machine can do at best: compiled when first needed, run as a process of its own.</summary>
internal sealed class BareLoop : IDisposable
{
    private readonly Process _process;

    private BareLoop(Process process) => _process = process;

    /// <summary>The compiled program; null where there is no C compiler.</summary>
    public static string? Compile()
    {
        var source = Path.Combine(AppContext.BaseDirectory, "c", "rtp_loop.c");
        var program = Path.Combine(Path.GetTempPath(), $"rtp_loop_{Environment.ProcessId}");
        try
        {
            using var compiler = Process.Start("gcc", ["-O2", "-o", program, source]);
            compiler.WaitForExit();
            return compiler.ExitCode == 0 ? program : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Starts it and waits until its sockets are bound.</summary>
    /// <param name="program">The compiled program.</param>
    /// <param name="mode"><c>send</c>, <c>recv</c> or <c>sink</c>.</param>
    /// <param name="streams">How many streams.</param>
    /// <param name="seconds">For how long, from <see cref="Go"/>.</param>
    /// <param name="port">Its first own port.</param>
    /// <param name="targets">Ports to send to; empty for receivers.</param>
    public static BareLoop Start(string program, string mode, int streams, double seconds, int port, IEnumerable<int> targets)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var argument in (IEnumerable<object>)[mode, streams, seconds, port])
            start.ArgumentList.Add(Convert.ToString(argument, CultureInfo.InvariantCulture)!);
        var process = Process.Start(start)!;
        foreach (var target in targets)
            process.StandardInput.WriteLine(target);
        process.StandardInput.Flush();
        var answer = process.StandardOutput.ReadLine();
        return answer == "ready" ? new BareLoop(process) : throw new InvalidOperationException($"the bare loop did not start: {answer}");
    }

    public void Go()
    {
        _process.StandardInput.WriteLine("go");
        _process.StandardInput.Flush();
    }

    /// <summary>What it printed, as numbers by name.</summary>
    public Dictionary<string, double> Result()
    {
        var line = _process.StandardOutput.ReadLine() ?? "";
        _process.WaitForExit();
        return line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('='))
            .ToDictionary(pair => pair[0], pair => double.Parse(pair[1], CultureInfo.InvariantCulture));
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
