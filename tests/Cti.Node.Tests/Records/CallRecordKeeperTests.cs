using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Cti.Calls.Call;
using Cti.Contract;
using Cti.Kernel;
using Cti.Node.Records;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;

namespace Cti.Node.Tests.Records;

/// <summary>Records of the table in files: a line each, by day, over restarts and failures.</summary>
public sealed class CallRecordKeeperTests : IAsyncLifetime
{
    // 2023-11-14 22:13:20 UTC.
    private const long Start = 1_700_000_000_000;
    private const long HourMillis = 3_600_000;

    private readonly string _root = Directory.CreateTempSubdirectory("cti-cdr-").FullName;
    private readonly MemoryDisk _disk = new();
    private readonly SettableClock _clock = new();
    private readonly HandTimers _timers = new();
    private readonly CollectingLog _log = new();
    private MemoryJournalStore _store = null!;
    private long _epoch;
    private long _tail;

    private string Folder => Path.Combine(_root, "cdr");

    public async Task InitializeAsync() => await OpenAsync(_disk);

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task A_record_is_a_line_of_the_fields_in_their_order_without_a_header()
    {
        await AddAsync(Start, "one");
        (await Keeper().PassAsync()).ShouldBeTrue();
        var lines = Lines("cdr-20231114.csv");
        lines.ShouldHaveSingleItem().ShouldBe(
            "00000000-0000-0000-0000-000000000001,0.0.7,,42,call@far,42,0:0:42,1001,2002,,,0,2,sys.call,1,2,,200,2023-11-14 22:13:10,2023-11-14 "
            + "22:13:12,2023-11-14 22:13:20,8,"
            + "sys,call,0.0.7-sys.call-42,one,,,");
        lines[0].Split(',').Length.ShouldBe(CallRecordFields.Names.Length);
    }

