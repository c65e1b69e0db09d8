using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Cti.Acceptance.Infrastructure;

/// <summary>
/// A telephone on a raw UDP socket. It does what a telephone does by itself (repeats its last response to a repeated request, acknowledges a repeated 2xx,
/// answers BYE, CANCEL and OPTIONS), everything else is the test's; every message that arrives stays visible.
/// </summary>
internal sealed class TestPhone : IAsyncDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Dictionary<string, string> _answers = [];
    private readonly Dictionary<string, string> _acks = [];
    private readonly List<PhoneCall> _calls = [];
    private readonly List<SipText> _repeats = [];
    private readonly Task _receiving;

    public TestPhone()
    {
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _receiving = ReceiveAsync();
    }

    public Inbox<SipText> Arrived { get; } = new();

    /// <summary>Requests that came again.</summary>
    public IReadOnlyList<SipText> Repeats
    {
        get
        {
            lock (_repeats) return [.. _repeats];
        }
    }

    public int Port => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    /// <summary>Where it is called at.</summary>
    public string Address => $"127.0.0.1:{Port}";

    /// <summary>What OPTIONS is answered with; 0: not at all.</summary>
    public int OptionsStatus { get; set; } = 200;

    /// <summary>A CANCEL is answered, and the INVITE is not: it was answered just then.</summary>
    public bool CancelIsTooLate { get; set; }

    /// <summary>Sends an INVITE; the call's first final response is for the test to take.</summary>
    public PhoneCall Call(NodeProcess node, string user, string codecs = "8 0 101", string? from = null, string? body = null, string extra = "")
    {
        var call = new PhoneCall(this, node.Sip)
        {
            LocalUri = $"sip:{from ?? "caller"}@{Address}",
            RemoteUri = $"sip:{user}@127.0.0.1:{node.SipPort}",
            Codecs = codecs,
        };
        call.Target = call.RemoteUri;
        Own(call);
        call.Invite(body ?? call.Offer(), extra);
        return call;
    }

    /// <summary>Calls, is answered, acknowledges, and starts sending.</summary>
    public async Task<PhoneCall> CallAnsweredAsync(NodeProcess node, string user, string codecs = "8 0 101")
    {
        var call = Call(node, user, codecs);
        await call.AnsweredAsync();
        return call;
    }

    /// <summary>The next INVITE that begins a call here.</summary>
    public async Task<PhoneCall> InvitedAsync(TimeSpan? within = null)
    {
        var invite = await Arrived.TakeAsync(static m => m is { IsRequest: true, Method: "INVITE" } && SipText.Parameter(m.Header("To"), "tag").Length == 0,
            "an INVITE", within);
        var call = new PhoneCall(this, SourceOf(invite), invite);
        Own(call);
        return call;
    }

    public void Send(string text, IPEndPoint to) => _socket.SendTo(Encoding.UTF8.GetBytes(text), to);

    /// <summary>Remembers what answers a request, for its repeats.</summary>
    public void Answer(SipText request, string response, IPEndPoint to)
    {
        lock (_answers) _answers[KeyOf(request)] = response;
        Send(response, to);
    }

    public void RememberAck(string callId, int cseq, string ack)
    {
        lock (_acks) _acks[callId + "|" + cseq] = ack;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var call in _calls) await call.Rtp.DisposeAsync();
        _socket.Dispose();
        await _receiving;
    }

    private static string KeyOf(SipText request) => request.Branch + "|" + request.Method + "|" + request.CSeq;

    private static IPEndPoint SourceOf(SipText request)
    {
        var sentBy = request.Header("Via").Split(' ')[1].Split(';')[0];
        return IPEndPoint.Parse(sentBy);
    }

    private void Own(PhoneCall call) => _calls.Add(call);

    private async Task ReceiveAsync()
    {
        var buffer = new byte[65536];
        var anyone = new IPEndPoint(IPAddress.Any, 0);
        while (true)
        {
            try
            {
                var got = await _socket.ReceiveFromAsync(buffer, anyone);
                var text = Encoding.UTF8.GetString(buffer, 0, got.ReceivedBytes);
                // A keep-alive, or RTCP that is meant for the port beside another phone's RTP, is no message.
                if (text.Contains("\r\n\r\n", StringComparison.Ordinal) && got.ReceivedBytes > 4) Take(SipText.Parse(text), (IPEndPoint)got.RemoteEndPoint);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                // Nobody was at the address of an earlier datagram.
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private void Take(SipText message, IPEndPoint from)
    {
        if (message.IsRequest)
        {
            if (message.Method != "ACK" && IsRepeat(message, from)) return;
            switch (message.Method)
            {
                case "BYE" or "INFO" or "UPDATE":
                    Answer(message, Respond(message, 200, "OK"), from);
                    break;
                case "OPTIONS":
                    if (OptionsStatus != 0) Answer(message, Respond(message, OptionsStatus, "Said"), from);
                    break;
                case "CANCEL":
                    Answer(message, Respond(message, 200, "OK"), from);
                    foreach (var call in _calls.Where(c => !CancelIsTooLate && c.Invited?.Branch == message.Branch)) call.Refuse(487);
                    break;
            }
        }
        else if (message is { Method: "INVITE", Status: >= 200 })
        {
            string? ack;
            lock (_acks) _acks.TryGetValue(message.CallId + "|" + message.CSeq, out ack);
            if (ack is not null) Send(ack, from);
        }
        Arrived.Add(message);
    }

    private bool IsRepeat(SipText request, IPEndPoint from)
    {
        string? answer;
        lock (_answers)
        {
            if (!_answers.TryGetValue(KeyOf(request), out answer))
            {
                _answers[KeyOf(request)] = "";
                return false;
            }
        }
        lock (_repeats) _repeats.Add(request);
        if (answer.Length > 0) Send(answer, from);
        return true;
    }

    /// <summary>A response outside any dialog.</summary>
    internal static string Respond(SipText request, int status, string reason, string? toTag = "out", string headers = "", string body = "") =>
        request.Respond(status, reason, toTag, headers, body);
}
