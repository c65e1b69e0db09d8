using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Transport.Sip;

namespace Cti.Transport.Tests.Sip;

/// <summary>A transport on loopback with a clock and timers that the test moves.</summary>
internal sealed class SipTransportFixture : ISipTransportEvents, IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly BlockingCollection<ReceivedMessage> _received = [];
    private readonly BlockingCollection<(SipParseResult Result, SipFlow Flow)> _rejected = [];
    private readonly BlockingCollection<(SipFlow Flow, long SendId, SipSendFailure Failure)> _failures = [];

    public SipTransportFixture(Func<SipTransportOptions, SipTransportOptions>? change = null, bool ipv6 = false, bool managed = false)
    {
        var address = ipv6 ? IPAddress.IPv6Loopback : IPAddress.Loopback;
        var options = new SipTransportOptions
        {
            Listeners =
            [
                new SipListenerOptions(SipTransportKind.Udp, new IPEndPoint(address, 0)),
                new SipListenerOptions(SipTransportKind.Tcp, new IPEndPoint(address, 0)),
            ],
            ManagedSockets = managed,
        };
        Transport = new SipTransport(change is null ? options : change(options), this, Time, Time, Log);
        Transport.Start();
    }

    public ManualTime Time { get; } = new();

    public CollectingLog Log { get; } = new();

    public SipTransport Transport { get; }

    public IPEndPoint Udp => Transport.Bound[0];

    public IPEndPoint Tcp => Transport.Bound[1];

    public Action<SipFlow>? OnReject { get; set; }

    public int ReceivedWaiting => _received.Count;

    public int FailuresWaiting => _failures.Count;

    public static byte[] Options(string callId, int padding = 0) => Encoding.ASCII.GetBytes(
        $"OPTIONS sip:test@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5099;branch=z9hG4bK{callId}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:test@127.0.0.1>\r\n"
        + $"Call-ID: {callId}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: {padding}\r\n\r\n{new string('x', padding)}");

    public ReceivedMessage NextReceived() => Next(_received);

    public (SipParseResult Result, SipFlow Flow) NextRejected() => Next(_rejected);

    public (SipFlow Flow, long SendId, SipSendFailure Failure) NextFailure() => Next(_failures);

    public Socket Connect()
    {
        var socket = new Socket(Tcp.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        socket.Connect(Tcp);
        return socket;
    }

    /// <summary>Waits for a condition that other threads bring about.</summary>
    public static void Until(Func<bool> condition) => SpinWait.SpinUntil(condition, Patience).ShouldBeTrue();

    /// <summary>What the peer reads until the connection ends.</summary>
    public static string ReadToEnd(Socket socket)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            for (int count; (count = socket.Receive(buffer)) > 0;)
                text.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Closed with bytes unread: the end, too.
        }

        return text.ToString();
    }

    public static string Read(Socket socket, int length)
    {
        var buffer = new byte[length];
        for (var filled = 0; filled < length;)
        {
            var count = socket.Receive(buffer.AsSpan(filled));
            count.ShouldBeGreaterThan(0);
            filled += count;
        }

        return Encoding.ASCII.GetString(buffer);
    }

    public void OnReceived(in ReceivedMessage received) => _received.Add(received);

    public void OnRejected(in SipParseResult rejected, SipFlow flow)
    {
        OnReject?.Invoke(flow);
        _rejected.Add((rejected, flow));
    }

    public void OnSendFailed(SipFlow flow, long sendId, SipSendFailure failure) => _failures.Add((flow, sendId, failure));

    public void Dispose()
    {
        Transport.Dispose();
        _received.Dispose();
        _rejected.Dispose();
        _failures.Dispose();
    }

    private static T Next<T>(BlockingCollection<T> from)
    {
        from.TryTake(out var item, Patience).ShouldBeTrue();
        return item!;
    }
}

/// <summary>Time that stands still until it is moved; due timers fire in the mover's thread.</summary>
internal sealed class ManualTime : IClock, ITimers
{
    private readonly List<Entry> _entries = [];
    private long _millis = 1_000;

    public long MonotonicNanos => Volatile.Read(ref _millis) * 1_000_000;

    public long UnixMillis => Volatile.Read(ref _millis);

    public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state)
    {
        var entry = new Entry(Volatile.Read(ref _millis) + delayMillis, callback, state);
        lock (_entries)
            _entries.Add(entry);
        return entry;
    }

    public void Advance(long millis)
    {
        var end = Volatile.Read(ref _millis) + millis;
        while (true)
        {
            Entry? next;
            lock (_entries)
            {
                next = _entries.Where(entry => entry.Due <= end && !entry.IsCancelled).MinBy(entry => entry.Due);
                if (next is not null)
                    _entries.Remove(next);
            }

            if (next is null)
                break;
            Volatile.Write(ref _millis, Math.Max(Volatile.Read(ref _millis), next.Due));
            next.Callback(next.State);
        }

        Volatile.Write(ref _millis, end);
    }

    private sealed record Entry(long Due, Action<object?> Callback, object? State) : ITimerHandle
    {
        public bool IsCancelled { get; private set; }

        public void Cancel() => IsCancelled = true;
    }
}
