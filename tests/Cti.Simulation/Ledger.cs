using System.Text;
using Cti.Calls.Call;
using Cti.Kernel;
using Cti.Storage;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>
/// The books: what became durable, in the order in which it did, and the rules that it must keep at every moment. It decodes the journal and folds it,
/// so it knows what is true of a call independently of what the node says.
/// </summary>
internal sealed class Ledger(SimulatedWorld world)
{
    private readonly Dictionary<int, long> tails = [];
    private readonly Dictionary<int, long> epochs = [];
    private readonly Dictionary<string, CallBook> calls = new(StringComparer.Ordinal);
    private readonly Dictionary<Guid, IdempotencyRow> results = [];

    public IReadOnlyCollection<CallBook> Calls => calls.Values;

    public long Appends { get; private set; }

    public CallBook? Find(string resource) => calls.GetValueOrDefault(resource);

    /// <summary>The calls of a telephone's call: an INVITE that is repeated to a node that has restarted makes a second one.</summary>
    public IReadOnlyList<CallBook> FindBySipCallId(string callId) => [.. calls.Values.Where(call => call.State.SipCallId == callId)];

    /// <summary>The result that a request's effects were stored with.</summary>
    public IdempotencyRow? ResultOf(Guid request) => results.GetValueOrDefault(request);

    public void Claimed(IReadOnlyList<InstanceOwnership> claims)
    {
        foreach (var claim in claims)
        {
            world.Trace.Add($"claim {claim.Instance} epoch {claim.Epoch} tail {claim.Tail}");
            if (claim.Epoch != epochs.GetValueOrDefault(claim.Instance) + 1) world.Fail($"instance {claim.Instance}: epoch {claim.Epoch} after {epochs.GetValueOrDefault(claim.Instance)}");
            epochs[claim.Instance] = claim.Epoch;
        }
    }

    public void Accepted(InstanceAppend append)
    {
        Appends++;
        var tail = tails.GetValueOrDefault(append.Instance);
        if (append.ExpectedTail != tail) world.Fail($"instance {append.Instance}: an append at {append.ExpectedTail + 1} behind position {tail}");
        if (append.Epoch != epochs.GetValueOrDefault(append.Instance)) world.Fail($"instance {append.Instance}: an append of epoch {append.Epoch}, the owner's is {epochs.GetValueOrDefault(append.Instance)}");
        var expected = append.ExpectedTail;
        foreach (var position in append.Entries.Select(entry => entry.Position).Concat(append.Events.Select(happened => happened.Position)).Order())
        {
            if (position != ++expected) world.Fail($"instance {append.Instance}: position {position} where {expected} is next");
        }
        tails[append.Instance] = append.NewTail;
        foreach (var entry in append.Entries) Fold(entry);
        foreach (var happened in append.Events) Happened(happened);
        foreach (var row in append.Idempotency)
        {
            if (!results.TryAdd(row.RequestId, row)) world.Fail($"request {row.RequestId} was carried out twice");
        }
        foreach (var record in append.CallRecords) Book(record.ResourceId).Records++;
        foreach (var resource in append.Entries.Select(entry => entry.ResourceId).Concat(append.Events.Select(happened => happened.ResourceId)).Distinct().ToList())
            Book(resource).Check(world);
        foreach (var resource in append.ReleasedResources)
        {
            if (Book(resource) is { State: not { Phase: CallPhase.Released, Closing: SipClosing.None } }) world.Fail($"{resource}: its journal is dropped before it is over");
            Book(resource).IsGone = true;
        }
    }

    /// <summary>An instance whose positions were reserved must be numbered on from where the durable ones end.</summary>
    public void Refused(InstanceAppend append, AppendOutcome outcome) =>
        world.Fail($"instance {append.Instance}: an append of its only owner at {append.ExpectedTail + 1} was refused: {outcome}");

    private CallBook Book(string resource) =>
        calls.TryGetValue(resource, out var book) ? book : throw new InvalidOperationException($"{resource} has no creating entry");

    private void Fold(JournalEntry entry)
    {
        var fact = CallEntryCodec.Decode(entry.Version, entry.Payload.Span);
        world.Trace.Add($"durable {entry.ResourceId} {fact.GetType().Name}", entry.Payload.Span);
        if (!calls.TryGetValue(entry.ResourceId, out var book))
        {
            var born = CallDecider.Apply(null, fact);
            if (born.Id.ToString() != entry.ResourceId) world.Fail($"{entry.ResourceId}: its creating entry names {born.Id}");
            if (calls.Values.Any(call => call.State.Id.Instance == born.Id.Instance && call.State.Id.ProcessId >= born.Id.ProcessId))
                world.Fail($"{entry.ResourceId}: process ids of its instance do not rise");
            calls.Add(entry.ResourceId, new CallBook(born, fact));
            if (born.Permit is not null && world.Trunk.MaxCalls < calls.Values.Count(call => call.State is { Permit: not null, Phase: not CallPhase.Released }))
                world.Fail($"{entry.ResourceId}: more than {world.Trunk.MaxCalls} calls over the trunk");
            return;
        }
        book.Fold(fact, world);
    }

    private void Happened(StoredEvent happened)
    {
        world.Trace.Add($"event {happened.ResourceId} {happened.Sequence} {happened.Method} {Encoding.UTF8.GetString(happened.Params.Span)}");
        Book(happened.ResourceId).Happened(happened, world);
    }
}

/// <summary>One call in the books.</summary>
internal sealed class CallBook(CallState born, CallEntry first)
{
    private static readonly string[] ActionEvents = ["sys.call.on_play_completed", "sys.call.on_record_completed", "sys.call.on_send_dtmf_completed", "sys.call.on_receive_dtmf_completed"];
    private const int LateMillisMax = 10;
    private readonly int[] started = new int[4];
    private readonly int[] completed = new int[4];
    private readonly List<StoredEvent> events = [];

