using Cti.Actors.Calls;
using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Calls.Extensions;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Journal;

namespace Cti.Actors.Extensions;

/// <summary>
/// One flow: creates its calls, gives them its requests, and hears of them what an application would.
/// <code>
///   application ──RpcAsk───────────┐                                                   ┌──► its calls: PlaceCall, OwnedAsk, OwnerHas
///   its calls ──OwnedReplied───────┼──► the flow (Cti.Calls/Extensions) ──effects──────┤
///   its calls ──OwnedHappened──────┘      NotifyCall · CaptchaCall · DuoCallback       └──► CallPlacer: a gateway for the next party
/// </code>
/// </summary>
internal sealed class FlowActor : ResourceActor<FlowState, FlowEntry>
{
    private readonly CallServices _services;
    private readonly FlowCell _cell;
    private readonly CallPlacer _placer;

    private FlowActor(CallServices services, FlowCell cell, CallPlacer placer) : base(services, cell) =>
        (_services, _cell, _placer) = (services, cell, placer);

    /// <summary>Makes a flow's actor: a new one's, whose first message begins it, or one's that the journal shows.</summary>
    public static ResourceListing Begin(CallServices services, CallPlacer placer, ActorHost system, string name, InstanceJournal journal,
        FlowState? restored = null) =>
        ResourceListing.Begin(system, name, journal, listing =>
        {
            var cell = new FlowCell(listing);
            if (restored is not null) cell.Restore(restored, isHandedOver: false);
            return () => new FlowActor(services, cell, placer);
        });

    protected override int EntryVersion => FlowEntryCodec.Version;

    protected override IBehaviour<FlowState, FlowEntry> BehaviourOf(FlowState state) => FlowBehaviour.Of(state.Spec);

    protected override ReadOnlyMemory<byte> Encode(FlowEntry entry) => FlowEntryCodec.Encode(entry);

    protected override long? NextDeadline(FlowState state) => null;

    protected override ResourceCommand CommandOf(RpcAsk ask) =>
        FlowRequests.FromRpc(ask.Request) ?? throw new InvalidOperationException($"{ask.Request.Method} is not a request on a flow");

    /// <summary>Without a state nothing was journaled and nothing would ever come.</summary>
    protected override bool RestartAfter(Exception fault) => _cell.State is not null;

    protected override bool Unborn(object message)
    {
        switch (message)
        {
            case StartFlow start:
                Guard(start.Ask, () => BeginOrRelease(start));
                return true;
            case WasDeposed or BecameDurable:
                return true;
            default:
                return false;
        }
    }

    protected override bool ReceiveAlive(object message)
    {
        switch (message)
        {
            case PartyPlaced placed when _cell.State is { End: null }:
                Construct(placed.Party, placed.Placement);
                return true;
            case PartyPlaced placed:
                ReleasePermit(placed.Placement);
                Run(new OwnedReplied(placed.Party, FlowAsk.Construct, default, new RpcError(ErrorCodes.Terminated, "it ended before the party was called")),
                    null);
                return true;
            default:
                return false;
        }
    }

    protected override void OnUndelivered(object message)
    {
        base.OnUndelivered(message);
        switch (message)
        {
            case StartFlow start:
                ReleasePermit(start.Placement);
                start.Ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the node is stopping")));
                break;
            case PartyPlaced placed:
                ReleasePermit(placed.Placement);
                break;
            case Decide { Command: OwnedReplied { What: FlowAsk.Construct, Refusal: null } late }:
                Tell(late.Member("res_id"), new OwnerGone());
                break;
        }
    }

    protected override void OnStop()
    {
        base.OnStop();
        // An actor that failed for good leaves calls behind.
        if (_cell.Deposed || _cell.State is not { WasReleased: false } flow) return;
        foreach (var party in new[] { flow.First, flow.Second })
        {
            if (party?.Call is { } call) Tell(call, new OwnerGone());
        }
    }

