using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Cti.Kernel;
using Cti.Sip;
using Cti.Testing;
using Cti.Transport.Sip;
using Cti.Transport.Tls;

namespace Cti.Transport.Tests.Sip;

/// <summary>SIP over TLS: who is let in, whom this node believes, and certificates that change.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly ManualTime _time = new();
    private readonly CollectingLog _log = new();
    private readonly List<IDisposable> _owned = [];

    public void Dispose()
    {
        foreach (var one in Enumerable.Reverse(_owned)) one.Dispose();
        _certificates.Dispose();
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public void Messages_go_both_ways_on_a_connection_that_was_accepted(SslProtocols version)
    {
        var node = Node();
        using var phone = Greet(node, version);
        phone.Write(SipTransportFixture.Options("one"));
        var received = node.NextReceived();
        (received.Flow.Kind, received.Flow.Listener).ShouldBe((SipTransportKind.Tls, 2));
        node.Transport.Send(received.Flow, "SIP/2.0 200 OK\r\n\r\n"u8.ToArray(), 1);
        ReadSome(phone).ShouldBe("SIP/2.0 200 OK\r\n\r\n");
        phone.SslProtocol.ShouldBe(version);
    }

    [Fact]
    public void A_message_may_come_in_a_record_a_byte()
    {
        var node = Node();
        using var phone = Greet(node);
        foreach (var one in SipTransportFixture.Options("slow", 20)) phone.Write([one]);
        node.NextReceived().Message.CallId.ShouldBe("slow");
    }

    [Theory]
    [InlineData("pbx.example.com", "pbx.example.com", true)]
    [InlineData("pbx.example.com", "other.example.com", false)]
    [InlineData("pbx.example.com", "sip:pbx.example.com", true)]
    [InlineData("pbx.example.com", "sip:alice@pbx.example.com", false)]
    [InlineData("127.0.0.1", "127.0.0.1", true)]
    [InlineData("127.0.0.1", "127.0.0.2", false)]
    public void The_certificate_of_whom_it_connects_to_must_name_it(string asked, string named, bool isTaken)
    {
        var far = Node(_certificates.Issue("far", named));
        var node = Node(peer: new TlsPeer(asked));
        SendTo(node, far);
        if (isTaken) far.NextReceived().Message.CallId.ShouldBe("out");
        else node.NextFailure().Failure.ShouldBe(SipSendFailure.ConnectFailed);
        node.Transport.Snapshot().GreetingsFailed.ShouldBe(isTaken ? 0 : 1);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void One_that_nobody_trusted_signed_is_taken_only_where_it_is_not_looked_at(bool isVerified, bool isTaken)
    {
        using var strangers = new TestCertificates();
        var far = Node(strangers.Issue("far", "pbx.example.com"), trusted: strangers.Authority);
        var node = Node(peer: new TlsPeer("pbx.example.com", isVerified));
        SendTo(node, far);
        if (isTaken) far.NextReceived().Message.CallId.ShouldBe("out");
        else node.NextFailure().Failure.ShouldBe(SipSendFailure.ConnectFailed);
    }

    [Fact]
    public void Of_a_far_end_of_which_nothing_is_known_the_certificate_must_name_the_address()
    {
        var far = Node(_certificates.Issue("far", "127.0.0.1"));
        var node = Node();
        SendTo(node, far);
        far.NextReceived().Message.CallId.ShouldBe("out");
    }

    [Theory]
    [InlineData(ClientCertificates.None, false, true)]
    [InlineData(ClientCertificates.Optional, false, true)]
    [InlineData(ClientCertificates.Optional, true, true)]
    [InlineData(ClientCertificates.Required, false, false)]
    [InlineData(ClientCertificates.Required, true, true)]
    public void Those_who_connect_show_a_certificate_where_they_must(ClientCertificates clients, bool isShown, bool isTaken)
    {
        var node = Node(clients: clients);
        var shown = isShown ? Read(_certificates.Issue("phone", "phone.example.com")) : null;
        IsAnswered(node, shown).ShouldBe(isTaken);
    }

    [Fact]
    public void One_that_is_shown_and_that_nobody_trusted_signed_is_refused_even_where_none_is_needed()
    {
        using var strangers = new TestCertificates();
        IsAnswered(Node(clients: ClientCertificates.Optional), Read(strangers.Issue("phone", "phone.example.com"))).ShouldBeFalse();
    }

    [Theory]
    [InlineData(ClientCertificates.Optional, "pbx.example.com", true)]
    [InlineData(ClientCertificates.Required, "pbx.example.com", true)]
    [InlineData(ClientCertificates.Optional, "*.example.com", true)]
    [InlineData(ClientCertificates.Optional, "sip:pbx.example.com", true)]
    [InlineData(ClientCertificates.Optional, "sip:alice@pbx.example.com", false)]
    [InlineData(ClientCertificates.Optional, "example.com", false)]
    [InlineData(ClientCertificates.Optional, "other.example.com", false)]
    [InlineData(ClientCertificates.Optional, null, false)]
    [InlineData(ClientCertificates.None, "pbx.example.com", false)]
    public void Whose_certificate_names_one_that_is_looked_for_is_known_by_it(ClientCertificates clients, string? named, bool isKnown)
    {
        var node = Node(clients: clients, callers: ["no_host", "sbc.example.net", "pbx.example.com"]);
        var phone = Greet(node, shown: named is null ? null : Read(_certificates.Issue("caller", named)));
        phone.Write(SipTransportFixture.Options("shown"));
        var flow = node.NextReceived().Flow;
        node.Transport.IsShown(flow, "PBX.example.com").ShouldBe(isKnown);
        node.Transport.IsShown(flow, "sbc.example.net").ShouldBeFalse();
        node.Transport.IsShown(flow with { Connection = flow.Connection + 1 }, "pbx.example.com").ShouldBeFalse();
        node.Transport.IsShown(flow with { Connection = 0 }, "pbx.example.com").ShouldBeFalse();
    }

    [Fact]
    public void What_this_node_connects_to_is_known_by_its_address_alone()
    {
        var far = Node(_certificates.Issue("far", "127.0.0.1", "pbx.example.com"));
        var node = Node(callers: ["pbx.example.com"]);
        SendTo(node, far);
        var received = far.NextReceived();
        far.Transport.Send(received.Flow, SipTransportFixture.Options("back"), 1);
        node.Transport.IsShown(node.NextReceived().Flow, "pbx.example.com").ShouldBeFalse();
    }

    [Fact]
    public void What_is_no_TLS_is_closed_and_counted_and_costs_no_other_connection()
    {
        var node = Node();
        using var phone = Greet(node);
        using var plain = Connect(node);
        plain.Send(SipTransportFixture.Options("plain"));
        SipTransportFixture.Until(() => node.Transport.Snapshot().GreetingsFailed == 1);
        plain.ReceiveTimeout = 10_000;
        SipTransportFixture.ReadToEnd(plain).ShouldNotContain("SIP/2.0");
        phone.Write(SipTransportFixture.Options("still"));
        node.NextReceived().Message.CallId.ShouldBe("still");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Many_that_never_greet_or_stop_in_the_middle_keep_nobody_waiting(bool isOutgoing)
    {
        var node = Node(peer: new TlsPeer("127.0.0.1"));
        var silent = new List<Socket>();
        // Half of them begin a hello of 256 bytes and say no more of it.
        for (var i = 0; i < Limits.TlsHandshakesMax * 3; i++)
        {
            silent.Add(Connect(node));
            if (i % 2 == 0) silent[^1].Send([22, 3, 1, 1, 0, 1, 0]);
        }
        SipTransportFixture.Until(() => node.Transport.Snapshot().Connections == silent.Count);
        if (isOutgoing)
        {
            var far = Node();
            SendTo(node, far);
            far.NextReceived().Message.CallId.ShouldBe("out");
        }
        else
        {
            using var phone = Greet(node);
            phone.Write(SipTransportFixture.Options("one"));
            node.NextReceived().Message.CallId.ShouldBe("one");
        }
        foreach (var socket in silent) socket.Dispose();
    }

    [Fact]
    public void Who_never_greets_is_closed_in_time()
    {
        var node = Node();
        using var silent = Connect(node);
        SipTransportFixture.Until(() => node.Transport.Snapshot().Connections == 1);
        node.Time.Advance(Limits.SipConnectMillisMax + 2_000);
        SipTransportFixture.Until(() => node.Transport.Snapshot().Connections == 0);
    }

    [Fact]
    public void A_certificate_that_changes_is_used_for_new_connections_and_those_that_are_up_go_on()
    {
        var file = _certificates.Issue("node", "127.0.0.1");
        var node = Node(file);
        using var before = Greet(node);
        var first = Serial(before);
        _certificates.Issue("node", "127.0.0.1");
        File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddSeconds(5));
        _time.Advance(1_001);
        using var after = Greet(node);
        Serial(after).ShouldNotBe(first);
        before.Write(SipTransportFixture.Options("old"));
        node.NextReceived().Message.CallId.ShouldBe("old");
        _log.Kinds.ShouldHaveSingleItem().ShouldBe(LogEvents.CertificateRead);
    }

    [Fact]
    public void A_certificate_that_changes_into_none_leaves_the_one_before_and_the_log_says_so()
    {
        var file = _certificates.Issue("node", "127.0.0.1");
        var node = Node(file);
        var first = Serial(Greet(node));
        File.WriteAllText(file, "half a file");
        File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddSeconds(5));
        _time.Advance(1_001);
        Serial(Greet(node)).ShouldBe(first);
        _log.Kinds.ShouldHaveSingleItem().ShouldBe(LogEvents.CertificateUnreadable);
    }

    [Fact]
    public void Files_that_are_none_are_named_with_what_is_wrong()
    {
        var empty = Path.Combine(_certificates.Folder, "empty.pem");
        File.WriteAllText(empty, "");
        Should.Throw<CertificateException>(() => CertificateFiles.Own(empty, empty, new ManualTime(), NullLog.Instance)).Message.ShouldContain(empty);
        Should.Throw<CertificateException>(() => CertificateFiles.Own("/nowhere/a.pem", "/nowhere/b.pem", new ManualTime(), NullLog.Instance))
            .Message.ShouldContain("/nowhere/a.pem and /nowhere/b.pem");
        Should.Throw<CertificateException>(() => CertificateFiles.Trusted(empty, new ManualTime(), NullLog.Instance)).Message.ShouldContain("no certificate");
    }

    private SipTransportFixture Node(string? certificate = null, TlsPeer? peer = null, ClientCertificates clients = default, string? trusted = null,
        ImmutableArray<string> callers = default)
    {
        certificate ??= _certificates.Issue($"node{_owned.Count}", "127.0.0.1");
        var tls = new SipTls
        {
            Certificate = CertificateFiles.Own(certificate, certificate, _time, _log),
            Trusted = CertificateFiles.Trusted(trusted ?? _certificates.Authority, _time, _log),
            Clients = clients,
            CallerNames = callers.IsDefault ? [] : callers,
            PeerAt = peer is null ? null : _ => peer,
        };
        var node = new SipTransportFixture(options => options with
        {
            Listeners = [.. options.Listeners, new SipListenerOptions(SipTransportKind.Tls, new IPEndPoint(IPAddress.Loopback, 0))],
            Tls = tls,
        });
        _owned.Add(tls);
        _owned.Add(node);
        return node;
    }

    private static void SendTo(SipTransportFixture node, SipTransportFixture far) =>
        node.Transport.Send(new SipFlow(SipTransportKind.Tls, 2, far.Transport.Bound[2]), SipTransportFixture.Options("out"), 7);

    private Socket Connect(SipTransportFixture node)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        socket.Connect(node.Transport.Bound[2]);
        _owned.Add(socket);
        return socket;
    }

    private SslStream Greet(SipTransportFixture node, SslProtocols versions = SslProtocols.None, X509Certificate2? shown = null)
    {
        var stream = new SslStream(new NetworkStream(Connect(node), ownsSocket: true));
        _owned.Add(stream);
        stream.AuthenticateAsClient(new SslClientAuthenticationOptions
        {
            TargetHost = "127.0.0.1",
            EnabledSslProtocols = versions,
            ClientCertificates = shown is null ? null : [shown],
            LocalCertificateSelectionCallback = shown is null ? null : (_, _, _, _, _) => shown,
            CertificateChainPolicy = new X509ChainPolicy
            {
                RevocationMode = X509RevocationMode.NoCheck,
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(_certificates.Authority) },
            },
        });
        return stream;
    }

    /// <summary>Whether a message over a connection that shows that certificate arrives: with TLS 1.3 a refusal comes only after the greeting.</summary>
    private bool IsAnswered(SipTransportFixture node, X509Certificate2? shown)
    {
        try
        {
            var phone = Greet(node, shown: shown);
            phone.Write(SipTransportFixture.Options("shown"));
            SipTransportFixture.Until(() => node.ReceivedWaiting > 0 || node.Transport.Snapshot().GreetingsFailed > 0);
            if (node.ReceivedWaiting == 0) return false;
            node.Transport.Send(node.NextReceived().Flow, "SIP/2.0 200 OK\r\n\r\n"u8.ToArray(), 1);
            return ReadSome(phone).StartsWith("SIP/2.0 200", StringComparison.Ordinal);
        }
        catch (Exception fault) when (fault is IOException or AuthenticationException)
        {
            return false;
        }
    }

    private static X509Certificate2 Read(string file)
    {
        using var pem = X509Certificate2.CreateFromPemFile(file);
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }

    private static string Serial(SslStream stream) => stream.RemoteCertificate.ShouldNotBeNull().GetSerialNumberString();

    private static string ReadSome(SslStream stream)
    {
        var buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0, stream.Read(buffer));
    }
}
