using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;

namespace Cti.Fuzz.Targets;

/// <summary>
/// Everything in the media side that reads bytes of others: RTP and RTCP through a session that listens for keys in both ways, and WAV files.
/// The input is cut into datagrams by its own bytes.
/// </summary>
internal static class RtpTarget
{
    private sealed class StillClock : IClock, IMediaEvents
    {
        public long MonotonicNanos => 1_000_000_000;

        public long UnixMillis => 1_700_000_000_000;

        public void OnMediaEvent(MediaSessionId session, MediaEvent happened) => ArgumentNullException.ThrowIfNull(happened);
    }

    /// <summary>Runs one input; an exception is a bug.</summary>
    public static void Run(ReadOnlySpan<byte> input)
    {
        ReadSound(input);
        var clock = new StillClock();
        var far = new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 4000);
        foreach (var events in (ReadOnlySpan<int>)[-1, 101])
        {
            var session = new MediaSession(new MediaSessionId(1), new MediaSessionOptions(), clock, new MediaSessionSeed(1, 2, 3, 4, "fuzz"),
                new MediaServices(clock, new MediaCounters()));
            session.Apply(MediaCommand.Configure(new MediaDescription(far, far, AudioCodec.Pcma, 8, events, Send: true, Receive: true)));
            Feed(session, input, SocketAddressKey.From(far));
        }
    }

    private static void Feed(MediaSession session, ReadOnlySpan<byte> input, SocketAddressKey source)
    {
        Span<byte> output = stackalloc byte[MediaSession.RtpBytesMax];
        var now = 1_000_000_000L;
        while (!input.IsEmpty)
        {
            var length = Math.Min(input[0], input.Length - 1);
            var datagram = input.Slice(1, length);
            session.OnRtp(datagram, source, now);
            session.OnRtcp(datagram, source, now);
            session.Tick(now, output);
            session.RtcpTick(now, output);
            now += MediaSession.TickNanos;
            input = input[(1 + length)..];
        }
        // Inputs of earlier finds are kept as single datagrams, too.
        session.OnRtp(input, source, now);
    }

    private static void ReadSound(ReadOnlySpan<byte> input)
    {
        try
        {
            WavFile.Read(input);
        }
        catch (UnsupportedSoundException)
        {
            // A refusal by name is the right answer to what is no sound.
        }
    }
}
