using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Journal;
using Cti.Persistence.Memory;
using Cti.Testing;

namespace Cti.Persistence.Tests;

/// <summary>What the writer promises to those who append: order, one outcome each, and the truth about commits whose outcome is unknown.</summary>
public sealed class JournalWriterTests : IAsyncDisposable
{
    private readonly ManualRuntime _runtime = new();
    private readonly ScriptedStoreFaults _faults = new();
    private readonly MemoryDisk _disk = new();
    private readonly LateCommits _late = new();
    private readonly List<string> _seen = [];
    private readonly CollectingLog _log = new();
    private readonly FaultyJournalStore _store;
    private readonly JournalWriter _writer;

    public JournalWriterTests()
    {
        _store = new FaultyJournalStore(new LateJournalStore(new MemoryJournalStore(_disk), _late), _faults);
        Done(_store.OpenAsync(4));
        _writer = new JournalWriter(_store, _runtime, _runtime, _log, events => _seen.AddRange(events.Select(e => $"publish {e.Instance}:{e.Position}")));
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    private InstanceJournal Claim(int instance, string node = "n1") => _writer.Open(node, Done(_store.ClaimAsync(node, [instance]))[0]);

    private static T Done<T>(ValueTask<T> operation)
    {
        operation.IsCompleted.ShouldBeTrue("the memory store completes before it returns");
        return operation.GetAwaiter().GetResult();
    }

    private static void Done(ValueTask operation) => operation.GetAwaiter().GetResult();

    private long Append(InstanceJournal journal, string what, int entries = 1, bool withEvent = false)
    {
        var observer = new Observer(this, journal.Instance, what);
        return journal.Append(first => new JournalRows
        {
            Tag = what,
            Entries = [.. Enumerable.Range(0, entries).Select(i => new JournalEntry(first + i, $"res-{journal.Instance}", 1, new byte[] { 1 }))],
            Events = withEvent
                ? [new StoredEvent("app", journal.Instance, first + entries, $"res-{journal.Instance}", 1, _runtime.UnixMillis, "sys.call.on_incoming",
                    "{}"u8.ToArray(), default)]
                : [],
        }, observer);
    }

    private long[] Stored(int instance) => [.. Done(_store.ReadJournalAsync(instance)).Select(entry => entry.Position)];

    private int Appends => _faults.Begun.Count(operation => operation == StoreOperation.Append);

    [Fact]
    public void Appends_are_measured_from_being_queued_to_being_durable_and_batches_by_their_size()
    {
        List<double> took = [];
        List<int> batches = [];
        (_writer.Clock, _writer.Appended, _writer.BatchTaken) = (_runtime, took.Add, batches.Add);
        var journal = Claim(1);
        _faults.FailNext(StoreOperation.Append);
        for (var i = 0; i < 3; i++) Append(journal, $"append {i}");
        _writer.WaitingCount.ShouldBe(3);
        _runtime.Advance(1000);

        batches.ShouldBe([3]);
        took.Count.ShouldBe(3);
        took.ShouldAllBe(static seconds => seconds >= 0.05 && seconds < 1, "the retry is waited for");
        (_writer.WaitingCount, _writer.UnreachedCount, _writer.RefusedCount).ShouldBe((0, 1, 0));
    }

    [Fact]
    public void An_append_is_durable_then_reported_then_published()
    {
        var journal = Claim(2);
        Append(journal, "a", entries: 2, withEvent: true).ShouldBe(3);
        _seen.ShouldBeEmpty("nothing runs before the scheduler does");
        _writer.IsIdle.ShouldBeFalse();
        _runtime.RunAll();
        _seen.ShouldBe(["durable a 2:3", "publish 2:3"]);
        Stored(2).ShouldBe([1, 2]);
        _writer.IsIdle.ShouldBeTrue();
    }

    [Fact]
    public void What_arrives_while_a_commit_runs_goes_into_the_next_one()
    {
        var journal = Claim(0);
        var other = Claim(1);
        var gate = _faults.HoldNext(StoreOperation.Append);
        Append(journal, "first");
        _runtime.RunAll();
        for (var i = 0; i < 5; i++)
        {
            Append(journal, $"a{i}");
            Append(other, $"b{i}");
        }
        _runtime.RunAll();
        Appends.ShouldBe(1);
        _seen.ShouldBeEmpty();
        ManualRuntime.Inline(gate.SetResult);
        _runtime.RunAll();
        Appends.ShouldBe(2);
        _seen.ShouldBe(
        [
            "durable first 0:1",
            "durable a0 0:2", "durable b0 1:1", "durable a1 0:3", "durable b1 1:2", "durable a2 0:4", "durable b2 1:3",
            "durable a3 0:5", "durable b3 1:4", "durable a4 0:6", "durable b4 1:5",
        ]);
        Stored(0).ShouldBe([1, 2, 3, 4, 5, 6]);
        Stored(1).ShouldBe([1, 2, 3, 4, 5]);
    }

    [Fact]
    public void A_long_queue_is_written_in_batches_of_512_and_in_order()
    {
        var journal = Claim(0);
        var gate = _faults.HoldNext(StoreOperation.Append);
        for (var i = 0; i < 1200; i++) Append(journal, $"{i}");
        _runtime.RunAll();
        ManualRuntime.Inline(gate.SetResult);
        _runtime.RunAll();
        Appends.ShouldBe(3);
        _seen.ShouldBe(Enumerable.Range(0, 1200).Select(i => $"durable {i} 0:{i + 1}"));
    }

    [Fact]
    public void An_append_that_decides_to_write_nothing_uses_no_position()
    {
        var journal = Claim(0);
        journal.Append(_ => null, new Observer(this, 0, "none")).ShouldBe(0);
        Append(journal, "a").ShouldBe(1);
        Should.Throw<InvalidOperationException>(() => journal.Append(_ => new JournalRows(), new Observer(this, 0, "empty")));
        Append(journal, "b").ShouldBe(2);
        _runtime.RunAll();
        _seen.ShouldBe(["durable a 0:1", "durable b 0:2"]);
    }

    [Fact]
    public void A_commit_that_failed_before_it_was_applied_is_sent_again_after_a_pause()
    {
        var journal = Claim(0);
        _faults.FailNext(StoreOperation.Append);
        Append(journal, "a", withEvent: true);
        _runtime.RunAll();
        (_writer.IsStalled, journal.IsStalled, journal.IsDeposed).ShouldBe((true, true, false));
        _runtime.Advance(49);
        Appends.ShouldBe(1);
        _runtime.Advance(1);
        Appends.ShouldBe(2);
        _seen.ShouldBe(["durable a 0:2", "publish 0:2"]);
        (_writer.IsStalled, _writer.IsIdle).ShouldBe((false, true));
        Stored(0).ShouldBe([1]);
        _log.Ids.ShouldBe([LogEvents.JournalUnreachable.Id, LogEvents.JournalBack.Id]);
    }

    [Fact]
    public void A_commit_that_was_applied_before_the_failure_is_reported_and_not_sent_again()
    {
        var journal = Claim(0);
        _faults.FailNext(StoreOperation.Append, applied: true);
        Append(journal, "a", withEvent: true);
        _runtime.Advance(50);
        Appends.ShouldBe(1);
        _seen.ShouldBe(["durable a 0:2", "publish 0:2"]);
        Stored(0).ShouldBe([1]);
        _writer.IsStalled.ShouldBeFalse("the store answered: new work is taken again");
        _log.Ids.ShouldBe([LogEvents.JournalUnreachable.Id, LogEvents.JournalBack.Id]);
    }

    [Fact]
    public void Of_a_batch_whose_outcome_is_unknown_only_what_is_missing_is_sent_again()
    {
        var written = Claim(0);
        var missing = Claim(1);
        _late.KeepBack = append => append.Instance == 1;
        Append(written, "a");
        Append(missing, "b");
        _faults.FailNext(StoreOperation.Append, applied: true);
        _runtime.RunAll();
        _late.KeepBack = null;
        _runtime.Advance(50);
        _seen.ShouldBe(["durable a 0:1", "durable b 1:1"]);
        (Stored(0).Length, Stored(1).Length).ShouldBe((1, 1));
    }

    [Fact]
    public void A_commit_that_lands_after_the_tails_were_read_is_accepted_when_the_resent_one_does_not_fit()
    {
        var journal = Claim(0);
        _late.LandsAfterNextRead = true;
        Append(journal, "a", withEvent: true);
        _runtime.Advance(10_000);
        journal.IsDeposed.ShouldBeFalse("it is still ours: what does not fit is our own append");
        _seen.ShouldBe(["durable a 0:2", "publish 0:2"]);
        Stored(0).ShouldBe([1]);
        Append(journal, "b").ShouldBe(3);
        _runtime.Advance(0);
        _seen[^1].ShouldBe("durable b 0:3");
    }

    [Fact]
    public void While_the_store_is_away_it_is_tried_ever_more_slowly_up_to_once_a_second()
    {
        var journal = Claim(0);
        _faults.FailNext(StoreOperation.Append, times: 8);
        Append(journal, "a");
        var times = new List<long>();
        _runtime.RunAll();
        var before = Appends;
        times.Add(_runtime.ElapsedMillis);
        while (_seen.Count == 0 && _runtime.Step())
        {
            if (Appends == before) continue;
            before = Appends;
            times.Add(_runtime.ElapsedMillis);
        }
        times.ShouldBe([0, 50, 150, 350, 750, 1550, 2550, 3550, 4550]);
        _seen.ShouldBe(["durable a 0:1"]);
    }

    [Fact]
    public void A_store_that_cannot_even_be_asked_is_asked_again()
    {
        var journal = Claim(0);
        _faults.FailNext(StoreOperation.Append, applied: true);
        _faults.FailNext(StoreOperation.ReadOwnership);
        Append(journal, "a");
        _runtime.Advance(5000);
        _seen.ShouldBe(["durable a 0:1"]);
        Stored(0).ShouldBe([1]);
        journal.IsDeposed.ShouldBeFalse();
        _writer.IsStalled.ShouldBeFalse();
    }

    [Fact]
    public void An_instance_that_another_node_took_is_deposed_alone()
    {
        var taken = Claim(0);
        var kept = Claim(1);
        Claim(0, "n2");
        Append(taken, "a", withEvent: true);
        Append(kept, "b");
        _runtime.RunAll();
        _seen.ShouldBe(["deposed a", "durable b 1:1"]);
        (taken.IsDeposed, taken.IsStalled, kept.IsDeposed, kept.IsStalled).ShouldBe((true, true, false, false));
        Stored(0).ShouldBeEmpty();
        Append(taken, "late");
        _runtime.RunAll();
        _seen[^1].ShouldBe("deposed late");
        _log.Ids.ShouldBe([LogEvents.InstanceDeposed.Id], "it is said once");
    }

    [Fact]
    public void A_take_over_during_an_unknown_outcome_deposes()
    {
        var journal = Claim(0);
        _faults.FailNext(StoreOperation.Append, applied: true);
        Append(journal, "a", withEvent: true);
        _runtime.RunAll();
        Claim(0, "n2");
        _runtime.Advance(50);
        _seen.ShouldBe(["deposed a"], "the new owner has read it and decides what it promised");
        journal.IsDeposed.ShouldBeTrue();
    }

    [Fact]
    public void A_queue_past_its_bound_says_so_until_it_is_written()
    {
        var journal = Claim(0);
        var gate = _faults.HoldNext(StoreOperation.Append);
        Append(journal, "first");
        _runtime.RunAll();
        for (var i = 0; i < 20_000; i++) Append(journal, "x");
        _writer.IsStalled.ShouldBeFalse();
        Append(journal, "one too many");
        _writer.IsStalled.ShouldBeTrue();
        ManualRuntime.Inline(gate.SetResult);
        _runtime.RunAll();
        _writer.IsStalled.ShouldBeFalse();
        _seen.Count.ShouldBe(20_002);
        Stored(0).ShouldBe(Enumerable.Range(1, 20_002).Select(i => (long)i));
    }

    [Fact]
    public void A_fault_that_is_no_outage_stops_the_writer_and_is_logged()
    {
        var journal = Claim(0);
        _late.Bug = new InvalidOperationException("a bug");
        Append(journal, "a");
        _runtime.RunAll();
        _writer.IsStalled.ShouldBeTrue();
        _log.Ids.ShouldBe([LogEvents.JournalFault.Id]);
        _seen.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Whatever_fails_every_append_has_one_outcome_and_is_stored_once_in_order(ulong seed)
    {
        var random = new SeededRandom(seed);
        InstanceJournal[] journals = [Claim(0), Claim(1), Claim(2)];
        var appended = new long[3];
        for (var i = 0; i < 600; i++)
        {
            var which = random.Next(3);
            appended[which] = Append(journals[which], $"{i}", entries: random.Between(1, 3));
            if (random.Chance(15)) _faults.FailNext(random.Chance(70) ? StoreOperation.Append : StoreOperation.ReadOwnership, applied: random.Chance(50));
            if (random.Chance(5)) _late.LandsAfterNextRead = true;
            if (random.Chance(40)) _runtime.Advance(random.Between(0, 400));
        }
        _runtime.Advance(600_000);
        _writer.IsIdle.ShouldBeTrue();
        _seen.Count.ShouldBe(600);
        _seen.ShouldAllBe(line => line.StartsWith("durable", StringComparison.Ordinal));
        for (var which = 0; which < 3; which++)
        {
            Stored(which).ShouldBe(Enumerable.Range(1, (int)appended[which]).Select(position => (long)position));
            var suffix = $" {which}:";
            var order = _seen.Where(line => line.Contains(suffix, StringComparison.Ordinal))
                .Select(line => long.Parse(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..], System.Globalization.CultureInfo.InvariantCulture))
                .ToList();
            order.SequenceEqual(order.Order()).ShouldBeTrue("per instance in order");
        }
    }

    private sealed class Observer(JournalWriterTests test, int instance, string what) : IDurabilityObserver
    {
        public void OnDurable(long position, object? tag)
        {
            tag.ShouldBe(what);
            test._seen.Add($"durable {what} {instance}:{position}");
        }

        public void OnDeposed() => test._seen.Add($"deposed {what}");
    }

    private sealed class CollectingLog : ILog
    {
        public List<int> Ids { get; } = [];

        public bool IsEnabled(LogSeverity severity) => true;

        public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments) => Ids.Add(kind.Id);
    }
}
