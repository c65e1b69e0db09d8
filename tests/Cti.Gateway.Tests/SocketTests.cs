using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Cti.Contract;
using Cti.Gateway.Connections;
using Cti.Kernel;

namespace Cti.Gateway.Tests;

public sealed class SocketTests : IAsyncLifetime
{
    private const string Nop = """{"jsonrpc":"2.0","id":7,"method":"sys.call.nop","params":["0.0.7-sys.call-1"]}""";
    private GatewayUnderTest _gateway = null!;

    public async Task InitializeAsync() => _gateway = await GatewayUnderTest.StartAsync();

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    [Theory]
    [InlineData(ApiGeneration.V1)]
    [InlineData(ApiGeneration.V2)]
    public async Task A_request_is_answered_on_the_socket(ApiGeneration generation)
    {
        using var client = await _gateway.ConnectAsync(generation);
        await client.SendAsync(Nop);
        (await client.ReceiveAsync()).GetRawText().ShouldBe("""{"jsonrpc":"2.0","result":null,"id":7}""");
        _gateway.Router.Asked.Single().Generation.ShouldBe(generation);
        await client.CloseAsync();
        await client.Feed.Disposed.Task.WaitAsync(Patience.Long);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(50)]
    public async Task A_message_in_fragments_of_any_size_is_one_request(int size)
    {
        using var client = await _gateway.ConnectAsync();
        var bytes = Encoding.UTF8.GetBytes(Nop.Replace("7,", "\"电话\",", StringComparison.Ordinal));
        for (var at = 0; at < bytes.Length; at += size)
            await client.SendAsync(bytes.AsMemory(at, Math.Min(size, bytes.Length - at)), endOfMessage: at + size >= bytes.Length);
        (await client.ReceiveAsync()).GetProperty("id").GetString().ShouldBe("电话");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(11)]
    public async Task Frames_cut_anywhere_by_tcp_are_read(int size)
    {
        using var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync("127.0.0.1", _gateway.Server.Port);
        var stream = tcp.GetStream();
        var handshake = $"GET /v2/rpc?access_token={GatewayUnderTest.Key} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        byte[] frames = [.. Encoding.ASCII.GetBytes(handshake), .. Masked(0x81, Nop[..40], isFinal: false), .. Masked(0x89, "ping", isFinal: true),
            .. Masked(0x80, Nop[40..], isFinal: true)];
        for (var at = 0; at < frames.Length; at += size)
            await stream.WriteAsync(frames.AsMemory(at, Math.Min(size, frames.Length - at)));
        var received = new StringBuilder();
        var buffer = new byte[4096];
        while (!received.ToString().Contains("\"id\":7", StringComparison.Ordinal))
        {
            var count = await stream.ReadAsync(buffer).AsTask().WaitAsync(Patience.Long);
            count.ShouldBeGreaterThan(0);
            received.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
        received.ToString().ShouldStartWith("HTTP/1.1 101");
        received.ToString().ShouldContain("ping");
    }

    // RFC 6455 section 5.2; a client's frames are masked.
    private static byte[] Masked(byte first, string text, bool isFinal)
    {
        byte[] mask = [0x12, 0x34, 0x56, 0x78];
        var payload = Encoding.UTF8.GetBytes(text);
        payload.Length.ShouldBeLessThan(126);
        var head = (byte)(isFinal ? first | 0x80 : first & 0x7F);
        return [head, (byte)(0x80 | payload.Length), .. mask, .. payload.Select((b, i) => (byte)(b ^ mask[i % 4]))];
    }

