using System.Net;
using System.Net.WebSockets;
using Cti.Gateway.Access;
using Cti.Kernel;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cti.Gateway.Tests;

public sealed class AccessTests : IAsyncLifetime
{
    private const string Nop = """{"jsonrpc":"2.0","id":7,"method":"sys.call.nop","params":["0.0.7-sys.call-1"]}""";
    private GatewayUnderTest _gateway = null!;

    public async Task InitializeAsync() => _gateway = await GatewayUnderTest.StartAsync();

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    [Theory]
    [InlineData(null)]
    [InlineData("cti_of-nobody")]
    [InlineData("cti_test-key-of-the-default-applicatio")]
    public async Task Without_a_key_a_post_is_401(string? key)
    {
        using var response = await _gateway.PostAsync(Nop, key: key);
        response.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        response.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer");
        GatewayUnderTest.Json(await response.Content.ReadAsStringAsync()).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(401);
        _gateway.Router.Asked.ShouldBeEmpty();
        _gateway.Log.Lines.ShouldContain(l => l.Kind == LogEvents.GatewayUnauthorized);
        if (key is not null) _gateway.Log.Lines.ShouldNotContain(l => l.Text.Contains(key));
    }

    [Fact]
    public async Task A_socket_without_a_key_is_refused_at_the_handshake()
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        await Should.ThrowAsync<WebSocketException>(() =>
            socket.ConnectAsync(new Uri($"ws://127.0.0.1:{_gateway.Server.Port}/v2/rpc?access_token=wrong"), CancellationToken.None));
        socket.HttpStatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_socket_and_an_event_stream_may_pass_their_key_in_the_query_and_a_post_may_not()
    {
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{_gateway.Server.Port}/v2/rpc?access_token={GatewayUnderTest.Key}"), CancellationToken.None);
        (await _gateway.Feeds.NextAsync()).Application.ShouldBe("default");
        using var post = await _gateway.Http.PostAsync(new Uri(_gateway.Base, $"/v2/rpc?access_token={GatewayUnderTest.Key}"), new StringContent(Nop));
        post.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        foreach (var generation in (string[])["v1", "v2"])
        {
            using var events = await _gateway.Http.GetAsync(new Uri(_gateway.Base, $"/{generation}/events?access_token={GatewayUnderTest.Key}"),
                HttpCompletionOption.ResponseHeadersRead);
            events.StatusCode.ShouldBe(HttpStatusCode.OK);
            (await _gateway.Feeds.NextAsync()).Application.ShouldBe("default");
            using var wrong = await _gateway.Http.GetAsync(new Uri(_gateway.Base, $"/{generation}/events?access_token=cti_wrong-key"));
            wrong.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        }
        foreach (var key in (string[])[GatewayUnderTest.Key, "cti_wrong-key", "access_token"])
            _gateway.Log.Lines.ShouldAllBe(line => !line.Text.Contains(key), "no key is ever logged");
    }

    [Fact]
    public async Task Over_the_rate_requests_are_429_until_time_has_passed()
    {
        async Task<int> Code() => (await _gateway.CallAsync(Nop, key: GatewayUnderTest.LimitedKey)).TryGetProperty("error", out var error)
            ? error.GetProperty("code").GetInt32() : 0;
        for (var i = 0; i < 3; i++) (await Code()).ShouldBe(0);
        var refused = (await _gateway.CallAsync(Nop, key: GatewayUnderTest.LimitedKey)).GetProperty("error");
        refused.GetProperty("code").GetInt32().ShouldBe(429);
        refused.GetProperty("data").GetProperty("retry_after_ms").GetInt32().ShouldBe(500);
        _gateway.Clock.AdvanceMillis(499);
        (await Code()).ShouldBe(429);
        _gateway.Clock.AdvanceMillis(1);
        (await Code()).ShouldBe(0);
        (await Code()).ShouldBe(429);
        _gateway.Clock.AdvanceMillis(60_000);
        for (var i = 0; i < 3; i++) (await Code()).ShouldBe(0);
        (await Code()).ShouldBe(429, "no more than the burst is saved up");
        _gateway.Router.Asked.Length.ShouldBe(7);
    }

