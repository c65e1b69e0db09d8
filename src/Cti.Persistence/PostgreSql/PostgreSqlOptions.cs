using Npgsql;

namespace Cti.Persistence.PostgreSql;

/// <summary>How a PostgreSQL store is reached.</summary>
public sealed record PostgreSqlOptions
{
    /// <summary>What a connection string looks like, for messages to operators.</summary>
    public const string ConnectionStringForm = "Host=...;Username=...;Password=...;Database=... (a value that contains ; or = in double quotes)";

    // A node runs one batch of appends at a time; what else it does at once is a few reads and permits.
    private const int PoolMax = 16;

    // Renewals, appends, and the three parts in which a takeover reads.
    private const int PoolReady = 5;

    // Statements of this program that a connection keeps prepared.
    private const int PreparedMax = 32;

    /// <summary>Npgsql's connection string. Secret: no message of this store contains it.</summary>
    public required string ConnectionString { get; init; }

    /// <summary>How long a connection may take, 1..60 s (whole seconds; parts count as one).</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long the server may work on a statement, 1..60 s. A server that does not even end it by itself is given up a second later.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How the server shows this client in <c>pg_stat_activity</c>; at most 63 bytes are kept.</summary>
    public string ApplicationName { get; init; } = "cti";

    /// <summary>Connections that a store may have open: its pool's, and those of one that was given up and still has to end.</summary>
    public static int ConnectionsMax(string connectionString) =>
        2 * (WhatIsWrong(connectionString) is null && new NpgsqlConnectionStringBuilder(connectionString) is var set && set.ContainsSet("Maximum Pool Size")
            ? set.MaxPoolSize
            : PoolMax);

    /// <summary>What is wrong with a connection string, or null. The answer contains nothing of it.</summary>
    public static string? WhatIsWrong(string connectionString)
    {
        ArgumentNullException.ThrowIfNull(connectionString);
        try
        {
            var parsed = new NpgsqlConnectionStringBuilder(connectionString);
            return string.IsNullOrEmpty(parsed.Host) ? "names no Host" : null;
        }
        // Npgsql says which part is wrong, and that may be a piece of a password with an unquoted semicolon.
        catch (Exception fault) when (fault is ArgumentException or FormatException or InvalidOperationException or OverflowException or KeyNotFoundException)
        {
            return connectionString.Contains("://", StringComparison.Ordinal) ? "is a URL" : "has a part that is no KEYWORD=VALUE known to Npgsql";
        }
    }

    /// <summary>The connection string as it is used: what the operator set stays, the rest is what this store needs.</summary>
    internal NpgsqlConnectionStringBuilder Complete()
    {
        if (WhatIsWrong(ConnectionString) is { } wrong) throw new StoreMismatchException($"the connection string {wrong}; right is {ConnectionStringForm}");
        var set = new NpgsqlConnectionStringBuilder(ConnectionString);
        if (!set.ContainsSet("Maximum Pool Size")) set.MaxPoolSize = PoolMax;
        if (!set.ContainsSet("Minimum Pool Size")) set.MinPoolSize = Math.Min(PoolReady, set.MaxPoolSize);
        if (!set.ContainsSet("Max Auto Prepare")) set.MaxAutoPrepare = PreparedMax;
        if (!set.ContainsSet("Auto Prepare Min Usages")) set.AutoPrepareMinUsages = 2;
        if (!set.ContainsSet("Application Name")) set.ApplicationName = ApplicationName;
        // Behind a list of hosts only the primary takes writes, and after a fail-over it is another one at once.
        if (set.Host!.Contains(',', StringComparison.Ordinal))
        {
            if (!set.ContainsSet("Target Session Attributes")) set.TargetSessionAttributes = "primary";
            if (!set.ContainsSet("Host Recheck Seconds")) set.HostRecheckSeconds = 1;
        }
        set.Timeout = Seconds(ConnectTimeout);
        // Kept by the server and, where that does not, by the pool.
        set.CommandTimeout = 0;
        // Nothing here changes a session's state, so that nothing needs to be put back.
        set.NoResetOnClose = true;
        set.Options = ServerSettings() + (string.IsNullOrEmpty(set.Options) ? "" : " " + set.Options);
        return set;
    }

    /// <summary>
    /// The server ends what takes too long by itself, and finds out within seconds that a client's host is gone: until then it would keep that client's locks.
    /// </summary>
    private string ServerSettings()
    {
        var millis = Math.Max(1_000, (long)CommandTimeout.TotalMilliseconds);
        return FormattableString.Invariant($"-c statement_timeout={millis} -c idle_in_transaction_session_timeout={millis} ")
            + "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3 -c jit=off";
    }

    private static int Seconds(TimeSpan span) => (int)Math.Clamp(Math.Ceiling(span.TotalSeconds), 1, 60);
}

/// <summary>Which keywords an operator set.</summary>
internal static class ConnectionStringExtensions
{
    internal static bool ContainsSet(this NpgsqlConnectionStringBuilder builder, string keyword) => builder.ShouldSerialize(keyword);
}