    [Fact]
    public async Task Requests_reach_the_router_in_the_order_they_were_sent_and_answers_may_overtake()
    {
        const int Count = 200;
        var pending = new ConcurrentQueue<TaskCompletionSource<RpcReply>>();
        _gateway.Router.Answer = _ =>
        {
            var source = new TaskCompletionSource<RpcReply>(TaskCreationOptions.RunContinuationsAsynchronously);
            pending.Enqueue(source);
            return new(source.Task);
        };
        using var client = await _gateway.ConnectAsync();
        for (var i = 0; i < Count; i++)
        {
            if (i % 10 == 9) await client.SendAsync($$"""[{"jsonrpc":"2.0","id":{{i}},"method":"sys.call.drop","params":["{{i}}"]}]""");
            else await client.RequestAsync($"{i}", "sys.call.play_stop", $"[\"{i}\"]");
        }
        await Patience.UntilAsync(() => pending.Count == Count, "all requests under way");
        _gateway.Router.Asked.Select(r => r.Arguments.String("res_id")).ShouldBe(Enumerable.Range(0, Count).Select(i => $"{i}"));
        pending.Last().SetResult(RpcReply.Ok("\"last\""u8.ToArray()));
        (await client.ReceiveAsync())[0].GetProperty("result").GetString().ShouldBe("last");
        foreach (var source in pending.SkipLast(1)) source.SetResult(RpcReply.Ok("true"u8.ToArray()));
        var seen = new HashSet<int>();
        while (seen.Count < Count - 1)
        {
            var answer = await client.ReceiveAsync();
            seen.Add((answer.ValueKind == JsonValueKind.Array ? answer[0] : answer).GetProperty("id").GetInt32()).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task Reading_pauses_while_the_window_of_requests_is_full()
    {
        var pending = new ConcurrentQueue<TaskCompletionSource<RpcReply>>();
        _gateway.Router.Answer = _ =>
        {
            var source = new TaskCompletionSource<RpcReply>(TaskCreationOptions.RunContinuationsAsynchronously);
            pending.Enqueue(source);
            return new(source.Task);
        };
        using var client = await _gateway.ConnectAsync();
        for (var i = 0; i < Limits.RequestsInFlightMax + 10; i++) await client.SendAsync(Nop);
        await Patience.UntilAsync(() => pending.Count == Limits.RequestsInFlightMax, "the window is full");
        for (var finished = 1; finished <= 10; finished++)
        {
            pending.TryDequeue(out var one).ShouldBeTrue();
            one!.SetResult(RpcReply.Ok("null"u8.ToArray()));
            await client.ReceiveAsync();
            await Patience.UntilAsync(() => _gateway.Router.Asked.Length == Limits.RequestsInFlightMax + finished, "one answered, one more begun");
        }
    }

    [Fact]
    public async Task A_text_that_is_no_json_is_answered_and_the_socket_stays()
    {
        using var client = await _gateway.ConnectAsync();
        await client.SendAsync("{");
        (await client.ReceiveAsync()).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.ParseError);
        await client.SendAsync("[]");
        (await client.ReceiveAsync()).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.InvalidRequest);
        await client.SendAsync(Nop);
        (await client.ReceiveAsync()).GetProperty("id").GetInt32().ShouldBe(7);
    }

    [Fact]
    public async Task A_request_over_the_bound_is_answered_413_and_the_next_one_is_carried_out()
    {
        using var client = await _gateway.ConnectAsync();
        await client.SendAsync(new string(' ', Limits.RequestBytesMax + 1));
        var refused = await client.ReceiveAsync();
        var error = refused.GetProperty("error");
        error.GetProperty("code").GetInt32().ShouldBe(413);
        error.GetProperty("data").GetProperty("limit").GetInt32().ShouldBe(Limits.RequestBytesMax);
        refused.GetProperty("id").ValueKind.ShouldBe(JsonValueKind.Null);
        await client.SendAsync(Nop);
        (await client.ReceiveAsync()).GetProperty("id").GetInt32().ShouldBe(7);
        _gateway.Router.Asked.Length.ShouldBe(1, "nothing of what was too large is carried out");
    }

    private static string Big(string before, string after, int filler = 40_000) => before + new string('x', filler) + after;

    public static TheoryData<string, string> Oversized => new()
    {
        { Big("""{"jsonrpc":"2.0","id":5,"method":"sys.call.play_start","params":{"res_id":"r","content":" """, "\"}}"), "5" },
        { Big("""{"jsonrpc":"2.0","method":"sys.call.play_start","params":{"id":3,"content":" """, "\"}, \"id\" : \"a\\\"b\" }"), "\"a\\\"b\"" },
        { Big("""{"method":"x","params":[{"id":1},"\\", "{\"id\":9}" ,[" """, "\"]],\"id\":\"\u7535\"}"), "\"\u7535\"" },
        { Big("""{"id":-1.5e3,"params":[" """, "\"]}"), "-1.5e3" },
        { Big("\uFEFF{\"id\":1,\"x\":\"", "\"}"), "1" },
        { Big("""{"id":1,"id":2,"x":" """, "\"}"), "null" },
        { Big("""{"id":{"a":1},"x":" """, "\"}"), "null" },
        { Big("""{"id":[1],"x":" """, "\"}"), "null" },
        { Big("""{"id":true,"x":" """, "\"}"), "null" },
        { Big("""{"id":01,"x":" """, "\"}"), "null" },
        { Big("""{"id":" """, "\"}"), "null" },
        { Big("""[{"id":1,"x":" """, "\"}]"), "null" },
        { Big("\"", "\""), "null" },
        { Big("""{"x":{"id":1,"y":" """, "\"}}"), "null" },
    };

