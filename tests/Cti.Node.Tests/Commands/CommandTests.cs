using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Cti.Contract;
using Cti.Gateway.Access;
using Cti.Kernel;
using Cti.Node.Commands;
using Cti.Node.Configuration;
using Spectre.Console;

namespace Cti.Node.Tests.Commands;

public sealed class CommandTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static async Task<(int Code, string Out, string Error)> RunAsync(params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = 200;
        var code = await CommandLine.RunAsync(arguments, new Terminal(console, error), CancellationToken.None).WaitAsync(Patience);
        return (code, output.ToString(), error.ToString());
    }

    private static string[] With(ScriptedGateway gateway, params string[] arguments) => [.. arguments, "--url", gateway.Url, "--key", ScriptedGateway.Key];

    [Fact]
    public async Task Status_shows_whether_the_node_is_ready_and_the_nodes()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = request => request.Method == "sys.node.list"
            ? ScriptedGateway.Result("""[{"name":"[a]","roles":["gateway","media"]"""
                + ""","version":"1.2","instances":64,"epoch":7,"calls":3,"lag_ms":2,"draining":false,"trunks":[{"name":"t","up":true}"""
                + """,{"name":"u","up":false}]},{"name":"b","roles":["media"],"version":"1.2","instances":1,"calls":null,"draining":false}]""")
            : ScriptedGateway.Result("null");

        var up = await RunAsync(With(gateway, "status"));
        gateway.WhyNotReady = "draining";
        var down = await RunAsync(With(gateway, "status"));

        up.Code.ShouldBe(0);
        up.Out.ShouldStartWith($"{new Uri(gateway.Url)} is ready");
        Regex.Replace(up.Out, " +", " ").ShouldContain("[a] │ gateway, media │ 1.2 │ 64 │ 7 │ 3 │ 2 │ up │ t up, u down");
        Regex.Replace(up.Out, " +", " ").ShouldContain("b │ media │ 1.2 │ 1 │ │ │ │ does not answer │ │");
        up.Out.TrimEnd().ShouldEndWith("2 nodes, 65 instances, 3 calls");
        down.Code.ShouldBe(1);
        down.Out.ShouldContain("is not ready: ");
        down.Out.ShouldContain("draining");
    }

    [Fact]
    public async Task Status_shows_members_shards_and_leases_and_who_sees_it_otherwise()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        const string A = """{"name":"a","address":"10.0.0.1:7400","roles":["gateway","media"],"status":"Up","reachable":true}""";
        const string B = """{"name":"b","address":"10.0.0.2:7400","roles":["media"],"status":"Up","reachable":REACHABLE}""";
        const string C = """{"name":null,"address":"10.0.0.3:7400","roles":["media"],"status":"Joining","reachable":true}""";
        gateway.Answer = _ => ScriptedGateway.Result($$$"""
            [{"name":"a","roles":["gateway","media"],"version":"1.2","instances":2,"epoch":7,"calls":3,"lag_ms":2,"draining":false,"cluster":
            {"address":"10.0.0.1:7400","status":"Up","coordinator":"b",
            "members":[{{{A}}},{{{B.Replace("REACHABLE", "false", StringComparison.Ordinal)}}},{{{C}}}],"shards":2,"shards_waiting":1,
            "instances":4,"instances_unowned":1,"leases":[{"instance":0,"epoch":3},{"instance":2,"epoch":7}]}},
            {"name":"b","roles":["media"],"version":"1.2","instances":1,"epoch":4,"calls":0,"lag_ms":9,"draining":false,"cluster":
            {"address":"10.0.0.2:7400","status":"Up","coordinator":"b","members":[{{{A}}},{{{B.Replace("REACHABLE", "true", StringComparison.Ordinal)}}}],
            "shards":1,"shards_waiting":0,"instances":4,"instances_unowned":1,"leases":[{"instance":1,"epoch":4}]}}]
            """);

        var status = Regex.Replace((await RunAsync(With(gateway, "status"))).Out, " +", " ");
        var all = Regex.Replace((await RunAsync(With(gateway, "status", "--leases"))).Out, " +", " ");

        status.ShouldContain("│ a │ 10.0.0.1:7400 │ gateway, media │ Up │ yes │ 2 (+1 waiting) │ 2 │ 3-7 │");
        status.ShouldContain("│ b │ 10.0.0.2:7400 │ media │ Up │ no │ 1 │ 1 │ 4 │");
        status.ShouldContain("│ no row │ 10.0.0.3:7400 │ media │ Joining │ yes │ │ │ │");
        status.ShouldContain("members as a sees them; shard coordinator: b");
        status.ShouldContain("b sees other members: a Up, b Up");
        status.ShouldContain("4 shards, 1 unallocated; 3 leases, 1 without an owner");
        status.ShouldNotContain("│ instance │ owner │");
        all.ShouldContain("│ 0 │ a │ 3 │ 2 │");
        all.ShouldContain("│ 1 │ b │ 4 │ 9 │");
        all.ShouldContain("│ 2 │ a │ 7 │ 2 │");
    }

    [Fact]
    public async Task Status_of_a_node_that_is_alone_says_so_in_a_line()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ => ScriptedGateway.Result("""[{"name":"a","roles":["media"],"version":"1.2","instances":64,"calls":3,"draining":false}]""");
        var status = await RunAsync(With(gateway, "status", "--leases"));
        status.Out.ShouldContain("\nno cluster: the node is alone (cti.cluster.listen is not set)\n");
        status.Out.ShouldNotContain("shard");
        status.Out.ShouldNotContain("owner");
    }

    [Theory]
    [InlineData("""{"name":"t","up":true,"registered":true,"registered_until":1700000600,"register_since":1700000000}""",
        "t up (registered until 2023-11-14 22:23:20Z)")]
    [InlineData("""{"name":"t","up":true,"registered":false}""", "t up (not registered)")]
    [InlineData("""{"name":"t","up":true,"registered":false,"register_status":403,"register_reason":"[Forbidden]","register_since":1700000000}""",
        "t up (not registered: 403 [Forbidden] since 2023-11-14 22:13:20Z)")]
    [InlineData("""{"name":"t","up":false,"registered":true,"registered_until":1700000600,"register_status":408,"register_reason":"no """
        + """answer","register_since":1700000000}""", "t down (registered until 2023-11-14 22:23:20Z: 408 no answer since 2023-11-14 22:13:20Z)")]
    public async Task Status_tells_how_a_trunks_registration_stands(string trunk, string words)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ =>
            ScriptedGateway.Result($$"""[{"name":"a","roles":["media"]"""
                + $$""","version":"1.2","instances":64,"epoch":7,"calls":3,"lag_ms":2,"draining":false,"trunks":[{{trunk}}]}]""");
        var status = await RunAsync(With(gateway, "status"));
        Regex.Replace(Regex.Replace(status.Out, "[│\r\n]", " "), " +", " ").ShouldContain(words.Split(' ')[^1]);
        foreach (var word in words.Split(' ')) status.Out.ShouldContain(word);
    }

    [Fact]
    public async Task Trunks_shows_each_trunk_of_each_node_with_its_targets()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = request => request.Method == "sys.trunk.list"
            ? ScriptedGateway.Result("""[{"node":"b","name":"[t]","up":true,"targets":[{"target":"10.0.0.1:5060","priority":1,"weight":1,"up":true,"since":"""
                + """1700000000,"code":200,"reason":"OK"},{"target":"sbc.example","priority":2,"weight":1,"up":false,"code":408,"reason":"no answer","since":"""
                + """1700000060}],"registered":true,"registered_until":1700000600,"calls":3,"max_calls":30,"calls_per_second":5,"too_fast":2},"""
                + """{"node":"a","name":"[t]","up":true,"targets":[],"calls":1,"max_calls":0,"calls_per_second":0,"too_fast":0}]""")
            : ScriptedGateway.Result("null");

        var shown = await RunAsync(With(gateway, "trunks"));

        shown.Code.ShouldBe(0);
        var text = Regex.Replace(shown.Out, " +", " ");
        text.ShouldContain("│ [t] │ a │ up │ │ │ 1 │ │");
        text.ShouldContain("│ [t] │ b │ up │ 10.0.0.1:5060 up since 2023-11-14 22:13:20Z │ until 2023-11-14 22:23:20Z │ 3/30 │ 5, 2 refused │");
        text.ShouldContain("│ sbc.example down since 2023-11-14 22:14:20Z: 408 no answer │");
        text.IndexOf("│ a │", StringComparison.Ordinal).ShouldBeLessThan(text.IndexOf("│ b │", StringComparison.Ordinal));
        text.TrimEnd().ShouldEndWith("1 trunk, 4 calls");
    }

    [Theory]
    [InlineData("""{"node":"a","name":"t","up":false,"targets":[],"calls":0}""", "down", 1)]
    [InlineData("""{"node":"a","name":"t","up":true,"targets":[],"registered":false,"calls":0}""", "no", 1)]
    [InlineData("""{"node":"a","name":"t","up":true,"targets":[],"registered":false,"register_status":403,"register_reason":"Forbidden","register_since":"""
        + """1700000000,"calls":0}""", "no: 403 Forbidden since 2023-11-14 22:13:20Z", 1)]
    [InlineData("""{"node":"a","name":"t","up":true,"targets":[],"calls":0}""", "up", 0)]
    public async Task Trunks_fails_where_one_does_not_do_what_it_should(string trunk, string words, int code)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ => ScriptedGateway.Result($"[{trunk}]");

        var shown = await RunAsync(With(gateway, "trunks"));

        shown.Code.ShouldBe(code);
        Regex.Replace(shown.Out, " +", " ").ShouldContain($"│ {words} │");
    }

    [Fact]
    public async Task Without_trunks_there_is_no_table()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ => ScriptedGateway.Result("[]");

        var shown = await RunAsync(With(gateway, "trunks"));

        (shown.Code, shown.Out.Trim()).ShouldBe((0, "0 trunks, 0 calls"));
    }

    [Fact]
    public async Task Drain_waits_until_the_node_is_empty()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var left = 2;
        gateway.Answer = _ => ScriptedGateway.Result($$"""[{"name":"a","instances":{{left}},"calls":{{left--}},"draining":true}]""");

        var drained = await RunAsync(With(gateway, "drain", "a"));
        var unknown = await RunAsync(With(gateway, "drain", "nobody"));

        drained.Code.ShouldBe(0);
        drained.Out.ShouldContain("a drains: 2 instances, 2 calls");
        drained.Out.ShouldContain("a drains: 1 instance, 1 call");
        drained.Out.TrimEnd().ShouldMatch(@"a is empty and may be stopped, after \d+\.\d s$");
        gateway.Drained.ShouldBe(["a", "nobody"]);
        unknown.Code.ShouldBe(1);
        unknown.Error.ShouldContain("there is no node nobody in the cluster; there is a");
    }

    [Fact]
    public async Task Drain_gives_up_waiting_and_says_what_keeps_the_node()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ => ScriptedGateway.Result("""[{"name":"a","instances":3,"calls":1,"draining":true}]""");

        var result = await RunAsync(With(gateway, "drain", "a", "--timeout", "1"));

        result.Code.ShouldBe(1);
        result.Error.ShouldContain("a is not empty after 1 s");
        result.Error.ShouldContain("3 instances, 1 call)");
    }

    [Fact]
    public async Task What_is_moving_between_nodes_is_asked_again_under_the_same_id()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ => gateway.Asked.Count < 3 ? RpcReply.Refused(RpcError.Moving()) : ScriptedGateway.Result("""{"items":[],"next":null}""");

        var result = await RunAsync(With(gateway, "calls"));

        (result.Code, result.Out.Trim()).ShouldBe((0, "0 calls"));
        gateway.Asked.Select(static asked => asked.RequestId).Distinct().Count().ShouldBe(1);
        gateway.Asked.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Calls_follows_pages_up_to_the_limit()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = request => ScriptedGateway.Result(request.Arguments.OptionalString("after") is null
            ? """{"items":[{"res_id":"0.0.1-sys.call-1","call_dir":"inbound","state":"Idle","from_uri":"sip:a@b","to_uri":"sip:c@d","begin_time":1700000000}]"""
                + ""","next":"0.0.1-sys.call-1"}"""
            : """{"items":[{"res_id":"0.0.1-sys.call-2","call_dir":"outbound","state":"Idle","from_uri":null,"to_uri":"sip:e@f","begin_time":1700000001}]"""
                + ""","next":"0.0.1-sys.call-2"}""");

        var result = await RunAsync(With(gateway, "calls", "--state", "Idle", "--limit", "2"));

        result.Code.ShouldBe(0);
        result.Out.ShouldContain("2023-11-14 22:13:20");
        result.Out.ShouldContain("sip:e@f");
        result.Out.TrimEnd().ShouldEndWith("2 calls, and more: raise --limit");
        gateway.Asked.Select(r => (r.Arguments.OptionalString("state"), r.Arguments.Int32("limit"), r.Arguments.OptionalString("after")))
            .ShouldBe([("Idle", 2, null), ("Idle", 1, "0.0.1-sys.call-1")]);
    }

    [Fact]
    public async Task What_a_caller_calls_itself_is_shown_and_does_not_steer_the_terminal()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ =>
            ScriptedGateway.Result("""{"items":[{"res_id":"0.0.1-sys.call-1","call_dir":"inbound","state":"Idle","from_uri":"sip:\u001b["""
                + """2J@b","to_uri":"sip:c\u202ed\nforged@d","begin_time":1700000000}],"next":null}""");
        var calls = await RunAsync(With(gateway, "calls"));
        gateway.Answer = _ => RpcReply.Refused(new RpcError(ErrorCodes.Internal, "bad \u001b]0;title\u0007\nforged"));
        var refused = await RunAsync(With(gateway, "calls"));
        gateway.WhyNotReady = "away \u009b2J";
        gateway.Answer = _ => ScriptedGateway.Result("""[{"name":"n\u0007","roles":["\u001b[31m"],"version":"\r1","trunks":[{"name":"\u2066t","up":true}]}]""");
        var status = await RunAsync(With(gateway, "status"));

        calls.Out.ShouldContain(@"sip:\u001b[2J@b");
        calls.Out.ShouldContain(@"sip:c\u202ed\nforged@d");
        refused.Error.ShouldContain(@"bad \u001b]0;title\u0007\nforged");
        status.Out.ShouldContain(@"away \u009b2J");
        status.Out.ShouldContain(@"\u2066t up");
        foreach (var text in new[] { calls.Out, refused.Error, status.Out })
            text.ShouldAllBe(static c => c == '\n' || VisibleText.Of(c.ToString()).Length == 1);
    }

    [Fact]
    public async Task Call_plays_when_answered_hangs_up_and_prints_the_events()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        const string Id = "0.0.1-sys.call-1";
        gateway.Answer = request =>
        {
            switch (request.Method)
            {
                case "sys.call.construct":
                    gateway.Publish("sys.call.on_ringing", """{"res_id":"0.0.1-sys.call-9","ring_time":1}""");
                    gateway.Publish("sys.call.on_ringing", $$"""{"res_id":"{{Id}}","ring_time":1}""");
                    gateway.Publish("sys.call.on_dial_completed", $$"""{"res_id":"{{Id}}","error":null}""");
                    return ScriptedGateway.Result($$"""{"res_id":"{{Id}}","to_uri":"sip:100@127.0.0.1"}""");
                case "sys.call.play_start":
                    gateway.Publish("sys.call.on_play_completed", $$"""{"res_id":"{{Id}}","error":null}""");
                    return ScriptedGateway.Result("null");
                case "sys.call.drop":
                    gateway.Publish("sys.call.on_released", $$"""{"res_id":"{{Id}}","cause":603}""");
                    return ScriptedGateway.Result("null");
                default:
                    return RpcReply.Refused(new RpcError(ErrorCodes.Internal, request.Method));
            }
        };

        var result = await RunAsync(With(gateway, "call", "sip:100@127.0.0.1", "--play", "welcome.wav", "--from", "200"));

        result.Error.ShouldBe("");
        result.Code.ShouldBe(0);
        gateway.Asked.Select(r => r.Method).ShouldBe(["sys.call.construct", "sys.call.play_start", "sys.call.drop"]);
        var construct = gateway.Asked.First().Arguments;
        construct.Strings("to_uri").ShouldBe(["sip:100@127.0.0.1"]);
        construct.OptionalString("from_uri").ShouldBe("200");
        gateway.Asked.Last().Arguments.Int32("cause").ShouldBe(200);
        result.Out.Split('\n').Where(l => l.Contains("sys.call.on_", StringComparison.Ordinal)).Select(l => l.Split(' ')[1])
            .ShouldBe(["sys.call.on_ringing", "sys.call.on_dial_completed", "sys.call.on_play_completed", "sys.call.on_released"]);
        result.Out.ShouldContain("22:13:20.000 sys.call.on_released");
    }

    [Fact]
    public async Task Call_that_nobody_answers_fails()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ =>
        {
            gateway.Publish("sys.call.on_dial_completed", """{"res_id":"0.0.1-sys.call-1","error":{"code":486,"message":"Busy Here"}}""");
            gateway.Publish("sys.call.on_released", """{"res_id":"0.0.1-sys.call-1","cause":486}""");
            return ScriptedGateway.Result("""{"res_id":"0.0.1-sys.call-1","to_uri":"sip:100@127.0.0.1"}""");
        };

        var result = await RunAsync(With(gateway, "call", "sip:100@127.0.0.1", "--play", "welcome.wav"));

        result.Code.ShouldBe(1);
        result.Error.ShouldBe("cti: the call was not answered: Busy Here (error 486)\n");
        gateway.Asked.Select(r => r.Method).ShouldBe(["sys.call.construct"]);
    }

    [Fact]
    public async Task A_refusal_and_a_wrong_key_say_what_the_gateway_said()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ => RpcReply.Refused(new RpcError(ErrorCodes.NoGateway, "no usable gateway"));

        var refused = await RunAsync(With(gateway, "call", "sip:100@127.0.0.1", "--play", "x"));
        var post = await RunAsync("calls", "--url", gateway.Url, "--key", "another");
        var socket = await RunAsync("call", "sip:100@127.0.0.1", "--play", "x", "--url", gateway.Url, "--key", "another");

        (refused.Code, refused.Error).ShouldBe((1, "cti: sys.call.construct: no usable gateway (error 480)\n"));
        foreach (var wrong in new[] { post, socket })
            (wrong.Code, wrong.Error).ShouldBe((1, $"cti: {new Uri(gateway.Url)} refuses the key; name the right one with --keys-file or --key\n"));
    }

    [Theory]
    [InlineData("status")]
    [InlineData("calls")]
    [InlineData("call", "sip:a@b", "--play", "x")]
    public async Task Without_a_node_the_error_names_the_URL_and_what_to_do(params string[] arguments)
    {
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var url = $"http://127.0.0.1:{((IPEndPoint)closed.LocalEndPoint!).Port}/";

        var result = await RunAsync([.. arguments, "--url", url, "--key", "k"]);

        result.Code.ShouldBe(1);
        result.Error.ShouldStartWith($"cti: no gateway answers at {url} (");
        result.Error.ShouldContain("start a node with cti run");
    }

    [Fact]
    public async Task Without_a_key_the_error_names_the_file_and_what_to_do()
    {
        var result = await RunAsync("calls", "--keys-file", "/no/such/file");

        result.Code.ShouldBe(1);
        result.Error.ShouldContain("/no/such/file");
        result.Error.ShouldContain("--keys-file");
    }

    [Fact]
    public async Task The_key_comes_from_the_first_line_of_the_file()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Answer = _ => ScriptedGateway.Result("""{"items":[],"next":null}""");
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, ScriptedGateway.Key + "\n");

            var result = await RunAsync("calls", "--url", gateway.Url, "--keys-file", file);

            (result.Code, result.Out).ShouldBe((0, "0 calls\n"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_new_key_comes_with_a_line_that_the_configuration_takes()
    {
        var result = await RunAsync("key", "new", "my.app");

        result.Code.ShouldBe(0);
        var lines = result.Out.Split('\n');
        var (key, line) = (lines[1], lines[3]);
        key.Length.ShouldBeGreaterThan(32);
        result.Out.Split(key).Length.ShouldBe(2, "the key is shown once");
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, line);
            var application = NodeConfigurationLoader.Load(ConfigurationSources.None with { File = file }).Gateway.Applications["my.app"];
            ("sha256:" + application.Keys.ShouldHaveSingleItem()).ShouldBe(DefaultKey.Hash(key));
        }
        finally
        {
            File.Delete(file);
        }
        (await RunAsync("key", "new", "a b")).Error.ShouldContain("is no name of an application");
    }

    [Fact]
    public async Task Run_with_a_wrong_configuration_prints_every_problem_and_does_not_start()
    {
        var result = await RunAsync("run", "--set", "cti.area=x", "--set", "cti.sip.lisen=y");

        result.Code.ShouldBe(2);
        result.Error.ShouldContain("--set cti.area: cti.area: \"x\" is wrong; right is a whole number 0..999999\n");
        result.Error.ShouldContain("--set cti.sip.lisen: cti.sip.lisen: unknown key; cti.sip.listen is probably meant\n");
        result.Error.ShouldEndWith("The configuration is wrong in 2 places; the node does not start.\n");
        (await RunAsync("run", "--config", "/no/such.conf")).Error.ShouldStartWith("/no/such.conf: no such file\n");
    }

    [Theory]
    [InlineData("bogus")]
    [InlineData("call", "sip:a@b")]
    [InlineData("calls", "--limit", "0")]
    [InlineData("calls", "--limit", "many")]
    [InlineData("key", "new")]
    public async Task A_wrong_command_line_is_refused(params string[] arguments)
    {
        var result = await RunAsync(arguments);

        result.Code.ShouldBe(2);
        result.Error.ShouldStartWith("cti: ");
    }

    [Fact]
    public async Task Help_lists_the_commands()
    {
        var result = await RunAsync("--help");

        result.Code.ShouldBe(0);
        foreach (var command in new[] { "run", "status", "calls", "call", "key" }) result.Out.ShouldMatch($@"(?m)^\s+{command}\b");
    }
}
