using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Cti.Persistence.PostgreSql;
using Cti.Testing;
using Npgsql;

namespace Cti.Persistence.Tests.PostgreSql;

// The database or the way to it fails: callers are told so in time, and the store works again by itself.
public sealed partial class PostgreSqlJournalStoreTests
{
    [Fact]
    public async Task A_server_that_is_killed_amid_appends_has_each_wholly_or_not_at_all_and_the_store_goes_on()
    {
        var epochs = (await Store.ClaimAsync("a", [.. Enumerable.Range(0, Instances)])).Select(claim => claim.Epoch).ToArray();
        var underWay = new CountdownEvent(Instances);
        var writers = Enumerable.Range(0, Instances).Select(instance => Task.Run(async () =>
        {
            for (long tail = 0; ; tail += 3)
            {
                try
                {
                    (await AppendAsync(Entries(instance, epochs[instance], tail, 3))).ShouldBe(AppendOutcome.Accepted);
                    if (tail == 3) underWay.Signal();
                }
                catch (StoreUnavailableException)
                {
                    return tail;
                }
            }
        })).ToArray();
        await Task.Run(() => underWay.Wait(Patience)).WaitAsync(Patience);
        await Server.KillAsync();
        var acknowledged = await Task.WhenAll(writers).WaitAsync(Patience);
        await Should.ThrowAsync<StoreUnavailableException>(async () => await Store.ReadOwnershipAsync());

        await Server.LaunchAsync();
        var owned = await Store.ReadOwnershipAsync();
        for (var instance = 0; instance < Instances; instance++)
        {
            var tail = owned[instance].Tail;
            tail.ShouldBeOneOf(acknowledged[instance], acknowledged[instance] + 3);
            (await Store.ReadJournalAsync(instance)).Select(entry => entry.Position).ShouldBe(Enumerable.Range(1, (int)tail).Select(i => (long)i));
            (await AppendAsync(Entries(instance, epochs[instance], tail))).ShouldBe(AppendOutcome.Accepted);
        }
    }

    [Fact]
    public async Task A_server_that_stands_still_is_given_up_in_time_and_used_again_once_it_goes_on()
    {
        await using var store = Create(null, commandTimeout: TimeSpan.FromSeconds(1));
        await store.OpenAsync(Instances);
        var epoch = (await store.ClaimAsync("a", [0]))[0].Epoch;
        (await store.AppendAsync([Entries(0, epoch, 0)])).ShouldBe([AppendOutcome.Accepted]);
        var began = Stopwatch.GetTimestamp();
        Server.Freeze();
        try
        {
            (await Should.ThrowAsync<StoreUnavailableException>(async () => await store.AppendAsync([Entries(0, epoch, 1)])))
                .Message.ShouldContain(Server.Port.ToString(System.Globalization.CultureInfo.InvariantCulture));
            Stopwatch.GetElapsedTime(began).TotalSeconds.ShouldBeInRange(1, 90, "given up, however slow the machine");
        }
        finally
        {
            Server.Thaw();
        }
        var tail = (await Store.ReadOwnershipAsync())[0].Tail;
        tail.ShouldBeInRange(1, 2);
        // An append that was given up may still land; then this one finds another tail, as the journal's writer expects.
        var outcome = (await store.AppendAsync([Entries(0, epoch, tail)]))[0];
        outcome.ShouldBeOneOf(AppendOutcome.Accepted, AppendOutcome.TailMismatch);
        var reached = outcome == AppendOutcome.Accepted ? tail + 1 : 2;
        (await Store.ReadOwnershipAsync())[0].Tail.ShouldBe(reached);
        (await Store.ReadJournalAsync(0)).Select(entry => entry.Position).ShouldBe(Enumerable.Range(1, (int)reached).Select(i => (long)i));
    }

