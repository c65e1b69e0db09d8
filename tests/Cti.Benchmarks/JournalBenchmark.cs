using System.Diagnostics;
using System.Globalization;
using Cti.Storage;
using Cti.Storage.Sqlite;

namespace Cti.Benchmarks;

/// <summary>
/// SQLite's part of a call: what an inbound call that is answered and hung up appends, on real disk, with as many calls at once as make batches of the size of a
/// busy node's. CPU is that of this whole process.
/// </summary>
internal static class JournalBenchmark
{
    private const int Instances = 64;
    private const int Calls = 4_000;
    private const int AtOnce = 24;
    private static readonly byte[] s_payload = new byte[330], s_params = new byte[230], s_fields = new byte[420];

    public static async Task RunAsync(Report report)
    {
        var folder = Path.Combine(NodeProcess.Repository(), "artifacts", "bench", "journal-" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        Directory.CreateDirectory(folder);
        try
        {
            await using var store = new SqliteJournalStore(new SqliteOptions { Path = Path.Combine(folder, "journal.db") });
            await store.OpenAsync(Instances);
            var claims = await store.ClaimAsync("bench", [.. Enumerable.Range(0, Instances)]);
            var writers = claims.Select(claim => new InstanceWriter(store, claim)).ToArray();
            await RunCallsAsync(writers, Calls / 4);
            using var self = Process.GetCurrentProcess();
            var (cpu, commits, allocated, began) = (self.TotalProcessorTime, store.Commits, GC.GetTotalAllocatedBytes(), Stopwatch.GetTimestamp());
            await RunCallsAsync(writers, Calls);
            self.Refresh();
            var seconds = (self.TotalProcessorTime - cpu).TotalSeconds / Calls * 1000;
            Console.WriteLine();
            Console.WriteLine($"Journal: {Calls / Stopwatch.GetElapsedTime(began).TotalSeconds:F0} calls/s, {seconds:F3} s CPU per 1000 calls, "
                + $"{(store.Commits - commits) * 1.0 / Calls:F2} commits a call, {(GC.GetTotalAllocatedBytes() - allocated) / 1024.0 / Calls:F1} KiB allocated a call");
            report.Fact("CPU of the journal per 1000 calls", seconds, "s");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Task RunCallsAsync(InstanceWriter[] writers, int calls)
    {
        var next = 0;
        return Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var number && number <= calls) await writers[number % writers.Length].CallAsync();
        }));
    }

    /// <summary>One instance; its appends go in the order of their positions.</summary>
    private sealed class InstanceWriter(SqliteJournalStore store, InstanceOwnership claim)
    {
        private readonly Lock _gate = new();
        private long _tail = claim.Tail;

        public async Task CallAsync()
        {
            var id = $"0.0.{claim.Instance}-sys.call-{(_tail + 1) * Instances}";
            await AppendAsync(id, entries: 1, events: 1);
            await AppendAsync(id, entries: 1, events: 0, remembers: true);
            await AppendAsync(id, entries: 1, events: 1);
            await AppendAsync(id, entries: 1, events: 1, released: true);
        }

        private Task AppendAsync(string id, int entries, int events, bool remembers = false, bool released = false)
        {
            lock (_gate)
            {
                var expected = _tail;
                _tail += entries + events;
                var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
                return store.AppendAsync([new InstanceAppend
                {
                    Instance = claim.Instance,
                    Owner = claim.Owner,
                    Epoch = claim.Epoch,
                    ExpectedTail = expected,
                    NewTail = _tail,
                    Entries = [new JournalEntry(expected + 1, id, 1, s_payload)],
                    Events = events == 0 ? [] : [new StoredEvent("bench", claim.Instance, expected + 2, id, 1, now, "sys.call.on_answer_completed", s_params, default)],
                    Idempotency = remembers ? [new IdempotencyRow("bench", Guid.NewGuid(), 1, now, "{\"result\":null}"u8.ToArray())] : [],
                    CallRecords = released ? [new CallRecordRow(Guid.NewGuid(), "bench", id, now, s_fields)] : [],
                    ReleasedResources = released ? [id] : [],
                }]).AsTask();
            }
        }
    }
}
