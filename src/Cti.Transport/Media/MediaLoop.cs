using System.Runtime.InteropServices;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Rtp;
using Cti.Media.Session;

namespace Cti.Transport.Media;

/// <summary>
/// One media loop: a thread that wakes every 5 ms, at absolute deadlines, and then
/// <code>
/// applies commands → reads what its sockets received (and relays it) → ticks the conferences, then the sessions of this phase of 20 ms → sends → sleeps
/// </code>
/// While the pause guard is closed what came is dropped, nothing is ticked and nothing sent: commands alone take effect.
/// Reading in batches of 5 ms costs a third of waking per packet. Nothing here allocates per packet, locks or waits; commands enter by a ring.
/// </summary>
internal sealed unsafe partial class MediaLoop : IDisposable
{
    public const long CadenceNanos = 5_000_000;
    private const int Phases = 4;
    // Held up for longer than this (a suspended machine) the loop does not catch up: sessions skip what is missing beyond 200 ms anyway.
    private const long CatchUpNanosMax = 200_000_000;
    private const int PollBatch = 512;
    private const int PollRoundsMax = 2 * Limits.MediaSessionsPerLoopMax / PollBatch;

    private readonly MpscRing<LoopCommand> _commands = new(Limits.MediaCommandsMax);
    private readonly DatagramPoller _poller;
    private readonly EventDispatcher _dispatcher;
    private readonly Action<SessionSlot> _freePorts;
    private readonly PauseGuard? _guard;
    private readonly ILog _log;
    private readonly Thread _thread;
    private readonly SessionSlot?[] _slots = new SessionSlot?[Limits.MediaSessionsPerLoopMax];
    private readonly int[] _freeIndexes = new int[Limits.MediaSessionsPerLoopMax];
    private readonly LoopPhase[] _phases = [.. Enumerable.Range(0, Phases).Select(static _ => new LoopPhase())];
    private readonly int[] _tokens = new int[PollBatch];
    private readonly byte* _receiveBuffer;
    private readonly byte* _sendBuffer;
    private int _freeCount = Limits.MediaSessionsPerLoopMax;
    private long _cadence;
    private int _sessions;
    private volatile bool _stopping;
    private bool _disposed;

    /// <param name="name">The thread's name.</param>
    /// <param name="clock">For RTCP's NTP times.</param>
    /// <param name="managed">Framework sockets.</param>
    /// <param name="dispatcher">Where sessions report.</param>
    /// <param name="freePorts">Called on the loop's thread when a session's sockets are closed, before <see cref="SessionClosed"/>.</param>
    /// <param name="forgetConference">
    /// Called on the loop's thread when a conference has ended, before <see cref="Cti.Media.Session.Mix.ConferenceClosed"/>.
    /// </param>
    /// <param name="guard">Whether this process may still speak for its calls; null: always.</param>
    /// <param name="log">For faults.</param>
    public MediaLoop(string name, IClock clock, bool managed, EventDispatcher dispatcher, Action<SessionSlot> freePorts,
        Action<ConferenceSlot> forgetConference, PauseGuard? guard, ILog log)
    {
        _guard = guard;
        Services = new MediaServices(clock, new MediaCounters());
        _dispatcher = dispatcher;
        _freePorts = freePorts;
        _forgetConference = forgetConference;
        _log = log;
        _poller = Datagrams.CreatePoller(managed);
        _receiveBuffer = (byte*)NativeMemory.AllocZeroed(Limits.MediaDatagramBytesMax);
        _sendBuffer = (byte*)NativeMemory.AllocZeroed((nuint)Math.Max(MediaSession.RtpBytesMax, MediaSession.RtcpBytesMax));
        for (var i = 0; i < _freeIndexes.Length; i++)
            _freeIndexes[i] = _freeIndexes.Length - 1 - i;
        _thread = new Thread(Run) { IsBackground = true, Name = name };
    }

    /// <summary>What sessions of this loop share.</summary>
    public MediaServices Services { get; }

    public MediaLoopCounts Counts { get; } = new();

    /// <summary>What it works, and how late it runs.</summary>
    public LoopLoad Load { get; } = new();

    /// <summary>Sessions placed on this loop, whether it has seen them yet or not.</summary>
    public int Sessions => Volatile.Read(ref _sessions);

    public MediaRefusal Refusal(double workShareMax) => IsCongested ? MediaRefusal.Backlog : Load.Refusal(workShareMax, Sessions);

