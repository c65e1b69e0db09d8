using Cti.Kernel;
using Cti.Media.Session;

namespace Cti.Transport.Media;

/// <content>Conferences of the loop, and sessions that come from and go to other loops (see <see cref="SessionSlot"/>).</content>
internal sealed unsafe partial class MediaLoop
{
    private readonly Action<ConferenceSlot> _forgetConference;
    private readonly Dictionary<SessionSlot, Queue<LoopCommand>> _arriving = [];
    private readonly List<SessionSlot> _arrived = [];
    private readonly List<ConferenceSlot>[] _conferences = [.. Enumerable.Range(0, Phases).Select(_ => new List<ConferenceSlot>())];
    private int _conferenceCount;

    /// <summary>Reserves a place for a conference; false when the loop is full.</summary>
    public bool TryReserveConference()
    {
        if (Interlocked.Increment(ref _conferenceCount) <= Limits.ConferencesPerLoopMax)
            return true;
        Interlocked.Decrement(ref _conferenceCount);
        return false;
    }

    /// <summary>Gives a conference's place back.</summary>
    public void ReleaseConference() => Interlocked.Decrement(ref _conferenceCount);

    /// <summary>The conference begins with the next cadence.</summary>
    public void Open(ConferenceSlot slot) => Write(new LoopCommand(LoopCommandKind.Open, slot, default));

    /// <summary>The command takes effect with the next cadence.</summary>
    public void Post(ConferenceSlot slot, in MediaCommand command) => Write(new LoopCommand(LoopCommandKind.Apply, slot, command));

    /// <summary>The session leaves with the next cadence; <see cref="Arrive"/> at the target must follow.</summary>
    public void Depart(SessionSlot slot, MediaLoop target) => Write(new LoopCommand(LoopCommandKind.Depart, slot, default, target));

    /// <summary>The session comes as soon as its loop has let go of it; commands for it wait until then.</summary>
    public void Arrive(SessionSlot slot) => Write(new LoopCommand(LoopCommandKind.Arrive, slot, default));

    private void Execute(ConferenceSlot slot, in LoopCommand entry)
    {
        try
        {
            if (entry.Kind == LoopCommandKind.Open)
                Admit(slot);
            else
                slot.Conference.Apply(entry.Command);
            if (entry.Command.Kind == MediaCommandKind.Abandon && slot.Index >= 0)
                Remove(slot);
        }
        catch (Exception fault) when (IsBug(fault))
        {
            Abandon(slot, fault);
        }
    }

    private void Admit(ConferenceSlot slot)
    {
        var phase = 0;
        for (var i = 1; i < Phases; i++)
        {
            if (_conferences[i].Count < _conferences[phase].Count)
                phase = i;
        }

        slot.Phase = phase;
        slot.Index = _conferences[phase].Count;
        _conferences[phase].Add(slot);
    }

    private void Remove(ConferenceSlot slot)
    {
        var conferences = _conferences[slot.Phase];
        var last = conferences[^1];
        conferences[slot.Index] = last;
        last.Index = slot.Index;
        conferences.RemoveAt(conferences.Count - 1);
        slot.Index = -1;
        ReleaseConference();
        _forgetConference(slot);
        slot.Conference.ReportClosed();
    }

    private void TickConferences(int phase, long now)
    {
        var conferences = _conferences[phase];
        // Backwards, because one that has finished is replaced by the last one.
        for (var i = conferences.Count - 1; i >= 0; i--)
        {
            var slot = conferences[i];
            try
            {
                slot.Conference.Tick(now);
                if (slot.Conference.IsFinished)
                    Remove(slot);
            }
            catch (Exception fault) when (IsBug(fault))
            {
                Abandon(slot, fault);
            }
        }
    }

    // A conference that breaks ends alone, its members go on.
    private void Abandon(ConferenceSlot slot, Exception fault)
    {
        _log.Write(LogEvents.MediaConferenceFault, slot.Conference.Id.Value, fault);
        if (slot.Index < 0)
            return;
        try
        {
            slot.Conference.Apply(MediaCommand.Close());
        }
        catch (Exception second) when (IsBug(second))
        {
            _log.Write(LogEvents.MediaConferenceFault, slot.Conference.Id.Value, second);
        }

        Remove(slot);
    }

    /// <summary>A member is ticked after its conference, so it has to be in the same phase.</summary>
    private void AlignWithConference(SessionSlot slot, in MediaCommand command)
    {
        if (slot.Index < 0 || command.Conference is not { } conference || conference.IsClosing || conference.Tag is not ConferenceSlot { Index: >= 0 } home
            || home.Phase == slot.Phase)
            return;
        LeavePhase(slot);
        EnterPhase(slot, home.Phase);
        slot.Session.Realign();
    }

    /// <summary>True for what has to wait until a session is here.</summary>
    private bool IsHeldBack(in LoopCommand entry)
    {
        var slot = (SessionSlot)entry.Subject;
        if (_arriving.Count > 0 && _arriving.TryGetValue(slot, out var waiting))
        {
            waiting.Enqueue(entry);
            return true;
        }

        if (entry.Kind != LoopCommandKind.Arrive || slot.Owner == this)
            return false;
        _arriving.Add(slot, new Queue<LoopCommand>([entry]));
        return true;
    }

    private void SettleArrivals()
    {
        foreach (var (slot, waiting) in _arriving)
        {
            while (waiting.TryPeek(out var entry) && (entry.Kind != LoopCommandKind.Arrive || slot.Owner == this))
            {
                waiting.Dequeue();
                Execute(slot, entry);
            }

            if (waiting.Count == 0)
                _arrived.Add(slot);
        }

        foreach (var slot in _arrived)
            _arriving.Remove(slot);
        _arrived.Clear();
    }

    private void MoveOut(SessionSlot slot, MediaLoop target)
    {
        // One that has ended meanwhile has given its place back already.
        if (slot.Index >= 0)
        {
            slot.Session.LeaveMixes();
            Detach(slot);
            Release();
        }

        slot.Owner = target;
    }

    private void MoveIn(SessionSlot slot)
    {
        if (slot.IsGone)
        {
            Release();
            return;
        }

        slot.Session.MoveTo(Services);
        slot.RtpReadCadence = 0;
        // The phase whose next turn is nearest to when the next frame is due.
        var due = slot.Session.LastTickNanos + MediaSession.TickNanos;
        var cadences = Math.Clamp((due - LoopThread.Now() + CadenceNanos / 2) / CadenceNanos, 0, Phases - 1);
        Admit(slot, (int)((_cadence + cadences) % Phases));
        slot.Session.Realign();
    }
}
