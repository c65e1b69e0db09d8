using System.Text;
using Cti.Calls.Call;
using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Actors.Resources;

/// <summary>
/// BYEs that this node has answered and that are not known to be in the journal. They survive the process in a small file, and go to whoever owns the call, as
/// a command, again and again until the owner says that there is no such call (any more): so what its mailbox took and its process then lost is told once more.
/// <code>
///   kept ──written, or the disk refuses──► (the far end gets its 200)
///     └──every second: told to the owner──► no such call, or a day old ──► (gone; the file is made anew)
/// </code>
/// Nobody waits for the disk: writes run one after the other, and what comes meanwhile goes into the next.
/// </summary>
/// <param name="file">Where to; null for a node without a disk of its own, whose spool dies with it.</param>
/// <param name="post">Carries the commands.</param>
/// <param name="isCutOff">Whether this node may have been replaced: it tells nobody anything then.</param>
/// <param name="clock">Time.</param>
/// <param name="timers">Paces the telling.</param>
/// <param name="scheduler">Runs the writes.</param>
/// <param name="log">Log.</param>
internal sealed class ByeSpool(ISpoolFile? file, ResourcePost post, Func<bool> isCutOff, IClock clock, ITimers timers, IScheduler scheduler, ILog log)
    : IWorkItem
{
    private const int TellMillis = 1000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, ByeRecord> _kept = new(StringComparer.Ordinal);
    private readonly List<ByeRecord> _added = [];
    private List<Action> _waiting = [];
    private bool _isWriting, _isStale, _hasFailed, _isTicking, _isStarted, _isStopped;

    /// <summary>Records that are not known to be delivered.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _kept.Count;
        }
    }

    /// <summary>Reads what an earlier process left. A file that cannot be read, or a record, is passed over with a line in the log.</summary>
    public async Task ReadAsync()
    {
        if (file is null) return;
        try
        {
            var bytes = await file.ReadAsync(Limits.ToldByesMax * ByeRecord.BytesMax).ConfigureAwait(false);
            Take(Encoding.UTF8.GetString(bytes.Span));
            if (Count is > 0 and var left) log.Write(LogEvents.ByesLeft, left);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            log.Write(LogEvents.ByeSpoolFailed, fault.Message);
        }
    }

    /// <summary>Begins to tell the owners: this node is in the cluster.</summary>
    public void Start()
    {
        lock (_gate) _isStarted = true;
        Tick(null);
    }

    /// <summary>Tells nobody any more; what is left is told after the next start.</summary>
    public void Stop()
    {
        lock (_gate) _isStopped = true;
    }

    /// <summary>What a call's far end said whose call the journal may show as up.</summary>
    public ByeArrived? Find(string call)
    {
        lock (_gate) return _kept.GetValueOrDefault(call)?.Bye;
    }

    /// <summary>Keeps a BYE until its call's owner knows it. Returns at once.</summary>
    /// <param name="call">The call.</param>
    /// <param name="bye">The BYE, with its time.</param>
    /// <param name="written">Called once, on any thread: it is on the disk, or will never be.</param>
    public void Keep(string call, ByeArrived bye, Action? written = null)
    {
        var isFull = false;
        lock (_gate)
        {
            if (!_kept.ContainsKey(call))
            {
                isFull = _kept.Count >= Limits.ToldByesMax;
                if (!isFull) _added.Add(_kept[call] = new ByeRecord(call, bye));
            }
            if (!isFull && file is not null && written is not null)
            {
                _waiting.Add(written);
                written = null;
            }
        }
        if (isFull) log.Write(LogEvents.ByeSpoolFull, call);
        written?.Invoke();
        Write();
        EnsureTicking();
    }

    /// <summary>Another node owns the call by now: tells it, and keeps the BYE until it knows.</summary>
    public void Deliver(string call, ByeArrived bye)
    {
        Keep(call, bye);
        post.Send("", call, bye);
    }

    /// <summary>The owner says that there is no such call, or nobody needs to know any more.</summary>
    public void Forget(string call)
    {
        lock (_gate)
        {
            if (!_kept.Remove(call)) return;
            _added.RemoveAll(record => record.Call == call);
            _isStale = true;
        }
        Write();
    }

    /// <summary>Writes until the file has what is kept; never twice at once.</summary>
    public void Run() => _ = PumpAsync();

    private void Take(string text)
    {
        var lines = text.Split('\n');
        lock (_gate)
        {
            for (var i = 0; i < lines.Length; i++)
            {
                var isLast = i == lines.Length - 1;
                if (isLast && lines[i].Length == 0) break;
                var flaw = "it was not written to its end";
                if (!isLast && ByeRecord.TryRead(lines[i], out flaw) is { } record) _kept[record.Call] = record;
                else Skip(i + 1, flaw);
            }
        }
    }

    private void Skip(int line, string flaw)
    {
        log.Write(LogEvents.ByeRecordSkipped, line, flaw);
        // What comes next must not be added to half a line.
        _isStale = true;
    }

    private void Write()
    {
        if (file is null) return;
        lock (_gate)
        {
            if (_isWriting || (!_isStale && _added.Count == 0)) return;
            _isWriting = true;
        }
        scheduler.Post(this);
    }

    private async Task PumpAsync()
    {
        while (true)
        {
            string text;
            bool isWhole;
            List<Action> told;
            lock (_gate)
            {
                isWhole = _isStale;
                if (!isWhole && _added.Count == 0)
                {
                    _isWriting = false;
                    return;
                }
                text = string.Concat((isWhole ? _kept.Values.OrderBy(static record => record.AtMillis).ToList() : _added).Select(static record =>
                    record.ToLine()));
                _added.Clear();
                _isStale = false;
                (told, _waiting) = (_waiting, []);
            }
            var isDone = await TryWriteAsync(Encoding.UTF8.GetBytes(text), isWhole).ConfigureAwait(false);
            foreach (var written in told) written();
            if (isDone) continue;
            lock (_gate)
            {
                // The next look tries again, with all there is.
                _isStale = true;
                _isWriting = false;
                (told, _waiting) = (_waiting, []);
            }
            foreach (var written in told) written();
            return;
        }
    }

    private async Task<bool> TryWriteAsync(byte[] bytes, bool isWhole)
    {
        try
        {
            if (isWhole) await file!.ReplaceAsync(bytes).ConfigureAwait(false);
            else await file!.AppendAsync(bytes).ConfigureAwait(false);
            _hasFailed = false;
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            if (!_hasFailed) log.Write(LogEvents.ByeSpoolFailed, fault.Message);
            _hasFailed = true;
            return false;
        }
    }

    private void EnsureTicking()
    {
        lock (_gate)
        {
            if (_isTicking || _isStopped || !_isStarted || (_kept.Count == 0 && !_isStale)) return;
            _isTicking = true;
        }
        timers.Schedule(TellMillis, Tick, null);
    }

    private void Tick(object? state)
    {
        List<ByeRecord> records;
        lock (_gate)
        {
            _isTicking = false;
            if (_isStopped) return;
            records = [.. _kept.Values.OrderBy(static record => record.AtMillis)];
        }
        foreach (var record in records)
        {
            if (Math.Abs(clock.UnixMillis - record.AtMillis) > Limits.ToldByeMillis)
            {
                log.Write(LogEvents.ByeRecordTooOld, record.Call);
                Forget(record.Call);
            }
            else if (!isCutOff() && !post.IsUnderway(record.Call) && !post.Send("", record.Call, record.Bye) && post.IsHere(record.Call))
            {
                Forget(record.Call);
            }
        }
        Write();
        EnsureTicking();
    }
}
