using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>The older generation of the interface, on the same calls.</summary>
[Collection(SharedNode.Name)]
public sealed class GenerationTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task The_older_generation_refuses_a_call_by_drop()
    {
        await using var old = await RpcClient.ConnectAsync(Node, generation: 1);
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await old.IncomingAsync(user);
        await old.AskAsync("sys.call.drop", new { res_id = res, cause = 486 });
        await call.RefusedAsync(486);
        ((int)(await old.ExpectAsync("sys.call.on_released", res)).Params["cause"]!).ShouldBe(486);
        await ReleasedAsync(res);
    }

    [Fact]
    public async Task The_older_generation_reports_no_ringing_state_and_takes_array_parameters()
    {
        await using var old = await RpcClient.ConnectAsync(Node, generation: 1);
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:old@{Phone.Address}", max_answer_seconds = 60 });
        var res = (string)made!["res_id"]!;
        var call = await Phone.InvitedAsync();
        call.Ring();
        await App.ExpectAsync("sys.call.on_ringing", res);
        ((string)(await App.AskAsync("sys.call.get", new { res_id = res }))!["state"]!).ShouldBe("Ring");
        ((string)(await old.AskAsync("sys.call.get", new { res_id = res }))!["state"]!).ShouldBe("Initiated");
        ((bool)(await old.AskAsync("sys.call.exists", new System.Text.Json.Nodes.JsonArray(res)))!).ShouldBeTrue();
        call.Refuse(486);
        await ReleasedAsync(res);
        ((bool)(await old.AskAsync("sys.call.exists", new System.Text.Json.Nodes.JsonArray(res)))!).ShouldBeFalse();
    }

    [Fact]
    public async Task A_record_format_of_the_older_generation_is_another_number_for_the_same_sound()
    {
        await using var old = await RpcClient.ConnectAsync(Node, generation: 1);
        var said = Sound.Rising(1);
        var (call, res) = await InboundAsync();
        // 3 is mu-law there, and A-law in the newer one.
        var path = (string)(await old.AskAsync("sys.call.record_start",
            new { res_id = res, max_seconds = 20, beep = false, record_file = $"old-{res}", record_format = 3, finish_keys = "#" }))!;
        await call.Rtp.SayAsync(Sound.ToALaw(Sound.WithPause(said)));
        await call.Rtp.PressAsync("#");
        (await old.ExpectAsync("sys.call.on_record_completed", res)).Error.ShouldBeNull();
        var (format, heard, _) = Sound.Read(path);
        format.ShouldBe(Sound.MuLaw);
        Sound.ShouldBeHeard(said, heard);
        await DropAsync(call, res);
    }
}
