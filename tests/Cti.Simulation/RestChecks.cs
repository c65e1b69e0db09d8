using System.Net;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Extensions;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <summary>
/// What holds whenever nothing is under way: every decision is durable and every message between resources has been handled. Then both sides of what spans two
/// resources must agree, and what the media side mixes must be what the journal says.
/// </summary>
internal sealed class RestChecks(SimulatedWorld world)
{
    private const int SaidMillis = 2_000;
    private long _appends = -1;

    /// <summary>How often the world was at rest with something new.</summary>
    public int Times { get; private set; }

    /// <summary>Called between instants: all that was ready has run.</summary>
    public void Look()
    {
        if (world.Node is not { IsServing: true, Server.IsJournalIdle: true } || world.Ledger.Appends == _appends) return;
        // What is due in this very millisecond is still under way.
        if (world.Runtime.NextTimerMillis is { } next && next <= world.Runtime.ElapsedMillis) return;
        _appends = world.Ledger.Appends;
        Times++;
        foreach (var book in world.Ledger.Living)
        {
            switch (book)
            {
                case CallBook { State.IsReleased: false } call:
                    CheckBridge(call);
                    CheckSeat(call);
                    CheckParent(call);
                    CheckChild(call);
                    CheckOwner(call);
                    CheckSound(call);
                    CheckFar(call);
                    break;
                case ConferenceBook { State.IsReleased: false } conference:
                    CheckConference(conference);
                    break;
                case FlowBook { State.IsReleased: false } flow:
                    CheckFlow(flow);
                    break;
            }
        }
        CheckMixing();
    }

    /// <summary>Who dials a child has one that is being dialled for it.</summary>
    private void CheckParent(CallBook parent)
    {
        if (parent.State.Dialling is not { } dialling) return;
        var child = world.Ledger.Find<CallBook>(dialling.Child);
        var stage = dialling.Stage == DiallingStage.Announcing ? ParentStage.Waiting : ParentStage.Calling;
        if (child?.State is not { IsDialling: true, Parent: { } heard } || heard.Resource != parent.Id || heard.Stage != stage)
            world.Fail($"{parent.Id} dials {dialling.Child} ({dialling.Stage}), which is not: {child?.State.Phase} {child?.State.Parent}");
    }

    private void CheckChild(CallBook child)
    {
        if (child.State.Parent is not { } parent) return;
        if (parent.Stage == ParentStage.Asked) world.Fail($"{child.Id} waits at rest for the answer of its parent {parent.Resource}");
        if (world.Ledger.Find<ConferenceBook>(parent.Resource) is { State: { IsReleased: false } conference } && conference.ChildOf(child.Id) is null)
            world.Fail($"{child.Id} is dialled for {parent.Resource}, which knows nothing of it");
        if (world.Ledger.Find<CallBook>(parent.Resource) is { State: { IsReleased: false } state } && state.Dialling?.Child != child.Id)
            world.Fail($"{child.Id} is dialled on {parent.Resource}, which is in {state.Phase} with {state.Dialling?.Child}");
    }

    private void CheckSeat(CallBook call)
    {
        if (call.State.Seat is not { } seat) return;
        if (seat.Stage == SeatStage.Requested) world.Fail($"{call.Id} waits at rest to be let into {seat.Conference}");
        else if (world.Ledger.Find<ConferenceBook>(seat.Conference)?.State is not { IsReleased: false } conference
            || conference.MemberOf(call.Id)?.Op != seat.Op)
            world.Fail($"{call.Id} is in the conference {seat.Conference}, which does not have it");
    }

    private void CheckConference(ConferenceBook conference)
    {
        foreach (var member in conference.State.Members)
        {
            if (world.Ledger.Find<CallBook>(member.Call)?.State is not { IsReleased: false, Seat: { Stage: SeatStage.Entered } seat } || seat.Op != member.Op
                || seat.Conference != conference.Id)
                world.Fail($"{conference.Id} believes {member.Call} to be in, which is not");
        }
        foreach (var child in conference.State.Children)
        {
            if (world.Ledger.Find<CallBook>(child.Child)?.State is not { IsDialling: true, Parent: { } parent } || parent.Resource != conference.Id)
                world.Fail($"{conference.Id} believes {child.Child} to be dialled for it, which is not");
        }
    }

    private void CheckOwner(CallBook call)
    {
        if (call.State.Owner is not { } owner) return;
        if (world.Ledger.Find<FlowBook>(owner)?.State is not { IsReleased: false } flow || (flow.First.Call != call.Id && flow.Second?.Call != call.Id))
            world.Fail($"{call.Id} ({call.State.Phase}) is driven by {owner}, which knows nothing of it");
    }

    private void CheckFlow(FlowBook flow)
    {
        foreach (var party in new[] { flow.State.First, flow.State.Second })
        {
            if (party is { Stage: PartyStage.Calling or PartyStage.Up, Call: { } call }
                && world.Ledger.Find<CallBook>(call)?.State is not { IsReleased: false })
                world.Fail($"{flow.Id} believes its call {call} to be {party.Stage}, which is over");
        }
        var isCalling = flow.State.First is { Stage: PartyStage.Calling, Call: null } || flow.State.Second is { Stage: PartyStage.Calling, Call: null };
        if (flow.State.End is not null && !isCalling) world.Fail($"{flow.Id} is ending at rest and waits for nothing: {flow.State.First} {flow.State.Second}");
    }

