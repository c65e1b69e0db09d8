using System.Net;
using Cti.Acceptance.Cluster;
using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance;

/// <summary>Sound protected by keys in its description, with baresip: called and calling, in every suite, and after kill -9.</summary>
public sealed class SrtpTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly int _tlsPort = Ports.Free();

    public void Dispose() => _certificates.Dispose();

    [Theory]
    [InlineData("required", "srtp-mand", "AES_CM_128_HMAC_SHA1_80")]
    [InlineData("required", "srtp-mand", "AES_CM_128_HMAC_SHA1_32")]
    [InlineData("required", "srtp-mand", "AEAD_AES_128_GCM")]
    [InlineData("required", "srtp-mand", "AEAD_AES_256_GCM")]
    [InlineData("optional", "srtp", "AES_CM_128_HMAC_SHA1_80")]
    public async Task A_softphone_is_called_and_both_hear_each_other_by_each_suite(string mode, string theirs, string suite)
    {
        await using var softphone = await Baresip.StartAsync(certificate: Certificate, answers: true, srtp: theirs);
        await using var node = await StartAsync(softphone, mode, suite);
        await using var app = await RpcClient.ConnectAsync(node);
        var call = await UpAsync(node, app, softphone);
        softphone.Output.ShouldContain(suite);
        await StopAsync(app, call);
        var path = (string)(await app.AskAsync("sys.call.record_start", new { res_id = call, max_seconds = 2, beep = false, record_file = "heard" }))!;
        await app.ExpectAsync("sys.call.on_record_completed", call);
        Sound.Share(Sound.Read(path).Samples, Sound.Rising(120)).ShouldBeGreaterThan(0.8);
    }

    /// <summary>By libsrtp, whose phone takes new keys; baresip 1.0 keeps the first that it was given.</summary>
    [Fact]
    public async Task Protected_calls_go_on_after_kill_9_with_new_keys_in_both_directions_and_no_key_was_journaled()
    {
        await using var farm = new PhoneFarm(IPAddress.Loopback, protects: true);
        await using var node =
            await NodeProcess.StartAsync(["cti.media.srtp=optional", "cti.media.srtp-suites=[AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32]",
            $$"""cti.trunks=[{ name = farm, address = "{{farm.Address}}", options-interval = 0 }]"""]);
        Announcement.Write(node.MediaRoot, "long.wav", 1, 60);
        string[] calls;
        await using (var app = await RpcClient.ConnectAsync(node))
        {
            calls = await Task.WhenAll(Enumerable.Range(0, 8).Select(async number =>
            {
                var call = (string)(await app.AskAsync("sys.call.construct", new { to_uri = $"sip:any{number}@farm", max_answer_seconds = 300 }))!["res_id"]!;
                (await app.ExpectAsync("sys.call.on_dial_completed", call)).Error.ShouldBeNull();
                await app.AskAsync("sys.call.play_start", new { res_id = call, content = "long.wav" });
                return call;
            }));
            foreach (var phone in farm.Calls) phone.Audio.ExpectAnnouncement(1, 60);
            await Patience.UntilAsync(() => farm.Calls.All(static phone => phone.Audio.Missing(200).Length == 0), "all hear the announcement");
        }
        await node.KillAsync();
        var rows = await node.QueryAsync("select payload from journal");
        rows.ShouldContain(static row => row.Contains("AES_CM_128_HMAC_SHA1_32", StringComparison.Ordinal));
        rows.ShouldAllBe(static row => !row.Contains("inline", StringComparison.Ordinal));
        await node.LaunchAsync();
        await Patience.UntilAsync(() => farm.Calls.All(static phone => phone.Reinvites == 1 && phone.Audio.Missing(200).Length == 0), "all hear it again");
        await using var again = await RpcClient.ConnectAsync(node);
        // What they say is heard too: their keys are the old ones, which the node asked for.
        foreach (var (call, number) in calls.Select(static (call, number) => (call, number)))
        {
            await StopAsync(again, call);
            await again.AskAsync("sys.call.receive_dtmf_start", new { res_id = call, max_keys = 1 });
            farm.Find($"any{number}")!.Audio.Press("7");
            ((string)(await again.ExpectAsync("sys.call.on_receive_dtmf_completed", call)).Params["keys"]!).ShouldBe("7");
        }
        farm.Complaints.ShouldBeEmpty();
        node.Log.ShouldNotContain("inline");
    }

    [Theory]
    [InlineData("srtp-mand")]
    [InlineData("srtp")]
    public async Task A_softphone_that_protects_calls_a_trunk_where_it_is_optional_and_hears_the_answer(string theirs)
    {
        await using var softphone = await Baresip.StartAsync(certificate: Certificate, srtp: theirs);
        await using var node = await StartAsync(softphone, "optional", "AES_CM_128_HMAC_SHA1_80");
        await using var app = await RpcClient.ConnectAsync(node);
        softphone.Dial($"sip:100@127.0.0.1:{_tlsPort};transport=tls");
        var call = (await app.ExpectAsync("sys.call.on_incoming", null)).ResId;
        await app.AskAsync("sys.call.answer", new { res_id = call, max_answer_seconds = 60 });
        await app.ExpectAsync("sys.call.on_answer_completed", call);
        await app.AskAsync("sys.call.play_start", new { res_id = call, content = Sound.Write(node.MediaRoot, "a.wav", Sound.ALaw, Sound.Noise(51, 160_000)) });
        await Patience.UntilAsync(() => softphone.Loud() > 8_000, "it hears the announcement");
        softphone.Output.ShouldContain("AES_CM_128_HMAC_SHA1_80");
    }

    [Fact]
    public async Task A_softphone_without_it_is_told_that_it_is_required()
    {
        await using var softphone = await Baresip.StartAsync(certificate: Certificate);
        await using var node = await StartAsync(softphone, "required", "AES_CM_128_HMAC_SHA1_80");
        softphone.Dial($"sip:100@127.0.0.1:{_tlsPort};transport=tls");
        await Patience.UntilAsync(() => softphone.Output.Contains("488", StringComparison.Ordinal), "it is refused");
    }

    private (string Own, string Trusted) Certificate => (_certificates.Issue("phone", "phone.example"), _certificates.Authority);

    private async Task<NodeProcess> StartAsync(Baresip softphone, string mode, string suite)
    {
        var certificate = _certificates.Issue("node", "127.0.0.1");
        return await NodeProcess.StartAsync([$"cti.sip.listen=[\"udp:127.0.0.1:{Ports.Free()}\", \"tls:127.0.0.1:{_tlsPort}\"]",
            $"cti.sip.tls.certificate={certificate}", $"cti.sip.tls.key={certificate}", $"cti.sip.tls.trusted={_certificates.Authority}",
            $"cti.media.srtp-suites=[{suite}]",
            $$"""cti.trunks=[{ name = phone, address = "127.0.0.1:{{softphone.TlsPort}}", transport = tls, options-interval = 0, tls { name = phone.example }"""
                + $$""", media { srtp = {{mode}} } }]""",
            """cti.routes=[{ to = "*", trunk = phone, application = default }]"""], acceptAny: false);
    }

    private static async Task StopAsync(RpcClient app, string call)
    {
        await app.AskAsync("sys.call.play_stop", new { res_id = call });
        await app.ExpectAsync("sys.call.on_play_completed", call);
    }

    private static async Task<string> UpAsync(NodeProcess node, RpcClient app, Baresip softphone)
    {
        var announcement = Sound.Write(node.MediaRoot, "long.wav", Sound.ALaw, Sound.Noise(51, 480_000));
        var call = (string)(await app.AskAsync("sys.call.construct", new { to_uri = "sip:tester@phone", max_answer_seconds = 300 }))!["res_id"]!;
        (await app.ExpectAsync("sys.call.on_dial_completed", call)).Error.ShouldBeNull();
        await app.AskAsync("sys.call.play_start", new { res_id = call, content = announcement });
        await Patience.UntilAsync(() => softphone.Loud() > 4_000, "it hears the announcement");
        return call;
    }
}
