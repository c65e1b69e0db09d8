using System.Globalization;
using System.Text.Json.Nodes;
using Cti.Acceptance.Infrastructure;
using Cti.Contract;

namespace Cti.Acceptance;

/// <summary>
/// The contract's tables against a running node, in both generations: every method is accepted, every event comes as listed, every state is seen.
/// </summary>
[Collection(SharedNode.Name)]
public sealed class ContractTests(SharedNode shared) : CallTest(shared)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Every_method_event_and_state_is_there(int generation)
    {
        await using var app = await RpcClient.ConnectAsync(Node, generation);
        var walk = new ContractWalk(app, generation);
        var file = Sound.Write(Node.MediaRoot, "contract.wav", Sound.ALaw, Sound.Noise(7, 4000));
        await InboundCallAsync(walk, generation);
        await RefusalsAsync(walk, generation);
        await ActionsAsync(walk, file);
        await BridgeAsync(walk);
        await DialAsync(walk, generation);
        await TransferAsync(walk);
        await ReplaceAsync(walk);
        await ConferenceAsync(walk, file);
        await NotifyAsync(walk, file);
        await CaptchaAsync(walk);
        await DuoCallbackAsync(walk);
        await SystemAsync(walk);
        walk.CheckEvents();
        walk.CheckComplete();
    }

    /// <summary>A repeat of a request is the same request only if what it leaves out is what the first one left out: so defaults show over the wire.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_parameter_that_is_left_out_has_the_contracts_default(int generation)
    {
        await using var app = await RpcClient.ConnectAsync(Node, generation);
        var (_, first) = await InboundAsync();
        var (_, second) = await InboundAsync();
        var conference = (string)(await app.AskAsync("sys.conf.construct", new { max_seconds = 600 }))!["res_id"]!;
        var made = new List<string> { first, second, conference };
        foreach (var method in ContractTables.Methods(generation).Where(static m => m.Parameters.Any(static p => p.Default is not null)))
        {
            if (method.Name is "sys.event.subscribe" || method.Name.EndsWith(".list", StringComparison.Ordinal)) continue;
            var given = Required(method, first, second, conference);
            var id = Guid.NewGuid().ToString();
            var answer = await app.SendAsync(method.Name, given.DeepClone(), id);
            foreach (var (name, value) in method.Parameters.Where(static p => p.Default is not null))
            {
                var same = given.DeepClone().AsObject();
                same[name] = JsonNode.Parse(value!);
                (await app.SendAsync(method.Name, same, id)).ToJsonString().ShouldBe(answer.ToJsonString(), $"{method.Name} {name}={value}");
                if (Other(name, value!) is not { } different) continue;
                var other = given.DeepClone().AsObject();
                other[name] = different;
                var refused = await app.SendAsync(method.Name, other, id);
                ((int?)refused["error"]?["code"]).ShouldBe(-32602, $"{method.Name} {name}={different.ToJsonString()} is another request");
            }
            if (answer["result"] is JsonObject result && result["res_id"] is { } res) made.Add((string)res!);
        }
        foreach (var res in made)
        {
            var module = res.Split('-')[1];
            await app.SendAsync(module + (module == "sys.conf" ? ".release" : ".drop"), new { res_id = res }, Guid.NewGuid().ToString());
        }
    }

    private JsonObject Required(ContractMethod method, string first, string second, string conference)
    {
        var given = new JsonObject();
        foreach (var (name, _) in method.Parameters.Where(static p => p.Default is null))
        {
            given[name] = name switch
            {
                "res_id" => method.Name.StartsWith("sys.conf.", StringComparison.Ordinal) ? conference : first,
                "call_res_id" => second,
                "conf_res_id" => conference,
                "cause" => 603,
                "to_uri" or "to1_uri" or "to2_uri" => $"sip:{NewUser()}@{Phone.Address}",
                "redirect_uri" => "sip:a@example.com",
                "content" or "play_content" => "contract.wav",
                "record_file" => $"contract-{NewUser()}",
                "keys" => "1",
                "cursor" => "none",
                _ => 60,
            };
        }
        return given;
    }

    /// <summary>Some other value of the same type; none where another one would name a resource that is not there.</summary>
    private static JsonNode? Other(string name, string value) => value switch
    {
        _ when name.EndsWith("_res_id", StringComparison.Ordinal) => null,
        "true" => false,
        "false" => true,
        "null" when name == "volume" || name.EndsWith("_volume", StringComparison.Ordinal) => 3,
        "null" when name.StartsWith("from", StringComparison.Ordinal) => "sip:1000@example.com",
        "null" when name.EndsWith("_keys", StringComparison.Ordinal) => "5",
        "null" => name == "user_data" || name.StartsWith("user_data", StringComparison.Ordinal) ? "mine" : "other.wav",
        _ when value[0] == '"' => "12",
        _ when name == "record_format" => value == "2" ? 3 : 8,
        "0" => 1,
        _ => int.Parse(value, CultureInfo.InvariantCulture) + 1,
    };

    private async Task InboundCallAsync(ContractWalk walk, int generation)
    {
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await walk.App.IncomingAsync(user);
        await walk.InStateAsync(res, "Initiated");
        ((bool)(await walk.AskAsync("sys.call.exists", new { res_id = res }))!).ShouldBeTrue();
        await walk.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        var final = await call.AnsweredAsync(acknowledge: false);
        await walk.InStateAsync(res, "Answer");
        call.Ack(final);
        await walk.CompletedAsync("sys.call.on_answer_completed", res);
        await walk.InStateAsync(res, "Idle");
        await walk.AskAsync("sys.call.nop", new { res_id = res });
        var page = await walk.AskAsync("sys.call.list", new { state = "Idle", limit = 1000 });
        page!["items"]!.AsArray().ShouldContain(item => (string?)item!["res_id"] == res);
        await EndAsync(walk, call, res);
    }

    /// <summary>A softphone is transferred to another one, and two ask for it: one is granted it, one is refused.</summary>
    private async Task TransferAsync(ContractWalk walk)
    {
        await using var alice = await Baresip.StartAsync(answers: true);
        await using var bob = await Baresip.StartAsync(answers: true);
        var made = await walk.AskAsync("sys.call.construct", new { to_uri = $"sip:tester@127.0.0.1:{alice.SipPort}", max_answer_seconds = 60 });
        var call = (string)made!["res_id"]!;
        await walk.CompletedAsync("sys.call.on_dial_completed", call);
        await walk.AskAsync("sys.call.refer", new { res_id = call, to_uri = $"sip:tester@127.0.0.1:{bob.SipPort}" });
        await walk.App.ExpectAsync("sys.call.on_refer_progress", call);
        await walk.CompletedAsync("sys.call.on_refer_completed", call);
        if ((bool)(await walk.AskAsync("sys.call.exists", new { res_id = call }))!) await walk.AskAsync("sys.call.drop", new { res_id = call });
        await walk.App.ExpectAsync("sys.call.on_released", call);

        foreach (var isGranted in (bool[])[true, false])
        {
            await using var carol = await Baresip.StartAsync();
            var user = NewUser();
            carol.Dial($"sip:{user}@127.0.0.1:{Node.SipPort}");
            var asks = await walk.App.IncomingAsync(user);
            await walk.AskAsync("sys.call.answer", new { res_id = asks, max_answer_seconds = 60 });
            await walk.CompletedAsync("sys.call.on_answer_completed", asks);
            carol.Transfer("sip:dave@example.com");
            await walk.App.ExpectAsync("sys.call.on_refer", asks);
            await walk.AskAsync(isGranted ? "sys.call.refer_accept" : "sys.call.refer_reject", new { res_id = asks });
            if (isGranted) await walk.AskAsync("sys.call.refer_notify", new { res_id = asks, status = 200 });
            // It hangs up once it has heard how it went.
            await walk.App.ExpectAsync("sys.call.on_released", asks);
        }
    }

    /// <summary>A telephone takes the place of another one.</summary>
    private async Task ReplaceAsync(ContractWalk walk)
    {
        var user = NewUser();
        var first = Phone.Call(Node, user);
        var call = await walk.App.IncomingAsync(user);
        await walk.AskAsync("sys.call.answer", new { res_id = call, max_answer_seconds = 60 });
        await first.AnsweredAsync();
        await walk.CompletedAsync("sys.call.on_answer_completed", call);
        await using var other = new TestPhone();
        var second = other.Call(Node, user, extra: $"Replaces: {first.CallId};to-tag={first.RemoteTag};from-tag={first.LocalTag}\r\nRequire: replaces\r\n");
        var replaces = (await walk.App.ExpectAsync("sys.call.on_replace", null)).ResId;
        await walk.AskAsync("sys.call.answer", new { res_id = replaces, max_answer_seconds = 60 });
        await second.AnsweredAsync();
        await first.ByeAsync();
        await walk.App.ExpectAsync("sys.call.on_released", call);
        await second.HangUpAsync();
        await walk.App.ExpectAsync("sys.call.on_released", replaces);
    }

    private async Task RefusalsAsync(ContractWalk walk, int generation)
    {
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await walk.App.IncomingAsync(user);
        await walk.AskAsync("sys.call.reject", new { res_id = res, cause = 486 });
        await call.RefusedAsync(486);
        await walk.App.ExpectAsync("sys.call.on_released", res);
        await walk.GoneAsync(res);
        var other = NewUser();
        var redirected = Phone.Call(Node, other);
        res = await walk.App.IncomingAsync(other);
        await walk.AskAsync("sys.call.redirect", new { res_id = res, redirect_uri = "sip:elsewhere@127.0.0.1:5999" });
        await redirected.RefusedAsync(302);
        await walk.App.ExpectAsync("sys.call.on_released", res);
    }

    private async Task ActionsAsync(ContractWalk walk, string file)
    {
        var (call, res) = await UpAsync(walk);
        await walk.AskAsync("sys.call.play_start", new { res_id = res, content = file, repeat = 1000 });
        await walk.InStateAsync(res, "Play");
        await walk.AskAsync("sys.call.play_stop", new { res_id = res });
        await walk.CompletedAsync("sys.call.on_play_completed", res);
        await walk.AskAsync("sys.call.record_start", new { res_id = res, max_seconds = 60, record_file = $"contract-{res}", beep = false });
        await walk.InStateAsync(res, "Record");
        await walk.AskAsync("sys.call.record_stop", new { res_id = res });
        await walk.CompletedAsync("sys.call.on_record_completed", res, 487);
        await walk.AskAsync("sys.call.send_dtmf_start", new { res_id = res, keys = "12,34" });
        await walk.InStateAsync(res, "SendDtmf");
        await walk.CompletedAsync("sys.call.on_send_dtmf_completed", res);
        foreach (var stop in (string[])["sys.call.stop_receive_dtmf_start", "sys.call.receive_dtmf_stop"])
        {
            await walk.AskAsync("sys.call.receive_dtmf_start", new { res_id = res });
            await walk.InStateAsync(res, "ReceiveDtmf");
            await walk.AskAsync(stop, new { res_id = res });
            await walk.CompletedAsync("sys.call.on_receive_dtmf_completed", res);
        }
        await EndAsync(walk, call, res);
    }

    private async Task BridgeAsync(ContractWalk walk)
    {
        var (first, firstRes) = await UpAsync(walk);
        var (second, secondRes) = await UpAsync(walk);
        await walk.AskAsync("sys.call.connect_start", new { res_id = firstRes, call_res_id = secondRes, max_seconds = 60 });
        await walk.InStateAsync(firstRes, "Connect");
        await walk.InStateAsync(secondRes, "Connect");
        await walk.AskAsync("sys.call.connect_stop", new { res_id = firstRes });
        await walk.CompletedAsync("sys.call.on_connect_completed", firstRes);
        await walk.InStateAsync(secondRes, "Idle");
        await EndAsync(walk, first, firstRes);
        await EndAsync(walk, second, secondRes);
    }

    private async Task DialAsync(ContractWalk walk, int generation)
    {
        var (parent, parentRes) = await UpAsync(walk);
        var made = await walk.AskAsync("sys.call.construct",
            new { to_uri = $"sip:{NewUser()}@{Phone.Address}", max_answer_seconds = 60, parent_call_res_id = parentRes });
        var res = (string)made!["res_id"]!;
        await walk.InStateAsync(parentRes, "Dial");
        var call = await Phone.InvitedAsync();
        call.Ring();
        await walk.App.ExpectAsync("sys.call.on_ringing", res);
        await walk.InStateAsync(res, generation == 1 ? "Initiated" : "Ring");
        await call.PickUpAsync();
        await walk.CompletedAsync("sys.call.on_dial_completed", res);
        await walk.InStateAsync(parentRes, "Idle");
        await EndAsync(walk, call, res);
        await EndAsync(walk, parent, parentRes);
    }

    private async Task ConferenceAsync(ContractWalk walk, string file)
    {
        var (call, res) = await UpAsync(walk);
        var conf = (string)(await walk.AskAsync("sys.conf.construct", new { max_seconds = 600, talker_events = true, parts_threshold = 0 }))!["res_id"]!;
        await walk.InStateAsync(conf, "Initiated");
        ((bool)(await walk.AskAsync("sys.conf.exists", new { res_id = conf }))!).ShouldBeTrue();
        await walk.AskAsync("sys.conf.nop", new { res_id = conf });
        await walk.AskAsync("sys.call.conf_enter", new { res_id = res, conf_res_id = conf, max_seconds = 60 });
        await walk.InStateAsync(res, "Conf");
        await walk.App.ExpectAsync("sys.conf.on_entered", conf);
        await walk.InStateAsync(conf, "Active");
        (await walk.AskAsync("sys.conf.list", new { state = "Active" }))!["items"]!.AsArray().ShouldContain(item => (string?)item!["res_id"] == conf);
        (await walk.AskAsync("sys.conf.get_parts", new { res_id = conf }))!.AsArray().Count.ShouldBe(1);
        await walk.AskAsync("sys.conf.set_part_voice_mode", new { res_id = conf, call_res_id = res, mode = 2 });
        await walk.AskAsync("sys.conf.set_part_voice_mode", new { res_id = conf, call_res_id = res });
        await walk.AskAsync("sys.conf.set_part_volume", new { res_id = conf, call_res_id = res, volume = 3 });
        await walk.AskAsync("sys.conf.set_parts_threshold", new { res_id = conf, value = -1 });
        await walk.AskAsync("sys.conf.play_start", new { res_id = conf, content = file, is_loop = true });
        await walk.AskAsync("sys.conf.play_stop", new { res_id = conf });
        await walk.CompletedAsync("sys.conf.on_play_completed", conf);
        await walk.AskAsync("sys.conf.record_start", new { res_id = conf, max_seconds = 60, record_file = $"contract-{conf}" });
        await call.Rtp.SayAsync(Sound.ToALaw(Sound.Rising(0.6)));
        await walk.App.ExpectAsync("sys.conf.on_talker", conf);
        await walk.AskAsync("sys.conf.record_stop", new { res_id = conf });
        await walk.CompletedAsync("sys.conf.on_record_completed", conf, 487);
        await walk.AskAsync("sys.call.conf_exit", new { res_id = res, conf_res_id = conf });
        await walk.CompletedAsync("sys.call.on_conf_completed", res);
        await walk.App.ExpectAsync("sys.conf.on_exited", conf);
        await walk.AskAsync("sys.conf.release", new { res_id = conf });
        await walk.App.ExpectAsync("sys.conf.on_released", conf);
        await walk.GoneAsync(conf);
        await EndAsync(walk, call, res);
    }

    private async Task NotifyAsync(ContractWalk walk, string file)
    {
        foreach (var drops in (bool[])[false, true])
        {
            var made = await walk.AskAsync("ext.notify_call.construct",
                new { to_uri = $"sip:{NewUser()}@{Phone.Address}", play_content = file, play_repeat = drops ? 1000 : 0 });
            var res = (string)made!["res_id"]!;
            ((bool)(await walk.AskAsync("ext.notify_call.exists", new { res_id = res }))!).ShouldBeTrue();
            await walk.InStateAsync(res, "Initiated");
            var call = await Phone.InvitedAsync();
            await call.PickUpAsync();
            if (drops)
            {
                await walk.ComesToAsync(res, "Answered");
                await walk.AskAsync("ext.notify_call.drop", new { res_id = res });
            }
            await call.ByeAsync();
            await walk.App.ExpectAsync("ext.notify_call.on_released", res);
            await walk.GoneAsync(res);
        }
    }

    private async Task CaptchaAsync(ContractWalk walk)
    {
        foreach (var drops in (bool[])[false, true])
        {
            var made = await walk.AskAsync("ext.captcha_call.construct", new { to_uri = $"sip:{NewUser()}@{Phone.Address}", max_keys = 2 });
            var res = (string)made!["res_id"]!;
            ((bool)(await walk.AskAsync("ext.captcha_call.exists", new { res_id = res }))!).ShouldBeTrue();
            await walk.InStateAsync(res, "Initiated");
            var call = await Phone.InvitedAsync();
            await call.PickUpAsync();
            await walk.ComesToAsync(res, "Answered");
            if (drops) await walk.AskAsync("ext.captcha_call.drop", new { res_id = res });
            else await call.Rtp.PressAsync("12");
            await call.ByeAsync();
            var released = await walk.App.ExpectAsync("ext.captcha_call.on_released", res);
            if (!drops) ((string?)released.Params["keys"]).ShouldBe("12");
            await walk.GoneAsync(res);
        }
    }

    private async Task DuoCallbackAsync(ContractWalk walk)
    {
        foreach (var (isConnected, cancels) in ((bool, bool)[])[(true, false), (false, true)])
        {
            var made = await walk.AskAsync("ext.duo_callback.construct",
                new { to1_uri = $"sip:{NewUser()}@{Phone.Address}", to2_uri = $"sip:{NewUser()}@{Phone.Address}", max_connect_seconds = 60 });
            var res = (string)made!["res_id"]!;
            ((bool)(await walk.AskAsync("ext.duo_callback.exists", new { res_id = res }))!).ShouldBeTrue();
            await walk.InStateAsync(res, "Initiated");
            var first = await Phone.InvitedAsync();
            await first.PickUpAsync();
            await walk.CompletedAsync("ext.duo_callback.on_dial1_completed", res);
            await walk.App.ExpectAsync("ext.duo_callback.on_dial2_started", res);
            await walk.InStateAsync(res, "Answered");
            var second = await Phone.InvitedAsync();
            if (cancels)
            {
                second.Ring();
                await walk.AskAsync("ext.duo_callback.cancel", new { res_id = res });
            }
            else
            {
                await second.PickUpAsync();
                await walk.CompletedAsync("ext.duo_callback.on_dial2_completed", res);
                await walk.ComesToAsync(res, "Connected");
                await walk.AskAsync("ext.duo_callback.drop", new { res_id = res });
                await second.ByeAsync();
            }
            await first.ByeAsync();
            (await walk.App.ExpectAsync("ext.duo_callback.on_released", res)).Error.ShouldBe(cancels ? 487 : null);
            await walk.GoneAsync(res);
        }
    }

    private static async Task SystemAsync(ContractWalk walk)
    {
        (await walk.AskAsync("sys.node.list"))!.AsArray().Count.ShouldBe(1);
        // The node has no trunks: what is told of them is in TrunkTests.
        (await walk.AskAsync("sys.trunk.list"))!.AsArray().ShouldBeEmpty();
        await walk.AskAsync("sys.trunk.subscribe");
        await walk.App.ExpectAsync("sys.on_chan_closed", null);
        var cursor = (string)(await walk.AskAsync("sys.event.subscribe", new { from = (string?)null, group = $"contract-{Guid.NewGuid():N}" }))!["cursor"]!;
        await walk.AskAsync("sys.event.ack", new { cursor });
    }

    private async Task<(PhoneCall Call, string ResId)> UpAsync(ContractWalk walk)
    {
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await walk.App.IncomingAsync(user);
        await walk.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 120 });
        await call.AnsweredAsync();
        await walk.CompletedAsync("sys.call.on_answer_completed", res);
        return (call, res);
    }

    private static async Task EndAsync(ContractWalk walk, PhoneCall call, string res)
    {
        await walk.AskAsync("sys.call.drop", new { res_id = res });
        await call.ByeAsync();
        await walk.App.ExpectAsync("sys.call.on_released", res);
        await walk.GoneAsync(res);
        walk.App.ShouldBeGapless(res);
    }
}
