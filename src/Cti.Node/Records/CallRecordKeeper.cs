using System.Text.Json;
using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Node.Records;

/// <summary>What the keeper does and how often.</summary>
internal sealed record CallRecordKeeperOptions
{
    /// <summary>Whose records.</summary>
    public required string Node { get; init; }

    /// <summary>How long the table keeps them, in milliseconds; 0 for ever.</summary>
    public long RetentionMillis { get; init; }

    /// <summary>How often the table is looked at, in milliseconds: how old a line may be.</summary>
    public long IntervalMillis { get; init; } = 1_000;

    /// <summary>How long it waits after a failure, in milliseconds.</summary>
    public long RetryMillis { get; init; } = 5_000;
}

/// <summary>
/// Copies this node's call records from the table to files, and drops from the table what is past its time. A record leaves the table only when it is in its
/// file; the last one written stays, because it tells whether the journal is still the one that the position belongs to.
/// </summary>
/// <param name="options">What to do.</param>
/// <param name="store">The table.</param>
/// <param name="files">The files, or null where none are written.</param>
/// <param name="clock">Time.</param>
/// <param name="timers">Paces it.</param>
/// <param name="log">Log.</param>
internal sealed class CallRecordKeeper(CallRecordKeeperOptions options, IJournalStore store, CallRecordFiles? files, IClock clock, ITimers timers, ILog log)
    : IAsyncDisposable
{
    // Records in memory at once: some 300 kB.
    internal const int BatchMax = 500;

    private const long DropIntervalMillis = 3_600_000;

    private readonly Lock _gate = new();
    private ITimerHandle? _timer;
    private Task _pass = Task.CompletedTask;
    private long? _dropMillis;
    private bool _opened;
    private LogEvent? _held;
    private bool _stopped;

    /// <summary>Begins; the store is open.</summary>
    public void Start() => Arm(0);

    /// <summary>Stops after a last look, so that what a stopping node closed is in the files.</summary>
    public async ValueTask DisposeAsync()
    {
        Task running;
        lock (_gate)
        {
            if (_stopped) return;
            _stopped = true;
            _timer?.Cancel();
            running = _pass;
        }
        await running.ConfigureAwait(false);
        await PassAsync().ConfigureAwait(false);
    }

    /// <summary>One look: copies all there is, then drops what is old.</summary>
    /// <returns>False where something could not be reached; it was logged.</returns>
    internal async Task<bool> PassAsync()
    {
        try
        {
            if (files is not null) await CopyAsync(files).ConfigureAwait(false);
            if (_held is not null) log.Write(LogEvents.CallRecordsFlow, files?.Directory);
            _held = null;
            await DropAsync().ConfigureAwait(false);
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException or StoreUnavailableException)
        {
            var why = fault is StoreUnavailableException ? LogEvents.CallRecordsWait : LogEvents.CallRecordsHeld;
            if (_held != why) log.Write(why, files?.Directory, fault.Message);
            _held = why;
            return false;
        }
    }

    private async Task CopyAsync(CallRecordFiles to)
    {
        if (!_opened)
        {
            if (!(to.Open() & await IsOfThisJournalAsync(to.Position).ConfigureAwait(false)))
            {
                log.Write(LogEvents.CallRecordsAnew, to.PositionFile);
                to.StartAnew();
            }
            _opened = true;
        }
        while (true)
        {
            var records = await store.ReadCallRecordsAsync(options.Node, to.Position.Row, BatchMax).ConfigureAwait(false);
            to.Write(records);
            if (records.Count < BatchMax) return;
        }
    }

    private async Task<bool> IsOfThisJournalAsync(CallRecordPosition position)
    {
        if (position.Row == 0) return true;
        return await store.ReadCallRecordsAsync(options.Node, position.Row - 1, 1).ConfigureAwait(false) is [var last]
            && last.RowNumber == position.Row && last.Record.Id == position.Id;
    }

    private async Task DropAsync()
    {
        var now = clock.UnixMillis;
        if (options.RetentionMillis == 0 || now < _dropMillis) return;
        await store.DropCallRecordsAsync(options.Node, files?.Position.Row ?? long.MaxValue, now - options.RetentionMillis).ConfigureAwait(false);
        _dropMillis = now + DropIntervalMillis;
    }

    private void Arm(long delayMillis)
    {
        lock (_gate)
        {
            if (!_stopped) _timer = timers.Schedule(delayMillis, static keeper => ((CallRecordKeeper)keeper!).Begin(), this);
        }
    }

    private void Begin()
    {
        lock (_gate)
        {
            // Files block, and timers share the threads of calls.
            if (!_stopped) _pass = Task.Run(PassAndArmAsync);
        }
    }

    private async Task PassAndArmAsync()
    {
        try
        {
            Arm(await PassAsync().ConfigureAwait(false) ? options.IntervalMillis : options.RetryMillis);
        }
        catch (Exception fault)
        {
            // A bug here must be seen in the log: nothing else observes this task.
            log.Write(LogEvents.CallRecordsHeld, files?.Directory, fault);
        }
    }
}
