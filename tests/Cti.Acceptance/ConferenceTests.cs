using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Telephones in a conference: who hears whom is told by the frequencies of tones.</summary>
[Collection(SharedNode.Name)]
public sealed class ConferenceTests(SharedNode shared) : CallTest(shared)
{
    private const int Rate = 8000;
    private const double Amplitude = 6000;
    private static readonly int[] Frequencies = [440, 700, 1000];
    private static readonly int[] Candidates = [440, 700, 1000, 1500, 1900, 2300];

    private async Task<string> ConferenceAsync(object parameters) => (string)(await App.AskAsync("sys.conf.construct", parameters))!["res_id"]!;

    private Task EnterAsync(string res, string conference, int mode = 1, string? sound = null) =>
        App.AskAsync("sys.call.conf_enter", new { res_id = res, conf_res_id = conference, max_seconds = 60, voice_mode = mode, play_file = sound });

    private string Sounding(string name, int hertz, double seconds) => Sound.Write(Node.MediaRoot, name, Sound.ALaw, Tone.ALaw(hertz, seconds, Amplitude));

    [Fact]
    public async Task Three_telephones_hear_exactly_the_other_two_and_what_modes_and_volumes_leave()
    {
        var phones = new List<(PhoneCall Call, string Res)>();
        for (var i = 0; i < 3; i++) phones.Add(await InboundAsync(i == 1 ? "0 101" : "8 101"));
        var conference = await ConferenceAsync(new { max_seconds = 120 });
        foreach (var (_, res) in phones) await EnterAsync(res, conference);
        await SpeakAsync(phones);
        Heard(phones[0].Call).ShouldBe([700, 1000]);
        Heard(phones[1].Call).ShouldBe([440, 1000]);
        Heard(phones[2].Call).ShouldBe([440, 700]);
        await App.AskAsync("sys.conf.set_part_voice_mode", new { res_id = conference, call_res_id = phones[0].Res, mode = 2 });
        await App.AskAsync("sys.conf.set_part_voice_mode", new { res_id = conference, call_res_id = phones[1].Res, mode = 3 });
        await App.AskAsync("sys.conf.set_part_volume", new { res_id = conference, call_res_id = phones[1].Res, volume = -20 });
        await SpeakAsync(phones);
        Heard(phones[0].Call).ShouldBe([700, 1000]);
        Heard(phones[1].Call).ShouldBeEmpty();
        Heard(phones[2].Call).ShouldBe([700]);
        var loud = Tone.Amplitude(Latest(phones[0].Call), 1000);
        (Tone.Amplitude(Latest(phones[0].Call), 700) / loud).ShouldBeInRange(0.05, 0.2, "20 dB less is a tenth");
        // One leaves: the two others are still in. The next one's exit ends it, because one would remain.
        await App.AskAsync("sys.call.conf_exit", new { res_id = phones[0].Res, conf_res_id = conference });
        (await App.ExpectAsync("sys.call.on_conf_completed", phones[0].Res)).Error.ShouldBeNull();
        await phones[1].Call.HangUpAsync();
        (await App.ExpectAsync("sys.call.on_conf_completed", phones[1].Res)).Error.ShouldBe(410);
        (await App.ExpectAsync("sys.call.on_conf_completed", phones[2].Res)).Error.ShouldBeNull();
        await App.ExpectAsync("sys.conf.on_released", conference);
        ((string)(await App.AskAsync("sys.call.get", new { res_id = phones[2].Res }))!["state"]!).ShouldBe("Idle");
        App.ShouldBeGapless(conference);
        await DropAsync(phones[0].Call, phones[0].Res);
        await DropAsync(phones[2].Call, phones[2].Res);
    }

