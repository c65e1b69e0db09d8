using System.Globalization;
using System.Net;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Testing.Peers;

/// <summary>Where a call stands, as its far end sees it.</summary>
public enum PeerPhase
{
    /// <summary>Ours, not answered.</summary>
    Calling,
    /// <summary>Theirs, not answered.</summary>
    Offered,
    /// <summary>Theirs, our 200 is out, its ACK is not here.</summary>
    Answered,
    /// <summary>Up.</summary>
    Up,
    /// <summary>Our BYE is out.</summary>
    HangingUp,
    /// <summary>Over.</summary>
    Ended,
}

/// <summary>
/// One call of a <see cref="SipPeer"/>: the mechanics of RFC 3261 for a user agent over UDP (retransmissions, ACK, CANCEL, dialogs), by hand.
/// What it does of its own accord (answer, hang up, …) is the script's to say.
/// </summary>
public sealed partial class PeerCall
{
    private readonly SipPeer _peer;
    private readonly IPEndPoint _server;
    private readonly string _localTag;
    private readonly Dictionary<string, Pending> _pending = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]?> _answered = new(StringComparer.Ordinal);
    private string[] _routes = [];
    private uint _localCSeq;
    private uint _remoteCSeq;
    private int _sdpVersion;
    private IPEndPoint _inviteTo;

    internal PeerCall(SipPeer peer, IPEndPoint server, string callId, bool isCaller, IPEndPoint rtp)
    {
        _peer = peer;
        _server = server;
        _inviteTo = server;
        CallId = callId;
        IsCaller = isCaller;
        Rtp = rtp;
        _localTag = peer.NewTag();
        Phase = isCaller ? PeerPhase.Calling : PeerPhase.Offered;
    }

    public string CallId { get; }

    /// <summary>Whether the call is from here.</summary>
    public bool IsCaller { get; }

    /// <summary>Where this side takes sound.</summary>
    public IPEndPoint Rtp { get; }

    /// <summary>How its sound is coded and protected.</summary>
    public PeerSound Sound { get; set; } = PeerSound.Plain;

    /// <summary>What the other side described last.</summary>
    public SdpFacts? Remote { get; private set; }

    public PeerPhase Phase { get; private set; }

    /// <summary>Whether it was ever up.</summary>
    public bool WasUp { get; private set; }

    /// <summary>The status that ended the INVITE, or 0.</summary>
    public int FinalStatus { get; private set; }

    /// <summary>Whether a 180 or 183 was seen.</summary>
    public bool Rang { get; private set; }

    /// <summary>Whether the other side hung up or cancelled.</summary>
    public bool EndedByThem { get; private set; }

    /// <summary>The Reason header of what ended it, or null.</summary>
    public string? EndReason { get; private set; }

    /// <summary>The Contact of a 3xx.</summary>
    public string? RedirectedTo { get; private set; }

    /// <summary>2xx of ours that will not be acknowledged.</summary>
    public int LoseAcks { get; set; }

    /// <summary>Every request goes out twice.</summary>
    public bool SendsTwice { get; set; }

    /// <summary>Answers re-INVITEs and UPDATEs with that status once.</summary>
    public int RefuseNextReInvite { get; set; }

    /// <summary>Whether an INVITE of its own has no final response yet.</summary>
    public bool HasOpenOffer => _pending.Values.Any(static waiting => waiting.Method == SipMethods.Invite);

    /// <summary>Whether it refused a re-INVITE for good: the other side may hang up then.</summary>
    public bool HasRefusedReInvite { get; private set; }

    /// <summary>Told whenever the phase changes.</summary>
    public Action<PeerCall>? Changed { get; set; }

    /// <summary>Requests whose answer is awaited, and responses whose ACK is.</summary>
    public int PendingCount => _pending.Count;

    internal string LocalParty { get; init; } = "";
    internal string RemoteParty { get; set; } = "";
    internal SipUri RemoteTarget { get; set; } = null!;

    /// <summary>Where requests within the call go.</summary>
    private IPEndPoint Target => _peer.FollowsContact && _routes.Length == 0 && IPAddress.TryParse(RemoteTarget.Host.Trim('[', ']'), out var address)
        ? new IPEndPoint(address, RemoteTarget.Port == 0 ? 5060 : RemoteTarget.Port)
        : _server;

    private string LocalHeader => LocalParty.Contains(";tag=", StringComparison.Ordinal) ? LocalParty : $"{LocalParty};tag={_localTag}";

    internal void StopTimers()
    {
        _cancelDeadline?.Cancel();
        foreach (var waiting in _pending.Values) waiting.Timer?.Cancel();
        _pending.Clear();
    }

    private void Become(PeerPhase phase)
    {
        if (Phase == phase) return;
        Phase = phase;
        if (phase == PeerPhase.Up) WasUp = true;
        Changed?.Invoke(this);
    }

    private void Violated(string what) =>
        _peer.Violations.Add(string.Create(CultureInfo.InvariantCulture, $"{_peer.Runtime.ElapsedMillis} {CallId}: {what}"));

    /// <summary>A request within this call; the CSeq moves unless it is an ACK or a CANCEL.</summary>
    private SipRequest NewRequest(string method, uint cseq)
    {
        var request = new SipRequest(method, RemoteTarget);
        request.Add(HeaderId.Via, _peer.NewVia());
        request.Add(HeaderId.MaxForwards, "70");
        foreach (var route in _routes) request.Add(HeaderId.Route, route);
        request.Add(HeaderId.From, LocalHeader);
        request.Add(HeaderId.To, RemoteParty);
        request.Add(HeaderId.CallId, CallId);
        request.Add(HeaderId.CSeq, string.Create(CultureInfo.InvariantCulture, $"{cseq} {method}"));
        if (method is SipMethods.Invite or SipMethods.Update) request.Add(HeaderId.Contact, $"<sip:phone@{RawSip.Host(_peer.Local)}>");
        return request;
    }

    private Pending Start(SipRequest request)
    {
        var to = Target;
        if (request.Method == SipMethods.Invite) _inviteTo = to;
        var bytes = _peer.Transmit(to, request);
        if (SendsTwice) _peer.Transmit(to, bytes, $"{request.Method} again");
        var waiting = new Pending(request.TopVia.Branch!, request.Method, request, bytes, to, _peer.Runtime.ElapsedMillis, _peer.T1);
        _pending[waiting.Key] = waiting;
        Repeat(waiting);
        return waiting;
    }

    /// <summary>Timers A, E and G: repeats until stopped, with doubling intervals (capped at T2 but for INVITE), for 64 T1.</summary>
    private void Repeat(Pending waiting) => waiting.Timer = _peer.Runtime.After(waiting.NextMillis, () =>
    {
        if (_peer.Runtime.ElapsedMillis - waiting.SinceMillis >= 64L * _peer.T1)
        {
            _pending.Remove(waiting.Key);
            GaveUp(waiting);
            return;
        }
        _peer.Transmit(waiting.To, waiting.Bytes, $"{waiting.Method} again");
        waiting.NextMillis = waiting.Method == SipMethods.Invite ? waiting.NextMillis * 2 : Math.Min(waiting.NextMillis * 2, 8 * _peer.T1);
        Repeat(waiting);
    });

    private void Stop(string key)
    {
        if (_pending.Remove(key, out var waiting)) waiting.Timer?.Cancel();
    }

    private void GaveUp(Pending waiting)
    {
        _peer.Note($"- no answer to {waiting.Method}");
        switch (waiting.Method)
        {
            case SipMethods.Invite when Phase == PeerPhase.Calling:
                FinalStatus = 408;
                Become(PeerPhase.Ended);
                break;
            case "200 INVITE" when Phase == PeerPhase.Answered:
                // No ACK of the 200: the dialog is up all the same and must be hung up (RFC 3261 section 13.3.1.4).
                HangUp();
                break;
            case SipMethods.Bye:
                Become(PeerPhase.Ended);
                break;
        }
    }

    private sealed class Pending(string key, string method, SipRequest? request, byte[] bytes, IPEndPoint to, long sinceMillis, int t1)
    {
        public string Key { get; } = key;
        public string Method { get; } = method;
        public SipRequest? Request { get; } = request;
        public byte[] Bytes { get; } = bytes;
        public IPEndPoint To { get; } = to;
        public long SinceMillis { get; } = sinceMillis;
        public long NextMillis { get; set; } = t1;
        public ITimerHandle? Timer { get; set; }
    }
}
