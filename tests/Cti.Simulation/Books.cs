using System.Text.Json;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Conference;
using Cti.Calls.Extensions;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <summary>One resource in the books.</summary>
internal abstract class ResourceBook(ResourceId id)
{
    private readonly List<StoredEvent> _events = [];
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);

    public string Id { get; } = id.ToString();
    /// <summary>call, conf or flow.</summary>
    public string Kind { get; } = id.Module switch { Modules.Call => "call", Modules.Conference => "conf", _ => "flow" };
    /// <summary>What its durable entries add up to.</summary>
    public abstract ResourceState Resource { get; }
    public IReadOnlyList<StoredEvent> Events => _events;
    /// <summary>Call records.</summary>
    public int Records { get; set; }
    /// <summary>Its journal was dropped.</summary>
    public bool IsGone { get; set; }
    /// <summary>The events that end something, with the error codes that each may have, beside null.</summary>
    protected abstract IReadOnlyDictionary<string, Func<int, bool>> Completions { get; }
    protected abstract string ReleasedEvent { get; }

    /// <summary>Makes the book of a resource from its creating entry.</summary>
    public static ResourceBook Begin(JournalEntry entry, out string fact)
    {
        if (!ResourceId.TryParse(entry.ResourceId, out var id)) throw new InvalidOperationException($"{entry.ResourceId} is no resource id");
        switch (id.Module)
        {
            case Modules.Call:
                var born = CallEntryCodec.Decode(entry.Version, entry.Payload.Span);
                fact = born.GetType().Name;
                return new CallBook(CallDecider.Apply(null, born), born);
            case Modules.Conference:
                var made = ConferenceEntryCodec.Decode(entry.Version, entry.Payload.Span);
                fact = made.GetType().Name;
                return new ConferenceBook(ConferenceDecider.Apply(null, made));
            case Modules.NotifyCall or Modules.CaptchaCall or Modules.DuoCallback:
                var begun = FlowEntryCodec.Decode(entry.Version, entry.Payload.Span);
                fact = begun.GetType().Name;
                return new FlowBook(FlowDecider.Apply(null, begun));
            default:
                throw new InvalidOperationException($"{entry.ResourceId}: a module without books");
        }
    }

    public int Count(string method) => _counts.GetValueOrDefault(method);

    /// <summary>Folds an entry; answers its name.</summary>
    public abstract string Fold(JournalEntry entry, VirtualWorld world);

    public virtual void Happened(StoredEvent happened, VirtualWorld world)
    {
        var previous = _events.Count == 0 ? null : _events[^1].Method;
        _events.Add(happened);
        _counts[happened.Method] = Count(happened.Method) + 1;
        if (happened.Sequence != _events.Count) world.Fail($"{Id}: event {happened.Method} has number {happened.Sequence}, {_events.Count} is next");
        if (happened.Application != Resource.Application) world.Fail($"{Id}: an event for {happened.Application}");
        if (previous == "sys.on_chan_closed" || (previous == ReleasedEvent && happened.Method != "sys.on_chan_closed"))
            world.Fail($"{Id}: {happened.Method} after {previous}");
        if (Completions.TryGetValue(happened.Method, out var allows) && ErrorOf(happened) is { } error && !allows(error))
            world.Fail($"{Id}: {happened.Method} with error {error}");
    }

    /// <summary>What holds after every append.</summary>
    public abstract void Check(VirtualWorld world);

    protected void CheckEntry(ResourceEntry fact, long lastMillis, VirtualWorld world)
    {
        if (IsGone) world.Fail($"{Id}: {fact.GetType().Name} after its journal was dropped");
        if (fact.AtMillis < lastMillis) world.Fail($"{Id}: time goes back to {fact.AtMillis} from {lastMillis}");
    }

    protected void Exactly(string method, int times, VirtualWorld world)
    {
        if (Count(method) != times) world.Fail($"{Id}: {Count(method)} of {method}, not {times}, in {Resource.StateName(Cti.Contract.ApiGeneration.V2)}");
    }

    /// <summary>The code of an event's error.</summary>
    private static int? ErrorOf(StoredEvent happened)
    {
        using var json = JsonDocument.Parse(happened.Params);
        return json.RootElement.GetProperty("error") is { ValueKind: JsonValueKind.Object } error ? error.GetProperty("code").GetInt32() : null;
    }
}