    [Fact]
    public async Task Background_play_and_entry_sound_are_heard_together_and_the_recording_has_the_mix()
    {
        var (first, firstRes) = await InboundAsync();
        var (second, secondRes) = await InboundAsync();
        var background = Sounding("conference/background.wav", 1500, 0.5);
        var played = Sounding("conference/played.wav", 1900, 0.5);
        var entry = Sounding("conference/entry.wav", 2300, 6);
        var conference = await ConferenceAsync(new { max_seconds = 120, bg_file = background, parts_threshold = 0 });
        await EnterAsync(firstRes, conference);
        var path =
            (string)(await App.AskAsync("sys.conf.record_start", new { res_id = conference, max_seconds = 60, record_file = $"conference-{conference}" }))!;
        await App.AskAsync("sys.conf.play_start", new { res_id = conference, content = played, is_loop = true });
        (await App.RefusedAsync("sys.conf.play_start", new { res_id = conference, content = played })).ShouldBe(409);
        await EnterAsync(secondRes, conference, sound: entry);
        await second.Rtp.SayAsync(Tone.ALaw(440, 2, Amplitude));
        Heard(first).ShouldBe([440, 1500, 1900, 2300]);
        Heard(second).ShouldBe([1500, 1900, 2300]);
        await App.AskAsync("sys.conf.record_stop", new { res_id = conference });
        (await App.ExpectAsync("sys.conf.on_record_completed", conference)).Error.ShouldBe(487);
        Tones([.. Sound.Read(path).Samples.TakeLast(Rate)]).ShouldBe([440, 1500, 1900, 2300]);
        await App.AskAsync("sys.conf.release", new { res_id = conference });
        (await App.ExpectAsync("sys.conf.on_play_completed", conference)).Error.ShouldBe(410);
        (await App.ExpectAsync("sys.call.on_conf_completed", firstRes)).Error.ShouldBeNull();
        await App.ExpectAsync("sys.conf.on_released", conference);
        await DropAsync(first, firstRes);
        await DropAsync(second, secondRes);
    }

    [Fact]
    public async Task Who_talks_is_told_and_who_is_silent_again()
    {
        var (call, res) = await InboundAsync();
        var conference = await ConferenceAsync(new { max_seconds = 120, talker_events = true });
        await EnterAsync(res, conference);
        await call.Rtp.SayAsync(Tone.ALaw(440, 1, Amplitude));
        var began = await App.ExpectAsync("sys.conf.on_talker", conference);
        ((string)began.Params["call_res_id"]!, (bool)began.Params["talking"]!).ShouldBe((res, true));
        ((bool)(await App.ExpectAsync("sys.conf.on_talker", conference)).Params["talking"]!).ShouldBeFalse();
        await DropAsync(call, res);
        await App.AskAsync("sys.conf.release", new { res_id = conference });
    }

    [Fact]
    public async Task An_early_member_hears_and_is_heard_once_it_has_answered()
    {
        var (first, firstRes) = await InboundAsync();
        var conference = await ConferenceAsync(new { max_seconds = 120 });
        await EnterAsync(firstRes, conference);
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:{NewUser()}@{Phone.Address}", max_answer_seconds = 120 });
        var res = (string)made!["res_id"]!;
        var early = await Phone.InvitedAsync();
        early.Ring();
        await App.ExpectAsync("sys.call.on_ringing", res);
        await EnterAsync(res, conference);
        await early.PickUpAsync();
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBeNull();
        await SpeakAsync([(first, firstRes), (early, res)]);
        Heard(first).ShouldBe([700]);
        Heard(early).ShouldBe([440]);
        await DropAsync(early, res);
        (await App.ExpectAsync("sys.call.on_conf_completed", firstRes)).Error.ShouldBeNull();
        await DropAsync(first, firstRes);
    }

    /// <summary>Each says its own tone, all at once.</summary>
    private static Task SpeakAsync(List<(PhoneCall Call, string Res)> phones) => Task.WhenAll(phones.Select((phone, i) =>
    {
        var said = Tone.Linear(Frequencies[i], 2, Amplitude);
        return phone.Call.Rtp.SayAsync(phone.Call.Codecs.StartsWith('0') ? Sound.ToMuLaw(said) : Sound.ToALaw(said));
    }));

    private static int[] Heard(PhoneCall call) => Tones(Latest(call));

    /// <summary>The last second that the phone heard, when all had spoken for a second.</summary>
    private static short[] Latest(PhoneCall call)
    {
        var samples = call.Codecs.StartsWith('0') ? call.Rtp.Heard(0).Select(Sound.FromMuLaw) : call.Rtp.Heard(8).Select(Sound.FromALaw);
        return [.. samples.TakeLast(Rate)];
    }

    /// <summary>Which tones are there: at an amplitude above a twentieth of what is said.</summary>
    private static int[] Tones(short[] samples) => [.. Candidates.Where(hertz => Tone.Amplitude(samples, hertz) > 300)];
}
