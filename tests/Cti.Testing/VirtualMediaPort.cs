using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Srtp;

namespace Cti.Testing;

/// <summary>A recording that a simulated media side wrote.</summary>
/// <param name="DurationMillis">How long it is.</param>
/// <param name="IsComplete">Whether it was closed; a crash leaves it open.</param>
public sealed record VirtualRecording(long DurationMillis, bool IsComplete);

/// <summary>
/// The media side of a simulated node: files that have a length instead of sound, keys that a peer injects, ports that are counted. It keeps the promises of
/// <see cref="IMediaPort"/>: every start ends once, reports are in order per session, <see cref="SessionClosed"/> is the last. It throws where a caller breaks
/// its own.
/// </summary>
public sealed partial class VirtualMediaPort(ManualRuntime runtime, IPAddress address, int firstPort = 20_000, int sessionsMax = 1000) : IMediaPort
{
    private const int BeepMillis = 300;
    private const int KeyMillis = 200;
    private const int PauseMillis = 500;

    private readonly Dictionary<MediaSessionId, Session> _sessions = [];
    private readonly HashSet<MediaSessionId> _seen = [];
    private uint _presses;
    private readonly SortedSet<int> _freePorts = [.. Enumerable.Range(0, sessionsMax).Select(index => firstPort + (2 * index))];

    /// <summary>Lengths of the files that exist, in milliseconds.</summary>
    public Dictionary<string, long> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>Files that exist and do not play.</summary>
    public HashSet<string> Broken { get; } = new(StringComparer.Ordinal);

    /// <summary>What was recorded, by full path.</summary>
    public Dictionary<string, VirtualRecording> Recordings { get; } = new(StringComparer.Ordinal);

    /// <summary>Milliseconds from a start to its first report: loading.</summary>
    public int LoadMillis { get; set; } = 5;

    /// <summary>How long anything that is spoken lasts.</summary>
    public int SpokenMillis { get; set; } = 400;

    /// <summary>No port is free: opening fails.</summary>
    public bool NoPort { get; set; }

    /// <summary>Every loop is over its budget: what no call or conference that is there needs fails to open.</summary>
    public bool IsBusy { get; set; }

    /// <summary>The disk is full: recordings fail.</summary>
    public bool DiskFull { get; set; }

    /// <summary>Told each key that reaches a far end: its RTP address and the key.</summary>
    public Action<IPEndPoint, char>? KeySent { get; set; }

    public int OpenSessions => _sessions.Count;

    /// <summary>Sessions that carry sound to other nodes: where they are, where they send to, and their keys.</summary>
    public IReadOnlyList<(IPEndPoint Local, IPEndPoint? Remote, SrtpKeys? Keys)> LinkSessions =>
        [.. _sessions.Values.Where(session => session.Options.IsLink && !session.Closing)
            .Select(session => (session.Local, session.Description?.Remote, session.Options.Srtp))];

    /// <summary>Sessions of calls: how they were opened, and what they were told last.</summary>
    public IReadOnlyList<(MediaSessionOptions Options, MediaDescription? Description)> CallSessions =>
        [.. _sessions.Values.Where(session => !session.Options.IsLink && !session.Closing).Select(session => (session.Options, session.Description))];

    /// <summary>Ports that are not free again: 0 when nothing leaks.</summary>
    public int PortsInUse => sessionsMax - _freePorts.Count;

    /// <summary>Sessions that were ever opened.</summary>
    public int Opened => _seen.Count;

    /// <summary>Plays, recordings and sendings that run.</summary>
    public int RunningActions => _sessions.Values.Sum(session => session.Running.Count);

    /// <summary>What was negotiated for the calls' open sessions, in the order of their numbers.</summary>
    public IReadOnlyList<MediaDescription> Described =>
        [.. _sessions.Values.Where(session => session is { Closing: false, Options.IsLink: false, Description: not null }).OrderBy(session => session.Id.Value)
            .Select(session => session.Description!)];

    /// <summary>Whether there is an address of IPv4 and of IPv6.</summary>
    public (bool IPv4, bool IPv6) Families { get; set; } = (true, true);

    public bool Speaks(AddressFamily family) => family == AddressFamily.InterNetworkV6 ? Families.IPv6 : Families.IPv4;

