using Cti.Media;
using Cti.Media.Files;

namespace Cti.Transport.Media;

/// <summary>A recording to open: see <see cref="SoundRecorder.Open"/>.</summary>
internal readonly record struct RecordingTarget(string FullPath, RecordFormat Format, int Channels, int FileChannels, bool Append, bool TakesOver = false);

/// <summary>
/// The threads that touch the disk for the loops: loaders open prompts and recordings, a writer carries recorded sound to the files every 100 ms.
/// What waits for a speech engine has loaders of its own, so that no prompt waits behind it.
/// </summary>
internal sealed class MediaLoader : IDisposable
{
    private const int WriteEveryMillis = 100;
    private readonly IPromptSource _prompts;
    private readonly LoadLane _files;
    private readonly LoadLane _speech;
    private readonly SoundLibrary _library;
    private readonly Queue<SoundRecorder> _opened = new();
    private readonly object _writerGate = new();
    private readonly Thread _writer;
    private bool _writerStopping;
    private int _recording;

    public MediaLoader(IPromptSource prompts, int threads, int speechThreads, SoundLibrary library)
    {
        _library = library;
        _prompts = prompts;
        _files = new LoadLane("media loader", Math.Clamp(threads, 1, 16));
        _speech = new LoadLane("speech loader", Math.Clamp(speechThreads, 1, 64));
        _writer = new Thread(RunWriter) { IsBackground = true, Name = "media writer" };
        _writer.Start();
    }

    /// <summary>Recordings whose files are not complete yet.</summary>
    public int Recording => Volatile.Read(ref _recording);

    /// <summary>Loads a play for a codec and hands it over on a loader's thread; false when too much waits.</summary>
    public bool TryLoad(PlayRequest request, Func<AudioCodec> codec, Action<PlayListLoad> then) =>
        (MayTakeLong(request) ? _speech : _files).TryQueue(() => then(PlayList.Load(_prompts, request, codec())));

    /// <summary>Opens a recording and hands it over on a loader's thread, from when on somebody must end it; false when too much waits.</summary>
    public bool TryOpen(RecordingTarget target, Action<RecorderOpening> then) =>
        _files.TryQueue(() => OpenRecording(target, then));

    /// <summary>Stops the loaders, then completes every recording whose session has ended.</summary>
    public void Dispose()
    {
        _files.Dispose();
        _speech.Dispose();
        lock (_writerGate)
        {
            _writerStopping = true;
            Monitor.Pulse(_writerGate);
        }

        _writer.Join();
    }

    private bool MayTakeLong(PlayRequest request)
    {
        foreach (var file in request.Files)
            if (_prompts.MayTakeLong(file))
                return true;
        return false;
    }

    private void OpenRecording(RecordingTarget target, Action<RecorderOpening> then)
    {
        var opening = SoundRecorder.Open(target.FullPath, target.Format, target.Channels, target.FileChannels, target.Append, target.TakesOver, _library);
        if (opening.Recorder is { } recorder)
        {
            Interlocked.Increment(ref _recording);
            lock (_writerGate)
            {
                _opened.Enqueue(recorder);
                Monitor.Pulse(_writerGate);
            }
        }

        then(opening);
    }

    private void RunWriter()
    {
        var open = new List<SoundRecorder>();
        while (true)
        {
            bool stopping;
            lock (_writerGate)
            {
                if (!_writerStopping)
                {
                    if (open.Count == 0 && _opened.Count == 0)
                        Monitor.Wait(_writerGate);
                    else
                        Monitor.Wait(_writerGate, WriteEveryMillis);
                }

                while (_opened.TryDequeue(out var recorder))
                    open.Add(recorder);
                stopping = _writerStopping;
            }

            var completed = open.RemoveAll(recorder => recorder.Drain());
            Interlocked.Add(ref _recording, -completed);
            if (stopping)
                return;
        }
    }
}