/// <summary>One call in the books.</summary>
internal sealed class CallBook(CallState born, CallEntry first) : ResourceBook(born.Id)
{
    public const string Connected = "sys.call.on_connect_completed";
    public const string LeftConference = "sys.call.on_conf_completed";
    public const string Transferred = "sys.call.on_refer_completed";

    private static readonly string[] ActionEvents =
    [
        "sys.call.on_play_completed", "sys.call.on_record_completed", "sys.call.on_send_dtmf_completed", "sys.call.on_receive_dtmf_completed",
    ];

    private static readonly Dictionary<string, Func<int, bool>> Errors = new(StringComparer.Ordinal)
    {
        ["sys.call.on_play_completed"] = static error => error is 404 or 410 or 415 or 487 or 500 or 503,
        ["sys.call.on_record_completed"] = static error => error is 408 or 410 or 487 or 500 or 503,
        ["sys.call.on_send_dtmf_completed"] = static error => error is 410 or 500 or 503,
        ["sys.call.on_receive_dtmf_completed"] = static error => error is 404 or 408 or 410 or 415 or 500 or 503,
        [Connected] = static error => error is 410 or 500 or 503,
        [LeftConference] = static error => error is 410 or 500 or 503,
        ["sys.call.on_answer_completed"] = static error => error is 408 or 410 or 487 or 488 or 503,
        ["sys.call.on_dial_completed"] = static error => error is >= 300 and < 700,
        [Transferred] = static error => error is >= 300 and < 700,
    };

    /// <summary>After a takeover the far end is told at once; past that nobody has, for glare and a repetition are over long before.</summary>
    private const int InterruptedMillisMax = 10_000;
    private readonly int[] _started = new int[4];
    private long _recoveredMillis;

    public CallState State { get; private set; } = born;
    public override ResourceState Resource => State;
    public CallEntry First { get; } = first;
    public bool WasAnswerRequested { get; private set; }
    public bool WasConfirmed { get; private set; }
    public bool WasDialAnswered { get; private set; }
    public CallReleased? Release { get; private set; }
    /// <summary>Its parent refused it: the application never had it.</summary>
    public bool WasWithdrawn { get; private set; }
    /// <summary>Bridges that began with this call as the first party.</summary>
    public int BridgeStarts { get; private set; }
    /// <summary>A bridge of it waited for its recording: a second connect_stop then changed nothing.</summary>
    public bool WaitedForBridge { get; private set; }
    /// <summary>Conferences that it entered.</summary>
    public int Entries { get; private set; }
    /// <summary>Transfers that its far end was asked for.</summary>
    public int Referrals { get; private set; }
    public int Starts => _started.Sum() + BridgeStarts + Entries + Referrals;

    protected override IReadOnlyDictionary<string, Func<int, bool>> Completions => Errors;
    protected override string ReleasedEvent => "sys.call.on_released";

    public int StartsOf(string completion) => completion switch
    {
        Connected => BridgeStarts,
        LeftConference => Entries,
        Transferred => Referrals,
        _ => _started[KindOf(completion)],
    };

