using System.Diagnostics;
using System.Globalization;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Journal;
using Cti.Persistence.PostgreSql;
using Cti.Testing;
using Cti.Transport.Runtime;

namespace Cti.Benchmarks;

/// <summary>
/// What it costs to persist by an actor, on one PostgreSQL and the same work: each of some actors appends two entries at a time, the next when the last is
/// durable. By the journal's writer alone, by plain actors on it, by persistent actors on the plug-in over it, and by persistent actors on
/// Akka.Persistence.Sql. CPU is that of this whole process, without the server's.
/// </summary>
internal static class PersistenceBenchmark
{
    internal const int Instances = 64, RowsOfAppend = 2;
    // Four appends, of two rows each.
    private const int AppendsOfCall = 4, RowsOfCall = AppendsOfCall * RowsOfAppend;
    private const int Rounds = 3, RecoveringActors = 1000, RecoveredEntries = 8;

    internal static readonly byte[][] Payloads = [new byte[330], new byte[230]];

    private static readonly (string Name, Func<string, Task<Persister>> Create)[] Variants =
    [
        ("the writer, called directly", BareWriter.CreateAsync),
        ("plain actors on it", PlainActors.CreateAsync),
        ("persistent actors, plug-in", PlugIn.CreateAsync),
        ("the same, Akka.Persistence.Sql", SqlPlugIn.CreateAsync),
    ];

    public static async Task RunAsync(Report report)
    {
        await using var server = await PostgreSqlServer.StartAsync(Path.Combine(NodeProcess.Repository(), "artifacts", "bench"));
        var schemas = 0;
        async Task<string> DatabaseAsync()
        {
            var schema = "bench_" + (++schemas).ToString(CultureInfo.InvariantCulture);
            await server.CreateSchemaAsync(schema);
            return server.ConnectionString(schema);
        }

        // What is compiled meanwhile must not count: it costs more than all that is measured.
        foreach (var (_, create) in Variants)
        {
            await MeasureAsync(await DatabaseAsync(), create, 192, 100);
            if (create != Variants[0].Create) await RecoverAsync(await DatabaseAsync(), create);
        }
        foreach (var (actors, appends) in ((int, int)[])[(24, 800), (192, 200)])
        {
            var costs = Variants.Select(static _ => new List<Cost>()).ToArray();
            // In turns, so that what else the machine does meets all of them.
            for (var round = 0; round < Rounds; round++)
            {
                for (var i = 0; i < Variants.Length; i++) costs[i].Add(await MeasureAsync(await DatabaseAsync(), Variants[i].Create, actors, appends));
            }
            Print(report, actors, costs);
        }
        Console.WriteLine();
        Console.WriteLine($"Recovery of {RecoveringActors} actors with {RecoveredEntries} entries each:");
        foreach (var (name, create) in Variants.Skip(1))
        {
            List<double> rounds = [];
            while (rounds.Count < Rounds) rounds.Add(await RecoverAsync(await DatabaseAsync(), create));
            var seconds = rounds.Order().ElementAt(Rounds / 2);
            Console.WriteLine($"  {name,-42}{seconds,8:F2} s");
            report.Fact($"recovery of {RecoveringActors} actors, {name}", seconds, "s");
        }
    }

    private static void Print(Report report, int actors, List<Cost>[] costs)
    {
        Console.WriteLine();
        Console.WriteLine($"{$"Persistence on PostgreSQL, {actors} actors",-44}{"CPU us a row",14}{"p50 / p99 ms",18}{"rows/s",10}{"CPU-s per 1000 calls",22}");
        for (var i = 0; i < costs.Length; i++)
        {
            var (micros, seconds) = (MicrosOf(costs[i]), MicrosOf(costs[i]) * RowsOfCall / 1000);
            var times =
                string.Create(CultureInfo.InvariantCulture, $"{Median(costs[i], static cost => cost.P50):F1} / {Median(costs[i], static cost => cost.P99):F1}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{Variants[i].Name,-44}{micros,14:F1}{times,18}{Median(costs[i], static cost => cost.RowsPerSecond),10:F0}{seconds,22:F3}"));
        }
        var bare = MicrosOf(costs[0]);
        for (var i = 1; i < costs.Length; i++)
            report.Fact($"over the writer, 1000 calls, {actors}: {Variants[i].Name}", (MicrosOf(costs[i]) - bare) * RowsOfCall / 1000, "s CPU");
    }

    private static double MicrosOf(List<Cost> costs) => Median(costs, static cost => cost.MicrosPerRow);

    private static double Median(List<Cost> costs, Func<Cost, double> of) => costs.Select(of).Order().ElementAt(costs.Count / 2);

    private static async Task<Cost> MeasureAsync(string connection, Func<string, Task<Persister>> create, int actors, int appends)
    {
        await using var persister = await create(connection);
        var ids = Enumerable.Range(1, actors).Select(IdOf).ToArray();
        await persister.StartAsync(ids, entries: 0);
        await persister.AppendAsync(appends / 4);
        using var self = Process.GetCurrentProcess();
        var (cpu, began) = (self.TotalProcessorTime, Stopwatch.GetTimestamp());
        var took = await persister.AppendAsync(appends);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        self.Refresh();
        var rows = actors * appends * RowsOfAppend;
        return new Cost((self.TotalProcessorTime - cpu).TotalMicroseconds / rows, Report.Percentile(took, 0.5), Report.Percentile(took, 0.99), rows / seconds);
    }

    private static async Task<double> RecoverAsync(string connection, Func<string, Task<Persister>> create)
    {
        var ids = Enumerable.Range(1, RecoveringActors).Select(IdOf).ToArray();
        await using (var before = await create(connection))
        {
            await before.StartAsync(ids, entries: 0);
            await before.AppendAsync(RecoveredEntries / RowsOfAppend);
        }
        await using var after = await create(connection);
        var began = Stopwatch.GetTimestamp();
        await after.StartAsync(ids, RecoveredEntries);
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static string IdOf(int number) => $"0.0.{number % Instances}-sys.call-{number.ToString(CultureInfo.InvariantCulture)}";

    private sealed record Cost(double MicrosPerRow, double P50, double P99, double RowsPerSecond);
}

