using System.Net;
using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;
using Cti.Media.Session.Mix;
using Cti.Media.Srtp;

namespace Cti.Media.Tests;

/// <summary>Sessions of one loop and their far ends, on one clock; conferences are ticked before the sessions, as the loop does.</summary>
internal sealed class MixRig : IConferenceEvents
{
    /// <summary>What the parties send while there is nothing to send.</summary>
    public IdleSending Idle { get; init; }

    public ManualClock Clock { get; } = new();

    public MediaCounters Counters { get; } = new();

    public List<MixParty> Parties { get; } = [];

    public List<MixLink> Links { get; } = [];

    public List<Conference> Conferences { get; } = [];

    public List<MediaEvent> Happened { get; } = [];

    /// <summary>Called in every tick, after the far ends have sent.</summary>
    public Action<int>? EachTick { get; set; }

    public MixParty Open(AudioCodec codec = AudioCodec.Pcma, int events = 101, double tone = 0, double amplitude = 6_000)
    {
        var party = new MixParty(this, Parties.Count + 1) { Tone = tone, Amplitude = amplitude };
        party.Configure(codec, events);
        Parties.Add(party);
        return party;
    }

    /// <summary>Two link sessions, as two nodes open them for each other.</summary>
    public (MixLink Here, MixLink There) OpenLink(AudioCodec codec = AudioCodec.Pcma)
    {
        var keys = new SrtpKeys(Key(1), Key(2));
        var (here, there) = (new MixLink(this, 1, keys), new MixLink(this, 2, new SrtpKeys(keys.Remote!, keys.Local)));
        (here.Peer, there.Peer) = (there, here);
        foreach (var link in (MixLink[])[here, there]) link.Session.Apply(MediaCommand.Configure(MediaDescription.ForLink(link.Peer.Local, codec)));
        Links.AddRange([here, there]);
        return (here, there);

        static SrtpKey Key(byte fill) => new(SrtpSuite.AesCm80, Enumerable.Repeat(fill, 30).ToArray());
    }

    public Conference OpenConference(ConferenceOptions? options = null)
    {
        var conference = new Conference(new ConferenceId(Conferences.Count + 1), options ?? new ConferenceOptions(), this);
        Conferences.Add(conference);
        return conference;
    }

    public static Bridge Connect(MixParty first, MixParty second, BridgeRequest request, bool isListening = false) =>
        Connect(first.Session, second.Session, request, isListening);

    public static Bridge Connect(MediaSession first, MediaSession second, BridgeRequest request, bool isListening = false)
    {
        var bridge = new Bridge(request, first, second, isListening);
        first.Apply(MediaCommand.Connect(bridge));
        second.Apply(MediaCommand.Connect(bridge));
        return bridge;
    }

    public static void Join(Conference conference, MixParty party, VoiceMode mode = VoiceMode.TalkAndHear, double volume = 0) =>
        party.Session.Apply(MediaCommand.Join(conference, new ConferenceMember(mode, volume)));

    public void Ticks(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Clock.MonotonicNanos += MediaSession.TickNanos;
            foreach (var party in Parties) party.SendTone();
            EachTick?.Invoke(i);
            foreach (var conference in Conferences) conference.Tick(Clock.MonotonicNanos);
            foreach (var party in Parties) party.Tick();
            foreach (var link in Links) link.Tick();
        }
    }

    public void OnConferenceEvent(ConferenceId conference, MediaEvent happened) => Happened.Add(happened);
}

/// <summary>A session and its far end, which may sound a tone.</summary>
internal sealed class MixParty : IMediaEvents, IRtpOutput
{
    private readonly MixRig _rig;
    private readonly SocketAddressKey _far;
    private readonly IPEndPoint _farEndPoint;
    private readonly byte[] _in = new byte[RtpPacket.HeaderBytes + 500];
    private readonly byte[] _out = new byte[MediaSession.RtpBytesMax];
    private readonly byte[] _rtcpOut = new byte[MediaSession.RtcpBytesMax];
    private readonly short[] _frame = new short[Audio.FrameSamplesMax];
    private readonly byte[] _codes = new byte[480];
    private FrameEncoder? _encoder;
    private long _toneAt;

    public MixParty(MixRig rig, int number)
    {
        _rig = rig;
        _farEndPoint = new IPEndPoint(IPAddress.Parse("203.0.113.7"), 4000 + (2 * number));
        _far = SocketAddressKey.From(_farEndPoint);
        Session = new MediaSession(new MediaSessionId(number), new MediaSessionOptions(Idle: rig.Idle), this,
            new MediaSessionSeed((uint)(0x1000 + number), (ushort)(65_500 + number), 0xFFFF_F000 + (uint)number, 42, "abcdef"),
            new MediaServices(rig.Clock, rig.Counters))
        { Output = this };
    }

