using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>The ready-made flows, as telephones hear them.</summary>
[Collection(SharedNode.Name)]
public sealed class FlowTests(SharedNode shared) : CallTest(shared)
{
    private const int FirstHertz = 440, SecondHertz = 1000, Rate = 8000;

    [Fact]
    public async Task A_message_is_heard_twice_and_the_call_hung_up()
    {
        var data = Sound.Noise(61, 4000);
        var file = Sound.Write(Node.MediaRoot, "notify.wav", Sound.ALaw, data);
        var res = await BeginAsync("notify_call", new { to_uri = $"sip:1000@{Phone.Address}", play_content = file, user_data = "mine" });
        var call = await Phone.InvitedAsync();
        call.Ring();
        await call.PickUpAsync();
        await call.ByeAsync();
        var heard = call.Rtp.Heard(8).AsSpan();
        var once = heard.IndexOf(data);
        once.ShouldBeGreaterThanOrEqualTo(0);
        heard[(once + data.Length)..].IndexOf(data).ShouldBeGreaterThanOrEqualTo(0);
        var over = await App.ExpectAsync("ext.notify_call.on_released", res);
        over.Error.ShouldBeNull();
        ((string)over.Params["dropped_by"]!).ShouldBe("sys");
        ((string)over.Params["user_data"]!).ShouldBe("mine");
    }

    [Fact]
    public async Task Keys_are_asked_for_and_collected()
    {
        var data = Sound.Noise(62, 4000);
        var file = Sound.Write(Node.MediaRoot, "captcha.wav", Sound.ALaw, data);
        var res = await BeginAsync("captcha_call", new { to_uri = $"sip:1000@{Phone.Address}", play_content = file });
        var call = await Phone.InvitedAsync();
        await call.PickUpAsync();
        await Patience.UntilAsync(() => call.Rtp.Heard(8).AsSpan().IndexOf(data) >= 0, "the prompt is heard");
        await call.Rtp.PressAsync("4711#");
        await call.ByeAsync();
        var over = await App.ExpectAsync("ext.captcha_call.on_released", res);
        over.Error.ShouldBeNull();
        ((string)over.Params["keys"]!).ShouldBe("4711");
    }

    [Fact]
    public async Task Two_parties_are_called_hear_each_other_and_both_are_in_the_recording_from_the_first_call_on()
    {
        await using var other = new TestPhone();
        var made = await App.AskAsync("ext.duo_callback.construct", new
        {
            to1_uri = $"sip:1000@{Phone.Address}", to2_uri = $"sip:2000@{other.Address}", max_connect_seconds = 60, record_file = "duo", record_mode = 1,
            user_data1 = "one", user_data2 = "two",
        });
        var res = (string)made!["res_id"]!;
        var path = (string)made["record_file"]!;
        var first = await Phone.InvitedAsync();
        await first.PickUpAsync();
        (await App.ExpectAsync("ext.duo_callback.on_dial1_completed", res)).Error.ShouldBeNull();
        var second = await other.InvitedAsync();
        second.Ring();
        await first.Rtp.SayAsync(Tone.ALaw(FirstHertz));
        await second.PickUpAsync();
        (await App.ExpectAsync("ext.duo_callback.on_dial2_completed", res)).Error.ShouldBeNull();
        await Patience.UntilAsync(() => State(res).Result == "Connected", "they are connected");
        await Task.WhenAll(first.Rtp.SayAsync(Tone.ALaw(FirstHertz)), second.Rtp.SayAsync(Tone.ALaw(SecondHertz)));
        await Patience.UntilAsync(() => Tone.Share(second.Rtp.Heard(8).Select(Sound.FromALaw), FirstHertz) > 0.5, "the second hears the first");
        Tone.Share(first.Rtp.Heard(8).Select(Sound.FromALaw), SecondHertz).ShouldBeGreaterThan(0.3, "beside the ring-back");
        await second.HangUpAsync();
        await first.ByeAsync();
        var over = await App.ExpectAsync("ext.duo_callback.on_released", res);
        over.Error.ShouldBeNull();
        over.Params["connect_time"].ShouldNotBeNull();
        var samples = Sound.Read(path).Samples;
        short[] left = [.. samples.Where(static (_, index) => index % 2 == 0)], right = [.. samples.Where(static (_, index) => index % 2 == 1)];
        Tone.Share(left, FirstHertz).ShouldBeGreaterThan(0.8);
        Tone.Share(right, SecondHertz).ShouldBeGreaterThan(0.8);
        (left.Length / (double)Rate).ShouldBeInRange(2.5, 12, "what the first said before it was connected is there too");
    }

    private async Task<string> BeginAsync(string module, object arguments) => (string)(await App.AskAsync($"ext.{module}.construct", arguments))!["res_id"]!;

    private async Task<string> State(string res) => (string)(await App.AskAsync("ext.duo_callback.get", new { res_id = res }))!["state"]!;
}
