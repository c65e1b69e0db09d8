using System.Buffers.Binary;
using Cti.Media.Dtmf;
using Cti.Media.Rtp;
using Cti.Media.Session;

namespace Cti.Media.Tests;

public sealed class DtmfTests
{
    /// <summary>One packet of a trace: event code, timestamp, duration, E, M.</summary>
    private static string Detect(params (int Code, uint Timestamp, int Duration, bool End, bool Marker)[] trace)
    {
        var harness = new MediaHarness().Configured();
        foreach (var (code, timestamp, duration, end, marker) in trace)
        {
            harness.Ticks(1);
            harness.ReceiveEvent(code, timestamp, duration, end, marker);
        }
        return harness.KeysHeard;
    }

    [Fact]
    public void A_key_is_reported_once_with_its_first_packet()
    {
        var harness = new MediaHarness().Configured();
        harness.ReceiveEvent(5, 1000, 160, marker: true);
        harness.KeysHeard.ShouldBe("5");
        for (var i = 2; i < 6; i++) harness.ReceiveEvent(5, 1000, i * 160);
        for (var i = 0; i < 3; i++) harness.ReceiveEvent(5, 1000, 960, end: true);
        harness.KeysHeard.ShouldBe("5");
    }

    [Fact]
    public void The_same_key_twice_is_two_keys_though_markers_and_ends_are_lost() =>
        Detect((5, 1000, 320, false, false), (5, 1000, 480, false, false), (5, 2600, 160, false, false), (5, 2600, 320, false, false)).ShouldBe("55");

    [Fact]
    public void A_key_of_which_only_the_last_end_arrives_counts() =>
        Detect((1, 1000, 800, true, false), (2, 2600, 800, true, false), (2, 2600, 800, true, false)).ShouldBe("12");

    [Fact]
    public void A_marker_in_the_middle_of_a_key_makes_no_second_one() =>
        Detect((7, 1000, 160, false, true), (7, 1000, 320, false, true), (7, 1000, 480, true, true)).ShouldBe("7");

    [Fact]
    public void Late_repetitions_of_an_earlier_key_make_no_new_one() =>
        Detect((1, 1000, 160, false, true), (1, 1000, 800, true, false), (2, 2600, 160, false, true), (1, 1000, 800, true, false), (2, 2600, 320, false, false))
            .ShouldBe("12");

    [Fact]
    public void A_key_held_over_the_longest_duration_is_one_key() =>
        Detect((3, 1000, 160, false, true), (3, 1000, 0xFFFF, false, false), (3, 1000 + 0xFFFF, 160, false, false),
            (3, 1000 + 0xFFFF, 0xFFFF, false, false), (3, 1000 + 0x1FFFE, 1600, true, false)).ShouldBe("3");

    [Fact]
    public void Timestamps_may_wrap() =>
        Detect((1, 0xFFFF_FF00, 800, true, true), (2, 0x0000_0500, 800, true, true), (2, 0x0000_0F00, 800, true, true)).ShouldBe("122");

    [Fact]
    public void All_sixteen_keys_have_their_codes()
    {
        var trace = Enumerable.Range(0, 16).Select(code => (code, (uint)(code * 1600), 800, true, true)).ToArray();
        Detect(trace).ShouldBe("0123456789*#ABCD");
    }

    [Fact]
    public void Other_events_and_short_payloads_are_no_keys()
    {
        var harness = new MediaHarness().Configured();
        harness.ReceiveEvent(16, 1000, 160);
        harness.Receive(MediaHarness.Events, [1, 2, 3]);
        harness.KeysHeard.ShouldBe("");
        harness.Counters.Dropped(DropReason.BadEvent).ShouldBe(2);
    }

    [Fact]
    public void A_new_source_may_reuse_the_timestamp()
    {
        var harness = new MediaHarness().Configured();
        harness.ReceiveEvent(4, 1000, 800, end: true);
        harness.FarSsrc = 99;
        harness.ReceiveEvent(4, 1000, 800, end: true);
        harness.KeysHeard.ShouldBe("44");
    }