    public CallState State { get; private set; } = born;
    public CallEntry First { get; } = first;
    public string Id { get; } = born.Id.ToString();
    public IReadOnlyList<StoredEvent> Events => events;
    public int Records { get; set; }
    /// <summary>Its journal was dropped.</summary>
    public bool IsGone { get; set; }
    public bool WasAnswerRequested { get; private set; }
    public bool WasConfirmed { get; private set; }
    public bool WasDialAnswered { get; private set; }
    public CallReleased? Release { get; private set; }
    public int Starts => started.Sum();

    public int Count(string method) => events.Count(happened => happened.Method == method);

    public int StartsOf(string method) => started[KindOf(method)];

    public void Fold(CallEntry fact, SimulatedWorld world)
    {
        if (IsGone) world.Fail($"{Id}: {fact.GetType().Name} after its journal was dropped");
        if (State.Phase == CallPhase.Released && fact is not (Settled or CallReleased)) world.Fail($"{Id}: {fact.GetType().Name} after the release");
        if (fact.AtMillis < State.LastMillis) world.Fail($"{Id}: time goes back to {fact.AtMillis} from {State.LastMillis}");
        if (world.Plan.IsPunctual && CallDecider.NextDeadline(State, world.Plan.Calls) is { } due && fact.AtMillis > due + LateMillisMax)
            world.Fail($"{Id}: {fact.GetType().Name} {fact.AtMillis - due} ms after its limit");
        switch (fact)
        {
            case Constructed or Offered: world.Fail($"{Id}: created twice"); break;
            case AnswerRequested: WasAnswerRequested = true; break;
            case AnswerConfirmed: WasConfirmed = true; break;
            case DialAnswered: WasDialAnswered = true; break;
            case ActionStarted { Action: var action }: started[KindOf(CallEvents.CompletionOf(action))]++; break;
            case CallReleased release: Release = release; break;
        }
        State = CallDecider.Apply(State, fact);
    }

    public void Happened(StoredEvent happened, SimulatedWorld world)
    {
        var previous = events.Count == 0 ? null : events[^1].Method;
        events.Add(happened);
        if (happened.Sequence != events.Count) world.Fail($"{Id}: event {happened.Method} has number {happened.Sequence}, {events.Count} is next");
        if (happened.Application != State.Application) world.Fail($"{Id}: an event for {happened.Application}");
        var isInbound = State.Direction == CallDirection.Inbound;
        if (isInbound && events.Count == 1 != (happened.Method == "sys.call.on_incoming")) world.Fail($"{Id}: {happened.Method} as event {events.Count} of an inbound call");
        if (previous == "sys.on_chan_closed" || (previous == "sys.call.on_released" && happened.Method != "sys.on_chan_closed"))
            world.Fail($"{Id}: {happened.Method} after {previous}");
        if (happened.Method is "sys.call.on_ringing" or "sys.call.on_dial_completed" && isInbound) world.Fail($"{Id}: {happened.Method} of an inbound call");
        if (happened.Method == "sys.call.on_ringing" && Count("sys.call.on_dial_completed") > 0) world.Fail($"{Id}: ringing after the dialling was over");
        var kind = Array.IndexOf(ActionEvents, happened.Method);
        if (kind >= 0) completed[kind]++;
    }

    /// <summary>What holds after every append.</summary>
    public void Check(SimulatedWorld world)
    {
        var over = State.Phase == CallPhase.Released;
        for (var kind = 0; kind < ActionEvents.Length; kind++)
        {
            var running = State.Action is { } action && KindOf(CallEvents.CompletionOf(action)) == kind ? 1 : 0;
            if (started[kind] != completed[kind] + running)
                world.Fail($"{Id}: {started[kind]} starts, {completed[kind]} of {ActionEvents[kind]}, {running} running");
        }
        Exactly("sys.call.on_released", over ? 1 : 0, world);
        Exactly("sys.on_chan_closed", over ? 1 : 0, world);
        if (Records != (over ? 1 : 0)) world.Fail($"{Id}: {Records} call records, {(over ? "released" : "not released")}");
        if (Count("sys.call.on_ringing") > 1) world.Fail($"{Id}: rings twice");
        if (State.Direction == CallDirection.Outbound) Exactly("sys.call.on_dial_completed", over || WasDialAnswered ? 1 : 0, world);
        else Exactly("sys.call.on_answer_completed", WasAnswerRequested && (over || WasConfirmed) ? 1 : 0, world);
        if (events.Count != State.EventCount) world.Fail($"{Id}: {events.Count} events, its state counts {State.EventCount}");
    }

    private void Exactly(string method, int times, SimulatedWorld world)
    {
        if (Count(method) != times) world.Fail($"{Id}: {Count(method)} of {method}, not {times}, in {State.Phase}");
    }

    private static int KindOf(string completion) => Array.IndexOf(ActionEvents, completion);
}

/// <summary>Shows the books what the store underneath took.</summary>
internal sealed class BookkeepingStore(IJournalStore inner, Ledger ledger) : ForwardingJournalStore(inner)
{
    public override async ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default)
    {
        var outcomes = await base.AppendAsync(appends, cancellation);
        for (var i = 0; i < outcomes.Count; i++)
        {
            if (outcomes[i] == AppendOutcome.Accepted) ledger.Accepted(appends[i]);
            else ledger.Refused(appends[i], outcomes[i]);
        }
        return outcomes;
    }

    public override async ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances, CancellationToken cancellation = default)
    {
        var claims = await base.ClaimAsync(node, instances, cancellation);
        ledger.Claimed(claims);
        return claims;
    }
}