    /// <summary>More than half full: existing sessions need the rest.</summary>
    public bool IsCongested => _commands.Count > _commands.Capacity / 2;

    /// <summary>CPU of the loop's thread in nanoseconds; 0 until its first cadence.</summary>
    public long ThreadNanos { get; private set; }

    /// <summary>Bytes that the loop's thread has allocated on the GC heap, as of its last cadence.</summary>
    public long ThreadAllocatedBytes { get; private set; }

    /// <summary>Maintains <see cref="ThreadAllocatedBytes"/>: benchmarks and tests only.</summary>
    public bool MeasuresThreadAllocation { get; set; }

    public void Start() => _thread.Start();

    /// <summary>Reserves a place; false when the loop is full.</summary>
    public bool TryReserve(int sessionsMax)
    {
        if (Interlocked.Increment(ref _sessions) <= Math.Min(sessionsMax, Limits.MediaSessionsPerLoopMax))
            return true;
        Interlocked.Decrement(ref _sessions);
        return false;
    }

    /// <summary>Gives a place back that was not used.</summary>
    public void Release() => Interlocked.Decrement(ref _sessions);

    /// <summary>The session begins with the next cadence.</summary>
    public void Open(SessionSlot slot) => Write(new LoopCommand(LoopCommandKind.Open, slot, default));

    /// <summary>The command takes effect with the next cadence.</summary>
    public void Post(SessionSlot slot, in MediaCommand command) => Write(new LoopCommand(LoopCommandKind.Apply, slot, command));

    /// <summary>Stops the thread; sockets of sessions that are still open are closed without further reports.</summary>
    public void Dispose()
    {
        _stopping = true;
        if (_thread.IsAlive)
            _thread.Join();
        if (_disposed)
            return;
        _disposed = true;
        foreach (var slot in _slots)
        {
            slot?.Rtp.Dispose();
            slot?.Rtcp.Dispose();
        }

        _poller.Dispose();
        NativeMemory.Free(_receiveBuffer);
        NativeMemory.Free(_sendBuffer);
    }

    public MediaLoopStatistics Snapshot()
    {
        var dropped = Enum.GetValues<DropReason>().ToDictionary(reason => reason, Services.Counters.Dropped);
        return new MediaLoopStatistics(Sessions, Load.WorkShare, Load.LatenessP99Nanos / 1_000, Volatile.Read(ref Counts.RtpReceived),
            Volatile.Read(ref Counts.RtpSent),
            Volatile.Read(ref Counts.RtcpReceived), Volatile.Read(ref Counts.RtcpSent), Volatile.Read(ref Counts.SendFailures),
            Volatile.Read(ref Counts.LateCadences), Volatile.Read(ref Counts.SkippedCadences), Volatile.Read(ref Counts.LatenessMaxNanos) / 1_000,
            [.. Counts.Lateness], dropped);
    }

    // The ring is emptied every 5 ms, so a writer that finds it full waits for no longer than the loop is late.
    private void Write(in LoopCommand command)
    {
        while (!_commands.TryWrite(command))
        {
            if (_stopping)
                return;
            Thread.Sleep(1);
        }
    }

    /// <summary>Whether nothing may be sent. Asked for each packet: the process may have stood still in the middle of a cadence.</summary>
    internal bool IsMuted => _guard is { } guard && !guard.IsOpen(Services.Clock.MonotonicNanos);

    private void Run()
    {
        LoopThread.Prefer();
        var deadline = LoopThread.Now();
        ThreadNanos = LoopThread.WorkNanos();
        while (!_stopping)
        {
            deadline += CadenceNanos;
            LoopThread.SleepUntil(deadline, LoopThread.Now());
            var start = LoopThread.Now();
            var late = start - deadline;
            Counts.CountLateness(late);
            if (late > CatchUpNanosMax)
            {
                var skipped = late / CadenceNanos;
                deadline += skipped * CadenceNanos;
                _cadence += skipped;
                Counts.SkippedCadences += skipped;
            }

            _cadence++;
            var isMuted = IsMuted;
            ApplyCommands();
            Receive(start, isMuted);
            if (!isMuted)
            {
                TickConferences((int)(_cadence % Phases), start);
                TickPhase((int)(_cadence % Phases), start);
            }

            _dispatcher.Announce();
            if (MeasuresThreadAllocation)
                ThreadAllocatedBytes = GC.GetAllocatedBytesForCurrentThread();
            CountLoad(late, start);
        }
    }

