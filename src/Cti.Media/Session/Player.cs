using Cti.Media.Files;

namespace Cti.Media.Session;

/// <summary>
/// What is being played to a far end, a bridge or a conference, one play at a time:
/// <code>
///         Prepare            Start          first frame
///   None ─────────► Preparing ─────► Loaded ───────────► Playing (PlayStarted)
///    ▲                  └──────────────┴───────────────────┤
///    └─────── last frame, End, or the next one's Prepare ──┘ (PlayEnded)
/// </code>
/// </summary>
internal sealed class Player(Action<MediaEvent> report)
{
    private readonly PlayCursor _cursor = new();
    private Phase _phase;
    private long _action;

    private enum Phase
    {
        None,
        Preparing,
        Loaded,
        Playing,
    }

    /// <summary>True from Prepare to its end.</summary>
    public bool IsOpen => _action != 0;

    /// <summary>True while its files are in memory and not at their end.</summary>
    public bool IsLoaded => _phase is Phase.Loaded or Phase.Playing;

    /// <summary>A play was asked for: the one before it ends.</summary>
    public void Prepare(long action)
    {
        Stop();
        _action = action;
        _phase = Phase.Preparing;
    }

    /// <summary>Its files are loaded; nothing happens where it was stopped meanwhile.</summary>
    public void Start(long action, PlayList list)
    {
        if (action == 0 || action != _action || _phase != Phase.Preparing) return;
        _cursor.Start(list);
        _phase = Phase.Loaded;
    }

    /// <summary>Ends the play of that action, if it is the present one.</summary>
    public void End(long action, MediaOutcome outcome, string? detail = null)
    {
        if (action == 0 || action != _action) return;
        _action = 0;
        _phase = Phase.None;
        _cursor.Stop();
        report(new PlayEnded(action, outcome, detail));
    }

    /// <summary>Ends whatever runs.</summary>
    public void Stop() => End(_action, MediaOutcome.Stopped);

    /// <summary>Takes the next frame of what is loaded.</summary>
    /// <returns>False where there was no sound left for it.</returns>
    public bool Take(Outgoing sound)
    {
        var hasSound = BeginFrame();
        _cursor.Take(sound);
        EndFrame();
        return hasSound;
    }

    /// <summary>The same as linear sound.</summary>
    /// <returns>False where nothing is loaded, or there was no sound left for it.</returns>
    public bool Take(Span<short> frame)
    {
        if (!IsLoaded) return false;
        var hasSound = BeginFrame();
        _cursor.Take(frame);
        EndFrame();
        return hasSound;
    }

    /// <summary>It stood still for so many frames, because the loop did.</summary>
    public void Delay(long frames)
    {
        if (_phase == Phase.Playing && _cursor.IsActive) report(new PlayDelayed(_action, frames * MediaSession.TickNanos / 1_000_000));
    }

    private bool BeginFrame()
    {
        if (_phase == Phase.Loaded)
        {
            _phase = Phase.Playing;
            report(new PlayStarted(_action));
        }
        return _cursor.IsActive;
    }

    /// <summary>The end is reported with the last frame, so nothing is heard between two plays but the way of the report and the next command.</summary>
    private void EndFrame()
    {
        if (!_cursor.IsActive) End(_action, MediaOutcome.Completed);
    }
}
