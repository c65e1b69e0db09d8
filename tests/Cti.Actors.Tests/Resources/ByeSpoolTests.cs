using System.Security.Cryptography;
using System.Text;
using Cti.Actors.Resources;
using Cti.Calls.Call;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;

namespace Cti.Actors.Tests.Resources;

/// <summary>What a node keeps of the BYEs that it answered while it could write nothing.</summary>
public sealed class ByeSpoolTests
{
    private const string First = "0.0.1-sys.call-129", Second = "0.0.2-sys.call-130";
    private const long Day = 24 * 3600 * 1000L;

    private readonly ManualRuntime _runtime = new();
    private readonly MemorySpoolFile _disk = new();
    private readonly Lines _log = new();
    private bool _isCutOff = true;
    private bool _isServed;

    private string Content => Encoding.UTF8.GetString(_disk.Content.Span);

    private static string SumOf(string body) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)).AsSpan(0, 4));

    private ByeArrived Bye(int? cause) => new(cause) { AtMillis = _runtime.UnixMillis };

    /// <summary>A process that begins on the disk that is there.</summary>
    private ByeSpool Begin(ISpoolFile? file = null)
    {
        var view = new ClusterView(1, [], [.. Enumerable.Repeat(new InstanceOwner("b", 1), 4)]);
        ByeSpool? spool = null;
        var post = new ResourcePost("a", new ResourceDirectory(), _ => _isServed, () => view, null, _runtime, _log)
        {
            Unclaimed = resource => spool!.Forget(resource),
        };
        spool = new ByeSpool(file ?? _disk, post, () => _isCutOff, _runtime, _runtime, _runtime, _log);
        ManualRuntime.Inline(() => spool.ReadAsync().IsCompletedSuccessfully.ShouldBeTrue());
        spool.Start();
        _runtime.RunAll();
        return spool;
    }

    [Fact]
    public void What_is_kept_is_there_for_the_next_process_with_its_cause_and_its_time()
    {
        var spool = Begin();
        var written = 0;
        var at = _runtime.UnixMillis;
        spool.Keep(First, Bye(486), () => written++);
        written.ShouldBe(0, "not before it is on the disk");
        _runtime.RunAll();
        written.ShouldBe(1);
        _runtime.Advance(5000);
        spool.Keep(Second, Bye(null), () => written++);
        _runtime.RunAll();
        written.ShouldBe(2);
        var next = Begin();
        next.Find(First).ShouldBe(new ByeArrived(486) { AtMillis = at });
        next.Find(Second).ShouldBe(new ByeArrived(null) { AtMillis = at + 5000 });
        var body = $"1 bye {at} 486 {First}";
        Content.Split('\n')[0].ShouldBe($"{body} {SumOf(body)}", "nothing but this is in it");
        _log.Written.ShouldBe([LogEvents.ByesLeft], "the next process says what it found");
    }

    [Fact]
    public void It_is_told_until_there_is_no_such_call_and_then_leaves_the_file()
    {
        var spool = Begin();
        spool.Keep(First, Bye(486));
        _runtime.Advance(10_000);
        (spool.Count, Content.Length > 0).ShouldBe((1, true), "a node that is cut off tells nobody");
        _isCutOff = false;
        _isServed = true;
        _runtime.Advance(1000);
        (spool.Count, Content).ShouldBe((0, ""));
        _runtime.Advance(1000);
        _runtime.PendingTimers.ShouldBe(0);
    }

    [Fact]
    public void A_process_that_dies_before_anybody_was_told_leaves_it_to_the_next_one()
    {
        Begin().Keep(First, Bye(486));
        _runtime.RunAll();
        (_isCutOff, _isServed) = (false, true);
        var next = Begin();
        _runtime.Advance(1000);
        (next.Count, Content).ShouldBe((0, ""), "the owner, this node, knows of no such call");
    }

    [Fact]
    public void A_torn_write_costs_its_own_record_only_and_what_comes_next_is_not_added_to_it()
    {
        var spool = Begin();
        spool.Keep(First, Bye(486));
        _runtime.RunAll();
        var whole = _disk.Content.Length;
        spool.Keep(Second, Bye(600));
        _runtime.RunAll();
        var both = _disk.Content.ToArray();
        for (var length = whole + 1; length < both.Length; length++)
        {
            _disk.Content = both.AsMemory(0, length);
            _log.Written.Clear();
            var next = Begin();
            next.Find(First).ShouldNotBeNull();
            next.Find(Second).ShouldBeNull();
            _log.Written.ShouldBe([LogEvents.ByeRecordSkipped, LogEvents.ByesLeft]);
            next.Keep(Second, Bye(600));
            _runtime.RunAll();
            _log.Written.Clear();
            var last = Begin();
            last.Count.ShouldBe(2);
            _log.Written.ShouldBe([LogEvents.ByesLeft]);
        }
    }

    [Fact]
    public void A_damaged_record_in_the_middle_and_one_of_another_version_are_passed_over()
    {
        var spool = Begin();
        foreach (var call in (string[])[First, Second]) spool.Keep(call, Bye(486));
        _runtime.RunAll();
        var later = $"2 bye {_runtime.UnixMillis} 486 {First} more";
        var strange = "1 hello there";
        _disk.Content = Encoding.UTF8.GetBytes($"{later} {SumOf(later)}\n{Content.Replace("486 " + First, "487 " + First, StringComparison.Ordinal)}\n\n"
            + $"{strange} {SumOf(strange)}\n\uFFFD\n");
        var next = Begin();
        (next.Find(First), next.Find(Second)?.ReasonCause).ShouldBe((null, 486));
        _log.Written.ShouldBe([.. Enumerable.Repeat(LogEvents.ByeRecordSkipped, 6), LogEvents.ByesLeft]);
        Content.Split('\n').Length.ShouldBe(2, "the file is made anew of what is good");
    }

    [Fact]
    public void Past_its_bound_a_BYE_is_answered_all_the_same_and_not_kept()
    {
        var spool = Begin();
        for (var i = 1; i <= Limits.ToldByesMax; i++) spool.Keep($"0.0.1-sys.call-{i}", Bye(200));
        var isAnswered = false;
        spool.Keep("0.0.1-sys.call-9000", Bye(486), () => isAnswered = true);
        isAnswered.ShouldBeTrue();
        _runtime.RunAll();
        (spool.Count, spool.Find("0.0.1-sys.call-9000")).ShouldBe((Limits.ToldByesMax, null));
        _log.Written.ShouldBe([LogEvents.ByeSpoolFull]);
        _disk.Content.Length.ShouldBeLessThan(Limits.ToldByesMax * ByeRecord.BytesMax);
        Begin().Count.ShouldBe(Limits.ToldByesMax);
    }

    [Fact]
    public void After_a_day_it_is_dropped()
    {
        var spool = Begin();
        spool.Keep(First, Bye(486));
        _runtime.Advance(Day);
        spool.Count.ShouldBe(1);
        _runtime.Advance(2000);
        (spool.Count, Content).ShouldBe((0, ""));
        _log.Written.ShouldBe([LogEvents.ByeRecordTooOld]);
    }

    [Fact]
    public void A_disk_that_refuses_holds_nobody_up_and_gets_everything_once_it_can()
    {
        var refusing = new Refusing(_disk) { Refuses = true };
        var spool = Begin(refusing);
        var answered = 0;
        foreach (var call in (string[])[First, Second]) spool.Keep(call, Bye(486), () => answered++);
        _runtime.RunAll();
        (answered, Content, spool.Count).ShouldBe((2, "", 2));
        _runtime.Advance(3000);
        _log.Written.ShouldBe([LogEvents.ByeSpoolFailed], "said once");
        refusing.Refuses = false;
        _runtime.Advance(1000);
        Begin().Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_file_keeps_what_was_added_and_what_replaced_it()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var file = new Cti.Persistence.Files.SpoolFile(Path.Combine(folder.FullName, "data", "spool"));
            (await file.ReadAsync(100)).Length.ShouldBe(0);
            await file.AppendAsync("one\n"u8.ToArray());
            await file.AppendAsync("two\n"u8.ToArray());
            Encoding.UTF8.GetString((await file.ReadAsync(100)).Span).ShouldBe("one\ntwo\n");
            (await file.ReadAsync(5)).Length.ShouldBe(5);
            await file.ReplaceAsync("three\n"u8.ToArray());
            await file.AppendAsync("four\n"u8.ToArray());
            Encoding.UTF8.GetString((await file.ReadAsync(100)).Span).ShouldBe("three\nfour\n");
            if (!OperatingSystem.IsWindows())
                File.GetUnixFileMode(Path.Combine(folder.FullName, "data", "spool")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private sealed class Refusing(MemorySpoolFile inner) : ISpoolFile
    {
        public bool Refuses { get; set; }

        public ValueTask<ReadOnlyMemory<byte>> ReadAsync(int bytesMax) => inner.ReadAsync(bytesMax);

        public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes) => Refuses ? throw new IOException("no space left on device") : inner.AppendAsync(bytes);

        public ValueTask ReplaceAsync(ReadOnlyMemory<byte> bytes) => Refuses ? throw new IOException("no space left on device") : inner.ReplaceAsync(bytes);
    }

    private sealed class Lines : ILog
    {
        public List<LogEvent> Written { get; } = [];

        public bool IsEnabled(LogSeverity severity) => true;

        public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments) => Written.Add(kind);
    }
}
