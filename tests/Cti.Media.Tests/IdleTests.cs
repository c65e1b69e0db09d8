using Cti.Kernel;
using Cti.Media.Files;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Tests;

/// <summary>What a session sends that has nothing to send, and when it need not be ticked.</summary>
public sealed class IdleTests
{
    private const int Second = 50;

    private static readonly byte[] Speech = [.. Enumerable.Range(0, 160).Select(static i => (byte)i)];

    private static MediaHarness Idle(IdleSending idle = IdleSending.Keepalive, int inactivityMillis = 0, int events = MediaHarness.Events) =>
        new MediaHarness(new MediaSessionOptions(Idle: idle, InactivityMillis: inactivityMillis)).Configured(events: events);

    /// <summary>As a loop does: sleeps where the session may, and reads what comes meanwhile.</summary>
    private static int Run(MediaHarness harness, int frames, Func<int, bool>? farEndSends = null)
    {
        var ticks = 0;
        long until = 0;
        for (var i = 0; i < frames; i++)
        {
            if (farEndSends?.Invoke(i) == true) harness.Receive(MediaHarness.Pcma, Speech);
            if (harness.Session.WantsTick) until = 0;
            if (harness.Clock.MonotonicNanos + MediaSession.TickNanos < until)
            {
                harness.Clock.MonotonicNanos += MediaSession.TickNanos;
                continue;
            }
            harness.Ticks(1);
            ticks++;
            if (!harness.Session.TrySleep(harness.Clock.MonotonicNanos, out until)) until = 0;
        }
        return ticks;
    }

    [Fact]
    public void After_a_second_of_silence_a_packet_goes_out_every_three_seconds_with_true_timestamps()
    {
        var harness = Idle();
        var ticks = Run(harness, 60 * Second);
        ticks.ShouldBeLessThan(Second + 60);
        var sent = harness.Sent;
        sent.Count.ShouldBeInRange(Second + 19 - 1, Second + 19 + 1);
        for (var i = 1; i < sent.Count; i++)
        {
            ((ushort)(sent[i].Sequence - sent[i - 1].Sequence)).ShouldBe((ushort)1);
            (sent[i].Timestamp - sent[i - 1].Timestamp).ShouldBe((uint)(sent[i].AtMillis - sent[i - 1].AtMillis) * 8, $"packet {i}");
            var gap = sent[i].AtMillis - sent[i - 1].AtMillis;
            if (i < Second) gap.ShouldBe(20);
            else gap.ShouldBeInRange(Limits.RtpKeepaliveMillis - 20, Limits.RtpKeepaliveMillis + 20);
            sent[i].Marker.ShouldBe(gap > 20, $"packet {i}");
        }
        sent.ShouldAllBe(packet => packet.Payload.All(code => code == 0xD5));
    }

    [Fact]
    public void Rtcp_goes_on_as_it_would()
    {
        var harness = Idle();
        Run(harness, 60 * Second);
        harness.SentRtcp.Count.ShouldBeInRange(9, 20);
        var gaps = harness.SentRtcp.Zip(harness.SentRtcp.Skip(1), static (one, next) => next.AtMillis - one.AtMillis);
        gaps.ShouldAllBe(gap => gap > 1_500 && gap < 7_500);
    }

    [Fact]
    public void A_play_begins_with_the_next_tick_marked_and_on_the_same_timeline()
    {
        var harness = Idle();
        Run(harness, 10 * Second);
        harness.Session.TrySleep(harness.Clock.MonotonicNanos, out _).ShouldBeTrue();
        harness.Clock.MonotonicNanos += 700_000_000;
        var before = harness.Sent[^1];
        harness.Play(1, 0, 0, Prompt.FromLinear(new short[1600]));
        harness.Ticks(1);
        var first = harness.Sent[^1];
        first.AtMillis.ShouldBe(harness.NowMillis);
        first.Marker.ShouldBeTrue();
        first.Sequence.ShouldBe((ushort)(before.Sequence + 1));
        (first.Timestamp - before.Timestamp).ShouldBe((uint)(first.AtMillis - before.AtMillis) * 8);
        harness.Ticks(9);
        harness.Sent.Skip(harness.Sent.Count - 9).ShouldAllBe(packet => !packet.Marker);
    }

    [Fact]
    public void After_a_play_there_is_a_second_of_silence_in_full_again()
    {
        var harness = Idle();
        Run(harness, 10 * Second);
        harness.Play(1, 0, 0, Prompt.FromLinear(new short[1600]));
        var before = harness.Sent.Count;
        Run(harness, 10 + (2 * Second));
        (harness.Sent.Count - before).ShouldBeInRange(10 + Second - 1, 10 + Second + 1);
    }

    [Fact]
    public void A_far_end_that_stops_sending_gets_silence_in_full_again_until_there_is_something_to_send()
    {
        var harness = Idle();
        Run(harness, 20 * Second, _ => true);
        var before = harness.Sent.Count;
        before.ShouldBeLessThan(Second + 10);
        Run(harness, 20 * Second);
        (harness.Sent.Count - before).ShouldBeInRange(12 * Second, 14 * Second);
        before = harness.Sent.Count;
        Run(harness, 20 * Second, _ => true);
        (harness.Sent.Count - before).ShouldBeInRange(20 * Second - 1, 20 * Second + 1);
        harness.Play(1, 0, 0, Prompt.FromLinear(new short[160]));
        Run(harness, 2 * Second, _ => true);
        before = harness.Sent.Count;
        Run(harness, 10 * Second, _ => true);
        (harness.Sent.Count - before).ShouldBeLessThan(5);
    }

