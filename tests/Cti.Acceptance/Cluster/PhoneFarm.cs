using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance.Cluster;

/// <summary>
/// Hundreds of telephones on one UDP socket, written from RFC 3261 and nothing of the product. They place and answer calls, retransmit, repeat what answers a
/// repeated request, acknowledge a 2xx that comes again, and follow a re-INVITE from whichever address it comes. What a correct far end must not do is written
/// down as a <see cref="Complaints"/>. How a phone behaves when called is said by the user part dialled: "rings…" rings and waits, "mute…" says 100 alone,
/// "busy…" refuses, any other answers.
/// </summary>
internal sealed class PhoneFarm : IAsyncDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, FarmCall> _calls = [];
    private readonly Dictionary<string, string> _answers = [];
    private readonly Dictionary<string, string> _invites = [];
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly Thread _thread;
    private volatile bool _isOver;
    private int _number;
    private long _lastReinvite;

    /// <param name="address">Where the phones are.</param>
    /// <param name="protects">Whether every other phone protects its sound, and takes no other: the node is to have SRTP as an option.</param>
    public PhoneFarm(IPAddress address, bool protects = false)
    {
        Protects = protects;
        _socket.ReceiveBufferSize = 4 << 20;
        _socket.Bind(new IPEndPoint(address, 0));
        _socket.ReceiveTimeout = 20;
        Address = (IPEndPoint)_socket.LocalEndPoint!;
        Audio = new FarmAudio(address);
        _thread = new Thread(Run) { IsBackground = true, Name = "phones" };
        _thread.Start();
    }

    public IPEndPoint Address { get; }

    public FarmAudio Audio { get; }

    public bool Protects { get; }

    /// <summary>Where requests outside a dialog go when not to a node itself.</summary>
    public IPEndPoint? Proxy { get; set; }

    /// <summary>What no far end may do, with the call that saw it.</summary>
    public string[] Complaints => [.. _complaints];

    /// <summary>When the last re-INVITE came (Stopwatch ticks).</summary>
    public long LastReinvite => Interlocked.Read(ref _lastReinvite);

    public FarmCall[] Calls
    {
        get
        {
            lock (_gate) return [.. _calls.Values];
        }
    }

    /// <summary>Calls that neither ended nor were told to.</summary>
    public FarmCall[] Up => [.. Calls.Where(static call => call.Phase is CallPhase.Calling or CallPhase.Ringing or CallPhase.Up)];

    /// <summary>Places a call.</summary>
    /// <param name="user">The user part that is called.</param>
    /// <param name="to">The node, or the proxy in front.</param>
    public FarmCall Call(string user, IPEndPoint to)
    {
        lock (_gate)
        {
            var call = new FarmCall(this, ++_number, user, to);
            _calls.Add(call.CallId, call);
            call.Begin();
            return call;
        }
    }

    /// <summary>The call that was placed to this user.</summary>
    public FarmCall? Find(string user)
    {
        lock (_gate) return _calls.Values.FirstOrDefault(call => call.User == user && !call.IsCaller);
    }

    /// <summary>Forgets calls that are over, so that a long run stays small.</summary>
    public void Tidy()
    {
        lock (_gate)
        {
            foreach (var call in _calls.Values.Where(static call => call.Phase == CallPhase.Ended && call.IsQuiet).ToList())
            {
                _calls.Remove(call.CallId);
                Audio.Remove(call.Audio);
            }
            if (_answers.Count > 100_000) _answers.Clear();
        }
    }

    public void Complain(FarmCall? call, string what) => _complaints.Enqueue(call is null ? what : $"{call}: {what}");

    public void Send(string text, IPEndPoint to)
    {
        try
        {
            _socket.SendTo(Encoding.UTF8.GetBytes(text), to);
        }
        catch (SocketException)
        {
            // Nobody is there: retransmissions are for that.
        }
    }

    /// <summary>Answers a request and remembers it for the request's repeats.</summary>
    public void Answer(SipText request, string response, IPEndPoint to)
    {
        _answers[KeyOf(request)] = response;
        Send(response, to);
    }

    public void Locked(Action action)
    {
        lock (_gate) action();
    }

    public async ValueTask DisposeAsync()
    {
        _isOver = true;
        _thread.Join();
        _socket.Dispose();
        await Audio.DisposeAsync();
    }

    private static string KeyOf(SipText request) => request.Branch + "|" + request.Method + "|" + request.CSeq + "|" + request.CallId;

    private void Run()
    {
        FarmClock.Precede();
        var buffer = new byte[65536];
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        var looked = 0L;
        while (!_isOver)
        {
            try
            {
                var got = _socket.ReceiveFrom(buffer, ref from);
                if (got > 4) Take(Encoding.UTF8.GetString(buffer, 0, got), (IPEndPoint)from);
            }
            catch (SocketException)
            {
                // Nothing came for 20 ms, or nobody was at the address of an earlier datagram.
            }
            var now = Environment.TickCount64;
            if (now - looked < 20) continue;
            looked = now;
            lock (_gate)
            {
                foreach (var call in _calls.Values) call.Tick(now);
            }
        }
    }

    private void Take(string text, IPEndPoint from)
    {
        SipText message;
        try
        {
            message = SipText.Parse(text);
        }
        catch (ArgumentOutOfRangeException)
        {
            Complain(null, $"no SIP message: {text}");
            return;
        }
        lock (_gate)
        {
            if (!message.IsRequest)
            {
                if (_calls.TryGetValue(message.CallId, out var mine)) mine.OnResponse(message, from);
                return;
            }
            if (message.Method != "ACK" && _answers.TryGetValue(KeyOf(message), out var answer))
            {
                if (answer.Length > 0) Send(answer, from);
                return;
            }
            if (message.Method == "OPTIONS" && SipText.Parameter(message.Header("To"), "tag").Length == 0) Answer(message, message.Respond(200, "OK"), from);
            else if (_calls.TryGetValue(message.CallId, out var call)) Known(call, message, from);
            else if (message.Method == "INVITE" && SipText.Parameter(message.Header("To"), "tag").Length == 0) Invited(message, from);
            else if (message.Method != "ACK") Answer(message, message.Respond(481, "Call Does Not Exist"), from);
        }
    }

    private void Known(FarmCall call, SipText request, IPEndPoint from)
    {
        if (request.Method == "INVITE" && SipText.Parameter(request.Header("To"), "tag").Length == 0)
        {
            // RFC 3261, section 8.2.2.2: the same request on another way. Nobody in these tests forks.
            Complain(call, $"invited again: {request} from {from}");
            Answer(request, request.Respond(482, "Loop Detected"), from);
            return;
        }
        if (request.Method == "INVITE") Interlocked.Exchange(ref _lastReinvite, Stopwatch.GetTimestamp());
        call.OnRequest(request, from);
    }

    private void Invited(SipText invite, IPEndPoint from)
    {
        var call = new FarmCall(this, ++_number, invite, from);
        if (_invites.TryGetValue(call.User, out var earlier)) Complain(call, $"user {call.User} was called by {earlier} already");
        _invites[call.User] = invite.CallId;
        _calls.Add(call.CallId, call);
        call.BeInvited();
    }
}
