using System.Net;
using System.Text;
using System.Text.Json;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Gateway.Tests;

/// <summary>JSON-RPC 2.0 as its specification says, by POST.</summary>
public sealed class EnvelopeTests : IAsyncLifetime
{
    private GatewayUnderTest _gateway = null!;

    public async Task InitializeAsync() => _gateway = await GatewayUnderTest.StartAsync();

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    [Theory]
    [InlineData("", -32700)]
    [InlineData(" ", -32700)]
    [InlineData("{", -32700)]
    [InlineData("{\"jsonrpc\":\"2.0\",\"method\":\"rpc.discover\",\"id\":1} x", -32700)]
    [InlineData("[{\"jsonrpc\":\"2.0\",\"method\":\"rpc.discover\",\"id\":1},", -32700)]
    [InlineData("// comment\n{}", -32700)]
    [InlineData("[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", -32700)]
    [InlineData("[]", -32600)]
    [InlineData("1", -32600)]
    [InlineData("\"x\"", -32600)]
    [InlineData("null", -32600)]
    [InlineData("{}", -32600)]
    [InlineData("{\"jsonrpc\":\"1.0\",\"method\":\"x\",\"id\":null}", -32600)]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":null}", -32600)]
    [InlineData("{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}", -32600)]
    [InlineData("{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":true}", -32600)]
    [InlineData("{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":[1]}", -32600)]
    [InlineData("{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"method\":\"x\",\"id\":null}", -32600)]
    [InlineData("{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":null,\"params\":null,\"id\":null}", -32600)]
    [InlineData("{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":false,\"id\":null}", -32600)]
    [InlineData("{\"jsonrpc\":\"2.0\",\"method\":\"\\ud800\",\"id\":null}", -32600)]
    public async Task What_is_no_request_is_answered_with_id_null(string text, int code)
    {
        var answer = await _gateway.CallAsync(text);
        answer.GetProperty("jsonrpc").GetString().ShouldBe("2.0");
        answer.GetProperty("error").GetProperty("code").GetInt32().ShouldBe(code);
        answer.GetProperty("error").GetProperty("message").GetString().ShouldNotBeNullOrWhiteSpace();
        answer.GetProperty("id").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task Text_that_is_not_utf8_is_a_parse_error()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_gateway.Base, "/v2/rpc"));
        request.Content = new ByteArrayContent([.. "{\"jsonrpc\":\"2.0\",\"method\":\""u8, 0xC3, 0x28, .. "\",\"id\":1}"u8]);
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Authorization = new("Bearer", GatewayUnderTest.Key);
        using var response = await _gateway.Http.SendAsync(request);
        GatewayUnderTest.Json(await response.Content.ReadAsStringAsync()).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.ParseError);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("-1.50e3")]
    [InlineData("123456789012345678901234567890")]
    [InlineData("\"\\u0061\\n\"")]
    [InlineData("\"电话\"")]
    [InlineData("null")]
    public async Task The_id_comes_back_byte_for_byte(string id)
    {
        using var response = await _gateway.PostAsync($$"""{ "id" : {{id}} , "method":"sys.call.exists","params":["0.0.7-sys.call-1"],"jsonrpc":"2.0"}""");
        (await response.Content.ReadAsStringAsync()).ShouldBe($$"""{"jsonrpc":"2.0","result":null,"id":{{id}}}""");
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"params\":null")]
    [InlineData(",\"params\":{}")]
    [InlineData(",\"params\":[]")]
    public async Task No_params_may_be_written_in_four_ways(string parameters)
    {
        await _gateway.CallAsync($$"""{"jsonrpc":"2.0","id":1,"method":"sys.call.list"{{parameters}}}""");
        var asked = _gateway.Router.Asked.Single();
        asked.Arguments.Int32("limit").ShouldBe(100);
        (await _gateway.CallAsync("""{"jsonrpc":"2.0","id":1,"method":"sys.call.nop","params":null}""")).GetProperty("error").GetProperty("data")
            .GetProperty("param").GetString().ShouldBe("res_id");
    }

    [Theory]
    [InlineData("sys.call.anwser", "sys.call.answer")]
    [InlineData("sys.call.playStart", "sys.call.play_start")]
    [InlineData("call.answer", "sys.call.answer")]
    [InlineData("answer", "sys.call.answer")]
    [InlineData("SYS.CALL.ANSWER", "sys.call.answer")]
    [InlineData("rpc.discovery", "rpc.discover")]
    [InlineData("ext.duo_callback.constrct", "ext.duo_callback.construct")]
    [InlineData("zzz", null)]
    [InlineData("", null)]
    public async Task An_unknown_method_is_told_the_nearest(string method, string? meant)
    {
        var error = (await _gateway.CallAsync(method, "{}")).GetProperty("error");
        error.GetProperty("code").GetInt32().ShouldBe(ErrorCodes.MethodNotFound);
        error.GetProperty("message").GetString()
            .ShouldBe($"no such method; {(meant is null ? "" : $"did you mean {meant}? ")}rpc.discover lists those that there are");
    }

    [Fact]
    public async Task A_refused_request_keeps_its_id()
    {
        var answer = await _gateway.CallAsync("""{"id":"a","jsonrpc":"2.0","jsonrpc":"2.0","method":"x"}""");
        answer.GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.InvalidRequest);
        answer.GetProperty("id").GetString().ShouldBe("a");
    }

    [Fact]
    public async Task A_notification_is_carried_out_and_not_answered()
    {
        using var response = await _gateway.PostAsync("""{"jsonrpc":"2.0","method":"sys.call.nop","params":["0.0.7-sys.call-1"]}""");
        response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        _gateway.Router.Asked.Single().Method.ShouldBe("sys.call.nop");
        using var unknown = await _gateway.PostAsync("""{"jsonrpc":"2.0","method":"no.such"}""");
        unknown.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task A_batch_is_answered_as_a_batch_in_its_order_without_its_notifications()
    {
        var answer = await _gateway.CallAsync("""
            [1, {"jsonrpc":"2.0","method":"sys.call.nop","params":["a"],"id":"x"}, {"jsonrpc":"2.0","method":"sys.call.nop","params":["b"]},
             {"foo":"bar"}, {"jsonrpc":"2.0","method":"no.such","id":5}]
            """);
        answer.EnumerateArray().Select(a =>
            a.GetProperty("id").GetRawText() + " " + (a.TryGetProperty("error", out var e) ? e.GetProperty("code").GetInt32() : 0))
            .ShouldBe(["null -32600", "\"x\" 0", "null -32600", "5 -32601"]);
        _gateway.Router.Asked.Select(r => r.Arguments.String("res_id")).ShouldBe(["a", "b"]);
    }

    [Fact]
    public async Task A_batch_of_notifications_has_no_answer()
    {
        using var response =
            await _gateway.PostAsync("""[{"jsonrpc":"2.0","method":"sys.call.nop","params":["a"]},{"jsonrpc":"2.0","method":"sys.call.nop","params":["b"]}]""");
        response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        _gateway.Router.Asked.Length.ShouldBe(2);
    }

    [Fact]
    public async Task A_result_is_passed_through_untouched()
    {
        _gateway.Router.Answer = _ => new(RpcReply.Ok("""{"res_id":"0.0.7-sys.call-9007199254740991","user_data":"数据 \" \\"}"""u8.ToArray()));
        using var response = await _gateway.PostAsync("""{"jsonrpc":"2.0","method":"sys.call.get","params":["r"],"id":1}""");
        (await response.Content.ReadAsStringAsync())
            .ShouldBe("""{"jsonrpc":"2.0","result":{"res_id":"0.0.7-sys.call-9007199254740991","user_data":"数据 \" \\"},"id":1}""");
    }

    [Fact]
    public async Task A_refusal_carries_its_data()
    {
        _gateway.Router.Answer = _ => new(RpcReply.Refused(RpcError.WrongState("sys.call.answer", "Idle", "Initiated").With("ipsc_info",
            System.Collections.Immutable.ImmutableDictionary<string, object>.Empty.Add("process_id", 42L))));
        var error = (await _gateway.CallAsync("sys.call.answer", "[\"r\",5]")).GetProperty("error");
        error.GetProperty("code").GetInt32().ShouldBe(409);
        error.GetProperty("data").GetProperty("state").GetString().ShouldBe("Idle");
        error.GetProperty("data").GetProperty("allowed").EnumerateArray().Select(s => s.GetString()).ShouldBe(["Initiated"]);
        error.GetProperty("data").GetProperty("ipsc_info").GetProperty("process_id").GetInt64().ShouldBe(42);
    }

    [Theory]
    [InlineData("\"123e4567e89b12d3a456426614174000\"", true)]
    [InlineData("\"123E4567-E89B-12D3-A456-426614174000\"", true)]
    [InlineData("\"{123e4567-e89b-12d3-a456-426614174000}\"", false)]
    [InlineData("\"1\"", false)]
    [InlineData("1", false)]
    public async Task A_uuid_marks_requests_that_change_something(string id, bool isUuid)
    {
        await _gateway.CallAsync($$"""{"jsonrpc":"2.0","id":{{id}},"method":"sys.call.nop","params":["r"]}""");
        await _gateway.CallAsync($$"""{"jsonrpc":"2.0","id":{{id}},"method":"sys.call.exists","params":["r"]}""");
        var asked = _gateway.Router.Asked;
        asked[0].RequestId.ShouldBe(isUuid ? Guid.Parse("123e4567e89b12d3a456426614174000") : null);
        (asked[0].ParametersHash != 0).ShouldBe(isUuid);
        asked[1].RequestId.ShouldBeNull();
    }

    [Fact]
    public async Task A_request_over_the_bound_is_413_and_one_at_it_is_not()
    {
        string Padded(int length)
        {
            const string Request = """{"jsonrpc":"2.0","method":"sys.call.nop","params":["r"],"id":1}""";
            return Request + new string(' ', length - Request.Length);
        }
        using var fits = await _gateway.PostAsync(Padded(Limits.RequestBytesMax));
        fits.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var over = await _gateway.PostAsync(Padded(Limits.RequestBytesMax + 1));
        over.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        var error = GatewayUnderTest.Json(await over.Content.ReadAsStringAsync()).GetProperty("error");
        error.GetProperty("code").GetInt32().ShouldBe(413);
        error.GetProperty("data").GetProperty("limit").GetInt32().ShouldBe(Limits.RequestBytesMax);
    }

    [Theory]
    [InlineData("application/json; charset=utf-8", HttpStatusCode.OK)]
    [InlineData("application/json-rpc", HttpStatusCode.OK)]
    [InlineData("application/json; charset=\"UTF-8\"", HttpStatusCode.OK)]
    [InlineData("application/json; charset=utf8", HttpStatusCode.OK)]
    [InlineData("application/JSON;odata=none", HttpStatusCode.OK)]
    [InlineData("text/json", HttpStatusCode.OK)]
    [InlineData("text/plain", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/x-www-form-urlencoded", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/json; charset=gbk", HttpStatusCode.UnsupportedMediaType)]
    public async Task The_body_must_be_json(string contentType, HttpStatusCode status)
    {
        using var response = await _gateway.PostAsync("""{"jsonrpc":"2.0","method":"sys.call.nop","params":["r"],"id":1}""", contentType: contentType);
        response.StatusCode.ShouldBe(status);
        if (status == HttpStatusCode.UnsupportedMediaType)
            (await response.Content.ReadAsStringAsync())
                .ShouldContain("-H 'Content-Type: application/json'", customMessage: "who wrote curl -d copies what is missing");
    }

    [Fact]
    public async Task A_fault_of_ours_is_logged_with_the_trace_id_that_is_answered()
    {
        _gateway.Router.Answer = _ => throw new InvalidOperationException("boom");
        var error = (await _gateway.CallAsync("sys.call.nop", "[\"r\"]")).GetProperty("error");
        error.GetProperty("code").GetInt32().ShouldBe(ErrorCodes.Internal);
        var trace = error.GetProperty("data").GetProperty("trace_id").GetString()!;
        error.GetRawText().ShouldNotContain("boom");
        _gateway.Log.Lines.ShouldContain(l => l.Kind == LogEvents.RequestFault && l.Text.Contains(trace) && l.Text.Contains("boom"));
    }

    [Fact]
    public async Task Events_cannot_be_subscribed_to_without_a_socket()
    {
        (await _gateway.CallAsync(Catalogue.Subscribe, "{}")).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.InvalidRequest);
        (await _gateway.CallAsync(Catalogue.Acknowledge, "[\"c\"]")).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.InvalidRequest);
    }

    [Fact]
    public async Task Generation_application_and_rights_go_to_the_router()
    {
        await _gateway.CallAsync("sys.call.nop", "[\"r\"]", ApiGeneration.V1);
        await _gateway.CallAsync("sys.node.list", "{}", ApiGeneration.V2, GatewayUnderTest.AdminKey);
        var asked = _gateway.Router.Asked;
        (asked[0].Generation, asked[0].Application, asked[0].Admin).ShouldBe((ApiGeneration.V1, "default", false));
        (asked[1].Generation, asked[1].Application, asked[1].Admin).ShouldBe((ApiGeneration.V2, "operator", true));
        (await _gateway.CallAsync("sys.node.list", "{}")).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.Unauthorized);
    }

    [Fact]
    public void Every_prefix_of_a_request_is_refused_and_none_throws()
    {
        var text = Encoding.UTF8.GetBytes("""[{"jsonrpc":"2.0","id":"é","method":"sys.call.play_start","params":{"res_id":"r","content":[["a",0,""]]}}]""");
        var elements = new List<Range>();
        for (var length = 0; length < text.Length; length++)
            Rpc.RpcText.Scan(text.AsSpan(0, length), elements, out _).ShouldNotBeNull().Code.ShouldBe(ErrorCodes.ParseError);
        Rpc.RpcText.Scan(text, elements, out var isBatch).ShouldBeNull();
        isBatch.ShouldBeTrue();
    }

    [Fact]
    public async Task An_owner_that_does_not_answer_is_504()
    {
        await using var hurried = await GatewayUnderTest.StartAsync(o => o with { OwnerAnswerMillis = 20 });
        hurried.Router.Answer = _ => new(new TaskCompletionSource<RpcReply>().Task);
        (await hurried.CallAsync("sys.call.nop", "[\"r\"]")).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.OwnerTimeout);
    }
}
