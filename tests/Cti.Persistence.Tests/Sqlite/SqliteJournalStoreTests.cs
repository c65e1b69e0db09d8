using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Cti.Persistence.Sqlite;
using Cti.Testing;

namespace Cti.Persistence.Tests.Sqlite;

public sealed class SqliteJournalStoreTests : JournalStoreSpecification
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), "cti-storage-" + Guid.NewGuid().ToString("n"));

    private string DatabasePath => Path.Combine(_directory, "data", "journal.db");

    protected override IJournalStore Create() => new SqliteJournalStore(new SqliteOptions { Path = DatabasePath });

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_second_node_on_the_same_file_is_refused_with_the_files_name()
    {
        await using var second = Create();
        var refusal = await Should.ThrowAsync<StoreMismatchException>(async () => await second.OpenAsync(Instances));
        refusal.Message.ShouldContain(DatabasePath);
        refusal.Message.ShouldContain("in use");
        (await ClaimAsync(0)).ShouldBe(1);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task The_files_are_for_their_owner_only()
    {
        await ClaimAsync(0);
        var files = Directory.GetFiles(Path.GetDirectoryName(DatabasePath)!);
        files.Select(Path.GetFileName).ShouldBe(["journal.db", "journal.db-shm", "journal.db-wal", "journal.db.lock"], ignoreOrder: true);
        foreach (var file in files) File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite, file);
        File.GetUnixFileMode(Path.GetDirectoryName(DatabasePath)!).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [Fact]
    public async Task The_systems_library_is_used_where_there_is_one()
    {
        await ClaimAsync(0);
        var maps = await File.ReadAllTextAsync($"/proc/{Environment.ProcessId}/maps");
        var system = NativeLibrary.TryLoad("libsqlite3.so.0", out _);
        maps.Contains("libsqlite3.so.0", StringComparison.Ordinal).ShouldBe(system);
        maps.Contains("libe_sqlite3.so", StringComparison.Ordinal).ShouldBe(!system);
        Version.Parse(SqliteJournalStore.LibraryVersion).ShouldBeGreaterThan(new Version(3, 24));
    }

    [Fact]
    public async Task A_full_disk_makes_the_store_unavailable_and_what_was_accepted_stays()
    {
        await Store.DisposeAsync();
        await using var small = new SqliteJournalStore(new SqliteOptions { Path = DatabasePath, PageCountMax = 64 });
        await small.OpenAsync(Instances);
        var epoch = (await small.ClaimAsync("a", [0]))[0].Epoch;
        var tail = 0;
        var failure = await Should.ThrowAsync<StoreUnavailableException>(async () =>
        {
            for (; ; tail++)
            {
                await small.AppendAsync([new InstanceAppend
                {
                    Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = tail, NewTail = tail + 1,
                    Entries = [new JournalEntry(tail + 1, "r", 1, new byte[20_000])],
                }]);
            }
        });
        failure.Message.ShouldContain("full");
        tail.ShouldBeGreaterThan(0);
        (await small.ReadJournalAsync(0)).Count.ShouldBe(tail);
        // Space was made: the same append goes through.
        (await small.AppendAsync(
            [new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = tail, NewTail = tail + 1, ReleasedResources = ["r"] }]))
            .ShouldBe([AppendOutcome.Accepted]);
        (await small.AppendAsync([Entries(0, epoch, tail + 1)])).ShouldBe([AppendOutcome.Accepted]);
    }

    [Theory]
    [InlineData(""","a5",{"received":{"codec":"PCMA","packets":148,"lost":2,"jitter_ms":1.3,"round_trip_ms":null,"mos":4.2}"""
        + ""","sent":{"codec":"PCMA","packets":150,"lost":null}}]""", "PCMA|148|2|1.3||4.2|PCMA|150|||")]
    [InlineData(""","a5",null]""", "||||||||||")]
    [InlineData(""","a5"]""", "||||||||||")]
    public async Task Call_records_can_be_read_by_the_names_of_their_fields(string end, string quality)
    {
        var epoch = await ClaimAsync(0);
        var fields = "[" + string.Join(',', Enumerable.Range(0, 28).Select(i => i % 2 == 0 ? $"\"f{i}\"" : $"{i}")) + end;
        await AppendAsync(new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1,
            CallRecords = [new CallRecordRow(Guid.NewGuid(), "a", "r", 70, System.Text.Encoding.UTF8.GetBytes(fields))],
        });
        using var connection = SqliteConnection.Open(DatabasePath, 0);
        const string Names =
            "number node res_id time id nodeid cdrid processid callid ch devno ani dnis dnis2 orgcallno dir devtype busitype callstatus endtype ipscreason "
            + "callfailcause callbegintime connectbegintime callendtime talkduration projectid flowid additionalinfo1 additionalinfo2 additionalinfo3 "
            + "additionalinfo4 additionalinfo5 "
            + "received_codec received_packets received_lost received_jitter_ms received_round_trip_ms received_mos sent_codec sent_packets sent_lost "
            + "sent_jitter_ms sent_mos";
        var columns = string.Join(" || '|' || ", Names.Split(' ').Select(name => $"COALESCE({name}, '')"));
        var row = connection.Prepare($"SELECT {columns} FROM call_record");
        row.Step().ShouldBeTrue();
        row.Text(0).ShouldBe("1|a|r|70|" + string.Join('|', Enumerable.Range(0, 28).Select(i => i % 2 == 0 ? $"f{i}" : $"{i}")) + "|a5|" + quality);
        row.Reset();
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused()
    {
        var path = Path.Combine(_directory, "other.db");
        await File.WriteAllTextAsync(path, new string('x', 8_192));
        await using var store = new SqliteJournalStore(new SqliteOptions { Path = path });
        await Should.ThrowAsync<StoreMismatchException>(async () => await store.OpenAsync(Instances));
        (await File.ReadAllTextAsync(path)).ShouldBe(new string('x', 8_192));
    }

    [Fact]
    public async Task A_path_that_cannot_be_made_is_unavailable_and_names_the_path()
    {
        // The database's own file stands where a directory would have to be.
        var path = Path.Combine(DatabasePath, "journal.db");
        await using var store = new SqliteJournalStore(new SqliteOptions { Path = path });
        (await Should.ThrowAsync<StoreUnavailableException>(async () => await store.OpenAsync(Instances))).Message.ShouldContain(path);
    }

    [Fact]
    public async Task A_store_of_a_newer_version_is_refused()
    {
        await Store.DisposeAsync();
        using (var connection = SqliteConnection.Open(DatabasePath, 0))
            connection.ExecuteScript("INSERT INTO schema_migration(version, applied_at) VALUES(99, '')");
        await using (var store = Create())
            (await Should.ThrowAsync<StoreMismatchException>(async () => await store.OpenAsync(Instances))).Message.ShouldContain("99");
        using (var connection = SqliteConnection.Open(DatabasePath, 0))
            connection.ExecuteScript("DELETE FROM schema_migration WHERE version = 99");
        await ReopenAsync();
    }

    [Fact]
    public async Task A_journal_of_the_first_version_is_brought_up_to_date_with_its_entries_in_order()
    {
        await Store.DisposeAsync();
        using (var connection = SqliteConnection.Open(DatabasePath, 0))
        {
            connection.ExecuteScript("""
                DROP TABLE node;
                DROP VIEW call_record;
                DROP TABLE journal;
                CREATE TABLE journal(instance INTEGER NOT NULL, pos INTEGER NOT NULL, res_id TEXT NOT NULL, version INTEGER NOT NULL, payload BLOB NOT NULL,
                    PRIMARY KEY(instance, pos)) WITHOUT ROWID;
                CREATE INDEX journal_resource ON journal(res_id);
                INSERT INTO journal VALUES(0, 1, 'z', 1, x'01'), (0, 2, 'a', 1, x'02'), (0, 3, 'z', 1, x'03'), (1, 1, 'a', 1, x'04');
                UPDATE instance SET tail = 3 WHERE id = 0;
                DELETE FROM schema_migration WHERE version > 1;
                """);
        }
        await ReopenAsync();
        (await Store.ReadJournalAsync(0)).Select(entry => (entry.Position, entry.ResourceId, entry.Payload.Span[0]))
            .ShouldBe([(1, "z", 1), (2, "a", 2), (3, "z", 3)]);
        var claim = (await Store.ClaimAsync("a", [0]))[0];
        var release = new InstanceAppend
        {
            Instance = 0, Owner = "a", Epoch = claim.Epoch, ExpectedTail = 3, NewTail = 4, Entries = [Entry(4, "z")], ReleasedResources = ["z"],
        };
        (await AppendAsync(release)).ShouldBe(AppendOutcome.Accepted);
        (await Store.ReadJournalAsync(0)).ShouldHaveSingleItem().ResourceId.ShouldBe("a");
        (await Store.ReadJournalAsync(1)).ShouldHaveSingleItem().ResourceId.ShouldBe("a");
    }

    [Fact]
    public async Task Appends_that_arrive_while_a_commit_runs_share_the_next()
    {
        var store = (SqliteJournalStore)Store;
        var epochs = (await store.ClaimAsync("a", [.. Enumerable.Range(0, Instances)])).Select(claim => claim.Epoch).ToArray();
        var before = store.Commits;
        var appends = new List<Task<AppendOutcome>>();
        for (var round = 0; round < 40; round++)
        {
            for (var instance = 0; instance < Instances; instance++) appends.Add(AppendAsync(Entries(instance, epochs[instance], round)));
        }
        (await Task.WhenAll(appends)).ShouldAllBe(outcome => outcome == AppendOutcome.Accepted);
        (store.Commits - before).ShouldBeLessThan(appends.Count / 4);
    }

    [Fact]
    public async Task Reads_wait_for_no_writer()
    {
        var epoch = await ClaimAsync(0);
        await AppendAsync(Events(0, epoch, 0, 3));
        using var blocker = SqliteConnection.Open(DatabasePath, 0);
        blocker.Execute("BEGIN IMMEDIATE");
        var blocked = AppendAsync(Events(0, epoch, 3));
        (await Store.ReadEventsAsync("app", 0, 0, 10)).Count.ShouldBe(3);
        blocked.IsCompleted.ShouldBeFalse();
        blocker.Execute("ROLLBACK");
        (await blocked).ShouldBe(AppendOutcome.Accepted);
    }

    [Fact]
    public async Task A_bug_in_one_callers_work_fails_that_caller_alone()
    {
        var epochs = (await Store.ClaimAsync("a", [0, 1, 2])).Select(claim => claim.Epoch).ToArray();
        // A row forged into the file makes one append's insert hit a duplicate key.
        using (var connection = SqliteConnection.Open(DatabasePath, 1_000))
            connection.ExecuteScript("INSERT INTO journal(instance, pos, res_id, version, payload) VALUES(1, 1, 'r', 1, x'')");
        var appends = new[] { AppendAsync(Entries(0, epochs[0], 0)), AppendAsync(Entries(1, epochs[1], 0)), AppendAsync(Entries(2, epochs[2], 0)) };
        (await appends[0]).ShouldBe(AppendOutcome.Accepted);
        await Should.ThrowAsync<InvalidOperationException>(() => appends[1]);
        (await appends[2]).ShouldBe(AppendOutcome.Accepted);
        (await Store.ReadOwnershipAsync()).Take(3).Select(owned => owned.Tail).ShouldBe([1, 0, 1]);
    }

    [Fact]
    public async Task A_cancelled_append_that_was_not_begun_writes_nothing()
    {
        var epoch = await ClaimAsync(0);
        using var blocker = SqliteConnection.Open(DatabasePath, 0);
        blocker.Execute("BEGIN IMMEDIATE");
        var first = AppendAsync(Entries(0, epoch, 0));
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(async () => await Store.AppendAsync([Entries(0, epoch, 1)], cancel.Token));
        blocker.Execute("ROLLBACK");
        await first;
        (await Store.ReadOwnershipAsync())[0].Tail.ShouldBe(1);
    }

    [Fact]
    public async Task After_the_store_is_disposed_every_call_is_refused_and_what_was_queued_is_written()
    {
        var epoch = await ClaimAsync(0);
        var appends = Enumerable.Range(0, 20).Select(tail => AppendAsync(Entries(0, epoch, tail))).ToArray();
        await Store.DisposeAsync();
        (await Task.WhenAll(appends)).ShouldAllBe(outcome => outcome == AppendOutcome.Accepted);
        await Should.ThrowAsync<ObjectDisposedException>(() => AppendAsync(Entries(0, epoch, 20)));
        await Should.ThrowAsync<ObjectDisposedException>(async () => await Store.ReadOwnershipAsync());
    }
}
