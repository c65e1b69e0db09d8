using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Keys by RFC 4733, in both directions.</summary>
[Collection(SharedNode.Name)]
public sealed class KeyTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task Keys_up_to_the_finish_key_are_collected_and_keys_from_before_do_not_count()
    {
        var (call, res) = await InboundAsync();
        await call.Rtp.PressAsync("99");
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = res });
        await call.Rtp.PressAsync("12*0A#");
        var done = await App.ExpectAsync("sys.call.on_receive_dtmf_completed", res);
        done.Params.Select(static p => p.Key).Order(StringComparer.Ordinal)
            .ShouldBe(["begin_time", "end_time", "error", "finish_key", "keys", "res_id", "user_data"]);
        done.Error.ShouldBeNull();
        ((string)done.Params["keys"]!).ShouldBe("12*0A");
        ((string)done.Params["finish_key"]!).ShouldBe("#");
        await DropAsync(call, res);
    }

    [Fact]
    public async Task As_many_keys_as_were_asked_for_end_it_and_others_than_the_valid_ones_are_ignored()
    {
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = res, max_keys = 3, valid_keys = "123" });
        await call.Rtp.PressAsync("5192#3");
        var done = await App.ExpectAsync("sys.call.on_receive_dtmf_completed", res);
        done.Error.ShouldBeNull();
        ((string)done.Params["keys"]!).ShouldBe("123");
        done.Params["finish_key"].ShouldBeNull();
        await DropAsync(call, res);
    }

    [Fact]
    public async Task The_finish_key_is_among_the_keys_where_that_is_asked_for()
    {
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = res, finish_keys = "*", including_finish_key = true });
        await call.Rtp.PressAsync("7*");
        var done = await App.ExpectAsync("sys.call.on_receive_dtmf_completed", res);
        ((string)done.Params["keys"]!).ShouldBe("7*");
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Waiting_in_vain_for_the_first_key_ends_with_408_and_no_keys()
    {
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = res, first_key_timeout = 1 });
        var done = await App.ExpectAsync("sys.call.on_receive_dtmf_completed", res, TimeSpan.FromSeconds(5));
        done.Error.ShouldBe(408);
        ((string)done.Params["keys"]!).ShouldBe("");
        ((double)done.Params["end_time"]! - (double)done.Params["begin_time"]!).ShouldBeInRange(0, 3);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Waiting_in_vain_for_the_next_key_ends_with_408_and_the_keys_so_far()
    {
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = res, continues_keys_timeout = 1 });
        await call.Rtp.PressAsync("42");
        var done = await App.ExpectAsync("sys.call.on_receive_dtmf_completed", res, TimeSpan.FromSeconds(5));
        done.Error.ShouldBe(408);
        ((string)done.Params["keys"]!).ShouldBe("42");
        await DropAsync(call, res);
    }

    [Fact]
    public async Task The_first_key_breaks_the_prompt()
    {
        var data = Sound.Noise(21, 160_000);
        var file = Sound.Write(Node.MediaRoot, "prompt-for-keys.wav", Sound.ALaw, data);
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = res, play_content = file, max_keys = 2 });
        await Patience.UntilAsync(() => call.Rtp.Heard(8).AsSpan().IndexOf(data.AsSpan(0, 1600)) >= 0, "the prompt is heard");
        await call.Rtp.PressAsync("12");
        ((string)(await App.ExpectAsync("sys.call.on_receive_dtmf_completed", res)).Params["keys"]!).ShouldBe("12");
        // A fifth of the prompt at most: it lasts twenty seconds.
        call.Rtp.Heard(8).AsSpan().IndexOf(data.AsSpan(64_000, 1600)).ShouldBe(-1);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Stopping_it_completes_with_the_keys_so_far_and_no_error()
    {
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = res });
        await call.Rtp.PressAsync("8");
        await App.AskAsync("sys.call.receive_dtmf_stop", new { res_id = res });
        var done = await App.ExpectAsync("sys.call.on_receive_dtmf_completed", res);
        done.Error.ShouldBeNull();
        ((string)done.Params["keys"]!).ShouldBe("8");
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Sent_keys_are_heard_as_telephone_events()
    {
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.send_dtmf_start", new { res_id = res, keys = "1,59#D" });
        var done = await App.ExpectAsync("sys.call.on_send_dtmf_completed", res);
        done.Error.ShouldBeNull();
        await Patience.UntilAsync(() => call.Rtp.HeardKeys() == "159#D", "the keys are heard");
        var events = call.Rtp.Packets.Where(static p => p.PayloadType == RtpEndpoint.KeyPayloadType).ToArray();
        foreach (var key in events.GroupBy(static p => p.Timestamp))
        {
            key.First().Marker.ShouldBeTrue("the first packet of an event is marked");
            key.Count(static p => (p.Payload[1] & 0x80) != 0).ShouldBe(3);
        }
        await DropAsync(call, res);
    }
}
