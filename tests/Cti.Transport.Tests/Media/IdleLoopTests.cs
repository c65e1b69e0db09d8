using Cti.Media;
using Cti.Transport.Media;

namespace Cti.Transport.Tests.Media;

/// <summary>Sessions that sleep in a real loop.</summary>
public sealed class IdleLoopTests
{
    [Fact]
    public void A_session_that_sleeps_is_woken_by_a_play_and_reads_what_comes_meanwhile()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open(idle: IdleSending.Keepalive);
        var packets = 1;
        peer.ReceiveRtp();
        // Silence in full for a second, then the first keepalive: from there on the session sleeps.
        var last = Timestamp(peer.ReceiveRtp());
        for (var gap = 0U; gap < 8_000; packets++)
        {
            var next = Timestamp(peer.ReceiveRtp());
            gap = next - last;
            last = next;
        }
        packets.ShouldBeInRange(10, 60);
        peer.PressKey(5);
        peer.NextEvent().ShouldBeOfType<KeyPressed>().Key.ShouldBe('5');
        var sound = MediaFixture.Pattern(1600, 7);
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(1, [fixture.WriteAlaw("a.wav", sound)]));
        peer.NextEvent().ShouldBeOfType<PlayStarted>();
        var first = peer.ReceiveRtp();
        first[12..].ShouldBe(sound[..160]);
        // Marked where there was a gap: a play that is quick is the keepalive's next frame.
        ((first[1] & 0x80) != 0).ShouldBe(Timestamp(first) - last > 160);
        peer.NextEvent().ShouldBeOfType<PlayEnded>();
        peer.Close();
    }

    private static uint Timestamp(byte[] packet) => System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(4));

    [Fact]
    public void A_phase_finds_each_session_again_whoever_sleeps_wakes_and_leaves()
    {
        var phase = new LoopPhase();
        var random = new Random(4711);
        var slots = Enumerable.Range(0, 200).Select(static number => new SessionSlot(new MediaSessionId(number), null!, null!, null!, 0, null!, null!))
            .ToArray();
        var state = new Dictionary<SessionSlot, long>();
        for (var cadence = 0L; cadence < 20_000; cadence++)
        {
            var slot = slots[random.Next(slots.Length)];
            if (!state.TryGetValue(slot, out var wakes))
            {
                phase.Add(slot);
                state[slot] = 0;
            }
            else if (random.Next(4) == 0)
            {
                phase.Remove(slot);
                state.Remove(slot);
            }
            else if (wakes > 0)
            {
                phase.Wake(slot);
                state[slot] = 0;
            }
            else
            {
                phase.Sleep(slot, cadence + 1 + random.Next(300));
                state[slot] = cadence + 300;
            }
            phase.WakeDue(cadence);
            foreach (var (known, until) in state.ToArray())
            {
                if (until > 0 && !known.IsAsleep) state[known] = 0;
                if (until > 0 && until < cadence) known.IsAsleep.ShouldBeFalse();
            }
            phase.Count.ShouldBe(state.Count);
            phase.AwakeCount.ShouldBe(state.Keys.Count(static known => !known.IsAsleep));
            for (var i = 0; i < phase.AwakeCount; i++) phase[i].IsAsleep.ShouldBeFalse();
        }
    }
}
