using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>A process has only so many files and sockets: each kind runs out alone.</summary>
public sealed class DescriptorTests
{
    private const int Few = 650;

    private static Socket Connect(int port, string from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        socket.Connect(IPAddress.Loopback, port);
        return socket;
    }

    private static async Task<double> MetricAsync(NodeProcess node, string name)
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(new Uri(node.Url + "/metrics"));
        var line = text.Split('\n').First(line => line.StartsWith(name, StringComparison.Ordinal));
        return double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture);
    }

    private static async Task<(string Res, PhoneCall Call)> CallAsync(NodeProcess node, RpcClient app, TestPhone phone, string user)
    {
        var call = phone.Call(node, user);
        var res = await app.IncomingAsync(user);
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 120 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);
        return (res, call);
    }

    [Theory]
    [InlineData("gateway")]
    [InlineData("sip")]
    public async Task A_flood_of_idle_connections_leaves_calls_and_applications_alone(string target)
    {
        await using var node = await NodeProcess.StartAsync(filesMax: Few);
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var (res, call) = await CallAsync(node, app, phone, "before");
        var prompt = Sound.Write(node.MediaRoot, "long.wav", Sound.ALaw, Sound.Noise(71, 480_000));
        await app.AskAsync("sys.call.play_start", new { res_id = res, content = prompt });

        var before = await MetricAsync(node, "cti_descriptors_in_use");
        var flood = new List<Socket>();
        for (var i = 0; i < 2_000; i++) flood.Add(Connect(target == "gateway" ? node.HttpPort : node.SipPort, $"127.0.0.{1 + (i % 50)}"));

        var heard = call.Rtp.Packets.Count;
        using (var http = new HttpClient()) (await http.GetAsync(new Uri(node.Url + "/readyz"))).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await MetricAsync(node, "cti_descriptors_in_use")).ShouldBeLessThan(Few - 50);
        var (second, newCall) = await CallAsync(node, app, phone, "during");
        await app.AskAsync("sys.call.record_start", new { res_id = second, max_seconds = 10, beep = false, record_file = "during.wav" });
        await app.AskAsync("sys.call.drop", new { res_id = second });
        await newCall.ByeAsync();
        await Patience.UntilAsync(() => call.Rtp.Packets.Count > heard + 25, "the announcement goes on");
        foreach (var socket in flood) socket.Dispose();
        await app.AskAsync("sys.call.drop", new { res_id = res });
        await call.ByeAsync();
        await Patience.UntilAsync(() => MetricAsync(node, "cti_descriptors_in_use").GetAwaiter().GetResult() < before + 60,
            "the flood's descriptors are free again");
    }

    [Fact]
    public async Task Calls_past_their_part_are_refused_with_503_and_Retry_After_and_the_gateway_answers()
    {
        await using var node = await NodeProcess.StartAsync(filesMax: 560);
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var most = (int)await MetricAsync(node, "cti_descriptors_share{kind=\"media\"");
        most.ShouldBeInRange(16, 59);
        var calls = new List<(string Res, PhoneCall Call)>();
        for (var i = 0; i < most; i++) calls.Add(await CallAsync(node, app, phone, $"user{i}"));
        var refused = phone.Call(node, "one-too-many");
        var final = await refused.FinalAsync();
        final.Status.ShouldBe(503);
        final.Header("Retry-After").ShouldNotBeEmpty();
        (await app.RefusedAsync("sys.call.construct", new { to_uri = $"sip:x@{phone.Address}", max_answer_seconds = 10 })).ShouldBe(503);
        var heard = calls[0].Call.Rtp.Packets.Count;
        await Patience.UntilAsync(() => calls[0].Call.Rtp.Packets.Count > heard, "sound goes on");
        await app.AskAsync("sys.call.drop", new { res_id = calls[0].Res });
        await calls[0].Call.ByeAsync();
        await Patience.UntilAsync(() => MetricAsync(node, "cti_media_sessions").GetAwaiter().GetResult() < most, "the session is closed");
        await CallAsync(node, app, phone, "room-again");
    }

    [Fact]
    public async Task A_limit_that_is_of_no_use_stops_the_start_with_what_would_be_right()
    {
        var fault = (await Record.ExceptionAsync(() => NodeProcess.StartAsync(filesMax: 200))).ShouldNotBeNull();
        fault.Message.ShouldContain("the limit of open files is 200");
        fault.Message.ShouldContain("LimitNOFILE");
        fault.Message.ShouldContain("ended with 1");
    }
}