    [Theory, MemberData(nameof(Oversized))]
    public async Task A_request_over_the_bound_is_answered_with_its_id_wherever_that_stands(string text, string id)
    {
        using var client = await _gateway.ConnectAsync();
        await client.SendAsync(text);
        (await client.ReceiveAsync()).GetProperty("id").GetRawText().ShouldBe(id);
        using var posted = await _gateway.PostAsync(text);
        ((int)posted.StatusCode).ShouldBe(413);
        GatewayUnderTest.Json(await posted.Content.ReadAsStringAsync()).GetProperty("id").GetRawText().ShouldBe(id);
        await client.SendAsync(Nop);
        (await client.ReceiveAsync()).GetProperty("id").GetInt32().ShouldBe(7);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(20_000)]
    public async Task A_request_over_the_bound_may_come_in_fragments(int size)
    {
        using var client = await _gateway.ConnectAsync();
        var text = Encoding.UTF8.GetBytes(Big("""{"params":[" """, "\"],\"id\":77}", Limits.RequestBytesMax));
        var cut = size == 1 ? text.Length - 12 : 0;
        if (cut > 0) await client.SendAsync(text.AsMemory(0, cut), endOfMessage: false);
        for (var at = cut; at < text.Length; at += size) await client.SendAsync(text.AsMemory(at, Math.Min(size, text.Length - at)), at + size >= text.Length);
        (await client.ReceiveAsync()).GetProperty("id").GetInt32().ShouldBe(77);
        await client.SendAsync(Nop);
        (await client.ReceiveAsync()).GetProperty("id").GetInt32().ShouldBe(7);
    }

    [Fact]
    public async Task A_message_without_end_is_answered_and_closed_with_1009()
    {
        using var client = await _gateway.ConnectAsync();
        var piece = Encoding.UTF8.GetBytes(new string('x', 64 * 1024));
        await client.SendAsync("{\"id\":5,\"x\":\""u8.ToArray(), endOfMessage: false);
        for (var sent = 0; sent <= Limits.RequestBytesMax + Limits.OversizedBytesMax; sent += piece.Length) await client.SendAsync(piece, endOfMessage: false);
        (await client.ReceiveAsync()).GetProperty("id").GetInt32().ShouldBe(5);
        (await client.UntilClosedAsync()).ShouldBe(1009);
    }

    [Theory]
    [InlineData("jsonrpc", "jsonrpc")]
    [InlineData("graphql-ws, json-rpc-2.0", "json-rpc-2.0")]
    [InlineData("graphql-ws", null)]
    public async Task A_subprotocol_that_is_json_rpc_by_its_name_is_chosen(string offered, string? chosen)
    {
        using var socket = new ClientWebSocket();
        foreach (var name in offered.Split(", ")) socket.Options.AddSubProtocol(name);
        socket.Options.SetRequestHeader("Authorization", "Bearer " + GatewayUnderTest.Key);
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{_gateway.Server.Port}/v2/rpc"), CancellationToken.None);
        (string.IsNullOrEmpty(socket.SubProtocol) ? null : socket.SubProtocol).ShouldBe(chosen);
    }

