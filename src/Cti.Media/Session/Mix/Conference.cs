using Cti.Kernel;
using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Session.Mix;

/// <summary>
/// A conference: every 20 ms the sum of all who talk, the play, the entry sounds and the background; each member hears it without its own part.
/// <code>
///   members' frames ─► volume ─┐
///   play, entry sounds ────────┼─► sum (32 bit) ─► saturated ─► recording; encoded once a codec for all who are silent or may not talk
///   background, ring-back ─────┘        └─ minus own ─► saturated ─► encoded, for each who talks
/// </code>
/// Single-threaded: only the loop that owns it calls it, and all its members live there, in its phase: <see cref="Tick"/> comes before theirs.
/// Allocates nothing per frame. After <see cref="MediaCommandKind.Close"/> it goes on ticking until <see cref="IsFinished"/>.
/// </summary>
public sealed class Conference
{
    /// <summary>A loop that was away for longer than so many frames is not expected to catch up.</summary>
    private const int CatchUpFrames = 10;

    /// <summary>Silence that a recording gets for the time that a loop was away, at most: 4 s.</summary>
    private const int SkippedFramesMax = 200;

    private readonly ConferenceOptions _options;
    private readonly IConferenceEvents _events;
    private readonly List<ConferenceSeat> _seats = [];
    private readonly Player _play;
    private readonly MixRecording _recording;
    private readonly PlayCursor _background = new();
    private readonly PlayCursor _ringBack = new();
    private readonly List<PlayCursor> _sounds = [];
    private readonly int[] _sum = new int[Audio.FrameSamplesMax];
    private readonly short[] _frame = new short[Audio.FrameSamplesMax];
    private readonly short[] _narrow = new short[Audio.FrameSamples];
    private readonly RateConverter _toNarrow = new();
    private readonly RateConverter _fromSounds = new();
    private readonly byte[][] _shared = [new byte[Audio.FrameSamples], new byte[Audio.FrameSamples]];
    private readonly bool[] _sharedIsMade = new bool[2];
    private bool _narrowIsMade;
    private bool _ticked;
    private long _lastTickNanos;
    private bool _closedReported;
    private bool _abandoned;

    /// <summary>A conference without members.</summary>
    /// <param name="id">Its name in every report.</param>
    /// <param name="options">How it was opened; the background's sound comes by <see cref="MediaCommand.SetBackground"/>.</param>
    /// <param name="events">Where reports go; called from the loop.</param>
    public Conference(ConferenceId id, ConferenceOptions options, IConferenceEvents events)
    {
        Id = id;
        _options = options;
        _events = events;
        _play = new Player(Report);
        _recording = new MixRecording(Report);
    }

    /// <summary>Which conference.</summary>
    public ConferenceId Id { get; }

    /// <summary>What its loop keeps of it.</summary>
    public object? Tag { get; set; }

    /// <summary>Members now.</summary>
    public int Members => _seats.Count;

    /// <summary>True from Close on.</summary>
    public bool IsClosing { get; private set; }

    /// <summary>After Close: everything in it has ended.</summary>
    public bool IsFinished => IsClosing && !_recording.IsOpen;

    /// <summary>Applies a command. Every Prepare must be followed by its Start or Fail, also after Stop and Close.</summary>
    public void Apply(in MediaCommand command)
    {
        switch (command.Kind)
        {
            case MediaCommandKind.PreparePlay: PreparePlay(command.Action); break;
            case MediaCommandKind.StartPlay: _play.Start(command.Action, (PlayList)command.Payload!); break;
            case MediaCommandKind.FailPlay: _play.End(command.Action, command.Outcome, (string?)command.Payload); break;
            case MediaCommandKind.StopPlay: _play.End(command.Action, MediaOutcome.Stopped, null); break;
            case MediaCommandKind.PrepareRecord: PrepareRecord(command.Action); break;
            case MediaCommandKind.StartRecord: _recording.Start(command.Action, (SoundRecorder)command.Payload!); break;
            case MediaCommandKind.FailRecord: _recording.Fail(command.Action, command.Outcome, (string?)command.Payload); break;
            case MediaCommandKind.StopRecord: _recording.Stop(command.Action); break;
            case MediaCommandKind.SetBackground when !IsClosing: _background.Start((PlayList)command.Payload!); break;
            case MediaCommandKind.SetRingBack: SetRingBack((PlayList?)command.Payload); break;
            case MediaCommandKind.AddSound: AddSound((PlayList)command.Payload!); break;
            case MediaCommandKind.FailSound when !IsClosing: Report(new ConferenceSoundFailed(command.Outcome, (string?)command.Payload)); break;
            case MediaCommandKind.Close: Close(); break;
            case MediaCommandKind.Abandon: Abandon(); break;
        }
    }

