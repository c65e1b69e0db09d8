using Cti.Media.Files;
using Cti.Media.Session.Mix;

namespace Cti.Media.Session;

/// <summary>What a session or a conference can be told.</summary>
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
    /// <summary>A session becomes a side of a bridge.</summary>
    Connect,
    /// <summary>A bridge ends.</summary>
    Disconnect,
    /// <summary>A play to both sides of a bridge was asked for; its files are being loaded.</summary>
    PrepareBridgePlay,
    /// <summary>The files of a prepared play to a bridge are loaded.</summary>
    StartBridgePlay,
    /// <summary>The files of a prepared play to a bridge cannot be loaded.</summary>
    FailBridgePlay,
    /// <summary>A play to a bridge is stopped, prepared or running.</summary>
    StopBridgePlay,
    /// <summary>The file of a bridge's recording is open.</summary>
    StartBridgeRecord,
    /// <summary>The file of a bridge's recording cannot be opened.</summary>
    FailBridgeRecord,
    /// <summary>A session enters a conference.</summary>
    Join,
    /// <summary>A session leaves a conference.</summary>
    Leave,
    /// <summary>A session takes part in its conference in another way.</summary>
    SetMember,
    /// <summary>A conference gets its background sound.</summary>
    SetBackground,
    /// <summary>A conference begins or ends its ring-back.</summary>
    SetRingBack,
    /// <summary>A conference plays a sound beside its play.</summary>
    AddSound,
    /// <summary>A background or entry sound cannot be loaded.</summary>
    FailSound,
    /// <summary>The session or conference ends.</summary>
    Close,
    /// <summary>The session or conference is given up without a word to anybody.</summary>
    Abandon,
}

/// <summary>
/// A command to a <see cref="MediaSession"/> or a <see cref="Conference"/>: a value, so that it travels through a ring without allocating.
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

    /// <summary>The conference that a Join is about; null for other commands.</summary>
    public Conference? Conference => (Payload as ConferenceJoin)?.Conference;

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
    public static MediaCommand StartRecord(long action, SoundRecorder recorder, bool beep) =>
        new(MediaCommandKind.StartRecord, action, recorder, beep ? 1 : 0);

    /// <summary>Its file cannot be opened.</summary>
    public static MediaCommand FailRecord(long action, MediaOutcome outcome, string? detail) =>
        new(MediaCommandKind.FailRecord, action, detail, outcome: outcome);

    /// <summary>Stops it, prepared or running.</summary>
    public static MediaCommand StopRecord(long action) => new(MediaCommandKind.StopRecord, action);

    /// <summary>Sends keys.</summary>
    public static MediaCommand SendKeys(SendKeysRequest request) => new(MediaCommandKind.SendKeys, request.Action, request);

    /// <summary>The session becomes a side of the bridge; each of the two gets this.</summary>
    public static MediaCommand Connect(Bridge bridge) => new(MediaCommandKind.Connect, bridge.Action, bridge);

    /// <summary>Ends the bridge or listening of that action; to its first session.</summary>
    public static MediaCommand Disconnect(long action) => new(MediaCommandKind.Disconnect, action);

    /// <summary>A play to both sides was asked for; to the bridge's first session, like the four that follow.</summary>
    public static MediaCommand PrepareBridgePlay(long action) => new(MediaCommandKind.PrepareBridgePlay, action);

    /// <summary>Its files are loaded.</summary>
    public static MediaCommand StartBridgePlay(long action, PlayList list) => new(MediaCommandKind.StartBridgePlay, action, list);

    /// <summary>Its files cannot be loaded.</summary>
    public static MediaCommand FailBridgePlay(long action, MediaOutcome outcome, string? detail) =>
        new(MediaCommandKind.FailBridgePlay, action, detail, outcome: outcome);

    /// <summary>Stops it, prepared or running.</summary>
    public static MediaCommand StopBridgePlay(long action) => new(MediaCommandKind.StopBridgePlay, action);

    /// <summary>The file of the bridge's recording is open, with two channels.</summary>
    public static MediaCommand StartBridgeRecord(long action, SoundRecorder recorder) => new(MediaCommandKind.StartBridgeRecord, action, recorder);

    /// <summary>It cannot be opened.</summary>
    public static MediaCommand FailBridgeRecord(long action, MediaOutcome outcome, string? detail) =>
        new(MediaCommandKind.FailBridgeRecord, action, detail, outcome: outcome);

    /// <summary>The session enters the conference.</summary>
    public static MediaCommand Join(Conference conference, ConferenceMember member) =>
        new(MediaCommandKind.Join, payload: new ConferenceJoin(conference, member));

    /// <summary>The session leaves the conference, if it is in it.</summary>
    public static MediaCommand Leave(Conference conference) => new(MediaCommandKind.Leave, payload: conference);

    /// <summary>The session takes part in another way, if it is in the conference.</summary>
    public static MediaCommand SetMember(Conference conference, ConferenceMember member) =>
        new(MediaCommandKind.SetMember, payload: new ConferenceJoin(conference, member));

    /// <summary>To a conference: its background sound is loaded.</summary>
    public static MediaCommand SetBackground(PlayList list) => new(MediaCommandKind.SetBackground, payload: list);

    /// <summary>To a conference: a ring-back beside everything else, until it is taken away with null.</summary>
    public static MediaCommand SetRingBack(PlayList? list) => new(MediaCommandKind.SetRingBack, payload: list);

    /// <summary>To a conference: a sound to be heard beside its play is loaded.</summary>
    public static MediaCommand AddSound(PlayList list) => new(MediaCommandKind.AddSound, payload: list);

    /// <summary>To a conference: a background or entry sound cannot be loaded.</summary>
    public static MediaCommand FailSound(MediaOutcome outcome, string? detail) => new(MediaCommandKind.FailSound, payload: detail, outcome: outcome);

    /// <summary>Ends the session: every action is ended, BYE becomes due.</summary>
    public static MediaCommand Close() => new(MediaCommandKind.Close);

    /// <summary>Gives the session or conference up: nothing is sent or reported any more, files are left as they are.</summary>
    public static MediaCommand Abandon() => new(MediaCommandKind.Abandon);
}

/// <summary>Which conference, and how.</summary>
internal sealed record ConferenceJoin(Conference Conference, ConferenceMember Member);
