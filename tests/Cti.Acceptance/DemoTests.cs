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
        await Patience.UntilAsync(() => softphone.Output.Contains("terminated", StringComparison.OrdinalIgnoreCase) || softphone.Output.Contains("closed", StringComparison.OrdinalIgnoreCase), "the softphone hung up");
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

    private static async Task HearsAsync(Baresip softphone, string prompt)
    {
        var (_, said, _) = Sound.Read(Path.Combine(Path.GetDirectoryName(NodeProcess.Program)!, "prompts", "en-US", prompt));
        // A second of it is enough: the demo's prompts break on keys.
        var piece = said[..Math.Min(said.Length, 8000)];
        await Patience.UntilAsync(() => Sound.Share(piece, softphone.Heard()) > 0.6, $"{prompt} is heard", TimeSpan.FromSeconds(25));
    }
}