    public IPEndPoint? TryOpen(MediaSessionId session, MediaSessionOptions options, IMediaEvents events, out MediaRefusal refusal)
    {
        refusal = MediaRefusal.None;
        if (!_seen.Add(session)) throw new InvalidOperationException($"session {session.Value} is opened twice");
        if (NoPort || _freePorts.Count == 0 || (IsBusy && !options.IsOwed))
        {
            _seen.Remove(session);
            refusal = IsBusy && !options.IsOwed ? MediaRefusal.OwnWork : MediaRefusal.NoPort;
            return null;
        }
        var port = _freePorts.Min;
        _freePorts.Remove(port);
        var local = new IPEndPoint(options is { IPv6: true, IsLink: false } ? IPAddress.IPv6Loopback : address, port);
        _sessions.Add(session, new Session(session, events, local, options));
        return local;
    }

    public void Configure(MediaSessionId session, MediaDescription description)
    {
        if (Find(session) is { } open) open.Description = description;
    }

    public void StartPlay(MediaSessionId session, PlayRequest request)
    {
        if (Find(session) is not { } open) return;
        var action = open.Begin(request.Action, MediaKind.Play);
        action.Sound = $"{(request.Repeat < 0 ? "loop" : "file")} {string.Join('|', request.Files)}";
        foreach (var file in request.Files)
        {
            var missing = !Files.ContainsKey(file) && !PromptNames.IsReserved(file);
            if (!missing && !Broken.Contains(file)) continue;
            action.Outcome = missing ? MediaOutcome.NotFound : MediaOutcome.Unsupported;
            action.Detail = missing ? $"{file}: no such file" : $"{file}: cannot be played";
            action.Timer = runtime.After(LoadMillis, () => End(open, action));
            return;
        }
        var total = request.Files.Sum(file => Files.GetValueOrDefault(file, SpokenMillis));
        action.Timer = runtime.After(LoadMillis, () =>
        {
            Report(open, new PlayStarted(action.Number));
            if (request.Repeat >= 0) action.Timer = runtime.After(Math.Max(0, (total * (request.Repeat + 1)) - request.OffsetMillis), () => End(open, action));
        });
    }

    public void StopPlay(MediaSessionId session, long action) => Stop(session, action, MediaKind.Play);

    public void StartRecord(MediaSessionId session, RecordRequest request)
    {
        if (Find(session) is not { } open) return;
        var action = open.Begin(request.Action, MediaKind.Record);
        action.Path = request.FullPath;
        if (DiskFull)
        {
            action.Outcome = MediaOutcome.Failed;
            action.Detail = $"{request.FullPath}: no space left";
            action.Timer = runtime.After(LoadMillis, () => End(open, action));
            return;
        }
        action.Timer = runtime.After(LoadMillis + (request.Beep ? BeepMillis : 0), () =>
        {
            action.BeganMillis = runtime.ElapsedMillis;
            action.BeforeMillis = request.Append && Recordings.TryGetValue(request.FullPath, out var before) ? before.DurationMillis : 0;
            Recordings[request.FullPath] = new VirtualRecording(action.BeforeMillis, false);
            Report(open, new RecordStarted(action.Number));
        });
    }

    /// <summary>Milliseconds from the end of a recording until its file is complete.</summary>
    public int CompletionMillis { get; set; }

    /// <summary>Whether recordings that are being completed when their session is abandoned are reported all the same: the report was on its way.</summary>
    public bool IsHeardAfterwards { get; set; }

    public void StopRecord(MediaSessionId session, long action)
    {
        if (CompletionMillis == 0)
        {
            Stop(session, action, MediaKind.Record);
        }
        else if (Find(session) is { } open && open.Running.TryGetValue(action, out var running) && running is { Kind: MediaKind.Record, IsEnding: false })
        {
            running.IsEnding = true;
            running.Timer?.Cancel();
            running.Timer = runtime.After(CompletionMillis, () => Stop(open, running));
        }
    }

    public void SendKeys(MediaSessionId session, SendKeysRequest request)
    {
        if (Find(session) is not { } open) return;
        var action = open.Begin(request.Action, MediaKind.Keys);
        SendNext(open, action, request.Keys, 0);
    }

    /// <summary>What every session that has something negotiated reports; null: a stream without packets.</summary>
    public StreamStatistics? Quality { get; set; }

    public StreamStatistics? ReadStatistics(MediaSessionId session) => _sessions.TryGetValue(session, out var open) ? StatisticsOf(open) : null;

