using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>The far end changes a call that is up.</summary>
[Collection(SharedNode.Name)]
public sealed class ReinviteTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task A_new_address_for_sound_is_followed()
    {
        var file = Sound.Write(Node.MediaRoot, "moves.wav", Sound.ALaw, Sound.Noise(71, 240_000));
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        await Patience.UntilAsync(() => call.Rtp.Packets.Count > 10, "sound arrives at the old port");
        await using var other = new RtpEndpoint();
        await call.Rtp.MuteAsync();
        var moved = await call.ReinviteAsync(call.Offer().Replace($"m=audio {call.Rtp.Port} ", $"m=audio {other.Port} ", StringComparison.Ordinal));
        moved.Status.ShouldBe(200);
        other.Connect(call.Rtp.Remote, 8);
        await Patience.UntilAsync(() => other.Packets.Count > 10, "sound arrives at the new port");
        var before = call.Rtp.Packets.Count;
        await Patience.WhileAsync(() => call.Rtp.Packets.Count <= before + 5, "the old port is quiet", TimeSpan.FromMilliseconds(300));
        await DropAsync(call, res);
    }

    [Fact]
    public async Task A_change_without_SDP_gets_an_offer_and_the_answer_comes_in_the_ACK()
    {
        var (call, res) = await InboundAsync();
        var offered = await call.ReinviteAsync("", answerInAck: true);
        offered.Status.ShouldBe(200);
        offered.Body.ShouldContain("m=audio ");
        offered.Body.ShouldContain("PCMA/8000");
        await DropAsync(call, res);
    }

    [Fact]
    public async Task A_change_with_no_codec_in_common_is_refused_with_488_and_the_call_goes_on()
    {
        var (call, res) = await InboundAsync();
        (await call.ReinviteAsync(call.Offer(codecs: "9"))).Status.ShouldBe(488);
        var data = Sound.Noise(72, 1600);
        var file = Sound.Write(Node.MediaRoot, "goes-on.wav", Sound.ALaw, data);
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await Patience.UntilAsync(() => call.Rtp.Heard(8).AsSpan().IndexOf(data) >= 0, "the prompt is heard");
        await DropAsync(call, res);
    }

    [Fact]
    public async Task The_version_of_the_session_rises_with_each_change_and_only_then()
    {
        var (call, res) = await InboundAsync();
        var first = Version(call.Answered!);
        var held = Version(await call.ReinviteAsync(call.Offer("sendonly")));
        var back = Version(await call.ReinviteAsync(call.Offer()));
        held.ShouldBe(first + 1);
        back.ShouldBe(held + 1);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task OPTIONS_and_INFO_in_the_dialog_are_answered_and_an_unknown_method_gets_501_or_405()
    {
        var (call, res) = await InboundAsync();
        (await call.AskAsync("OPTIONS")).Status.ShouldBe(200);
        (await call.AskAsync("UNHEARDOF")).Status.ShouldBeOneOf(405, 501);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task An_offer_with_no_codec_in_common_is_refused_with_488()
    {
        var call = Phone.Call(Node, NewUser(), "9");
        await call.RefusedAsync(488);
    }

    [Fact]
    public async Task An_INVITE_without_SDP_gets_an_offer_in_the_200()
    {
        var user = NewUser();
        var call = Phone.Call(Node, user, body: "");
        var res = await App.IncomingAsync(user);
        await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        var final = await call.FinalAsync();
        final.Status.ShouldBe(200);
        final.Body.ShouldContain("PCMA/8000");
        call.Accept(final, call.Offer());
        (await App.ExpectAsync("sys.call.on_answer_completed", res)).Error.ShouldBeNull();
        var data = Sound.Noise(73, 1600);
        var file = Sound.Write(Node.MediaRoot, "late-answer.wav", Sound.ALaw, data);
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await Patience.UntilAsync(() => call.Rtp.Heard(8).AsSpan().IndexOf(data) >= 0, "the prompt is heard");
        await DropAsync(call, res);
    }

    private static long Version(SipText description) => long.Parse(description.Line("o").Split(' ')[2], System.Globalization.CultureInfo.InvariantCulture);
}
