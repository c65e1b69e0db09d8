using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>The program's other commands, against a running node.</summary>
[Collection(SharedNode.Name)]
public sealed class CommandLineTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task Status_says_that_the_node_is_ready()
    {
        var (code, text) = await Node.CommandAsync("status", "--url", Node.Url);
        code.ShouldBe(0, text);
        text.ShouldContain("is ready");
        text.ShouldContain("gateway, media");
    }

    [Fact]
    public async Task Calls_lists_what_is_up()
    {
        var (call, res) = await InboundAsync();
        var (code, text) = await Node.CommandAsync("calls", "--url", Node.Url, "--state", "Idle");
        code.ShouldBe(0, text);
        text.ShouldContain(res);
        text.ShouldContain("inbound");
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Call_places_a_call_plays_a_file_and_hangs_up()
    {
        var data = Sound.Noise(61, 4000);
        Sound.Write(Node.MediaRoot, "from-the-shell.wav", Sound.ALaw, data);
        var running = Node.CommandAsync("call", $"sip:shell@{Phone.Address}", "--play", "from-the-shell.wav", "--url", Node.Url);
        var call = await Phone.InvitedAsync();
        await call.PickUpAsync();
        await call.ByeAsync();
        var (code, text) = await running;
        code.ShouldBe(0, text);
        text.ShouldContain("sys.call.on_dial_completed");
        text.ShouldContain("sys.call.on_released");
        call.Rtp.Heard(8).AsSpan().IndexOf(data).ShouldBeGreaterThanOrEqualTo(0, "the file was heard");
    }

    [Fact]
    public async Task A_call_that_is_refused_fails_the_command()
    {
        var running = Node.CommandAsync("call", $"sip:shell@{Phone.Address}", "--play", "from-the-shell.wav", "--url", Node.Url);
        (await Phone.InvitedAsync()).Refuse(486);
        var (code, text) = await running;
        code.ShouldNotBe(0);
        text.ShouldContain("486");
    }

    [Fact]
    public async Task Key_makes_a_key_that_a_node_accepts()
    {
        var (code, text) = await Node.CommandAsync("key", "new", "billing");
        code.ShouldBe(0, text);
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static l => l.Trim()).ToArray();
        var line = lines.Single(static l => l.Contains("sha256:", StringComparison.Ordinal));
        await using var node = await NodeProcess.StartAsync(configuration: line + "\n");
        await using var app = await RpcClient.ConnectAsync(node, key: lines[1]);
        (await app.AskAsync("sys.call.list"))!["items"]!.AsArray().Count.ShouldBe(0);
        await Should.ThrowAsync<System.Net.WebSockets.WebSocketException>(() => RpcClient.ConnectAsync(node, key: "another"));
    }

    [Fact]
    public async Task A_wrong_configuration_stops_the_start_and_names_key_and_place()
    {
        var file = Path.Combine(Node.Folder, "wrong.conf");
        await File.WriteAllTextAsync(file, "cti.sip {\n  listen = [\"udp:127.0.0.1:0\"]\n  no-such-key = 1\n}\n");
        var (code, text) = await Node.CommandAsync("run", "--config", file);
        code.ShouldNotBe(0);
        text.ShouldContain("cti.sip.no-such-key");
        text.ShouldContain("wrong.conf");
        text.ShouldContain("3");
    }
}
