using Cti.Media.Codecs;
using Cti.Media.Session;

namespace Cti.Media.Session.Mix;

/// <summary>The play to a bridge or conference: the same life as a session's (see <see cref="MediaCommand"/>), as linear sound.</summary>
internal sealed class MixPlay(Action<MediaEvent> report)
{
    private readonly PlayCursor _cursor = new();
    private readonly short[] _frame = new short[Audio.FrameSamples];
    private long _action;
    private bool _loaded;
    private bool _reported;

    /// <summary>True while its files are in memory and not at their end.</summary>
    public bool IsLoaded => _loaded;

    /// <summary>The frame of the last <see cref="Advance"/> that answered true.</summary>
    public ReadOnlySpan<short> Frame => _frame;

    public void Prepare(long action)
    {
        End(_action, MediaOutcome.Stopped, null);
        _action = action;
        _reported = false;
    }

    public void Start(long action, Files.PlayList list)
    {
        if (action == 0 || action != _action || _loaded) return;
        _cursor.Start(list);
        _loaded = true;
    }

    public void End(long action, MediaOutcome outcome, string? detail)
    {
        if (action == 0 || action != _action) return;
        _action = 0;
        _loaded = false;
        _cursor.Stop();
        report(new PlayEnded(action, outcome, detail));
    }

    /// <summary>Ends whatever runs.</summary>
    public void Stop() => End(_action, MediaOutcome.Stopped, null);

    /// <summary>Takes the next frame; false where there is none. The end is reported with the last one.</summary>
    public bool Advance()
    {
        if (!_loaded) return false;
        if (!_reported)
        {
            _reported = true;
            report(new PlayStarted(_action));
        }
        var hadSound = _cursor.IsActive;
        if (hadSound) _cursor.Take(_frame);
        if (!_cursor.IsActive) End(_action, MediaOutcome.Completed, null);
        return hadSound;
    }
}
