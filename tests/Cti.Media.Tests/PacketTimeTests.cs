using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Tests;

/// <summary>Packets are as long as the far end wants them, 10 to 60 ms.</summary>
public sealed class PacketTimeTests
{
    public static TheoryData<AudioCodec, int, int> Lengths
    {
        get
        {
            var lengths = new TheoryData<AudioCodec, int, int>();
            foreach (var codec in Enum.GetValues<AudioCodec>())
            {
                foreach (var millis in (int[])[10, 20, 30, 40, 50, 60])
                    lengths.Add(codec, millis, codec == AudioCodec.Opus ? millis switch { 30 => 20, 50 => 40, _ => millis } : millis);
            }
            return lengths;
        }
    }

    [Theory, MemberData(nameof(Lengths))]
    public void Sound_is_whole_whatever_length_its_packets_have(AudioCodec codec, int wanted, int sent)
    {
        var rig = new MixRig();
        var party = rig.Open(codec);
        party.Configure(codec, description => description with { Sending = new SendFormat(wanted) });
        party.Session.Apply(MediaCommand.PreparePlay(1));
        party.Session.Apply(MediaCommand.StartPlay(1, new PlayList([Prompt.FromLinear(Sound.Speech(2_400, 8_000))])));
        rig.Ticks(120);
        var packets = party.Sent.Take(2_300 / sent).ToList();
        for (var i = 1; i < packets.Count; i++)
        {
            (packets[i].Timestamp - packets[i - 1].Timestamp).ShouldBe((uint)(sent * codec.ClockPerMilli()));
            packets[i].Marker.ShouldBeFalse();
            (codec == AudioCodec.Opus ? OpusPacket.SamplesOf(packets[i].Payload) / 48 : packets[i].Payload.Length / 8).ShouldBe(sent);
        }
        party.ShouldBeOneStream();
        Sound.ShouldHold(Sound.Narrow(party.Heard(), codec.SoundRate()), Sound.Speech(2_200, 8_000),
            codec == AudioCodec.Opus ? 0.55 : 0.93, what: $"{codec} of {sent} ms");
    }

    [Fact]
    public void What_does_not_fill_a_packet_is_sent_when_nothing_follows()
    {
        var rig = new MixRig { Idle = IdleSending.Nothing };
        var party = rig.Open(AudioCodec.Pcma);
        party.Configure(AudioCodec.Pcma, description => description with { Sending = new SendFormat(60) });
        party.Session.Apply(MediaCommand.PreparePlay(1));
        party.Session.Apply(MediaCommand.StartPlay(1, new PlayList([Prompt.FromLinear(Sound.Sine(440, 160 * 4))])));
        rig.Ticks(10);
        party.Sent.Select(static packet => packet.Payload.Length).ShouldBe([480, 160]);
        (party.Sent[1].Timestamp - party.Sent[0].Timestamp).ShouldBe(480u);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(30)]
    [InlineData(60)]
    public void Packets_of_any_length_are_received_and_mixed(int millis)
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(AudioCodec.Pcma), rig.Open(AudioCodec.G722));
        MixRig.Connect(first, second, new BridgeRequest(1));
        var said = Sound.Encode(Sound.Speech(4_000, 8_000));
        var at = 0;
        rig.EachTick = i =>
        {
            for (; at + (millis * 8) <= (i + 1) * 160; at += millis * 8) first.Send(8, said.AsSpan(at, millis * 8), advance: (uint)(millis * 8));
        };
        rig.Ticks(190);
        Sound.ShouldHold(Sound.Narrow(second.Heard(), 16_000)[1_600..], Sound.Speech(3_200, 8_000)[1_600..], 0.95);
    }
}
