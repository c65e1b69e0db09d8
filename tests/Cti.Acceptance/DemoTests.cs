using System.Net;
using System.Net.Sockets;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>A newcomer: a node with embedded defaults and a softphone.</summary>
public sealed class DemoTests
{
    [Fact]
    public async Task A_softphone_calls_the_demo_hears_the_welcome_presses_keys_and_hears_them_read_back()
    {
        await using var node = await NodeProcess.StartAsync(acceptAny: false);
        await using var softphone = await Baresip.StartAsync();
        softphone.Dial($"sip:demo@127.0.0.1:{node.SipPort}");
        await HearsAsync(softphone, "demo-welcome.wav");
        await softphone.PressAsync('4');
        await softphone.PressAsync('2');
        await softphone.PressAsync('#');
        await HearsAsync(softphone, "demo-you-pressed.wav");
        await HearsAsync(softphone, "digit-4.wav");
        await HearsAsync(softphone, "digit-2.wav");
        await HearsAsync(softphone, "demo-record.wav");
        softphone.HangUp();
        await Patience.UntilAsync(() => softphone.Output.Contains("terminated", StringComparison.OrdinalIgnoreCase)
            || softphone.Output.Contains("closed", StringComparison.OrdinalIgnoreCase), "the softphone hung up");
        (await node.StopAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_stranger_with_embedded_defaults_reaches_nothing_but_the_demo()
    {
        await using var node = await NodeProcess.StartAsync(acceptAny: false);
        await using var phone = new TestPhone();
        await phone.Call(node, "someone-else").RefusedAsync(403);
        var call = await phone.CallAnsweredAsync(node, "demo");
        await Patience.UntilAsync(() => call.Rtp.Heard(8).Any(static b => b is not (0xD5 or 0x55)), "sound is heard");
        await call.HangUpAsync();
    }

    [Fact]
    public async Task Two_is_for_the_time_and_date_read_aloud()
    {
        await using var node = await NodeProcess.StartAsync(acceptAny: false);
        await using var phone = new TestPhone();
        var call = await ChooseAsync(node, phone, "2#");
        await HearsAsync(call, "demo-it-is.wav");
        // The years of this century are two thousand and something.
        await HearsAsync(call, "thousand.wav");
        await HearsAsync(call, "demo-menu.wav");
        await call.HangUpAsync();
    }

    [Fact]
    public async Task One_is_for_a_conference_in_which_callers_meet()
    {
        await using var node = await NodeProcess.StartAsync(acceptAny: false);
        await using var phone = new TestPhone();
        var first = await ChooseAsync(node, phone, "1#");
        await HearsAsync(first, "demo-joined.wav");
        var second = await ChooseAsync(node, phone, "1#");
        await HearsAsync(second, "demo-joined.wav");
        var said = Sound.Rising(1);
        await second.Rtp.SayAsync(Sound.ToALaw(Sound.WithPause(said)));
        await Patience.UntilAsync(() => Sound.Share(said, [.. first.Rtp.Heard(8).Select(Sound.FromALaw)], 100) > 0.6, "the first hears the second");
        await first.HangUpAsync();
        await second.HangUpAsync();
    }

    [Fact]
    public async Task Three_is_for_being_called_back()
    {
        await using var node = await NodeProcess.StartAsync(acceptAny: false);
        await using var phone = new TestPhone();
        var call = await ChooseAsync(node, phone, "3#");
        await HearsAsync(call, "demo-call-back.wav");
        await call.ByeAsync();
        var back = await phone.InvitedAsync();
        await back.PickUpAsync();
        await HearsAsync(back, "demo-welcome.wav");
        await back.HangUpAsync();
    }

    [Fact]
    public async Task Whom_a_caller_names_gets_no_sound_before_it_has_shown_itself()
    {
        await using var node = await NodeProcess.StartAsync(acceptAny: false);
        await using var phone = new TestPhone();
        using var victim = new UdpClient(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        var elsewhere = phone.Call(node, "demo", body: $"v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n"
            + $"m=audio {((IPEndPoint)victim.Client.LocalEndPoint!).Port} RTP/AVP 8\r\n");
        await elsewhere.AnsweredAsync();
        var unacknowledged = phone.Call(node, "demo");
        (await unacknowledged.FinalAsync()).Status.ShouldBe(200);
        // Long enough for both to be heard, if they were.
        var honest = await phone.CallAnsweredAsync(node, "demo");
        await HearsAsync(honest, "demo-welcome.wav");
        victim.Available.ShouldBe(0);
        unacknowledged.Rtp.Packets.ShouldBeEmpty();
        await elsewhere.HangUpAsync();
        await honest.HangUpAsync();
    }

    private static async Task<PhoneCall> ChooseAsync(NodeProcess node, TestPhone phone, string keys)
    {
        var call = await phone.CallAnsweredAsync(node, "demo");
        await HearsAsync(call, "demo-welcome.wav");
        await call.Rtp.PressAsync(keys);
        return call;
    }

    private static Task HearsAsync(PhoneCall call, string prompt) => HearsAsync(() => [.. call.Rtp.Heard(8).Select(Sound.FromALaw)], prompt);

    private static Task HearsAsync(Baresip softphone, string prompt) => HearsAsync(softphone.Heard, prompt);

    private static async Task HearsAsync(Func<short[]> heard, string prompt)
    {
        var (_, said, _) = Sound.Read(Path.Combine(Path.GetDirectoryName(NodeProcess.Program)!, "prompts", "en-US", prompt));
        // A second of it is enough: the demo's prompts break on keys.
        var piece = said[..Math.Min(said.Length, 8000)];
        await Patience.UntilAsync(() => Sound.Share(piece, heard(), 100) > 0.6, $"{prompt} is heard", TimeSpan.FromSeconds(25));
    }
}
