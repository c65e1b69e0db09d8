using Cti.Kernel;
using Cti.Media.Files;

namespace Cti.Transport.Media;

/// <summary>How a lane bounds its loads.</summary>
/// <param name="Name">Of its threads, and in the log.</param>
/// <param name="Threads">How many work at once.</param>
/// <param name="ThreadsMax">How many there may be where some wait for a disk that does not answer.</param>
/// <param name="LimitMillis">How long a disk may not answer before who waits for it is told.</param>
/// <param name="IsImpatient">Whether a load that could not begin at once is refused instead of waiting.</param>
internal sealed record LoadLaneOptions(string Name, int Threads, int ThreadsMax, int LimitMillis = Limits.DiskAnswerMillisMax, bool IsImpatient = false)
{
    /// <summary>Threads that may wait for one application's disk: the others are for the other applications.</summary>
    public int ThreadsPerApplicationMax => Math.Max(1, ThreadsMax / 4);

    /// <summary>How long what did not answer is not asked again.</summary>
    public int RetryMillis { get; init; } = Limits.DiskRetryMillis;
}

/// <summary>
/// A bounded queue of loads and the threads that work on it. A read that never returns cannot be ended, only given up: who waits for it is told, the thread is
/// left where it is until it comes back, and another one takes its place, up to a bound; at most a quarter of that is for one application. What stands is not
/// asked again by others:
/// <code>
///   queued ──► running ──disk silent 100 ms──► slow ──limit──► given up ──returns──► running the next, or ended
///      ▲          │                             │ loads of the same files wait      │ loads of the same files are refused
///      └──────────┴── another thread begins ◄───┘                                   └── asked again after a while
/// </code>
/// </summary>
internal sealed class LoadLane
{
    private const long SlowNanos = 100 * Nanos.PerMilli;
    private const int StopLookMillis = 50;
    private const string TooMany = "too many files wait to be opened";

    private readonly LoadLaneOptions _options;
    private readonly ILog _log;
    private readonly object _gate = new();
    private readonly LinkedList<FileLoad> _queue = new();
    private readonly List<Worker> _workers = [];
    private readonly Dictionary<(string Application, string File), long> _silentUntil = [];
    private readonly List<FileLoad> _over = [];
    private bool _stopping;

    public LoadLane(LoadLaneOptions options, ILog log)
    {
        _options = options;
        _log = log;
        lock (_gate)
        {
            for (var i = 0; i < options.Threads; i++) Start();
        }
    }

    private sealed class Worker
    {
        public LoadWatch Watch { get; } = new();

        public Thread Thread { get; set; } = null!;

        public FileLoad? Load { get; set; }

        public int Steps { get; set; }

        public long AnsweredAt { get; set; }

        public bool IsSlow { get; set; }

        public bool IsGivenUp { get; set; }

        public bool StandsAt(FileLoad load) =>
            IsSlow && Load is { } own && own.Application == load.Application && Watch.At is { } at && load.Files.Contains(at);
    }

    /// <summary>Threads that wait for a disk and that nobody waits for any more.</summary>
    public int GivenUp
    {
        get
        {
            lock (_gate) return _workers.Count(static worker => worker.IsGivenUp);
        }
    }

    /// <summary>Queues a load. Null where it will be carried out or given up; else why it will be neither.</summary>
    public string? TryQueue(FileLoad load)
    {
        lock (_gate)
        {
            if (_stopping) return "the node stops";
            if (_queue.Count >= Limits.MediaLoadsMax) return TooMany;
            var now = LoopThread.Now();
            foreach (var file in load.Files)
                if (_silentUntil.TryGetValue((load.Application, file), out var until) && now < until) return FileLoad.Silent(file);
            if (_workers.Count >= _options.ThreadsMax && _workers.TrueForAll(static worker => worker.IsGivenUp))
                return "no file can be read: the disks do not answer";
            if (IsFull(load.Application, static worker => worker.IsGivenUp)) return "no other file can be read: the disk does not answer";
            if (_options.IsImpatient && !IsEligible(load)) return TooMany;
            load.QueuedAt = now;
            _queue.AddLast(load);
            Monitor.Pulse(_gate);
            return null;
        }
    }

    /// <summary>Looks which disks answer; every 50 ms.</summary>
    public void Tick()
    {
        var now = LoopThread.Now();
        lock (_gate)
        {
            foreach (var worker in _workers) Look(worker, now);
            GiveUpWaiting(now);
            // More threads only for those that wait for a disk: what decodes would only be slower for it.
            if (_workers.Count < _options.ThreadsMax && _workers.Count(static worker => !worker.IsSlow) < _options.Threads && _queue.Any(IsEligible)) Start();
            if (_queue.Count > 0) Monitor.PulseAll(_gate);
        }

        foreach (var load in _over) load.GiveUp();
        _over.Clear();
    }

