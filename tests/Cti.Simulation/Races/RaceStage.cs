using System.Net;
using Cti.Calls.Call;
using Cti.Calls.Extensions;
using Cti.Contract;
using Cti.Testing.Peers;

namespace Cti.Simulation.Races;

/// <summary>A directed world: a script brings named resources into a state, lets two things happen to them, and looks at what is left.</summary>
internal sealed class RaceStage(NodeSimulation simulation)
{
    private const int PatienceMillis = 20_000;
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    private int _users;

    public SimulatedWorld World { get; } = simulation.World;

    /// <summary>The resource id behind a name of the script (<c>a</c>, <c>b</c>, <c>child</c>, <c>flow</c>, …).</summary>
    public string this[string name] => _names.GetValueOrDefault(name, "");

    public void Name(string name, string resource) => _names[name] = resource;

    public CallBook Call(string name) => World.Ledger.Find<CallBook>(this[name]) ?? throw new InvalidOperationException($"there is no call {name}");

    public FlowBook Flow => World.Ledger.Find<FlowBook>(this["flow"]) ?? throw new InvalidOperationException("there is no flow");

    /// <summary>The telephone of a call; null while the call does not exist, or its INVITE has not arrived.</summary>
    public PeerCall? Far(string name) => World.Ledger.Find<CallBook>(this[name]) is { } book ? FarOf(book) : null;

    public SentRequest Send(string method, string json) => World.Application.Send(method, json);

    public bool Advance(long millis) => simulation.Advance(millis);

    /// <summary>Lets time pass until something holds; what never does is a failure of the script.</summary>
    public void Until(Func<bool> holds, string what)
    {
        var end = World.Runtime.ElapsedMillis + PatienceMillis;
        while (!holds())
        {
            if (World.Failures.Count > 0) throw new InvalidOperationException("a rule was broken while the scene was set");
            if (World.Runtime.ElapsedMillis > end) throw new InvalidOperationException($"the scene is not reached: {what}");
            Advance(1);
        }
    }

    public void UntilPhase(string name, CallPhase phase) => Until(() => World.Ledger.Find<CallBook>(this[name])?.State.Phase == phase, $"{name} in {phase}");

    /// <summary>A request that has to be accepted.</summary>
    public string Accepted(string method, string json)
    {
        var request = Send(method, json);
        Until(() => request.Result is not null || request.RefusedWith is not null, $"{method} is answered");
        if (request.Result is null) throw new InvalidOperationException($"{method} is refused with {request.RefusedWith}");
        return request.Resource;
    }

    /// <summary>An outbound call whose telephone has the INVITE.</summary>
    public void Dial(string name, string more = "")
    {
        var to = NextUri();
        Name(name, Accepted("sys.call.construct", $$"""{"to_uri":"{{to}}","max_answer_seconds":90,"max_ring_seconds":15{{more}}}"""));
    }

    public void DialAndReach(string name, string more = "")
    {
        Dial(name, more);
        Until(() => Far(name) is { Phase: PeerPhase.Offered }, $"{name}'s telephone has the INVITE");
    }

    public void Ring(string name, int status = 180)
    {
        Far(name)!.Respond(status);
        UntilPhase(name, CallPhase.Ring);
    }

    public void Pick(string name)
    {
        Until(() => Far(name) is { Phase: PeerPhase.Offered }, $"{name}'s telephone has the INVITE");
        Far(name)!.Respond(200);
        UntilPhase(name, CallPhase.Idle);
    }

    public void OutboundUp(string name)
    {
        DialAndReach(name);
        Pick(name);
    }

    public void Inbound(string name, int loseAcks = 0)
    {
        var far = World.Phones[_users++ % World.Phones.Count].Dial(SimulatedNode.Address, $"sip:500@{SimulatedNode.Address}");
        far.LoseAcks = loseAcks;
        Until(() => World.Ledger.FindBySipCallId(far.CallId).Count > 0, $"{name} is offered");
        Name(name, World.Ledger.FindBySipCallId(far.CallId)[0].Id);
        // The application knows it too.
        Until(() => World.Application.SeenOf(this[name]) > 0, $"{name} is announced");
    }

    public void InboundUp(string name)
    {
        Inbound(name);
        Accepted("sys.call.answer", $$"""{"res_id":"{{this[name]}}","max_answer_seconds":90}""");
        UntilPhase(name, CallPhase.Idle);
    }

    public void Begin(string name, string method, string more = "") => Accepted(method, $$"""{"res_id":"{{this[name]}}"{{more}}}""");

    public string NextUri() => $"sip:{100 + _users}@10.0.0.{1 + (_users++ % 3)}";

    /// <summary>A flow; its calls are named <c>first</c> and <c>second</c> as they come to be.</summary>
    public void BeginFlow(string method, string json)
    {
        Name("flow", Accepted(method, json));
        Until(() => Flow.State.First.Call is not null, "the first party's call");
        Name("first", Flow.State.First.Call!);
        Until(() => Far("first") is { Phase: PeerPhase.Offered }, "the first party's telephone has the INVITE");
    }

    public void PickFirst(bool waitForSecond = false)
    {
        Far("first")!.Respond(200);
        Until(() => Flow.State.Phase != FlowPhase.Initiated, "the first party is up");
        if (!waitForSecond) return;
        Until(() => Flow.State.Second!.Call is not null, "the second party's call");
        Name("second", Flow.State.Second!.Call!);
        Until(() => Far("second") is { Phase: PeerPhase.Offered }, "the second party's telephone has the INVITE");
    }

    public void PressKey(string name, char key)
    {
        if (Far(name)?.Remote is { } remote) World.Media.Press(remote.Rtp, key);
    }

    /// <summary>What plays in a call's session has come to its end.</summary>
    public void FinishMedia(string name)
    {
        if (World.Ledger.Find<CallBook>(this[name]) is { } book && RestChecks.PortOf(book) is > 0 and var port)
            World.Media.FinishAll(new IPEndPoint(SimulatedNode.Address.Address, port));
    }

    /// <summary>Everybody hangs up.</summary>
    public void Clear()
    {
        foreach (var call in World.Phones.SelectMany(static phone => phone.Calls).ToList())
        {
            call.LoseAcks = 0;
            call.HangUp();
        }
        foreach (var book in World.Ledger.Living.ToList())
        {
            if (!book.Resource.IsReleased && book.Id.Contains("sys.conf", StringComparison.Ordinal)) Send("sys.conf.release", $$"""{"res_id":"{{book.Id}}"}""");
        }
    }

    private PeerCall? FarOf(CallBook book) => World.Phones.SelectMany(static phone => phone.Calls).FirstOrDefault(far => far.CallId == book.State.SipCallId);
}
