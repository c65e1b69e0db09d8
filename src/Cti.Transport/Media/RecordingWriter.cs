using Cti.Kernel;
using Cti.Media.Files;

namespace Cti.Transport.Media;

/// <summary>What the writer does with a file.</summary>
/// <param name="FullPath">The file.</param>
/// <param name="Application">Whose it is.</param>
/// <param name="Drain">As <see cref="SoundRecorder.Drain"/>.</param>
/// <param name="GiveUp">As <see cref="SoundRecorder.GiveUp"/>.</param>
/// <param name="Failure">As <see cref="SoundRecorder.DiskFailure"/>.</param>
internal sealed record WrittenFile(string FullPath, string Application, Func<bool> Drain, Action<string> GiveUp, Func<string?> Failure)
{
    public static WrittenFile Of(SoundRecorder recorder, string application) =>
        new(recorder.FullPath, application, recorder.Drain, recorder.GiveUp, () => recorder.DiskFailure);
}

/// <summary>
/// Carries recorded sound to the files every 100 ms. A write that does not return holds up its own recording alone: another thread goes on with the others, up
/// to a bound, a quarter of which is for one application's disk; past the limit the recording is told to have failed.
/// </summary>
internal sealed class RecordingWriter
{
    private const int WriteEveryMillis = 100;
    private const int ThreadsMax = 16;
    private const int ThreadsPerApplicationMax = ThreadsMax / 4;
    private const long SlowNanos = 250 * Nanos.PerMilli;

    private readonly ILog _log;
    private readonly int _limitMillis;
    private readonly object _gate = new();
    private readonly List<Entry> _open = [];
    private readonly List<Writer> _writers = [];
    private bool _stopping;

    public RecordingWriter(ILog log, int limitMillis)
    {
        _log = log;
        _limitMillis = limitMillis;
        lock (_gate) Start();
    }

    private sealed class Entry(WrittenFile recorder, long now)
    {
        public WrittenFile Recorder { get; } = recorder;

        public string Application => Recorder.Application;

        public Writer? Writer { get; set; }

        public long DrainedAt { get; set; } = now;

        public bool IsGivenUp { get; set; }

        public bool IsDone { get; set; }
    }

    private sealed class Writer
    {
        public Thread Thread { get; set; } = null!;

        public Entry? At { get; set; }

        public long Since { get; set; }

        public bool IsSlow { get; set; }

        public bool IsLastRound { get; set; }
    }

    /// <summary>Recordings whose files are not complete yet.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _open.Count;
        }
    }

    /// <summary>Recordings that were told to have failed because their disk does not answer, and whose writes have not come back.</summary>
    public int GivenUp
    {
        get
        {
            lock (_gate) return _open.Count(static entry => entry.IsGivenUp);
        }
    }

    /// <summary>Takes a recording that was opened; somebody ends it.</summary>
    public void Add(WrittenFile recorder)
    {
        lock (_gate)
        {
            _open.Add(new Entry(recorder, LoopThread.Now()));
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Looks which writes return; every 50 ms.</summary>
    public void Tick()
    {
        var now = LoopThread.Now();
        lock (_gate)
        {
            foreach (var writer in _writers) writer.IsSlow = writer.At is not null && now - writer.Since >= SlowNanos;
            foreach (var entry in _open)
            {
                // Also one that no thread was left for.
                var since = entry.Writer is { At: { } at } writer && at == entry ? writer.Since : entry.DrainedAt;
                if (entry.IsGivenUp || now - since < _limitMillis * Nanos.PerMilli || !_writers.Exists(static writer => writer.IsSlow)) continue;
                entry.IsGivenUp = true;
                entry.Recorder.GiveUp("its disk does not answer");
                _log.Write(LogEvents.DiskSilent, "media writer", entry.Recorder.FullPath, entry.Application, _limitMillis,
                    _open.Count(static one => one.IsGivenUp), ThreadsMax);
            }
            if (_writers.Count < ThreadsMax && _writers.TrueForAll(static writer => writer.IsSlow)) Start();
        }
    }

    /// <summary>Completes every recording whose session has ended, and stops; writes that do not return are left behind.</summary>
    public void Stop(long deadline)
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
            while (_writers.Exists(static writer => !writer.IsSlow) && LoopThread.Now() < deadline) Monitor.Wait(_gate, WriteEveryMillis);
        }
    }

    private void Start()
    {
        var writer = new Writer();
        writer.Thread = new Thread(() => Run(writer)) { IsBackground = true, Name = "media writer" };
        _writers.Add(writer);
        writer.Thread.Start();
    }

    private void Run(Writer writer)
    {
        var round = new List<Entry>();
        while (Next(writer, round) is { } began)
        {
            foreach (var entry in round)
            {
                if (!TryClaim(writer, entry, began)) continue;
                var isDone = entry.Recorder.Drain();
                Release(writer, entry, isDone);
            }
        }
    }

    /// <summary>Waits for the next round; null where the thread is not needed any more.</summary>
    private long? Next(Writer writer, List<Entry> round)
    {
        lock (_gate)
        {
            if (!_stopping)
            {
                if (_open.Count > 0) Monitor.Wait(_gate, WriteEveryMillis);
                else Monitor.Wait(_gate);
            }
            round.Clear();
            if (IsSurplus(writer) || writer.IsLastRound)
            {
                _writers.Remove(writer);
                Monitor.PulseAll(_gate);
                return null;
            }
            writer.IsLastRound = _stopping;
            round.AddRange(_open);
            return LoopThread.Now();
        }
    }

    private bool IsSurplus(Writer writer) => _writers.Exists(other => other != writer && !other.IsSlow);

    private bool TryClaim(Writer writer, Entry entry, long began)
    {
        lock (_gate)
        {
            if (entry.Writer is not null || entry.DrainedAt > began || entry.IsDone) return false;
            if (_writers.Count(other => other.IsSlow && other.At?.Application == entry.Application) >= ThreadsPerApplicationMax) return false;
            (entry.Writer, writer.At, writer.Since) = (writer, entry, LoopThread.Now());
            return true;
        }
    }

    private void Release(Writer writer, Entry entry, bool isDone)
    {
        lock (_gate)
        {
            (entry.Writer, entry.DrainedAt, writer.At, writer.IsSlow) = (null, LoopThread.Now(), null, false);
            if (!isDone) return;
            entry.IsDone = true;
            _open.Remove(entry);
            if (entry.IsGivenUp) _log.Write(LogEvents.DiskAnswersAgain, "media writer", entry.Recorder.FullPath, entry.Application);
            else if (entry.Recorder.Failure() is { } failure) _log.Write(LogEvents.RecordingFailed, failure);
        }
    }
}