    protected override void Perform(ResourceEffect effect, RpcAsk? ask)
    {
        switch (effect)
        {
            case CallParty { Party: 1 } when _cell.FirstPlacement is { } placement:
                _cell.FirstPlacement = null;
                Construct(1, placement);
                break;
            case CallParty { Party: 1 }:
                // After a recovery: the application was told where the first party is called.
                _ = PlaceAsync(1, _cell.State!.PartySpec(1) with { ToUris = [_cell.State.First.ToUri!] });
                break;
            case CallParty call:
                _ = PlaceAsync(call.Party, _cell.State!.PartySpec(call.Party));
                break;
            case AskOwned owned:
                Ask(owned);
                break;
            case AbandonOwned abandon:
                Tell(abandon.Call, new OwnerGone());
                break;
            case ConfirmOwned confirm:
                Tell(confirm.Call, new OwnerHas(confirm.Number));
                break;
            default:
                throw new InvalidOperationException($"unknown effect {effect.GetType().Name}");
        }
    }

    protected override void GoOn(Recover recover)
    {
        foreach (var call in recover.Owned.OfType<CallState>())
        {
            if (FlowDecider.FindParty(_cell.State!, call) is { } found) Run(found, null);
        }
        if (FlowDecider.Resume(_cell.State!, recover.LostAtMillis) is { } command) Run(command, null);
    }

    private void BeginOrRelease(StartFlow start)
    {
        try
        {
            _cell.FirstPlacement = start.Placement;
            var spec = FlowRequests.SpecOf(start.Ask.Request, start.Ask.RecordPath);
            var module = start.Ask.Request.Definition.Module;
            Create(module, id => FlowDecider.Decide(null, new BeginFlow(id, start.Ask.Request.Application, spec, start.Placement.ToUri),
                System.Clock.UnixMillis, _services.Settings), start.Ask);
        }
        catch
        {
            if (_cell.State is null) ReleasePermit(start.Placement);
            throw;
        }
    }

    private void Construct(int party, Placement placement)
    {
        var flow = _cell.State!;
        var call = CallActor.Begin(_services, System, $"call to {placement.Target.Host} of {flow.Id}", _cell.Journal);
        var ask = new RpcAsk(FlowRequests.CallOf(flow, party), null, new OwnedReply(this, party, FlowAsk.Construct));
        call.Actor.Tell(new PlaceCall(ask, placement) { Owner = flow.Id.ToString() });
    }

    private void Ask(AskOwned owned)
    {
        var reply = new OwnedReply(this, owned.Party, owned.What);
        var ask = new RpcAsk(FlowRequests.Internal(_cell.State!.Application, owned.Request.Method), null, reply);
        if (!_services.Post.Ask(owned.Call, new OwnedAsk(owned.Request, ask))) reply.Reply(RpcReply.Refused(RpcError.NoSuchResource(owned.Call)));
    }

    private async Task PlaceAsync(int party, PartySpec spec)
    {
        Placement? placement = null;
        RpcError? error = null;
        try
        {
            error = _services.Limit.WhyNot();
            if (error is null) (placement, error) = await _placer.PlaceAsync(spec.ToUris).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            error = RpcError.Unavailable("the journal cannot be reached; nothing new is accepted until it can");
        }
        if (placement is null) Self.Tell(new Decide(new OwnedReplied(party, FlowAsk.Construct, default, error)));
        else if (!Self.Tell(new PartyPlaced(party, placement))) ReleasePermit(placement);
    }

    private void ReleasePermit(Placement placement)
    {
        if (placement.Permit is { } permit) _placer.Release(permit);
    }

    /// <summary>Brings an answer of a call back to the flow as a command; a call that comes too late for its flow is told so.</summary>
    private sealed class OwnedReply(FlowActor flow, int party, FlowAsk what) : IReplyTo
    {
        public void Reply(RpcReply reply)
        {
            var replied = new OwnedReplied(party, what, reply.Result, reply.Error);
            if (!flow.Self.Tell(new Decide(replied)) && replied is { What: FlowAsk.Construct, Refusal: null })
                flow.Tell(replied.Member("res_id"), new OwnerGone());
        }
    }
}

/// <summary>A flow: its state, and where its first party is called.</summary>
internal sealed class FlowCell(ResourceListing listing) : ResourceCell<FlowState>(listing)
{
    /// <summary>Where its first party is called, until it is.</summary>
    public Placement? FirstPlacement { get; set; }
}

/// <summary>The first message of a flow.</summary>
internal sealed record StartFlow(RpcAsk Ask, Placement Placement);

/// <summary>A gateway was found for a later party.</summary>
internal sealed record PartyPlaced(int Party, Placement Placement) : ISystemMessage;