    [Fact]
    public void Two_of_our_kind_keep_each_other_alive_with_keepalives()
    {
        var harness = Idle();
        Run(harness, 2 * Second, _ => true);
        var before = harness.Sent.Count;
        Run(harness, 60 * Second, static i => i % (3 * Second) == 0);
        (harness.Sent.Count - before).ShouldBeLessThan(22);
    }

    [Fact]
    public void A_far_end_that_never_sent_anything_needs_keepalives_only()
    {
        var harness = Idle();
        Run(harness, 120 * Second);
        harness.Sent.Count.ShouldBeLessThan(Second + 42);
    }

    [Fact]
    public void A_far_end_that_loses_much_gets_silence_in_full_until_it_reports_better()
    {
        var harness = Idle();
        Run(harness, 5 * Second);
        Report(harness, 128);
        harness.Session.WantsTick.ShouldBeTrue();
        var before = harness.Sent.Count;
        Run(harness, 5 * Second);
        (harness.Sent.Count - before).ShouldBeInRange(5 * Second - 1, 5 * Second + 1);
        Report(harness, 5);
        before = harness.Sent.Count;
        Run(harness, 5 * Second);
        (harness.Sent.Count - before).ShouldBeLessThan(4);
    }

    [Fact]
    public void Silence_never_pauses_and_none_sends_nothing()
    {
        var silent = Idle(IdleSending.Silence);
        Run(silent, 10 * Second).ShouldBe(10 * Second);
        silent.Sent.Count.ShouldBe(10 * Second);
        var none = Idle(IdleSending.Nothing);
        Run(none, 10 * Second).ShouldBeLessThan(Second);
        none.Sent.ShouldBeEmpty();
    }

    [Fact]
    public void Inactivity_is_told_to_the_second_by_a_session_that_sleeps()
    {
        var harness = Idle(inactivityMillis: 20_000);
        Run(harness, 10 * Second, _ => true);
        Run(harness, 19 * Second);
        harness.Happened.ShouldNotContain(new MediaInactive());
        Run(harness, 2 * Second);
        harness.Happened.OfType<MediaInactive>().Count().ShouldBe(1);
    }

    [Fact]
    public void Time_in_which_the_loop_stood_still_beyond_a_sleep_is_not_the_far_ends_silence()
    {
        var harness = Idle(inactivityMillis: 20_000);
        Run(harness, 5 * Second, _ => true);
        harness.Session.TrySleep(harness.Clock.MonotonicNanos, out var until);
        harness.Clock.MonotonicNanos = until + 30_000_000_000;
        harness.Ticks(1);
        harness.Happened.ShouldNotContain(new MediaInactive());
    }

    [Fact]
    public void Statistics_of_a_session_that_sleeps_count_what_comes()
    {
        var harness = Idle();
        Run(harness, 3 * Second);
        harness.Session.TrySleep(harness.Clock.MonotonicNanos, out _).ShouldBeTrue();
        harness.Receive(MediaHarness.Pcma, Speech);
        harness.Receive(MediaHarness.Pcma, Speech);
        harness.Session.ReadStatistics().ShouldNotBeNull().PacketsReceived.ShouldBe(2);
    }

    [Fact]
    public void Keys_in_the_sound_are_found_by_a_session_that_slept()
    {
        var harness = Idle(events: -1);
        Run(harness, 5 * Second).ShouldBeLessThan(2 * Second);
        var tone = Sound.Encode([.. Sound.Sine(770, 1600, 5000).Zip(Sound.Sine(1336, 1600, 5000), static (low, high) => (short)(low + high))]);
        var quiet = Enumerable.Repeat((byte)0xD5, 160).ToArray();
        for (var i = 0; i < 3 * Second; i++)
        {
            harness.Receive(MediaHarness.Pcma, i < 10 ? tone.AsSpan(160 * i, 160) : quiet);
            Run(harness, 1);
        }
        harness.KeysHeard.ShouldBe("5");
    }

    [Fact]
    public void Who_is_on_hold_or_has_nothing_agreed_yet_is_not_ticked()
    {
        var harness = new MediaHarness(new MediaSessionOptions(Idle: IdleSending.Silence));
        Run(harness, 10 * Second).ShouldBeLessThan(5);
        harness.Configured(send: false);
        Run(harness, 20 * Second).ShouldBeLessThan(20);
        harness.Sent.ShouldBeEmpty();
    }

    [Fact]
    public void A_bridge_keeps_its_sides_awake_and_silent_in_full()
    {
        var rig = new MixRig { Idle = IdleSending.Keepalive };
        var (first, second) = (rig.Open(), rig.Open());
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.Ticks(5 * Second);
        first.Session.TrySleep(rig.Clock.MonotonicNanos, out _).ShouldBeFalse();
        first.Sent.Count.ShouldBeInRange(5 * Second - 2, 5 * Second + 2);
    }

    private static void Report(MediaHarness harness, byte fractionLost)
    {
        byte[] report = [0x81, 201, 0, 7, 0, 0, 0xCA, 0xFE, 0x12, 0x34, 0x56, 0x78, fractionLost, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0x81, 202, 0, 3, 0, 0, 0xCA, 0xFE, 1, 1, (byte)'a', 0, 0, 0, 0, 0];
        harness.Session.OnRtcp(report, MediaHarness.FarKey.WithPort(4001), harness.Clock.MonotonicNanos);
    }
}
