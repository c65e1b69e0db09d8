using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Tests;

/// <summary>What both sides listed is received: any of the codecs, either number of the keys.</summary>
public sealed class SeveralCodecsTests
{
    private const int Dynamic = 112;

    private static MediaDescription Several(AudioCodec codec = AudioCodec.Pcma, int events = 96) => MediaHarness.Description(codec, events) with
    {
        AlsoReceived =
        [
            new ReceivedFormat(codec == AudioCodec.Pcma ? 0 : 8, codec == AudioCodec.Pcma ? AudioCodec.Pcmu : AudioCodec.Pcma),
            new ReceivedFormat(Dynamic, AudioCodec.Pcma), new ReceivedFormat(MediaHarness.Events, null),
        ],
    };

    private static short[] Recorded(TemporaryFolder folder, Action<MediaHarness, int> send, int packets)
    {
        var harness = new MediaHarness();
        harness.Session.Apply(MediaCommand.Configure(Several()));
        var recorder = SoundRecorder.Open(folder.File("a.wav"), RecordFormat.Alaw).Recorder!;
        harness.Session.Apply(MediaCommand.PrepareRecord(1));
        harness.Session.Apply(MediaCommand.StartRecord(1, recorder, beep: false));
        for (var i = 0; i < packets; i++)
        {
            send(harness, i);
            harness.Ticks(1);
        }
        harness.Session.Apply(MediaCommand.StopRecord(1));
        recorder.Drain().ShouldBeTrue();
        return Sound.Decode(File.ReadAllBytes(folder.File("a.wav"))[58..]);
    }

    [Theory]
    [InlineData(8, AudioCodec.Pcma)]
    [InlineData(0, AudioCodec.Pcmu)]
    [InlineData(Dynamic, AudioCodec.Pcma)]
    public void Every_codec_is_decoded_from_the_first_packet_on(int payloadType, AudioCodec codec)
    {
        using var folder = new TemporaryFolder();
        var said = Sound.Sine(440, 160 * 50);
        var codes = Sound.Encode(said, codec);
        var heard = Recorded(folder, (harness, i) => harness.Receive(payloadType, codes.AsSpan(i * 160, 160)), 50);
        Sound.ShouldHold(heard, said[..(160 * 45)], 0.99);
    }

    [Fact]
    public void Codecs_may_change_with_every_packet()
    {
        using var folder = new TemporaryFolder();
        var said = Sound.Sine(440, 160 * 50);
        var (alaw, ulaw) = (Sound.Encode(said), Sound.Encode(said, AudioCodec.Pcmu));
        var heard = Recorded(folder, (harness, i) => harness.Receive(i % 2 == 0 ? 8 : 0, (i % 2 == 0 ? alaw : ulaw).AsSpan(i * 160, 160)), 50);
        Sound.ShouldHold(heard, said[..(160 * 45)], 0.99);
    }

    [Fact]
    public void What_was_not_agreed_on_is_not_heard()
    {
        using var folder = new TemporaryFolder();
        var heard = Recorded(folder, (harness, i) => harness.Receive(18, Sound.Encode(Sound.Sine(440, 160))), 20);
        heard.ShouldAllBe(sample => Math.Abs((int)sample) < 16);
    }

