using System.Net;
using Cti.Media;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation.World;

/// <summary>The world that simulations stand on, checked by letting its far ends call each other.</summary>
public sealed class VirtualWorldTests
{
    private static readonly IPEndPoint A = new(IPAddress.Parse("192.0.2.1"), 5060);
    private static readonly IPEndPoint B = new(IPAddress.Parse("192.0.2.2"), 5060);

    private readonly ManualRuntime _runtime = new();

    [Fact]
    public void A_seed_repeats_what_the_network_does()
    {
        static List<string> Run(ulong seed)
        {
            var runtime = new ManualRuntime();
            var network = new VirtualNetwork(runtime, new SeededRandom(seed)) { Conditions = NetworkConditions.Bad };
            var seen = new List<string>();
            network.Bind(B, (from, bytes) => seen.Add($"{runtime.ElapsedMillis} {bytes.Span[0]}"));
            for (byte i = 0; i < 200; i++) network.Send(A, B, new[] { i });
            runtime.Advance(1000);
            network.InFlight.ShouldBe(0);
            (network.Lost + network.Delivered).ShouldBe(200 + network.Duplicated);
            return seen;
        }
        Run(7).ShouldBe(Run(7));
        Run(7).ShouldNotBe(Run(8));
        var numbers = Run(7).Select(line => int.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture)).ToList();
        numbers.SequenceEqual(numbers.Order()).ShouldBeFalse("datagrams overtake each other");
        numbers.Distinct().Count().ShouldBeInRange(150, 190);
    }

    [Fact]
    public void A_cut_stops_both_ways_and_what_is_on_its_way_until_it_is_healed()
    {
        var network = new VirtualNetwork(_runtime, new SeededRandom(1));
        var seen = 0;
        network.Bind(B, (_, _) => seen++);
        network.Send(A, B, new byte[] { 1 });
        network.Cut(A.Address, B.Address);
        _runtime.Advance(10);
        seen.ShouldBe(0);
        network.Heal();
        network.Send(A, B, new byte[] { 1 });
        _runtime.Advance(10);
        seen.ShouldBe(1);
        var refused = false;
        network.Send(B, A, new byte[] { 1 }, () => refused = true);
        _runtime.Advance(10);
        refused.ShouldBeTrue("nobody is bound there");
    }

    [Fact]
    public void Two_scripted_peers_ring_answer_and_hang_up()
    {
        var (caller, callee) = Peers(NetworkConditions.Good);
        caller.Invite("sip:bob@192.0.2.2");
        callee.Expect(SipMethods.Invite);
        callee.Send(180);
        caller.Expect(180);
        callee.Send(200);
        caller.ExpectPhase(PeerPhase.Up);
        callee.ExpectPhase(PeerPhase.Up);
        caller.Call.Remote!.Rtp.ShouldBe(callee.Call.Rtp);
        caller.Call.ReInvite("sendonly").ShouldBeTrue();
        callee.Expect(SipMethods.Invite);
        callee.Await(() => callee.Call.Remote!.Direction == "sendonly", "hold");
        callee.Call.HangUp();
        caller.Expect(SipMethods.Bye);
        callee.ExpectPhase(PeerPhase.Ended);
        caller.Call.EndedByThem.ShouldBeTrue();
        callee.Call.EndedByThem.ShouldBeFalse();
        NothingIsLeft(caller, callee);
    }

    [Fact]
    public void A_lost_200_is_sent_again_and_acknowledged_once_it_came()
    {
        var (caller, callee) = Peers(NetworkConditions.Good);
        caller.DropNext(200);
        caller.Invite("sip:bob@192.0.2.2");
        callee.Expect(SipMethods.Invite);
        callee.Send(200);
        caller.ExpectPhase(PeerPhase.Up);
        _runtime.ElapsedMillis.ShouldBeInRange(500, 520, "T1 later");
        callee.ExpectPhase(PeerPhase.Up);
    }

    [Fact]
    public void A_caller_cancels_while_it_rings()
    {
        var (caller, callee) = Peers(NetworkConditions.Good);
        caller.Invite("sip:bob@192.0.2.2");
        callee.Expect(SipMethods.Invite);
        callee.Send(180);
        caller.Expect(180);
        caller.Call.Cancel();
        callee.Expect(SipMethods.Cancel);
        caller.Expect(487);
        (caller.Call.FinalStatus, callee.Call.FinalStatus).ShouldBe((487, 487));
        NothingIsLeft(caller, callee);
    }

    [Fact]
    public void What_is_expected_and_does_not_come_fails_with_what_was_on_the_wire()
    {
        var (caller, callee) = Peers(NetworkConditions.Good);
        caller.Invite("sip:bob@192.0.2.2");
        callee.Expect(SipMethods.Invite);
        Should.Throw<InvalidOperationException>(() => caller.Expect(180)).Message.ShouldContain("> INVITE");
    }

    [Fact]
    public void Random_phones_always_come_to_an_end_over_a_bad_network()
    {
        var ended = new Dictionary<(int Status, bool WasUp), int>();
        for (ulong seed = 1; seed <= 60; seed++)
        {
            var world = new ManualRuntime();
            var random = new SeededRandom(seed);
            var network = new VirtualNetwork(world, random.Fork()) { Conditions = NetworkConditions.Bad };
            var first = new RandomPhone(network, world, random.Fork(), A, new PhoneHabits());
            var second = new RandomPhone(network, world, random.Fork(), B, new PhoneHabits());
            for (var i = 0; i < 5; i++) first.Dial(B, "sip:bob@192.0.2.2");
            world.Advance(150_000);
            network.Heal();
            first.HangUpAll();
            second.HangUpAll();
            world.Advance(150_000);
            first.Active.ShouldBe(0, $"seed {seed}: {string.Join(", ", first.Calls.Select(call => call.Phase))}");
            second.Active.ShouldBe(0, $"seed {seed}: {string.Join(", ", second.Calls.Select(call => call.Phase))}");
            first.Violations.ShouldBeEmpty($"seed {seed}");
            second.Violations.ShouldBeEmpty($"seed {seed}");
            world.PendingTimers.ShouldBe(0, $"seed {seed}");
            first.Dispose();
            second.Dispose();
            network.Bound.ShouldBeEmpty();
            foreach (var call in first.Calls) ended[(call.FinalStatus, call.WasUp)] = ended.GetValueOrDefault((call.FinalStatus, call.WasUp)) + 1;
        }
        ended[(200, true)].ShouldBeGreaterThan(100);
        ended[(487, false)].ShouldBeGreaterThan(10, "cancelled");
        ended[(486, false)].ShouldBeGreaterThan(0, "refused");
    }

    [Fact]
    public void The_transport_reads_what_peers_send_and_carries_what_the_node_sends()
    {
        var network = new VirtualNetwork(_runtime, new SeededRandom(1));
        var events = new Collected();
        using var transport = new VirtualSipTransport(network, _runtime, events, A);
        using var peer = new ScriptedSipPeer(network, _runtime, new SeededRandom(2), B, A);
        peer.SendOptions(A);
        _runtime.Advance(10);
        var request = events.Received.ShouldHaveSingleItem().Message.ShouldBeOfType<SipRequest>();
        events.Received[0].Flow.Remote.ShouldBe(B);
        transport.Send(events.Received[0].Flow, SipMessageWriter.ToArray(SipResponse.For(request, 200, null, "tag")), 0);
        peer.Expect(200, SipMethods.Options);
        network.Send(B, A, "garbage"u8.ToArray());
        network.Send(B, A, "\r\n\r\n"u8.ToArray());
        _runtime.Advance(10);
        events.Rejected.ShouldBe(1, "a keep-alive is nothing");
        transport.Send(new SipFlow(SipTransportKind.Udp, 0, new IPEndPoint(IPAddress.Parse("192.0.2.99"), 5060)), SipMessageWriter.ToArray(request), 17);
        transport.Send(new SipFlow(SipTransportKind.Tcp, 0, B), SipMessageWriter.ToArray(request), 18);
        _runtime.Advance(10);
        events.Failed.ShouldBe([(18, SipSendFailure.ConnectFailed), (17, SipSendFailure.Unreachable)]);
        Should.Throw<InvalidOperationException>(() => transport.Send(events.Received[0].Flow, "garbage"u8.ToArray(), 0));
    }

    [Fact]
    public void The_media_side_ends_every_start_once_and_its_session_last()
    {
        var media = new VirtualMediaPort(_runtime, A.Address, sessionsMax: 1) { Files = { ["a.wav"] = 1000 }, LoadMillis = 5 };
        var events = new Collected();
        var session = new MediaSessionId(1);
        var local = media.TryOpen(session, new MediaSessionOptions(), events).ShouldNotBeNull();
        media.TryOpen(new MediaSessionId(2), new MediaSessionOptions(), events).ShouldBeNull("there is one port");
        media.Configure(session, new MediaDescription(B, B, AudioCodec.Pcma, 8, 101, true, true));
        media.StartPlay(session, new PlayRequest(1, ["a.wav"], Repeat: 1));
        _runtime.Advance(2004);
        events.Media.ShouldBe([new PlayStarted(1)]);
        _runtime.Advance(1);
        events.Media[^1].ShouldBe(new PlayEnded(1, MediaOutcome.Completed));
        media.StartPlay(session, new PlayRequest(2, ["b.wav"]));
        media.Press(local, '5', new KeyEvent(7, 160)).ShouldBeTrue();
        _runtime.Advance(10);
        events.Media.Skip(2).ShouldBe([new KeyPressed('5', new KeyEvent(7, 160)), new PlayEnded(2, MediaOutcome.NotFound, "b.wav: no such file")]);
        media.StartRecord(session, new RecordRequest(3, "/rec/a.wav", RecordFormat.Alaw, Beep: true));
        media.SendKeys(session, new SendKeysRequest(4, "1,2"));
        _runtime.Advance(505);
        media.StopPlay(session, 3);
        media.Close(session);
        media.Close(session);
        media.PortsInUse.ShouldBe(1, "the port is free when the close is reported");
        _runtime.Advance(0);
        events.Media.Skip(4).Select(happened => happened.GetType().Name).ShouldBe(["RecordStarted", "RecordEnded", "SendKeysEnded", "SessionClosed"]);
        events.Media[5].ShouldBe(new RecordEnded(3, MediaOutcome.Stopped, 200));
        media.Recordings["/rec/a.wav"].ShouldBe(new VirtualRecording(200, true));
        (media.PortsInUse, media.OpenSessions, media.RunningActions).ShouldBe((0, 0, 0));
        media.Press(local, '5').ShouldBeFalse();
        Should.Throw<InvalidOperationException>(() => media.TryOpen(session, new MediaSessionOptions(), events));
    }

    private (ScriptedSipPeer Caller, ScriptedSipPeer Callee) Peers(NetworkConditions conditions)
    {
        var random = new SeededRandom(3);
        var network = new VirtualNetwork(_runtime, random.Fork()) { Conditions = conditions };
        return (new ScriptedSipPeer(network, _runtime, random.Fork(), A, B), new ScriptedSipPeer(network, _runtime, random.Fork(), B, A));
    }

    private void NothingIsLeft(params ScriptedSipPeer[] peers)
    {
        _runtime.Advance(40_000);
        _runtime.PendingTimers.ShouldBe(0);
        foreach (var peer in peers)
        {
            peer.Violations.ShouldBeEmpty();
            peer.Calls.Sum(call => call.PendingCount).ShouldBe(0);
        }
    }

    private sealed class Collected : ISipTransportEvents, IMediaEvents
    {
        public List<ReceivedMessage> Received { get; } = [];
        public List<(long Id, SipSendFailure Failure)> Failed { get; } = [];
        public List<MediaEvent> Media { get; } = [];
        public int Rejected { get; private set; }

        public void OnReceived(in ReceivedMessage received) => Received.Add(received);

        public void OnRejected(in SipParseResult rejected, SipFlow flow) => Rejected++;

        public void OnSendFailed(SipFlow flow, long sendId, SipSendFailure failure) => Failed.Add((sendId, failure));

        public void OnMediaEvent(MediaSessionId session, MediaEvent happened) => Media.Add(happened);
    }
}
