using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Cti.Media.Codecs;
using Cti.Media.Srtp;

namespace Cti.Media;

/// <summary>
/// The media side of a node, as call actors see it. Every method returns at once and may be called from any thread; what takes time
/// (files, the loop's own cadence) is reported to <see cref="IMediaEvents"/>. Commands for one session take effect in the order of the calls.
/// A command for a session that is not open is ignored: its close was already reported.
/// </summary>
public partial interface IMediaPort
{
    /// <summary>
    /// Opens a session: binds an RTP/RTCP port pair on the media address of the family that <paramref name="options"/> asks for.
    /// </summary>
    /// <returns>
    /// Where RTP is to be sent to; null when <paramref name="refusal"/> says why not (answer 503). For want of time only new calls are refused.
    /// </returns>
    IPEndPoint? TryOpen(MediaSessionId session, MediaSessionOptions options, IMediaEvents events, out MediaRefusal refusal);

    /// <summary>Whether this node has an address of that family for media: without one <see cref="TryOpen"/> never succeeds.</summary>
    bool Speaks(AddressFamily family);

    /// <summary>Sets or changes what was negotiated: from now on RTP flows accordingly.</summary>
    void Configure(MediaSessionId session, MediaDescription description);

    /// <summary>
    /// Starts a play; the files are loaded first, a missing or broken one ends the play before anything is heard. Ends with <see cref="PlayEnded"/>, always.
    /// </summary>
    void StartPlay(MediaSessionId session, PlayRequest request);

    /// <summary>Stops the play of that action; ends with <see cref="PlayEnded"/> unless it has ended already. Takes effect at the next packet.</summary>
    void StopPlay(MediaSessionId session, long action);

    /// <summary>Starts a recording; ends with <see cref="RecordEnded"/>, always.</summary>
    void StartRecord(MediaSessionId session, RecordRequest request);

    /// <summary>Stops a recording: the file is completed, then <see cref="RecordEnded"/> follows.</summary>
    void StopRecord(MediaSessionId session, long action);

    /// <summary>Sends keys; ends with <see cref="SendKeysEnded"/>, always.</summary>
    void SendKeys(MediaSessionId session, SendKeysRequest request);

    /// <summary>
    /// How the streams are, as of the session's last tick (at most some 25 ms ago); null where the session is not open or nothing was negotiated yet.
    /// Waits for nothing and disturbs nothing: the loop publishes counters, the reader puts them together.
    /// </summary>
    StreamStatistics? ReadStatistics(MediaSessionId session);

    /// <summary>
    /// Ends everything that runs in the session (with the ends of the actions), sends RTCP BYE, frees the ports, reports <see cref="SessionClosed"/> last.
    /// </summary>
    void Close(MediaSessionId session);

    /// <summary>
    /// Gives a session up without touching its call: no RTCP BYE, no report, not even of what runs in it; unfinished recordings stay as they are, for a node
    /// that goes on with them. The ports are free soon after. What other sessions had with it ends, and is reported to them as ever.
    /// </summary>
    void Abandon(MediaSessionId session);
}

/// <summary>What media sessions report. Calls come from the media side's own threads, in order per session; receivers only post to a mailbox.</summary>
public interface IMediaEvents
{
    /// <summary>Something happened in a session.</summary>
    void OnMediaEvent(MediaSessionId session, MediaEvent happened);
}

/// <summary>Names a session on this node for its lifetime; never reused.</summary>
public readonly record struct MediaSessionId(long Value);

/// <summary>How a session is opened.</summary>
/// <param name="IPv6">The address family towards the far end.</param>
/// <param name="InactivityMillis">
/// Silence (no RTP, no RTCP, while receiving is negotiated) after which <see cref="MediaInactive"/> is reported once; 0 never.
/// </param>
/// <param name="Idle">What is sent while nothing plays.</param>
/// <param name="Srtp">The keys of a link; null where those count that are negotiated, if any.</param>
/// <param name="IsLink">
/// The far end is another node's session: bound on the cluster's media address whatever <paramref name="IPv6"/> says, with the least delay at the beginning.
/// </param>
/// <param name="IsOwed">The session is for a call that is up already: it is opened however busy the loops are, since only new calls can be refused.</param>
public sealed record MediaSessionOptions(bool IPv6 = false, int InactivityMillis = 0, IdleSending Idle = IdleSending.Silence, SrtpKeys? Srtp = null,
    bool IsLink = false, bool IsOwed = false)
{
    /// <summary>
    /// A session that carries a party's sound to another node, as one side of a bridge or a member of a conference there. It sends what there is and nothing
    /// else, so that the node that listens knows of pauses; the links know of a dead node earlier than its silence could tell.
    /// </summary>
    public static MediaSessionOptions ForLink(SrtpKeys keys) => new(Idle: IdleSending.Nothing, Srtp: keys, IsLink: true, IsOwed: true);
}