    [Fact]
    public void A_session_that_hears_only_the_rest_of_a_key_names_the_same_event()
    {
        var (first, second) = (new MediaHarness().Configured(), new MediaHarness().Configured());
        first.ReceiveEvent(4, 1000, 160);
        second.ReceiveEvent(4, 1000, 640);
        second.ReceiveEvent(4, 1000, 800, end: true);
        var key = second.Happened.OfType<KeyPressed>().ShouldHaveSingleItem();
        key.Event.ShouldBe(new KeyEvent(second.FarSsrc, 1000));
        first.Happened.OfType<KeyPressed>().ShouldBe([key]);
    }

    [Fact]
    public void A_key_report_does_not_print_its_digit() => new KeyPressed('7').ToString().ShouldNotContain("7");

    private static (int Code, bool End, int Duration) Event(SentPacket packet) =>
        (packet.Payload[0], (packet.Payload[1] & 0x80) != 0, BinaryPrimitives.ReadUInt16BigEndian(packet.Payload.AsSpan(2)));

    [Fact]
    public void Keys_are_sent_as_the_rfc_draws_them()
    {
        var harness = new MediaHarness().Configured();
        harness.Ticks(3);
        harness.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(77, "1,#")));
        harness.Ticks(9 + 25 + 9);
        var events = harness.Sent.Where(packet => packet.PayloadType == MediaHarness.Events).ToArray();
        events.Select(Event).ShouldBe([
            (1, false, 160), (1, false, 320), (1, false, 480), (1, false, 640), (1, true, 800), (1, true, 800), (1, true, 800),
            (11, false, 160), (11, false, 320), (11, false, 480), (11, false, 640), (11, true, 800), (11, true, 800), (11, true, 800)]);
        events.Select(packet => packet.Marker).ShouldBe([true, .. Enumerable.Repeat(false, 6), true, .. Enumerable.Repeat(false, 6)]);
        events[..7].ShouldAllBe(packet => packet.Timestamp == events[0].Timestamp);
        (events[0].Timestamp - harness.Sent[0].Timestamp).ShouldBe(3u * 160);
        // 100 ms of key, 80 ms of gap, 500 ms of pause.
        (events[7].Timestamp - events[0].Timestamp).ShouldBe(8u * 680);
        (events[7].AtMillis - events[0].AtMillis).ShouldBe(680);
        harness.Happened.ShouldBe([new SendKeysEnded(77, MediaOutcome.Completed)]);
        harness.Sent.Select(packet => packet.Sequence).ShouldBe(Enumerable.Range(0, harness.Sent.Count).Select(i => (ushort)(65_530 + i)));
    }

    [Fact]
    public void What_one_session_sends_another_hears()
    {
        const string Keys = "0123456789*#ABCD";
        var (sender, receiver) = (new MediaHarness().Configured(), new MediaHarness().Configured());
        sender.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(1, Keys)));
        sender.Ticks(9 * 16);
        foreach (var packet in sender.Sent)
            receiver.Raw(packet.PayloadType, packet.Payload, packet.Marker, packet.Sequence, packet.Timestamp, MediaHarness.FarKey);
        receiver.KeysHeard.ShouldBe(Keys);
    }

    [Theory]
    [InlineData(KeySending.Negotiated, -1)]
    [InlineData(KeySending.InBand, MediaHarness.Events)]
    public void Keys_in_band_are_found_by_the_other_side(KeySending how, int events)
    {
        const string Keys = "0123456789*#ABCD55";
        var (sender, receiver) = (new MediaHarness().Configured(events: events), new MediaHarness().Configured(AudioCodec.Pcma, events: -1));
        sender.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(1, Keys, how)));
        sender.Ticks(9 * Keys.Length);
        sender.Sent.ShouldAllBe(packet => packet.PayloadType == 8 && packet.Payload.Length == 160);
        receiver.BeforeTick = i =>
        {
            if (i < sender.Sent.Count) receiver.Receive(8, sender.Sent[i].Payload);
        };
        receiver.Ticks(sender.Sent.Count + 10);
        receiver.KeysHeard.ShouldBe(Keys);
        sender.Happened.ShouldBe([new SendKeysEnded(1, MediaOutcome.Completed)]);
    }

    [Fact]
    public void Keys_that_cannot_be_sent_end_at_once()
    {
        var harness = new MediaHarness();
        harness.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(1, "1")));
        harness.Configured(send: false);
        harness.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(2, "1")));
        harness.Configured();
        harness.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(3, "1x")));
        harness.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(4, "123")));
        harness.Ticks(2);
        harness.Configured(send: false);
        harness.Happened.ShouldBe([new SendKeysEnded(1, MediaOutcome.Failed), new SendKeysEnded(2, MediaOutcome.Failed),
            new SendKeysEnded(3, MediaOutcome.Unsupported), new SendKeysEnded(4, MediaOutcome.Failed)]);
    }

    /// <summary>What the detector finds in a sound, fed in frames of 20 ms.</summary>
    private static string Listen(ReadOnlySpan<short> sound)
    {
        var detector = new InBandDetector();
        var found = "";
        for (; sound.Length >= 160; sound = sound[160..])
        {
            var code = detector.Listen(sound[..160]);
            if (code >= 0) found += Keys.ByCode[code];
        }
        return found;
    }

    private static short[] Tone(char key, int millis, double low = 5000, double high = 5000, double detune = 1, int silenceBefore = 0, Random? noise = null,
        double noiseLevel = 0)
    {
        var pad = Keys.Pad.IndexOf(key, StringComparison.Ordinal);
        var samples = new short[((silenceBefore + millis + 100) * 8 / 160 * 160) + 160];
        for (var i = 0; i < samples.Length; i++)
        {
            var at = i - (silenceBefore * 8);
            var value = noise is null ? 0 : noiseLevel * Math.Sqrt(3) * ((noise.NextDouble() * 2) - 1);
            if (at >= 0 && at < millis * 8)
            {
                value += low * Math.Sin(2 * Math.PI * Keys.Rows[pad / 4] * detune * at / 8000);
                value += high * Math.Sin(2 * Math.PI * Keys.Columns[pad % 4] * detune * at / 8000);
            }
            samples[i] = (short)Math.Clamp(value, -32768, 32767);
        }
        return samples;
    }

    [Fact]
    public void Every_tone_of_forty_milliseconds_is_found_wherever_it_begins()
    {
        foreach (var key in Keys.ByCode)
        {
            for (var begin = 0; begin < 26; begin++) Listen(Tone(key, 40, silenceBefore: begin)).ShouldBe(key.ToString(), $"begin {begin}");
        }
    }

    [Theory]
    [InlineData(0.985)]
    [InlineData(1.015)]
    public void A_detuning_of_one_and_a_half_percent_is_found(double detune)
    {
        foreach (var key in Keys.ByCode) Listen(Tone(key, 60, detune: detune)).ShouldBe(key.ToString());
    }

    [Fact]
    public void A_detuning_of_three_and_a_half_percent_is_not_a_key()
    {
        foreach (var key in Keys.ByCode)
        {
            Listen(Tone(key, 60, detune: 1.035)).ShouldBe("");
            Listen(Tone(key, 60, detune: 0.965)).ShouldBe("");
        }
    }

    [Theory]
    [InlineData(4.0, true)]
    [InlineData(7.0, true)]
    [InlineData(10.0, false)]
    [InlineData(-3.0, true)]
    [InlineData(-6.0, false)]
    public void Twist_is_accepted_as_the_standard_says(double decibels, bool found)
    {
        foreach (var key in Keys.ByCode)
        {
            var ratio = Math.Pow(10, decibels / 20);
            Listen(Tone(key, 60, low: 3000, high: 3000 * ratio)).ShouldBe(found ? key.ToString() : "", $"{key} {decibels} dB");
        }
    }

    [Fact]
    public void Noise_fifteen_decibels_below_hides_no_key()
    {
        var random = new Random(1);
        foreach (var key in Keys.ByCode)
        {
            for (var i = 0; i < 20; i++) Listen(Tone(key, 50, silenceBefore: i, noise: random, noiseLevel: 5000 / 5.6)).ShouldBe(key.ToString());
        }
    }

    [Fact]
    public void A_long_key_is_one_key_though_it_drops_out_for_ten_milliseconds()
    {
        for (var at = 0; at < 30; at++)
        {
            var tone = Tone('8', 2000);
            tone.AsSpan((500 + at) * 8, 80).Clear();
            Listen(tone).ShouldBe("8", $"drop-out at {at}");
        }
    }

    [Fact]
    public void Two_presses_forty_milliseconds_apart_are_two_keys()
    {
        for (var begin = 0; begin < 26; begin++)
        {
            var tone = Tone('4', 140, silenceBefore: begin);
            tone.AsSpan((begin + 50) * 8, 320).Clear();
            Listen(tone).ShouldBe("44", $"begin {begin}");
        }
    }

    [Fact]
    public void Speech_like_sound_is_not_a_key()
    {
        var random = new Random(7);
        var falseKeys = 0;
        for (var run = 0; run < 18; run++) falseKeys += Listen(Speech(random, 10)).Length;
        // Three minutes of vowels, at every pitch, that do nothing but sit on the bands in which keys lie.
        falseKeys.ShouldBe(0);
    }

    /// <summary>Vowels: a pulse train with gliding pitch through three gliding formants.</summary>
    private static short[] Speech(Random random, int seconds)
    {
        var samples = new short[seconds * 8000];
        double pitch = 120, phase = 0;
        double[] formant = [600, 1200, 2500], target = [600, 1200, 2500], y1 = new double[3], y2 = new double[3];
        for (var i = 0; i < samples.Length; i++)
        {
            if (i % 1200 == 0)
            {
                pitch = 80 + (random.NextDouble() * 240);
                target = [250 + (random.NextDouble() * 750), 800 + (random.NextDouble() * 1500), 2200 + (random.NextDouble() * 900)];
            }
            phase += (pitch + (3 * Math.Sin(i / 300.0))) / 8000;
            var pulse = phase >= 1 ? 1.0 : 0;
            if (phase >= 1) phase -= 1;
            var sum = 0.0;
            for (var f = 0; f < 3; f++)
            {
                formant[f] += (target[f] - formant[f]) / 400;
                var r = Math.Exp(-Math.PI * 80 / 8000);
                var y = pulse + (2 * r * Math.Cos(2 * Math.PI * formant[f] / 8000) * y1[f]) - (r * r * y2[f]);
                (y2[f], y1[f]) = (y1[f], y);
                sum += y;
            }
            samples[i] = (short)Math.Clamp(sum * 2500, -32768, 32767);
        }
        return samples;
    }

    [Fact]
    public void Silence_noise_and_single_tones_are_no_keys()
    {
        var random = new Random(3);
        Listen(new short[80_000]).ShouldBe("");
        Listen([.. Enumerable.Range(0, 800_000).Select(_ => (short)random.Next(-8000, 8000))]).ShouldBe("");
        foreach (var hertz in Keys.Rows.ToArray().Concat(Keys.Columns.ToArray())) Listen(Sound.Sine(hertz, 8000)).ShouldBe("");
        Listen(Sound.Decode(Sound.Encode(Sound.Sine(440, 16_000)))).ShouldBe("");
    }
}
