using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Cti.Persistence.Sqlite;

/// <summary>
/// Chooses the native SQLite once a process: the system's where there is one, because it gets the distribution's fixes; else the bundled one.
/// </summary>
internal static class SqliteLibrary
{
    // Upserts came with 3.24; everything else that is used is older.
    private const int VersionMin = 3_024_000;

    private static readonly Lazy<string> Loaded = new(Load);

    /// <summary>Loads the library when first called and answers its version, e.g. <c>3.40.1</c>.</summary>
    internal static string EnsureLoaded() => Loaded.Value;

    private static string Load()
    {
        NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, Resolve);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        raw.FreezeProvider();
        if (raw.sqlite3_libversion_number() < VersionMin)
            throw new DllNotFoundException($"SQLite 3.24 or newer is needed, found {raw.sqlite3_libversion().utf8_to_string()}; install libsqlite3-0");
        return raw.sqlite3_libversion().utf8_to_string();
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != "e_sqlite3" || !OperatingSystem.IsLinux()) return 0;
        // 0 lets the runtime look for the bundled library as usual.
        return NativeLibrary.TryLoad("libsqlite3.so.0", out var handle) ? handle : 0;
    }
}
