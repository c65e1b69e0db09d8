using System.Diagnostics;
using System.Globalization;
using Cti.Persistence;
using Cti.Persistence.PostgreSql;
using Cti.Persistence.Sqlite;
using Cti.Testing;

namespace Cti.Benchmarks;

/// <summary>
/// The journal's part of a call: what an inbound call that is answered and hung up appends, on real disk, with as many calls at once as make batches of the
/// size of a busy node's: on SQLite, then on a PostgreSQL on the same machine. CPU is that of this whole process, without the server's.
/// </summary>
internal static class JournalBenchmark
{
    private const int Instances = 64;
    private const int Calls = 4_000;
    private const int AtOnce = 24;
    // Four entries, three events, a remembered answer and a record.
    private const int RowsOfCall = 9;
    private static readonly byte[] Payload = new byte[330], Params = new byte[230], Fields = new byte[420];

    public static async Task RunAsync(Report report)
    {
        await RunSqliteAsync(report);
        await RunPostgreSqlAsync(report);
    }

    private static async Task RunSqliteAsync(Report report)
    {
        var folder = Path.Combine(NodeProcess.Repository(), "artifacts", "bench", "journal-" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        Directory.CreateDirectory(folder);
        try
        {
            await using var store = new SqliteJournalStore(new SqliteOptions { Path = Path.Combine(folder, "journal.db") });
            await store.OpenAsync(Instances);
            var claims = await store.ClaimAsync("bench", [.. Enumerable.Range(0, Instances)]);
            var writers = claims.Select(claim => new InstanceWriter(append => store.AppendAsync([append]).AsTask(), claim)).ToArray();
            await RunCallsAsync(writers, Calls / 4, AtOnce);
            using var self = Process.GetCurrentProcess();
            var (cpu, commits, allocated, began) = (self.TotalProcessorTime, store.Commits, GC.GetTotalAllocatedBytes(), Stopwatch.GetTimestamp());
            await RunCallsAsync(writers, Calls, AtOnce);
            self.Refresh();
            var seconds = (self.TotalProcessorTime - cpu).TotalSeconds / Calls * 1000;
            Console.WriteLine();
            Console.WriteLine($"Journal: {Calls / Stopwatch.GetElapsedTime(began).TotalSeconds:F0} calls/s, {seconds:F3} s CPU per 1000 calls, "
                + $"{(store.Commits - commits) * 1.0 / Calls:F2} commits a call, {(GC.GetTotalAllocatedBytes() - allocated) / 1024.0 / Calls:F1} KiB allocated "
                + "a call");
            report.Fact("CPU of the journal per 1000 calls", seconds, "s");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task RunPostgreSqlAsync(Report report)
    {
        await using var server = await PostgreSqlServer.StartAsync(Path.Combine(NodeProcess.Repository(), "artifacts", "bench"));
        await using var store = new PostgreSqlJournalStore(new PostgreSqlOptions
        {
            ConnectionString = server.ConnectionString(), CommandTimeout = TimeSpan.FromSeconds(60),
        });
        await store.OpenAsync(Instances);
        var claims = await store.ClaimAsync("bench", [.. Enumerable.Range(0, Instances)]);
        var batches = new BatchingWriter(store);
        var writers = claims.Select(claim => new InstanceWriter(batches.AppendAsync, claim)).ToArray();
        await RunCallsAsync(writers, Calls / 4, AtOnce);
        foreach (var atOnce in (int[])[AtOnce, AtOnce * 8])
        {
            using var self = Process.GetCurrentProcess();
            var (cpu, sent, appends, began) = (self.TotalProcessorTime, batches.Batches, batches.Appends, Stopwatch.GetTimestamp());
            await RunCallsAsync(writers, Calls, atOnce);
            self.Refresh();
            var (took, size) = (Stopwatch.GetElapsedTime(began).TotalSeconds, (batches.Appends - appends) * 1.0 / (batches.Batches - sent));
            Console.WriteLine($"Journal on PostgreSQL, {atOnce} calls at once: {Calls / took:F0} calls/s, {Calls * RowsOfCall / took:F0} rows/s, {size:F1} "
                + "appends a batch, "
                + $"{took * 1000 / (batches.Batches - sent):F1} ms a batch, {(self.TotalProcessorTime - cpu).TotalSeconds / Calls * 1000:F3} s CPU per 1000 "
                + "calls");
            report.Fact($"rows a second on PostgreSQL, {atOnce} calls at once", Calls * RowsOfCall / took, "rows/s");
            report.Fact($"appends a batch on PostgreSQL, {atOnce} calls at once", size, "");
        }
    }

    private static Task RunCallsAsync(InstanceWriter[] writers, int calls, int atOnce)
    {
        var next = 0;
        return Task.WhenAll(Enumerable.Range(0, atOnce).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var number && number <= calls) await writers[number % writers.Length].CallAsync();
        }));
    }

    /// <summary>One instance; its appends go in the order of their positions.</summary>
    private sealed class InstanceWriter(Func<InstanceAppend, Task> append, InstanceOwnership claim)
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
                return append(new InstanceAppend
                {
                    Instance = claim.Instance,
                    Owner = claim.Owner,
                    Epoch = claim.Epoch,
                    ExpectedTail = expected,
                    NewTail = _tail,
                    Entries = [new JournalEntry(expected + 1, id, 1, Payload)],
                    Events = events == 0
                        ? []
                        : [new StoredEvent("bench", claim.Instance, expected + 2, id, 1, now, "sys.call.on_answer_completed", Params, default)],
                    Idempotency = remembers ? [new IdempotencyRow("bench", Guid.NewGuid(), 1, now, "{\"result\":null}"u8.ToArray())] : [],
                    CallRecords = released ? [new CallRecordRow(Guid.NewGuid(), "bench", id, now, Fields)] : [],
                    ReleasedResources = released ? [id] : [],
                });
            }
        }
    }

    /// <summary>One batch at a time; what arrives meanwhile goes into the next, as in a node.</summary>
    private sealed class BatchingWriter(IJournalStore store)
    {
        private readonly Lock _gate = new();
        private List<(InstanceAppend Append, TaskCompletionSource Done)> _waiting = [];
        private bool _isRunning;

        public int Batches { get; private set; }

        public int Appends { get; private set; }

        public Task AppendAsync(InstanceAppend append)
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (_gate)
            {
                _waiting.Add((append, done));
                if (_isRunning) return done.Task;
                _isRunning = true;
            }
            _ = Task.Run(PumpAsync);
            return done.Task;
        }

        private async Task PumpAsync()
        {
            while (true)
            {
                List<(InstanceAppend Append, TaskCompletionSource Done)> batch;
                lock (_gate)
                {
                    batch = _waiting;
                    if (batch.Count == 0)
                    {
                        _isRunning = false;
                        return;
                    }
                    _waiting = [];
                }
                try
                {
                    var outcomes = await store.AppendAsync(batch.ConvertAll(static waiting => waiting.Append));
                    Batches++;
                    Appends += batch.Count;
                    if (outcomes.Any(static outcome => outcome != AppendOutcome.Accepted)) throw new InvalidOperationException("an append was refused");
                    foreach (var (_, done) in batch) done.SetResult();
                }
                catch (Exception failure)
                {
                    foreach (var (_, done) in batch) done.TrySetException(failure);
                    return;
                }
            }
        }
    }
}
