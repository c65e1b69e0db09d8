using System.Collections.Concurrent;
using System.Collections.Immutable;
using Cti.Media;
using Cti.Media.Files;
using Cti.Media.Session;
using Cti.Media.Session.Mix;
using Cti.Media.Tones;

namespace Cti.Transport.Media;

/// <content>
/// Bridges and conferences: the sessions of one are brought to one loop, then told. Where they are is decided under one lock, so that the commands of one
/// bridge or entry are not torn apart by another's; loops never take it.
/// </content>
public sealed partial class MediaEngine
{
    private readonly ConcurrentDictionary<long, ConferenceSlot> _conferences = new();
    private readonly Lock _places = new();

    /// <summary>Conferences that are open or closing.</summary>
    public int ConferenceCount => _conferences.Count;

    /// <inheritdoc/>
    public bool Connect(MediaSessionId first, MediaSessionId second, BridgeRequest request)
    {
        if (!Bridge(first, second, request, isListening: false))
            return false;
        if (request.Record is { } record && _sessions.TryGetValue(first.Value, out var slot))
        {
            _loader.Open(new RecordingTarget(record.FullPath, record.Format, 2, 2, record.Append, Application: record.Application),
                opening => slot.Post(opening.Recorder is { } recorder
                ? MediaCommand.StartBridgeRecord(request.Action, recorder)
                : MediaCommand.FailBridgeRecord(request.Action, opening.Outcome, opening.Detail)));
        }

        return true;
    }

    /// <inheritdoc/>
    public void Disconnect(MediaSessionId first, long action) => Post(first, MediaCommand.Disconnect(action));

    /// <inheritdoc/>
    public void PlayToBridge(MediaSessionId first, PlayRequest request)
    {
        if (!_sessions.TryGetValue(first.Value, out var slot))
            return;
        slot.Post(MediaCommand.PrepareBridgePlay(request.Action));
        _loader.Load(request, () => slot.Codec, load => slot.Post(load.List is { } list
            ? MediaCommand.StartBridgePlay(request.Action, list)
            : MediaCommand.FailBridgePlay(request.Action, load.Outcome, load.Detail)));
    }

    /// <inheritdoc/>
    public void StopBridgePlay(MediaSessionId first, long action) => Post(first, MediaCommand.StopBridgePlay(action));

    /// <inheritdoc/>
    public bool Listen(MediaSessionId listener, MediaSessionId source, long action) =>
        Bridge(listener, source, new BridgeRequest(action, BridgeMode.FirstHears), isListening: true);

    /// <inheritdoc/>
    public void StartTone(MediaSessionId session, long action, string country)
    {
        if (!_sessions.TryGetValue(session.Value, out var slot))
            return;
        slot.Post(MediaCommand.PreparePlay(action));
        slot.Post(Tone(action, country));
    }

    /// <inheritdoc/>
    public bool OpenConference(ConferenceId conference, ConferenceOptions options, IConferenceEvents events, out MediaRefusal refusal)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var best = Emptiest(options.IsOwed, out refusal);
        if (best is not null && !best.TryReserveConference())
            (best, refusal) = (null, MediaRefusal.Full);
        if (best is null)
        {
            _refusals.Count(refusal, conference.Value);
            return false;
        }

        var slot = new ConferenceSlot(conference, options, best, events, _dispatcher);
        if (!_conferences.TryAdd(conference.Value, slot))
        {
            best.ReleaseConference();
            throw new ArgumentException($"conference {conference.Value} is open already", nameof(conference));
        }

