using Cti.Calls.Call.Sagas;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Tests;

/// <summary>Runs commands on one conference as its actor would, and checks after each that the journal alone tells the same state.</summary>
internal sealed class ConferenceDriver
{
    public const string Id = "0.0.2-sys.conf-130";
    public const string Ann = "0.0.1-sys.call-65", Bob = "0.0.1-sys.call-129", Cid = "0.0.3-sys.call-195";

    private ConferenceState? _replayed;

    public ConferenceDriver(Func<ConstructConference, ConstructConference>? with = null)
    {
        var construct = new ConstructConference
        {
            Id = ResourceId.TryParse(Id, out var id) ? id : default, Application = "app", MaxSeconds = 3600, UserData = "mine",
        };
        Do(with?.Invoke(construct) ?? construct);
    }

    public ConferenceState State { get; private set; } = null!;
    public long Now { get; set; } = Some.Start;
    public List<ConferenceEntry> Journal { get; } = [];
    public List<ResourceEvent> Events { get; } = [];
    public List<ResourceEffect> Effects { get; } = [];

    public long? Deadline => ConferenceDecider.NextDeadline(State);

    public string[] Members => [.. State.Members.Select(member => member.Call)];

    public ConferenceDriver After(long millis)
    {
        Now += millis;
        return this;
    }

    public string[] AtDeadline()
    {
        Now = Deadline ?? throw new InvalidOperationException("nothing is due");
        return Trace(new TimeReached());
    }

    public ConferenceDecision Enter(string call, string? op = null) => Do(Entry(call, op));

    public ConferenceDecision Leave(string call, string? op = null) => Do(new MemberLeaves(op ?? $"op {call}", call));

    public static EnterAsked Entry(string call, string? op = null) => new() { Op = op ?? $"op {call}", Call = call, UserData = $"data {call}" };

    public ConferenceDecision Do(ResourceCommand command)
    {
        var decision = ConferenceDecider.Decide(State, command, Now, new CallSettings());
        if (decision.Refusal is not null)
        {
            decision.Entries.ShouldBeEmpty();
            decision.Effects.ShouldBeEmpty();
            return decision;
        }
        Effects.AddRange(decision.Effects);
        if (decision.Entries.IsEmpty)
        {
            decision.Events.ShouldBeEmpty();
            decision.State.ShouldBeSameAs(State, "without an entry nothing changes");
            return decision;
        }
        foreach (var entry in decision.Entries)
            _replayed = ConferenceDecider.Apply(_replayed, ConferenceEntryCodec.Decode(ConferenceEntryCodec.Version, ConferenceEntryCodec.Encode(entry)));
        State = decision.State!;
        System.Text.Json.JsonSerializer.Serialize(_replayed).ShouldBe(System.Text.Json.JsonSerializer.Serialize(State), "the journal alone tells the state");
        Journal.AddRange(decision.Entries);
        Events.AddRange(decision.Events);
        return decision;
    }

    /// <summary>What a command leads to: entries (+), events (!), effects (&gt;), in their orders.</summary>
    public string[] Trace(ResourceCommand command) => Format(Do(command));

    public static string[] Format(ConferenceDecision decision) => decision.Refusal is { } refusal
        ? [$"refused {refusal.Code}"]
        :
        [
            .. decision.Entries.Select(entry => $"+ {entry.GetType().Name}"),
            .. decision.Events.Select(happened => $"! {happened.Method} {CallDriver.Text(happened.Params)}"),
            .. decision.Effects.Select(effect => $"> {Format(effect)}"),
        ];

    private static string Format(ResourceEffect effect) => effect switch
    {
        ReplyResult reply => $"reply {CallDriver.Text(reply.Result)}",
        AnswerEntry answer => $"AnswerEntry {answer.Call} {answer.Op} {answer.Refusal?.Code}".TrimEnd(),
        PartMember part => $"PartMember {part.Call} {part.Op} {part.Error}".TrimEnd(),
        PlayEntrySound sound => $"PlayEntrySound {string.Join('|', sound.Files)}",
        StartConferenceSound start => $"StartConferenceSound {start.Number} {string.Join('|', start.Files)} loop={start.IsLoop}",
        CloseMix => "CloseMix",
        LeaveMedia leave => $"LeaveMedia {leave.Call}",
        HearChild child => $"HearChild {child.Child}",
        SetRingBack set => $"SetRingBack {set.On}",
        StopConferenceSound stop => $"StopConferenceSound {stop.Number}",
        StopMixRecord stop => $"StopMixRecord {stop.Number}",
        SetMemberMedia set => $"SetMemberMedia {set.Call} {set.VoiceMode} {set.Volume}".TrimEnd(),
        AnswerChild answer => $"AnswerChild {answer.Child} {answer.Refusal?.Code}".TrimEnd(),
        _ => effect.GetType().Name,
    };

    public static string Event(string method, string rest) => $$"""! sys.conf.{{method}} {"res_id":"{{Id}}",{{rest}}}""";
}