    [Fact]
    public async Task Each_request_of_a_batch_counts()
    {
        var answers = await _gateway.CallAsync($"[{Nop},{Nop},{Nop},{Nop}]", key: GatewayUnderTest.LimitedKey);
        answers.EnumerateArray().Count(a => a.TryGetProperty("error", out var e) && e.GetProperty("code").GetInt32() == 429).ShouldBe(1);
    }

    [Fact]
    public async Task Connections_over_the_bound_are_429_and_one_that_ends_makes_room()
    {
        using var one = await _gateway.ConnectAsync(key: GatewayUnderTest.LimitedKey);
        using var two = await _gateway.ConnectAsync(key: GatewayUnderTest.LimitedKey);
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        await Should.ThrowAsync<WebSocketException>(() => socket.ConnectAsync(
            new Uri($"ws://127.0.0.1:{_gateway.Server.Port}/v2/rpc?access_token={GatewayUnderTest.LimitedKey}"), CancellationToken.None));
        socket.HttpStatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        await one.CloseAsync();
        await one.Feed.Disposed.Task.WaitAsync(Patience.Long);
        RpcClient? third = null;
        using var deadline = new CancellationTokenSource(Patience.Long);
        while (third is null)
        {
            deadline.Token.ThrowIfCancellationRequested();
            try
            {
                third = await _gateway.ConnectAsync(key: GatewayUnderTest.LimitedKey);
            }
            catch (WebSocketException)
            {
                // The place is given back just after the feed.
            }
        }
        third.Dispose();
    }