    private void ApplyCommands()
    {
        while (_commands.TryRead(out var entry))
        {
            if (entry.Subject is ConferenceSlot conference)
                Execute(conference, entry);
            else if (!IsHeldBack(entry))
                Execute((SessionSlot)entry.Subject, entry);
        }

        if (_arriving.Count > 0)
            SettleArrivals();
    }

    private void Execute(SessionSlot slot, in LoopCommand entry)
    {
        try
        {
            switch (entry.Kind)
            {
                case LoopCommandKind.Open:
                    slot.Owner = this;
                    Admit(slot, EmptiestPhase());
                    break;
                case LoopCommandKind.Depart:
                    MoveOut(slot, entry.Target!);
                    break;
                case LoopCommandKind.Arrive:
                    MoveIn(slot);
                    break;
                default:
                    Apply(slot, entry.Command);
                    break;
            }
        }
        catch (Exception fault) when (IsBug(fault))
        {
            Abandon(slot, fault);
        }
    }

    // A late Start for a closed session still reaches its engine, which discards the recorder.
    private void Apply(SessionSlot slot, in MediaCommand command)
    {
        slot.Session.Apply(command);
        Wake(slot);
        if (command.Kind == MediaCommandKind.Join)
            AlignWithConference(slot, command);
        if (command.Kind == MediaCommandKind.Close)
            slot.Closing = true;
        // Not left to a tick: while this process must not speak there is none.
        if (command.Kind == MediaCommandKind.Abandon && slot.Index >= 0)
            Remove(slot);
    }

    private void Admit(SessionSlot slot, int phase)
    {
        slot.Index = _freeIndexes[--_freeCount];
        _slots[slot.Index] = slot;
        EnterPhase(slot, phase);
        _poller.Add(slot.Rtp, RtpToken(slot));
        _poller.Add(slot.Rtcp, RtcpToken(slot));
    }

    private void Remove(SessionSlot slot)
    {
        Detach(slot);
        slot.Rtp.Dispose();
        slot.Rtcp.Dispose();
        slot.IsGone = true;
        Release();
        _freePorts(slot);
        slot.Session.ReportClosed();
    }

    /// <summary>Takes it out of the loop's tables; its sockets stay as they are.</summary>
    private void Detach(SessionSlot slot)
    {
        _poller.Remove(slot.Rtp, RtpToken(slot));
        _poller.Remove(slot.Rtcp, RtcpToken(slot));
        _slots[slot.Index] = null;
        _freeIndexes[_freeCount++] = slot.Index;
        slot.Index = -1;
        LeavePhase(slot);
    }

    private int EmptiestPhase()
    {
        var phase = 0;
        for (var i = 1; i < Phases; i++)
        {
            if (_phases[i].Count < _phases[phase].Count)
                phase = i;
        }

        return phase;
    }

    private void EnterPhase(SessionSlot slot, int phase)
    {
        slot.Phase = phase;
        _phases[phase].Add(slot);
    }

    private void LeavePhase(SessionSlot slot) => _phases[slot.Phase].Remove(slot);

    /// <summary>What happened to a session that slept may need a tick.</summary>
    private void Wake(SessionSlot slot)
    {
        if (slot is { IsAsleep: true, Index: >= 0 })
            _phases[slot.Phase].Wake(slot);
    }

    private void Receive(long now, bool isMuted)
    {
        for (var round = 0; round < PollRoundsMax; round++)
        {
            var count = _poller.Poll(_tokens);
            for (var i = 0; i < count; i++)
            {
                if (_slots[_tokens[i] >> 1] is not { } slot)
                    continue;
                if (isMuted)
                    Drop((_tokens[i] & 1) == 0 ? slot.Rtp : slot.Rtcp);
                else if ((_tokens[i] & 1) == 0)
                    ReceiveRtp(slot, now);
                else
                    ReceiveRtcp(slot, now);
            }

            if (count < PollBatch)
                return;
        }
    }

    // What piled up while the process stood still is old: it goes at once.
    private void Drop(DatagramSocket socket)
    {
        for (var reads = Limits.MediaMutedReadsMax; reads > 0 && socket.Receive(_receiveBuffer, Limits.MediaDatagramBytesMax, out _) >= 0; reads--)
            Services.Counters.CountMuted();
    }