    /// <summary>Ends the threads once the queue is empty; those that wait for a disk are left behind.</summary>
    public void Stop(long deadline)
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
            while (_workers.Exists(static worker => !worker.IsSlow) && LoopThread.Now() < deadline) Monitor.Wait(_gate, StopLookMillis);
        }
    }

    private void Look(Worker worker, long now)
    {
        if (worker.Load is not { } load || worker.IsGivenUp) return;
        var steps = worker.Watch.Steps;
        if (steps != worker.Steps || worker.Watch.IsBounded)
        {
            (worker.Steps, worker.AnsweredAt, worker.IsSlow) = (steps, now, false);
            return;
        }
        worker.IsSlow = now - worker.AnsweredAt >= SlowNanos;
        if (now - worker.AnsweredAt < _options.LimitMillis * Nanos.PerMilli) return;
        worker.IsGivenUp = true;
        worker.Watch.GiveUp();
        var file = worker.Watch.At ?? load.FirstFile;
        _silentUntil[(load.Application, file)] = now + (_options.RetryMillis * Nanos.PerMilli);
        load.Why ??= FileLoad.Silent(file);
        _over.Add(load);
        _log.Write(LogEvents.DiskSilent, _options.Name, file, load.Application, _options.LimitMillis, _workers.Count(static one => one.IsGivenUp),
            _options.ThreadsMax);
    }

    /// <summary>What waits behind a disk that does not answer is told so as well.</summary>
    private void GiveUpWaiting(long now)
    {
        for (var node = _queue.First; node is not null;)
        {
            var next = node.Next;
            var load = node.Value;
            if (now - load.QueuedAt >= _options.LimitMillis * Nanos.PerMilli
                && (!IsEligible(load) || (_workers.Count >= _options.ThreadsMax && _workers.TrueForAll(static worker => worker.IsSlow))))
            {
                _queue.Remove(node);
                load.Why ??= FileLoad.Silent(load.Files.FirstOrDefault(file => _workers.Exists(worker => worker.IsSlow && worker.Watch.At == file))
                    ?? load.FirstFile);
                _over.Add(load);
            }
            node = next;
        }
    }

    private bool IsEligible(FileLoad load) => !_workers.Exists(worker => worker.StandsAt(load)) && !IsFull(load.Application, static worker => worker.IsSlow);

    private bool IsFull(string application, Func<Worker, bool> waits) =>
        _workers.Count(worker => waits(worker) && worker.Load?.Application == application) >= _options.ThreadsPerApplicationMax;

    private FileLoad? TakeNext()
    {
        LinkedListNode<FileLoad>? first = null;
        for (var node = _queue.First; node is not null; node = node.Next)
        {
            if (!IsEligible(node.Value)) continue;
            first ??= node;
            // Whoever waits for a silent disk already lets the others go before.
            if (_workers.Exists(worker => worker.IsSlow && worker.Load?.Application == node.Value.Application)) continue;
            first = node;
            break;
        }
        if (first is null) return null;
        _queue.Remove(first);
        return first.Value;
    }

    private void Start()
    {
        var worker = new Worker();
        worker.Thread = new Thread(() => Run(worker)) { IsBackground = true, Name = _options.Name };
        _workers.Add(worker);
        worker.Thread.Start();
    }

    private void Run(Worker worker)
    {
        while (Next(worker) is { } load)
        {
            worker.Watch.Begin();
            // A play of several says itself at which it is.
            if (load.Files.Count == 1) worker.Watch.At = load.Files[0];
            load.Run();
        }
    }

    /// <summary>Waits for the next load; null where the thread is not needed any more.</summary>
    private FileLoad? Next(Worker worker)
    {
        lock (_gate)
        {
            if (worker is { IsGivenUp: true, Load: { } former })
            {
                var file = worker.Watch.At ?? former.FirstFile;
                _silentUntil.Remove((former.Application, file));
                _log.Write(LogEvents.DiskAnswersAgain, _options.Name, file, former.Application);
            }
            (worker.Load, worker.IsGivenUp, worker.IsSlow) = (null, false, false);
            while (true)
            {
                if (TakeNext() is { } load)
                {
                    (worker.Load, worker.AnsweredAt) = (load, LoopThread.Now());
                    return load;
                }
                if (_stopping || _workers.Count(static one => !one.IsSlow) > _options.Threads)
                {
                    _workers.Remove(worker);
                    Monitor.PulseAll(_gate);
                    return null;
                }
                Monitor.Wait(_gate);
            }
        }
    }
}

/// <summary>Something that is read or opened on a loader's thread: it ends exactly once, by its result or by being given up.</summary>
internal sealed class FileLoad
{
    private readonly Action<FileLoad> _run;
    private readonly Action<string> _giveUp;
    private int _ended;

    /// <param name="application">Whose files they are.</param>
    /// <param name="files">Their names: two loads of one file do not wait for a silent disk both.</param>
    /// <param name="run">Reads, then says what came of it where <see cref="TryEnd"/> lets it; must not throw.</param>
    /// <param name="giveUp">Says that nothing will come of it.</param>
    public FileLoad(string application, IReadOnlyList<string> files, Action<FileLoad> run, Action<string> giveUp)
    {
        Application = application;
        Files = files;
        _run = run;
        _giveUp = giveUp;
    }

    public string Application { get; }

    public IReadOnlyList<string> Files { get; }

    public string FirstFile => Files.Count > 0 ? Files[0] : "a file";

    /// <summary>Why it was given up.</summary>
    public string? Why { get; set; }

    public long QueuedAt { get; set; }

    public static string Silent(string file) => $"{file}: its disk does not answer";

    /// <summary>True for who ends it first.</summary>
    public bool TryEnd() => Interlocked.Exchange(ref _ended, 1) == 0;

    public void Run() => _run(this);

    public void GiveUp()
    {
        if (TryEnd()) _giveUp(Why ?? "its disk does not answer");
    }
}

/// <summary>Monotonic time as the loops count it.</summary>
internal static class Nanos
{
    public const long PerMilli = 1_000_000;
}
