using System.Buffers;
using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Message;

namespace Cti.Transport.Sip;

/// <summary>
/// A stream to one peer: cuts what comes into messages, queues what goes.
/// <code>
/// (opened by us, or TLS) Connecting ──up, greeted──► Open ──error, end, time-out, full queue──► Closed
/// (accepted)                                          ▲└──unframable input──► Draining ──answer sent or 1 s──► Closed
/// </code>
/// What had not left when it closes is reported as failed, once each.
/// </summary>
internal sealed class SipConnection
{
    private const int FirstBufferBytes = 4 * 1024;
    private const int BufferBytesMax = Limits.SipMessageBytesMax + 8 * 1024;
    private const int DrainMillis = 1_000;
    private const int MutedLookMillis = 10;
    /// <summary>In which a question whether the far end is alive must be answered (RFC 5626 section 4.4.1).</summary>
    private const int PongMillisMax = 10_000;
    private static readonly byte[] Ping = "\r\n\r\n"u8.ToArray();
    private static readonly byte[] Pong = "\r\n"u8.ToArray();

    private readonly SipTransportContext _context;
    private readonly ConnectionTable _table;
    private readonly Socket _socket;
    private readonly object _gate = new();
    private readonly Queue<(ReadOnlyMemory<byte> Bytes, long SendId)> _output = new();
    private SslStream? _secure;
    private ImmutableArray<string> _shown = [];
    private int _outputBytes;
    private bool _sending;
    private State _state;
    private long _begunMillis;
    private readonly long _openedMillis;
    private long _activeMillis;
    private long _askedMillis;
    private SipStreamCutter _cutter;
    private int _rejected;
    private int _calls;
    private volatile bool _hasSpoken;

    /// <summary>A connection that is being opened (<paramref name="isOutgoing"/>) or was accepted.</summary>
    public SipConnection(SipTransportContext context, ConnectionTable table, Socket socket, SipFlow flow, bool isOutgoing, bool isTrunk)
    {
        _context = context;
        _table = table;
        _socket = socket;
        Flow = flow;
        IsOutgoing = isOutgoing;
        IsTrunk = isTrunk;
        _state = isOutgoing || flow.Kind == SipTransportKind.Tls ? State.Connecting : State.Open;
        _begunMillis = _activeMillis = _openedMillis = NowMillis;
    }

    private enum State
    {
        Connecting,
        Open,
        Draining,
        Closed,
    }

    private enum Fate
    {
        Queued,
        First,
        TooLate,
        TooMuch,
    }

    public SipFlow Flow { get; }

    public bool IsOutgoing { get; }

    /// <summary>Whether it was accepted from a trunk's address.</summary>
    public bool IsTrunk { get; }

    /// <summary>Whether a whole message has come by it.</summary>
    public bool HasSpoken => _hasSpoken;

    /// <summary>When a byte went either way last.</summary>
    public long ActiveMillis
    {
        get
        {
            lock (_gate)
            {
                return _activeMillis;
            }
        }
    }

    private bool HasCalls => Volatile.Read(ref _calls) > 0;

    /// <summary>A call begins (1) or ends (-1) that is reached by this connection.</summary>
    public void CountCall(int change) => Interlocked.Add(ref _calls, change);

    /// <summary>Whether it may be closed for somebody else: accepted from no trunk, without a call, and silent for a moment.</summary>
    public bool IsIdleStranger(long nowMillis) => IsStranger && !HasCalls && nowMillis - ActiveMillis >= Limits.SipStrangerIdleMillis;

    // A trunk's addresses may have been looked up only after it had connected.
    private bool IsStranger => !IsOutgoing && !IsTrunk && _shown.IsEmpty && !_context.IsTrunk(Flow.Remote.Address);

    /// <summary>Whether its far end, which connected, has shown a certificate that names it so.</summary>
    public bool HasShown(string name) => _shown.Contains(name, StringComparer.OrdinalIgnoreCase);

    private bool IsClosed
    {
        get
        {
            lock (_gate)
            {
                return _state == State.Closed;
            }
        }
    }

    private long NowMillis => _context.NowMillis;

    /// <summary>Connects where it is ours to do, greets where it is secured, then reads until the connection ends.</summary>
    public async Task OpenAsync()
    {
        try
        {
            if (IsOutgoing)
                await _socket.ConnectAsync(Flow.Remote).ConfigureAwait(false);
            if (Flow.Kind == SipTransportKind.Tls)
                _secure = await _context.Options.Tls!.GreetAsync(_socket, Flow.Remote, IsOutgoing).ConfigureAwait(false);
            // Before the first message is read, and never again.
            if (_secure is { } greeted && !IsOutgoing)
                _shown = _context.Options.Tls!.NamesShown(greeted);
        }
        catch (Exception error) when (IsEnd(error) || error is AuthenticationException)
        {
            if (error is AuthenticationException && !IsClosed)
                _context.GreetingFailed(Flow, error.Message);
            Close(SipSendFailure.ConnectFailed);
            return;
        }

        lock (_gate)
        {
            if (_state != State.Connecting)
            {
                _secure?.Dispose();
                return;
            }

            _state = State.Open;
            _activeMillis = NowMillis;
            // The far end of one of ours owes nothing yet: it speaks when it is spoken to.
            _begunMillis = IsOutgoing ? 0 : _activeMillis;
            _sending = true;
        }

        _ = PumpAsync();
        await ReadAsync().ConfigureAwait(false);
    }