    /// <summary>20 ms have passed: makes what every member hears. A loop that is late calls it several times in a row.</summary>
    public void Tick(long nowNanos)
    {
        var skipped = _ticked ? ((nowNanos - _lastTickNanos) / MediaSession.TickNanos) - 1 : 0;
        _ticked = true;
        _lastTickNanos = nowNanos;
        if (_recording.IsOpen) _recording.Poll();
        if (IsClosing) return;
        foreach (var seat in _seats) seat.IsTicked = seat.Session.BeginTick(nowNanos);
        var sum = _sum.AsSpan(0, FrameSamples());
        sum.Clear();
        foreach (var seat in _seats)
        {
            seat.Contribute(sum);
            if (_options.TalkerEvents && seat.Watch()) Report(new TalkerChanged(seat.Session.Id, seat.IsTalking));
        }
        AddSounds(sum);
        var frame = _frame.AsSpan(0, sum.Length);
        Mixer.Saturate(sum, frame);
        Record(frame, skipped);
        _sharedIsMade.AsSpan().Clear();
        _narrowIsMade = false;
        foreach (var seat in _seats) Serve(seat, sum);
    }

    /// <summary>
    /// How many samples a frame of the mix has: as many as somebody hears of somebody else, since more would cost and not be heard.
    /// </summary>
    private int FrameSamples()
    {
        // The widest sound, whose, and the widest beside it.
        var (first, second) = (Audio.FrameSamples, Audio.FrameSamples);
        ConferenceSeat? widest = null;
        foreach (var seat in _seats)
        {
            if (!seat.Talks) continue;
            var samples = seat.Session.Frame.Length;
            if (samples > first) (first, second, widest) = (samples, first, seat);
            else second = Math.Max(second, samples);
        }
        if (first == Audio.FrameSamples) return first;
        var needed = Math.Min(Math.Max(Audio.FrameSamples, _recording.FrameSamples), first);
        foreach (var seat in _seats)
        {
            if (seat.Hears && seat.Session.Codec is { } codec) needed = Math.Max(needed, Math.Min(codec.FrameSamples(), seat == widest ? second : first));
        }
        return needed;
    }

    /// <summary>Reports <see cref="ConferenceClosed"/>: the last report. Once.</summary>
    public void ReportClosed()
    {
        if (_closedReported) return;
        _closedReported = true;
        Report(new ConferenceClosed());
    }

    internal ConferenceSeat Add(MediaSession session, ConferenceMember member)
    {
        var seat = new ConferenceSeat(this, session) { Index = _seats.Count };
        _seats.Add(seat);
        seat.Set(member);
        Report(new MemberJoined(session.Id));
        return seat;
    }

    internal void Set(ConferenceSeat seat, ConferenceMember member) => seat.Set(member);

    internal void Remove(ConferenceSeat seat)
    {
        if (seat.Index < 0) return;
        var last = _seats[^1];
        _seats[seat.Index] = last;
        last.Index = seat.Index;
        _seats.RemoveAt(_seats.Count - 1);
        seat.Index = -1;
        seat.Release();
        if (seat.IsTalking) Report(new TalkerChanged(seat.Session.Id, false));
        Report(new MemberLeft(seat.Session.Id));
    }

    private void Report(MediaEvent happened)
    {
        if (!_abandoned) _events.OnConferenceEvent(Id, happened);
    }

