using Cti.Media.Files;

namespace Cti.Media;

/// <summary>What a session can be told.</summary>
public enum MediaCommandKind
{
    /// <summary>Nothing: the default value.</summary>
    None,
    /// <summary>The negotiated streams change.</summary>
    Configure,
    /// <summary>A play was asked for; its files are being loaded.</summary>
    PreparePlay,
    /// <summary>The files of a prepared play are loaded.</summary>
    StartPlay,
    /// <summary>The files of a prepared play cannot be loaded.</summary>
    FailPlay,
    /// <summary>A play is stopped, prepared or running.</summary>
    StopPlay,
    /// <summary>A recording was asked for; its file is being opened.</summary>
    PrepareRecord,
    /// <summary>The file of a prepared recording is open.</summary>
    StartRecord,
    /// <summary>The file of a prepared recording cannot be opened.</summary>
    FailRecord,
    /// <summary>A recording is stopped, prepared or running.</summary>
    StopRecord,
    /// <summary>Keys are sent.</summary>
    SendKeys,
    /// <summary>The session ends.</summary>
    Close,
}

/// <summary>
/// A command to a <see cref="MediaSession"/>: a value, so that it travels through a ring without allocating.
/// A play or recording comes in two steps, because files are loaded elsewhere: Prepare at once when it is asked for, so that Stop and Close
/// find it, then Start or Fail when the loader is done. A Start whose action was stopped meanwhile is ignored (its recorder is discarded).
/// </summary>
public readonly struct MediaCommand
{
    private MediaCommand(MediaCommandKind kind, long action = 0, object? payload = null, long number = 0, MediaOutcome outcome = default)
    {
        Kind = kind;
        Action = action;
        Payload = payload;
        Number = number;
        Outcome = outcome;
    }

    /// <summary>Which command.</summary>
    public MediaCommandKind Kind { get; }

    /// <summary>The action that it is about; 0 where none is.</summary>
    public long Action { get; }

    internal object? Payload { get; }

    internal long Number { get; }

    internal MediaOutcome Outcome { get; }

    /// <summary>Sets or changes what was negotiated.</summary>
    public static MediaCommand Configure(MediaDescription description) => new(MediaCommandKind.Configure, payload: description);

    /// <summary>A play was asked for.</summary>
    public static MediaCommand PreparePlay(long action) => new(MediaCommandKind.PreparePlay, action);

    /// <summary>Its files are loaded: it is heard from the next packet on.</summary>
    public static MediaCommand StartPlay(long action, PlayList list) => new(MediaCommandKind.StartPlay, action, list);

    /// <summary>Its files cannot be loaded.</summary>
    public static MediaCommand FailPlay(long action, MediaOutcome outcome, string? detail) =>
        new(MediaCommandKind.FailPlay, action, detail, outcome: outcome);

    /// <summary>Stops it, prepared or running.</summary>
    public static MediaCommand StopPlay(long action) => new(MediaCommandKind.StopPlay, action);

    /// <summary>A recording was asked for.</summary>
    public static MediaCommand PrepareRecord(long action) => new(MediaCommandKind.PrepareRecord, action);

    /// <summary>Its file is open: after the beep, if there is one, sound goes into it.</summary>
    public static MediaCommand StartRecord(long action, WavRecorder recorder, bool beep) =>
        new(MediaCommandKind.StartRecord, action, recorder, beep ? 1 : 0);

    /// <summary>Its file cannot be opened.</summary>
    public static MediaCommand FailRecord(long action, MediaOutcome outcome, string? detail) =>
        new(MediaCommandKind.FailRecord, action, detail, outcome: outcome);

    /// <summary>Stops it, prepared or running.</summary>
    public static MediaCommand StopRecord(long action) => new(MediaCommandKind.StopRecord, action);

    /// <summary>Sends keys.</summary>
    public static MediaCommand SendKeys(SendKeysRequest request) => new(MediaCommandKind.SendKeys, request.Action, request);

    /// <summary>Ends the session: every action is ended, BYE becomes due.</summary>
    public static MediaCommand Close() => new(MediaCommandKind.Close);
}
