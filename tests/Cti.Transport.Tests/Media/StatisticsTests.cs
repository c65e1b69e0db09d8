using System.Net;
using System.Net.Sockets;
using Cti.Media;

namespace Cti.Transport.Tests.Media;

/// <summary>The quality that sessions report, against what really happened to their packets.</summary>
public sealed class StatisticsTests
{
    [Fact]
    public void A_session_has_no_statistics_before_anything_is_negotiated_nor_after_it_is_closed()
    {
        using var fixture = new MediaFixture();
        var session = MediaFixture.NewSession();
        using var receiver = new Events();
        fixture.Engine.ReadStatistics(session).ShouldBeNull();
        fixture.Engine.TryOpen(session, new MediaSessionOptions(), receiver).ShouldNotBeNull();
        fixture.Engine.ReadStatistics(session).ShouldBeNull();
        fixture.Engine.Configure(session,
            new MediaDescription(new IPEndPoint(IPAddress.Loopback, 9), new IPEndPoint(IPAddress.Loopback, 9), AudioCodec.Pcmu, 0, 101, true, true));
        Wait(() => fixture.Engine.ReadStatistics(session) is { Codec: AudioCodec.Pcmu, PacketsSent: > 2, PacketsReceived: 0, Mos: -1, RemoteLost: -1 });
        fixture.Engine.Close(session);
        receiver.Closed.Wait(MediaFixture.Patience).ShouldBeTrue();
        fixture.Engine.ReadStatistics(session).ShouldBeNull();
    }

    [Fact]
    public async Task Two_sessions_agree_with_the_network_on_what_it_lost()
    {
        using var fixture = new MediaFixture();
        using var receiver = new Events();
        MediaSessionId near = MediaFixture.NewSession(), far = MediaFixture.NewSession();
        var nearAt = fixture.Engine.TryOpen(near, new MediaSessionOptions(), receiver).ShouldNotBeNull();
        var farAt = fixture.Engine.TryOpen(far, new MediaSessionOptions(), receiver).ShouldNotBeNull();
        await using var rtp = new Relay(nearAt, farAt, loseEvery: 10);
        await using var rtcp = new Relay(Above(nearAt), Above(farAt), loseEvery: 0);
        fixture.Engine.Configure(near, new MediaDescription(rtp.FacingNear, rtcp.FacingNear, AudioCodec.Pcma, 8, 101, true, true));
        fixture.Engine.Configure(far, new MediaDescription(rtp.FacingFar, rtcp.FacingFar, AudioCodec.Pcma, 8, 101, true, true));

        // Both have reported to each other twice: the second report carries the time of the first.
        Wait(() => fixture.Engine.ReadStatistics(near) is { RoundTripMillis: >= 0, RemoteLost: > 3 }
            && fixture.Engine.ReadStatistics(far) is { RoundTripMillis: >= 0 });
        var sent = fixture.Engine.ReadStatistics(near)!;
        fixture.Engine.Close(near);
        Wait(() => fixture.Engine.ReadStatistics(near) is null && fixture.Engine.ReadStatistics(far)!.PacketsReceived == rtp.Passed);
        var received = fixture.Engine.ReadStatistics(far)!;

        // The last one lost may have been the last one sent: nobody knows of it.
        received.PacketsLost.ShouldBeInRange(rtp.Lost - 1, rtp.Lost);
        received.PacketsReceived.ShouldBeGreaterThan(50);
        sent.PacketsSent.ShouldBeInRange(rtp.Passed + rtp.Lost - 20, rtp.Passed + rtp.Lost);
        sent.RemoteLost.ShouldBeInRange(4, received.PacketsLost);
        sent.RemoteLossFraction.ShouldBe(0.1, 0.03);
        sent.PacketsLost.ShouldBe(0);
        received.RoundTripMillis.ShouldBeLessThan(500);
        sent.RoundTripMillis.ShouldBeLessThan(500);
        received.JitterMillis.ShouldBeInRange(0, 60);
        sent.RemoteJitterMillis.ShouldBeInRange(0, 60);
        // A tenth lost costs about one point of G.711's 4.4; a round trip that the machine's other work made long costs more.
        received.Mos.ShouldBeInRange(received.RoundTripMillis < 50 ? 3.0 : 1.5, 3.6);
        sent.RemoteMos.ShouldBeInRange(sent.RoundTripMillis < 50 ? 3.0 : 1.5, 3.7);
        sent.Mos.ShouldBeInRange(sent.RoundTripMillis < 50 ? 4.2 : 2.5, 4.5);
    }

    private static IPEndPoint Above(IPEndPoint rtp) => new(rtp.Address, rtp.Port + 1);

    private static void Wait(Func<bool> condition) => SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(40)).ShouldBeTrue();

    private sealed class Events : IMediaEvents, IDisposable
    {
        public ManualResetEventSlim Closed { get; } = new();

        public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
        {
            if (happened is SessionClosed) Closed.Set();
        }

        public void Dispose() => Closed.Dispose();
    }

    /// <summary>A network between two sessions that loses every so-manieth datagram from near to far.</summary>
    private sealed class Relay : IAsyncDisposable
    {
        private readonly UdpClient _near = new(new IPEndPoint(IPAddress.Loopback, 0));
        private readonly UdpClient _far = new(new IPEndPoint(IPAddress.Loopback, 0));
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _running;
        private long _passed;
        private long _lost;

        public Relay(IPEndPoint near, IPEndPoint far, int loseEvery) =>
            _running = Task.WhenAll(RunAsync(_near, _far, far, loseEvery, counts: true), RunAsync(_far, _near, near, 0, counts: false));

        public IPEndPoint FacingNear => (IPEndPoint)_near.Client.LocalEndPoint!;

        public IPEndPoint FacingFar => (IPEndPoint)_far.Client.LocalEndPoint!;

        public long Passed => Volatile.Read(ref _passed);

        public long Lost => Volatile.Read(ref _lost);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _near.Dispose();
            _far.Dispose();
            _stop.Dispose();
        }

        private async Task RunAsync(UdpClient from, UdpClient through, IPEndPoint to, int loseEvery, bool counts)
        {
            try
            {
                for (var number = 1; ; number++)
                {
                    var datagram = await from.ReceiveAsync(_stop.Token).ConfigureAwait(false);
                    if (loseEvery > 0 && number % loseEvery == 0)
                    {
                        Interlocked.Increment(ref _lost);
                        continue;
                    }
                    if (counts) Interlocked.Increment(ref _passed);
                    await through.SendAsync(datagram.Buffer, to, _stop.Token).ConfigureAwait(false);
                }
            }
            catch (Exception stopped) when (stopped is OperationCanceledException or SocketException)
            {
                // The test is over, or the session's socket is closed and the kernel says so.
            }
        }
    }
}
