using System.Collections.Immutable;
using System.Net;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Testing;

/// <summary>A conference of a simulated media side: who is in it and what sounds.</summary>
public sealed class VirtualConference(ConferenceOptions options)
{
    /// <summary>How it was opened.</summary>
    public ConferenceOptions Options { get; } = options;

    /// <summary>Who takes part, and how.</summary>
    public Dictionary<MediaSessionId, ConferenceMember> Members { get; } = [];

    /// <summary>The play that runs.</summary>
    public PlayRequest? Play { get; internal set; }

    /// <summary>The recording that runs.</summary>
    public RecordRequest? Record { get; internal set; }

    /// <summary>The country of the ring-back that is heard.</summary>
    public string? RingBack { get; internal set; }

    /// <summary>Entry sounds so far.</summary>
    public List<string> Sounds { get; } = [];

    internal IConferenceEvents Events { get; init; } = null!;
    internal ConferenceId Id { get; init; }
    internal ITimerHandle? PlayTimer { get; set; }
    internal ITimerHandle? RecordTimer { get; set; }
    internal long RecordBegan { get; set; }
    internal bool IsRecordEnding { get; set; }
    internal bool Dead { get; set; }
    internal Queue<MediaEvent> Reports { get; } = new();
}

/// <content>Conferences: a session is in one at a time, and not bridged while it is.</content>
public sealed partial class VirtualMediaPort
{
    private readonly Dictionary<ConferenceId, VirtualConference> _conferences = [];

    /// <summary>Conferences that are open, in the order in which they were opened.</summary>
    public IReadOnlyList<VirtualConference> Conferences => [.. _conferences.Values];

    /// <summary>The RTP ports of the members of every conference that has any.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Seats =>
        [.. _conferences.Values.Where(room => room.Members.Count > 0)
            .Select(room => room.Members.Keys.Select(member => _sessions[member].Local.Port).Order().ToList())];

    /// <summary>No loop takes another conference.</summary>
    public bool NoConference { get; set; }

    /// <summary>No loop takes another member.</summary>
    public bool NoMember { get; set; }

    /// <summary>The RTP ports of those whom the session at a port hears in its conference.</summary>
    public int[] HeardBy(int port)
    {
        var listener = _sessions.Values.First(session => session.Local.Port == port);
        var room = _conferences.Values.FirstOrDefault(room => room.Members.TryGetValue(listener.Id, out var member)
            && member.Mode is VoiceMode.TalkAndHear or VoiceMode.Hear);
        return room is null
            ? []
            : [.. room.Members.Where(other => other.Key != listener.Id && other.Value.Mode is VoiceMode.TalkAndHear or VoiceMode.Talk)
                .Select(other => _sessions[other.Key].Local.Port).Order()];
    }

    /// <summary>The member whose RTP port that is begins or ceases to talk.</summary>
    public void Talk(int port, bool talking)
    {
        var session = _sessions.Values.First(session => session.Local.Port == port).Id;
        foreach (var room in _conferences.Values.Where(room => room.Members.ContainsKey(session))) Report(room, new TalkerChanged(session, talking));
    }

    /// <summary>A fault of the media side ends a conference.</summary>
    public void Break(VirtualConference room) => CloseConference(room.Id);

    /// <inheritdoc/>
    public bool OpenConference(ConferenceId conference, ConferenceOptions options, IConferenceEvents events, out MediaRefusal refusal)
    {
        refusal = IsBusy && !options.IsOwed ? MediaRefusal.OwnWork : NoConference ? MediaRefusal.Full : MediaRefusal.None;
        if (refusal != MediaRefusal.None) return false;
        _conferences.Add(conference, new VirtualConference(options) { Id = conference, Events = events });
        return true;
    }

    /// <inheritdoc/>
    public bool Join(ConferenceId conference, MediaSessionId session, ConferenceMember member)
    {
        if (NoMember) return false;
        if (!_conferences.TryGetValue(conference, out var room) || Find(session) is null) return true;
        if (!room.Members.ContainsKey(session))
        {
            Unbridge(session, MediaOutcome.Completed);
            Unseat(session);
            Report(room, new MemberJoined(session));
        }
        room.Members[session] = member;
        return true;
    }

    /// <inheritdoc/>
    public void Leave(ConferenceId conference, MediaSessionId session)
    {
        if (_conferences.TryGetValue(conference, out var room) && room.Members.Remove(session)) Report(room, new MemberLeft(session));
    }

    /// <inheritdoc/>
    public void SetMember(ConferenceId conference, MediaSessionId session, ConferenceMember member)
    {
        if (_conferences.TryGetValue(conference, out var room) && room.Members.ContainsKey(session)) room.Members[session] = member;
    }

    /// <inheritdoc/>
    public void PlayToConference(ConferenceId conference, PlayRequest request)
    {
        if (!_conferences.TryGetValue(conference, out var room)) return;
        EndPlay(room, MediaOutcome.Stopped);
        room.Play = request;
        if (request.Files.FirstOrDefault(file => !Files.ContainsKey(file)) is { } missing)
        {
            room.PlayTimer = runtime.After(LoadMillis, () => EndPlay(room, MediaOutcome.NotFound, $"{missing}: no such file"));
            return;
        }
        room.PlayTimer = runtime.After(LoadMillis, () =>
        {
            Report(room, new PlayStarted(request.Action));
            if (request.Repeat >= 0)
                room.PlayTimer = runtime.After(request.Files.Sum(file => Files[file]) * (request.Repeat + 1), () => EndPlay(room, MediaOutcome.Completed));
        });
    }