        best.Open(slot);
        if (!options.Background.IsDefaultOrEmpty)
            LoadSound(slot, options.Background, MediaCommand.SetBackground, repeat: -1);
        return true;
    }

    /// <inheritdoc/>
    public bool Join(ConferenceId conference, MediaSessionId session, ConferenceMember member)
    {
        if (!_conferences.TryGetValue(conference.Value, out var room) || !_sessions.TryGetValue(session.Value, out var slot))
            return true;
        lock (_places)
        {
            if (!TryBring(slot, room.Loop))
                return false;
            slot.Post(MediaCommand.Join(room.Conference, member));
        }

        return true;
    }

    /// <inheritdoc/>
    public void Leave(ConferenceId conference, MediaSessionId session)
    {
        if (_conferences.TryGetValue(conference.Value, out var room))
            Post(session, MediaCommand.Leave(room.Conference));
    }

    /// <inheritdoc/>
    public void SetMember(ConferenceId conference, MediaSessionId session, ConferenceMember member)
    {
        if (_conferences.TryGetValue(conference.Value, out var room))
            Post(session, MediaCommand.SetMember(room.Conference, member));
    }

    /// <inheritdoc/>
    public void PlayToConference(ConferenceId conference, PlayRequest request)
    {
        if (!_conferences.TryGetValue(conference.Value, out var room))
            return;
        room.Post(MediaCommand.PreparePlay(request.Action));
        _loader.Load(request, static () => AudioCodec.Pcma, load => room.Post(load.List is { } list
            ? MediaCommand.StartPlay(request.Action, list)
            : MediaCommand.FailPlay(request.Action, load.Outcome, load.Detail)));
    }

    /// <inheritdoc/>
    public void StartConferenceRingBack(ConferenceId conference, string country) => Post(conference, RingBack.For(country) is { } tone
        ? MediaCommand.SetRingBack(new PlayList(ImmutableArray.Create(tone), Repeat: -1))
        : MediaCommand.FailSound(MediaOutcome.NotFound, NoTone(country)));

    /// <inheritdoc/>
    public void StopConferenceRingBack(ConferenceId conference) => Post(conference, MediaCommand.SetRingBack(null));

    /// <inheritdoc/>
    public void StopConferencePlay(ConferenceId conference, long action) => Post(conference, MediaCommand.StopPlay(action));

    /// <inheritdoc/>
    public void PlayEntrySound(ConferenceId conference, ImmutableArray<string> files)
    {
        if (_conferences.TryGetValue(conference.Value, out var room))
            LoadSound(room, files, MediaCommand.AddSound, repeat: 0);
    }

    /// <inheritdoc/>
    public void RecordConference(ConferenceId conference, RecordRequest request)
    {
        if (!_conferences.TryGetValue(conference.Value, out var room))
            return;
        room.Post(MediaCommand.PrepareRecord(request.Action));
        _loader.Open(new RecordingTarget(request.FullPath, request.Format, 1, request.Channels, request.Append, Application: request.Application),
            opening => room.Post(opening.Recorder is { } recorder
            ? MediaCommand.StartRecord(request.Action, recorder, beep: false)
            : MediaCommand.FailRecord(request.Action, opening.Outcome, opening.Detail)));
    }

    /// <inheritdoc/>
    public void StopConferenceRecord(ConferenceId conference, long action) => Post(conference, MediaCommand.StopRecord(action));

    /// <inheritdoc/>
    public void CloseConference(ConferenceId conference) => Post(conference, MediaCommand.Close());

    /// <inheritdoc/>
    public void AbandonConference(ConferenceId conference) => Post(conference, MediaCommand.Abandon());

    private void Post(ConferenceId conference, in MediaCommand command)
    {
        if (_conferences.TryGetValue(conference.Value, out var room))
            room.Post(command);
    }

    private bool Bridge(MediaSessionId first, MediaSessionId second, BridgeRequest request, bool isListening)
    {
        if (first == second)
            throw new ArgumentException($"media session {first.Value} cannot be bridged with itself", nameof(second));
        if (!_sessions.TryGetValue(first.Value, out var firstSlot))
            return true;
        if (!_sessions.TryGetValue(second.Value, out var secondSlot))
        {
            _dispatcher.Report(first, new BridgeEnded(request.Action, MediaOutcome.Completed), firstSlot);
            return true;
        }

        lock (_places)
        {
            if (!TryBring(secondSlot, firstSlot.Loop) && (isListening || !TryBring(firstSlot, secondSlot.Loop)))
                return false;
            var bridge = new Bridge(request, firstSlot.Session, secondSlot.Session, isListening);
            firstSlot.Post(MediaCommand.Connect(bridge));
            secondSlot.Post(MediaCommand.Connect(bridge));
        }

        return true;
    }

    /// <summary>Moves a session unless it is there already; false when that loop is full. Its budget is for what is new: this session's call is up.</summary>
    private bool TryBring(SessionSlot slot, MediaLoop loop)
    {
        if (slot.Loop == loop)
            return true;
        if (!loop.TryReserve(_options.SessionsPerLoopMax))
            return false;
        slot.Move(loop);
        return true;
    }

    private void LoadSound(ConferenceSlot room, ImmutableArray<string> files, Func<PlayList, MediaCommand> command, int repeat)
    {
        _loader.Load(new PlayRequest(0, files, repeat, Application: room.Application), static () => AudioCodec.Pcma,
            load => room.Post(load.List is { } list ? command(list) : MediaCommand.FailSound(load.Outcome, load.Detail)));
    }

    private static MediaCommand Tone(long action, string country) => RingBack.For(country) is { } tone
        ? MediaCommand.StartPlay(action, new PlayList(ImmutableArray.Create(tone), Repeat: -1))
        : MediaCommand.FailPlay(action, MediaOutcome.NotFound, NoTone(country));

    private static string NoTone(string country) => $"there is no ring-back tone for country {country}";

    // On the loop's thread, before ConferenceClosed.
    private void ForgetConference(ConferenceSlot slot) => _conferences.TryRemove(slot.Conference.Id.Value, out _);
}
