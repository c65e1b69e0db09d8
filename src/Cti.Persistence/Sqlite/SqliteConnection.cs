using SQLitePCL;

namespace Cti.Persistence.Sqlite;

/// <summary>
/// One connection and its prepared statements. Used by one thread at a time; statements are prepared once and reused, so an append costs no parsing.
/// </summary>
internal sealed class SqliteConnection : IDisposable
{
    private readonly sqlite3 _db;
    private readonly Dictionary<string, SqliteStatement> _statements = new(StringComparer.Ordinal);

    private SqliteConnection(sqlite3 db) => _db = db;

    /// <summary>Opens <paramref name="path"/>, which exists. <paramref name="busyMillis"/>: how long to wait for a lock of another connection.</summary>
    internal static SqliteConnection Open(string path, int busyMillis)
    {
        SqliteLibrary.EnsureLoaded();
        // No mutex: each connection has one user at a time by construction.
        var result = raw.sqlite3_open_v2(path, out var db, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_NOMUTEX, null);
        var connection = new SqliteConnection(db);
        if (result != raw.SQLITE_OK)
        {
            var error = SqliteFailure.From(db, result, $"open {path}");
            connection.Dispose();
            throw error;
        }
        raw.sqlite3_extended_result_codes(db, 1);
        raw.sqlite3_busy_timeout(db, busyMillis);
        return connection;
    }

    /// <summary>Rows that the last INSERT, UPDATE or DELETE touched.</summary>
    internal int Changes => raw.sqlite3_changes(_db);

    /// <summary>True while a transaction is open.</summary>
    internal bool InTransaction => raw.sqlite3_get_autocommit(_db) == 0;

    /// <summary>The statement for a constant text, reset and without bindings to earlier values that matter: all parameters are bound by the caller.</summary>
    internal SqliteStatement Prepare(string sql)
    {
        if (_statements.TryGetValue(sql, out var known)) return known;
        var statement = PrepareOnce(sql);
        _statements.Add(sql, statement);
        return statement;
    }

    /// <summary>A statement that is not kept: the caller's to dispose.</summary>
    internal SqliteStatement PrepareOnce(string sql)
    {
        var result = raw.sqlite3_prepare_v2(_db, sql, out var handle);
        return result == raw.SQLITE_OK ? new SqliteStatement(_db, handle, sql) : throw SqliteFailure.From(_db, result, sql);
    }

    /// <summary>Runs a statement without parameters to its end.</summary>
    internal void Execute(string sql) => Prepare(sql).Run();

    /// <summary>Runs several statements, separated by semicolons, that are not kept.</summary>
    internal void ExecuteScript(string sql)
    {
        var result = raw.sqlite3_exec(_db, sql);
        if (result != raw.SQLITE_OK) throw SqliteFailure.From(_db, result, sql);
    }

    /// <summary>Ends an open transaction without effect; a failure to do so is SQLite's having done it already.</summary>
    internal void Rollback()
    {
        if (InTransaction) raw.sqlite3_exec(_db, "ROLLBACK");
    }

    public void Dispose()
    {
        foreach (var statement in _statements.Values) statement.Dispose();
        _statements.Clear();
        raw.sqlite3_close_v2(_db);
        _db.Dispose();
    }
}

/// <summary>A prepared statement: bind from 1 in order, then <see cref="Run"/> it or <see cref="Step"/> through its rows and <see cref="Reset"/>.</summary>
internal sealed class SqliteStatement(sqlite3 db, sqlite3_stmt handle, string sql) : IDisposable
{
    private int _parameter;

    internal SqliteStatement Bind(long value) => Bound(raw.sqlite3_bind_int64(handle, ++_parameter, value));

    internal SqliteStatement Bind(string value) => Bound(raw.sqlite3_bind_text(handle, ++_parameter, value));

    /// <summary>Binds a copy of the bytes; an empty span is an empty blob, not NULL.</summary>
    internal SqliteStatement Bind(ReadOnlySpan<byte> value) =>
        Bound(value.IsEmpty ? raw.sqlite3_bind_zeroblob(handle, ++_parameter, 0) : raw.sqlite3_bind_blob(handle, ++_parameter, value));

    internal SqliteStatement Bind(Guid value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        return Bind(bytes);
    }

    /// <summary>Runs to the end and makes the statement ready for the next use.</summary>
    internal void Run()
    {
        try
        {
            while (Step())
            {
            }
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>True when there is a row to read.</summary>
    internal bool Step()
    {
        var result = raw.sqlite3_step(handle);
        return result switch
        {
            raw.SQLITE_ROW => true,
            raw.SQLITE_DONE => false,
            _ => throw SqliteFailure.From(db, result, sql),
        };
    }

    /// <summary>Makes the statement ready for the next use; one left open would hold its read transaction.</summary>
    internal void Reset()
    {
        _parameter = 0;
        raw.sqlite3_reset(handle);
    }

    internal long Int64(int column) => raw.sqlite3_column_int64(handle, column);

    internal int Int32(int column) => raw.sqlite3_column_int(handle, column);

    internal string Text(int column) => raw.sqlite3_column_text(handle, column).utf8_to_string() ?? "";

    internal byte[] Blob(int column)
    {
        var bytes = raw.sqlite3_column_blob(handle, column);
        return bytes.IsEmpty ? [] : bytes.ToArray();
    }

    internal Guid Guid(int column) => new(raw.sqlite3_column_blob(handle, column), bigEndian: true);

    public void Dispose() => handle.Dispose();

    private SqliteStatement Bound(int result)
    {
        if (result == raw.SQLITE_OK) return this;
        Reset();
        throw SqliteFailure.From(db, result, sql);
    }
}

/// <summary>Sorts SQLite's result codes into the port's kinds of failure.</summary>
internal static class SqliteFailure
{
    /// <summary>What stands between what is wrong and the statement that met it.</summary>
    internal const string At = " at: ";

    /// <summary>
    /// Lack of space or memory, I/O and lock errors: the store cannot be used now. A damaged file: it cannot be used any more. The rest is a bug of ours.
    /// </summary>
    internal static Exception From(sqlite3 db, int result, string doing)
    {
        var text = $"SQLite error {result} ({raw.sqlite3_errmsg(db).utf8_to_string()}){At}{doing}";
        return (result & 0xff) switch
        {
            raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => new StoreUnavailableException(text) { IsBroken = true },
            raw.SQLITE_FULL or raw.SQLITE_IOERR or raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_NOMEM or raw.SQLITE_READONLY or
                raw.SQLITE_CANTOPEN or raw.SQLITE_PROTOCOL or raw.SQLITE_PERM => new StoreUnavailableException(text),
            _ => new InvalidOperationException(text),
        };
    }
}
