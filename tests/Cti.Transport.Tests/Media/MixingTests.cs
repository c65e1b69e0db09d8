using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Transport.Tests.Media;

public sealed class MixingTests
{
    private static MediaFixture Fixture(int loops) => new(options => options with { Loops = loops, BusyFractionMax = 100 });

    private static byte[] Frame(int number) => MediaFixture.Pattern(160, 1000 + number);

    private static uint Ssrc(byte[] packet) => BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(8));

    private static ushort Sequence(byte[] packet) => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2));

    private static uint Timestamp(byte[] packet) => BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(4));

    private static MediaEvent Until<T>(MediaPeer peer)
        where T : MediaEvent
    {
        while (true)
        {
            var happened = peer.NextEvent();
            if (happened is T)
                return happened;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_bridge_relays_byte_for_byte_between_sessions_that_began_on_different_loops(int loops)
    {
        using var fixture = Fixture(loops);
        using var first = fixture.Open();
        using var second = fixture.Open(idle: IdleSending.Silence);
        var before = second.ReceiveRtp();
        fixture.Engine.Connect(first.Session, second.Session, new BridgeRequest(1)).ShouldBeTrue();
        first.NextEvent().ShouldBe(new BridgeStarted(1));
        var number = 0;
        for (; number < 25; number++)
        {
            first.SendAudio(Frame(number));
            byte[] heard;
            do
            {
                heard = second.ReceiveRtp();
            }
            while (heard.AsSpan(12).IndexOfAnyExcept((byte)0xD5) < 0);
            heard.AsSpan(12).SequenceEqual(Frame(number)).ShouldBeTrue();
            Ssrc(heard).ShouldBe(Ssrc(before));
            ((short)(Sequence(heard) - Sequence(before))).ShouldBeGreaterThan((short)0);
            ((int)(Timestamp(heard) - Timestamp(before))).ShouldBeGreaterThanOrEqualTo(0);
            before = heard;
            second.SendAudio(Frame(100 + number));
            first.ReceiveRtp().AsSpan(12).SequenceEqual(Frame(100 + number)).ShouldBeTrue();
        }

        fixture.Engine.Snapshot().Select(loop => loop.Sessions).Order().ShouldBe(loops == 1 ? [2] : [0, 2]);
        fixture.Engine.Disconnect(first.Session, 1);
        first.NextEvent().ShouldBe(new BridgeEnded(1, MediaOutcome.Stopped));
        first.Close().Statistics.PacketsReceived.ShouldBe(25);
        second.Close();
        fixture.Engine.Snapshot().ShouldAllBe(loop => loop.Sessions == 0);
    }

    [Fact]
    public void The_other_side_going_away_ends_a_bridge_and_its_recording_is_complete_by_then()
    {
        using var fixture = Fixture(2);
        using var first = fixture.Open();
        using var second = fixture.Open();
        var path = Path.Combine(fixture.Root, "both.wav");
        fixture.Engine.Connect(first.Session, second.Session, new BridgeRequest(6, Record: new BridgeRecording(path, RecordFormat.Alaw))).ShouldBeTrue();
        first.NextEvent().ShouldBe(new BridgeStarted(6));
        first.NextEvent().ShouldBe(new RecordStarted(6));
        var complete = false;
        first.OnEvent = happened => complete |= happened is BridgeEnded && File.Exists(path);
        second.Close();
        first.NextEvent().ShouldBeOfType<RecordEnded>().Outcome.ShouldBe(MediaOutcome.Stopped);
        first.NextEvent().ShouldBe(new BridgeEnded(6, MediaOutcome.Completed));
        complete.ShouldBeTrue();
        File.ReadAllBytes(path)[22].ShouldBe((byte)2);
        fixture.Engine.Connect(first.Session, second.Session, new BridgeRequest(7)).ShouldBeTrue();
        first.NextEvent().ShouldBe(new BridgeEnded(7, MediaOutcome.Completed));
        Should.Throw<ArgumentException>(() => fixture.Engine.Connect(first.Session, first.Session, new BridgeRequest(8)));
        first.Close();
    }

    [Fact]
    public void A_bridge_that_no_loop_can_take_is_refused_and_leaves_both_where_they_are()
    {
        using var fixture = new MediaFixture(options => options with { Loops = 2, SessionsPerLoopMax = 1, BusyFractionMax = 100 });
        using var first = fixture.Open();
        using var second = fixture.Open();
        fixture.Engine.Connect(first.Session, second.Session, new BridgeRequest(1)).ShouldBeFalse();
        fixture.Engine.Listen(first.Session, second.Session, 1).ShouldBeFalse();
        first.PressKey(1);
        first.NextEvent().ShouldBeOfType<KeyPressed>().Key.ShouldBe('1');
        fixture.Engine.Snapshot().Select(loop => loop.Sessions).ShouldBe([1, 1]);
    }

    [Fact]
    public void Commands_keep_their_order_while_a_session_moves_back_and_forth()
    {
        using var fixture = Fixture(3);
        var file = fixture.WriteAlaw("tone.wav", MediaFixture.Pattern(800, 1));
        using var moving = fixture.Open();
        using var second = fixture.Open();
        using var third = fixture.Open();
        for (var round = 0; round < 60; round++)
        {
            var partner = round % 2 == 0 ? second : third;
            fixture.Engine.Connect(partner.Session, moving.Session, new BridgeRequest(round)).ShouldBeTrue();
            fixture.Engine.StartTone(moving.Session, 1000 + round, "DE");
            fixture.Engine.StopPlay(moving.Session, 1000 + round);
            fixture.Engine.Connect(moving.Session, partner.Session, new BridgeRequest(5000 + round)).ShouldBeTrue();
            fixture.Engine.Disconnect(moving.Session, 5000 + round);
        }

        fixture.Engine.StartPlay(moving.Session, new PlayRequest(9999, [file]));
        var ends = new List<long>();
        var bridges = new List<long>();
        while (true)
        {
            var happened = moving.NextEvent();
            if (happened is PlayEnded ended)
                ends.Add(ended.Action);
            if (happened is BridgeEnded bridge)
                bridges.Add(bridge.Action);
            if (happened is PlayEnded { Action: 9999 } last)
            {
                last.Outcome.ShouldBe(MediaOutcome.Completed);
                break;
            }
        }

        ends.ShouldBe([.. Enumerable.Range(1000, 60).Select(action => (long)action), 9999]);
        bridges.ShouldBe(Enumerable.Range(5000, 60).Select(action => (long)action));
        moving.Close();
    }

    [Fact]
    public void Listening_passes_the_sources_packets_and_a_tone_is_the_countrys()
    {
        using var fixture = Fixture(2);
        using var parent = fixture.Open();
        using var child = fixture.Open();
        fixture.Engine.StartTone(parent.Session, 1, "XX");
        parent.NextEvent().ShouldBeOfType<PlayEnded>().Outcome.ShouldBe(MediaOutcome.NotFound);
        fixture.Engine.StartTone(parent.Session, 2, "de");
        parent.NextEvent().ShouldBe(new PlayStarted(2));
        parent.ReceiveRtp();
        fixture.Engine.StopPlay(parent.Session, 2);
        parent.NextEvent().ShouldBe(new PlayEnded(2, MediaOutcome.Stopped));
        fixture.Engine.Listen(parent.Session, child.Session, 3).ShouldBeTrue();
        parent.NextEvent().ShouldBe(new BridgeStarted(3));
        child.SendAudio(Frame(1));
        byte[] heard;
        do
        {
            heard = parent.ReceiveRtp();
        }
        while (!heard.AsSpan(12).SequenceEqual(Frame(1)));

        fixture.Engine.Close(child.Session);
        parent.NextEvent().ShouldBe(new BridgeEnded(3, MediaOutcome.Completed));
    }

    [Fact]
    public void Three_members_from_three_loops_hear_the_other_two_and_not_themselves()
    {
        using var fixture = Fixture(3);
        var room = new Room(fixture);
        double[] tones = [400, 700, 1100];
        var peers = tones.Select(_ => fixture.Open(idle: IdleSending.Silence)).ToArray();
        foreach (var peer in peers)
            fixture.Engine.Join(room.Id, peer.Session, new ConferenceMember()).ShouldBeTrue();
        peers.Select(_ => room.Next()).ShouldBe(peers.Select(peer => new MemberJoined(peer.Session)), ignoreOrder: true);
        var heard = peers.Select(_ => new List<short>()).ToArray();
        // All multiples of 100 Hz: five frames on, a tone is where it was.
        var said = tones.Select(tone => Enumerable.Range(0, 5).Select(frame => Tone(tone, frame)).ToArray()).ToArray();
        foreach (var peer in peers)
        {
            // What was sent until now would let the far ends run ahead.
            while (peer.Rtp.Available > 0)
                peer.ReceiveRtp();
        }

        for (var frame = 0; frame < 70; frame++)
        {
            for (var i = 0; i < peers.Length; i++)
            {
                // The sessions' own packets, one every 20 ms, pace the far ends.
                var packet = peers[i].ReceiveRtp();
                if (frame >= 20)
                    heard[i].AddRange(packet.Skip(12).Select(Linear));
                peers[i].SendAudio(said[i][frame % 5]);
            }
        }

        for (var i = 0; i < peers.Length; i++)
        {
            for (var j = 0; j < peers.Length; j++)
                (Amplitude(heard[i], tones[j]) > 2000).ShouldBe(i != j, $"member {i}, tone {tones[j]}: {Amplitude(heard[i], tones[j]):F0}");
        }

        fixture.Engine.CloseConference(room.Id);
        peers.Select(_ => room.Next()).ShouldAllBe(happened => happened is MemberLeft);
        room.Next().ShouldBe(new ConferenceClosed());
        fixture.Engine.ConferenceCount.ShouldBe(0);
        foreach (var peer in peers)
        {
            peer.Close();
            peer.Dispose();
        }
    }

    [Fact]
    public void What_is_played_to_and_recorded_of_a_conference_is_reported_and_a_missing_sound_is_too()
    {
        using var fixture = Fixture(2);
        var file = fixture.WriteAlaw("short.wav", MediaFixture.Pattern(800, 1));
        var room = new Room(fixture, new ConferenceOptions(Background: ["none.wav"]));
        room.Next().ShouldBeOfType<ConferenceSoundFailed>().Outcome.ShouldBe(MediaOutcome.NotFound);
        using var peer = fixture.Open();
        fixture.Engine.Join(room.Id, peer.Session, new ConferenceMember(VoiceMode.Hear)).ShouldBeTrue();
        room.Next().ShouldBe(new MemberJoined(peer.Session));
        var path = Path.Combine(fixture.Root, "mix.wav");
        fixture.Engine.RecordConference(room.Id, new RecordRequest(1, path, RecordFormat.Ulaw, Beep: true));
        room.Next().ShouldBe(new RecordStarted(1));
        fixture.Engine.PlayEntrySound(room.Id, [file]);
        fixture.Engine.PlayToConference(room.Id, new PlayRequest(2, [file]));
        room.Next().ShouldBe(new PlayStarted(2));
        room.Next().ShouldBe(new PlayEnded(2, MediaOutcome.Completed));
        fixture.Engine.StartConferenceRingBack(room.Id, "XX");
        room.Next().ShouldBeOfType<ConferenceSoundFailed>().Outcome.ShouldBe(MediaOutcome.NotFound);
        fixture.Engine.StartConferenceRingBack(room.Id, "US");
        fixture.Engine.StopConferenceRingBack(room.Id);
        fixture.Engine.Leave(room.Id, peer.Session);
        room.Next().ShouldBe(new MemberLeft(peer.Session));
        fixture.Engine.StopConferenceRecord(room.Id, 1);
        room.Next().ShouldBeOfType<RecordEnded>().DurationMillis.ShouldBeGreaterThanOrEqualTo(100);
        File.Exists(path).ShouldBeTrue();
        fixture.Engine.CloseConference(room.Id);
        room.Next().ShouldBe(new ConferenceClosed());
        peer.Close();
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public void Any_order_of_moves_from_two_threads_leaves_nothing_behind(int seed)
    {
        using var fixture = Fixture(3);
        var free = fixture.Engine.FreePairs;
        var rooms = Enumerable.Range(0, 3).Select(_ => new Room(fixture)).ToArray();
        var peers = Enumerable.Range(0, 10).Select(_ => fixture.Open()).ToArray();
        var asked = new ConcurrentDictionary<(long Session, long Action), bool>();
        var threads = Enumerable.Range(0, 2).Select(thread => new Thread(() => Shuffle(fixture, rooms, peers, asked, seed * 10 + thread))).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        foreach (var room in rooms)
            fixture.Engine.CloseConference(room.Id);
        foreach (var peer in peers)
        {
            fixture.Engine.Close(peer.Session);
            var ended = new List<long>();
            while (true)
            {
                var happened = peer.NextEvent();
                if (happened is BridgeEnded bridge)
                    ended.Add(bridge.Action);
                if (happened is SessionClosed)
                    break;
            }

            ended.Order().ShouldBe(asked.Keys.Where(key => key.Session == peer.Session.Value).Select(key => key.Action).Order());
            peer.Dispose();
        }

        foreach (var room in rooms)
        {
            var members = 0;
            for (var happened = room.Next(); happened is not ConferenceClosed; happened = room.Next())
                members += happened is MemberJoined ? 1 : happened is MemberLeft ? -1 : 0;
            members.ShouldBe(0);
        }

        fixture.Engine.FreePairs.ShouldBe(free);
        fixture.Engine.SessionCount.ShouldBe(0);
        fixture.Engine.ConferenceCount.ShouldBe(0);
        fixture.Engine.Snapshot().ShouldAllBe(loop => loop.Sessions == 0);
        fixture.Log.Kinds.ShouldNotContain(LogEvents.MediaSessionFault);
        fixture.Log.Kinds.ShouldNotContain(LogEvents.MediaConferenceFault);
    }

    private static void Shuffle(MediaFixture fixture, Room[] rooms, MediaPeer[] peers, ConcurrentDictionary<(long, long), bool> asked, int seed)
    {
        var random = new Random(seed);
        for (var step = 0; step < 400; step++)
        {
            var (one, other) = (peers[random.Next(peers.Length)], peers[random.Next(peers.Length)]);
            var room = rooms[random.Next(rooms.Length)];
            var action = seed * 1_000L + step;
            switch (random.Next(6))
            {
                case 0:
                    fixture.Engine.Join(room.Id, one.Session, new ConferenceMember((VoiceMode)random.Next(1, 5))).ShouldBeTrue();
                    break;
                case 1:
                    fixture.Engine.Leave(room.Id, one.Session);
                    break;
                case 2 or 3 when one != other:
                    asked.TryAdd((one.Session.Value, action), true);
                    fixture.Engine.Connect(one.Session, other.Session, new BridgeRequest(action)).ShouldBeTrue();
                    break;
                case 4 when one != other:
                    asked.TryAdd((one.Session.Value, action), true);
                    fixture.Engine.Listen(one.Session, other.Session, action).ShouldBeTrue();
                    break;
                default:
                    one.SendAudio(Frame(step));
                    break;
            }
        }
    }

    [Fact]
    public void Relaying_and_mixing_allocate_nothing_per_packet()
    {
        using var fixture = Fixture(1);
        var room = new Room(fixture);
        var loop = fixture.Engine.Loops[0];
        loop.MeasuresThreadAllocation = true;
        var peers = Enumerable.Range(0, 10).Select(_ => fixture.Open()).ToImmutableArray();
        fixture.Engine.Connect(peers[0].Session, peers[1].Session, new BridgeRequest(1));
        fixture.Engine.Connect(peers[2].Session, peers[3].Session, new BridgeRequest(1, FirstVolume: 3));
        Until<BridgeStarted>(peers[2]);
        foreach (var peer in peers[4..])
        {
            fixture.Engine.Join(room.Id, peer.Session, new ConferenceMember());
            room.Next().ShouldBe(new MemberJoined(peer.Session));
        }

        Exchange(peers, 40);
        var bytes = loop.ThreadAllocatedBytes;
        var before = loop.Snapshot();
        Exchange(peers, 40);
        (loop.ThreadAllocatedBytes - bytes).ShouldBe(0);
        (loop.Snapshot().RtpSent - before.RtpSent).ShouldBeGreaterThan(200);
        foreach (var peer in peers)
            peer.Dispose();
    }

    private static void Exchange(ImmutableArray<MediaPeer> peers, int rounds)
    {
        for (var round = 0; round < rounds; round++)
        {
            foreach (var peer in peers)
                peer.SendAudio(Frame(round));
            // The conference sends every 20 ms, which paces the rest.
            peers[9].ReceiveRtp();
        }
    }

    private static short Linear(byte code)
    {
        // A-law (ITU-T G.711 table 1): even bits are inverted on the line.
        var bits = code ^ 0x55;
        var (segment, magnitude) = (bits >> 4 & 7, ((bits & 15) << 4) + 8);
        if (segment > 0)
            magnitude = magnitude + 256 << segment - 1;
        return (short)((bits & 0x80) != 0 ? magnitude : -magnitude);
    }

    private static byte[] Tone(double hertz, int frame)
    {
        var payload = new byte[160];
        for (var i = 0; i < payload.Length; i++)
        {
            var wanted = 6_000 * Math.Sin(2 * Math.PI * hertz * (frame * 160 + i) / 8_000);
            payload[i] = (byte)Enumerable.Range(0, 256).MinBy(code => Math.Abs(Linear((byte)code) - wanted));
        }

        return payload;
    }

    /// <summary>
    /// The amplitude of a tone as the median of pieces of 100 ms: where the machine held a thread up, sound is missing or shifted in a few of them.
    /// </summary>
    private static double Amplitude(List<short> samples, double hertz)
    {
        const int Piece = 800;
        var pieces = samples.Chunk(Piece).Where(piece => piece.Length == Piece).Select(piece =>
        {
            double sine = 0, cosine = 0;
            for (var i = 0; i < Piece; i++)
            {
                sine += piece[i] * Math.Sin(2 * Math.PI * hertz * i / 8_000);
                cosine += piece[i] * Math.Cos(2 * Math.PI * hertz * i / 8_000);
            }

            return 2 * Math.Sqrt(sine * sine + cosine * cosine) / Piece;
        }).Order().ToList();
        return pieces[pieces.Count / 2];
    }

    private sealed class Room : IConferenceEvents
    {
        private static long _last;
        private readonly BlockingCollection<MediaEvent> _events = [];

        public Room(MediaFixture fixture, ConferenceOptions? options = null)
        {
            Id = new ConferenceId(Interlocked.Increment(ref _last));
            fixture.Engine.OpenConference(Id, options ?? new ConferenceOptions(), this).ShouldBeTrue();
        }

        public ConferenceId Id { get; }

        public MediaEvent Next()
        {
            _events.TryTake(out var happened, MediaFixture.Patience).ShouldBeTrue();
            return happened!;
        }

        public void OnConferenceEvent(ConferenceId conference, MediaEvent happened)
        {
            conference.ShouldBe(Id);
            _events.Add(happened);
        }
    }
}
