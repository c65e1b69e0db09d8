using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Contract;

namespace Cti.Gateway.Tests;

/// <summary>HTTP as clients of every kind write it.</summary>
public sealed class HttpTests : IAsyncLifetime
{
    private const string Nop = """{"jsonrpc":"2.0","method":"sys.call.nop","params":["r"],"id":1}""";
    private GatewayUnderTest _gateway = null!;

    public async Task InitializeAsync() => _gateway = await GatewayUnderTest.StartAsync();

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    /// <summary>Sends bytes as they are and answers all that comes back until the gateway closes.</summary>
    private async Task<string> RawAsync(string head, byte[] body)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.0.1", _gateway.Server.Port);
        var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.ReplaceLineEndings("\r\n") + "\r\n\r\n"));
        await stream.WriteAsync(body);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync().WaitAsync(Patience.Long);
    }

    private static string Head(string method, string path, string more) =>
        $"{method} {path} HTTP/1.1\nHost: 127.0.0.1\nConnection: close\nAuthorization: Bearer {GatewayUnderTest.Key}\n{more}";

    [Fact]
    public async Task A_post_without_a_content_type_is_read_as_json()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_gateway.Base, "/v2/rpc"))
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Nop)),
        };
        request.Headers.Authorization = new("Bearer", GatewayUnderTest.Key);
        request.Content.Headers.ContentType.ShouldBeNull();
        using var response = await _gateway.Http.SendAsync(request);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await RawAsync(Head("POST", "/v2/rpc", $"Content-Type:\nContent-Length: {Nop.Length}"), Encoding.UTF8.GetBytes(Nop))).ShouldContain("\"result\":null");
        _gateway.Router.Asked.Length.ShouldBe(2);
    }

    [Fact]
    public async Task A_byte_order_mark_before_the_text_is_passed_over()
    {
        byte[] marked = [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Nop)];
        (await RawAsync(Head("POST", "/v2/rpc", $"Content-Type: application/json\nContent-Length: {marked.Length}"), marked)).ShouldContain("\"result\":null");
        using var client = await _gateway.ConnectAsync();
        await client.SendAsync(marked, endOfMessage: true);
        (await client.ReceiveAsync()).GetProperty("id").GetInt32().ShouldBe(1);
        (await RawAsync(Head("POST", "/v2/rpc", "Content-Length: 3"), [0xEF, 0xBB, 0xBF])).ShouldContain("-32700");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task A_body_in_chunks_of_any_size_is_one_request(int size)
    {
        var chunked = new StringBuilder();
        foreach (var piece in Nop.Chunk(size))
            chunked.Append(System.Globalization.CultureInfo.InvariantCulture, $"{piece.Length:x}\r\n{new string(piece)}\r\n");
        chunked.Append("0\r\n\r\n");
        (await RawAsync(Head("POST", "/v2/rpc", "Content-Type: application/json\nTransfer-Encoding: chunked"), Encoding.ASCII.GetBytes(chunked.ToString())))
            .ShouldContain("\"result\":null");
    }

    [Fact]
    public async Task A_body_that_is_not_what_its_header_says_is_400()
    {
        var answer = await RawAsync(Head("POST", "/v2/rpc", "Content-Type: application/json\nTransfer-Encoding: chunked"), "xyz\r\n"u8.ToArray());
        answer.ShouldStartWith("HTTP/1.1 400");
        _gateway.Router.Asked.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_compressed_body_is_415_and_says_what_would_be_right()
    {
        var answer = await RawAsync(Head("POST", "/v2/rpc", $"Content-Type: application/json\nContent-Encoding: gzip\nContent-Length: {Nop.Length}"),
            Encoding.UTF8.GetBytes(Nop));
        answer.ShouldStartWith("HTTP/1.1 415");
        answer.ShouldContain("Accept-Encoding: identity");
    }

    [Theory]
    [InlineData("HEAD", "/healthz", "200")]
    [InlineData("HEAD", "/v2/events", "405")]
    [InlineData("PUT", "/v2/rpc", "405")]
    [InlineData("DELETE", "/v1/events", "405")]
    public async Task Other_verbs_are_answered_and_nothing_hangs(string verb, string path, string status) =>
        (await RawAsync(Head(verb, path, "Content-Length: 0"), [])).ShouldStartWith($"HTTP/1.1 {status}");

    [Theory]
    [InlineData("/v1/rpc")]
    [InlineData("/v2/rpc")]
    [InlineData("/v1/events")]
    [InlineData("/v2/events")]
    public async Task A_page_of_another_origin_may_ask(string path)
    {
        var preflight = await RawAsync($"OPTIONS {path} HTTP/1.1\nHost: 127.0.0.1\nConnection: close\nOrigin: https://pages.example\n"
            + "Access-Control-Request-Method: POST\nAccess-Control-Request-Headers: authorization,content-type", []);
        preflight.ShouldStartWith("HTTP/1.1 204");
        preflight.ShouldContain("Access-Control-Allow-Origin: *");
        preflight.ShouldContain("Access-Control-Allow-Headers: Authorization, Content-Type, Last-Event-ID");
        var refused = await RawAsync($"POST {path} HTTP/1.1\nHost: 127.0.0.1\nConnection: close\nOrigin: https://pages.example\nContent-Length: 0", []);
        refused.ShouldStartWith("HTTP/1.1 401");
        refused.ShouldContain("Access-Control-Allow-Origin: *", customMessage: "the page reads why");
        (await RawAsync("GET /metrics HTTP/1.1\nHost: 127.0.0.1\nConnection: close\nOrigin: https://pages.example", []))
            .ShouldNotContain("Access-Control", customMessage: "what needs no key is not for pages");
    }

    [Fact]
    public async Task A_taken_port_is_named()
    {
        var url = $"http://127.0.0.1:{_gateway.Server.Port}";
        var unusable = await Should.ThrowAsync<Kernel.ListenException>(() => GatewayUnderTest.StartAsync(o => o with { Listen = ["http://127.0.0.1:0", url] }));
        unusable.Message.ShouldBe($"{url} is in use by another process: end that one, or listen at another port");
    }

    [Theory]
    [InlineData("Host: cti.example:8443", "http://cti.example:8443")]
    [InlineData("Host: cti.example", "http://cti.example")]
    [InlineData("Host: [2001:db8::1]:80", "http://[2001:db8::1]:80")]
    [InlineData("Host: cti.example\nX-Forwarded-Proto: https", "https://cti.example")]
    [InlineData("Host: cti.example\nX-Forwarded-Proto: javascript", "http://cti.example")]
    [InlineData("Host: ", null)]
    [InlineData("Host: a..b\"}", null)]
    [InlineData("Host: cti.example:99999", null)]
    public async Task Discover_names_the_server_as_it_was_reached(string host, string? server)
    {
        const string Discover = """{"jsonrpc":"2.0","method":"rpc.discover","id":1}""";
        var answer = await RawAsync($"POST /v2/rpc HTTP/1.1\n{host}\nConnection: close\nAuthorization: Bearer {GatewayUnderTest.Key}\n"
            + $"Content-Length: {Discover.Length}", Encoding.ASCII.GetBytes(Discover));
        if (answer.StartsWith("HTTP/1.1 400", StringComparison.Ordinal) && server is null) return;
        server ??= $"http://127.0.0.1:{_gateway.Server.Port}";
        var servers = GatewayUnderTest.Json(answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]).GetProperty("result").GetProperty("servers");
        servers.EnumerateArray().Select(s => s.GetProperty("url").GetString()).ShouldBe([server + "/v2/rpc", string.Concat("ws", server.AsSpan(4), "/v2/rpc")]);
    }

    [Fact]
    public async Task Over_a_socket_discover_names_the_address_of_the_handshake()
    {
        foreach (var generation in (ApiGeneration[])[ApiGeneration.V1, ApiGeneration.V2])
        {
            using var client = await _gateway.ConnectAsync(generation);
            await client.RequestAsync("1", "rpc.discover");
            (await client.ReceiveAsync()).GetProperty("result").GetProperty("servers")[1].GetProperty("url").GetString()
                .ShouldBe($"ws://127.0.0.1:{_gateway.Server.Port}/v{(int)generation}/rpc");
        }
    }
}
