using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Fuzz.Targets;

/// <summary>
/// Everything in the media side that reads bytes of others: RTP and RTCP through sessions that listen for keys in both ways and are bridged, so that what comes
/// in any codec is relayed; and WAV files. The input is cut into datagrams by its own bytes. A datagram is one key at most, and one packet to the other side.
/// </summary>
internal static class RtpTarget
{
    private sealed class StillClock : IClock, IMediaEvents, IRtpOutput
    {
        public long MonotonicNanos => 1_000_000_000;

        public long UnixMillis => 1_700_000_000_000;

        public int Keys { get; private set; }

        public int Relayed { get; private set; }

        public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
        {
            if (happened is KeyPressed) Keys++;
        }

        public void SendRtp(MediaSession session, ReadOnlySpan<byte> packet) => Relayed++;
    }

    /// <summary>Runs one input; an exception is a bug.</summary>
    public static void Run(ReadOnlySpan<byte> input)
    {
        ReadSound(input);
        foreach (var events in (ReadOnlySpan<int>)[-1, 101])
        {
            var clock = new StillClock();
            var services = new MediaServices(clock, new MediaCounters());
            var (session, other) =
                (Open(1, events, AudioCodec.Pcma, clock, services), Open(2, 101, events < 0 ? AudioCodec.Pcmu : AudioCodec.Pcma, clock, services));
            var bridge = new Bridge(new BridgeRequest(1), session, other);
            session.Apply(MediaCommand.Connect(bridge));
            other.Apply(MediaCommand.Connect(bridge));
            var datagrams = Feed(session, other, input, SocketAddressKey.From(Far));
            // In-band, a frame of 20 ms of sound is what a key is found in.
            if (clock.Keys > datagrams) throw new InvalidOperationException($"{clock.Keys} keys in {datagrams} datagrams");
            if (clock.Relayed > datagrams) throw new InvalidOperationException($"{clock.Relayed} packets relayed of {datagrams}");
        }
    }

    private static readonly System.Net.IPEndPoint Far = new(System.Net.IPAddress.Loopback, 4000);

    private static MediaSession Open(long number, int events, AudioCodec codec, StillClock clock, MediaServices services)
    {
        var session = new MediaSession(new MediaSessionId(number), new MediaSessionOptions(), clock, new MediaSessionSeed((uint)number, 2, 3, 4, "fuzz"),
            services)
        { Output = clock };
        session.Apply(MediaCommand.Configure(new MediaDescription(Far, Far, codec, codec == AudioCodec.Pcma ? 8 : 0, events, Send: true, Receive: true)
        {
            AlsoReceived = events < 0 ? [] : [new ReceivedFormat(8, AudioCodec.Pcma), new ReceivedFormat(0, AudioCodec.Pcmu), new ReceivedFormat(96, null)],
        }));
        return session;
    }

    private static int Feed(MediaSession session, MediaSession other, ReadOnlySpan<byte> input, SocketAddressKey source)
    {
        Span<byte> output = stackalloc byte[MediaSession.RtpBytesMax];
        var now = 1_000_000_000L;
        var datagrams = 0;
        while (!input.IsEmpty)
        {
            var length = Math.Min(input[0], input.Length - 1);
            var datagram = input.Slice(1, length);
            session.OnRtp(datagram, source, now);
            session.OnRtcp(datagram, source, now);
            session.Tick(now, output);
            session.RtcpTick(now, output);
            other.Tick(now, output);
            now += MediaSession.TickNanos;
            input = input[(1 + length)..];
            datagrams++;
        }
        // Inputs of earlier finds are kept as single datagrams, too.
        session.OnRtp(input, source, now);
        return datagrams;
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
