using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance;

/// <summary>Over TLS as in clear: a softphone calls, is called, and stays in its call when the node is killed; applications come by HTTPS.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TestCertificates _certificates = new();

    public void Dispose() => _certificates.Dispose();

    [Fact]
    public async Task A_softphone_calls_over_TLS_and_hears_the_demo()
    {
        var (node, port) = await StartAsync();
        await using var running = node;
        await using var softphone = await Baresip.StartAsync(certificate: (_certificates.Issue("phone", "phone.example"), _certificates.Authority));
        softphone.Dial($"sip:demo@127.0.0.1:{port};transport=tls");
        await Patience.UntilAsync(() => softphone.Loud() > 8_000, "it hears a second of the welcome");
        (await MetricAsync(node, "cti_sip_connections")).ShouldBe(1);
        softphone.HangUp();
        await Patience.UntilAsync(() => softphone.Output.Contains("terminated", StringComparison.OrdinalIgnoreCase)
            || softphone.Output.Contains("closed", StringComparison.OrdinalIgnoreCase), "the softphone hung up");
    }

    [Fact]
    public async Task A_softphone_is_called_over_TLS_by_the_name_in_its_certificate_and_its_call_survives_kill_9()
    {
        await using var softphone = await Baresip.StartAsync(certificate: (_certificates.Issue("phone", "phone.example"), _certificates.Authority),
            answers: true);
        var (node, _) = await StartAsync($$"""[{ name = phone, address = "127.0.0.1:{{softphone.TlsPort}}", transport = tls, options-interval = 0,"""
            + $$""" tls { name = phone.example } }]""");
        await using var running = node;
        var announcement = Sound.Write(node.MediaRoot, "long.wav", Sound.ALaw, Sound.Noise(51, 480_000));
        string call;
        await using (var app = await RpcClient.ConnectAsync(node))
        {
            call = (string)(await app.AskAsync("sys.call.construct", new { to_uri = "sip:tester@phone", max_answer_seconds = 300 }))!["res_id"]!;
            await app.ExpectAsync("sys.call.on_dial_completed", call);
            await app.AskAsync("sys.call.play_start", new { res_id = call, content = announcement });
            await Patience.UntilAsync(() => softphone.Loud() > 4_000, "it hears the announcement");
        }
        await node.KillAsync();
        await node.LaunchAsync();
        var before = softphone.Loud();
        await Patience.UntilAsync(() => softphone.Loud() > before + 8_000, "it hears it again");
        await using var again = await RpcClient.ConnectAsync(node);
        await again.AskAsync("sys.call.drop", new { res_id = call });
        await again.ExpectAsync("sys.call.on_released", call);
    }

    [Fact]
    public async Task A_trunk_whose_certificate_names_somebody_else_is_not_called()
    {
        await using var softphone = await Baresip.StartAsync(certificate: (_certificates.Issue("phone", "phone.example"), _certificates.Authority),
            answers: true);
        var (node, _) = await StartAsync($$"""[{ name = phone, address = "127.0.0.1:{{softphone.TlsPort}}", transport = tls, options-interval = 0,"""
            + $$""" tls { name = other.example } }]""");
        await using var running = node;
        await using var app = await RpcClient.ConnectAsync(node);
        var call = (string)(await app.AskAsync("sys.call.construct", new { to_uri = "sip:tester@phone", max_answer_seconds = 300 }))!["res_id"]!;
        (await app.ExpectAsync("sys.call.on_dial_completed", call)).Error.ShouldBe(503);
        node.Log.ShouldContain("no TLS with 127.0.0.1");
    }

    [Fact]
    public async Task Applications_come_by_HTTPS()
    {
        var port = Ports.Free();
        var certificate = _certificates.Issue("gateway", "localhost");
        await using var node = await NodeProcess.StartAsync([$"cti.gateway.listen=[\"https://127.0.0.1:{port}\", \"{{url}}\"]",
            $"cti.gateway.tls.certificate={certificate}", $"cti.gateway.tls.key={certificate}"]);
        using var trusting = new HttpClient(Trusting());
        using var request = new HttpRequestMessage(HttpMethod.Post, $"https://localhost:{port}/v2/rpc");
        request.Headers.Authorization = new("Bearer", node.Key);
        request.Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "sys.node.list" });
        using var answer = await trusting.SendAsync(request);
        answer.Headers.GetValues("Strict-Transport-Security").ShouldBe(["max-age=31536000"]);
        JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["result"]!.AsArray().Count.ShouldBe(1);
        using var wary = new HttpClient();
        await Should.ThrowAsync<HttpRequestException>(() => wary.GetAsync(new Uri($"https://localhost:{port}/healthz")));
    }

    [Theory]
    [InlineData("cti.sip.tls", """cti.sip.listen=["tls:127.0.0.1:0"]""")]
    [InlineData("cti.gateway.tls", "cti.gateway.listen=https://127.0.0.1:0")]
    public async Task A_certificate_that_is_not_there_stops_the_start_with_file_and_reason(string keys, string listen)
    {
        // Shouldly would take the infrastructure's own failure for that of this assertion.
        var start = (await Record.ExceptionAsync(() => NodeProcess.StartAsync([listen, $"{keys}.certificate=/nowhere/a.pem", $"{keys}.key=/nowhere/a.key"])))
            .ShouldNotBeNull();
        start.Message.ShouldContain("the node ended with 1");
        start.Message.ShouldContain("cti: the node cannot start: /nowhere/a.pem and /nowhere/a.key: Could not find a part of the path '/nowhere/a.pem'.");
        start.Message.ShouldNotContain("instances", Case.Sensitive, "it has not begun to take calls");
    }

    private HttpClientHandler Trusting()
    {
        var authority = X509CertificateLoader.LoadCertificateFromFile(_certificates.Authority);
        return new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, certificate, chain, errors) =>
            {
                chain!.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
                chain.ChainPolicy.CustomTrustStore.Add(authority);
                chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
                return chain.Build(certificate!) && !errors.HasFlag(System.Net.Security.SslPolicyErrors.RemoteCertificateNameMismatch);
            },
        };
    }

    private async Task<(NodeProcess Node, int Port)> StartAsync(string trunks = "[]")
    {
        var port = Ports.Free();
        var certificate = _certificates.Issue("node", "127.0.0.1");
        var node = await NodeProcess.StartAsync([$"cti.sip.listen=[\"udp:127.0.0.1:{Ports.Free()}\", \"tls:127.0.0.1:{port}\"]",
            $"cti.sip.tls.certificate={certificate}", $"cti.sip.tls.key={certificate}", $"cti.sip.tls.trusted={_certificates.Authority}",
            $"cti.trunks={trunks}"],
            acceptAny: false);
        return (node, port);
    }

    private static async Task<double> MetricAsync(NodeProcess node, string name)
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(new Uri(node.Url + "/metrics"));
        return text.Split('\n').Where(line => line.StartsWith(name + " ", StringComparison.Ordinal) || line.StartsWith(name + "{", StringComparison.Ordinal))
            .Sum(static line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture));
    }
}
