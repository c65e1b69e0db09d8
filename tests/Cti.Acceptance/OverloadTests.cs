using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>More SIP comes than a node can read: new calls are refused, and those that are up notice nothing.</summary>
public sealed class OverloadTests
{
    private const string Refused = "cti_calls_refused_total{reason=\"sip-behind\"";
    private const int RepeatMillis = 100;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task While_messages_wait_new_calls_are_refused_with_503_and_Retry_After_and_a_call_that_is_up_ends_as_usual()
    {
        await using var node = await NodeProcess.StartAsync(isOnOneProcessor: true);
        await using var phone = new TestPhone();
        var app = await RpcClient.ConnectAsync(node);
        var call = phone.Call(node, "before");
        var res = await app.IncomingAsync("before");
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 120 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);
        (await MetricAsync(node)).ShouldBe(0);

        using (var flood = new Flood(node.Sip))
        {
            var refused = await RefusedAsync(phone, node);
            refused.Header("Retry-After").ShouldNotBeEmpty();
            (await MetricAsync(node)).ShouldBeGreaterThan(0);
            var answered = call.Answered!;
            (await AskAsync(phone, node, call.CallId, "BYE",
                Request("BYE", call.Target, phone, call.CallId, 2, answered.Header("From"), answered.Header("To")), Limit))
                .ShouldNotBeNull("a BYE is answered however much else there is").Status.ShouldBe(200);
        }
        await app.ExpectAsync("sys.call.on_released", res);
        // What the flood has left is worked off, and for five seconds nothing has waited.
        await Patience.UntilAsync(() => IsTakenAsync(phone, node), "calls are taken again", Limit);
        await app.DisposeAsync();
    }

    /// <summary>Calls until one is refused: those before are taken, and ring.</summary>
    private static async Task<SipText> RefusedAsync(TestPhone phone, NodeProcess node)
    {
        using var patience = new CancellationTokenSource(Limit);
        while (!patience.IsCancellationRequested)
        {
            if (await InviteAsync(phone, node, TimeSpan.FromSeconds(3)) is { Status: 503 } refused) return refused;
            // Few, so that it is not for want of media that one is refused.
            await Patience.Elapses(TimeSpan.FromMilliseconds(2 * RepeatMillis));
        }
        throw new ShouldAssertException($"no call is refused; the node's log:\n{node.Log}");
    }

    /// <summary>Whether a new call rings.</summary>
    private static async Task<bool> IsTakenAsync(TestPhone phone, NodeProcess node) =>
        await InviteAsync(phone, node, TimeSpan.FromSeconds(1)) is { Status: 180 };

    private static Task<SipText?> InviteAsync(TestPhone phone, NodeProcess node, TimeSpan within)
    {
        var id = Guid.NewGuid().ToString("N");
        return AskAsync(phone, node, id, "INVITE", Request("INVITE", $"sip:new@127.0.0.1:{node.SipPort}", phone, id, 1,
            $"<sip:caller@{phone.Address}>;tag={id}", $"<sip:new@127.0.0.1:{node.SipPort}>"), within);
    }

    /// <summary>Asks again and again, as a telephone does, since datagrams get lost; null where no answer comes.</summary>
    private static async Task<SipText?> AskAsync(TestPhone phone, NodeProcess node, string callId, string method, string request, TimeSpan within)
    {
        var answer = phone.Arrived.TakeAsync(message => !message.IsRequest && message.CallId == callId && message.Method == method && message.Status > 100,
            $"an answer to {method}", within);
        while (!answer.IsCompleted)
        {
            phone.Send(request, node.Sip);
            await Task.WhenAny(answer, Patience.Elapses(TimeSpan.FromMilliseconds(RepeatMillis)));
        }
        return answer.IsCompletedSuccessfully ? await answer : null;
    }

    private static string Request(string method, string uri, TestPhone phone, string callId, int number, string from, string to)
    {
        var body = method == "INVITE" ? $"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {phone.Port} RTP/AVP 8\r\n" : "";
        return $"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {phone.Address};branch=z9hG4bK{method}{callId};rport\r\nMax-Forwards: 70\r\nFrom: {from}\r\n"
            + $"To: {to}\r\nCall-ID: {callId}\r\nCSeq: {number} {method}\r\n"
            + $"Contact: <sip:caller@{phone.Address}>\r\n{(body.Length > 0 ? "Content-Type: application/sdp\r\n" : "")}Content-Length: {body.Length}\r\n\r\n"
            + $"{body}";
    }

    private static async Task<double> MetricAsync(NodeProcess node)
    {
        using var http = new HttpClient { Timeout = Limit };
        var text = await http.GetStringAsync(new Uri(node.Url + "/metrics"));
        var line = text.Split('\n').First(static line => line.StartsWith(Refused, StringComparison.Ordinal));
        return double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture);
    }

    /// <summary>Strangers who ask as often as they can. Each question is answered and forgotten, so all that it does is to come.</summary>
    private sealed class Flood : IDisposable
    {
        private const int Senders = 2;
        private readonly List<Thread> _threads = [];
        private volatile bool _isOver;

        public Flood(IPEndPoint node)
        {
            for (var i = 0; i < Senders; i++) _threads.Add(new Thread(() => Send(node)) { IsBackground = true, Name = "flood" });
            _threads.ForEach(static thread => thread.Start());
        }

        public void Dispose()
        {
            _isOver = true;
            _threads.ForEach(static thread => thread.Join());
        }

        private void Send(IPEndPoint node)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 4096 };
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            var question =
                Encoding.ASCII.GetBytes($"OPTIONS sip:x@{node} SIP/2.0\r\nVia: SIP/2.0/UDP {socket.LocalEndPoint};branch=z9hG4bKflood;rport\r\nMax-Forwards: "
                    + $"70\r\nFrom: <sip:flood@127.0.0.1>;tag=f\r\nTo: <sip:x@{node}>\r\nCall-ID: flood\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
            while (!_isOver)
            {
                try
                {
                    socket.SendTo(question, node);
                }
                catch (SocketException)
                {
                    // A queue on the way is full.
                }
            }
        }
    }
}
