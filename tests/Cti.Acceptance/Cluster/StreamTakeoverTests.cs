using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance.Cluster;

/// <summary>A phone that speaks TCP or TLS, and whose node is killed: nobody has a connection to it then, and its call goes on by a new one.</summary>
public sealed class StreamTakeoverTests : IDisposable
{
    private readonly TestCertificates _certificates = new();

    public void Dispose() => _certificates.Dispose();

    [Theory]
    [InlineData("tcp")]
    [InlineData("tls")]
    public async Task A_call_outlives_its_node_by_a_new_connection_to_the_phones_contact(string transport)
    {
        await using var cluster = await ClusterUnderTest.StartAsync(PlanOf(transport));
        Files.Write(cluster.MediaRoot);
        await using var app = await ClusterApp.StartAsync(cluster);
        using var phone = new Phone(transport, _certificates);
        using var sound = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var rtp = ((IPEndPoint)sound.Client.LocalEndPoint!).Port;

        var call = (string)(await app.AskAsync("sys.call.construct",
            new { to_uri = phone.Uri, max_answer_seconds = 600 }))!["res_id"]!;
        var (invite, _) = await phone.AnswerAsync(rtp);
        invite.Header("Via").ShouldStartWith($"SIP/2.0/{transport.ToUpperInvariant()}");
        invite.Header("Contact").ShouldContain($"transport={transport}", Case.Insensitive);
        await app.Books.ExpectAsync("sys.call.on_dial_completed", call, Patience.Long);
        await app.AskAsync("sys.call.play_start", new { res_id = call, content = Files.Long.Name, repeat = 100 });
        var from = await HearAsync(sound, null);

        var owner = (await cluster.OwnersAsync())[ClusterUnderTest.InstanceOf(call)].Node;
        cluster.Nodes.Single(node => node.Name == owner).Kill();
        var (again, stream) = await phone.AnswerAsync(rtp);
        (again.CallId, SipText.Parameter(again.Header("To"), "tag")).ShouldBe((invite.CallId, "out"));
        again.CSeq.ShouldBeGreaterThan(invite.CSeq);
        (await HearAsync(sound, from)).ShouldNotBe(from);

        await stream.SendAsync(phone.Bye(again));
        var answer = await stream.ReadAsync();
        (answer.Status, answer.Method).ShouldBe((200, "BYE"));
        var released = await app.Books.ExpectAsync("sys.call.on_released", call, Patience.Long);
        ((string)released.Params["dropped_by"]!).ShouldBe("usr");
    }

    [Theory]
    [InlineData("tcp")]
    [InlineData("tls")]
    public async Task A_caller_is_reached_at_its_contact_when_the_node_of_its_connection_is_gone(string transport)
    {
        await using var cluster = await ClusterUnderTest.StartAsync(PlanOf(transport));
        await using var app = await ClusterApp.StartAsync(cluster);
        using var phone = new Phone(transport, _certificates);
        using var sound = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var rtp = ((IPEndPoint)sound.Client.LocalEndPoint!).Port;
        var entrance = cluster.Nodes[0];

        var calling = await phone.ConnectAsync(entrance);
        await calling.SendAsync(phone.Request("INVITE", $"sip:in@{entrance.Sip};transport={transport}", "<sip:phone@127.0.0.1>;tag=out", "<sip:in@127.0.0.1>",
            "call-over-a-stream", Sdp(rtp)));
        var incoming = await app.Books.TryExpectAsync(static e => e.Method == "sys.call.on_incoming", null, Patience.Long)
            ?? throw new ShouldAssertException("no call came in");
        await app.AskAsync("sys.call.answer", new { res_id = incoming.ResId, max_answer_seconds = 600 });
        SipText answer;
        do answer = await calling.ReadAsync();
        while (answer.Status < 200);
        answer.Status.ShouldBe(200);
        await calling.SendAsync(phone.Request("ACK", SipText.Address(answer.Header("Contact")), answer.Header("From"), answer.Header("To"), answer.CallId, ""));
        await app.Books.ExpectAsync("sys.call.on_answer_completed", incoming.ResId, Patience.Long);

        (await cluster.OwnersAsync())[ClusterUnderTest.InstanceOf(incoming.ResId)].Node.ShouldBe(entrance.Name, "a call is of the node that it came to");
        entrance.Kill();
        var (again, stream) = await phone.AnswerAsync(rtp);
        (again.CallId, SipText.Parameter(again.Header("To"), "tag"), SipText.Parameter(again.Header("From"), "tag"))
            .ShouldBe(("call-over-a-stream", "out", SipText.Parameter(answer.Header("To"), "tag")));
        await stream.SendAsync(phone.Bye(again));
        (await stream.ReadAsync()).Status.ShouldBe(200);
        await app.Books.ExpectAsync("sys.call.on_released", incoming.ResId, Patience.Long);
    }

