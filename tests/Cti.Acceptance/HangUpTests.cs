using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>A call that ends while an action runs: the action completes once, with 410, and then the call is released.</summary>
[Collection(SharedNode.Name)]
public sealed class HangUpTests(SharedNode shared) : CallTest(shared)
{
    public static TheoryData<string, bool> Actions()
    {
        var all = new TheoryData<string, bool>();
        foreach (var action in new[] { "play", "record", "receive_dtmf", "send_dtmf" })
        {
            all.Add(action, false);
            all.Add(action, true);
        }
        return all;
    }

    [Theory]
    [MemberData(nameof(Actions))]
    public async Task The_running_action_completes_once_with_410_and_then_the_call_is_released(string action, bool byFarEnd)
    {
        var file = Sound.Write(Node.MediaRoot, "hang-up.wav", Sound.ALaw, Sound.Noise(31, 160_000));
        var (call, res) = await InboundAsync();
        await App.AskAsync($"sys.call.{action}_start", action switch
        {
            "play" => new { res_id = res, content = file },
            "record" => new { res_id = res, max_seconds = 60, beep = false, record_file = $"hang-up-{res}.wav" },
            "receive_dtmf" => new { res_id = res },
            _ => (object)new { res_id = res, keys = ",,,,,,,,,,,,1" },
        });
        ((string)(await App.AskAsync("sys.call.get", new { res_id = res }))!["state"]!).ShouldBe(action switch
        {
            "play" => "Play",
            "record" => "Record",
            "receive_dtmf" => "ReceiveDtmf",
            _ => "SendDtmf",
        });
        if (byFarEnd)
        {
            await call.HangUpAsync();
        }
        else
        {
            await App.AskAsync("sys.call.drop", new { res_id = res });
            await call.ByeAsync();
        }
        var released = await ReleasedAsync(res);
        ((string)released.Params["dropped_by"]!).ShouldBe(byFarEnd ? "usr" : "sys");
        ((int)released.Params["cause"]!).ShouldBe(byFarEnd ? 200 : 603);
        var story = App.Story(res).Where(static m => m != "sys.on_chan_closed").ToArray();
        story.ShouldBe(["on_incoming", "on_answer_completed", $"on_{action}_completed", "on_released"]);
        App.Events.All.Single(e => e.ResId == res && e.Method == $"sys.call.on_{action}_completed").Error.ShouldBe(410);
    }
}