    public override string Fold(JournalEntry entry, VirtualWorld world)
    {
        var fact = CallEntryCodec.Decode(entry.Version, entry.Payload.Span);
        CheckEntry(fact, State.LastMillis, world);
        if (State.Phase == CallPhase.Released && !MayFollowRelease(fact)) world.Fail($"{Id}: {fact.GetType().Name} after the release");
        if (CallDecider.NextDeadline(State, world.Plan.Calls) is { } due && world.LatestFor(State.Id.Instance, due) is { } latest && fact.AtMillis > latest)
            world.Fail($"{Id}: {fact.GetType().Name} {fact.AtMillis - due} ms after its limit");
        switch (fact)
        {
            case Constructed or Offered: world.Fail($"{Id}: created twice"); break;
            case AnswerRequested: WasAnswerRequested = true; break;
            case AnswerConfirmed: WasConfirmed = true; break;
            case DialAnswered: WasDialAnswered = true; break;
            case ActionStarted { Action: var action }: _started[KindOf(CallEvents.CompletionOf(action))]++; break;
            case BridgeBegan { Bridge: { IsFirst: true, Stage: BridgeStage.Connected } } when State.Bridge is not { Stage: BridgeStage.Connected }:
                BridgeStarts++;
                break;
            case BridgeBegan { Bridge.Stage: BridgeStage.Ending }: WaitedForBridge = true; break;
            case SeatTaken { Seat.Stage: SeatStage.Entered } when State.Seat is not { Stage: SeatStage.Entered }: Entries++; break;
            case ReferralMoved when State.Referral is null: Referrals++; break;
            case Recovered taken:
                _recoveredMillis = taken.AtMillis;
                if (taken.Dialog.LocalCSeq < State.Dialog!.LocalCSeq + Limits.SipCSeqReserve)
                    world.Fail($"{Id}: taken over with CSeq {taken.Dialog.LocalCSeq} after {State.Dialog.LocalCSeq}, which the dead node may have used");
                break;
            case CallReleased release:
                CheckFarEndWasTold(release, world);
                Release ??= release;
                WasWithdrawn = State.Parent?.Stage == ParentStage.Asked;
                break;
        }
        State = CallDecider.Apply(State, fact);
        return fact.GetType().Name;
    }

    public override void Happened(StoredEvent happened, VirtualWorld world)
    {
        base.Happened(happened, world);
        if (State.Owner is not null)
        {
            if (happened.Method != "sys.on_chan_closed") world.Fail($"{Id}: {happened.Method} of a call that {State.Owner} drives");
            return;
        }
        var isInbound = State.Direction == CallDirection.Inbound;
        if (isInbound && Events.Count == 1 != (happened.Method == "sys.call.on_incoming"))
            world.Fail($"{Id}: {happened.Method} as event {Events.Count} of an inbound call");
        if (happened.Method is "sys.call.on_ringing" or "sys.call.on_dial_completed" && isInbound) world.Fail($"{Id}: {happened.Method} of an inbound call");
        if (happened.Method == "sys.call.on_ringing" && Count("sys.call.on_dial_completed") > 0) world.Fail($"{Id}: ringing after the dialling was over");
    }

    public override void Check(VirtualWorld world)
    {
        var over = State.Phase == CallPhase.Released && !WasWithdrawn;
        Exactly("sys.on_chan_closed", over ? 1 : 0, world);
        if (Records != (over ? 1 : 0)) world.Fail($"{Id}: {Records} call records, {(over ? "released" : "not released")}");
        if (Events.Count != State.EventCount) world.Fail($"{Id}: {Events.Count} events, its state counts {State.EventCount}");
        // What an owned call has to tell, it tells its owner.
        if (State.Owner is not null) return;
        for (var kind = 0; kind < ActionEvents.Length; kind++)
        {
            var running = State.Action is { } action && KindOf(CallEvents.CompletionOf(action)) == kind ? 1 : 0;
            if (_started[kind] != Count(ActionEvents[kind]) + running)
                world.Fail($"{Id}: {_started[kind]} starts, {Count(ActionEvents[kind])} of {ActionEvents[kind]}, {running} running");
        }
        var bridged = State.Bridge is { IsFirst: true, Stage: BridgeStage.Connected or BridgeStage.Ending } ? 1 : 0;
        if (BridgeStarts != Count(Connected) + bridged) world.Fail($"{Id}: {BridgeStarts} bridges began, {Count(Connected)} of {Connected}, {bridged} up");
        var seated = State.Seat is { Stage: SeatStage.Entered } ? 1 : 0;
        if (Entries != Count(LeftConference) + seated)
            world.Fail($"{Id}: entered {Entries} conferences, {Count(LeftConference)} of {LeftConference}, in {seated}");
        Exactly(Transferred, Referrals - (State.Referral is null ? 0 : 1), world);
        Exactly("sys.call.on_released", over ? 1 : 0, world);
        if (Count("sys.call.on_ringing") > 1) world.Fail($"{Id}: rings twice");
        if (State.Direction == CallDirection.Outbound) Exactly("sys.call.on_dial_completed", over || WasDialAnswered ? 1 : 0, world);
        else Exactly("sys.call.on_answer_completed", WasAnswerRequested && (over || WasConfirmed) ? 1 : 0, world);
    }

