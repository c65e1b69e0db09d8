using System.Net;
using System.Text;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Gateway.Tests;

public sealed class EventStreamTests : IAsyncLifetime
{
    private GatewayUnderTest _gateway = null!;

    public async Task InitializeAsync() => _gateway = await GatewayUnderTest.StartAsync(o => o with { KeepAliveMillis = 100 });

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    private async Task<HttpResponseMessage> GetAsync(string query = "", string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_gateway.Base, "/v2/events" + query));
        request.Headers.Authorization = new("Bearer", GatewayUnderTest.Key);
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip");
        if (lastEventId is not null) request.Headers.Add("Last-Event-ID", lastEventId);
        return await _gateway.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Patience.Long);
    }

    private static async Task<string> NextLineAsync(StreamReader reader, Func<string, bool> which)
    {
        while (true)
        {
            var line = await reader.ReadLineAsync().WaitAsync(Patience.Long);
            if (which(line.ShouldNotBeNull())) return line!;
        }
    }

    [Fact]
    public async Task Events_come_with_their_cursor_as_id()
    {
        using var response = await GetAsync();
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        response.Content.Headers.ContentEncoding.ShouldBeEmpty();
        var feed = await _gateway.Feeds.NextAsync();
        feed.Subscriptions.ShouldBeEmpty("without a cursor the feed is live");
        feed.Push(FakeFeed.Event(1), FakeFeed.Event(2));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        (await NextLineAsync(reader, l => l.StartsWith("id:", StringComparison.Ordinal))).ShouldBe("id: c1");
        (await reader.ReadLineAsync()).ShouldBe(
            """data: {"jsonrpc":"2.0","method":"sys.call.on_ringing","params":{}"""
                + ""","meta":{"cursor":"c1","seq":1,"time":1700000000001,"res_id":"0.0.7-sys.call-42"}}""");
        (await reader.ReadLineAsync()).ShouldBe("");
        (await NextLineAsync(reader, l => l.StartsWith("id:", StringComparison.Ordinal))).ShouldBe("id: c2");
    }

    [Theory]
    [InlineData("?from=c5", null, "c5")]
    [InlineData("?from=earliest", null, "earliest")]
    [InlineData("", "c6", "c6")]
    [InlineData("?from=c5", "c6", "c6")]
    public async Task A_stream_resumes_from_its_cursor(string query, string? lastEventId, string from)
    {
        using var response = await GetAsync(query, lastEventId);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await _gateway.Feeds.NextAsync()).Subscriptions.ShouldBe([(from, null)]);
    }

    [Theory]
    [InlineData(ErrorCodes.Gone, HttpStatusCode.Gone)]
    [InlineData(ErrorCodes.InvalidParams, HttpStatusCode.BadRequest)]
    public async Task A_cursor_that_cannot_be_resumed_is_said_so(int code, HttpStatusCode status)
    {
        _gateway.Feeds.Prepare = feed => feed.OnSubscribe = (_, _) => new FeedPosition(null, new RpcError(code, "no").With("earliest", "c9"));
        using var response = await GetAsync("?from=c1");
        response.StatusCode.ShouldBe(status);
        GatewayUnderTest.Json(await response.Content.ReadAsStringAsync()).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(code);
    }

    [Fact]
    public async Task A_quiet_stream_carries_comments_and_then_events_still()
    {
        using var response = await GetAsync();
        var feed = await _gateway.Feeds.NextAsync();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        await NextLineAsync(reader, l => l == ":");
        await NextLineAsync(reader, l => l == ":");
        feed.Push(FakeFeed.Event(9));
        await NextLineAsync(reader, l => l == "id: c9");
    }

    [Fact]
    public async Task A_reader_that_leaves_gives_its_feed_back()
    {
        var response = await GetAsync();
        var feed = await _gateway.Feeds.NextAsync();
        response.Dispose();
        await feed.Disposed.Task.WaitAsync(Patience.Long);
    }

    [Fact]
    public async Task A_stream_that_its_feed_outran_ends_and_so_do_all_when_the_gateway_stops()
    {
        using var slow = await GetAsync();
        var slowFeed = await _gateway.Feeds.NextAsync();
        using var other = await GetAsync();
        var otherFeed = await _gateway.Feeds.NextAsync();
        slowFeed.Overrun();
        (await new StreamReader(await slow.Content.ReadAsStreamAsync()).ReadToEndAsync().WaitAsync(Patience.Long)).ShouldStartWith(": connected\n\n");
        await _gateway.Server.StopAsync().WaitAsync(Patience.Long);
        await otherFeed.Disposed.Task.WaitAsync(Patience.Long);
    }

    [Fact]
    public async Task A_reader_that_takes_nothing_is_disconnected()
    {
        await using var impatient = await GatewayUnderTest.StartAsync(o => o with { SlowReaderMillis = 300 });
        var text = $$"""{"filler":"{{new string('x', 16_000)}}"}""";
        impatient.Feeds.Prepare = feed => feed.Source = () => FakeFeed.Event(1, "live", text);
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync("127.0.0.1", impatient.Server.Port);
        await tcp.GetStream()
            .WriteAsync(Encoding.ASCII.GetBytes($"GET /v2/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {GatewayUnderTest.Key}\r\n\r\n"));
        await (await impatient.Feeds.NextAsync()).Disposed.Task.WaitAsync(Patience.Long);
        impatient.Log.Lines.ShouldContain(l => l.Kind == LogEvents.GatewaySlowReader);
    }
}
