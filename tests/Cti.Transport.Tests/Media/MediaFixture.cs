using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;
using Cti.Transport.Media;
using Cti.Transport.Runtime;

namespace Cti.Transport.Tests.Media;

/// <summary>An engine on loopback with a media root of its own.</summary>
internal sealed class MediaFixture : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static long _lastSession;
    private static int _portBlock;

    public MediaFixture(Func<MediaEngineOptions, MediaEngineOptions>? change = null, Func<PromptCache, IPromptSource>? prompts = null, IClock? clock = null)
    {
        Root = Directory.CreateTempSubdirectory("cti-media-").FullName;
        // Ranges of their own, so that classes that run side by side do not count each other's pairs.
        var first = 21_000 + Interlocked.Increment(ref _portBlock) * 40;
        var options = new MediaEngineOptions { IPv4 = IPAddress.Loopback, IPv6 = IPAddress.IPv6Loopback, PortFirst = first, PortLast = first + 39, Loops = 1 };
        options = change is null ? options : change(options);
        Engine = new MediaEngine(options, Prompts(prompts, options.SoundLibrary), clock ?? new SystemClock(),
            SystemRandom.Instance, Log);
    }

    private IPromptSource Prompts(Func<PromptCache, IPromptSource>? prompts, SoundLibrary library)
    {
        var files = new PromptCache(Root, null, 16 * 1024 * 1024, library);
        return prompts is null ? files : prompts(files);
    }

    public string Root { get; }

    public CollectingLog Log { get; } = new();

    public MediaEngine Engine { get; }

    public static MediaSessionId NewSession() => new(Interlocked.Increment(ref _lastSession));

    public static byte[] Pattern(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public string WriteAlaw(string name, byte[] sound)
    {
        var path = Path.Combine(Root, name);
        using var file = new BinaryWriter(File.Create(path));
        file.Write("RIFF"u8);
        file.Write(36 + sound.Length);
        file.Write("WAVEfmt "u8);
        file.Write(16);
        file.Write((short)6);
        file.Write((short)1);
        file.Write(8000);
        file.Write(8000);
        file.Write((short)1);
        file.Write((short)8);
        file.Write("data"u8);
        file.Write(sound.Length);
        file.Write(sound);
        return name;
    }

    public MediaPeer Open(bool ipv6 = false, IdleSending idle = IdleSending.Nothing) => new(this, ipv6, idle);

    public void Dispose()
    {
        Engine.Dispose();
        Directory.Delete(Root, recursive: true);
    }
}

/// <summary>One session and the far end's two sockets.</summary>
internal sealed class MediaPeer : IMediaEvents, IDisposable
{
    private readonly MediaFixture _fixture;
    private readonly BlockingCollection<MediaEvent> _events = [];
    private ushort _sequence = 100;
    private uint _timestamp = 5_000;

    public MediaPeer(MediaFixture fixture, bool ipv6, IdleSending idle)
    {
        _fixture = fixture;
        var address = ipv6 ? IPAddress.IPv6Loopback : IPAddress.Loopback;
        Rtp = new UdpClient(new IPEndPoint(address, 0));
        Rtcp = new UdpClient(new IPEndPoint(address, 0));
        Rtp.Client.ReceiveTimeout = Rtcp.Client.ReceiveTimeout = 10_000;
        Rtp.Client.ReceiveBufferSize = 1 << 20;
        Session = MediaFixture.NewSession();
        Remote = fixture.Engine.TryOpen(Session, new MediaSessionOptions(ipv6, 0, idle), this).ShouldNotBeNull();
        fixture.Engine.Configure(Session, new MediaDescription((IPEndPoint)Rtp.Client.LocalEndPoint!, (IPEndPoint)Rtcp.Client.LocalEndPoint!,
            AudioCodec.Pcma, 8, 101, Send: true, Receive: true));
    }

    public UdpClient Rtp { get; }

    public UdpClient Rtcp { get; }

    public MediaSessionId Session { get; }

    /// <summary>Where the session receives.</summary>
    public IPEndPoint Remote { get; }

    /// <summary>Called with each event before it is queued.</summary>
    public Action<MediaEvent>? OnEvent { get; set; }

    public MediaEvent NextEvent()
    {
        _events.TryTake(out var happened, MediaFixture.Patience).ShouldBeTrue();
        return happened!;
    }

    public int EventsWaiting => _events.Count;

    public byte[] ReceiveRtp()
    {
        IPEndPoint? from = null;
        var packet = Rtp.Receive(ref from);
        from.ShouldBe(Remote);
        return packet;
    }

    /// <summary>Sends 20 ms of sound.</summary>
    public void SendAudio(ReadOnlySpan<byte> payload)
    {
        _timestamp += 160;
        SendPacket(8, false, _timestamp, payload);
    }

    /// <summary>Sends a key as RFC 4733 events: begin, three updates, three ends.</summary>
    public void PressKey(int code)
    {
        _timestamp += 160;
        for (var i = 0; i < 7; i++)
        {
            var duration = (ushort)(160 * (Math.Min(i, 4) + 1));
            Span<byte> payload = [(byte)code, (byte)(i >= 4 ? 0x8A : 0x0A), (byte)(duration >> 8), (byte)duration];
            SendPacket(101, i == 0, _timestamp, payload);
        }

        _timestamp += 160 * 5;
    }

    public void SendPacket(int payloadType, bool marker, uint timestamp, ReadOnlySpan<byte> payload)
    {
        Span<byte> packet = stackalloc byte[12 + payload.Length];
        packet[0] = 0x80;
        packet[1] = (byte)(payloadType | (marker ? 0x80 : 0));
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], _sequence++);
        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], timestamp);
        BinaryPrimitives.WriteUInt32BigEndian(packet[8..], 0x1234_5678);
        payload.CopyTo(packet[12..]);
        Rtp.Client.SendTo(packet, Remote);
    }

    public void OnMediaEvent(MediaSessionId session, MediaEvent happened)
    {
        session.ShouldBe(Session);
        OnEvent?.Invoke(happened);
        _events.Add(happened);
    }

    /// <summary>Closes the session and waits for the last report.</summary>
    public SessionClosed Close()
    {
        _fixture.Engine.Close(Session);
        while (true)
        {
            if (NextEvent() is SessionClosed closed)
                return closed;
        }
    }

    public void Dispose()
    {
        Rtp.Dispose();
        Rtcp.Dispose();
    }
}
