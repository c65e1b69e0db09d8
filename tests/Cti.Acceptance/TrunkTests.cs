using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Calls out through configured gateways: which one is taken, and what they demand.</summary>
public sealed class TrunkTests
{
    [Fact]
    public async Task A_full_gateway_is_passed_over_and_when_all_are_full_it_is_480_until_one_is_free()
    {
        await using var first = new TestPhone();
        await using var second = new TestPhone();
        await using var node = await NodeProcess.StartAsync([Trunks(
            $"{{name=first, address=\"{first.Address}\", max-calls=1, options-interval=0s}}",
            $"{{name=second, address=\"{second.Address}\", max-calls=1, options-interval=0s}}")]);
        await using var app = await RpcClient.ConnectAsync(node);
        object Request() => new { to_uri = new[] { $"sip:100@{first.Address}", "200@second" }, max_answer_seconds = 60 };

        var one = await app.AskAsync("sys.call.construct", Request());
        ((string)one!["to_uri"]!).ShouldContain("100@");
        var firstCall = await first.InvitedAsync();
        await firstCall.PickUpAsync();

        var two = await app.AskAsync("sys.call.construct", Request());
        ((string)two!["to_uri"]!).ShouldContain("200@");
        var secondCall = await second.InvitedAsync();
        secondCall.Invited!.Uri.ShouldContain("200@");
        await secondCall.PickUpAsync();

        var refusal = await Should.ThrowAsync<RpcException>(() => app.AskAsync("sys.call.construct", Request()));
        refusal.Code.ShouldBe(480);
        refusal.Error["data"]!["gateways"]!.AsArray().Count.ShouldBe(2);

        await firstCall.HangUpAsync();
        await app.ExpectAsync("sys.call.on_released", (string)one["res_id"]!);
        var three = await app.AskAsync("sys.call.construct", Request());
        ((string)three!["to_uri"]!).ShouldContain("100@");
        (await first.InvitedAsync()).Refuse(486);
        await app.ExpectAsync("sys.call.on_released", (string)three["res_id"]!);
        await secondCall.HangUpAsync();
        await app.ExpectAsync("sys.call.on_released", (string)two["res_id"]!);
    }

    [Fact]
    public async Task A_gateway_that_does_not_answer_OPTIONS_is_passed_over_until_it_does()
    {
        await using var down = new TestPhone { OptionsStatus = 503 };
        await using var up = new TestPhone();
        await using var node = await NodeProcess.StartAsync([Trunks(
            $"{{name=down, address=\"{down.Address}\", options-interval=1s}}", $"{{name=up, address=\"{up.Address}\", options-interval=1s}}")]);
        await using var app = await RpcClient.ConnectAsync(node);
        await UntilAsync(app, "down", false);
        await UntilAsync(app, "up", true);
        var made = await app.AskAsync("sys.call.construct", new { to_uri = new[] { "1@down", "2@up" }, max_answer_seconds = 60 });
        ((string)made!["to_uri"]!).ShouldContain("2@");
        (await up.InvitedAsync()).Refuse(486);
        await app.ExpectAsync("sys.call.on_released", (string)made["res_id"]!);
        (await app.RefusedAsync("sys.call.construct", new { to_uri = "1@down", max_answer_seconds = 60 })).ShouldBe(480);

        down.OptionsStatus = 200;
        await UntilAsync(app, "down", true);
        made = await app.AskAsync("sys.call.construct", new { to_uri = new[] { "1@down", "2@up" }, max_answer_seconds = 60 });
        ((string)made!["to_uri"]!).ShouldContain("1@");
        (await down.InvitedAsync()).Refuse(486);
        await app.ExpectAsync("sys.call.on_released", (string)made["res_id"]!);
    }