    private void PreparePlay(long action)
    {
        _play.Prepare(action);
        if (IsClosing) _play.Stop();
    }

    private void PrepareRecord(long action)
    {
        if (IsClosing) Report(new RecordEnded(action, MediaOutcome.Stopped, 0));
        else _recording.Prepare(action);
    }

    private void SetRingBack(PlayList? list)
    {
        if (list is not null && !IsClosing) _ringBack.Start(list);
        else _ringBack.Stop();
    }

    private void AddSound(PlayList list)
    {
        if (IsClosing || _sounds.Count >= Limits.ConferenceSoundsMax) return;
        var sound = new PlayCursor();
        sound.Start(list);
        if (sound.IsActive) _sounds.Add(sound);
    }

    /// <summary>All that is no member's is of 8 kHz: it is summed up before it is brought to the mix's rate.</summary>
    private void AddSounds(Span<int> sum)
    {
        if (sum.Length == Audio.FrameSamples)
        {
            AddNarrowSounds(sum);
            return;
        }
        Span<int> narrow = stackalloc int[Audio.FrameSamples];
        narrow.Clear();
        AddNarrowSounds(narrow);
        Mixer.Saturate(narrow, _narrow);
        var frame = _frame.AsSpan(0, sum.Length);
        _fromSounds.Convert(_narrow, frame);
        Mixer.Add(sum, frame);
    }

    private void AddNarrowSounds(Span<int> sum)
    {
        if (_play.Take(_narrow)) Mixer.Add(sum, _narrow);
        if (_background.IsActive) Add(sum, _background);
        if (_ringBack.IsActive) Add(sum, _ringBack);
        for (var i = _sounds.Count - 1; i >= 0; i--)
        {
            Add(sum, _sounds[i]);
            if (!_sounds[i].IsActive) _sounds.RemoveAt(i);
        }
    }

    private void Add(Span<int> sum, PlayCursor cursor)
    {
        cursor.Take(_narrow);
        Mixer.Add(sum, _narrow);
    }

    private void Record(ReadOnlySpan<short> frame, long skippedFrames)
    {
        if (!_recording.IsRunning) return;
        if (skippedFrames >= CatchUpFrames)
        {
            Span<short> silence = stackalloc short[Audio.FrameSamples];
            silence.Clear();
            for (var i = Math.Min(skippedFrames, SkippedFramesMax); i > 0; i--) _recording.Write(silence);
        }
        _recording.Write(frame);
    }

    private void Serve(ConferenceSeat seat, ReadOnlySpan<int> sum)
    {
        if (!seat.Hears || seat.Session.Codec is not { } codec) seat.HearNothing();
        else if (seat.Contributes) seat.HearWithoutOwn(sum, codec);
        // Who talks at times has a way of its own through the rates, so that its sound has no seams where it begins and ends.
        else if (codec.IsTable() && (sum.Length == Audio.FrameSamples || !seat.Talks)) seat.Hear(Shared(codec, sum.Length), codec);
        else seat.Hear(_frame, sum.Length, codec);
    }

    private byte[] Shared(AudioCodec codec, int frameSamples)
    {
        var shared = _shared[(int)codec];
        if (_sharedIsMade[(int)codec]) return shared;
        _sharedIsMade[(int)codec] = true;
        if (frameSamples == Audio.FrameSamples)
        {
            G711.Encode(codec, _frame.AsSpan(0, frameSamples), shared);
            return shared;
        }
        if (!_narrowIsMade) _toNarrow.Convert(_frame.AsSpan(0, frameSamples), _narrow);
        _narrowIsMade = true;
        G711.Encode(codec, _narrow, shared);
        return shared;
    }

    private void Abandon()
    {
        _abandoned = true;
        _recording.Abandon();
        Close();
    }

    private void Close()
    {
        if (IsClosing) return;
        IsClosing = true;
        _play.Stop();
        _background.Stop();
        _ringBack.Stop();
        _sounds.Clear();
        _recording.Stop();
        while (_seats.Count > 0) Remove(_seats[^1]);
    }
}