    /// <summary>A far end whose own offer went to a dead node refuses every other with 491 until that times out.</summary>
    private void CheckFarEndWasTold(CallReleased release, VirtualWorld world)
    {
        if (State is not { IsUp: true, InterruptedMillis: not null } || !world.Plan.IsReachable || release.AtMillis - _recoveredMillis <= InterruptedMillisMax)
            return;
        if (world.Phones.SelectMany(static phone => phone.Calls)
            .Any(far => far.CallId == State.SipCallId && far is { Phase: PeerPhase.Up, HasOpenOffer: false }))
            world.Fail($"{Id}: released {release.AtMillis - _recoveredMillis} ms after it was taken over, and its far end was never told");
    }

    /// <summary>What a flow is told of its call's release follows it, that it heard comes last; both of an owned call only, and once.</summary>
    private bool MayFollowRelease(CallEntry fact) => fact switch
    {
        Settled or CallReleased => true,
        OwnerTold told =>
            State.Owner is not null && told.Notice.Number == State.NoticeCount + 1 && State.Notices is not [.., { Method: "sys.call.on_released" }],
        OwnerHeard => State.Owner is not null && !State.Notices.IsEmpty,
        _ => false,
    };

    private static int KindOf(string completion) => Array.IndexOf(ActionEvents, completion);
}

/// <summary>One ready-made flow in the books.</summary>
internal sealed class FlowBook(FlowState born) : ResourceBook(born.Id)
{
    private static readonly Func<int, bool> AnyFailure = static error => error is >= 300 and < 700;

    private readonly Dictionary<string, Func<int, bool>> _errors = new(StringComparer.Ordinal)
    {
        [$"{born.Id.Module}.on_released"] = AnyFailure,
        ["ext.duo_callback.on_dial1_completed"] = AnyFailure,
        ["ext.duo_callback.on_dial2_completed"] = AnyFailure,
    };

    public FlowState State { get; private set; } = born;
    public override ResourceState Resource => State;

    protected override IReadOnlyDictionary<string, Func<int, bool>> Completions => _errors;
    protected override string ReleasedEvent => $"{State.Id.Module}.on_released";

    public override string Fold(JournalEntry entry, VirtualWorld world)
    {
        var fact = FlowEntryCodec.Decode(entry.Version, entry.Payload.Span);
        CheckEntry(fact, State.LastMillis, world);
        if (fact is FlowBegan) world.Fail($"{Id}: created twice");
        if (State.WasReleased) world.Fail($"{Id}: {fact.GetType().Name} after the release");
        if (fact is FlowEnding && State.End is not null) world.Fail($"{Id}: its end is decided twice");
        if (fact is FlowReleased) CheckParties(world);
        State = FlowDecider.Apply(State, fact);
        return fact.GetType().Name;
    }

    public override void Check(VirtualWorld world)
    {
        Exactly(ReleasedEvent, State.WasReleased ? 1 : 0, world);
        if (Events.Count != State.EventCount) world.Fail($"{Id}: {Events.Count} events, its state counts {State.EventCount}");
        if (State.Spec is not DuoSpec) return;
        Exactly("ext.duo_callback.on_dial1_completed", State.First.Stage == PartyStage.Calling ? 0 : 1, world);
        Exactly("ext.duo_callback.on_dial2_started", State.Second!.Stage == PartyStage.Waiting ? 0 : 1, world);
        Exactly("ext.duo_callback.on_dial2_completed", State.Second!.Stage is PartyStage.Waiting or PartyStage.Calling ? 0 : 1, world);
    }

    /// <summary>It is released last: when its calls are.</summary>
    private void CheckParties(VirtualWorld world)
    {
        if (world.HasCrashed) return;
        foreach (var call in new[] { State.First.Call, State.Second?.Call })
        {
            if (call is not null && world.Ledger.Find<CallBook>(call)?.State is not { IsReleased: true })
                world.Fail($"{Id} is released, its call {call} is not");
        }
    }
}