    /// <inheritdoc/>
    public void StopConferencePlay(ConferenceId conference, long action)
    {
        if (_conferences.TryGetValue(conference, out var room) && room.Play?.Action == action) EndPlay(room, MediaOutcome.Stopped);
    }

    /// <inheritdoc/>
    public void StartConferenceRingBack(ConferenceId conference, string country)
    {
        if (_conferences.TryGetValue(conference, out var room)) room.RingBack = country;
    }

    /// <inheritdoc/>
    public void StopConferenceRingBack(ConferenceId conference)
    {
        if (_conferences.TryGetValue(conference, out var room)) room.RingBack = null;
    }

    /// <inheritdoc/>
    public void PlayEntrySound(ConferenceId conference, ImmutableArray<string> files)
    {
        if (!_conferences.TryGetValue(conference, out var room)) return;
        if (files.FirstOrDefault(file => !Files.ContainsKey(file)) is { } missing) Report(room, new ConferenceSoundFailed(MediaOutcome.NotFound, missing));
        else room.Sounds.AddRange(files);
    }

    /// <inheritdoc/>
    public void RecordConference(ConferenceId conference, RecordRequest request)
    {
        if (!_conferences.TryGetValue(conference, out var room)) return;
        if (room.Record is not null) throw new InvalidOperationException("a second recording of a conference");
        room.Record = request;
        room.RecordTimer = DiskFull
            ? runtime.After(LoadMillis, () => EndRecord(room, MediaOutcome.Failed))
            : runtime.After(LoadMillis, () =>
            {
                room.RecordBegan = runtime.ElapsedMillis;
                Recordings[request.FullPath] = new VirtualRecording(0, false);
                Report(room, new RecordStarted(request.Action));
            });
    }

    /// <inheritdoc/>
    public void StopConferenceRecord(ConferenceId conference, long action)
    {
        if (!_conferences.TryGetValue(conference, out var room) || room.Record?.Action != action) return;
        if (CompletionMillis == 0)
        {
            EndRecord(room, MediaOutcome.Stopped);
            return;
        }
        room.RecordTimer?.Cancel();
        room.IsRecordEnding = true;
        room.RecordTimer = runtime.After(CompletionMillis, () => EndRecord(room, MediaOutcome.Stopped));
    }

    /// <inheritdoc/>
    public void CloseConference(ConferenceId conference)
    {
        if (!_conferences.Remove(conference, out var room)) return;
        EndPlay(room, MediaOutcome.Stopped);
        EndRecord(room, MediaOutcome.Stopped);
        foreach (var member in room.Members.Keys.ToList()) Report(room, new MemberLeft(member));
        room.Members.Clear();
        Report(room, new ConferenceClosed());
    }

    /// <inheritdoc/>
    public void AbandonConference(ConferenceId conference)
    {
        if (!_conferences.Remove(conference, out var room)) return;
        if (room is { IsRecordEnding: true, Record: { } record } && IsHeardAfterwards)
            runtime.After(0, () => room.Events.OnConferenceEvent(conference, new RecordEnded(record.Action, MediaOutcome.Stopped, 0)));
        room.Dead = true;
        room.PlayTimer?.Cancel();
        room.RecordTimer?.Cancel();
    }

    private void Unseat(MediaSessionId session)
    {
        foreach (var room in _conferences.Values.Where(room => room.Members.Remove(session)).ToList()) Report(room, new MemberLeft(session));
    }

    private void EndPlay(VirtualConference room, MediaOutcome outcome, string? detail = null)
    {
        if (room.Play is not { } play) return;
        room.PlayTimer?.Cancel();
        room.Play = null;
        Report(room, new PlayEnded(play.Action, outcome, detail));
    }

    private void EndRecord(VirtualConference room, MediaOutcome outcome)
    {
        if (room.Record is not { } record) return;
        room.RecordTimer?.Cancel();
        room.Record = null;
        var duration = room.RecordBegan > 0 ? runtime.ElapsedMillis - room.RecordBegan : 0;
        room.RecordBegan = 0;
        if (outcome != MediaOutcome.Failed) Recordings[record.FullPath] = new VirtualRecording(duration, true);
        Report(room, new RecordEnded(record.Action, outcome, duration, outcome == MediaOutcome.Failed ? $"{record.FullPath}: no space left" : null));
    }

    private void CrashConferences()
    {
        foreach (var room in _conferences.Values)
        {
            room.Dead = true;
            room.PlayTimer?.Cancel();
            room.RecordTimer?.Cancel();
        }
        _conferences.Clear();
    }

    /// <summary>Reports of a conference stay in order, whatever the order of timers of the same millisecond.</summary>
    private void Report(VirtualConference room, MediaEvent happened)
    {
        room.Reports.Enqueue(happened);
        runtime.After(0, () =>
        {
            var next = room.Reports.Dequeue();
            if (!room.Dead) room.Events.OnConferenceEvent(room.Id, next);
        });
    }
}