    /// <summary>Nothing is played to a call that plays nothing.</summary>
    private void CheckSound(CallBook call)
    {
        if (call.State is { Action: null, Dialling: null } && PortOf(call) is > 0 and var port
            && world.Media.HeardAt(new IPEndPoint(SimulatedNode.Address.Address, port)) is { } sound)
            world.Fail($"{call.Id} hears {sound} in {call.State.Phase}");
    }

    /// <summary>Whoever is not waiting for its turn to be told sends to where we are, once what was said last has arrived.</summary>
    private void CheckFar(CallBook call)
    {
        if (!world.Plan.IsReachable || world.Runtime.UnixMillis - call.State.LastMillis < SaidMillis
            || call.State is not { IsUp: true, InterruptedMillis: null } || PortOf(call) is not (> 0 and var port))
            return;
        if (world.Phones.SelectMany(static phone => phone.Calls)
            .FirstOrDefault(far => far.CallId == call.State.SipCallId) is { Phase: PeerPhase.Up, Remote: { } remote } && remote.Rtp.Port != port)
            world.Fail($"{call.Id} listens at {port} in {call.State.Phase}, its far end sends to {remote.Rtp.Port}");
    }

    private void CheckBridge(CallBook call)
    {
        if (call.State.Bridge is not { } bridge) return;
        if (bridge.Stage == BridgeStage.Requested)
        {
            world.Fail($"{call.Id} waits at rest for {bridge.Peer} to join {bridge.Op}");
            return;
        }
        var peer = world.Ledger.Find<CallBook>(bridge.Peer);
        if (bridge.Stage == BridgeStage.Ending)
        {
            // Only the file is awaited: the other party is out already.
            if (peer?.State is { IsReleased: false, Bridge: { } left } && left.Op == bridge.Op)
                world.Fail($"{call.Id} has left the bridge {bridge.Op}, {peer.Id} is still in it");
            return;
        }
        if (peer?.State is not { IsReleased: false, Bridge: { Stage: BridgeStage.Connected } other } || other.Op != bridge.Op || other.Peer != call.Id
            || other.IsFirst == bridge.IsFirst)
            world.Fail($"{call.Id} is in a bridge ({bridge.Op}, first: {bridge.IsFirst}) with {bridge.Peer}, which is not: {peer?.State.Phase} "
                + $"{peer?.State.Bridge}");
    }

    private void CheckMixing()
    {
        var mixed = world.Media.BridgedAddresses.Select(static bridge => (bridge.First.Port, bridge.Second.Port)).Order().ToList();
        var meant = new List<(int, int)>();
        foreach (var call in world.Ledger.Living.OfType<CallBook>())
        {
            if (call.State is { IsReleased: false, Bridge: { IsFirst: true, Stage: BridgeStage.Connected } bridge }
                && world.Ledger.Find<CallBook>(bridge.Peer) is { } peer)
                meant.Add((PortOf(call), PortOf(peer)));
        }
        meant.Sort();
        if (!mixed.SequenceEqual(meant))
            world.Fail($"the media side bridges {string.Join(", ", mixed)}, the journal {string.Join(", ", meant)}");
        var seated = string.Join(" | ", world.Media.Seats.Select(static room => string.Join(",", room)).Order(StringComparer.Ordinal));
        var rooms = world.Ledger.Living.OfType<ConferenceBook>().Where(static book => !book.State.IsReleased).Select(PortsIn)
            .Where(static room => room.Length > 0);
        var wanted = string.Join(" | ", rooms.Order(StringComparer.Ordinal));
        if (seated != wanted) world.Fail($"the media side seats {seated}, the journal {wanted}");
    }

    /// <summary>Whom a conference hears: its members, and the lines of calls that are dialled for it and sit in no other.</summary>
    private string PortsIn(ConferenceBook conference)
    {
        var calls = conference.State.Members.Select(static member => member.Call)
            .Concat(conference.State.Children.Where(child => child.HasEarlyMedia && world.Ledger.Find<CallBook>(child.Child)?.State.Seat is null)
                .Select(static child => child.Child)).Distinct(StringComparer.Ordinal);
        return string.Join(",", calls.Select(call => world.Ledger.Find<CallBook>(call)).Select(static book => book is null ? 0 : PortOf(book)).Order());
    }

    /// <summary>The RTP port of a call's media session: the only thing of it that both the journal and the media side name.</summary>
    public static int PortOf(CallBook call)
    {
        var sdp = call.State.LocalSdp ?? "";
        var at = sdp.IndexOf("m=audio ", StringComparison.Ordinal) + 8;
        return at < 8 ? 0 : int.Parse(sdp.AsSpan(at, sdp.IndexOf(' ', at) - at), System.Globalization.CultureInfo.InvariantCulture);
    }
}
