using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance;

/// <summary>Calls with linphone, of yet another making: called and calling, over each transport, by codec, protected or not.</summary>
public sealed class LinphoneTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly int _port = Ports.Free();

    public void Dispose() => _certificates.Dispose();

    [Theory]
    [InlineData("udp", "PCMA", false)]
    [InlineData("udp", "opus", false)]
    [InlineData("tcp", "PCMU", true)]
    public async Task It_is_called_and_both_hear_each_other(string transport, string codec, bool protects)
    {
        await using var softphone = await Linphone.StartAsync(answers: true, transport, protects: protects);
        await using var node = await StartAsync(softphone, transport, codec, protects);
        await using var app = await RpcClient.ConnectAsync(node);
        var call = (string)(await app.AskAsync("sys.call.construct", new { to_uri = "sip:tester@phone", max_answer_seconds = 300 }))!["res_id"]!;
        (await app.ExpectAsync("sys.call.on_dial_completed", call)).Error.ShouldBeNull(softphone.LastWords);
        await TalkAsync(softphone, codec == "opus" ? 48_000 : 8_000, node, app, call);
    }

    [Theory]
    [InlineData("udp", "PCMU", false)]
    [InlineData("tcp", "opus", false)]
    [InlineData("tls", "opus", true)]
    public async Task It_calls_and_both_hear_each_other(string transport, string codec, bool protects)
    {
        await using var softphone = await Linphone.StartAsync(transport: transport, trusted: _certificates.Authority, protects: protects);
        await using var node = await StartAsync(softphone, transport, codec, protects);
        await using var app = await RpcClient.ConnectAsync(node);
        await softphone.DialAsync($"sip:100@{(transport == "tls" ? "localhost" : "127.0.0.1")}:{_port};transport={transport}");
        var call = (await app.ExpectAsync("sys.call.on_incoming", null)).ResId;
        await app.AskAsync("sys.call.answer", new { res_id = call, max_answer_seconds = 60 });
        await app.ExpectAsync("sys.call.on_answer_completed", call);
        await TalkAsync(softphone, codec == "opus" ? 48_000 : 8_000, node, app, call);
    }

    [Fact]
    public async Task It_acknowledges_that_we_ring_and_gets_the_session_timer_that_it_asks_for()
    {
        await using var softphone = await Linphone.StartAsync(more: "100rel_support_level=2\nsession_expires_enabled=1\nsession_expires_value=120");
        await using var node = await StartAsync(softphone, "udp", "PCMA", protects: false, "required");
        await using var app = await RpcClient.ConnectAsync(node);
        await softphone.DialAsync($"sip:100@127.0.0.1:{_port}");
        var call = (await app.ExpectAsync("sys.call.on_incoming", null)).ResId;
        await Patience.UntilAsync(() => softphone.Log().Contains("PRACK sip:", StringComparison.Ordinal), "it acknowledges that we ring");
        await app.AskAsync("sys.call.answer", new { res_id = call, max_answer_seconds = 60 });
        await app.ExpectAsync("sys.call.on_answer_completed", call);
        var answer = softphone.Log();
        answer[answer.LastIndexOf("SIP/2.0 200", StringComparison.Ordinal)..].ShouldContain("Session-Expires: 120");
        await TalkAsync(softphone, 8_000, node, app, call);
    }

    [Fact]
    public async Task It_calls_twice_and_wants_one_call_in_the_place_of_the_other()
    {
        await using var softphone = await Linphone.StartAsync();
        await using var node = await StartAsync(softphone, "udp", "PCMA", protects: false);
        await using var app = await RpcClient.ConnectAsync(node);
        var first = await AnsweredAsync(100);
        await softphone.PauseAsync();
        var second = await AnsweredAsync(200);
        await softphone.TransferAsync(1, 2);
        var asked = await app.ExpectAsync("sys.call.on_refer", first);
        ((string?)asked.Params["replaces_call_res_id"]).ShouldBe(second);
        await app.AskAsync("sys.call.refer_accept", new { res_id = first });
        await app.AskAsync("sys.call.refer_notify", new { res_id = first, status = 200 });
        ((string?)(await app.ExpectAsync("sys.call.on_released", first)).Params["dropped_by"]).ShouldBe("usr", softphone.LastWords);

        async Task<string> AnsweredAsync(int number)
        {
            await softphone.DialAsync($"sip:{number}@127.0.0.1:{_port}");
            var call = (await app.ExpectAsync("sys.call.on_incoming", null)).ResId;
            await app.AskAsync("sys.call.answer", new { res_id = call, max_answer_seconds = 60 });
            await app.ExpectAsync("sys.call.on_answer_completed", call);
            return call;
        }
    }

    private async Task<NodeProcess> StartAsync(Linphone softphone, string transport, string codec, bool protects, string reliable = "supported")
    {
        var certificate = _certificates.Issue("node", "localhost");
        // When it calls it describes its sound by the address of the machine's default route, and sends it from where it calls.
        return await NodeProcess.StartAsync([$"cti.sip.listen=[\"{transport}:127.0.0.1:{_port}\"]",
            $"cti.sip.tls.certificate={certificate}", $"cti.sip.tls.key={certificate}",
            $$"""cti.trunks=[{ name = phone, address = "127.0.0.1:{{softphone.SipPort}}", transport = {{(transport == "tcp" ? "tcp" : "udp")}}"""
                + $$""", options-interval = 0, reliable-provisional = {{reliable}}"""
                + $$""", media { latch = nat, codecs = [{{codec}}], srtp = {{(protects ? "required" : "off")}} } }]""",
            """cti.routes=[{ to = "*", trunk = phone, application = default }]"""], acceptAny: false);
    }

    private static async Task TalkAsync(Linphone softphone, int rate, NodeProcess node, RpcClient app, string call)
    {
        var played = Sound.Rising(20);
        await app.AskAsync("sys.call.play_start", new { res_id = call, content = Sound.Write(node.MediaRoot, "rising.wav", Sound.ALaw, Sound.ToALaw(played)) });
        await Patience.UntilAsync(() => softphone.Loud() > 2 * rate, $"it hears the announcement; it says {softphone.LastWords}");
        Sound.Alike(softphone.Heard(), played, rate, 1).ShouldBeGreaterThan(0.9);
        await app.AskAsync("sys.call.play_stop", new { res_id = call });
        await app.ExpectAsync("sys.call.on_play_completed", call);
        var path = (string)(await app.AskAsync("sys.call.record_start", new { res_id = call, max_seconds = 2, beep = false, record_file = "heard" }))!;
        await app.ExpectAsync("sys.call.on_record_completed", call);
        Sound.Alike(Sound.Read(path).Samples, Sound.Rising(60), 8_000, 1).ShouldBeGreaterThan(0.9);
        await app.AskAsync("sys.call.drop", new { res_id = call });
        await Patience.UntilAsync(() => softphone.LastWords.Contains("ended", StringComparison.Ordinal), "it hears of the end");
    }
}
