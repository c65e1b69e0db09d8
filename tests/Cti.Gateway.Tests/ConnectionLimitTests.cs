using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Gateway.Connections;

namespace Cti.Gateway.Tests;

/// <summary>Too many connections: each is told so, and those that are there go on.</summary>
public sealed class ConnectionLimitTests
{
    private static Task<GatewayUnderTest> StartAsync(int max) => GatewayUnderTest.StartAsync(options => options with { ConnectionsMax = max });

    private static Socket Connect(GatewayUnderTest gateway, string from = "127.0.0.1")
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        socket.Connect(IPAddress.Loopback, gateway.Server.Port);
        return socket;
    }

    private static string ReadToEnd(Socket socket)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        for (int count; (count = socket.Receive(buffer)) > 0;) text.Append(Encoding.ASCII.GetString(buffer, 0, count));
        return text.ToString();
    }

    private static string Ask(Socket socket, string path, string more = "")
    {
        socket.Send(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n"));
        var buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
    }

    private static string Post(Socket socket, string key)
    {
        const string Nop = """{"jsonrpc":"2.0","method":"sys.call.nop","params":["r"],"id":1}""";
        socket.Send(Encoding.ASCII.GetBytes($"POST /v2/rpc HTTP/1.1\r\nHost: a\r\n{WithKey(key)}Content-Type: application/json\r\n"
            + $"Content-Length: {Nop.Length}\r\n\r\n{Nop}"));
        var buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
    }

    private static string WithKey(string key = GatewayUnderTest.Key) => $"Authorization: Bearer {key}\r\n";

    /// <summary>Whether the gateway has left it open; what it has said on it is read.</summary>
    private static bool IsOpen(Socket socket)
    {
        var buffer = new byte[4096];
        try
        {
            while (socket.Poll(50_000, SelectMode.SelectRead))
                if (socket.Receive(buffer) == 0) return false;
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [Fact]
    public async Task One_address_without_a_key_has_a_quarter_and_gets_503_with_Retry_After_past_it()
    {
        await using var gateway = await StartAsync(40);
        var held = Enumerable.Range(0, 10).Select(_ => Connect(gateway)).ToList();
        foreach (var socket in held) Ask(socket, "/healthz").ShouldStartWith("HTTP/1.1 200");
        using var refused = Connect(gateway);
        refused.Send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"u8);
        var answer = ReadToEnd(refused);
        answer.ShouldStartWith("HTTP/1.1 503");
        answer.ShouldContain("Retry-After: 1");
        using var neighbour = Connect(gateway, "127.0.0.2");
        Ask(neighbour, "/healthz").ShouldStartWith("HTTP/1.1 200");
        Ask(held[0], "/healthz").ShouldStartWith("HTTP/1.1 200");
        held[1].Dispose();
        await UntilAsync(() =>
        {
            using var again = Connect(gateway);
            return Ask(again, "/healthz").StartsWith("HTTP/1.1 200", StringComparison.Ordinal);
        });
        held.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task Connections_with_a_key_do_not_count_against_their_address()
    {
        await using var gateway = await StartAsync(40);
        var held = Enumerable.Range(0, 30).Select(_ =>
        {
            var socket = Connect(gateway);
            Ask(socket, "/v2/rpc", $"Authorization: Bearer {GatewayUnderTest.Key}\r\n").ShouldStartWith("HTTP/1.1 405");
            return socket;
        }).ToList();
        using var stranger = Connect(gateway);
        Ask(stranger, "/healthz").ShouldStartWith("HTTP/1.1 200");
        held.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task Connections_that_asked_nothing_make_room_when_all_are_taken()
    {
        await using var gateway = await StartAsync(8);
        var idle = new List<Socket>();
        foreach (var from in new[] { "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5" })
        {
            idle.Add(Connect(gateway, from));
            idle.Add(Connect(gateway, from));
        }
        await UntilAsync(() => gateway.Server.OpenConnections == 8);
        using var prober = Connect(gateway, "127.0.0.6");
        Ask(prober, "/readyz").ShouldStartWith("HTTP/1.1 ");
        idle[0].Poll(5_000_000, SelectMode.SelectRead).ShouldBeTrue("the one that has been there longest is closed");
        idle.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task An_address_full_of_connections_that_asked_nothing_still_gets_an_answer()
    {
        await using var gateway = await StartAsync(40);
        var idle = Enumerable.Range(0, 30).Select(_ => Connect(gateway)).ToList();
        await UntilAsync(() => gateway.Server.OpenConnections >= 10);
        using var prober = Connect(gateway);
        Ask(prober, "/healthz").ShouldStartWith("HTTP/1.1 200");
        gateway.Server.OpenConnections.ShouldBeLessThanOrEqualTo(10);
        idle.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task When_all_are_busy_the_next_is_refused_and_none_of_them_is_disturbed()
    {
        await using var gateway = await StartAsync(8);
        var held = new List<Socket>();
        for (var i = 0; i < 8; i++)
        {
            held.Add(Connect(gateway, $"127.0.0.{2 + (i / 2)}"));
            Ask(held[^1], "/v2/events", WithKey()).ShouldStartWith("HTTP/1.1 200");
        }
        using var next = Connect(gateway, "127.0.0.9");
        ReadToEnd(next).ShouldStartWith("HTTP/1.1 503");
        foreach (var socket in held) IsOpen(socket).ShouldBeTrue("it waits for events");
        held.ForEach(static socket => socket.Dispose());
    }

    [Theory]
    [InlineData(GatewayUnderTest.Key)]
    [InlineData(null)]
    public async Task What_waits_between_two_requests_keeps_nobody_out(string? key)
    {
        await using var gateway = await StartAsync(16);
        var held = new List<Socket>();
        for (var i = 0; i < 16; i++)
        {
            held.Add(Connect(gateway, $"127.0.0.{2 + (i / 4)}"));
            (key is null ? Ask(held[^1], "/healthz") : Post(held[^1], key)).ShouldStartWith("HTTP/1.1 200");
        }
        using var socket = Connect(gateway, "127.0.0.9");
        Ask(socket, "/v2/events", WithKey(GatewayUnderTest.AdminKey)).ShouldStartWith("HTTP/1.1 200");
        using var prober = Connect(gateway, "127.0.0.10");
        Ask(prober, "/readyz").ShouldStartWith("HTTP/1.1 ");
        held.Select(IsOpen).ShouldBe([false, false, .. Enumerable.Repeat(true, 14)], "those that have waited longest have gone");
        held.ForEach(static one => one.Dispose());
    }

    [Fact]
    public async Task Room_is_made_by_the_application_that_keeps_most_for_later()
    {
        await using var gateway = await StartAsync(16);
        var few = Enumerable.Range(0, 3).Select(_ => Kept(GatewayUnderTest.AdminKey)).ToList();
        var many = Enumerable.Range(0, 13).Select(_ => Kept(GatewayUnderTest.Key)).ToList();
        for (var i = 0; i < 5; i++) few.Add(Kept(GatewayUnderTest.AdminKey));
        few.ShouldAllBe(static socket => IsOpen(socket));
        many.Count(IsOpen).ShouldBe(8);
        few.Concat(many).ToList().ForEach(static socket => socket.Dispose());

        Socket Kept(string key)
        {
            var socket = Connect(gateway);
            Post(socket, key).ShouldStartWith("HTTP/1.1 200");
            return socket;
        }
    }

    [Fact]
    public async Task One_that_has_just_come_is_not_the_first_to_make_room()
    {
        await using var gateway = await StartAsync(8);
        var held = new List<Socket>();
        for (var i = 0; i < 7; i++)
        {
            held.Add(Connect(gateway, $"127.0.0.{2 + (i / 2)}"));
            Ask(held[^1], "/healthz").ShouldStartWith("HTTP/1.1 200");
        }
        using var silent = Connect(gateway, "127.0.0.8");
        await UntilAsync(() => gateway.Server.OpenConnections == 8);
        using (var next = Connect(gateway, "127.0.0.9")) Ask(next, "/healthz").ShouldStartWith("HTTP/1.1 200");
        IsOpen(silent).ShouldBeTrue();
        held.Select(IsOpen).ShouldBe([false, .. Enumerable.Repeat(true, 6)]);
        held.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task Requests_under_way_of_one_application_leave_three_quarters_of_the_places()
    {
        await using var gateway = await StartAsync(16);
        var slow = Enumerable.Range(2, 5).Select(Begun).ToList();
        await UntilAsync(() => slow.Exists(static socket => socket.Poll(0, SelectMode.SelectRead)));
        var refused = slow.Where(static socket => socket.Poll(0, SelectMode.SelectRead)).ShouldHaveSingleItem();
        var buffer = new byte[4096];
        Encoding.ASCII.GetString(buffer, 0, refused.Receive(buffer)).ShouldStartWith("HTTP/1.1 429");
        using var other = Connect(gateway);
        Post(other, GatewayUnderTest.AdminKey).ShouldStartWith("HTTP/1.1 200");
        slow.ForEach(static socket => socket.Dispose());
        await UntilAsync(() =>
        {
            using var again = Connect(gateway);
            return Post(again, GatewayUnderTest.Key).StartsWith("HTTP/1.1 200", StringComparison.Ordinal);
        });

        // A POST whose body is on its way.
        Socket Begun(int from)
        {
            var socket = Connect(gateway, $"127.0.0.{from}");
            socket.Send(Encoding.ASCII.GetBytes($"POST /v2/rpc HTTP/1.1\r\nHost: a\r\n{WithKey()}Content-Length: 100\r\n\r\n{{"));
            return socket;
        }
    }

    [Fact]
    public async Task A_connection_that_asks_nothing_for_ten_seconds_is_closed_and_one_that_has_asked_stays()
    {
        await using var gateway = await StartAsync(40);
        using var silent = Connect(gateway);
        using var speaks = Connect(gateway);
        Ask(speaks, "/healthz").ShouldStartWith("HTTP/1.1 200");
        await UntilAsync(() => gateway.Server.OpenConnections == 2);
        gateway.Clock.AdvanceMillis(10_001);
        await UntilAsync(() => gateway.Server.OpenConnections == 1);
        Ask(speaks, "/healthz").ShouldStartWith("HTTP/1.1 200");
    }

    [Theory]
    [InlineData("/readyz")]
    [InlineData("/nodes/far/drain")]
    public async Task A_503_says_when_to_come_again(string path)
    {
        await using var gateway = await StartAsync(40);
        gateway.Status.WhyNotReady = "the journal cannot be reached";
        using var request = new HttpRequestMessage(path == "/readyz" ? HttpMethod.Get : HttpMethod.Post, new Uri(gateway.Base, path));
        request.Headers.Add("Authorization", $"Bearer {GatewayUnderTest.AdminKey}");
        using var response = await gateway.Http.SendAsync(request);
        response.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        response.Headers.RetryAfter.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_flood_of_idle_connections_ends_with_as_many_as_before()
    {
        await using var gateway = await StartAsync(40);
        for (var i = 0; i < 500; i++) Connect(gateway).Dispose();
        await UntilAsync(() => gateway.Server.OpenConnections == 0);
        using var after = Connect(gateway);
        Ask(after, "/healthz").ShouldStartWith("HTTP/1.1 200");
    }

    [Theory]
    [InlineData("10.1.2.3", "10.1.2.3")]
    [InlineData("::ffff:10.1.2.3", "10.1.2.3")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    [InlineData("::1", "::1")]
    public void An_address_stands_for_whoever_has_its_network(string remote, string source) =>
        ConnectionGate.SourceOf(new IPEndPoint(IPAddress.Parse(remote), 1)).ShouldBe(IPAddress.Parse(source));

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!condition()) await Task.Delay(20, patience.Token);
    }
}