    [Fact]
    public async Task A_server_that_accepts_and_says_nothing_is_given_up_in_time_at_the_start()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var port = ((IPEndPoint)silent.LocalEndpoint).Port;
        await using var store = new PostgreSqlJournalStore(new PostgreSqlOptions
        {
            ConnectionString = Server.ConnectionString(Schema, port), ConnectTimeout = TimeSpan.FromSeconds(1),
        });
        var began = Stopwatch.GetTimestamp();
        await Should.ThrowAsync<StoreUnavailableException>(async () => await store.OpenAsync(Instances));
        Stopwatch.GetElapsedTime(began).TotalSeconds.ShouldBeInRange(0.9, 90, "given up, however slow the machine");
    }

    [Fact]
    public async Task An_append_that_waits_too_long_is_ended_by_the_server_and_writes_nothing()
    {
        await using var store = Create(null, commandTimeout: TimeSpan.FromSeconds(1));
        await store.OpenAsync(Instances);
        var epoch = (await store.ClaimAsync("a", [0]))[0].Epoch;
        await using var blocker = await ConnectAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand("SELECT 1 FROM instance WHERE id = 0 FOR UPDATE", blocker)) await command.ExecuteNonQueryAsync();
        (await Should.ThrowAsync<StoreUnavailableException>(async () => await store.AppendAsync([Entries(0, epoch, 0)]))).Message.ShouldContain("57014");
        await transaction.RollbackAsync();
        (await store.ReadOwnershipAsync())[0].Tail.ShouldBe(0);
        (await store.AppendAsync([Entries(0, epoch, 0)])).ShouldBe([AppendOutcome.Accepted]);
    }

    [Fact]
    public async Task Connections_that_died_unseen_cost_a_reader_nothing_and_a_writer_one_attempt()
    {
        var epoch = await ClaimAsync(0);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(async () => await Store.ReadOwnershipAsync())));
        await CutAsync();
        (await Store.ReadOwnershipAsync())[0].Epoch.ShouldBe(epoch);
        await CutAsync();
        await Should.ThrowAsync<StoreUnavailableException>(() => AppendAsync(Entries(0, epoch, 0)));
        (await AppendAsync(Entries(0, epoch, 0))).ShouldBe(AppendOutcome.Accepted);

        async Task CutAsync() => await Server.QueryAsync("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'cti'");
    }

    [Fact]
    public async Task A_deadlock_is_tried_again_where_the_caller_does_not_see_it()
    {
        await using var store = Create(null, ";Options=-c deadlock_timeout=2s");
        await store.OpenAsync(Instances);
        await store.WriteFeedPositionsAsync("app", "g", new Dictionary<int, long> { [0] = 1, [1] = 1 });
        await using var other = await ConnectAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await ExecuteAsync("SET LOCAL deadlock_timeout = '60s'");
        await ExecuteAsync("UPDATE feed_position SET pos = 5 WHERE instance = 1");
        var writing = store.WriteFeedPositionsAsync("app", "g", new Dictionary<int, long> { [0] = 7, [1] = 7 }).AsTask();
        await UntilWaitingAsync(1);
        // The store holds row 0 and waits for row 1; now this session waits for row 0: the store's is the one that finds the deadlock.
        await ExecuteAsync("UPDATE feed_position SET pos = 6 WHERE instance = 0");
        await transaction.CommitAsync();
        await writing.WaitAsync(Patience);
        (await Store.ReadFeedPositionsAsync("app", "g")).ShouldBe(new Dictionary<int, long> { [0] = 7, [1] = 7 }, ignoreOrder: true);

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, other);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task A_standby_is_no_place_to_write_and_counts_as_unavailable()
    {
        await ClaimAsync(0);
        await using var store = Create(null, ";Options=-c default_transaction_read_only=on");
        await Should.ThrowAsync<StoreUnavailableException>(async () =>
        {
            await store.OpenAsync(Instances);
            await store.AppendAsync([Entries(0, 1, 0)]);
        });
    }

    [Fact]
    public async Task A_server_without_a_free_connection_counts_as_unavailable()
    {
        await Server.QueryAsync($"CREATE ROLE {Schema}_full LOGIN PASSWORD 'x' CONNECTION LIMIT 0");
        await using var store = Another($"Username={Schema}_full;Password=x;Database=postgres");
        (await Should.ThrowAsync<StoreUnavailableException>(async () => await store.OpenAsync(Instances))).Message.ShouldContain("53300");
    }

    [Fact]
    public async Task A_bug_is_no_outage()
    {
        var epoch = await ClaimAsync(0);
        await Server.QueryAsync("INSERT INTO journal(instance, res_id, pos, version, payload) VALUES(0, 'r', 1, 1, '')", Schema);
        await Should.ThrowAsync<PostgresException>(() => AppendAsync(Entries(0, epoch, 0)));
        (await Store.ReadOwnershipAsync())[0].Tail.ShouldBe(0);
    }

    [Theory]
    [InlineData("postgres://cti:hidden@db/cti", "URL")]
    [InlineData("Username=cti;Password=hidden", "Host")]
    [InlineData("Host=db;Pasword=hidden", "KEYWORD")]
    [InlineData("Host=db;Password=a;hidden=b", "KEYWORD")]
    [InlineData("Host=db;Port=hidden", "KEYWORD")]
    [InlineData("Host=db;Password=hidden;nonsense", "KEYWORD")]
    public void A_connection_string_that_is_none_is_refused_with_what_is_right_and_without_its_secret(string text, string why)
    {
        var refusal = Should.Throw<StoreMismatchException>(() => new PostgreSqlJournalStore(new PostgreSqlOptions { ConnectionString = text }));
        refusal.Message.ShouldContain(why);
        refusal.Message.ShouldContain("right is Host=");
        refusal.ToString().ShouldNotContain("hidden");
    }

    [Fact]
    public async Task What_keeps_a_node_from_the_database_is_said_with_what_would_be_right()
    {
        await Server.QueryAsync($"CREATE ROLE {Schema}_poor LOGIN PASSWORD 'hidden'");
        await RefusedAsync<StoreMismatchException>($"Username={PostgreSqlServer.User};Password=hidden;Database=postgres", "right are Username and Password");
        await RefusedAsync<StoreMismatchException>($"Username={PostgreSqlServer.User};Password=\"{PostgreSqlServer.Password}\";Database=nowhere",
            "CREATE DATABASE \"nowhere\" OWNER \"cti\"");
        await RefusedAsync<StoreMismatchException>($"Username={Schema}_poor;Password=hidden;Database=postgres", "GRANT CREATE ON SCHEMA");
        await RefusedAsync<StoreMismatchException>($"Username={PostgreSqlServer.User};Password=\"{PostgreSqlServer.Password}\";Database=postgres;Options=-c "
            + "synchronous_commit=off", "right is on");
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            var port = ((IPEndPoint)free.LocalEndpoint).Port;
            free.Stop();
            await RefusedAsync<StoreUnavailableException>($"Port={port};Username=cti;Password=hidden", "right are Host and Port of a server that runs");
        }
    }

    [Fact]
    public async Task A_database_of_a_newer_version_is_refused()
    {
        await Server.QueryAsync("INSERT INTO schema_migration(version) VALUES(99)", Schema);
        await using var store = Create(null);
        (await Should.ThrowAsync<StoreMismatchException>(async () => await store.OpenAsync(Instances))).Message.ShouldContain("99");
    }

    [Fact]
    public async Task After_the_store_is_disposed_every_call_is_refused()
    {
        var epoch = await ClaimAsync(0);
        await Store.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(() => AppendAsync(Entries(0, epoch, 0)));
        await Should.ThrowAsync<ObjectDisposedException>(async () => await Store.ReadOwnershipAsync());
    }

    private async Task RefusedAsync<TException>(string settings, string right) where TException : Exception
    {
        await using var store = Another(settings);
        var refusal = await Should.ThrowAsync<TException>(async () => await store.OpenAsync(Instances));
        refusal.Message.ShouldContain(right);
        refusal.ToString().ShouldNotContain("hidden");
        refusal.ToString().ShouldNotContain(PostgreSqlServer.Password);
    }

    private PostgreSqlJournalStore Another(string settings) => new(new PostgreSqlOptions
    {
        ConnectionString = (settings.Contains("Port=", StringComparison.Ordinal) ? "Host=127.0.0.1;" : $"Host=127.0.0.1;Port={Server.Port};")
            + $"Search Path={(settings.Contains("poor", StringComparison.Ordinal) ? "public" : Schema)};" + settings,
        ConnectTimeout = TimeSpan.FromSeconds(30),
        CommandTimeout = TimeSpan.FromSeconds(30),
    });
}