    [Fact]
    public async Task Health_readiness_and_metrics_need_no_key()
    {
        (await _gateway.Http.GetStringAsync(new Uri(_gateway.Base, "/healthz"))).ShouldBe("ok\n");
        (await _gateway.Http.GetStringAsync(new Uri(_gateway.Base, "/readyz"))).ShouldBe("ready\n");
        _gateway.Status.WhyNotReady = "draining";
        using var notReady = await _gateway.Http.GetAsync(new Uri(_gateway.Base, "/readyz"));
        notReady.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await notReady.Content.ReadAsStringAsync()).ShouldBe("draining\n");
        (await _gateway.Http.GetStringAsync(new Uri(_gateway.Base, "/healthz"))).ShouldBe("ok\n");
        using var metrics = await _gateway.Http.GetAsync(new Uri(_gateway.Base, "/metrics"));
        metrics.Content.Headers.ContentType!.ToString().ShouldBe("text/plain; version=0.0.4; charset=utf-8");
    }

    [Fact]
    public async Task Readiness_names_each_part_that_was_looked_at_and_the_first_that_is_not_well_is_why_not()
    {
        var (journal, member) = (HealthCheckResult.Healthy("reachable"), HealthCheckResult.Unhealthy("Joining"));
        await using var gateway = await GatewayUnderTest.StartAsync(options => options with
        {
            Checks = [Part("journal", () => journal), Part("member", () => member), Part("broken", static () => throw new InvalidOperationException("a bug"))],
        });
        (await ReadyAsync()).ShouldBe((HttpStatusCode.ServiceUnavailable, "member: Joining\njournal: reachable\nmember: Joining\nbroken: a bug\n"));
        member = HealthCheckResult.Healthy("Up");
        (await ReadyAsync()).ShouldBe((HttpStatusCode.ServiceUnavailable, "broken: a bug\njournal: reachable\nmember: Up\nbroken: a bug\n"));
        gateway.Status.WhyNotReady = "the node is draining";
        (await ReadyAsync()).ShouldBe((HttpStatusCode.ServiceUnavailable, "the node is draining\njournal: reachable\nmember: Up\nbroken: a bug\n"));

        async Task<(HttpStatusCode, string)> ReadyAsync()
        {
            using var answer = await gateway.Http.GetAsync(new Uri(gateway.Base, "/readyz"));
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
        }

        static HealthCheckRegistration Part(string name, Func<HealthCheckResult> look) => new(name, new HandCheck(look), HealthStatus.Unhealthy, []);
    }

    private sealed class HandCheck(Func<HealthCheckResult> look) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(look());
    }

    [Fact]
    public async Task Only_an_administrator_drains_a_node()
    {
        async Task<HttpStatusCode> DrainAsync(string node, string? key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_gateway.Base, $"/nodes/{node}/drain"));
            if (key is not null) request.Headers.Authorization = new("Bearer", key);
            using var response = await _gateway.Http.SendAsync(request);
            return response.StatusCode;
        }

        (await DrainAsync("n1", null)).ShouldBe(HttpStatusCode.Unauthorized);
        (await DrainAsync("n1", GatewayUnderTest.Key)).ShouldBe(HttpStatusCode.Forbidden);
        (await DrainAsync("nobody", GatewayUnderTest.AdminKey)).ShouldBe(HttpStatusCode.NotFound);
        (await DrainAsync("far", GatewayUnderTest.AdminKey)).ShouldBe(HttpStatusCode.ServiceUnavailable);
        _gateway.Status.Drained.ShouldBeEmpty();
        (await DrainAsync("n1", GatewayUnderTest.AdminKey)).ShouldBe(HttpStatusCode.Accepted);
        _gateway.Status.Drained.ShouldBe(["n1"]);
    }

    [Fact]
    public async Task What_is_not_there_is_404_and_the_wrong_verb_405()
    {
        using var missing = await _gateway.Http.GetAsync(new Uri(_gateway.Base, "/v3/rpc"));
        missing.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_gateway.Base, "/v2/rpc"));
        request.Headers.Authorization = new("Bearer", GatewayUnderTest.Key);
        using var verb = await _gateway.Http.SendAsync(request);
        verb.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        verb.Content.Headers.Allow.ShouldBe(["POST"]);
    }

    [Theory]
    [InlineData("http://0.0.0.0:0")]
    [InlineData("http://*:0")]
    [InlineData("http://192.0.2.1:0")]
    [InlineData("ftp://127.0.0.1:0")]
    [InlineData("http://127.0.0.1")]
    [InlineData("http://name.example:80")]
    [InlineData("https://127.0.0.1:0")]
    public async Task With_only_the_default_key_no_url_but_loopback_is_listened_on(string url)
    {
        var error = await Should.ThrowAsync<ArgumentException>(() => GatewayUnderTest.StartAsync(o => o with { Listen = [url], OnlyDefaultKey = true }));
        error.Message.ShouldContain(url);
    }

    [Fact]
    public async Task Loopback_is_listened_on_with_only_the_default_key()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(o => o with { Listen = ["http://127.0.0.1:0", "http://[::1]:0"], OnlyDefaultKey = true });
        gateway.Server.Urls.Count.ShouldBe(2);
        gateway.Server.Port.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void The_default_key_is_made_once_and_readable_by_its_owner_only()
    {
        var folder = Directory.CreateTempSubdirectory("cti-key-");
        try
        {
            var path = Path.Combine(folder.FullName, "data", "default.key");
            var (key, isNew) = DefaultKey.LoadOrCreate(path);
            isNew.ShouldBeTrue();
            key.Length.ShouldBe(47);
            DefaultKey.LoadOrCreate(path).ShouldBe((key, false));
            File.ReadAllText(path).ShouldBe(key + "\n");
            if (!OperatingSystem.IsWindows()) File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
            DefaultKey.Hash("abc").ShouldBe("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
            File.WriteAllText(path, "\n");
            Should.Throw<InvalidDataException>(() => DefaultKey.LoadOrCreate(path));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_key_hash_that_is_none_stops_the_start() =>
        (await Should.ThrowAsync<ArgumentException>(() =>
            GatewayUnderTest.StartAsync(o => o with { Applications = [new ApplicationOptions("a", ["sha256:12"])] })))
            .Message.ShouldContain("64 hexadecimal digits");
}