/// <summary>What a session sends while sending is negotiated and nothing plays.</summary>
public enum IdleSending
{
    /// <summary>Silence of the codec, a packet every 20 ms: keeps NAT bindings and the far end's inactivity timer alive.</summary>
    Silence,
    /// <summary>No packets.</summary>
    Nothing,
    /// <summary>Silence of the codec in full for a second, then a packet every few seconds (RFC 6263), in full again where the far end needs it.</summary>
    Keepalive,
}

/// <summary>The audio codecs of this version.</summary>
public enum AudioCodec
{
    /// <summary>G.711 mu-law, RTP payload type 0.</summary>
    Pcmu,
    /// <summary>G.711 A-law, RTP payload type 8.</summary>
    Pcma,
    /// <summary>G.722 at 64 kbit/s, RTP payload type 9: sound of 16 kHz under a clock of 8000.</summary>
    G722,
    /// <summary>Opus (RFC 7587), mono, a dynamic payload type: sound and clock of 48 kHz.</summary>
    Opus,
}

/// <summary>What offer and answer agreed on for one audio stream.</summary>
/// <param name="Remote">Where RTP goes.</param>
/// <param name="RemoteRtcp">Where RTCP goes.</param>
/// <param name="Codec">The codec sent; the first that is expected.</param>
/// <param name="PayloadType">Its payload type, 0..127.</param>
/// <param name="TelephoneEventPayloadType">RFC 4733's payload type, or -1 where it was not agreed: keys are then detected and sent in-band.</param>
/// <param name="Send">Whether we may send (their direction is sendrecv or recvonly).</param>
/// <param name="Receive">Whether they send (sendrecv or sendonly).</param>
public sealed record MediaDescription(IPEndPoint Remote, IPEndPoint RemoteRtcp, AudioCodec Codec, int PayloadType,
    int TelephoneEventPayloadType, bool Send, bool Receive)
{
    private const int LinkEvents = 101;

    /// <summary>
    /// What protects it (RFC 3711); null for nothing. A session that was opened with keys of its own, as a link's, has those.
    /// </summary>
    public SrtpKeys? Srtp { get; init; }

    /// <summary>What else may come at any time: both sides listed it, or only one of the two numbers differs. Sent is nothing of it.</summary>
    public ImmutableArray<ReceivedFormat> AlsoReceived { get; init; } = [];

    /// <summary>Ticks of the clock of <see cref="TelephoneEventPayloadType"/> in a millisecond: 8 or 48.</summary>
    public int EventClockPerMilli { get; init; } = 8;

    /// <summary>Payload type of comfort noise (RFC 3389), or -1 where it was not agreed: it is taken under its static type 13 all the same.</summary>
    public int NoisePayloadType { get; init; } = -1;

    /// <summary>How the far end wants to be sent to.</summary>
    public SendFormat Sending { get; init; } = SendFormat.Default;

    /// <summary>What is known of the far end beside that.</summary>
    public FarEnd FarEnd { get; init; } = FarEnd.Believed;

    /// <summary>What the two sessions of a link agree on: RTCP on the next port, the codec's own payload type, telephone events, both directions.</summary>
    /// <param name="remote">What the other side's <see cref="IMediaPort.TryOpen"/> answered.</param>
    /// <param name="codec">That of the party whose sound is carried, so that nothing is transcoded on the way.</param>
    public static MediaDescription ForLink(IPEndPoint remote, AudioCodec codec) =>
        new(remote, new IPEndPoint(remote.Address, remote.Port + 1), codec, codec.OwnPayloadType(), LinkEvents, Send: true,
            Receive: true)
        { FarEnd = FarEnd.Link, EventClockPerMilli = codec.ClockPerMilli() };
}

/// <summary>What comes under a payload type.</summary>
/// <param name="PayloadType">0..127.</param>
/// <param name="Codec">The codec; null for telephone events (RFC 4733).</param>
/// <param name="EventClockPerMilli">Ticks of the events' clock in a millisecond.</param>
public readonly record struct ReceivedFormat(int PayloadType, AudioCodec? Codec, int EventClockPerMilli = 8);