    [Fact]
    public async Task A_binary_frame_is_closed_with_1003()
    {
        using var client = await _gateway.ConnectAsync();
        await client.SendAsync(Encoding.UTF8.GetBytes(Nop), endOfMessage: true, WebSocketMessageType.Binary);
        (await client.UntilClosedAsync()).ShouldBe(1003);
        _gateway.Router.Asked.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_request_is_finished_though_its_connection_ended()
    {
        var source = new TaskCompletionSource<RpcReply>();
        _gateway.Router.Answer = _ => new(source.Task);
        var client = await _gateway.ConnectAsync();
        await client.SendAsync(Nop);
        await Patience.UntilAsync(() => _gateway.Router.Asked.Length == 1, "under way");
        client.Dispose();
        await client.Feed.Disposed.Task.WaitAsync(Patience.Long);
        source.SetResult(RpcReply.Ok("null"u8.ToArray()));
        _gateway.Log.Lines.ShouldNotContain(l => l.Kind.Severity == LogSeverity.Error);
    }

    [Fact]
    public async Task Events_flow_from_the_moment_of_the_connection()
    {
        using var client = await _gateway.ConnectAsync();
        client.Feed.Application.ShouldBe("default");
        client.Feed.Push(FakeFeed.Event(1, @params: """{"res_id":"r","user_data":"数"}"""),
            FakeFeed.Event(2, "sys.call.on_released", media: """{"codec":"PCMA"}"""));
        (await client.ReceiveAsync()).GetRawText().ShouldBe(
            """{"jsonrpc":"2.0","method":"sys.call.on_ringing","params":{"res_id":"r","user_data":"数"}"""
                + ""","meta":{"cursor":"c1","seq":1,"time":1700000000001,"res_id":"0.0.7-sys.call-42"}}""");
        (await client.ReceiveAsync()).GetProperty("meta").GetProperty("media").GetProperty("codec").GetString().ShouldBe("PCMA");
    }

    [Fact]
    public async Task No_event_of_the_live_feed_follows_the_answer_to_a_subscription()
    {
        var live = 0;
        var subscribed = false;
        _gateway.Feeds.Prepare = feed =>
        {
            feed.Source = () => Volatile.Read(ref subscribed) ? null : FakeFeed.Event(Interlocked.Increment(ref live), "live");
            feed.OnSubscribe = (from, _) =>
            {
                Volatile.Write(ref subscribed, true);
                return new FeedPosition(from, null);
            };
        };
        using var client = await _gateway.ConnectAsync();
        await client.RequestAsync("1", Catalogue.Subscribe, """{"from":"c0","group":"g"}""");
        JsonElement answer;
        while (!(answer = await client.ReceiveAsync()).TryGetProperty("id", out _)) answer.GetProperty("method").GetString().ShouldBe("live");
        answer.GetProperty("result").GetProperty("cursor").GetString().ShouldBe("c0");
        client.Feed.Subscriptions.ShouldBe([("c0", "g")]);
        client.Feed.Push(FakeFeed.Event(1, "replayed"));
        (await client.ReceiveAsync()).GetProperty("method").GetString().ShouldBe("replayed");
        await client.RequestAsync("2", Catalogue.Acknowledge, "[\"c1\"]");
        (await client.ReceiveAsync()).GetProperty("result").GetProperty("cursor").GetString().ShouldBe("c1");
        client.Feed.Acknowledged.ShouldBe(["c1"]);
    }

    [Fact]
    public async Task Two_subscriptions_in_one_batch_are_both_carried_out()
    {
        using var client = await _gateway.ConnectAsync();
        await client.SendAsync("""[{"jsonrpc":"2.0","id":1,"method":"sys.event.subscribe"}"""
            + """,{"jsonrpc":"2.0","id":2,"method":"sys.event.subscribe","params":["earliest"]}]""");
        (await client.ReceiveAsync()).GetArrayLength().ShouldBe(2);
        client.Feed.Push(FakeFeed.Event(3));
        (await client.ReceiveAsync()).GetProperty("meta").GetProperty("seq").GetInt32().ShouldBe(3);
    }

    [Fact]
    public async Task A_refused_subscription_says_why()
    {
        _gateway.Feeds.Prepare = feed => feed.OnSubscribe = (_, _) => new FeedPosition(null, new RpcError(ErrorCodes.Gone, "expired").With("earliest", "c9"));
        using var client = await _gateway.ConnectAsync();
        await client.RequestAsync("1", Catalogue.Subscribe, "[\"c1\"]");
        var error = (await client.ReceiveAsync()).GetProperty("error");
        error.GetProperty("code").GetInt32().ShouldBe(410);
        error.GetProperty("data").GetProperty("earliest").GetString().ShouldBe("c9");
        await client.RequestAsync("2", Catalogue.Acknowledge, "[\"c1\"]");
        (await client.ReceiveAsync()).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.InvalidParams);
    }