    private ClusterPlan PlanOf(string transport) => new()
    {
        Nodes = 2, Instances = 16, Certificates = transport == "tls" ? _certificates : null,
    };

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

    private static string Sdp(int rtp) =>
        string.Create(CultureInfo.InvariantCulture, $"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {rtp} RTP/AVP 8\r\n"
            + $"a=rtpmap:8 PCMA/8000\r\n");

    /// <summary>A phone with a socket that nodes connect to, and one that it connects with.</summary>
    private sealed class Phone : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly List<Stream> _streams = [];
        private readonly string _transport;
        private readonly X509Certificate2? _certificate;

        public Phone(string transport, TestCertificates certificates)
        {
            _transport = transport;
            _listener.Start();
            if (transport == "tls") _certificate = X509Certificate2.CreateFromPemFile(certificates.Issue("phone", "127.0.0.1"));
        }

        /// <summary>Where it is called.</summary>
        public string Uri => string.Create(CultureInfo.InvariantCulture, $"sip:phone@127.0.0.1:{Port};transport={_transport}");

        private int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        /// <summary>Connects to a node.</summary>
        public async Task<SipStream> ConnectAsync(ClusterNode node)
        {
            var client = new TcpClient();
            await client.ConnectAsync(node.Sip.Address, _certificate is null ? node.Sip.Port : ClusterNode.TlsPort);
            return new SipStream(await SecureAsync(client.GetStream(), async secure =>
                // Whether a node's certificate is right is shown elsewhere.
                await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
                {
                    TargetHost = node.Address, CertificateChainPolicy = new X509ChainPolicy
                    {
                        VerificationFlags = X509VerificationFlags.AllFlags, RevocationMode = X509RevocationMode.NoCheck,
                    },
                })));
        }

        /// <summary>Waits for a node's connection, answers the INVITE that comes, and takes its ACK.</summary>
        public async Task<(SipText Invite, SipStream Stream)> AnswerAsync(int rtp)
        {
            using var limit = new CancellationTokenSource(Patience.Long);
            var accepted = await _listener.AcceptTcpClientAsync(limit.Token);
            var stream = new SipStream(await SecureAsync(accepted.GetStream(), async secure =>
                await secure.AuthenticateAsServerAsync(_certificate!)));
            SipText invite;
            do
            {
                invite = await stream.ReadAsync();
                if (invite.Method == "OPTIONS") await stream.SendAsync(invite.Respond(200, "OK"));
            }
            while (invite.Method != "INVITE");
            await stream.SendAsync(invite.Respond(200, "OK", headers: $"Contact: <{Uri}>\r\n", body: Sdp(rtp)));
            (await stream.ReadAsync()).Method.ShouldBe("ACK");
            return (invite, stream);
        }

        /// <summary>Its BYE, to whoever sent it that INVITE.</summary>
        public string Bye(SipText invite) =>
            Request("BYE", SipText.Address(invite.Header("Contact")), invite.Header("To"), invite.Header("From"), invite.CallId, "");

        public string Request(string method, string uri, string from, string to, string callId, string sdp) =>
            string.Create(CultureInfo.InvariantCulture, $"""
            {method} {uri} SIP/2.0
            Via: SIP/2.0/{_transport.ToUpperInvariant()} 127.0.0.1:{Port};branch=z9hG4bK{method}{callId};rport
            Max-Forwards: 70
            From: {from}
            To: {to}
            Call-ID: {callId}
            CSeq: {(method == "BYE" ? 2 : 1)} {method}
            Contact: <{Uri}>{(sdp.Length > 0 ? "\nContent-Type: application/sdp" : "")}
            Content-Length: {sdp.Length}
            """).ReplaceLineEndings("\r\n") + "\r\n\r\n" + sdp;

        public void Dispose()
        {
            foreach (var stream in _streams) stream.Dispose();
            _listener.Dispose();
            _certificate?.Dispose();
        }

        private async Task<Stream> SecureAsync(NetworkStream stream, Func<SslStream, Task> shake)
        {
            _streams.Add(stream);
            if (_certificate is null) return stream;
            var secure = new SslStream(stream);
            _streams.Add(secure);
            await shake(secure).WaitAsync(Patience.Long);
            return secure;
        }
    }
}