    [Fact]
    public async Task A_target_that_goes_down_is_told_at_once_left_out_and_shown()
    {
        await using var first = new TestPhone();
        await using var second = new TestPhone();
        await using var node = await NodeProcess.StartAsync([Trunks(
            $"{{name=carrier, targets=[\"{first.Address}\", {{address=\"{second.Address}\", priority=2}}], max-calls=7, options-interval=1s}}")]);
        await using var app = await RpcClient.ConnectAsync(node);
        await app.AskAsync("sys.trunk.subscribe");
        first.OptionsStatus = 503;
        var told = await app.ExpectAsync("sys.trunk.on_state", null);
        ((string)told.Params["trunk"]!, (string)told.Params["target"]!, (string)told.Params["state"]!, (int)told.Params["code"]!)
            .ShouldBe(("carrier", first.Address, "down", 503));
        var made = await app.AskAsync("sys.call.construct", new { to_uri = "1@carrier", max_answer_seconds = 60 });
        await (await second.InvitedAsync()).PickUpAsync();

        var (code, text) = await node.CommandAsync("trunks", "--url", node.Url);
        code.ShouldBe(0, text);
        text.ShouldContain($"{first.Address} down since ");
        text.ShouldContain($"{second.Address} up since ");
        text.ShouldContain("1/7");
        text.TrimEnd().ShouldEndWith("1 trunk, 1 call");

        first.OptionsStatus = 200;
        ((string)(await app.ExpectAsync("sys.trunk.on_state", null)).Params["state"]!).ShouldBe("up");
        await app.AskAsync("sys.call.drop", new { res_id = (string)made!["res_id"]! });
        await app.ExpectAsync("sys.call.on_released", (string)made["res_id"]!);
    }

