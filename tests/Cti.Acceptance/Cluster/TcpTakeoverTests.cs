using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance.Cluster;

/// <summary>A phone that speaks TCP, and whose node is killed: nobody has a connection to it then, and its call goes on by a new one.</summary>
public sealed class TcpTakeoverTests
{
    [Fact]
    public async Task A_call_over_TCP_outlives_its_node_by_a_new_connection_to_the_phones_contact()
    {
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan { Nodes = 2, Instances = 16 });
        Files.Write(cluster.MediaRoot);
        await using var app = await ClusterApp.StartAsync(cluster);
        using var phone = Listen();
        using var sound = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var (port, rtp) = (Port(phone.LocalEndpoint), Port(sound.Client.LocalEndPoint!));

        var call = (string)(await app.AskAsync("sys.call.construct",
            new { to_uri = $"sip:tcp@127.0.0.1:{port};transport=tcp", max_answer_seconds = 600 }))!["res_id"]!;
        using var first = await AcceptAsync(phone);
        var (invite, _) = await AnswerAsync(first, port, rtp);
        invite.Header("Via").ShouldStartWith("SIP/2.0/TCP");
        invite.Header("Contact").ShouldContain("transport=tcp", Case.Insensitive);
        await app.Books.ExpectAsync("sys.call.on_dial_completed", call, Patience.Long);
        await app.AskAsync("sys.call.play_start", new { res_id = call, content = Files.Long.Name, repeat = 100 });
        var from = await HearAsync(sound, null);

        var owner = (await cluster.OwnersAsync())[ClusterUnderTest.InstanceOf(call)].Node;
        cluster.Nodes.Single(node => node.Name == owner).Kill();
        using var second = await AcceptAsync(phone);
        var (again, stream) = await AnswerAsync(second, port, rtp);
        (again.CallId, SipText.Parameter(again.Header("To"), "tag")).ShouldBe((invite.CallId, "out"));
        again.CSeq.ShouldBeGreaterThan(invite.CSeq);
        (await HearAsync(sound, from)).ShouldNotBe(from);

