using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>A telephone hears the dialling of another: which sound when is told by frequency, packet by packet.</summary>
[Collection(SharedNode.Name)]
public sealed class RingBackTests(SharedNode shared) : CallTest(shared), IAsyncLifetime
{
    private const int FileHertz = 1000, LineHertz = 700, ToneHertz = 450, OtherHertz = 1500;
    private const char File = 'f', Line = 'l', RingTone = 't', Silence = '.', Other = 'o';

    private TestPhone Far { get; } = new();

    /// <inheritdoc/>
    async Task IAsyncLifetime.DisposeAsync()
    {
        await DisposeAsync();
        await Far.DisposeAsync();
    }

    [Theory]
    [InlineData(false, 0, Silence, RingTone, Line)]
    [InlineData(true, 0, Silence, File, File)]
    [InlineData(true, 1, File, RingTone, Line)]
    [InlineData(true, 2, File, File, File)]
    [InlineData(true, 3, Silence, RingTone, Line)]
    public async Task Each_mode_lets_the_parent_hear_its_own_sound_at_every_stage(bool hasFile, int mode, char dialling, char ringing, char early)
    {
        var (parent, parentRes) = await InboundAsync("8 101");
        var began = parent.Rtp.Now;
        var (child, call) = await DialAsync(parentRes, hasFile ? FileOf(mode == 3 ? 1.0 : 0.4) : null, mode);
        if (hasFile && mode == 3)
        {
            // The INVITE came after the file: a second of it, once.
            Letters(parent, began).Count(static letter => letter == File).ShouldBeInRange(42, 55);
        }
        var mark = parent.Rtp.Now;
        await HearsAsync(parent, mark, dialling);
        mark = parent.Rtp.Now;
        call.Ring();
        (await App.ExpectAsync("sys.call.on_ringing", child)).Params["ring_time"].ShouldNotBeNull();
        await HearsAsync(parent, mark, ringing);
        mark = parent.Rtp.Now;
        call.RingWithSound();
        await Task.WhenAll(call.Rtp.SayAsync(Tone.ALaw(LineHertz, 2)), HearsAsync(parent, mark, early));
        await StateAsync(parentRes, "Dial");
        mark = parent.Rtp.Now;
        await call.PickUpAsync();
        (await App.ExpectAsync("sys.call.on_dial_completed", child)).Error.ShouldBeNull();
        await StateAsync(parentRes, "Idle");
        await Task.WhenAll(call.Rtp.SayAsync(Tone.ALaw(LineHertz, 0.8)), HearsAsync(parent, mark, Silence));
        await DropAsync(parent, parentRes);
        await App.AskAsync("sys.call.drop", new { res_id = child });
        await call.ByeAsync();
    }

    [Fact]
    public async Task Early_media_that_comes_with_the_first_ringing_is_heard_without_a_tone_and_a_refusal_ends_it()
    {
        var (parent, parentRes) = await InboundAsync("8 101");
        var (child, call) = await DialAsync(parentRes, null, 0);
        var mark = parent.Rtp.Now;
        call.RingWithSound();
        await Task.WhenAll(call.Rtp.SayAsync(Tone.ALaw(LineHertz, 1.2)), HearsAsync(parent, mark, Line));
        Letters(parent, mark).ShouldNotContain(RingTone);
        call.Refuse(486);
        (await App.ExpectAsync("sys.call.on_dial_completed", child)).Error.ShouldBe(486);
        await StateAsync(parentRes, "Idle");
        await DropAsync(parent, parentRes);
    }

    [Fact]
    public async Task The_generated_tone_keeps_the_cadence_of_its_country()
    {
        var (parent, parentRes) = await InboundAsync("8 101");
        var (child, call) = await DialAsync(parentRes, null, 0);
        var mark = parent.Rtp.Now;
        call.Ring();
        string heard;
        do
        {
            await HearsAsync(parent, parent.Rtp.Now, Silence);
            heard = Letters(parent, mark);
        }
        while (heard.Length < 340);
        // One second on, four off, on again (China), give or take a packet of the machine's.
        var first = heard.IndexOf(RingTone, StringComparison.Ordinal);
        var second = heard.IndexOf(RingTone, first + 60);
        (second - first).ShouldBeInRange(240, 260);
        heard[first..(first + 60)].Count(static letter => letter == RingTone).ShouldBeInRange(46, 52);
        heard[(first + 60)..second].ShouldAllBe(static letter => letter == Silence);
        await App.AskAsync("sys.call.drop", new { res_id = child });
        await DropAsync(parent, parentRes);
    }