    [Fact]
    public async Task SIPp_demands_authentication_and_gets_it()
    {
        await using var sipp = await Sipp.StartAsync("auth-401.xml");
        await using var node = await NodeProcess.StartAsync(
            [Trunks($"{{name=carrier, address=\"127.0.0.1:{sipp.Port}\", options-interval=0s, auth={{user=alice, password=\"open sesame\"}}}}")]);
        await using var app = await RpcClient.ConnectAsync(node);
        var made = await app.AskAsync("sys.call.construct", new { to_uri = "100@carrier", max_answer_seconds = 60 });
        var res = (string)made!["res_id"]!;
        (await app.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBeNull();
        await app.AskAsync("sys.call.drop", new { res_id = res });
        await app.ExpectAsync("sys.call.on_released", res);
        await sipp.ShouldSucceedAsync();
        sipp.Messages().ShouldContain("Authorization: Digest");
        node.Log.ShouldNotContain("open sesame");
    }

    [Theory]
    [InlineData(401, "WWW-Authenticate", "Authorization")]
    [InlineData(407, "Proxy-Authenticate", "Proxy-Authorization")]
    public async Task A_challenge_with_quality_of_protection_is_answered_with_the_right_digest(int status, string challenge, string credentials)
    {
        await using var carrier = new TestPhone();
        await using var node = await NodeProcess.StartAsync(
            [Trunks($"{{name=carrier, address=\"{carrier.Address}\", options-interval=0s, auth={{user=alice, password=\"open sesame\"}}}}")]);
        await using var app = await RpcClient.ConnectAsync(node);
        var made = await app.AskAsync("sys.call.construct", new { to_uri = "100@carrier", max_answer_seconds = 60 });
        var first = await carrier.InvitedAsync();
        first.Refuse(status, $"{challenge}: Digest realm=\"here\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n");
        await first.ReceivedAsync("ACK");
        var call = await carrier.InvitedAsync();
        var answer = call.Invited!.Header(credentials);
        string Value(string name) => System.Text.RegularExpressions.Regex.Match(answer, $"(?<![a-z]){name}=\"?([^\",]*)").Groups[1].Value;
        var inner = Md5($"INVITE:{Value("uri")}");
        Value("response").ShouldBe(Md5($"{Md5("alice:here:open sesame")}:n1:{Value("nc")}:{Value("cnonce")}:auth:{inner}"), answer);
        call.Invited.CSeq.ShouldBe(first.Invited!.CSeq + 1);
        call.CallId.ShouldBe(first.CallId);
        await call.PickUpAsync();
        (await app.ExpectAsync("sys.call.on_dial_completed", (string)made!["res_id"]!)).Error.ShouldBeNull();
        await call.HangUpAsync();
        await app.ExpectAsync("sys.call.on_released", (string)made["res_id"]!);
    }

    [Fact]
    public async Task The_caller_is_asserted_where_the_gateway_wants_it_and_only_gateways_may_call_in()
    {
        await using var carrier = new TestPhone();
        await using var node = await NodeProcess.StartAsync(
            [Trunks($"{{name=carrier, address=\"{carrier.Address}\", options-interval=0s, assert-identity=true, from-user=main, from-domain=\"example.org\"}}"),
                "cti.routes=[{to=\"08*\", trunk=carrier, application=default}]"], acceptAny: false);
        await using var app = await RpcClient.ConnectAsync(node);
        var made = await app.AskAsync("sys.call.construct", new { from_uri = "4711", to_uri = "100@carrier", max_answer_seconds = 60 });
        var call = await carrier.InvitedAsync();
        call.Invited!.Header("P-Asserted-Identity").ShouldContain("4711@");
        call.Refuse(486);
        await app.ExpectAsync("sys.call.on_released", (string)made!["res_id"]!);

        made = await app.AskAsync("sys.call.construct", new { to_uri = "100@carrier", max_answer_seconds = 60 });
        call = await carrier.InvitedAsync();
        call.Invited!.Header("From").ShouldContain("sip:main@example.org");
        call.Refuse(486);
        await app.ExpectAsync("sys.call.on_released", (string)made!["res_id"]!);

        var inbound = carrier.Call(node, "0800");
        var res = await app.IncomingAsync("0800");
        await app.AskAsync("sys.call.reject", new { res_id = res, cause = 486 });
        await inbound.RefusedAsync(486);
        await carrier.Call(node, "0700").RefusedAsync(404);
    }

    [Fact]
    public async Task A_node_registers_where_it_should_and_answers_the_challenge()
    {
        await using var registrar = new TestPhone();
        await using var node = await NodeProcess.StartAsync(
            [Trunks($"{{name=carrier, address=\"{registrar.Address}\", options-interval=0s, register=true, auth={{user=alice, password=\"open sesame\"}}}}")]);
        var first = await registrar.Arrived.TakeAsync(static m => m.Method == "REGISTER", "REGISTER");
        first.Header("Authorization").ShouldBe("");
        first.Header("To").ShouldContain("sip:alice@");
        registrar.Answer(first, TestPhone.Respond(first, 401, "Unauthorized", headers: "WWW-Authenticate: Digest realm=\"here\", nonce=\"abc\", algorithm=MD5, "
            + "qop=\"auth\"\r\n"), node.Sip);
        var second = await registrar.Arrived.TakeAsync(static m => m.Method == "REGISTER", "REGISTER with credentials");
        second.Header("Authorization").ShouldContain("username=\"alice\"");
        second.CSeq.ShouldBe(first.CSeq + 1);
        second.CallId.ShouldBe(first.CallId);
        registrar.Answer(second, TestPhone.Respond(second, 200, "OK", headers: $"Contact: {second.Header("Contact")};expires=600\r\n"), node.Sip);
        node.Log.ShouldNotContain("open sesame");
    }

    [Fact]
    public async Task A_stranger_is_refused_and_reaches_nobody()
    {
        await using var stranger = new TestPhone();
        await using var node = await NodeProcess.StartAsync(acceptAny: false);
        await using var app = await RpcClient.ConnectAsync(node);
        await stranger.Call(node, "0800").RefusedAsync(403);
        (await app.AskAsync("sys.call.list"))!["items"]!.AsArray().Count.ShouldBe(0);
        app.Events.All.ShouldBeEmpty();
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5351", Justification = "Digest authentication of RFC 2617 is MD5.")]
    private static string Md5(string text) => Convert.ToHexStringLower(System.Security.Cryptography.MD5.HashData(System.Text.Encoding.UTF8.GetBytes(text)));

    private static string Trunks(params string[] trunks) => $"cti.trunks=[{string.Join(", ", trunks)}]";

    private static async Task UntilAsync(RpcClient app, string trunk, bool isUp)
    {
        var said = "";
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        do
        {
            var nodes = await app.AskAsync("sys.node.list");
            said = nodes!.ToJsonString();
            if (nodes.AsArray().SelectMany(static n => n!["trunks"]!.AsArray()).Any(t => (string)t!["name"]! == trunk && (bool)t["up"]! == isUp)) return;
            if (limit.IsCancellationRequested) throw new ShouldAssertException($"{trunk} is not {(isUp ? "up" : "down")}: {said}");
        }
        while (await tick.WaitForNextTickAsync());
    }
}