    public MediaSession Session { get; }

    public List<MediaEvent> Happened { get; } = [];

    public List<SentPacket> Sent { get; } = [];

    /// <summary>What is sent is forgotten.</summary>
    public bool IsDeaf { get; set; }

    /// <summary>What the far end sounds, in Hz; 0 for no packets.</summary>
    public double Tone { get; set; }

    public double Amplitude { get; set; } = 6_000;

    public AudioCodec Codec { get; private set; }

    public ushort FarSequence { get; set; } = 65_400;

    public uint FarTimestamp { get; set; } = 0xFFFF_0000;

    public int PayloadType => Codec.OwnPayloadType();

    /// <summary>Audio that was sent, decoded, from a packet on.</summary>
    public short[] Heard(int from = 0) =>
        Sound.Decode(Sent.Skip(from).Where(packet => packet.PayloadType == PayloadType).Select(packet => packet.Payload), Codec);

    public void Configure(AudioCodec codec, int events = 101, bool send = true, bool receive = true)
    {
        Codec = codec;
        Session.Apply(MediaCommand.Configure(new MediaDescription(_farEndPoint, new IPEndPoint(_farEndPoint.Address, _farEndPoint.Port + 1), codec,
            PayloadType, events, send, receive)
        { EventClockPerMilli = codec.ClockPerMilli() }));
    }

    /// <summary>The same with something else about it.</summary>
    public void Configure(AudioCodec codec, Func<MediaDescription, MediaDescription> with)
    {
        Codec = codec;
        Session.Apply(MediaCommand.Configure(with(new MediaDescription(_farEndPoint, new IPEndPoint(_farEndPoint.Address, _farEndPoint.Port + 1), codec,
            PayloadType, 101, true, true)
        { EventClockPerMilli = codec.ClockPerMilli() })));
    }

    /// <summary>The far end listed both laws and two numbers of telephone events.</summary>
    public void ConfigureSeveral(AudioCodec codec)
    {
        Codec = codec;
        Session.Apply(MediaCommand.Configure(new MediaDescription(_farEndPoint, new IPEndPoint(_farEndPoint.Address, _farEndPoint.Port + 1), codec, PayloadType,
            96, true, true)
        {
            AlsoReceived = [new ReceivedFormat(8, AudioCodec.Pcma), new ReceivedFormat(0, AudioCodec.Pcmu), new ReceivedFormat(101, null)],
        }));
    }

    public void SendTone()
    {
        if (Tone == 0) return;
        var frame = _frame.AsSpan(0, Codec.FrameSamples());
        for (var i = 0; i < frame.Length; i++) frame[i] = (short)Math.Round(Amplitude * Math.Sin(2 * Math.PI * Tone * _toneAt++ / Codec.SoundRate()));
        Say(frame);
    }

    /// <summary>The far end says a frame at its codec's rate.</summary>
    public void Say(ReadOnlySpan<short> frame)
    {
        var length = Audio.FrameSamples;
        if (Codec.IsTable())
        {
            G711.Encode(Codec, frame, _codes);
        }
        else
        {
            if (_encoder?.Codec != Codec) _encoder = FrameEncoder.Of(Codec)!;
            _encoder.Adapt(SendFormat.Default, Codec.SoundRate());
            length = _encoder.Encode(frame, _codes);
        }
        Send(PayloadType, _codes.AsSpan(0, length), advance: (uint)(20 * Codec.ClockPerMilli()));
    }

    /// <summary>The far end sends a packet; numbers go on by themselves.</summary>
    public void Send(int payloadType, ReadOnlySpan<byte> payload, bool marker = false, uint advance = 160)
    {
        RtpPacket.WriteHeader(_in, payloadType, marker, FarSequence++, FarTimestamp, 0xCAFE_0000 + (uint)Session.Id.Value);
        payload.CopyTo(_in.AsSpan(RtpPacket.HeaderBytes));
        FarTimestamp += advance;
        Session.OnRtp(_in.AsSpan(0, RtpPacket.HeaderBytes + payload.Length), _far, _rig.Clock.MonotonicNanos);
    }

    public void Tick()
    {
        var length = Session.Tick(_rig.Clock.MonotonicNanos, _out);
        if (length > 0 && !IsDeaf) Capture(_out.AsSpan(0, length));
        Session.RtcpTick(_rig.Clock.MonotonicNanos, _rtcpOut);
    }

    public void OnMediaEvent(MediaSessionId session, MediaEvent happened) => Happened.Add(happened);

    public void SendRtp(MediaSession session, ReadOnlySpan<byte> packet)
    {
        if (!IsDeaf) Capture(packet);
    }