    // TLS tells the end of its socket by exceptions of its own.
    private static bool IsEnd(Exception error) => error is SocketException or ObjectDisposedException or IOException;

    private ValueTask<int> ReceiveAsync(Memory<byte> buffer) => _secure is { } secure ? secure.ReadAsync(buffer) : _socket.ReceiveAsync(buffer);

    // Answers how much has left.
    private async ValueTask<int> SendAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_secure is not { } secure)
            return await _socket.SendAsync(bytes).ConfigureAwait(false);
        await secure.WriteAsync(bytes).ConfigureAwait(false);
        return bytes.Length;
    }

    /// <summary>Queues a message. Returns at once.</summary>
    public void Send(ReadOnlyMemory<byte> message, long sendId)
    {
        var fate = Fate.Queued;
        lock (_gate)
        {
            if (_state == State.Closed)
                fate = Fate.TooLate;
            else if (_outputBytes + message.Length > _context.Options.OutputBytesMax)
                fate = Fate.TooMuch;
            else
                Queue(message, sendId, out fate);
        }

        switch (fate)
        {
            case Fate.First:
                _ = PumpAsync();
                break;
            case Fate.TooLate:
                _context.Fail(Flow, sendId, SipSendFailure.ConnectionGone);
                break;
            case Fate.TooMuch:
                _context.Fail(Flow, sendId, SipSendFailure.Overloaded);
                Close(SipSendFailure.ConnectionGone);
                break;
        }
    }

    /// <summary>Closes what has taken too long.</summary>
    public void CheckTime()
    {
        var now = NowMillis;
        bool isOver;
        State state;
        lock (_gate)
        {
            state = _state;
            isOver = state switch
            {
                State.Connecting => now - _activeMillis > _context.Options.ConnectMillisMax,
                State.Open => (_begunMillis != 0 && now - _begunMillis > _context.Options.MessageMillisMax)
                    || (now - _activeMillis > _context.Options.IdleMillis && !HasCalls)
                    || (!_hasSpoken && now - _openedMillis > _context.Options.StrangerMillisMax && !_context.IsMuted && IsStranger),
                State.Draining => now - _begunMillis > DrainMillis,
                _ => false,
            };
        }

        if (!isOver && state == State.Open && IsOutgoing)
            isOver = !IsAlive(now);
        if (!isOver)
            return;
        Interlocked.Increment(ref _context.Counts.ConnectionsTimedOut);
        Close(state == State.Connecting ? SipSendFailure.ConnectFailed : SipSendFailure.ConnectionGone);
    }

    // A connection whose far end is gone looks like one that is silent, until somebody asks.
    private bool IsAlive(long now)
    {
        var asked = Interlocked.Read(ref _askedMillis);
        if (asked != 0)
            return now - asked <= PongMillisMax;
        if (_context.Options.KeepAliveMillis?.Invoke(Flow.Remote) is not ({ } every and > 0) || now - ActiveMillis < every)
            return true;
        Interlocked.Exchange(ref _askedMillis, now);
        Send(Ping, 0);
        return true;
    }

    /// <summary>Closes it and reports what had not left.</summary>
    public void Close(SipSendFailure failure)
    {
        (ReadOnlyMemory<byte> Bytes, long SendId)[] unsent;
        lock (_gate)
        {
            if (_state == State.Closed)
                return;
            _state = State.Closed;
            unsent = [.. _output];
            _output.Clear();
            _outputBytes = 0;
        }

        _table.Remove(this);
        _socket.Dispose();
        _secure?.Dispose();
        foreach (var (_, sendId) in unsent)
            _context.Fail(Flow, sendId, failure);
    }

    /// <summary>Reads until the connection ends.</summary>
    public async Task ReadAsync()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
        var filled = 0;
        try
        {
            while (true)
            {
                var received = await ReceiveAsync(buffer.AsMemory(filled)).ConfigureAwait(false);
                if (received == 0)
                    break;
                filled += received;
                // Whatever comes shows that somebody is there.
                var wasAsked = Interlocked.Exchange(ref _askedMillis, 0) != 0;
                if (wasAsked && filled == received && IsPong(buffer.AsSpan(0, filled)))
                {
                    filled = 0;
                    MarkPart(isThere: false);
                    continue;
                }

                if (_context.IsMuted)
                    await WaitUntilHeardAsync().ConfigureAwait(false);
                var used = TakeMessages(buffer.AsSpan(0, filled), out var goesOn);
                if (!goesOn)
                    return;
                buffer.AsSpan(used, filled - used).CopyTo(buffer);
                filled -= used;
                MarkPart(filled > 0);
                if (filled == buffer.Length)
                    buffer = Grow(buffer, filled);
            }
        }
        catch (Exception error) when (IsEnd(error))
        {
            // The connection is gone: told below to whom it concerns.
        }
        catch (Exception fault)
        {
            // A receiver's bug ends this connection, not the process.
            _context.Log.Write(LogEvents.SipReceiverFault, Flow.Remote, fault);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        CloseUnlessDraining();
    }

    // What came by a stream does not come again, so it waits for the moment from which on it may be answered.
    private async Task WaitUntilHeardAsync()
    {
        while (_context.IsMuted && !IsClosed)
            await Task.Delay(MutedLookMillis).ConfigureAwait(false);
    }

    private void Queue(ReadOnlyMemory<byte> message, long sendId, out Fate fate)
    {
        _output.Enqueue((message, sendId));
        _outputBytes += message.Length;
        fate = _sending || _state == State.Connecting ? Fate.Queued : Fate.First;
        _sending |= fate == Fate.First;
    }

    // Returns how much was used; false where the stream cannot be read any further.
    private int TakeMessages(ReadOnlySpan<byte> bytes, out bool goesOn)
    {
        var used = 0;
        goesOn = true;
        while (true)
        {
            var part = _cutter.Next(bytes[used..], out var taken, out var result);
            used += taken;
            if (part == StreamPart.Nothing)
                break;
            if (part == StreamPart.Ping)
                Answer();
            if (part != StreamPart.Message)
                continue;
            if (result.Outcome == SipParseOutcome.Message)
            {
                MarkWhole();
                _hasSpoken = true;
                _rejected = 0;
                Interlocked.Increment(ref _context.Counts.StreamMessagesReceived);
                _context.Events.OnReceived(new ReceivedMessage(result.Message!, Flow, _context.Clock.MonotonicNanos));
                continue;
            }

            if (result.IsFatal)
                Drain();
            _context.Reject(result, Flow);
            if (!result.IsFatal && (++_rejected < Limits.SipGarbageMessagesMax || !IsStranger))
                continue;
            goesOn = false;
            if (result.Status == 0 || !result.IsFatal)
                Close(SipSendFailure.ConnectionGone);
            break;
        }

        return used;
    }

    // One line end by itself; with another behind it, it would be the far end's own question.
    private static bool IsPong(ReadOnlySpan<byte> bytes) => bytes.SequenceEqual("\r\n"u8);

    private void Answer()
    {
        Interlocked.Increment(ref _context.Counts.KeepAlives);
        Send(Pong, 0);
    }

    // No message can be found behind this: the answer to the one at fault is all that still goes out.
    private void Drain()
    {
        lock (_gate)
        {
            if (_state != State.Open)
                return;
            _state = State.Draining;
            _begunMillis = NowMillis;
        }
    }

    private void CloseUnlessDraining()
    {
        lock (_gate)
        {
            if (_state == State.Draining)
                return;
        }

        Close(SipSendFailure.ConnectionGone);
    }

    private void MarkPart(bool isThere)
    {
        lock (_gate)
        {
            _activeMillis = NowMillis;
            if (!isThere)
                _begunMillis = 0;
            else if (_begunMillis == 0)
                _begunMillis = _activeMillis;
        }
    }

    private void MarkWhole()
    {
        lock (_gate)
        {
            if (_state == State.Open)
                _begunMillis = 0;
        }
    }

    private static byte[] Grow(byte[] buffer, int filled)
    {
        // The parser refuses what is longer than a message may be, so this bound is never met by what it waits for.
        var larger = ArrayPool<byte>.Shared.Rent(Math.Min(buffer.Length * 2, BufferBytesMax));
        buffer.AsSpan(0, filled).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    private async Task PumpAsync()
    {
        try
        {
            while (true)
            {
                ReadOnlyMemory<byte> next;
                long sendId;
                bool isDrained;
                lock (_gate)
                {
                    isDrained = !_output.TryPeek(out var head) || _state == State.Closed;
                    (next, sendId) = head;
                    if (isDrained)
                        _sending = false;
                }

                if (isDrained)
                    return;
                // What was queued before this process stood still is not sent after it.
                var isMuted = _context.IsMutedSend();
                while (!next.IsEmpty && !isMuted)
                    next = next[await SendAsync(next).ConfigureAwait(false)..];
                var isAnswered = false;
                lock (_gate)
                {
                    _activeMillis = NowMillis;
                    if (_output.TryDequeue(out var sent))
                        _outputBytes -= sent.Bytes.Length;
                    isAnswered = _state == State.Draining && _output.Count == 0;
                }

                if (sendId != 0 && !isMuted)
                    Interlocked.Increment(ref _context.Counts.StreamMessagesSent);
                if (isAnswered)
                    Close(SipSendFailure.ConnectionGone);
            }
        }
        catch (Exception error) when (IsEnd(error))
        {
            Close(SipSendFailure.ConnectionGone);
        }
    }
}
