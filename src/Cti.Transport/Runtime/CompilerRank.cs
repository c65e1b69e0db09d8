using System.Globalization;
using Cti.Transport.Native;

namespace Cti.Transport.Runtime;

/// <summary>
/// Puts the threads on which the runtime compiles in the background behind all others. What they make faster works already, so they can wait; a garbage
/// collection that waits behind them holds up every media loop of its process. Linux only; elsewhere it does nothing.
/// </summary>
public sealed class CompilerRank : IDisposable
{
    /// <summary>What the system calls those threads: their name, cut to 15 characters.</summary>
    internal const string ThreadName = ".NET Tiered Com";

    /// <summary>
    /// How much nicer they are than the process: of a processor that both want they get a tenth of what another thread gets, so that they are never starved of
    /// it.
    /// </summary>
    internal const int Nicer = 10;

    private const string Threads = "/proc/self/task";
    private const int WhichIsThread = 0, Self = 0, NicenessMax = 19;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly int _niceness;
    private readonly Timer? _timer;
    private HashSet<string> _seen = [];
    private HashSet<string> _seenTwice = [];

    /// <summary>Begins to look for such threads, every second: the runtime starts one when there is something to compile, and ends it later.</summary>
    public CompilerRank()
    {
        if (!OperatingSystem.IsLinux()) return;
        _niceness = Math.Min(NicenessMax, Libc.GetPriority(WhichIsThread, Self) + Nicer);
        _timer = new Timer(static self => ((CompilerRank)self!).Look(), this, TimeSpan.Zero, LookEvery);
    }

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    /// <summary>Looks at the threads that are new.</summary>
    internal void Look()
    {
        try
        {
            var present = new HashSet<string>(_seen.Count);
            var again = new HashSet<string>(_seen.Count);
            foreach (var thread in Directory.EnumerateDirectories(Threads))
            {
                present.Add(thread);
                if (_seen.Contains(thread)) again.Add(thread);
                // Twice, because a thread that has just begun still has its parent's name.
                if (!_seenTwice.Contains(thread) && NameOf(thread) == ThreadName)
                    _ = Libc.SetPriority(WhichIsThread, int.Parse(Path.GetFileName(thread.AsSpan()), CultureInfo.InvariantCulture), _niceness);
            }
            (_seen, _seenTwice) = (present, again);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A process that may not see its own threads runs them as they are.
        }
    }

    private static string? NameOf(string thread)
    {
        try
        {
            return File.ReadAllText(thread + "/comm").TrimEnd('\n');
        }
        catch (IOException)
        {
            return null; // It has ended meanwhile.
        }
    }
}