    private StreamStatistics? StatisticsOf(Session open) =>
        open.Description is { } description ? Quality ?? new StreamStatistics(description.Codec, 0, 0, 0, 0, -1, -1, -1) : null;

    public void Close(MediaSessionId session)
    {
        if (Find(session) is not { Closing: false } open) return;
        open.Closing = true;
        Unbridge(session, MediaOutcome.Completed);
        Unseat(session);
        UnlistenAll(session);
        foreach (var action in open.Running.Values.ToList()) Stop(open, action);
        var statistics = StatisticsOf(open) ?? new StreamStatistics(AudioCodec.Pcma, 0, 0, 0, 0, -1, -1, -1);
        Report(open, new SessionClosed(statistics), () =>
        {
            _sessions.Remove(open.Id);
            _freePorts.Add(open.Local.Port);
        });
    }

    /// <inheritdoc/>
    public void Abandon(MediaSessionId session)
    {
        if (!_sessions.TryGetValue(session, out var open)) return;
        foreach (var action in open.Running.Values)
        {
            action.Timer?.Cancel();
            if (action.IsEnding && IsHeardAfterwards)
                runtime.After(0, () => open.Events.OnMediaEvent(open.Id, new RecordEnded(action.Number, MediaOutcome.Stopped, 0)));
        }
        open.Dead = true;
        AbandonBridges(session);
        Unseat(session);
        UnlistenAll(session);
        _sessions.Remove(session);
        _freePorts.Add(open.Local.Port);
    }

    /// <summary>Sessions that are linked to another node's: where they are, what was negotiated, and by which keys they are protected.</summary>
    public IReadOnlyList<(IPEndPoint Local, MediaDescription Description, SrtpKeys Keys)> Links =>
        [.. from session in _sessions.Values
            where session is { Closing: false, Options.IsLink: true, Options.Srtp: not null, Description: not null }
            select (session.Local, session.Description, session.Options.Srtp)];

    /// <summary>The far end of the session at <paramref name="local"/> presses a key; false when there is none that hears it.</summary>
    /// <param name="local">Where the session receives.</param>
    /// <param name="key">Which key.</param>
    /// <param name="happened">The telephone-event; null for one of its own.</param>
    public bool Press(IPEndPoint local, char key, KeyEvent? happened = null)
    {
        var open = _sessions.Values.FirstOrDefault(session => session.Local.Equals(local) && session is { Closing: false, Description.Receive: true });
        if (open is null) return false;
        Report(open, new KeyPressed(key, happened ?? new KeyEvent(++_presses, (uint)runtime.UnixMillis)));
        return true;
    }

    /// <summary>Nothing has come from the far end for the agreed time.</summary>
    public void FallSilent(IPEndPoint local)
    {
        foreach (var open in _sessions.Values.Where(session => session.Local.Equals(local) && !session.Closing).ToList()) Report(open, new MediaInactive());
    }

    /// <summary>Where the open sessions of far ends receive.</summary>
    public IReadOnlyList<IPEndPoint> OpenAddresses =>
        [.. _sessions.Values.Where(session => session is { Closing: false, Options.IsLink: false }).Select(session => session.Local)];

    /// <summary>Where an open session receives; null for any other.</summary>
    public IPEndPoint? AddressOf(MediaSessionId session) => _sessions.TryGetValue(session, out var open) ? open.Local : null;

    /// <summary>Whatever runs in the session at <paramref name="local"/> has come to its end.</summary>
    public void FinishAll(IPEndPoint local)
    {
        foreach (var open in _sessions.Values.Where(session => session.Local.Equals(local) && !session.Closing).ToList())
        {
            foreach (var action in open.Running.Values.ToList()) End(open, action);
        }
    }

    /// <summary>What a crash of the node does: nothing is reported any more; recordings stay as they are.</summary>
    public void Crash()
    {
        foreach (var open in _sessions.Values)
        {
            open.Dead = true;
            foreach (var action in open.Running.Values)
            {
                action.Timer?.Cancel();
                if (action is { Path: { } path, BeganMillis: { } began })
                    Recordings[path] = new VirtualRecording(action.BeforeMillis + runtime.ElapsedMillis - began, false);
            }
            _freePorts.Add(open.Local.Port);
        }
        _sessions.Clear();
        CrashBridges();
        CrashConferences();
        _listenings.Clear();
    }

