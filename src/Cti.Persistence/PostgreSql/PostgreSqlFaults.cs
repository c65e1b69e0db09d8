using System.Net.Sockets;
using Npgsql;

namespace Cti.Persistence.PostgreSql;

/// <summary>What a failure of PostgreSQL or of the way to it means to the caller. No text from here contains a secret.</summary>
internal static class PostgreSqlFaults
{
    /// <summary>The transaction was rolled back for a reason that another attempt does not have: deadlock or serialization.</summary>
    internal static bool IsRolledBack(Exception fault) =>
        fault is PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected };

    /// <summary>The server or the way to it failed, not the statement: try again later. Anything else is a bug.</summary>
    internal static bool IsUnavailable(Exception fault) => fault switch
    {
        PostgresException server => IsUnavailable(server.SqlState),
        NpgsqlException or SocketException or IOException or TimeoutException => true,
        _ => false,
    };

    private static bool IsUnavailable(string state) => state[..2] switch
    {
        // Connection, authorization (a password being changed), transaction rolled back, resources (disk, memory, connections), shutdown and start, input and
        // output.
        "08" or "28" or "40" or "53" or "57" or "58" => true,
        // A standby: the fail-over went to another host. Or the database is being restored. Or this session was idle within a transaction for too long (25P03).
        _ => state is PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.InvalidCatalogName
            or PostgresErrorCodes.ObjectNotInPrerequisiteState or "25P03",
    };

    /// <summary>Other connections to this server are most likely dead too.</summary>
    internal static bool ClearsPool(Exception fault) => fault switch
    {
        PostgresException server => server.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction
            or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow
                or PostgresErrorCodes.DatabaseDropped,
        _ => !IsTimeout(fault),
    };

    /// <summary>The time was spent on waiting: another attempt would spend it again.</summary>
    internal static bool IsTimeout(Exception fault) =>
        fault is TimeoutException or PostgresException { SqlState: PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable }
            || fault.InnerException is TimeoutException;

    internal static StoreUnavailableException Unavailable(string where, Exception fault) => new($"{where}: {Text(fault)}", fault);

    /// <summary>What keeps a store from being opened, with what would be right.</summary>
    internal static Exception AtOpen(string where, NpgsqlConnectionStringBuilder settings, Exception fault)
    {
        var (user, database) = (settings.Username ?? "", settings.Database ?? settings.Username ?? "");
        var state = (fault as PostgresException)?.SqlState;
        return state switch
        {
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                new StoreMismatchException($"{where} refuses user \"{user}\": {Text(fault)}; right are Username and Password of a user who may connect to "
                    + $"database \"{database}\""),
            PostgresErrorCodes.InvalidCatalogName =>
                new StoreMismatchException($"{where} has no database \"{database}\"; right is one that exists: CREATE DATABASE \"{database}\" OWNER "
                    + $"\"{user}\""),
            PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.InvalidSchemaName =>
                new StoreMismatchException($"{where}: user \"{user}\" may not create tables in database \"{database}\": {Text(fault)}; right is the database's "
                    + "owner, "
                    + $"or GRANT CREATE ON SCHEMA public TO \"{user}\""),
            _ when IsUnavailable(fault) =>
                new StoreUnavailableException($"{where} cannot be reached: {Text(fault)}; right are Host and Port of a server that runs and accepts "
                    + "connections from here", fault),
            _ => fault,
        };
    }

    private static string Text(Exception fault) => fault switch
    {
        PostgresException server => $"{server.MessageText} ({server.SqlState})",
        { InnerException: { } inner } when inner is not NpgsqlException => $"{fault.Message.TrimEnd('.')}: {inner.Message}",
        _ => fault.Message,
    };
}