/// <summary>How a far end wants to be sent to.</summary>
/// <param name="PacketMillis">Milliseconds of sound in a packet, 10..60: its ptime within its maxptime. Opus has no packets of 30 and 50.</param>
/// <param name="PlaybackRate">With Opus: samples a second that it plays at most.</param>
/// <param name="UsesFec">With Opus: whether it makes use of forward error correction.</param>
/// <param name="UsesDtx">With Opus: whether it would rather have no packets in silence.</param>
public sealed record SendFormat(int PacketMillis = 20, int PlaybackRate = 48_000, bool UsesFec = true, bool UsesDtx = false)
{
    /// <summary>Where the far end says nothing.</summary>
    public static SendFormat Default { get; } = new();
}

/// <summary>A play.</summary>
/// <param name="Action">The caller's number for it, in every report about it.</param>
/// <param name="Files">Names, played one after the other; relative ones are looked up under the media root, then among the built-in prompts.</param>
/// <param name="Repeat">How many times more; 0..1000, or -1 for ever.</param>
/// <param name="OffsetMillis">How much of the whole was played before (after a take-over).</param>
/// <param name="Application">Whose play it is: only what it may hear is found.</param>
public sealed record PlayRequest(long Action, ImmutableArray<string> Files, int Repeat = 0, long OffsetMillis = 0, string Application = "");

/// <summary>How a recording is stored.</summary>
public enum RecordFormat
{
    /// <summary>WAV, unsigned linear PCM, 8 kHz 8 bit.</summary>
    Pcm8,
    /// <summary>WAV, A-law.</summary>
    Alaw,
    /// <summary>WAV, mu-law.</summary>
    Ulaw,
    /// <summary>WAV, IMA ADPCM.</summary>
    ImaAdpcm,
    /// <summary>WAV, GSM 06.10.</summary>
    Gsm,
    /// <summary>MP3.</summary>
    Mp3,
    /// <summary>Raw OKI (Dialogic) ADPCM.</summary>
    OkiAdpcm,
    /// <summary>WAV, G.726 at 32 kbit/s.</summary>
    G726,
    /// <summary>WAV, G.721 (the same coding at 32 kbit/s).</summary>
    G721,
    /// <summary>WAV, signed linear PCM, 16 kHz 16 bit.</summary>
    Pcm16k,
}

/// <summary>A recording.</summary>
/// <param name="Action">The caller's number for it.</param>
/// <param name="FullPath">The file, inside the record root: checked by the caller.</param>
/// <param name="Format">How it is stored.</param>
/// <param name="Beep">A tone to the far end first; it is not in the file.</param>
/// <param name="Append">
/// Goes on where the file ends that a dead process left unfinished, else where the complete file ends; it begins a new one where there is neither. The
/// channels are then that file's. Another format than the file's is <see cref="MediaOutcome.Unsupported"/>.
/// </param>
/// <param name="Channels">
/// 1; or 2 for a file that a bridge's recording can go on with: the far end on the left, silence on the right. Formats without stereo have one all the same.
/// </param>
/// <param name="TakesOver">
/// Begins again what another process had begun, which may still have the file open (it stands still) and has lost it; otherwise a file that is open is
/// <see cref="MediaOutcome.Failed"/>. With <paramref name="Append"/> it is so anyway.
/// </param>
/// <param name="Application">Whose recording it is: one that its disk holds up holds up no other application's.</param>
public sealed record RecordRequest(long Action, string FullPath, RecordFormat Format, bool Beep, bool Append = false, int Channels = 1, bool TakesOver = false,
    string Application = "");

/// <summary>How keys are sent.</summary>
public enum KeySending
{
    /// <summary>RFC 4733 where agreed, else in-band tones.</summary>
    Negotiated,
    /// <summary>In-band tones.</summary>
    InBand,
}

/// <summary>Keys to send.</summary>
/// <param name="Action">The caller's number for it.</param>
/// <param name="Keys">Of <c>0-9*#A-D</c> and <c>,</c> (a pause of 500 ms).</param>
/// <param name="How">By what.</param>
public sealed record SendKeysRequest(long Action, string Keys, KeySending How = KeySending.Negotiated);

/// <summary>Something that happened in a session.</summary>
public abstract record MediaEvent;

