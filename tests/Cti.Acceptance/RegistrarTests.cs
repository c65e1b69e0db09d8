using System.Net;
using Cti.Acceptance.Cluster;
using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance;

/// <summary>A trunk that is Kamailio: a registrar that wants a password, and a proxy that stays in the way of each call, between TLS and UDP too.</summary>
public sealed class RegistrarTests : IAsyncLifetime, IDisposable
{
    private const string Password = "open sesame";

    private readonly TestCertificates _certificates = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("cti-registrar-").FullName;
    private Baresip _softphone = null!;
    private Kamailio _registrar = null!;

    public async Task InitializeAsync()
    {
        _softphone = await Baresip.StartAsync(answers: true);
        _registrar = Kamailio.StartRegistrar(_folder, Password, _certificates.Issue("registrar", "registrar.example"),
            new IPEndPoint(IPAddress.Loopback, _softphone.SipPort));
    }

    public async Task DisposeAsync()
    {
        await _registrar.DisposeAsync();
        await _softphone.DisposeAsync();
    }

    public void Dispose()
    {
        _certificates.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("udp")]
    [InlineData("tls")]
    public async Task A_node_registers_is_called_where_it_has_registered_and_calls_out_by_its_password(string transport)
    {
        var port = Ports.Free();
        await using var node = await StartAsync(transport, port);
        await using var app = await RpcClient.ConnectAsync(node);
        await Patience.UntilAsync(() => _registrar.Said.Contains($"{Kamailio.Registered} alice by {transport}", StringComparison.Ordinal),
            $"it has registered; {_registrar.Said}");

        // The softphone calls alice, whom only the registrar can find.
        _softphone.Dial($"sip:alice@{_registrar.Address}");
        var incoming = await app.ExpectAsync("sys.call.on_incoming", null);
        ((string)incoming.Params["to_uri"]!).ShouldContain("alice@");
        await app.AskAsync("sys.call.answer", new { res_id = incoming.ResId, max_answer_seconds = 60 });
        await app.ExpectAsync("sys.call.on_answer_completed", incoming.ResId);
        await HearsAsync(node, app, incoming.ResId);
        await app.AskAsync("sys.call.drop", new { res_id = incoming.ResId });
        await app.ExpectAsync("sys.call.on_released", incoming.ResId);
        await Patience.UntilAsync(() => Byes() == 1, "our BYE goes the way that the INVITE came");

        // The node calls the softphone, is asked for its password, and hears it hang up.
        var call = (string)(await app.AskAsync("sys.call.construct", new { to_uri = "sip:tester@carrier", max_answer_seconds = 60 }))!["res_id"]!;
        (await app.ExpectAsync("sys.call.on_dial_completed", call)).Error.ShouldBeNull(_registrar.Said);
        await HearsAsync(node, app, call);
        _softphone.HangUp();
        await Patience.UntilAsync(() => Byes() == 2, "theirs comes the way that our INVITE went");
        ((string)(await app.ExpectAsync("sys.call.on_released", call)).Params["dropped_by"]!).ShouldBe("usr");
        node.Log.ShouldNotContain(Password);
    }

    private int Byes() => _registrar.Said.Split($"{Kamailio.Within} BYE").Length - 1;

    private async Task HearsAsync(NodeProcess node, RpcClient app, string call)
    {
        var before = _softphone.Loud();
        await app.AskAsync("sys.call.play_start", new { res_id = call, content = Sound.Write(node.MediaRoot, "a.wav", Sound.ALaw, Sound.Noise(51, 160_000)) });
        await Patience.UntilAsync(() => _softphone.Loud() > before + 8_000, $"it hears the announcement; {_softphone.LastWords}");
    }

    private async Task<NodeProcess> StartAsync(string transport, int port)
    {
        var certificate = _certificates.Issue("node", "127.0.0.1");
        var address = transport == "tls" ? _registrar.TlsAddress : _registrar.Address;
        return await NodeProcess.StartAsync([$"cti.sip.listen=[\"{transport}:127.0.0.1:{port}\"]", $"cti.sip.tls.certificate={certificate}",
            $"cti.sip.tls.key={certificate}", $"cti.sip.tls.trusted={_certificates.Authority}",
            $$"""cti.trunks=[{ name = carrier, address = "{{address}}", transport = {{transport}}, options-interval = 0s, register = true"""
                + $$""", auth { user = alice, password = "{{Password}}" }, tls { name = registrar.example } }]""",
            """cti.routes=[{ to = "*", trunk = carrier, application = default }]"""], acceptAny: false);
    }
}
