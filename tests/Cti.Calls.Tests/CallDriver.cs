using System.Text;
using System.Text.Json;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;

namespace Cti.Calls.Tests;

/// <summary>Runs commands on one call as its actor would, and checks after each that the journal alone tells the same state.</summary>
internal sealed class CallDriver(CallSettings? settings = null)
{
    private CallState? _replayed;

    public CallState? State { get; private set; }
    public CallSettings Settings { get; } = settings ?? new CallSettings();
    public long Now { get; set; } = Some.Start;
    public List<CallEntry> Journal { get; } = [];
    public List<ResourceEvent> Events { get; } = [];
    public List<ResourceEffect> Effects { get; } = [];
    public List<ReadOnlyMemory<byte>> CallRecords { get; } = [];

    /// <summary>Whether every decision is made twice and compared.</summary>
    public bool DecidesTwice { get; init; } = true;

    public CallPhase Phase => State!.Phase;

    public long? Deadline => CallDecider.NextDeadline(State!, Settings);

    public CallDriver After(long millis)
    {
        Now += millis;
        return this;
    }

    /// <summary>Lets time pass to the next deadline and reports it.</summary>
    public string[] AtDeadline()
    {
        Now = Deadline ?? throw new InvalidOperationException("nothing is due");
        return Trace(new TimeReached());
    }

    /// <summary>Decides, applies and checks.</summary>
    public CallDecision Do(ResourceCommand command)
    {
        var decision = CallDecider.Decide(State, command, Now, Settings);
        if (DecidesTwice)
        {
            var again = CallDecider.Decide(State, command, Now, Settings);
            Format(again).ShouldBe(Format(decision), "a decision is a function of state, command and time");
        }
        if (decision.Refusal is not null)
        {
            decision.Entries.ShouldBeEmpty();
            decision.Events.ShouldBeEmpty();
            decision.Effects.ShouldBeEmpty();
            return decision;
        }
        if (decision.Entries.IsEmpty)
        {
            decision.State.ShouldBeSameAs(State, "without an entry nothing changes");
            Effects.AddRange(decision.Effects);
            return decision;
        }
        foreach (var entry in decision.Entries)
        {
            var bytes = CallEntryCodec.Encode(entry);
            _replayed = CallDecider.Apply(_replayed, CallEntryCodec.Decode(CallEntryCodec.Version, bytes));
        }
        State = decision.State;
        Describe(_replayed).ShouldBe(Describe(State), "the journal alone tells the state");
        Journal.AddRange(decision.Entries);
        Events.AddRange(decision.Events);
        Effects.AddRange(decision.Effects);
        if (!decision.CallRecord.IsEmpty) CallRecords.Add(decision.CallRecord);
        return decision;
    }

    /// <summary>A process dies: what it had not made durable is forgotten.</summary>
    public void GoBackTo(CallState? durable, int events)
    {
        (State, _replayed) = (durable, durable);
        Events.RemoveRange(events, Events.Count - events);
    }

    /// <summary>What a command leads to, a line each: entries (+), events (!), effects (&gt;), in their orders.</summary>
    public string[] Trace(ResourceCommand command) => Format(Do(command));

    /// <summary>Puts the call into a state that this version's commands do not reach.</summary>
    public void Force(CallPhase phase)
    {
        var dialling = phase == CallPhase.Dial
            ? new ChildDialling { Child = "0.0.2-sys.call-194", Stage = DiallingStage.Calling, RingBack = new RingBackSpec(null, 0) }
            : null;
        State = State! with { Dialling = dialling };
        _replayed = _replayed! with { Dialling = dialling };
    }

    public static string Describe(CallState? state) => JsonSerializer.Serialize(state);

    public static string[] Format(CallDecision decision)
    {
        if (decision.Refusal is { } refusal) return [$"refused {refusal.Code}"];
        var lines = new List<string>();
        foreach (var entry in decision.Entries) lines.Add($"+ {entry.GetType().Name}");
        foreach (var happened in decision.Events) lines.Add($"! {happened.Sequence} {happened.Method} {Text(happened.Params)}");
        foreach (var effect in decision.Effects) lines.Add($"> {Format(effect)}");
        return [.. lines];
    }

    public static string Format(ResourceEffect effect) => effect switch
    {
        SendRefusal refusal => $"SendRefusal {refusal.Status}{(refusal.Contact is null ? "" : " " + refusal.Contact)}",
        SendBye bye => $"SendBye {bye.Cause}",
        ConfigureMedia configure => $"ConfigureMedia {configure.Audio.RemoteAddress}:{configure.Audio.RemotePort}",
        StartMediaPlay play => $"StartMediaPlay {play.Number} {string.Join('|', play.Files)} x{play.Repeat}",
        StopMediaPlay stop => $"StopMediaPlay {stop.Number}",
        StartMediaRecord record => $"StartMediaRecord {record.Number} {record.FullPath} {record.Format} beep={record.Beep}",
        StopMediaRecord stop => $"StopMediaRecord {stop.Number}",
        StartMediaKeys keys => $"StartMediaKeys {keys.Number} {keys.Keys}",
        ReplyResult reply => $"reply {Text(reply.Result)}",
        _ => effect.GetType().Name,
    };

    public static string Text(ReadOnlyMemory<byte> utf8) => Encoding.UTF8.GetString(utf8.Span);

    /// <summary>An event as <see cref="Trace"/> shows it.</summary>
    public static string Event(int sequence, string method, string rest) => $$"""! {{sequence}} {{method}} {"res_id":"{{Some.Id}}",{{rest}}}""";

    /// <summary>The event of the call record as <see cref="Trace"/> shows it.</summary>
    public string Closed(int sequence) => $$"""! {{sequence}} sys.on_chan_closed {"data":{{Text(CallRecords[^1])}}}""";
}