    [Fact]
    public async Task A_bridged_parent_hears_the_line_over_its_bridge_which_stays_up()
    {
        var (parent, parentRes) = await InboundAsync("8 101");
        var (other, otherRes) = await InboundAsync("8 101");
        await App.AskAsync("sys.call.connect_start", new { res_id = parentRes, call_res_id = otherRes, max_seconds = 60 });
        var (child, call) = await DialAsync(parentRes, null, 0);
        var mark = parent.Rtp.Now;
        await Task.WhenAll(other.Rtp.SayAsync(Tone.ALaw(OtherHertz, 1.2)), HearsAsync(parent, mark, Other));
        mark = parent.Rtp.Now;
        call.RingWithSound();
        await Task.WhenAll(other.Rtp.SayAsync(Tone.ALaw(OtherHertz, 1.2)), call.Rtp.SayAsync(Tone.ALaw(LineHertz, 1.2)), HearsAsync(parent, mark, Line));
        var otherMark = other.Rtp.Now;
        await Task.WhenAll(parent.Rtp.SayAsync(Tone.ALaw(FileHertz, 1.2)), HearsAsync(other, otherMark, File));
        call.Refuse(603);
        (await App.ExpectAsync("sys.call.on_dial_completed", child)).Error.ShouldBe(603);
        await StateAsync(parentRes, "Connect");
        mark = parent.Rtp.Now;
        await Task.WhenAll(other.Rtp.SayAsync(Tone.ALaw(OtherHertz, 1.2)), HearsAsync(parent, mark, Other));
        await parent.HangUpAsync();
        await other.HangUpAsync();
    }

    private async Task<(string Child, PhoneCall Call)> DialAsync(string parent, string? file, int mode)
    {
        var made = await App.AskAsync("sys.call.construct", new
        {
            to_uri = $"sip:{NewUser()}@{Far.Address}", max_answer_seconds = 60, parent_call_res_id = parent, ring_play_file = file, ring_play_mode = mode,
        });
        return ((string)made!["res_id"]!, await Far.InvitedAsync());
    }

    /// <summary>It comes to be in that state: <c>get</c> answers what is durable, which may be one commit behind.</summary>
    private async Task StateAsync(string res, string state)
    {
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        string now;
        do
        {
            now = (string)(await App.AskAsync("sys.call.get", new { res_id = res }))!["state"]!;
        }
        while (now != state && System.Diagnostics.Stopwatch.GetElapsedTime(began) < Patience.Long);
        now.ShouldBe(state);
    }

    private string FileOf(double seconds) => Sound.Write(Node.MediaRoot, $"ringback{seconds * 10:0}.wav", Sound.ALaw, Tone.ALaw(FileHertz, seconds));

    /// <summary>Some 600 ms of one sound, with hardly a packet of anything else, after the mark.</summary>
    private static Task HearsAsync(PhoneCall call, TimeSpan mark, char what) => Patience.UntilAsync(() =>
    {
        var letters = Letters(call, mark);
        for (var at = 0; at + 30 <= letters.Length; at++)
        {
            if (letters.AsSpan(at, 30).Count(what) >= 28) return true;
        }
        return false;
    }, $"'{what}' is heard", TimeSpan.FromSeconds(8));

    /// <summary>A letter for each packet since then.</summary>
    private static string Letters(PhoneCall call, TimeSpan since) =>
        string.Concat(call.Rtp.Packets.Where(packet => packet.PayloadType == 8 && packet.Time >= since).Select(static packet => Letter(packet.Payload)));

    private static char Letter(byte[] payload)
    {
        var samples = payload.Select(Sound.FromALaw).ToArray();
        var energy = samples.Sum(static sample => (double)sample * sample);
        if (energy < samples.Length * 200.0 * 200) return Silence;
        foreach (var (hertz, letter) in ((int, char)[])[(FileHertz, File), (LineHertz, Line), (ToneHertz, RingTone), (OtherHertz, Other)])
        {
            double one = 0, two = 0, factor = 2 * Math.Cos(2 * Math.PI * hertz / 8000);
            foreach (var sample in samples) (two, one) = (one, sample + (factor * one) - two);
            if (((one * one) + (two * two) - (factor * one * two)) * 2 / samples.Length > energy * 0.7) return letter;
        }
        return '?';
    }
}
