using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Rtp;
using Cti.Media.Session.Mix;

namespace Cti.Transport.Tests.Media;

public sealed class MediaEngineTests
{
    public static TheoryData<bool, bool> Sockets => new() { { false, false }, { true, false }, { false, true } };

    [Theory]
    [MemberData(nameof(Sockets))]
    public void A_play_reaches_the_far_end_byte_for_byte(bool ipv6, bool managed)
    {
        using var fixture = new MediaFixture(options => options with { ManagedSockets = managed });
        var sound = MediaFixture.Pattern(160 * 40, 1);
        var file = fixture.WriteAlaw("pattern.wav", sound);
        using var peer = fixture.Open(ipv6);
        peer.Remote.Port.ShouldBe(peer.Remote.Port & ~1);
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(7, [file]));
        var heard = new List<byte>();
        ushort sequence = 0;
        uint timestamp = 0;
        for (var i = 0; i < 40; i++)
        {
            var packet = peer.ReceiveRtp();
            (packet[1] & 0x7F).ShouldBe(8);
            if (i > 0)
            {
                BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2)).ShouldBe((ushort)(sequence + 1));
                BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(4)).ShouldBe(timestamp + 160);
            }

            sequence = BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2));
            timestamp = BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(4));
            heard.AddRange(packet.AsSpan(12));
        }

        heard.ShouldBe(sound);
        peer.NextEvent().ShouldBe(new PlayStarted(7));
        peer.NextEvent().ShouldBe(new PlayEnded(7, MediaOutcome.Completed));
        peer.Close().Statistics.PacketsSent.ShouldBe(40);
    }

    [Fact]
    public void A_file_that_does_not_exist_ends_the_play_before_anything_is_heard()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open();
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(1, ["missing.wav"]));
        var ended = peer.NextEvent().ShouldBeOfType<PlayEnded>();
        ended.Outcome.ShouldBe(MediaOutcome.NotFound);
        peer.Close().Statistics.PacketsSent.ShouldBe(0);
    }

    [Fact]
    public void A_stopped_play_ends_stopped()
    {
        using var fixture = new MediaFixture();
        var file = fixture.WriteAlaw("long.wav", MediaFixture.Pattern(8000 * 20, 2));
        using var peer = fixture.Open();
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(4, [file], Repeat: -1));
        peer.NextEvent().ShouldBe(new PlayStarted(4));
        peer.ReceiveRtp();
        fixture.Engine.StopPlay(peer.Session, 4);
        peer.NextEvent().ShouldBe(new PlayEnded(4, MediaOutcome.Stopped));
    }

    [Fact]
    public void Keys_that_come_are_reported_once_each()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open();
        peer.PressKey(5);
        peer.PressKey(11);
        peer.NextEvent().ShouldBeOfType<KeyPressed>().Key.ShouldBe('5');
        peer.NextEvent().ShouldBeOfType<KeyPressed>().Key.ShouldBe('#');
        peer.Close();
    }

    [Fact]
    public void Keys_that_are_sent_arrive_as_telephone_events()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open();
        fixture.Engine.SendKeys(peer.Session, new SendKeysRequest(9, "1*"));
        peer.NextEvent().ShouldBe(new SendKeysEnded(9, MediaOutcome.Completed));
        var codes = new List<byte>();
        while (codes.Count < 2)
        {
            var packet = peer.ReceiveRtp();
            if ((packet[1] & 0x7F) == 101 && !codes.Contains(packet[12]))
                codes.Add(packet[12]);
        }

        codes.ShouldBe([1, 10]);
    }

    [Fact]
    public void What_the_far_end_says_is_in_the_recorded_file()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open(idle: IdleSending.Silence);
        var path = Path.Combine(fixture.Root, "said.wav");
        fixture.Engine.StartRecord(peer.Session, new RecordRequest(3, path, RecordFormat.Alaw, Beep: false));
        peer.NextEvent().ShouldBe(new RecordStarted(3));
        var said = MediaFixture.Pattern(160 * 30, 3);
        for (var i = 0; i < 60; i++)
        {
            // The session's own silence, a packet every 20 ms, paces the far end.
            peer.ReceiveRtp();
            peer.SendAudio(said.AsSpan(i % 30 * 160, 160));
        }

        fixture.Engine.StopRecord(peer.Session, 3);
        var ended = peer.NextEvent().ShouldBeOfType<RecordEnded>();
        ended.Outcome.ShouldBe(MediaOutcome.Stopped);
        ended.DurationMillis.ShouldBeGreaterThan(900);
        var file = File.ReadAllBytes(path);
        Enumerable.Range(0, 29).Count(frame => file.AsSpan().IndexOf(said.AsSpan(frame * 160, 160)) > 0).ShouldBeGreaterThan(5);
        fixture.Engine.RecordingCount.ShouldBe(0);
    }

    [Fact]
    public void Closing_a_recording_session_completes_the_file_before_the_last_report()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open();
        var path = Path.Combine(fixture.Root, "cut.wav");
        fixture.Engine.StartRecord(peer.Session, new RecordRequest(3, path, RecordFormat.Ulaw, Beep: false));
        peer.NextEvent().ShouldBe(new RecordStarted(3));
        fixture.Engine.Close(peer.Session);
        peer.NextEvent().ShouldBeOfType<RecordEnded>().Outcome.ShouldBe(MediaOutcome.Stopped);
        File.Exists(path).ShouldBeTrue();
        peer.NextEvent().ShouldBeOfType<SessionClosed>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Close_says_bye_frees_the_ports_and_reports_last_and_once(bool managed)
    {
        using var fixture = new MediaFixture(options => options with { ManagedSockets = managed });
        var file = fixture.WriteAlaw("long.wav", MediaFixture.Pattern(8000, 2));
        using var peer = fixture.Open();
        var total = fixture.Engine.FreePairs + 1;
        var bound = false;
        peer.OnEvent = happened =>
        {
            if (happened is not SessionClosed)
                return;
            using var rtp = new UdpClient(peer.Remote);
            using var rtcp = new UdpClient(new IPEndPoint(peer.Remote.Address, peer.Remote.Port + 1));
            bound = fixture.Engine.FreePairs == total;
        };
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(1, [file], Repeat: -1));
        peer.NextEvent().ShouldBe(new PlayStarted(1));
        peer.ReceiveRtp();
        fixture.Engine.Close(peer.Session);
        fixture.Engine.Close(peer.Session);
        peer.NextEvent().ShouldBe(new PlayEnded(1, MediaOutcome.Stopped));
        peer.NextEvent().ShouldBeOfType<SessionClosed>();
        bound.ShouldBeTrue();
        IPEndPoint? from = null;
        var compound = peer.Rtcp.Receive(ref from);
        from!.Port.ShouldBe(peer.Remote.Port + 1);
        PacketTypes(compound).ShouldContain(203);
        fixture.Engine.SessionCount.ShouldBe(0);
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(2, [file]));
        using var next = fixture.Open();
        next.Close();
        peer.EventsWaiting.ShouldBe(0);
    }

    [Fact]
    public void Without_a_free_pair_nothing_opens_until_one_is_closed()
    {
        using var fixture = new MediaFixture(options => options with { PortLast = options.PortFirst + 3 });
        using var first = fixture.Open();
        using var second = fixture.Open();
        fixture.Engine.TryOpen(MediaFixture.NewSession(), new MediaSessionOptions(), first).ShouldBeNull();
        first.Close();
        using var third = fixture.Open();
        third.Remote.Port.ShouldBe(first.Remote.Port);
        fixture.Log.Kinds.ShouldContain(LogEvents.MediaRefused);
    }

    [Fact]
    public void A_pair_that_another_program_holds_is_passed_over()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open();
        using var foreign = new UdpClient(new IPEndPoint(IPAddress.Loopback, peer.Remote.Port + 3));
        using var next = fixture.Open();
        next.Remote.Port.ShouldBe(peer.Remote.Port + 4);
    }

    [Fact]
    public void A_loop_over_its_budget_takes_no_session()
    {
        using var fixture = new MediaFixture(options => options with { BusyFractionMax = -1 });
        using var receiver = new UdpClient();
        fixture.Engine.TryOpen(MediaFixture.NewSession(), new MediaSessionOptions(), new Silent(), out var refusal).ShouldBeNull();
        refusal.ShouldBe(MediaRefusal.OwnWork);
        fixture.Engine.Refusals[MediaRefusal.OwnWork].ShouldBe(1);
        fixture.Engine.FreePairs.ShouldBe(20);
    }

    [Fact]
    public void What_a_call_that_is_up_needs_is_opened_on_a_loop_over_its_budget()
    {
        using var fixture = new MediaFixture(options => options with { Loops = 2, BusyFractionMax = -1 });
        var sessions = Enumerable.Range(0, 3).Select(static _ => MediaFixture.NewSession()).ToList();
        foreach (var session in sessions) fixture.Engine.TryOpen(session, new MediaSessionOptions(IsOwed: true), new Silent()).ShouldNotBeNull();
        fixture.Engine.Snapshot().Select(static loop => loop.Sessions).ShouldBe([2, 1]);
        fixture.Engine.Connect(sessions[2], sessions[1], new BridgeRequest(1)).ShouldBeTrue("both are calls that are up, whichever loop is busy");
        fixture.Engine.OpenConference(new ConferenceId(1), new ConferenceOptions(), new Silent()).ShouldBeFalse();
        fixture.Engine.OpenConference(new ConferenceId(1), new ConferenceOptions(IsOwed: true), new Silent()).ShouldBeTrue();
    }

    [Fact]
    public void A_session_number_is_not_opened_twice()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open();
        var free = fixture.Engine.FreePairs;
        Should.Throw<ArgumentException>(() => fixture.Engine.TryOpen(peer.Session, new MediaSessionOptions(), new Silent()));
        fixture.Engine.FreePairs.ShouldBe(free);
    }

    [Fact]
    public void Malformed_packets_are_counted_by_reason_and_the_session_goes_on()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open();
        peer.Rtp.Client.SendTo([0x80, 8, 0], peer.Remote);
        peer.Rtp.Client.SendTo(new byte[1400], peer.Remote);
        peer.SendPacket(96, false, 1, [1, 2, 3]);
        peer.PressKey(1);
        peer.NextEvent().ShouldBeOfType<KeyPressed>().Key.ShouldBe('1');
        var loop = fixture.Engine.Snapshot()[0];
        loop.Dropped[DropReason.Truncated].ShouldBe(1);
        loop.Dropped[DropReason.BadVersion].ShouldBe(1);
        loop.Dropped[DropReason.UnknownPayloadType].ShouldBe(1);
        loop.RtpReceived.ShouldBeGreaterThanOrEqualTo(4);
    }

    [Fact]
    public void A_receiver_that_throws_is_logged_and_others_are_served()
    {
        using var fixture = new MediaFixture();
        using var broken = fixture.Open();
        broken.OnEvent = _ => throw new InvalidOperationException("receiver");
        broken.PressKey(1);
        using var peer = fixture.Open();
        peer.PressKey(2);
        peer.NextEvent().ShouldBeOfType<KeyPressed>().Key.ShouldBe('2');
        SpinWait.SpinUntil(() => fixture.Log.Kinds.Contains(LogEvents.MediaReceiverFault), MediaFixture.Patience).ShouldBeTrue();
    }

    [Fact]
    public void Disposing_the_engine_closes_its_sessions_with_their_reports()
    {
        var fixture = new MediaFixture();
        using var peer = fixture.Open();
        fixture.Dispose();
        peer.NextEvent().ShouldBeOfType<SessionClosed>();
        Should.Throw<ObjectDisposedException>(() => fixture.Engine.TryOpen(MediaFixture.NewSession(), new MediaSessionOptions(), peer));
    }

    [Fact]
    public void Sending_and_receiving_allocate_nothing_per_packet()
    {
        using var fixture = new MediaFixture();
        var file = fixture.WriteAlaw("loop.wav", MediaFixture.Pattern(8000, 5));
        var loop = fixture.Engine.Loops[0];
        loop.MeasuresThreadAllocation = true;
        var peers = Enumerable.Range(0, 10).Select(_ => fixture.Open()).ToImmutableArray();
        var sound = MediaFixture.Pattern(160, 6);
        foreach (var peer in peers)
        {
            fixture.Engine.StartPlay(peer.Session, new PlayRequest(1, [file], Repeat: -1));
            peer.NextEvent().ShouldBe(new PlayStarted(1));
        }

        Exchange(peers, sound, rounds: 25);
        var bytesBefore = loop.ThreadAllocatedBytes;
        var packetsBefore = loop.Snapshot();
        Exchange(peers, sound, rounds: 50);
        var bytes = loop.ThreadAllocatedBytes - bytesBefore;
        var packets = loop.Snapshot();
        (packets.RtpSent - packetsBefore.RtpSent).ShouldBeGreaterThan(300);
        (packets.RtpReceived - packetsBefore.RtpReceived).ShouldBeGreaterThan(300);
        bytes.ShouldBe(0);
        foreach (var peer in peers)
            peer.Dispose();
    }

    private static void Exchange(ImmutableArray<MediaPeer> peers, byte[] sound, int rounds)
    {
        for (var round = 0; round < rounds; round++)
        {
            foreach (var peer in peers)
                peer.SendAudio(sound);
            foreach (var peer in peers)
                peer.ReceiveRtp();
        }
    }

    private static List<int> PacketTypes(byte[] compound)
    {
        var types = new List<int>();
        for (var at = 0; at + 4 <= compound.Length; at += 4 * (BinaryPrimitives.ReadUInt16BigEndian(compound.AsSpan(at + 2)) + 1))
            types.Add(compound[at + 1]);
        return types;
    }

    private sealed class Silent : IMediaEvents, IConferenceEvents
    {
        public void OnConferenceEvent(ConferenceId conference, MediaEvent happened)
        {
        }

        public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
        {
        }
    }
}
