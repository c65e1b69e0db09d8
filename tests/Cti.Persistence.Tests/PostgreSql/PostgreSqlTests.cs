using System.Globalization;
using Cti.Persistence.PostgreSql;
using Cti.Testing;
using Npgsql;

namespace Cti.Persistence.Tests.PostgreSql;

/// <summary>One server for all tests of it, which therefore run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class PostgreSqlCollection : ICollectionFixture<PostgreSqlFixture>
{
    public const string Name = "PostgreSQL";
}

public sealed class PostgreSqlFixture : IAsyncLifetime
{
    private int _schemas;

    public PostgreSqlServer Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await PostgreSqlServer.StartAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();

    /// <summary>A place for one test's tables.</summary>
    public async Task<string> NewSchemaAsync()
    {
        var schema = "test_" + Interlocked.Increment(ref _schemas).ToString(CultureInfo.InvariantCulture);
        await Server.CreateSchemaAsync(schema);
        return schema;
    }
}

/// <summary>The inherited specification on tables of the test's own, and what tests of PostgreSQL share.</summary>
public abstract class PostgreSqlTests(PostgreSqlFixture fixture) : JournalStoreSpecification
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    protected PostgreSqlServer Server => fixture.Server;

    protected string Schema { get; private set; } = null!;

    protected override IJournalStore Create() => Create(null);

    protected PostgreSqlJournalStore Create(int? port, string more = "", TimeSpan? commandTimeout = null) => new(new PostgreSqlOptions
    {
        ConnectionString = Server.ConnectionString(Schema, port) + more,
        // These machines are busy with other tests.
        ConnectTimeout = TimeSpan.FromSeconds(30),
        CommandTimeout = commandTimeout ?? TimeSpan.FromSeconds(30),
    });

    public override async Task InitializeAsync()
    {
        Schema = await fixture.NewSchemaAsync();
        await base.InitializeAsync();
    }

    protected async Task<NpgsqlConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(Server.ConnectionString(Schema) + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>The append's statement within a transaction that is still open: an append that is under way for as long as the test wants.</summary>
    protected static async Task<AppendOutcome[]> BeginAppendAsync(NpgsqlConnection connection, params InstanceAppend[] appends)
    {
        await using var command = new NpgsqlCommand(PostgreSqlAppender.Sql, connection);
        command.Parameters.AddRange(PostgreSqlAppender.Parameters(appends));
        return PostgreSqlAppender.Outcomes((int[])(await command.ExecuteScalarAsync())!);
    }

    /// <summary>Waits until so many sessions wait for a lock.</summary>
    protected async Task UntilWaitingAsync(int sessions)
    {
        await using var watcher = await ConnectAsync();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var limit = new CancellationTokenSource(Patience);
        await using var command = new NpgsqlCommand("SELECT count(*)::integer FROM pg_stat_activity WHERE wait_event_type = 'Lock'", watcher);
        while ((int)(await command.ExecuteScalarAsync())! < sessions) await timer.WaitForNextTickAsync(limit.Token);
    }
}
