using System.Buffers.Binary;
using Cti.Media.Files;
using Cti.Media.Jitter;
using Cti.Media.Rtp;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Tests;

/// <summary>Parties on two nodes: each is bridged, or sits in a conference, with a link session in the other's place.</summary>
public sealed class LinkTests
{
    private static readonly byte[] CanonicalName = "fedcba"u8.ToArray();

    private static bool Holds(byte[] whole, byte[] part) => whole.AsSpan().IndexOf(part) >= 0;

    private static byte[] Bytes(int seed, int count)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static void SendEvent(MixParty party, int code, int duration, bool end)
    {
        Span<byte> payload = [(byte)code, (byte)(end ? 0x8A : 0x0A), 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(payload[2..], (ushort)duration);
        party.Send(101, payload, marker: duration == 160, advance: 0);
    }

    private static (MixParty Near, MixParty Far) Bridged(MixRig rig, AudioCodec link = AudioCodec.Pcma, AudioCodec far = AudioCodec.Pcma, double nearTone = 0,
        double farTone = 0)
    {
        var (near, other) = (rig.Open(tone: nearTone), rig.Open(far, events: 96, tone: farTone));
        var (here, there) = rig.OpenLink(link);
        MixRig.Connect(near.Session, here.Session, new BridgeRequest(1));
        MixRig.Connect(there.Session, other.Session, new BridgeRequest(2));
        return (near, other);
    }

    [Fact]
    public void Parties_of_one_codec_hear_each_others_bytes_at_once_and_the_wire_between_the_nodes_shows_none()
    {
        var rig = new MixRig();
        var (near, far) = Bridged(rig);
        rig.Ticks(3);
        var (nearFirst, farFirst) = (near.Sent.Count, far.Sent.Count);
        var (said, answered) = (Bytes(1, 160 * 50), Bytes(2, 160 * 50));
        rig.EachTick = i =>
        {
            var before = far.Sent.Count;
            near.Send(8, said.AsSpan(i * 160, 160));
            far.Sent.Count.ShouldBe(before + 1, "a packet is relayed over both nodes when it comes");
            far.Send(8, answered.AsSpan(i * 160, 160));
        };
        rig.Ticks(50);
        far.Sent.Skip(farFirst).SelectMany(packet => packet.Payload).ShouldBe(said);
        near.Sent.Skip(nearFirst).SelectMany(packet => packet.Payload).ShouldBe(answered);
        far.ShouldBeOneStream();
        near.ShouldBeOneStream();
        var wire = rig.Links[0].Wire!.Where(packet => packet[1] is not (200 or 201)).ToList();
        wire.Count.ShouldBe(50);
        wire.ShouldAllBe(packet => packet.Length == 182 && !Holds(said, packet.Skip(12).Take(16).ToArray()));
        rig.Counters.Dropped(DropReason.NotAuthentic).ShouldBe(0);
    }

    [Fact]
    public void Keys_pass_to_the_other_node_as_events_and_are_reported_where_the_party_is()
    {
        var rig = new MixRig();
        var (near, far) = Bridged(rig);
        for (var i = 1; i <= 7; i++) SendEvent(near, 5, Math.Min(i, 5) * 160, i >= 5);
        string.Concat(near.Happened.OfType<KeyPressed>().Select(static pressed => pressed.Key)).ShouldBe("5");
        far.Sent.Count.ShouldBe(7);
        far.Sent.ShouldAllBe(packet => packet.PayloadType == 96 && packet.Timestamp == far.Sent[0].Timestamp && packet.Payload[0] == 5);
        far.Happened.OfType<KeyPressed>().ShouldBeEmpty();
    }

    [Fact]
    public void A_key_is_sounded_on_the_other_node_where_events_were_not_agreed_on_there()
    {
        var rig = new MixRig();
        var (near, far) = (rig.Open(), rig.Open(events: -1));
        var (here, there) = rig.OpenLink();
        MixRig.Connect(near.Session, here.Session, new BridgeRequest(1));
        MixRig.Connect(far.Session, there.Session, new BridgeRequest(2));
        SendEvent(near, 1, 160, end: true);
        rig.Ticks(12);
        var tones = far.Heard()[..640];
        Spectrum.Amplitude(tones, 697).ShouldBeGreaterThan(4000);
        Spectrum.Amplitude(tones, 1209).ShouldBeGreaterThan(4000);
    }

    [Theory]
    [InlineData(AudioCodec.Pcma)]
    [InlineData(AudioCodec.Pcmu)]
    public void Parties_of_different_codecs_hear_each_other_whichever_the_link_carries(AudioCodec link)
    {
        var rig = new MixRig();
        var (near, far) = Bridged(rig, link, AudioCodec.Pcmu, nearTone: 400, farTone: 700);
        rig.Ticks(100);
        Spectrum.Tones(near.Heard(), 400, 700).ShouldBe([700]);
        Spectrum.Tones(far.Heard(), 400, 700).ShouldBe([400]);
    }

    [Fact]
    public void A_member_on_another_node_hears_a_conference_and_is_heard_there_but_not_by_itself()
    {
        var rig = new MixRig();
        var (remote, one, two) = (rig.Open(tone: 400), rig.Open(tone: 700), rig.Open(AudioCodec.Pcmu, tone: 1_000));
        var (here, there) = rig.OpenLink();
        MixRig.Connect(remote.Session, here.Session, new BridgeRequest(1));
        var conference = rig.OpenConference();
        MixRig.Join(conference, one);
        MixRig.Join(conference, two);
        there.Session.Apply(MediaCommand.Join(conference, new ConferenceMember(VoiceMode.TalkAndHear, 0)));
        rig.Ticks(150);
        Spectrum.Tones(remote.Heard(), 400, 700, 1_000).ShouldBe([700, 1_000]);
        Spectrum.Tones(one.Heard(), 400, 700, 1_000).ShouldBe([400, 1_000]);
        Spectrum.Tones(two.Heard(), 400, 700, 1_000).ShouldBe([400, 700]);
    }

    [Fact]
    public void A_link_sends_nothing_of_its_own_and_never_calls_the_far_end_inactive()
    {
        var rig = new MixRig();
        var (here, there) = rig.OpenLink();
        var (near, _) = (rig.Open(), MixRig.Connect(here.Session, rig.Open().Session, new BridgeRequest(1)));
        rig.Ticks(5_000);
        rig.Links.ShouldAllBe(link => link.Wire!.TrueForAll(packet => packet[1] == 201), "reports only");
        here.Happened.ShouldBe([new BridgeStarted(1)]);
        there.Happened.ShouldBeEmpty();
        near.Sent.Count.ShouldBe(5_000);
    }

    [Fact]
    public void Rtcp_goes_both_ways_encrypted_and_tells_of_losses_and_the_round_trip()
    {
        var rig = new MixRig();
        var (near, far) = Bridged(rig, nearTone: 400, farTone: 700);
        rig.Ticks(1_000);
        foreach (var link in rig.Links)
        {
            var statistics = link.Session.Statistics;
            statistics.PacketsReceived.ShouldBe(1_000);
            statistics.RemoteLost.ShouldBe(0);
            statistics.RoundTripMillis.ShouldBeGreaterThanOrEqualTo(0);
            var reports = link.Wire!.Where(packet => packet[1] == 200).ToList();
            reports.Count.ShouldBeGreaterThan(2);
            reports.ShouldAllBe(packet => !Holds(packet, CanonicalName));
        }
        near.IsDeaf = far.IsDeaf = true;
    }

    [Fact]
    public void What_is_not_protected_by_the_keys_is_dropped_and_counted_and_heard_by_nobody()
    {
        var rig = new MixRig();
        var (here, there) = rig.OpenLink();
        var party = rig.Open();
        MixRig.Connect(there.Session, party.Session, new BridgeRequest(1));
        var plain = new byte[172];
        RtpPacket.WriteHeader(plain, 8, false, 1, 160, 7);
        for (var i = 0; i < 50; i++)
        {
            plain[3] = (byte)i;
            there.Session.OnRtp(plain, SocketAddressKey.From(here.Local), rig.Clock.MonotonicNanos);
        }
        there.Session.OnRtcp(Convert.FromHexString("81C9000700000007" + new string('0', 48)), SocketAddressKey.From(here.Local), rig.Clock.MonotonicNanos);
        rig.Counters.Dropped(DropReason.NotAuthentic).ShouldBe(51);
        rig.Counters.PacketsReceived.ShouldBe(0);
        party.Sent.ShouldBeEmpty();
        there.Session.Remote.ShouldBe(SocketAddressKey.From(here.Local));
    }

    [Fact]
    public void A_closed_link_says_goodbye_encrypted()
    {
        var rig = new MixRig();
        Bridged(rig, nearTone: 400);
        rig.Ticks(10);
        rig.Links[0].Wire!.Clear();
        rig.Parties[0].Tone = 0;
        rig.Links[0].Session.Apply(MediaCommand.Close());
        rig.Ticks(1);
        rig.Links[0].Session.IsFinished.ShouldBeTrue();
        rig.Links[0].Wire!.Count.ShouldBe(1);
        rig.Counters.Dropped(DropReason.NotAuthentic).ShouldBe(0);
        rig.Counters.Dropped(DropReason.BadRtcp).ShouldBe(0);
    }

    [Fact]
    public void The_delay_of_a_link_begins_at_the_least_and_still_follows_what_it_meets()
    {
        var buffer = new JitterBuffer(0);
        var sound = new byte[160];
        var frame = new short[160];
        for (var i = 0; i < 10; i++)
        {
            buffer.Put((uint)(160 * i), sound, AudioCodec.Pcma, 20_000_000L * i);
            buffer.Pop(frame, 20_000_000L * i);
        }
        buffer.Delay.ShouldBe(25 * 8);
        buffer.Put(1_600, sound, AudioCodec.Pcma, 260_000_000);
        buffer.Delay.ShouldBeGreaterThan(80 * 8);
    }

    [Theory]
    [InlineData(AudioCodec.Pcma)]
    [InlineData(AudioCodec.Pcmu)]
    public void Relaying_and_transcoding_over_a_link_allocate_nothing(AudioCodec link)
    {
        var rig = new MixRig();
        var (near, far) = Bridged(rig, link, nearTone: 400, farTone: 700);
        near.IsDeaf = far.IsDeaf = true;
        foreach (var side in rig.Links) side.Wire = null;
        rig.Ticks(1_500);
        Enumerable.Range(0, 3).Min(_ => Measured()).ShouldBe(0);

        long Measured()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            rig.Ticks(1_000);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void A_session_whose_owner_has_handed_its_call_away_goes_on_playing_and_tells_of_keys()
    {
        // The owner says nothing more to it: it plays to its end, hears keys, and relays what comes over the link when the new owner's sound begins.
        var rig = new MixRig();
        var (near, far) = Bridged(rig, farTone: 700);
        near.Session.Apply(MediaCommand.PreparePlay(7));
        near.Session.Apply(MediaCommand.StartPlay(7, new PlayList([Spectrum.Prompt(400, 1_000)])));
        rig.Ticks(45);
        Spectrum.Tones(near.Heard(), 400, 700).ShouldBe([400]);
        SendEvent(near, 9, 160, end: true);
        string.Concat(near.Happened.OfType<KeyPressed>().Select(static pressed => pressed.Key)).ShouldBe("9");
        near.Happened.OfType<PlayEnded>().ShouldBeEmpty();
        rig.Ticks(60);
        near.Happened.OfType<PlayEnded>().ShouldBe([new PlayEnded(7, MediaOutcome.Completed)]);
        near.FarTimestamp += 8_000;
        SendEvent(near, 8, 160, end: true);
        string.Concat(near.Happened.OfType<KeyPressed>().Select(static pressed => pressed.Key)).ShouldBe("98");
        far.Sent.Select(packet => packet.PayloadType).ShouldContain(96);
        Spectrum.Tones(near.Heard(), 400, 700).ShouldBe([700]);
    }
}