/// <summary>Some actors that append, by one of the ways that are compared.</summary>
internal abstract class Persister : IAsyncDisposable
{
    private TaskCompletionSource _done = new();
    private int _left;
    private double[] _took = [];
    private int _measured;

    /// <summary>How many appends each actor still has to do in this run.</summary>
    protected int Appends { get; private set; }

    /// <summary>Starts the actors; each has recovered so many entries when this ends.</summary>
    public abstract Task StartAsync(string[] ids, int entries);

    /// <summary>Lets each actor append so often, the next when the last is durable; answers how long each took, in milliseconds.</summary>
    public async Task<double[]> AppendAsync(int appends)
    {
        Appends = appends;
        _took = new double[appends * Count];
        _measured = 0;
        Expect(Count);
        Begin();
        await DoneAsync();
        return _took;
    }

    public abstract ValueTask DisposeAsync();

    /// <summary>Actors.</summary>
    protected abstract int Count { get; }

    /// <summary>Tells each actor to begin.</summary>
    protected abstract void Begin();

    internal void Took(long began) => _took[Interlocked.Increment(ref _measured) - 1] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;

    /// <summary>One actor is done.</summary>
    internal void Done()
    {
        if (Interlocked.Decrement(ref _left) == 0) _done.SetResult();
    }

    internal void Fail(Exception fault) => _done.TrySetException(fault);

    protected void Expect(int count)
    {
        _done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _left = count;
    }

    protected Task DoneAsync() => _done.Task.WaitAsync(TimeSpan.FromMinutes(5));
}

/// <summary>The fenced store's part of three of them: everything is claimed, and written by the node's own writer.</summary>
internal sealed class FencedStore : IAsyncDisposable
{
    private readonly PostgreSqlJournalStore _store;
    private readonly SystemTimers _timers;

    private FencedStore(PostgreSqlJournalStore store)
    {
        _store = store;
        var scheduler = new PoolScheduler(NullLog.Instance);
        _timers = new SystemTimers(new SystemClock(), scheduler);
        Writer = new JournalWriter(store, scheduler, _timers, NullLog.Instance, static _ => { });
    }

    public IJournalStore Store => _store;

    public JournalWriter Writer { get; }

    public InstanceJournal[] Journals { get; private set; } = [];

    public static async Task<FencedStore> OpenAsync(string connection)
    {
        var fenced = new FencedStore(new PostgreSqlJournalStore(new PostgreSqlOptions
        {
            ConnectionString = connection, CommandTimeout = TimeSpan.FromSeconds(60),
        }));
        await fenced.Store.OpenAsync(PersistenceBenchmark.Instances);
        var claims = await fenced.Store.ClaimAsync("bench", [.. Enumerable.Range(0, PersistenceBenchmark.Instances)]);
        fenced.Journals = [.. claims.Select(claim => fenced.Writer.Open("bench", claim))];
        return fenced;
    }

    public InstanceJournal JournalOf(string id) =>
        ResourceId.TryParse(id, out var resource) ? Journals[resource.Instance] : throw new ArgumentException($"{id} is no resource's id");

    public async ValueTask DisposeAsync()
    {
        _timers.Dispose();
        await _store.DisposeAsync();
    }

    public static JournalRows Rows(string id, long first) => new()
    {
        Entries = [.. PersistenceBenchmark.Payloads.Select((payload, index) => new JournalEntry(first + index, id, 1, payload))],
    };
}