/// <summary>One conference in the books.</summary>
internal sealed class ConferenceBook(ConferenceState born) : ResourceBook(born.Id)
{
    private const string Played = "sys.conf.on_play_completed";
    private const string Recorded = "sys.conf.on_record_completed";

    private static readonly Dictionary<string, Func<int, bool>> Errors = new(StringComparer.Ordinal)
    {
        [Played] = static error => error is 404 or 410 or 415 or 500 or 503,
        [Recorded] = static error => error is 408 or 410 or 487 or 500 or 503,
    };

    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _talking = new(StringComparer.Ordinal);
    private int _plays;
    private int _recordings;

    public ConferenceState State { get; private set; } = born;
    public override ResourceState Resource => State;

    /// <summary>How often each call was told to have left.</summary>
    public Dictionary<string, int> Exits { get; } = new(StringComparer.Ordinal);

    protected override IReadOnlyDictionary<string, Func<int, bool>> Completions => Errors;
    protected override string ReleasedEvent => "sys.conf.on_released";

    public override string Fold(JournalEntry entry, VirtualWorld world)
    {
        var fact = ConferenceEntryCodec.Decode(entry.Version, entry.Payload.Span);
        CheckEntry(fact, State.LastMillis, world);
        if (fact is ConferenceMade) world.Fail($"{Id}: created twice");
        if (State.WasReleased) world.Fail($"{Id}: {fact.GetType().Name} after the release");
        if (ConferenceDecider.NextDeadline(State) is { } due && world.LatestFor(State.Id.Instance, due) is { } latest && fact.AtMillis > latest)
            world.Fail($"{Id}: {fact.GetType().Name} {fact.AtMillis - due} ms after its limit");
        if (fact is PlayBegan) _plays++;
        if (fact is RecordingSet { Recording: var recording } && recording.Number != State.Recording?.Number) _recordings++;
        State = ConferenceDecider.Apply(State, fact);
        return fact.GetType().Name;
    }

    public override void Happened(StoredEvent happened, VirtualWorld world)
    {
        base.Happened(happened, world);
        if (happened.Method is not ("sys.conf.on_entered" or "sys.conf.on_exited" or "sys.conf.on_talker")) return;
        using var json = JsonDocument.Parse(happened.Params);
        var call = json.RootElement.GetProperty("call_res_id").GetString()!;
        switch (happened.Method)
        {
            case "sys.conf.on_entered":
                if (!_told.Add(call)) world.Fail($"{Id}: {call} enters and is in already");
                break;
            case "sys.conf.on_exited":
                if (!_told.Remove(call)) world.Fail($"{Id}: {call} leaves and is not in");
                if (_talking.GetValueOrDefault(call)) world.Fail($"{Id}: {call} leaves and talks on");
                Exits[call] = Exits.GetValueOrDefault(call) + 1;
                break;
            default:
                var now = json.RootElement.GetProperty("talking").GetBoolean();
                if (_talking.GetValueOrDefault(call) == now) world.Fail($"{Id}: {call} is told twice to be talking: {now}");
                _talking[call] = now;
                break;
        }
    }

    public override void Check(VirtualWorld world)
    {
        Exactly(ReleasedEvent, State.WasReleased ? 1 : 0, world);
        if (Events.Count != State.EventCount) world.Fail($"{Id}: {Events.Count} events, its state counts {State.EventCount}");
        if (!_told.SetEquals(State.Members.Select(static member => member.Call)))
            world.Fail($"{Id}: by its events {string.Join(", ", _told)} are in, by its journal "
                + $"{string.Join(", ", State.Members.Select(static member => member.Call))}");
        if (_plays != Count(Played) + (State.Play is null ? 0 : 1)) world.Fail($"{Id}: {_plays} plays, {Count(Played)} of {Played}");
        if (_recordings != Count(Recorded) + (State.Recording is null ? 0 : 1)) world.Fail($"{Id}: {_recordings} recordings, {Count(Recorded)} of {Recorded}");
    }
}
