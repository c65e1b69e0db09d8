namespace Cti.Persistence.Sqlite;

/// <summary>
/// Makes and locks the journal's file at the start, and says what is wrong with one that cannot be used: which file, what, and what would be right.
/// </summary>
internal static class SqliteOpening
{
    private const string Replace = "put a sound copy in its place, or move it away (a new journal is made then, without what is in this one)";

    /// <summary>What to do about a file that broke while a node runs on it.</summary>
    internal const string Remedy = "stop the node, " + Replace + ", and start the node again";

    /// <summary>Checked as a whole before the start, within a fifth of a second; a larger one is checked while the node runs.</summary>
    private const long CheckBytesMax = 64L * 1024 * 1024;

    // errno of Linux and macOS, as the framework gives it.
    private const int NoSpace = 28, ReadOnlySystem = 30, QuotaLinux = 122, QuotaMacOs = 69;

    /// <summary>Makes the folder and the file where there are none, and keeps other nodes away.</summary>
    internal static FileStream TakeFile(string path)
    {
        if (Directory.Exists(path)) throw new StoreMismatchException($"{path} is a folder; cti.journal.file names a file");
        var folder = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(folder)) CreateFolder(folder);
        FileStream taken;
        try
        {
            // The kernel drops the lock with the process, so nothing is left behind by a crash.
            taken = OwnFile(path + ".lock", FileShare.None);
        }
        catch (IOException busy) when (busy is not DirectoryNotFoundException && !IsOfDisk(busy) && File.Exists(path + ".lock"))
        {
            throw new StoreMismatchException($"{path} is in use by another node ({path}.lock is held): stop that node, or give this one a cti.data of its own");
        }
        try
        {
            OwnFile(path, FileShare.ReadWrite).Dispose();
            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <exception cref="StoreMismatchException">The file is damaged.</exception>
    internal static void Check(SqliteConnection connection, string path)
    {
        if (new FileInfo(path).Length > CheckBytesMax) return;
        if (SqliteWatch.WhyUnsound(connection) is { } why) throw new StoreUnavailableException(why) { IsBroken = true };
    }

    /// <summary>What a failure to open the file means to an operator; null for a bug of ours.</summary>
    internal static Exception? Explain(string path, Exception failure) => failure switch
    {
        StoreMismatchException mismatch =>
            mismatch.Message.Contains(path, StringComparison.Ordinal) ? mismatch : new StoreMismatchException($"{path}: {mismatch.Message}"),
        StoreUnavailableException { IsBroken: true } =>
            new StoreMismatchException($"{path} is no sound SQLite database ({WithoutStatement(failure)}): {Replace}"),
        StoreUnavailableException when failure.Message.Contains("database is locked", StringComparison.Ordinal) =>
            new StoreUnavailableException($"{path} is locked by another program, such as sqlite3 or a backup ({WithoutStatement(failure)}): end that one",
                failure),
        StoreUnavailableException when failure.Message.Contains("disk is full", StringComparison.Ordinal) =>
            new StoreUnavailableException($"{path} cannot be used: no space is left for it ({WithoutStatement(failure)}); make some, or name another folder "
                + "with cti.data", failure),
        StoreUnavailableException => new StoreUnavailableException($"{path} cannot be used: {WithoutStatement(failure)}", failure),
        UnauthorizedAccessException => new StoreUnavailableException($"{path} cannot be opened: {failure.Message} This process runs as {Environment.UserName}, "
            + "who must be allowed to read and write the file and to make others beside it", failure),
        IOException { HResult: ReadOnlySystem } =>
            new StoreUnavailableException($"{path} cannot be opened: its file system is read-only ({failure.Message}); name another folder with cti.data",
            failure),
        IOException { HResult: NoSpace or QuotaLinux or QuotaMacOs } => new StoreUnavailableException($"{path} cannot be opened: no space is left for it "
            + $"({failure.Message}); make some, or name another folder with cti.data", failure),
        IOException => new StoreUnavailableException($"{path} cannot be opened: {failure.Message}", failure),
        _ => null,
    };

    /// <summary>Which statement failed at the start tells an operator nothing.</summary>
    private static string WithoutStatement(Exception failure) => failure.Message.Split(SqliteFailure.At)[0];

    private static bool IsOfDisk(IOException failure) => failure.HResult is NoSpace or ReadOnlySystem or QuotaLinux or QuotaMacOs;

    private static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    // SQLite gives its -wal and -shm the mode of the database, so that is made before SQLite sees it.
    private static FileStream OwnFile(string path, FileShare share)
    {
        var how = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = share };
        if (!OperatingSystem.IsWindows()) how.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(path, how);
    }
}