    [Fact]
    public async Task Notices_come_from_the_moment_they_are_asked_for_to_administrators_alone()
    {
        var notices = new FakeNotices();
        await using var gateway = await GatewayUnderTest.StartAsync(options => options with { Notices = notices });
        using var operators = await RpcClient.ConnectAsync(gateway, ApiGeneration.V2, GatewayUnderTest.AdminKey);
        using var other = await gateway.ConnectAsync();
        notices.Tell("before");
        await other.RequestAsync("1", Catalogue.WatchTrunks);
        (await other.ReceiveAsync()).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.Unauthorized);
        await operators.RequestAsync("1", Catalogue.WatchTrunks);
        (await operators.ReceiveAsync()).GetProperty("result").ValueKind.ShouldBe(JsonValueKind.Null);
        await operators.RequestAsync("2", Catalogue.WatchTrunks);
        (await operators.ReceiveAsync()).GetProperty("id").GetInt32().ShouldBe(2);
        notices.Listeners.ShouldBe(1, "asking twice changes nothing");
        notices.Tell("after");
        (await operators.ReceiveAsync()).GetRawText().ShouldBe("""{"jsonrpc":"2.0","method":"sys.trunk.on_state","params":{"trunk":"after"}}""");
        await operators.CloseAsync();
        await operators.Feed.Disposed.Task.WaitAsync(Patience.Long);
        notices.Listeners.ShouldBe(0);
    }

    [Fact]
    public async Task Notices_need_a_socket()
    {
        var answer = await _gateway.CallAsync(Catalogue.WatchTrunks, "{}", ApiGeneration.V2, GatewayUnderTest.AdminKey);
        answer.GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.InvalidRequest);
    }

    [Fact]
    public async Task A_reader_that_lets_notices_pile_up_is_closed_as_any_slow_reader_is()
    {
        var notices = new FakeNotices();
        await using var gateway = await GatewayUnderTest.StartAsync(options => options with { Notices = notices, SlowReaderMillis = 300, CloseMillis = 300 });
        using var client = await RpcClient.ConnectAsync(gateway, ApiGeneration.V2, GatewayUnderTest.AdminKey);
        await client.RequestAsync("1", Catalogue.WatchTrunks);
        await client.ReceiveAsync();
        var text = new string('x', 64_000);
        for (var i = 0; i < 2_000 && notices.Listeners > 0; i++) notices.Tell(text);
        await client.Feed.Disposed.Task.WaitAsync(Patience.Long);
        gateway.Log.Lines.ShouldContain(l => l.Kind == LogEvents.GatewaySlowReader);
    }

    [Fact]
    public async Task A_reader_that_its_feed_outran_is_closed_with_4008()
    {
        using var client = await _gateway.ConnectAsync();
        client.Feed.Overrun();
        (await client.UntilClosedAsync()).ShouldBe(4008);
        await client.Feed.Disposed.Task.WaitAsync(Patience.Long);
        _gateway.Log.Lines.ShouldContain(l => l.Kind == LogEvents.GatewaySlowReader);
    }

    [Fact]
    public async Task A_reader_that_reads_nothing_holds_no_more_than_the_bound_and_is_disconnected()
    {
        await using var impatient = await GatewayUnderTest.StartAsync(o => o with { SlowReaderMillis = 300, CloseMillis = 300 });
        long made = 0;
        var text = $$"""{"filler":"{{new string('x', 16_000)}}"}""";
        impatient.Feeds.Prepare = feed => feed.Source = () => FakeFeed.Event((int)Interlocked.Increment(ref made), "live", text);
        using var client = await impatient.ConnectAsync();
        await client.Feed.Disposed.Task.WaitAsync(Patience.Long);
        // What the kernel's buffers took, and no more than the outbox's bound beside.
        (made * 16_000).ShouldBeLessThan(64L * 1024 * 1024);
    }

    [Fact]
    public async Task Stopping_closes_sockets_with_1001_after_what_was_answered()
    {
        using var client = await _gateway.ConnectAsync();
        await client.SendAsync(Nop);
        await client.ReceiveAsync();
        var stopping = _gateway.Server.StopAsync();
        (await client.UntilClosedAsync()).ShouldBe(1001);
        await stopping.WaitAsync(Patience.Long);
        await Should.ThrowAsync<Exception>(() => _gateway.ConnectAsync());
    }

    [Fact]
    public async Task An_outbox_gives_room_back_as_messages_are_sent()
    {
        var outbox = new Outbox(bytesHigh: 10, bytesMax: 20);
        outbox.TryAdd(new byte[8]).ShouldBeTrue();
        outbox.WaitForRoomAsync().IsCompleted.ShouldBeTrue();
        outbox.TryAdd(new byte[8]).ShouldBeTrue();
        var room = outbox.WaitForRoomAsync();
        room.IsCompleted.ShouldBeFalse();
        outbox.TryAdd(new byte[8]).ShouldBeFalse("16 + 8 is over 20");
        var first = (await outbox.TakeAsync())!;
        room.IsCompleted.ShouldBeFalse("a message counts until it is sent");
        outbox.Sent(first);
        await room.WaitAsync(Patience.Long);
        outbox.Bytes.ShouldBe(8);
        outbox.Complete(discard: true);
        (await outbox.TakeAsync()).ShouldBeNull();
    }
}
