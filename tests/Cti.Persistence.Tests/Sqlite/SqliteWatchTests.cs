using System.Runtime.Versioning;
using Cti.Persistence.Sqlite;

namespace Cti.Persistence.Tests.Sqlite;

/// <summary>A journal's file that is damaged or gone: while it is open, and at the start.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class SqliteWatchTests : IDisposable
{
    private const int Instances = 4;
    private static readonly TimeSpan Seconds = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("cti-watch-").FullName;
    private readonly TaskCompletionSource<string> _broke = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _told;

    private string Journal => Path.Combine(_folder, "data", "journal.db");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private SqliteJournalStore Create() => new(new SqliteOptions
    {
        Path = Journal,
        Broke = why =>
        {
            _told++;
            _broke.TrySetResult(why);
        },
    });

    private async Task<SqliteJournalStore> OpenAsync()
    {
        var store = Create();
        await store.OpenAsync(Instances);
        return store;
    }

    /// <summary>Some entries that are in the database itself, not only in its -wal.</summary>
    private static async Task<long> FillAsync(SqliteJournalStore store, int count)
    {
        var epoch = (await store.ClaimAsync("a", [0]))[0].Epoch;
        for (var tail = 0; tail < count; tail++)
        {
            (await store.AppendAsync([new InstanceAppend
            {
                Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = tail, NewTail = tail + 1,
                Entries = [new JournalEntry(tail + 1, $"r{tail}", 1, new byte[3_000])],
            }])).ShouldBe([AppendOutcome.Accepted]);
        }
        return epoch;
    }

    private static async Task ShouldRefuseAsync(SqliteJournalStore store, long epoch, long tail)
    {
        var refusal = await Should.ThrowAsync<StoreUnavailableException>(async () =>
            await store.AppendAsync([new InstanceAppend { Instance = 0, Owner = "a", Epoch = epoch, ExpectedTail = tail, NewTail = tail + 1,
                Entries = [new JournalEntry(tail + 1, "r", 1, new byte[1])] }]));
        refusal.IsBroken.ShouldBeTrue();
    }

    private async Task ShouldBreakAsync(SqliteJournalStore store, string what)
    {
        var why = await _broke.Task.WaitAsync(Seconds);
        why.ShouldStartWith(Journal);
        why.ShouldContain(what);
        why.ShouldContain("stop the node");
        store.WhyBroken.ShouldBe(why);
        _told.ShouldBe(1, "it is said once");
    }

    [Theory]
    [InlineData("", "the file was deleted or moved away")]
    [InlineData("-wal", "-wal, which holds what was written last, was deleted or moved away")]
    [InlineData("-shm", "-shm, which its connections share, was deleted or moved away")]
    public async Task A_file_that_is_deleted_while_it_is_open_is_noticed_and_nothing_more_is_written(string which, string what)
    {
        await using var store = await OpenAsync();
        var epoch = await FillAsync(store, 1);
        store.WhyBroken.ShouldBeNull();
        File.Delete(Journal + which);
        await ShouldBreakAsync(store, what);
        await ShouldRefuseAsync(store, epoch, 1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-wal")]
    public async Task Another_file_under_its_name_is_noticed(string which)
    {
        await using var store = await OpenAsync();
        var epoch = await FillAsync(store, 1);
        File.Copy(Journal + which, Journal + ".copy");
        File.Move(Journal + ".copy", Journal + which, overwrite: true);
        await ShouldBreakAsync(store, "was replaced by another");
        await ShouldRefuseAsync(store, epoch, 1);
    }

    [Fact]
    public async Task A_folder_that_is_moved_away_with_the_file_is_noticed()
    {
        await using var store = await OpenAsync();
        var epoch = await FillAsync(store, 1);
        Directory.Move(Path.GetDirectoryName(Journal)!, Path.Combine(_folder, "elsewhere"));
        await ShouldBreakAsync(store, "was deleted or moved away");
        await ShouldRefuseAsync(store, epoch, 1);
    }

    [Theory]
    [InlineData(0, 1, true)]
    [InlineData(1, 8, true)]
    [InlineData(20, 1, false)]
    [InlineData(0, 0, true)]
    public async Task Pages_that_are_overwritten_while_the_file_is_open_are_noticed_without_being_used(int firstPage, int pages, bool isSmall)
    {
        long epoch;
        var count = isSmall ? 10 : 200;
        // All that was written is moved into the database when the last connection closes.
        await using (var first = await OpenAsync()) await FillAsync(first, count);
        await using var store = await OpenAsync();
        epoch = (await store.ClaimAsync("a", [0]))[0].Epoch;
        await OverwriteAsync(firstPage, pages);
        await ShouldBreakAsync(store, "");
        await ShouldRefuseAsync(store, epoch, count);
    }

    /// <summary>Bytes that are no page; no pages at all: the file is cut to nothing.</summary>
    private async Task OverwriteAsync(int firstPage, int pages)
    {
        // Written by another process, as whoever does it is one: closing a file drops this process's locks on it.
        var script = pages == 0
            ? "import sys; open(sys.argv[1],'r+b').truncate(0)"
            : "import sys; f=open(sys.argv[1],'r+b'); f.seek(4096*int(sys.argv[2])); f.write(b'\\xa5'*4096*int(sys.argv[3])); f.close()";
        using var python = System.Diagnostics.Process.Start("python3", ["-c", script, Journal, $"{firstPage}", $"{pages}"]);
        await python.WaitForExitAsync();
        python.ExitCode.ShouldBe(0);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 0)]
    public async Task The_first_page_in_the_file_is_looked_at_though_a_newer_one_is_in_the_wal(int firstPage, int pages)
    {
        await using var store = await OpenAsync();
        var epoch = await FillAsync(store, 1);
        await OverwriteAsync(firstPage, pages);
        await ShouldBreakAsync(store, "the file");
        await ShouldRefuseAsync(store, epoch, 1);
    }

    [Fact]
    public async Task A_sound_file_in_use_stays_trusted_through_many_checks()
    {
        await using var store = await OpenAsync();
        await FillAsync(store, 400);
        for (var look = 0; look < 100; look++)
        {
            await store.WriteFeedPositionsAsync("app", "group", new Dictionary<int, long> { [0] = look });
            store.Watch!.Look(mustCheck: true).ShouldBeNull();
        }
        store.WhyBroken.ShouldBeNull();
    }

    [Fact]
    public async Task A_folder_in_the_files_place_is_named()
    {
        Directory.CreateDirectory(Journal);
        await ShouldNotStartAsync<StoreMismatchException>("is a folder; cti.journal.file names a file");
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_named_with_what_to_do()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Journal)!);
        await File.WriteAllTextAsync(Journal, new string('x', 20_000));
        await ShouldNotStartAsync<StoreMismatchException>("is no sound SQLite database", "not a database", "move it away");
    }

    [Fact]
    public async Task A_corrupt_page_is_found_at_the_start_wherever_it_is()
    {
        await using (var first = await OpenAsync()) await FillAsync(first, 200);
        await OverwriteAsync(150, 1);
        await ShouldNotStartAsync<StoreMismatchException>("is no sound SQLite database", "page", "move it away");
    }

    [Fact]
    public async Task A_file_system_that_may_not_be_written_is_named_with_who_would_have_to_be_allowed()
    {
        const string Forbidden = "/sys/kernel/cti/journal.db";
        await using var store = new SqliteJournalStore(new SqliteOptions { Path = Forbidden });
        var refusal = await Should.ThrowAsync<StoreUnavailableException>(async () => await store.OpenAsync(Instances));
        refusal.Message.ShouldContain(Forbidden);
        refusal.Message.ShouldContain("cannot be opened");
    }

    [Theory]
    [InlineData(30, "file system is read-only")]
    [InlineData(28, "no space is left")]
    public void What_the_system_says_of_a_disk_is_said_with_what_would_be_right(int errno, string what)
    {
        var explained = SqliteOpening.Explain(Journal, new IOException("as the system says it", errno)).ShouldBeOfType<StoreUnavailableException>();
        explained.Message.ShouldContain(Journal);
        explained.Message.ShouldContain(what);
        explained.Message.ShouldContain("as the system says it");
        explained.Message.ShouldContain("cti.data");
    }

    [Fact]
    public void Who_may_not_open_the_file_is_told_who_it_is() =>
        SqliteOpening.Explain(Journal, new UnauthorizedAccessException("Access is denied."))!.Message.ShouldContain(Environment.UserName);

    [Fact]
    public async Task A_disk_without_room_for_a_new_journal_is_named()
    {
        await using var store = new SqliteJournalStore(new SqliteOptions { Path = Journal, PageCountMax = 2 });
        var refusal = await Should.ThrowAsync<StoreUnavailableException>(async () => await store.OpenAsync(Instances));
        refusal.Message.ShouldStartWith(Journal);
        refusal.Message.ShouldContain("no space is left");
        refusal.Message.ShouldNotContain("CREATE TABLE");
    }

    [Fact]
    public async Task Another_node_with_the_same_file_is_named()
    {
        await using var first = await OpenAsync();
        await ShouldNotStartAsync<StoreMismatchException>("in use by another node", "cti.data");
        first.WhyBroken.ShouldBeNull("the first goes on");
    }

    [Fact]
    public async Task Another_program_that_holds_the_file_is_named()
    {
        await (await OpenAsync()).DisposeAsync();
        using var other = SqliteConnection.Open(Journal, 0);
        other.ExecuteScript("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM cdr");
        await ShouldNotStartAsync<StoreUnavailableException>("locked by another program");
    }

    [Fact]
    public async Task A_journal_of_a_newer_version_is_named_with_what_to_do()
    {
        await (await OpenAsync()).DisposeAsync();
        using (var connection = SqliteConnection.Open(Journal, 0)) connection.ExecuteScript("INSERT INTO schema_migration(version, applied_at) VALUES(99, '')");
        await ShouldNotStartAsync<StoreMismatchException>("newer version", "99", "cti.journal.file");
    }

    [Fact]
    public async Task A_journal_of_another_number_of_instances_is_named_with_what_to_do()
    {
        await (await OpenAsync()).DisposeAsync();
        await using var store = Create();
        (await Should.ThrowAsync<StoreMismatchException>(async () => await store.OpenAsync(Instances + 1)))
            .Message.ShouldContain($"cti.instances = {Instances}");
    }

    private async Task ShouldNotStartAsync<T>(params string[] words) where T : Exception
    {
        await using var store = Create();
        var refusal = await Should.ThrowAsync<T>(async () => await store.OpenAsync(Instances));
        refusal.Message.ShouldContain(Journal);
        foreach (var word in words) refusal.Message.ShouldContain(word);
    }
}
