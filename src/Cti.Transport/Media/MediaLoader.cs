using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;

namespace Cti.Transport.Media;

/// <summary>A recording to open: see <see cref="SoundRecorder.Open"/>.</summary>
internal readonly record struct RecordingTarget(string FullPath, RecordFormat Format, int Channels, int FileChannels, bool Append, bool TakesOver = false,
    string Application = "");

/// <summary>
/// The threads that touch the disk for the loops. Each kind of load has a lane of its own, so that none waits for another: prompts that are in memory (whose
/// files are looked at once more, but not for long), other files, recordings, and what waits for a speech engine. A writer carries recorded sound to the files.
/// </summary>
internal sealed class MediaLoader : IDisposable
{
    private const int LookEveryMillis = 50;
    private const int KeptThreads = 2;
    private const int StopMillisMax = 5_000;
    private readonly IPromptSource _prompts;
    private readonly LoadLane _kept;
    private readonly LoadLane _files;
    private readonly LoadLane _recordings;
    private readonly LoadLane _speech;
    private readonly LoadLane _questions;
    private readonly RecordingWriter _writer;
    private readonly SoundLibrary _library;
    private readonly RecordingModes _modes;
    private readonly Thread _watch;
    private readonly ManualResetEventSlim _stopping = new();
    private volatile bool _isStopping;

    public MediaLoader(IPromptSource prompts, MediaEngineOptions options, ILog log)
    {
        _prompts = prompts;
        _library = options.SoundLibrary;
        _modes = options.RecordingModes;
        var threads = Math.Clamp(options.LoaderThreads, 1, 16);
        var speechThreads = Math.Clamp(options.SpeechThreads, 1, 64);
        _kept = new LoadLane(new LoadLaneOptions("prompt loader", KeptThreads, Limits.LoadThreadsMax,
            Math.Min(Limits.DiskLookMillisMax, options.DiskAnswerMillisMax), IsImpatient: true), log);
        _files = new LoadLane(new LoadLaneOptions("media loader", threads, Limits.LoadThreadsMax, options.DiskAnswerMillisMax), log);
        _recordings = new LoadLane(new LoadLaneOptions("recording opener", threads, Limits.LoadThreadsMax, options.DiskAnswerMillisMax), log);
        _speech = new LoadLane(new LoadLaneOptions("speech loader", speechThreads, speechThreads + Limits.LoadThreadsMax, options.DiskAnswerMillisMax), log);
        _questions = new LoadLane(new LoadLaneOptions("disk questions", threads, Limits.LoadThreadsMax,
            Math.Min(Limits.DiskQuestionMillisMax, options.DiskAnswerMillisMax)), log);
        _writer = new RecordingWriter(log, options.DiskAnswerMillisMax);
        _watch = new Thread(Watch) { IsBackground = true, Name = "media disk watch" };
        _watch.Start();
    }

    /// <summary>Recordings whose files are not complete yet.</summary>
    public int Recording => _writer.Count;

    /// <summary>Threads that a disk holds up and that nobody waits for any more.</summary>
    public int HeldUp => _kept.GivenUp + _files.GivenUp + _recordings.GivenUp + _speech.GivenUp + _questions.GivenUp + _writer.GivenUp;

    /// <summary>Loads a play for a codec and hands it over, once, on some thread.</summary>
    public void Load(PlayRequest request, Func<AudioCodec> codec, Action<PlayListLoad> then)
    {
        var load = new FileLoad(request.Application, request.Files, load =>
        {
            var list = PlayList.Load(_prompts, request, codec());
            if (load.TryEnd()) then(list);
        }, why => then(new PlayListLoad(MediaOutcome.Failed, null, why)));
        if (!PlayList.IsKept(_prompts, request))
        {
            if ((MayTakeLong(request) ? _speech : _files).TryQueue(load) is { } why) then(new PlayListLoad(MediaOutcome.Failed, null, why));
            return;
        }
        // What is in memory is heard even where its disk is away; what is just forgotten is loaded like any other file.
        var look = new FileLoad(request.Application, request.Files, _ => load.Run(), _ => FromMemory());
        if (_kept.TryQueue(look) is not null) FromMemory();

        void FromMemory()
        {
            if (PlayList.OfKept(_prompts, request, codec()) is { } list)
            {
                if (load.TryEnd()) then(new PlayListLoad(MediaOutcome.Completed, list, null));
            }
            else if (_files.TryQueue(load) is { } why && load.TryEnd())
            {
                then(new PlayListLoad(MediaOutcome.Failed, null, why));
            }
        }
    }

