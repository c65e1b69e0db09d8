using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using SQLitePCL;

namespace Cti.Persistence.Sqlite;

/// <summary>
/// Looks every second whether the journal is still the file that was opened, and sound. Without it a node whose file was removed or overwritten would go on
/// promising things that no restart finds.
/// <code>
///   each second:  path, path-wal, path-shm lead to the files that are open? ──no──► broken
///                 its first page is one, in the file and as it is read?     ──no──► broken
///   when idle:    PRAGMA quick_check, a table at a time                     ──no──► broken
/// </code>
/// Each look has a connection of its own, because one that stays open would trust what it has read before. A check takes about two seconds of one processor a
/// gigabyte, and while it reads a table the log of writes cannot be started anew: so after each it rests fifty times as long as it took, waits for a moment
/// without much to write, and leaves files beyond 4 GiB to what SQLite itself notices when it reads or writes them.
/// </summary>
internal sealed class SqliteWatch : IDisposable
{
    private const int LookMillis = 1_000;
    private const int RestMillisMin = 2_000, RestFactor = 50;
    /// <summary>Of one look, after which the remaining tables wait for a later one.</summary>
    private const int CheckMillisMax = 50;
    private const long CheckBytesMax = 4L * 1024 * 1024 * 1024;
    /// <summary>Commits since the last look: a node with a few calls has less.</summary>
    private const int IdleCommitsMax = 50;
    /// <summary>A node that is never idle is checked all the same, so long after the check was due.</summary>
    private const int BusyMillisMax = 60_000;
    /// <summary>Before it, a table cannot be checked apart from the others.</summary>
    private const int PartialCheckVersion = 3_033_000;

    private const int HeaderBytes = 101, PageTypeAt = 100;
    private const byte InnerPage = 5, LeafPage = 13;

    private readonly string _path;
    /// <summary>Open as long as any connection is: closing it would drop the locks that those have (fcntl(2)).</summary>
    private readonly SafeFileHandle _file;
    private readonly (string Path, string What, FileIdentity? Identity)[] _files;
    private readonly Func<long> _commits;
    private readonly Action<string> _broke;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private int _nextTable;
    private long _commitsSeen;
    private long _checkDue;

    /// <summary>Starts watching a database that is open in WAL mode.</summary>
    /// <param name="path">The file.</param>
    /// <param name="commits">How many transactions were committed so far.</param>
    /// <param name="broke">Told what is wrong, once; the watch ends then.</param>
    internal SqliteWatch(string path, Func<long> commits, Action<string> broke)
    {
        _path = path;
        _commits = commits;
        _broke = broke;
        _file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        _files = [Present(path, "the file"), Present(path + "-wal", "its -wal, which holds what was written last,"),
            Present(path + "-shm", "its -shm, which its connections share,")];
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite watch" };
        _thread.Start();
    }

    /// <summary>Ends the looks.</summary>
    internal void Stop()
    {
        _stop.Set();
        _thread.Join();
    }

    /// <summary>After <see cref="Stop"/> and after the last connection.</summary>
    public void Dispose()
    {
        _file.Dispose();
        _stop.Dispose();
    }

    /// <summary>What a full check of a connection's database shows: null where it is sound.</summary>
    internal static string? WhyUnsound(SqliteConnection connection, string? table = null)
    {
        // Not kept: a check of one table is another statement than that of the next.
        using var check = connection.PrepareOnce(table is null ? "PRAGMA quick_check(1)" : $"PRAGMA quick_check(\"{table}\")");
        return check.Step() && check.Text(0) is not "ok" and var why ? why : null;
    }

    private static (string, string, FileIdentity?) Present(string path, string what) => (path, what, FileIdentity.Of(path));

    private void Run()
    {
        while (!_stop.Wait(LookMillis))
        {
            if (Look() is not { } why) continue;
            _broke(why);
            return;
        }
    }

    /// <summary>One look; null where nothing is wrong.</summary>
    /// <param name="mustCheck">Checks without waiting until it is due.</param>
    internal string? Look(bool mustCheck = false)
    {
        foreach (var file in _files)
        {
            var now = FileIdentity.Of(file.Path);
            if (now == file.Identity) continue;
            return now is null ? $"{file.What} was deleted or moved away" : $"{file.What} was replaced by another";
        }
        try
        {
            return WhyNoDatabase() ?? Read(mustCheck);
        }
        catch (StoreUnavailableException fault) when (fault.IsBroken)
        {
            return fault.Message;
        }
        catch (Exception fault) when (fault is StoreUnavailableException or IOException)
        {
            // No descriptor, no memory, a lock: no verdict on the file. Whoever writes is told the same.
            return null;
        }
    }

    /// <summary>Whoever starts next begins with the first page as it is in the file, even while all others read a newer one from the -wal.</summary>
    private string? WhyNoDatabase()
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (RandomAccess.Read(_file, header, 0) < HeaderBytes) return "the file was cut off";
        return header.StartsWith("SQLite format 3\0"u8) && header[PageTypeAt] is (InnerPage or LeafPage)
            ? null
            : "the file's first page was overwritten: it is no SQLite database any more";
    }

    private string? Read(bool mustCheck)
    {
        using var connection = SqliteConnection.Open(_path, busyMillis: 0);
        connection.ExecuteScript("PRAGMA query_only = 1; PRAGMA cache_size = -2048");
        var tables = TablesOf(connection);
        if (!IsCheckDue() && !mustCheck) return null;
        var began = Stopwatch.GetTimestamp();
        var why = raw.sqlite3_libversion_number() < PartialCheckVersion ? WhyUnsound(connection) : CheckSome(connection, tables, began);
        _checkDue = Environment.TickCount64 + Math.Max(RestMillisMin, (long)(RestFactor * Stopwatch.GetElapsedTime(began).TotalMilliseconds));
        return why;
    }

    private string? CheckSome(SqliteConnection connection, List<string> tables, long began)
    {
        for (var i = 0; i < tables.Count && (i == 0 || Stopwatch.GetElapsedTime(began).TotalMilliseconds < CheckMillisMax); i++)
        {
            if (WhyUnsound(connection, tables[_nextTable++ % tables.Count]) is { } why) return why;
        }
        return null;
    }

    private static List<string> TablesOf(SqliteConnection connection)
    {
        var names = new List<string>();
        using var tables = connection.PrepareOnce("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY name");
        while (tables.Step()) names.Add(tables.Text(0));
        return names;
    }

    private bool IsCheckDue()
    {
        var commits = _commits();
        var isIdle = commits - _commitsSeen <= IdleCommitsMax;
        _commitsSeen = commits;
        var late = Environment.TickCount64 - _checkDue;
        return late >= 0 && (isIdle || late > BusyMillisMax) && new FileInfo(_path).Length <= CheckBytesMax;
    }
}