/// <summary>Why an action in the media side ended.</summary>
public enum MediaOutcome
{
    /// <summary>It ran to its end.</summary>
    Completed,
    /// <summary>It was stopped, or the session was closed.</summary>
    Stopped,
    /// <summary>A file does not exist.</summary>
    NotFound,
    /// <summary>A file or format is not supported or broken.</summary>
    Unsupported,
    /// <summary>A fault of ours or of the disk.</summary>
    Failed,
}

/// <summary>A play began to be heard: everything is loaded.</summary>
/// <param name="Action">Which.</param>
public sealed record PlayStarted(long Action) : MediaEvent;

/// <summary>A play that is heard has stood still, because the media loop was held up: nothing of it was left out, its end is later by so much.</summary>
/// <param name="Action">Which.</param>
/// <param name="Millis">For how long, 200 or more.</param>
public sealed record PlayDelayed(long Action, long Millis) : MediaEvent;

/// <summary>A play ended.</summary>
/// <param name="Action">Which.</param>
/// <param name="Outcome">Why.</param>
/// <param name="Detail">With a failure: which file and what is wrong with it.</param>
public sealed record PlayEnded(long Action, MediaOutcome Outcome, string? Detail = null) : MediaEvent;

/// <summary>A recording's file is open and sound goes into it (after the beep).</summary>
/// <param name="Action">Which.</param>
public sealed record RecordStarted(long Action) : MediaEvent;

/// <summary>A recording ended; its file is complete on disk.</summary>
/// <param name="Action">Which.</param>
/// <param name="Outcome">Why.</param>
/// <param name="DurationMillis">How much sound is in it.</param>
/// <param name="Detail">With a failure: what is wrong.</param>
public sealed record RecordEnded(long Action, MediaOutcome Outcome, long DurationMillis, string? Detail = null) : MediaEvent;

/// <summary>The sending of keys ended.</summary>
/// <param name="Action">Which.</param>
/// <param name="Outcome">Why.</param>
public sealed record SendKeysEnded(long Action, MediaOutcome Outcome) : MediaEvent;

/// <summary>The far end pressed a key: one report a key, however long it was held.</summary>
/// <param name="Key">One of <c>0-9*#A-D</c>. Never logged.</param>
/// <param name="Event">The telephone-event that it was; null for one that was found in the sound.</param>
public sealed record KeyPressed(char Key, KeyEvent? Event = null) : MediaEvent
{
    /// <summary>Keeps the digit out of logs.</summary>
    public override string ToString() => "KeyPressed";
}

/// <summary>
/// A telephone-event as all of its packets name it (RFC 4733 section 2.3): another session that hears the rest of it knows by this that it is the same key.
/// </summary>
/// <param name="Ssrc">Whose.</param>
/// <param name="Timestamp">The RTP timestamp of its beginning.</param>
public readonly record struct KeyEvent(uint Ssrc, uint Timestamp);

/// <summary>Nothing came for the agreed time.</summary>
public sealed record MediaInactive : MediaEvent;

/// <summary>The session is closed and its ports are free: the last report.</summary>
/// <param name="Statistics">How the streams were.</param>
public sealed record SessionClosed(StreamStatistics Statistics) : MediaEvent;

/// <summary>Quality of a session's streams (RFC 3550 section 6.4).</summary>
/// <param name="Codec">The codec last used.</param>
/// <param name="PacketsSent">RTP packets sent.</param>
/// <param name="PacketsReceived">RTP packets received.</param>
/// <param name="PacketsLost">Expected and not received; not below 0.</param>
/// <param name="JitterMillis">Interarrival jitter as received.</param>
/// <param name="RoundTripMillis">From RTCP; -1 when unknown.</param>
/// <param name="RemoteLossFraction">What the far end reported lost, 0..1; -1 when unknown.</param>
/// <param name="Mos">Estimated mean opinion score of what we receive, 1..4.5 (ITU-T G.107 reduced to loss and delay); -1 while nothing was received.</param>
public sealed record StreamStatistics(AudioCodec Codec, long PacketsSent, long PacketsReceived, long PacketsLost, double JitterMillis,
    double RoundTripMillis, double RemoteLossFraction, double Mos)
{
    /// <summary>Packets of ours that the far end's last report calls lost; -1 when it never reported.</summary>
    public long RemoteLost { get; init; } = -1;

    /// <summary>The jitter of our packets in the far end's last report; -1 when it never reported.</summary>
    public double RemoteJitterMillis { get; init; } = -1;

    /// <summary>Estimated mean opinion score of what the far end receives; -1 when it never reported.</summary>
    public double RemoteMos { get; init; } = -1;
}
