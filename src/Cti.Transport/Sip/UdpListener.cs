using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Cti.Kernel;
using Cti.Media.Rtp;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Transport.Media;
using Cti.Transport.Native;

namespace Cti.Transport.Sip;

/// <summary>
/// One UDP socket and the thread that reads it: it waits once, then reads until the socket is empty. Senders call from any thread.
/// </summary>
internal sealed unsafe class UdpListener : IDisposable
{
    private const int LookForStopMillis = 200;
    private const int KnownRemotesMax = 4_096;
    private readonly SipTransportContext _context;
    private readonly int _index;
    private readonly DatagramSocket _socket;
    private readonly byte* _buffer;
    private readonly Thread _thread;
    private readonly RecentSends _recent = new();
    // Far ends are few and speak often: their endpoints are made once. Belongs to the thread.
    private readonly Dictionary<SocketAddressKey, IPEndPoint> _remotes = [];
    private volatile bool _stopping;

    public UdpListener(SipTransportContext context, int index, IPEndPoint local)
    {
        _context = context;
        _index = index;
        var tuning = new SocketTuning(context.Options.ReceiveBufferBytes, 0, ReportsErrors: true);
        _socket = Datagrams.TryBind(local, tuning, context.Options.ManagedSockets)
            ?? throw new SocketException((int)SocketError.AddressAlreadyInUse);
        Local = _socket.Local;
        _buffer = (byte*)NativeMemory.Alloc(Limits.SipDatagramBytesMax);
        _thread = new Thread(Run) { IsBackground = true, Name = $"sip udp {Local}" };
    }

    public IPEndPoint Local { get; }

    public void Start() => _thread.Start();

    public void Send(SipFlow flow, ReadOnlyMemory<byte> message, long sendId)
    {
        var target = SocketAddressKey.From(flow.Remote);
        _recent.Note(target, flow, sendId);
        fixed (byte* bytes = message.Span)
        {
            // The first call may be answered with the ICMP error of an earlier datagram; the thread takes that from the error queue.
            if (_socket.Send(bytes, message.Length, target) || (IsPendingError() && _socket.Send(bytes, message.Length, target)))
            {
                Interlocked.Increment(ref _context.Counts.DatagramsSent);
                return;
            }
        }

        if (OperatingSystem.IsLinux() && IsLoss(Marshal.GetLastPInvokeError()))
            _context.Counts.Count(SipSendFailure.Overloaded);
        else
            _context.Fail(flow, sendId, SipSendFailure.Unreachable);
    }

    /// <summary>
    /// Whether an error means that this very datagram was dropped on the way out (a full queue, a packet filter), which says nothing about its destination:
    /// it is lost like any other, and its transaction sends it again. A socket that asks for ICMP errors is told of such drops.
    /// </summary>
    internal static bool IsLoss(int error) => error is Libc.EAgain or Libc.ENoBufs or Libc.ENoMem or Libc.EPerm;

    public void Dispose()
    {
        _stopping = true;
        if (_thread.IsAlive)
            _thread.Join();
        _socket.Dispose();
        NativeMemory.Free(_buffer);
    }

    private static bool IsPendingError() => OperatingSystem.IsLinux() && Marshal.GetLastPInvokeError() == Libc.EConnRefused;

    private void Run()
    {
        while (!_stopping)
        {
            if (!_socket.WaitReadable(LookForStopMillis))
                continue;
            int length;
            while ((length = _socket.Receive(_buffer, Limits.SipDatagramBytesMax, out var source)) >= 0 && !_stopping)
                Take(new ReadOnlySpan<byte>(_buffer, length), source);
            while (_socket.TryTakeError(out var destination))
                ReportUnreachable(destination);
        }
    }

    private void Take(ReadOnlySpan<byte> datagram, SocketAddressKey source)
    {
        Interlocked.Increment(ref _context.Counts.DatagramsReceived);
        if (_context.IsMuted)
        {
            // Its sender repeats it: by then this node knows, or another one answers.
            Interlocked.Increment(ref _context.Counts.MutedDatagrams);
            return;
        }

        try
        {
            var flow = new SipFlow(SipTransportKind.Udp, _index, RemoteOf(source));
            var result = SipParser.ParseDatagram(datagram);
            if (result.Outcome == SipParseOutcome.Message)
                _context.Events.OnReceived(new ReceivedMessage(result.Message!, flow, _context.Clock.MonotonicNanos) { Length = datagram.Length });
            else
                _context.Reject(result, flow);
        }
        catch (Exception fault)
        {
            // A datagram that a receiver's bug cannot digest must not end the listener.
            _context.Log.Write(LogEvents.SipReceiverFault, source, fault);
        }
    }

    private void ReportUnreachable(SocketAddressKey destination)
    {
        if (_recent.TryTake(destination, out var flow, out var sendId) && !_context.IsMuted)
            _context.Fail(flow, sendId, SipSendFailure.Unreachable);
    }

    private IPEndPoint RemoteOf(SocketAddressKey source)
    {
        if (_remotes.TryGetValue(source, out var known))
            return known;
        if (_remotes.Count >= KnownRemotesMax)
            _remotes.Clear();
        return _remotes[source] = source.ToEndPoint();
    }

    /// <summary>
    /// Which send went last to an address, so that an ICMP error, which tells the address only, ends the right transaction. An entry that another
    /// address has overwritten is not missed: the retransmission brings the next error.
    /// </summary>
    private sealed class RecentSends
    {
        private const int Count = 512;
        private readonly (SocketAddressKey Target, SipFlow Flow, long SendId)[] _entries = new (SocketAddressKey, SipFlow, long)[Count];

        public void Note(SocketAddressKey target, SipFlow flow, long sendId)
        {
            lock (_entries)
            {
                _entries[(uint)target.GetHashCode() % Count] = (target, flow, sendId);
            }
        }

        public bool TryTake(SocketAddressKey target, out SipFlow flow, out long sendId)
        {
            lock (_entries)
            {
                ref var entry = ref _entries[(uint)target.GetHashCode() % Count];
                (var noted, flow, sendId) = entry;
                if (noted != target || flow.Remote is null)
                    return false;
                entry = default;
                return true;
            }
        }
    }
}
