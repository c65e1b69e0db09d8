using System.Collections.Concurrent;
using System.Net;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Rtp;
using Cti.Media.Session.Mix;
using Cti.Media.Srtp;
using Cti.Transport.Media;
using Cti.Transport.Runtime;
using Cti.Transport.Tests.Sip;

namespace Cti.Transport.Tests.Media;

public sealed class PauseAndLinkTests
{
    private const long LimitNanos = 1_000_000_000;

    private static void Until(Func<bool> condition) => SpinWait.SpinUntil(condition, MediaFixture.Patience).ShouldBeTrue();

    private static MediaLoopStatistics Loop(MediaFixture fixture) => fixture.Engine.Snapshot()[0];

    /// <summary>Sends packets one after the other, each when the one before was dropped: so many cadences are over.</summary>
    private static void Knock(MediaFixture fixture, MediaPeer peer, int count)
    {
        for (; count > 0; count--)
        {
            var before = Loop(fixture).Dropped[DropReason.Muted];
            peer.SendAudio(new byte[160]);
            Until(() => Loop(fixture).Dropped[DropReason.Muted] > before);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void After_a_pause_nothing_is_sent_heard_or_played_until_the_lease_is_renewed(bool managed)
    {
        var time = new ManualTime();
        var guard = new PauseGuard(LimitNanos);
        guard.Beat(time.MonotonicNanos);
        using var fixture = new MediaFixture(options => options with { PauseGuard = guard, ManagedSockets = managed }, clock: time);
        var sound = fixture.WriteAlaw("sound.wav", MediaFixture.Pattern(1_600, 3));
        using var peer = fixture.Open(idle: IdleSending.Silence);
        peer.ReceiveRtp();

        time.Advance(1_001);
        Knock(fixture, peer, 1);
        var sent = Loop(fixture).RtpSent;
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(1, [sound]));
        Knock(fixture, peer, 30);
        peer.PressKey(5);
        Until(() => Loop(fixture).Dropped[DropReason.Muted] >= 38);
        Loop(fixture).RtpSent.ShouldBe(sent);
        peer.EventsWaiting.ShouldBe(0);

        guard.Beat(time.MonotonicNanos).ShouldBeFalse("a beat alone does not prove that nobody else is the owner");
        Knock(fixture, peer, 1);
        Loop(fixture).RtpSent.ShouldBe(sent);

        guard.Confirm(time.MonotonicNanos);
        peer.NextEvent().ShouldBe(new PlayStarted(1));
        peer.NextEvent().ShouldBe(new PlayEnded(1, MediaOutcome.Completed));
        peer.PressKey(6);
        peer.NextEvent().ShouldBeOfType<KeyPressed>().Key.ShouldBe('6');
        Loop(fixture).RtpSent.ShouldBeGreaterThan(sent);
    }

    [Fact]
    public void A_process_that_stands_still_in_the_middle_of_a_cadence_sends_nothing_more_of_it()
    {
        var time = new StoppingTime();
        var guard = new PauseGuard(LimitNanos);
        guard.Beat(time.MonotonicNanos);
        using var fixture = new MediaFixture(options => options with { PauseGuard = guard }, clock: time);
        // One in each of the four phases: whatever cadence it is, it sends.
        using var first = fixture.Open(idle: IdleSending.Silence);
        using var second = fixture.Open(idle: IdleSending.Silence);
        using var third = fixture.Open(idle: IdleSending.Silence);
        using var fourth = fixture.Open(idle: IdleSending.Silence);
        foreach (var peer in new[] { first, second, third, fourth }) peer.ReceiveRtp();
        for (var i = 0; i < 8; i++)
        {
            long sent = -1;
            time.StopAfterNextLook(() => Volatile.Write(ref sent, Loop(fixture).RtpSent));
            Until(() => Volatile.Read(ref sent) >= 0);
            Knock(fixture, first, 1);
            Loop(fixture).RtpSent.ShouldBe(sent);
            guard.Confirm(time.MonotonicNanos);
            Until(() => Loop(fixture).RtpSent > sent + 4);
        }
    }

    /// <summary>A clock that stands, but for a stop of ten seconds just after a look at it.</summary>
    private sealed class StoppingTime : IClock
    {
        private long _nanos = 1_000_000_000;
        private Action? _stop;

        public long MonotonicNanos
        {
            get
            {
                var seen = Volatile.Read(ref _nanos);
                if (Interlocked.Exchange(ref _stop, null) is { } stop)
                {
                    Interlocked.Add(ref _nanos, 10_000_000_000);
                    stop();
                }

                return seen;
            }
        }

        public long UnixMillis => 0;

        public void StopAfterNextLook(Action stop) => Volatile.Write(ref _stop, stop);
    }

    [Fact]
    public void A_node_that_stands_down_after_a_pause_frees_its_ports_without_a_packet_or_a_report()
    {
        var time = new ManualTime();
        var guard = new PauseGuard(LimitNanos);
        guard.Beat(time.MonotonicNanos);
        using var fixture = new MediaFixture(options => options with { PauseGuard = guard }, clock: time);
        using var one = fixture.Open(idle: IdleSending.Silence);
        using var other = fixture.Open(idle: IdleSending.Silence);
        var room = new ConferenceId(1);
        fixture.Engine.OpenConference(room, new ConferenceOptions(), new Silent()).ShouldBeTrue();
        one.ReceiveRtp();
        other.ReceiveRtp();
        time.Advance(1_001);
        Knock(fixture, one, 1);
        var (sent, reports, free) = (Loop(fixture).RtpSent, Loop(fixture).RtcpSent, fixture.Engine.FreePairs);
        fixture.Engine.Abandon(one.Session);
        Until(() => fixture.Engine.SessionCount == 1);
        fixture.Engine.FreePairs.ShouldBe(free + 1);
        fixture.Engine.Abandon(other.Session);
        fixture.Engine.AbandonConference(room);
        Until(() => fixture.Engine.SessionCount == 0 && fixture.Engine.ConferenceCount == 0);
        (Loop(fixture).RtpSent, Loop(fixture).RtcpSent, Loop(fixture).Sessions).ShouldBe((sent, reports, 0));
        (one.EventsWaiting, other.EventsWaiting).ShouldBe((0, 0));
    }

    [Fact]
    public void Two_engines_link_their_parties_over_the_private_address()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var (here, there) = (IPAddress.Parse("127.0.0.2"), IPAddress.Parse("127.0.0.3"));
        using var near = new MediaFixture(options => options with { LinkAddress = here });
        using var far = new MediaFixture(options => options with { LinkAddress = there, Loops = 2, BusyFractionMax = 100 });
        using var one = near.Open();
        using var other = far.Open();
        var keys = SrtpKeys.Draw(SystemRandom.Instance);
        var (a, b) = (new Link(near, keys), new Link(far, new SrtpKeys(keys.Remote!, keys.Local)));
        (a.Local.Address, b.Local.Address).ShouldBe((here, there));
        near.Engine.Configure(a.Session, MediaDescription.ForLink(b.Local, AudioCodec.Pcma));
        far.Engine.Configure(b.Session, MediaDescription.ForLink(a.Local, AudioCodec.Pcma));
        near.Engine.Connect(one.Session, a.Session, new BridgeRequest(1)).ShouldBeTrue();
        far.Engine.Connect(other.Session, b.Session, new BridgeRequest(2)).ShouldBeTrue();
        one.NextEvent().ShouldBe(new BridgeStarted(1));
        other.NextEvent().ShouldBe(new BridgeStarted(2));
        for (var i = 0; i < 25; i++)
        {
            one.SendAudio(MediaFixture.Pattern(160, i));
            other.ReceiveRtp().AsSpan(12).SequenceEqual(MediaFixture.Pattern(160, i)).ShouldBeTrue();
            other.SendAudio(MediaFixture.Pattern(160, 100 + i));
            one.ReceiveRtp().AsSpan(12).SequenceEqual(MediaFixture.Pattern(160, 100 + i)).ShouldBeTrue();
        }
        near.Engine.Close(a.Session);
        one.NextEvent().ShouldBe(new BridgeEnded(1, MediaOutcome.Completed));
        a.Closed().Statistics.PacketsReceived.ShouldBe(25);
    }

    private sealed class Silent : IConferenceEvents
    {
        public void OnConferenceEvent(ConferenceId conference, MediaEvent happened) => throw new InvalidOperationException($"{happened} is reported");
    }

    /// <summary>A link session and what it reports.</summary>
    private sealed class Link : IMediaEvents
    {
        private readonly BlockingCollection<MediaEvent> _events = [];

        public Link(MediaFixture fixture, SrtpKeys keys) =>
            Local = fixture.Engine.TryOpen(Session, MediaSessionOptions.ForLink(keys), this).ShouldNotBeNull();

        public MediaSessionId Session { get; } = MediaFixture.NewSession();

        public IPEndPoint Local { get; }

        public void OnMediaEvent(MediaSessionId session, MediaEvent happened) => _events.Add(happened);

        public SessionClosed Closed()
        {
            _events.TryTake(out var happened, MediaFixture.Patience).ShouldBeTrue();
            return happened.ShouldBeOfType<SessionClosed>();
        }
    }
}