    /// <summary>The media side of the next process on the same disk: other sessions, other ports, the files that there are.</summary>
    public VirtualMediaPort AfterCrash()
    {
        Crash();
        var next = new VirtualMediaPort(runtime, address, firstPort + 2_000, sessionsMax)
        {
            Families = Families, LoadMillis = LoadMillis, SpokenMillis = SpokenMillis, KeySent = KeySent,
        };
        foreach (var file in Files) next.Files.Add(file.Key, file.Value);
        foreach (var recording in Recordings) next.Recordings.Add(recording.Key, recording.Value);
        return next;
    }

    private Session? Find(MediaSessionId session) => _sessions.TryGetValue(session, out var open) && !open.Closing ? open : null;

    private void Stop(MediaSessionId session, long number, MediaKind kind)
    {
        if (Find(session) is { } open && open.Running.TryGetValue(number, out var action) && action.Kind == kind) Stop(open, action);
    }

    private void Stop(Session open, RunningAction action)
    {
        if (action.Outcome == MediaOutcome.Completed) action.Outcome = MediaOutcome.Stopped;
        End(open, action);
    }

    private void End(Session open, RunningAction action)
    {
        if (!open.Running.Remove(action.Number)) return;
        action.Timer?.Cancel();
        var duration = action.BeganMillis is { } began ? runtime.ElapsedMillis - began : 0;
        if (action is { Path: { } path, Outcome: not MediaOutcome.Failed }) Recordings[path] = new VirtualRecording(action.BeforeMillis + duration, true);
        Report(open, action.Kind switch
        {
            MediaKind.Play => new PlayEnded(action.Number, action.Outcome, action.Detail),
            MediaKind.Record => new RecordEnded(action.Number, action.Outcome, duration, action.Detail),
            _ => new SendKeysEnded(action.Number, action.Outcome),
        });
    }

    private void SendNext(Session open, RunningAction action, string keys, int index)
    {
        if (index == keys.Length)
        {
            End(open, action);
            return;
        }
        action.Timer = runtime.After(keys[index] == ',' ? PauseMillis : KeyMillis, () =>
        {
            if (keys[index] != ',' && open.Description is { } description) KeySent?.Invoke(description.Remote, keys[index]);
            SendNext(open, action, keys, index + 1);
        });
    }

    /// <summary>Reports of a session stay in order, whatever the order of timers of the same millisecond.</summary>
    private void Report(Session open, MediaEvent happened, Action? then = null)
    {
        open.Reports.Enqueue((happened, then));
        runtime.After(0, () =>
        {
            var (next, first) = open.Reports.Dequeue();
            if (open.Dead) return;
            first?.Invoke();
            open.Events.OnMediaEvent(open.Id, next);
        });
    }

    private enum MediaKind
    {
        Play,
        Record,
        Keys,
    }

    private sealed class Session(MediaSessionId id, IMediaEvents events, IPEndPoint local, MediaSessionOptions options)
    {
        private readonly HashSet<long> _numbers = [];

        public MediaSessionId Id { get; } = id;
        public IMediaEvents Events { get; } = events;
        public IPEndPoint Local { get; } = local;
        public MediaSessionOptions Options { get; } = options;
        public MediaDescription? Description { get; set; }
        public Dictionary<long, RunningAction> Running { get; } = [];
        public Queue<(MediaEvent Happened, Action? First)> Reports { get; } = new();
        public bool Closing { get; set; }
        public bool Dead { get; set; }

        public RunningAction Begin(long number, MediaKind kind)
        {
            if (!_numbers.Add(number)) throw new InvalidOperationException($"action {number} of session {Id.Value} is started twice");
            if (Running.Values.Any(action => action.Kind == kind)) throw new InvalidOperationException($"a second {kind} runs in session {Id.Value}");
            var action = new RunningAction(number, kind);
            Running.Add(number, action);
            return action;
        }
    }

    private sealed class RunningAction(long number, MediaKind kind)
    {
        public long Number { get; } = number;
        public MediaKind Kind { get; } = kind;
        public MediaOutcome Outcome { get; set; } = MediaOutcome.Completed;
        public string? Detail { get; set; }
        public string? Path { get; set; }
        public long BeforeMillis { get; set; }
        public string? Sound { get; set; }
        public long? BeganMillis { get; set; }

        public bool IsEnding { get; set; }
        public ITimerHandle? Timer { get; set; }
    }
}