    /// <summary>Opens a recording and hands it over, once, on some thread; from when on somebody must end it.</summary>
    public void Open(RecordingTarget target, Action<RecorderOpening> then)
    {
        var load = new FileLoad(target.Application, [target.FullPath], load => OpenRecording(load, target, then),
            why => then(new RecorderOpening(MediaOutcome.Failed, null, why)));
        if (_recordings.TryQueue(load) is { } why) then(new RecorderOpening(MediaOutcome.Failed, null, why));
    }

    /// <summary>Asks the disk something and waits for the answer: see <see cref="IBoundedDisk"/>.</summary>
    public T Ask<T>(string application, string file, Func<T> ask, T silent, int limitMillis)
    {
        var answer = new TaskCompletionSource<T>();
        var load = new FileLoad(application, [file], one =>
        {
            var found = Answer(ask, silent);
            if (one.TryEnd()) answer.SetResult(found);
        }, _ => answer.SetResult(silent));
        if (_questions.TryQueue(load) is not null) return silent;
        return !answer.Task.Wait(limitMillis) && load.TryEnd() ? silent : answer.Task.GetAwaiter().GetResult();
    }

    /// <summary>Looks through folders: see <see cref="IBoundedDisk"/>. A thread that a disk holds up is left where it is, and ends with the process.</summary>
    public void BeginLook(Action<Func<bool>> look)
    {
        var until = LoopThread.Now() + (Limits.DiskLookThroughMillisMax * Nanos.PerMilli);
        new Thread(() => look(() => !_isStopping && LoopThread.Now() < until)) { IsBackground = true, Name = "recording repair" }.Start();
    }

    /// <summary>Stops the loaders, then completes every recording whose session has ended; what a disk holds up is left behind after 5 s.</summary>
    public void Dispose()
    {
        _isStopping = true;
        var deadline = LoopThread.Now() + (StopMillisMax * Nanos.PerMilli);
        _kept.Stop(deadline);
        _files.Stop(deadline);
        _recordings.Stop(deadline);
        _speech.Stop(deadline);
        _questions.Stop(deadline);
        _writer.Stop(deadline);
        _stopping.Set();
        _watch.Join();
        _stopping.Dispose();
    }

    private bool MayTakeLong(PlayRequest request)
    {
        foreach (var file in request.Files)
            if (_prompts.MayTakeLong(file))
                return true;
        return false;
    }

    private void OpenRecording(FileLoad load, RecordingTarget target, Action<RecorderOpening> then)
    {
        var opening = SoundRecorder.Open(target.FullPath, target.Format, target.Channels, target.FileChannels, target.Append, target.TakesOver,
            _library, _modes);
        var isWanted = load.TryEnd();
        if (opening.Recorder is { } recorder)
        {
            if (!isWanted) recorder.Discard();
            _writer.Add(WrittenFile.Of(recorder, target.Application));
        }
        if (isWanted) then(opening);
    }

    private static T Answer<T>(Func<T> ask, T silent)
    {
        try
        {
            return ask();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return silent;
        }
    }

    private void Watch()
    {
        while (!_stopping.Wait(LookEveryMillis))
        {
            _kept.Tick();
            _files.Tick();
            _recordings.Tick();
            _speech.Tick();
            _questions.Tick();
            _writer.Tick();
        }
    }
}
