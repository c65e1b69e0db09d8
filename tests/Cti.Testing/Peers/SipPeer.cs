using System.Globalization;
using System.Net;
using System.Text;
using Cti.Sip.Message;

namespace Cti.Testing.Peers;

/// <summary>
/// A far end on the virtual network: one address, any number of calls, written from the RFC on plain messages, without any of the stack under test.
/// What the other side does wrong is collected in <see cref="Violations"/>.
/// </summary>
public class SipPeer : IDisposable
{
    private readonly VirtualNetwork _network;
    private readonly IDisposable _binding;
    private readonly List<(Func<SipMessage, bool> Matches, string What)> _drops = [];
    private readonly Dictionary<string, PeerCall> _calls = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]> _answered = new(StringComparer.Ordinal);
    private int _ports = 40_000;
    private int _calling;

    public SipPeer(VirtualNetwork network, ManualRuntime runtime, SeededRandom random, IPEndPoint local)
    {
        _network = network;
        Runtime = runtime;
        Random = random;
        Local = local;
        _binding = network.Bind(local, Receive);
    }

    public ManualRuntime Runtime { get; }
    public SeededRandom Random { get; }
    public IPEndPoint Local { get; }

    /// <summary>T1 in milliseconds.</summary>
    public int T1 { get; init; } = 500;

    /// <summary>
    /// Whether requests within a call go where the other side's last Contact points to, as without a proxy in between; else all go to one address.
    /// </summary>
    public bool FollowsContact { get; init; }

    /// <summary>Every message, a line each, with its time: for what a failure shows.</summary>
    public List<string> Log { get; } = [];

    /// <summary>What the other side did that its RFC forbids.</summary>
    public List<string> Violations { get; } = [];

    public IReadOnlyCollection<PeerCall> Calls => _calls.Values;

    /// <summary>Nothing answers: the address takes messages and says nothing.</summary>
    public bool IsDead { get; set; }

    /// <summary>The next message from the other side with that method or status is lost on its last metre.</summary>
    public void DropNext(string method) => _drops.Add((message => message is SipRequest request && request.Method == method, method));

    /// <inheritdoc cref="DropNext(string)"/>
    public void DropNext(int status) =>
        _drops.Add((message => message is SipResponse response && response.Status == status, status.ToString(CultureInfo.InvariantCulture)));

    /// <summary>A call from here, not sent yet.</summary>
    public PeerCall NewCall(IPEndPoint server, string toUri, string fromUser = "phone")
    {
        var call = new PeerCall(this, server, $"call{++_calling}-{Random.NextUInt64():x}@{Local.Address}", isCaller: true, NextRtp())
        {
            LocalParty = $"<sip:{fromUser}@{Local.Address}>", RemoteParty = $"<{toUri}>", RemoteTarget = SipUri.Parse(toUri),
        };
        _calls.Add(call.CallId, call);
        Observe(call);
        return call;
    }

    /// <summary>Asks whether the other side is alive; the answer is in <see cref="Log"/>.</summary>
    public void SendOptions(IPEndPoint server)
    {
        var options = new SipRequest(SipMethods.Options, SipUri.Parse($"sip:{RawSip.Host(server)}"));
        options.Add(HeaderId.Via, NewVia());
        options.Add(HeaderId.MaxForwards, "70");
        options.Add(HeaderId.From, $"<sip:phone@{Local.Address}>;tag={NewTag()}");
        options.Add(HeaderId.To, $"<sip:{RawSip.Host(server)}>");
        options.Add(HeaderId.CallId, $"options-{Random.NextUInt64():x}");
        options.Add(HeaderId.CSeq, "1 OPTIONS");
        Transmit(server, options);
    }

    public void Dispose()
    {
        _binding.Dispose();
        foreach (var call in _calls.Values) call.StopTimers();
        GC.SuppressFinalize(this);
    }

    /// <summary>A new call, from either side: the place to attach a behaviour.</summary>
    protected virtual void Observe(PeerCall call)
    {
    }

    /// <summary>A message came, before it is handled.</summary>
    protected virtual void Arrived(SipMessage message, PeerCall? call)
    {
    }

    internal string NewTag() => Random.NextUInt64().ToString("x16", CultureInfo.InvariantCulture);

    internal string NewVia() => $"SIP/2.0/UDP {RawSip.Host(Local)};rport;branch=z9hG4bK{NewTag()}";

    internal byte[] Transmit(IPEndPoint to, SipMessage message)
    {
        var bytes = SipMessageWriter.ToArray(message);
        Transmit(to, bytes, Describe(message));
        return bytes;
    }

    internal void Transmit(IPEndPoint to, byte[] bytes, string what)
    {
        Note($"> {what}");
        _network.Send(Local, to, bytes);
    }

    internal void Note(string line) => Log.Add(string.Create(CultureInfo.InvariantCulture, $"{Runtime.ElapsedMillis} {line}"));

    internal static string Describe(SipMessage message) => message switch
    {
        SipRequest request => request.Method,
        SipResponse response => $"{response.Status} {response.CSeq.Method}",
        _ => "?",
    };

    private IPEndPoint NextRtp() => new(Local.Address, _ports += 2);

    private void Receive(IPEndPoint from, ReadOnlyMemory<byte> bytes)
    {
        if (IsDead) return;
        var parsed = SipParser.ParseDatagram(bytes);
        if (parsed.Outcome != SipParseOutcome.Message)
        {
            Violations.Add($"sent what is no SIP message ({parsed.Rejection}): {Encoding.UTF8.GetString(bytes.Span)}");
            return;
        }
        var message = parsed.Message!;
        var drop = _drops.FindIndex(candidate => candidate.Matches(message));
        if (drop >= 0)
        {
            _drops.RemoveAt(drop);
            Note($"x {Describe(message)}");
            return;
        }
        Note($"< {Describe(message)}");
        Dispatch(from, message);
    }

    private void Dispatch(IPEndPoint from, SipMessage message)
    {
        _calls.TryGetValue(message.CallId, out var call);
        if (call is null && message is SipRequest { Method: SipMethods.Invite } invite && invite.To.Tag is null)
        {
            call = new PeerCall(this, from, invite.CallId, isCaller: false, NextRtp())
            {
                LocalParty = invite.Get(HeaderId.To)!, RemoteParty = invite.Get(HeaderId.From)!,
                RemoteTarget = (invite.Contact ?? throw new InvalidOperationException("an INVITE without Contact")).Uri,
            };
            _calls.Add(call.CallId, call);
            Arrived(message, call);
            call.Offered(invite);
            Observe(call);
            return;
        }
        Arrived(message, call);
        if (call is not null) call.Receive(from, message);
        else if (message is SipRequest request && request.Method != SipMethods.Ack) RespondOutside(from, request);
    }

    /// <summary>What belongs to no call: OPTIONS and REGISTER are answered, the rest does not exist here.</summary>
    private void RespondOutside(IPEndPoint from, SipRequest request)
    {
        var key = $"{request.TopVia.Branch}|{request.Method}";
        if (!_answered.TryGetValue(key, out var bytes))
        {
            var response = RawSip.Respond(request, request.Method is SipMethods.Options or SipMethods.Register ? 200 : 481, NewTag(), Local);
            bytes = _answered[key] = SipMessageWriter.ToArray(response);
        }
        Transmit(from, bytes, $"answer to {request.Method}");
    }
}