    [Theory]
    [InlineData("plain; text", "plain; text")]
    [InlineData("a,b", "\"a,b\"")]
    [InlineData("say \"hi\"", "\"say \"\"hi\"\"\"")]
    [InlineData("\"", "\"\"\"\"")]
    [InlineData("two\r\nlines", "\"two\r\nlines\"")]
    [InlineData("你好 \u0001 ü \\", "你好 \u0001 ü \\")]
    public void Fields_are_quoted_as_RFC_4180_says_and_only_where_it_must_be(string userData, string expected)
    {
        var line = new System.Buffers.ArrayBufferWriter<byte>();
        CsvLine.Write(line, Fields(1, Start, userData).Span);
        Encoding.UTF8.GetString(line.WrittenSpan).ShouldContain($"0.0.7-sys.call-42,{expected},,,\r\n");
    }

    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("+4930123", "'+4930123")]
    [InlineData("-1", "'-1")]
    [InlineData("@SUM(A1)", "'@SUM(A1)")]
    [InlineData("\t=1", "'\t=1")]
    [InlineData("\r=1", "\"'\r=1\"")]
    [InlineData("\n=1", "\"'\n=1\"")]
    [InlineData("  =1", "'  =1")]
    [InlineData("＝1", "'＝1")]
    [InlineData("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"")]
    [InlineData("1+1", "1+1")]
    [InlineData("a=b", "a=b")]
    [InlineData("'=1", "'=1")]
    [InlineData("  ", "  ")]
    public void A_text_that_a_spreadsheet_would_calculate_begins_with_an_apostrophe_unless_it_shall_be_kept(string userData, string expected)
    {
        LineOf(userData, keepsFormulas: false).ShouldContain($"0.0.7-sys.call-42,{expected},,,\r\n");
        var kept = userData.IndexOfAny(['"', ',', '\r', '\n']) < 0 ? userData : $"\"{userData.Replace("\"", "\"\"")}\"";
        LineOf(userData, keepsFormulas: true).ShouldContain($"0.0.7-sys.call-42,{kept},,,\r\n");
    }

    [Fact]
    public void Numbers_of_a_record_are_ours_and_stay_as_they_are()
    {
        var fields = JsonSerializer.Deserialize<JsonElement[]>(Fields(1, Start, "x").Span)!;
        var number = Array.FindIndex(fields, static field => field.ValueKind == JsonValueKind.Number);
        fields[number] = JsonSerializer.SerializeToElement(-7);
        var line = new System.Buffers.ArrayBufferWriter<byte>();
        CsvLine.Write(line, JsonSerializer.SerializeToUtf8Bytes(fields));
        Encoding.UTF8.GetString(line.WrittenSpan).Split(',')[number].ShouldBe("-7");
    }

    private static string LineOf(string userData, bool keepsFormulas)
    {
        var line = new System.Buffers.ArrayBufferWriter<byte>();
        CsvLine.Write(line, Fields(1, Start, userData).Span, keepsFormulas);
        return Encoding.UTF8.GetString(line.WrittenSpan);
    }

    [Fact]
    public async Task The_file_is_that_of_the_day_on_which_the_call_ended_in_the_configured_time_zone()
    {
        var zone = TimeZoneInfo.CreateCustomTimeZone("east", TimeSpan.FromHours(8), "east", "east");
        // In that zone 6:13 of the 15th, and 24 hours later; the third was closed before the second and stored after it.
        await AddAsync(Start, "today");
        await AddAsync(Start + (24 * HourMillis), "tomorrow");
        await AddAsync(Start + HourMillis, "late");
        await Keeper(zone: zone).PassAsync();
        Users("cdr-20231115.csv").ShouldBe(["today", "late"]);
        Users("cdr-20231116.csv").ShouldBe(["tomorrow"]);
    }

    [Fact]
    public async Task A_restart_goes_on_behind_the_last_line_and_repeats_none()
    {
        await AddAsync(Start, "one");
        await using (var first = Keeper()) await first.PassAsync();
        await AddAsync(Start, "two");
        await using (var second = Keeper()) await second.PassAsync();
        Users("cdr-20231114.csv").ShouldBe(["one", "two"]);
    }

    [Fact]
    public async Task What_a_crash_left_behind_the_position_is_taken_away_and_written_again()
    {
        await AddAsync(Start, "one");
        await Keeper().PassAsync();
        await AddAsync(Start, "two");
        // The crash came within the second line, and once again after it but before the position was kept.
        await File.AppendAllTextAsync(Path.Combine(Folder, "cdr-20231114.csv"), "00000000-0000-0000-0000-0000");
        await Keeper().PassAsync();
        Users("cdr-20231114.csv").ShouldBe(["one", "two"]);
    }

    [Fact]
    public async Task A_new_days_first_line_that_a_crash_cut_is_written_whole()
    {
        await AddAsync(Start, "one");
        await Keeper().PassAsync();
        var before = await File.ReadAllTextAsync(Path.Combine(Folder, "position.json"));
        await AddAsync(Start + (2 * HourMillis), "two");
        await Keeper().PassAsync();
        // As of the moment before the append: the new file is named, nothing of it counts.
        var position = JsonSerializer.Deserialize<CallRecordPosition>(before)!;
        await File.WriteAllTextAsync(Path.Combine(Folder, "position.json"), JsonSerializer.Serialize(position with { File = "cdr-20231115.csv", Length = 0 }));
        await Keeper().PassAsync();
        Users("cdr-20231115.csv").ShouldBe(["two"]);
        Users("cdr-20231114.csv").ShouldBe(["one"]);
    }

    [Fact]
    public async Task A_file_that_was_moved_away_is_begun_again()
    {
        await AddAsync(Start, "one");
        var keeper = Keeper();
        await keeper.PassAsync();
        File.Move(Path.Combine(Folder, "cdr-20231114.csv"), Path.Combine(Folder, "collected.csv"));
        await AddAsync(Start, "two");
        await keeper.PassAsync();
        Users("cdr-20231114.csv").ShouldBe(["two"]);
        Users("collected.csv").ShouldBe(["one"]);
    }

    [Theory]
    [InlineData("not a position")]
    [InlineData("""{"Row":1,"Id":"99999999-0000-0000-0000-000000000000","File":"cdr-20231113.csv","Length":0}""")]
    [InlineData("""{"Row":7,"Id":"00000000-0000-0000-0000-000000000007","File":"cdr-20231113.csv","Length":0}""")]
    public async Task A_position_that_is_unreadable_or_of_another_journal_loses_nothing_and_is_logged(string position)
    {
        Directory.CreateDirectory(Folder);
        await File.WriteAllTextAsync(Path.Combine(Folder, "position.json"), position);
        await AddAsync(Start, "one");
        await AddAsync(Start, "two");
        await Keeper().PassAsync();
        Users("cdr-20231114.csv").ShouldBe(["one", "two"]);
        _log.Kinds.ShouldBe([LogEvents.CallRecordsAnew]);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_said_once_and_everything_follows_when_it_can()
    {
        await File.WriteAllTextAsync(Folder, "a file stands where the folder would be");
        await AddAsync(Start, "one");
        var keeper = Keeper();
        (await keeper.PassAsync()).ShouldBeFalse();
        (await keeper.PassAsync()).ShouldBeFalse();
        _log.Kinds.ShouldBe([LogEvents.CallRecordsHeld]);
        File.Delete(Folder);
        await AddAsync(Start, "two");
        (await keeper.PassAsync()).ShouldBeTrue();
        (await keeper.PassAsync()).ShouldBeTrue();
        Users("cdr-20231114.csv").ShouldBe(["one", "two"]);
        _log.Kinds.ShouldBe([LogEvents.CallRecordsHeld, LogEvents.CallRecordsFlow]);
    }

    [Fact]
    public async Task A_day_whose_file_cannot_be_opened_holds_up_the_next_and_nothing_is_doubled()
    {
        Directory.CreateDirectory(Path.Combine(Folder, "cdr-20231115.csv"));
        await AddAsync(Start, "one");
        await AddAsync(Start + (2 * HourMillis), "two");
        await AddAsync(Start, "three");
        var keeper = Keeper();
        (await keeper.PassAsync()).ShouldBeFalse();
        (await keeper.PassAsync()).ShouldBeFalse();
        Users("cdr-20231114.csv").ShouldBe(["one"]);
        Directory.Delete(Path.Combine(Folder, "cdr-20231115.csv"));
        (await keeper.PassAsync()).ShouldBeTrue();
        Users("cdr-20231115.csv").ShouldBe(["two"]);
        Users("cdr-20231114.csv").ShouldBe(["one", "three"]);
    }

    [Fact]
    public async Task More_records_than_a_batch_holds_are_all_written_in_order()
    {
        var count = (2 * CallRecordKeeper.BatchMax) + 1;
        for (var i = 0; i < count; i++) await AddAsync(Start, $"{i}");
        await Keeper().PassAsync();
        Users("cdr-20231114.csv").ShouldBe(Enumerable.Range(0, count).Select(i => $"{i}"));
    }

    [Fact]
    public async Task Records_of_other_nodes_are_left_to_them()
    {
        await AddAsync(Start, "mine");
        await AddAsync(Start, "theirs", node: "n2");
        await Keeper().PassAsync();
        Users("cdr-20231114.csv").ShouldBe(["mine"]);
    }

    [Fact]
    public async Task Retention_drops_what_is_old_and_written_but_never_the_row_of_the_position()
    {
        await AddAsync(Start - (48 * HourMillis), "old");
        await AddAsync(Start - (47 * HourMillis), "old too");
        await Keeper(retentionMillis: 24 * HourMillis).PassAsync();
        (await RowsAsync()).ShouldBe([2]);
        await AddAsync(Start, "young");
        await Keeper(retentionMillis: 24 * HourMillis).PassAsync();
        (await RowsAsync()).ShouldBe([3]);
        Users("cdr-20231112.csv").ShouldBe(["old", "old too"]);
        Users("cdr-20231114.csv").ShouldBe(["young"]);
        _log.Kinds.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_could_not_be_written_is_not_dropped()
    {
        await File.WriteAllTextAsync(Folder, "");
        await AddAsync(Start - (48 * HourMillis), "old");
        (await Keeper(retentionMillis: 24 * HourMillis).PassAsync()).ShouldBeFalse();
        (await RowsAsync()).ShouldBe([1]);
    }

    [Fact]
    public async Task Without_files_retention_drops_by_age_alone_and_for_ever_means_for_ever()
    {
        await AddAsync(Start - (48 * HourMillis), "old");
        await Keeper(files: false).PassAsync();
        (await RowsAsync()).ShouldBe([1]);
        await Keeper(files: false, retentionMillis: 24 * HourMillis).PassAsync();
        (await RowsAsync()).ShouldBeEmpty();
        Directory.Exists(Folder).ShouldBeFalse();
    }

    [Fact]
    public async Task A_store_that_is_away_is_asked_again()
    {
        var faults = new ScriptedStoreFaults();
        faults.FailNext(StoreOperation.ReadCallRecords);
        await AddAsync(Start, "one");
        var keeper = Keeper(store: new FaultyJournalStore(_store, faults));
        (await keeper.PassAsync()).ShouldBeFalse();
        (await keeper.PassAsync()).ShouldBeTrue();
        Users("cdr-20231114.csv").ShouldBe(["one"]);
        _log.Kinds.ShouldBe([LogEvents.CallRecordsWait, LogEvents.CallRecordsFlow]);
        LogEvents.CallRecordsWait.Severity.ShouldBe(LogSeverity.Warning, "the store says itself that it is away");
    }

    [Fact]
    public async Task Another_reason_for_waiting_is_said_too()
    {
        var faults = new ScriptedStoreFaults();
        faults.FailNext(StoreOperation.ReadCallRecords);
        await AddAsync(Start, "one");
        var keeper = Keeper(store: new FaultyJournalStore(_store, faults));
        (await keeper.PassAsync()).ShouldBeFalse();
        Directory.Delete(Folder, recursive: true);
        await File.WriteAllTextAsync(Folder, "a file stands where the folder would be");
        (await keeper.PassAsync()).ShouldBeFalse();
        (await keeper.PassAsync()).ShouldBeFalse();
        _log.Kinds.ShouldBe([LogEvents.CallRecordsWait, LogEvents.CallRecordsHeld]);
    }

    [Fact]
    public async Task It_looks_every_second_every_five_after_a_failure_and_once_more_when_it_stops()
    {
        await AddAsync(Start, "one");
        var keeper = Keeper();
        keeper.Start();
        _timers.Fire().ShouldBe(0);
        _timers.Fire().ShouldBe(1000);
        Users("cdr-20231114.csv").ShouldBe(["one"]);
        Directory.Delete(Folder, recursive: true);
        await File.WriteAllTextAsync(Folder, "");
        await AddAsync(Start, "two");
        _timers.Fire().ShouldBe(1000);
        _timers.Next().Delay.ShouldBe(5000);
        File.Delete(Folder);
        Directory.CreateDirectory(Folder);
        await keeper.DisposeAsync();
        Users("cdr-20231114.csv").ShouldBe(["two"]);
        await keeper.DisposeAsync();
    }

    private CallRecordKeeper Keeper(bool files = true, TimeZoneInfo? zone = null, long retentionMillis = 0, IJournalStore? store = null) => new(
        new CallRecordKeeperOptions { Node = "n1", RetentionMillis = retentionMillis }, store ?? _store,
        files ? new CallRecordFiles(Folder, zone ?? TimeZoneInfo.Utc) : null, _clock, _timers, _log);

    private async Task OpenAsync(MemoryDisk disk)
    {
        _store = await OpenedAsync(disk);
        _epoch = (await _store.ClaimAsync("n1", [0]))[0].Epoch;
    }

    private static async Task<MemoryJournalStore> OpenedAsync(MemoryDisk disk)
    {
        var store = new MemoryJournalStore(disk);
        await store.OpenAsync(1);
        return store;
    }

    private async Task AddAsync(long endedMillis, string userData, string node = "n1")
    {
        var number = (int)++_tail;
        var row = new CallRecordRow(new Guid(0, 0, 0, [0, 0, 0, 0, 0, 0, (byte)(number >> 8), (byte)number]), node, "0.0.7-sys.call-42", endedMillis,
            Fields(number, endedMillis, userData));
        (await _store.AppendAsync(
            [new InstanceAppend { Instance = 0, Owner = "n1", Epoch = _epoch, ExpectedTail = number - 1, NewTail = number, CallRecords = [row] }]))
            .ShouldBe([AppendOutcome.Accepted]);
    }

    private async Task<long[]> RowsAsync() => [.. (await _store.ReadCallRecordsAsync("n1", 0, 100)).Select(stored => stored.RowNumber)];

    private static ReadOnlyMemory<byte> Fields(int number, long endedMillis, string userData) => JsonSerializer.SerializeToUtf8Bytes(new object?[]
    {
        new Guid(0, 0, 0, [0, 0, 0, 0, 0, 0, (byte)(number >> 8), (byte)number]), "0.0.7", "", 42, "call@far", 42, "0:0:42", "1001", "2002", "", "", 0, 2,
        "sys.call", 1, 2, "", 200,
        Time(endedMillis - 10_000), Time(endedMillis - 8_000), Time(endedMillis), 8, "sys", "call", "0.0.7-sys.call-42", userData, "", "", "",
        new { received = new { packets = 1, codec = "PCMA,\"" } },
    });

    private static string Time(long millis) =>
        DateTimeOffset.FromUnixTimeMilliseconds(millis).ToString("yyyy-MM-dd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);

    private string[] Lines(string file)
    {
        var text = File.ReadAllText(Path.Combine(Folder, file));
        text.ShouldEndWith("\r\n");
        return text[..^2].Split("\r\n");
    }

    private IEnumerable<string> Users(string file) => Lines(file).Select(line => line.Split(',')[25]);

    private sealed class SettableClock : IClock
    {
        public long MonotonicNanos => UnixMillis * 1_000_000;

        public long UnixMillis { get; set; } = Start;
    }

    private sealed class HandTimers : ITimers
    {
        private readonly BlockingCollection<(long Delay, Action Fire)> _waiting = [];

        public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state)
        {
            _waiting.Add((delayMillis, () => callback(state)));
            return new Handle();
        }

        /// <summary>Waits for the next timer.</summary>
        public (long Delay, Action Fire) Next()
        {
            _waiting.TryTake(out var timer, TimeSpan.FromSeconds(20)).ShouldBeTrue("no timer was started");
            return timer;
        }

        /// <summary>Waits for the next timer and lets it fire; answers its delay. What it starts is over when the next one is there.</summary>
        public long Fire()
        {
            var timer = Next();
            timer.Fire();
            SpinWait.SpinUntil(() => _waiting.Count > 0, TimeSpan.FromSeconds(20)).ShouldBeTrue();
            return timer.Delay;
        }

        private sealed class Handle : ITimerHandle
        {
            public void Cancel()
            {
            }
        }
    }

    private sealed class CollectingLog : ILog
    {
        public List<LogEvent> Kinds { get; } = [];

        public bool IsEnabled(LogSeverity severity) => true;

        public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments) => Kinds.Add(kind);
    }
}
