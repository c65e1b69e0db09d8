using System.Globalization;

namespace Cti.Benchmarks;

/// <summary>What Linux says of a process.</summary>
internal static class ProcessCost
{
    // USER_HZ is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>User and system CPU of a living process, in seconds.</summary>
    public static double CpuSeconds(int processId)
    {
        var fields = Stat($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/stat");
        return (Ticks(fields[11]) + Ticks(fields[12])) / TicksPerSecond;
    }

    /// <summary>CPU seconds of a process's threads so far, by name; threads that have ended are left out.</summary>
    public static Dictionary<string, double> CpuByThread(int processId)
    {
        var byName = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var task in Directory.GetDirectories($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/task"))
        {
            try
            {
                var name = File.ReadAllText(Path.Combine(task, "comm")).Trim();
                var fields = Stat(Path.Combine(task, "stat"));
                byName[name] = byName.GetValueOrDefault(name) + ((Ticks(fields[11]) + Ticks(fields[12])) / TicksPerSecond);
            }
            catch (IOException)
            {
                // It ended meanwhile.
            }
        }
        return byName;
    }

    /// <summary>User and system CPU of all children of this process that have ended, in seconds.</summary>
    public static double EndedChildrenCpuSeconds()
    {
        var fields = Stat("/proc/self/stat");
        return (Ticks(fields[13]) + Ticks(fields[14])) / TicksPerSecond;
    }

    /// <summary>Resident memory in bytes.</summary>
    public static long ResidentBytes(int processId)
    {
        var line = File.ReadLines($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/status")
            .First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan("VmRSS:".Length).Trim()[..^3], CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>
    /// The machine's load average of the last minute: above the number of processors, figures tell more of the neighbours than of the program.
    /// </summary>
    public static string LoadAverage() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "?";

    // What follows the name in brackets, which may hold anything: field 0 is the state.
    private static string[] Stat(string path)
    {
        var text = File.ReadAllText(path);
        return text[(text.LastIndexOf(')') + 2)..].Split(' ');
    }

    private static long Ticks(string field) => long.Parse(field, CultureInfo.InvariantCulture);
}