    private void ReceiveRtp(SessionSlot slot, long now)
    {
        // One packet is the rule; asking for a second costs a call in vain, so only a socket that was readable before is asked again.
        var reads = _cadence - slot.RtpReadCadence <= 1 ? Limits.MediaReadsPerCadenceMax : 1;
        slot.RtpReadCadence = _cadence;
        for (; reads > 0; reads--)
        {
            var length = slot.Rtp.Receive(_receiveBuffer, Limits.MediaDatagramBytesMax, out var source);
            if (length < 0)
                return;
            Counts.RtpReceived++;
            try
            {
                slot.Session.OnRtp(new ReadOnlySpan<byte>(_receiveBuffer, length), source, now);
                if (slot.Session.WantsTick)
                    Wake(slot);
            }
            catch (Exception fault) when (IsBug(fault))
            {
                Abandon(slot, fault);
                return;
            }
        }
    }

    private void ReceiveRtcp(SessionSlot slot, long now)
    {
        var length = slot.Rtcp.Receive(_receiveBuffer, Limits.MediaDatagramBytesMax, out var source);
        if (length < 0)
            return;
        Counts.RtcpReceived++;
        try
        {
            slot.Session.OnRtcp(new ReadOnlySpan<byte>(_receiveBuffer, length), source, now);
            if (slot.Session.WantsTick)
                Wake(slot);
        }
        catch (Exception fault) when (IsBug(fault))
        {
            Abandon(slot, fault);
        }
    }

    private void TickPhase(int phase, long now)
    {
        var sessions = _phases[phase];
        sessions.WakeDue(_cadence);
        // Backwards, because a session that has finished, or goes to sleep, is replaced by the last one.
        for (var i = sessions.AwakeCount - 1; i >= 0; i--)
        {
            var slot = sessions[i];
            try
            {
                Tick(slot, now);
                if (slot.Closing && slot.Session.IsFinished)
                    Remove(slot);
                else if (slot.Session.TrySleep(now, out var until))
                    sessions.Sleep(slot, _cadence + (until - now) / CadenceNanos);
            }
            catch (Exception fault) when (IsBug(fault))
            {
                Abandon(slot, fault);
            }
        }
    }

    private void Tick(SessionSlot slot, long now)
    {
        var session = slot.Session;
        var length = session.Tick(now, new Span<byte>(_sendBuffer, MediaSession.RtpBytesMax));
        if (length > 0)
        {
            if (IsMuted)
                Services.Counters.CountMuted();
            else if (slot.Rtp.Send(_sendBuffer, length, session.Remote))
                Counts.RtpSent++;
            else
                Counts.SendFailures++;
        }

        length = session.RtcpTick(now, new Span<byte>(_sendBuffer, MediaSession.RtcpBytesMax));
        if (length <= 0 || IsMuted)
            return;
        if (slot.Rtcp.Send(_sendBuffer, length, session.RemoteRtcp))
            Counts.RtcpSent++;
        else
            Counts.SendFailures++;
    }

    // A session whose engine breaks ends alone; the loop carries the others on.
    private void Abandon(SessionSlot slot, Exception fault)
    {
        _log.Write(LogEvents.MediaSessionFault, slot.Id.Value, fault);
        if (slot.Index < 0)
            return;
        try
        {
            slot.Session.LeaveMixes();
            Remove(slot);
        }
        catch (Exception second)
        {
            // A second fault while ending a broken session must not end the loop.
            _log.Write(LogEvents.MediaSessionFault, slot.Id.Value, second);
        }
    }

    // Elsewhere than on Linux a thread's clock cannot be asked for this cheaply: what passed counts as work.
    private void CountLoad(long late, long start)
    {
        var before = ThreadNanos;
        ThreadNanos = LoopThread.WorkNanos();
        Load.Count(late, OperatingSystem.IsLinux() ? ThreadNanos - before : LoopThread.Now() - start);
    }

    private static bool IsBug(Exception fault) => fault is not (OutOfMemoryException or ThreadInterruptedException);

    private static int RtpToken(SessionSlot slot) => slot.Index << 1;

    private static int RtcpToken(SessionSlot slot) => (slot.Index << 1) | 1;

    private enum LoopCommandKind
    {
        /// <summary>A session or conference begins.</summary>
        Open,
        /// <summary>A command to it.</summary>
        Apply,
        /// <summary>A session goes to another loop.</summary>
        Depart,
        /// <summary>A session comes from another loop.</summary>
        Arrive,
    }

    private readonly record struct LoopCommand(LoopCommandKind Kind, object Subject, MediaCommand Command, MediaLoop? Target = null);
}