    /// <summary>Sequence numbers go up by one, timestamps never go back.</summary>
    public void ShouldBeOneStream()
    {
        for (var i = 1; i < Sent.Count; i++)
        {
            Sent[i].Sequence.ShouldBe(unchecked((ushort)(Sent[i - 1].Sequence + 1)));
            ((int)(Sent[i].Timestamp - Sent[i - 1].Timestamp)).ShouldBeGreaterThanOrEqualTo(0);
            Sent[i].Ssrc.ShouldBe(Sent[0].Ssrc);
        }
    }

    private void Capture(ReadOnlySpan<byte> packet)
    {
        RtpPacket.TryParse(packet, out var rtp, out _).ShouldBeTrue();
        Sent.Add(new SentPacket(rtp.PayloadType, rtp.Marker, rtp.Sequence, rtp.Timestamp, rtp.Ssrc, rtp.Payload.ToArray(), Session.Remote,
            _rig.Clock.MonotonicNanos / 1_000_000));
    }
}

/// <summary>One side of a link between nodes: what it sends is the other's to receive, at once.</summary>
internal sealed class MixLink : IMediaEvents, IRtpOutput
{
    private readonly MixRig _rig;
    private readonly byte[] _out = new byte[MediaSession.RtpBytesMax];
    private readonly byte[] _rtcpOut = new byte[MediaSession.RtcpBytesMax];
    private readonly SocketAddressKey _from;

    public MixLink(MixRig rig, int number, SrtpKeys keys)
    {
        _rig = rig;
        Local = new IPEndPoint(IPAddress.Parse($"10.0.0.{number}"), 20_000);
        _from = SocketAddressKey.From(Local);
        Session = new MediaSession(new MediaSessionId(1000 + number), MediaSessionOptions.ForLink(keys), this,
            new MediaSessionSeed((uint)(0x2000 + number), (ushort)(65_500 + number), 0xFFFF_E000 + (uint)number, 43, "fedcba"),
            new MediaServices(rig.Clock, rig.Counters))
        { Output = this };
    }

    public MediaSession Session { get; }

    public IPEndPoint Local { get; }

    public MixLink Peer { get; set; } = null!;

    public List<MediaEvent> Happened { get; } = [];

    /// <summary>Datagrams as they are on the wire; null: not kept.</summary>
    public List<byte[]>? Wire { get; set; } = [];

    public void Tick()
    {
        var length = Session.Tick(_rig.Clock.MonotonicNanos, _out);
        if (length > 0) SendRtp(Session, _out.AsSpan(0, length));
        length = Session.RtcpTick(_rig.Clock.MonotonicNanos, _rtcpOut);
        if (length == 0) return;
        Wire?.Add(_rtcpOut[..length]);
        Peer.Session.OnRtcp(_rtcpOut.AsSpan(0, length), _from.WithPort((ushort)(Local.Port + 1)), _rig.Clock.MonotonicNanos);
    }

    public void SendRtp(MediaSession session, ReadOnlySpan<byte> packet)
    {
        Wire?.Add(packet.ToArray());
        Peer.Session.OnRtp(packet, _from, _rig.Clock.MonotonicNanos);
    }

    public void OnMediaEvent(MediaSessionId session, MediaEvent happened) => Happened.Add(happened);
}

/// <summary>What is in a mix, by frequency.</summary>
internal static class Spectrum
{
    /// <summary>The amplitude of one frequency (Goertzel's sum over the whole); windows of whole periods tell tones apart exactly.</summary>
    public static double Amplitude(ReadOnlySpan<short> samples, double hertz, int rate = 8000)
    {
        var factor = 2 * Math.Cos(2 * Math.PI * hertz / rate);
        double last = 0, beforeLast = 0;
        foreach (var sample in samples) (last, beforeLast) = (sample + (factor * last) - beforeLast, last);
        return 2 * Math.Sqrt((last * last) + (beforeLast * beforeLast) - (factor * last * beforeLast)) / samples.Length;
    }

    /// <summary>The last so many milliseconds.</summary>
    public static ReadOnlySpan<short> Last(short[] samples, int millis) => samples.AsSpan(samples.Length - (8 * millis));

    /// <summary>Which of the tones are heard, at an amplitude above a tenth of theirs.</summary>
    public static double[] Tones(short[] samples, params double[] candidates)
    {
        var heard = new List<double>();
        foreach (var hertz in candidates)
        {
            if (Amplitude(Last(samples, 800), hertz) > 600) heard.Add(hertz);
        }
        return [.. heard];
    }

    public static Prompt Prompt(double hertz, int millis, double amplitude = 6_000) => Files.Prompt.FromLinear(Sound.Sine(hertz, millis * 8, amplitude));
}
