using System.Net.Http.Headers;
using System.Net.Http.Json;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Retries, reconnecting and shared feeds: nothing twice, nothing lost.</summary>
[Collection(SharedNode.Name)]
public sealed class FeedTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task The_same_request_twice_dials_once_also_over_another_connection()
    {
        var id = Guid.NewGuid().ToString();
        var request = new { to_uri = $"sip:once@{Phone.Address}", max_answer_seconds = 60 };
        var one = await App.AskAsync("sys.call.construct", request, id);
        var two = await App.AskAsync("sys.call.construct", request, id);
        await using var other = await RpcClient.ConnectAsync(Node);
        var three = await other.AskAsync("sys.call.construct", request, id);
        two!.ToJsonString().ShouldBe(one!.ToJsonString());
        three!.ToJsonString().ShouldBe(one.ToJsonString());
        (await App.RefusedAsync("sys.call.construct", new { to_uri = $"sip:other@{Phone.Address}", max_answer_seconds = 60 }, id)).ShouldBe(-32602);

        var call = await Phone.InvitedAsync();
        call.Refuse(486);
        await ReleasedAsync((string)one["res_id"]!);
        // Retried after its end it is still the same.
        (await other.AskAsync("sys.call.construct", request, id))!.ToJsonString().ShouldBe(one.ToJsonString());
        Phone.Arrived.All.Count(static m => m is { IsRequest: true, Method: "INVITE" }).ShouldBe(1);
    }

    [Fact]
    public async Task Two_at_once_with_the_same_id_dial_once()
    {
        await using var other = await RpcClient.ConnectAsync(Node);
        var id = Guid.NewGuid().ToString();
        var request = new { to_uri = $"sip:once@{Phone.Address}", max_answer_seconds = 60 };
        var answers = await Task.WhenAll(App.AskAsync("sys.call.construct", request, id), other.AskAsync("sys.call.construct", request, id));
        answers[1]!.ToJsonString().ShouldBe(answers[0]!.ToJsonString());
        (await Phone.InvitedAsync()).Refuse(486);
        await ReleasedAsync((string)answers[0]!["res_id"]!);
        Phone.Arrived.All.Count(static m => m is { IsRequest: true, Method: "INVITE" }).ShouldBe(1);
    }

    [Fact]
    public async Task A_lost_connection_resumes_by_cursor_with_nothing_lost()
    {
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = res });
        var last = App.Events.All[^1];
        App.Abort();
        await call.Rtp.PressAsync("1#");
        await call.HangUpAsync();

        await using var again = await RpcClient.ConnectAsync(Node);
        await again.AskAsync("sys.event.subscribe", new { from = last.Cursor });
        await again.ExpectAsync("sys.on_chan_closed", res);
        await again.ExpectAsync("sys.call.on_released", res);
        // What came live between connecting and subscribing comes again: (res_id, seq) tells, as the contract says.
        var seqs = App.Events.All.Concat(again.Events.All).Where(e => e.ResId == res).Select(static e => e.Seq).Distinct().ToArray();
        seqs.Order().ShouldBe(Enumerable.Range(1, seqs.Length).Select(static n => (long)n));
        again.Story(res).ShouldContain("on_receive_dtmf_completed");

        await using var fromTheStart = await RpcClient.ConnectAsync(Node);
        await fromTheStart.AskAsync("sys.event.subscribe", new { from = "earliest" });
        await fromTheStart.ExpectAsync("sys.on_chan_closed", res);
        await fromTheStart.ExpectAsync("sys.call.on_released", res);
        fromTheStart.ShouldBeGapless(res);
        fromTheStart.Events.All.Count(e => e.ResId == res).ShouldBe(seqs.Length);
    }

    [Fact]
    public async Task The_event_stream_over_HTTP_resumes_by_its_last_id()
    {
        var (call, res) = await InboundAsync();
        var first = App.Events.All.First(e => e.ResId == res);
        await DropAsync(call, res);
        var expected = App.Events.All.Where(e => e.ResId == res && e.Seq > 1).Select(static e => e.Seq).Order().ToArray();
        using var http = new HttpClient { Timeout = Patience.Long };
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Node.Url + "/v2/events"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Node.Key);
        request.Headers.Add("Last-Event-ID", first.Cursor);
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        List<long> got = [];
        using var limit = new CancellationTokenSource(Patience.Long);
        while (got.Count < expected.Length)
        {
            var line = await reader.ReadLineAsync(limit.Token) ?? throw new ShouldAssertException("the stream ended");
            if (!line.StartsWith("data:", StringComparison.Ordinal)) continue;
            var meta = System.Text.Json.Nodes.JsonNode.Parse(line[5..])!["meta"]!;
            if ((string)meta["res_id"]! == res) got.Add((long)meta["seq"]!);
        }
        got.ShouldBe(expected);
    }

    [Fact]
    public async Task Posted_requests_and_batches_are_answered_and_a_wrong_key_is_401()
    {
        using var http = new HttpClient { Timeout = Patience.Long };
        var url = new Uri(Node.Url + "/v2/rpc");
        using var refused = await http.PostAsJsonAsync(url, new { jsonrpc = "2.0", id = 1, method = "sys.call.list" });
        ((int)refused.StatusCode).ShouldBe(401);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Node.Key);
        using var answer = await http.PostAsJsonAsync(url,
            new object[] { new { jsonrpc = "2.0", id = 1, method = "sys.call.list" }, new { jsonrpc = "2.0", id = 2, method = "no.such" } });
        var both = System.Text.Json.Nodes.JsonNode.Parse(await answer.Content.ReadAsStringAsync())!.AsArray();
        both.Count.ShouldBe(2);
        both.Single(static b => (int)b!["id"]! == 1)!["result"].ShouldNotBeNull();
        ((int)both.Single(static b => (int)b!["id"]! == 2)!["error"]!["code"]!).ShouldBe(-32601);
    }

    [Fact]
    public async Task A_group_shares_the_feed_hands_over_what_was_not_acknowledged_and_keeps_what_was()
    {
        var group = "group-" + Guid.NewGuid().ToString("N");
        var one = await RpcClient.ConnectAsync(Node);
        await using var two = await RpcClient.ConnectAsync(Node);
        await one.AskAsync("sys.event.subscribe", new { group });
        await two.AskAsync("sys.event.subscribe", new { group });
        List<string> calls = [];
        for (var i = 0; i < 12; i++) calls.Add(await RefusedCallAsync());
        bool All(params RpcClient[] clients) =>
            calls.All(c => clients.SelectMany(static x => x.Events.All).Any(e => e.ResId == c && e.Method == "sys.on_chan_closed"));
        await Patience.UntilAsync(() => All(one, two), "the group has every event");
        foreach (var call in calls)
        {
            var holders = new[] { one, two }.Where(c => c.Events.All.Any(e => e.ResId == call)).ToArray();
            holders.Length.ShouldBe(1, "a resource's events go to one of them");
            holders[0].ShouldBeGapless(call);
        }
        one.Events.All.ShouldNotBeEmpty("both have a share");
        two.Events.All.ShouldNotBeEmpty("both have a share");

        // The first leaves without having acknowledged anything.
        await two.AskAsync("sys.event.ack", new { cursor = two.Events.All[^1].Cursor });
        await one.DisposeAsync();
        await Patience.UntilAsync(() => All(two), "what was not acknowledged comes to the other");
        await two.AskAsync("sys.event.ack", new { cursor = two.Events.All[^1].Cursor });
        await two.DisposeAsync();

        var last = await RefusedCallAsync();
        await using var three = await RpcClient.ConnectAsync(Node);
        await three.AskAsync("sys.event.subscribe", new { group });
        await three.ExpectAsync("sys.on_chan_closed", last);
        three.ShouldBeGapless(last);
        three.Events.All.Where(e => calls.Contains(e.ResId)).ShouldBeEmpty("what was acknowledged does not come again");
    }

    /// <summary>A call that the phone refuses at once; answers its id when it is over.</summary>
    private async Task<string> RefusedCallAsync()
    {
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:group@{Phone.Address}", max_answer_seconds = 60 });
        (await Phone.InvitedAsync()).Refuse(486);
        var res = (string)made!["res_id"]!;
        await ReleasedAsync(res);
        return res;
    }
}
