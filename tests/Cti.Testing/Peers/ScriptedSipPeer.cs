using System.Net;
using Cti.Sip.Message;

namespace Cti.Testing.Peers;

/// <summary>
/// A far end that a test leads by the hand: <c>peer.Expect(Invite)</c>, <c>peer.Send(180)</c>, <c>peer.DropNext(200)</c>. Waiting lets virtual time pass;
/// what does not come in time fails with everything that went over the wire.
/// </summary>
public sealed class ScriptedSipPeer(VirtualNetwork network, ManualRuntime runtime, SeededRandom random, IPEndPoint local, IPEndPoint server)
    : SipPeer(network, runtime, random, local)
{
    private readonly Queue<SipMessage> _inbox = new();
    private PeerCall? _call;

    /// <summary>How long <see cref="Expect(string)"/> waits, in virtual milliseconds.</summary>
    public int PatienceMillis { get; set; } = 40_000;

    /// <summary>The call that the script is about: the newest.</summary>
    public PeerCall Call => _call ?? throw new InvalidOperationException("there is no call yet");

    /// <summary>Waits for a request of that method and answers it; what came before it is skipped.</summary>
    public SipRequest Expect(string method) => (SipRequest)Expect(message => message is SipRequest request && request.Method == method, method);

    /// <summary>Waits for a response of that status.</summary>
    public SipResponse Expect(int status, string method = SipMethods.Invite) =>
        (SipResponse)Expect(message => message is SipResponse response && response.Status == status && response.CSeq.Method == method, $"{status} {method}");

    /// <summary>Fails when a message of that kind comes within the time.</summary>
    public void ExpectNothing(string method, int millis)
    {
        var end = Runtime.ElapsedMillis + millis;
        Runtime.Advance(millis);
        if (_inbox.Any(message => message is SipRequest request && request.Method == method)) throw Failed($"no {method} until {end}");
    }

    /// <summary>Waits until the call is there.</summary>
    public void ExpectPhase(PeerPhase phase) => Await(() => Call.Phase == phase, $"phase {phase}, not {_call?.Phase}");

    /// <summary>Waits until something holds.</summary>
    public void Await(Func<bool> condition, string what)
    {
        var end = Runtime.ElapsedMillis + PatienceMillis;
        Runtime.Advance(0);
        while (!condition())
        {
            if (Runtime.NextTimerMillis is not { } next || next > end) throw Failed(what);
            Runtime.Step();
        }
    }

    /// <summary>Calls the server.</summary>
    public PeerCall Invite(string toUri, bool withOffer = true)
    {
        _call = NewCall(server, toUri);
        _call.Invite(withOffer);
        return _call;
    }

    /// <summary>Responds to the INVITE that came last.</summary>
    public void Send(int status) => Call.Respond(status);

    /// <summary>Rings and answers the INVITE that comes next.</summary>
    public void RingAndAnswer()
    {
        Expect(SipMethods.Invite);
        Send(180);
        Send(200);
        ExpectPhase(PeerPhase.Up);
    }

    protected override void Observe(PeerCall call) => _call = call;

    protected override void Arrived(SipMessage message, PeerCall? call) => _inbox.Enqueue(message);

    private SipMessage Expect(Func<SipMessage, bool> wanted, string what)
    {
        SipMessage? found = null;
        Await(() =>
        {
            while (found is null && _inbox.TryDequeue(out var message))
            {
                if (wanted(message)) found = message;
            }
            return found is not null;
        }, what);
        return found!;
    }

    private InvalidOperationException Failed(string what) =>
        new($"expected {what} at {Local}; on the wire:\n{string.Join('\n', Log)}\n{string.Join('\n', Violations)}");
}