    [Theory]
    [InlineData(96)]
    [InlineData(MediaHarness.Events)]
    public void Both_numbers_of_telephone_events_count_and_ours_are_sent_with_theirs(int payloadType)
    {
        var harness = new MediaHarness();
        harness.Session.Apply(MediaCommand.Configure(Several()));
        harness.Receive(payloadType, [5, 10, 0, 160], marker: true, timestamp: 1000);
        harness.Receive(payloadType, [5, 0x8A, 3, 32], timestamp: 1000);
        harness.KeysHeard.ShouldBe("5");
        harness.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(1, "1")));
        harness.Ticks(9);
        harness.Sent.Where(packet => packet.Payload.Length == 4).ShouldAllBe(packet => packet.PayloadType == 96);
    }

    [Fact]
    public void A_press_whose_packets_use_both_numbers_is_one()
    {
        var harness = new MediaHarness();
        harness.Session.Apply(MediaCommand.Configure(Several()));
        harness.Receive(96, [5, 10, 0, 160], marker: true, timestamp: 1000);
        harness.Receive(MediaHarness.Events, [5, 0x8A, 3, 32], timestamp: 1000);
        harness.KeysHeard.ShouldBe("5");
    }

    [Fact]
    public void Only_what_was_sent_first_is_spoken()
    {
        var harness = new MediaHarness();
        harness.Session.Apply(MediaCommand.Configure(Several(AudioCodec.Pcmu)));
        harness.Receive(8, Sound.Encode(Sound.Sine(440, 160)));
        harness.Ticks(3);
        harness.Sent.ShouldAllBe(packet => packet.PayloadType == 0);
    }

    [Fact]
    public void A_renegotiation_forgets_what_is_no_longer_agreed_on()
    {
        var harness = new MediaHarness();
        harness.Session.Apply(MediaCommand.Configure(Several()));
        harness.Configured();
        harness.Receive(0, Sound.Encode(Sound.Sine(440, 160), AudioCodec.Pcmu));
        harness.Counters.Dropped(DropReason.UnknownPayloadType).ShouldBe(1);
    }

    [Theory]
    [InlineData(AudioCodec.Pcma, AudioCodec.Pcma)]
    [InlineData(AudioCodec.Pcmu, AudioCodec.Pcmu)]
    [InlineData(AudioCodec.Pcma, AudioCodec.Pcmu)]
    [InlineData(AudioCodec.Pcmu, AudioCodec.Pcma)]
    public void A_bridge_gives_each_side_its_own_codec_whatever_the_other_sends(AudioCodec near, AudioCodec far)
    {
        foreach (var sent in (AudioCodec[])[AudioCodec.Pcma, AudioCodec.Pcmu])
        {
            var rig = new MixRig();
            var (first, second) = (rig.Open(near), rig.Open(far));
            first.ConfigureSeveral(near);
            MixRig.Connect(first, second, new BridgeRequest(1));
            var said = Sound.Sine(440, 160 * 60);
            var codes = Sound.Encode(said, sent);
            rig.EachTick = i => first.Send(sent == AudioCodec.Pcma ? 8 : 0, codes.AsSpan(i * 160, 160));
            rig.Ticks(60);
            second.Sent.ShouldAllBe(packet => packet.PayloadType == second.PayloadType);
            Sound.ShouldHold(second.Heard(), said[..(160 * 50)], 0.98, what: $"{near} {far} {sent}");
            second.ShouldBeOneStream();
        }
    }

    [Fact]
    public void A_conference_hears_a_member_in_any_codec()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(AudioCodec.Pcma), rig.Open(AudioCodec.Pcma));
        first.ConfigureSeveral(AudioCodec.Pcma);
        var conference = rig.OpenConference();
        MixRig.Join(conference, first);
        MixRig.Join(conference, second);
        var codes = Sound.Encode(Sound.Sine(440, 160 * 60), AudioCodec.Pcmu);
        rig.EachTick = i => first.Send(0, codes.AsSpan(i * 160, 160));
        rig.Ticks(60);
        Sound.Purity(Spectrum.Last(second.Heard(), 400), 440).ShouldBeGreaterThan(0.9);
    }

    [Fact]
    public void Receiving_and_relaying_several_codecs_allocates_nothing()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(), rig.Open());
        first.ConfigureSeveral(AudioCodec.Pcma);
        first.IsDeaf = second.IsDeaf = true;
        MixRig.Connect(first, second, new BridgeRequest(1));
        var codes = Sound.Encode(Sound.Sine(440, 160), AudioCodec.Pcmu);
        byte[] key = [5, 10, 0, 160];
        rig.EachTick = i =>
        {
            if (i % 50 < 40) first.Send(i % 2 == 0 ? 0 : 8, codes);
            else first.Send(i % 2 == 0 ? 96 : 101, key, advance: 0);
        };
        rig.Ticks(1500);
        first.Happened.Clear();
        rig.EachTick = i => first.Send(i % 2 == 0 ? 0 : 8, codes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        rig.Ticks(3000);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }
}
