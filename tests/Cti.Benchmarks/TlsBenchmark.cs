using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Cti.Testing;

namespace Cti.Benchmarks;

/// <summary>
/// What SIP over TLS costs: handshakes, each whole and with a certificate of P-256, as CPU of the node; and calls over eight connections that stay, beside the
/// same calls over TCP, in turns.
/// </summary>
internal static class TlsBenchmark
{
    private const int Handshakes = 600, AtOnce = 4, Rate = 300, Seconds = 5;

    public static async Task RunAsync(Report report)
    {
        var folder = Directory.CreateTempSubdirectory("cti-bench-").FullName;
        try
        {
            var (certificate, key) = WriteCertificate(folder);
            var (tcp, tls) = (Ports.Free(), Ports.Free());
            using var node = NodeProcess.Start($$"""
                cti.sip.listen = ["tcp:127.0.0.1:{{tcp}}", "tls:127.0.0.1:{{tls}}"]
                cti.sip.tls { certificate = "{{certificate}}", key = "{{key}}" }
                """);
            await using var application = await Application.ConnectAsync(node.Socket, NodeProcess.Key, CallsBenchmark.Answer);
            Console.WriteLine();

            await ShakeAsync(tls, Handshakes);
            var before = node.CpuSeconds;
            await ShakeAsync(tls, Handshakes);
            var each = (node.CpuSeconds - before) / Handshakes;
            Console.WriteLine($"TLS handshakes: {each * 1e6:F0} µs of CPU of cti each");
            report.Fact("TLS handshakes a second and core", 1 / each, "/s");

            await using var overTcp = await StreamCaller.ConnectAsync(tcp, isTls: false);
            await using var overTls = await StreamCaller.ConnectAsync(tls, isTls: true);
            await CostAsync(node, overTcp, Seconds);
            await CostAsync(node, overTls, Seconds);
            List<(double Tcp, double Tls)> rounds = [];
            for (var i = 0; i < 3; i++)
            {
                rounds.Add((await CostAsync(node, overTcp, Seconds), await CostAsync(node, overTls, Seconds)));
                Console.WriteLine($"CPU of cti per 1000 calls in at {Rate}/s: over TCP {rounds[^1].Tcp:F2} s, over TLS {rounds[^1].Tls:F2} s");
            }
            report.Fact($"CPU of cti per 1000 calls in over TLS, at {Rate}/s", rounds.Average(static round => round.Tls), "s");
            report.Fact("  as a multiple of TCP", rounds.Sum(static round => round.Tls) / rounds.Sum(static round => round.Tcp), "×");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task ShakeAsync(int port, int count) => await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
    {
        for (var i = 0; i < count / AtOnce; i++)
        {
            await using var stream = await StreamCaller.DialAsync(port, isTls: true);
        }
    }));

    private static async Task<double> CostAsync(NodeProcess node, StreamCaller caller, int seconds)
    {
        var before = node.CpuSeconds;
        var (succeeded, failed) = await caller.RunAsync(Rate, seconds);
        if (failed > 0) throw new InvalidOperationException($"{failed} of {succeeded + failed} calls failed; the node's log ends with\n{node.Said}");
        return (node.CpuSeconds - before) / succeeded * 1000;
    }

    private static (string Certificate, string Key) WriteCertificate(string folder)
    {
        using var pair = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", pair, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        var (file, key) = (Path.Combine(folder, "node.crt"), Path.Combine(folder, "node.key"));
        File.WriteAllText(file, certificate.ExportCertificatePem());
        File.WriteAllText(key, pair.ExportPkcs8PrivateKeyPem());
        return (file, key);
    }
}