        await stream.SendAsync(Bye(again, port));
        var answer = await stream.ReadAsync();
        (answer.Status, answer.Method).ShouldBe((200, "BYE"));
        var released = await app.Books.ExpectAsync("sys.call.on_released", call, Patience.Long);
        ((string)released.Params["dropped_by"]!).ShouldBe("usr");
    }

    [Fact]
    public async Task A_caller_over_TCP_is_reached_at_its_contact_when_the_node_of_its_connection_is_gone()
    {
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan { Nodes = 2, Instances = 16 });
        await using var app = await ClusterApp.StartAsync(cluster);
        using var phone = Listen();
        using var sound = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var (port, rtp) = (Port(phone.LocalEndpoint), Port(sound.Client.LocalEndPoint!));
        var entrance = cluster.Nodes[0];

        using var connection = new TcpClient();
        await connection.ConnectAsync(entrance.Sip);
        var calling = new SipStream(connection.GetStream());
        await calling.SendAsync(Request("INVITE", $"sip:tcp-in@{entrance.Sip};transport=tcp", "<sip:tcp@127.0.0.1>;tag=out", "<sip:tcp-in@127.0.0.1>",
            "call-over-tcp", port, Sdp(rtp)));
        var incoming = await app.Books.TryExpectAsync(static e => e.Method == "sys.call.on_incoming", null, Patience.Long)
            ?? throw new ShouldAssertException("no call came in");
        await app.AskAsync("sys.call.answer", new { res_id = incoming.ResId, max_answer_seconds = 600 });
        SipText answer;
        do answer = await calling.ReadAsync();
        while (answer.Status < 200);
        answer.Status.ShouldBe(200);
        await calling.SendAsync(Request("ACK", SipText.Address(answer.Header("Contact")), answer.Header("From"), answer.Header("To"), answer.CallId, port, ""));
        await app.Books.ExpectAsync("sys.call.on_answer_completed", incoming.ResId, Patience.Long);

        (await cluster.OwnersAsync())[ClusterUnderTest.InstanceOf(incoming.ResId)].Node.ShouldBe(entrance.Name, "a call is of the node that it came to");
        entrance.Kill();
        using var second = await AcceptAsync(phone);
        var (again, stream) = await AnswerAsync(second, port, rtp);
        (again.CallId, SipText.Parameter(again.Header("To"), "tag"), SipText.Parameter(again.Header("From"), "tag"))
            .ShouldBe(("call-over-tcp", "out", SipText.Parameter(answer.Header("To"), "tag")));
        await stream.SendAsync(Bye(again, port));
        (await stream.ReadAsync()).Status.ShouldBe(200);
        await app.Books.ExpectAsync("sys.call.on_released", incoming.ResId, Patience.Long);
    }

    private static TcpListener Listen()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    private static int Port(EndPoint local) => ((IPEndPoint)local).Port;

    private static async Task<TcpClient> AcceptAsync(TcpListener phone)
    {
        using var limit = new CancellationTokenSource(Patience.Long);
        return await phone.AcceptTcpClientAsync(limit.Token);
    }

    /// <summary>Answers the INVITE that comes, and takes its ACK.</summary>
    private static async Task<(SipText Invite, SipStream Stream)> AnswerAsync(TcpClient connection, int port, int rtp)
    {
        var stream = new SipStream(connection.GetStream());
        SipText invite;
        do
        {
            invite = await stream.ReadAsync();
            if (invite.Method == "OPTIONS") await stream.SendAsync(invite.Respond(200, "OK"));
        }
        while (invite.Method != "INVITE");
        await stream.SendAsync(invite.Respond(200, "OK", headers: $"Contact: <sip:tcp@127.0.0.1:{port};transport=tcp>\r\n", body: Sdp(rtp)));
        (await stream.ReadAsync()).Method.ShouldBe("ACK");
        return (invite, stream);
    }

    /// <summary>From where sound comes, which is not from there.</summary>
    private static async Task<IPEndPoint> HearAsync(UdpClient sound, IPEndPoint? not)
    {
        using var limit = new CancellationTokenSource(Patience.Long);
        while (true)
        {
            var heard = await sound.ReceiveAsync(limit.Token);
            // RTP version 2, PCMA; not RTCP, which may come by the same port.
            if (heard.Buffer.Length > 12 && heard.Buffer[0] >> 6 == 2 && (heard.Buffer[1] & 0x7f) == 8 && !heard.RemoteEndPoint.Equals(not))
                return heard.RemoteEndPoint;
        }
    }

    /// <summary>The phone's BYE, to whoever sent it that INVITE.</summary>
    private static string Bye(SipText invite, int port) =>
        Request("BYE", SipText.Address(invite.Header("Contact")), invite.Header("To"), invite.Header("From"), invite.CallId, port, "");

    private static string Sdp(int rtp) =>
        string.Create(CultureInfo.InvariantCulture, $"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {rtp} RTP/AVP 8\r\n"
            + $"a=rtpmap:8 PCMA/8000\r\n");

    private static string Request(string method, string uri, string from, string to, string callId, int port, string sdp) =>
        string.Create(CultureInfo.InvariantCulture, $"""
        {method} {uri} SIP/2.0
        Via: SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bK{method}{callId};rport
        Max-Forwards: 70
        From: {from}
        To: {to}
        Call-ID: {callId}
        CSeq: {(method == "BYE" ? 2 : 1)} {method}
        Contact: <sip:tcp@127.0.0.1:{port};transport=tcp>{(sdp.Length > 0 ? "\nContent-Type: application/sdp" : "")}
        Content-Length: {sdp.Length}
        """).ReplaceLineEndings("\r\n") + "\r\n\r\n" + sdp;
}
