using System.Text;
using System.Text.Json;
using Cti.Calls.Call;
using Cti.Calls.Extensions;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests.Extensions;

/// <summary>Runs commands on one flow as its actor would, and checks after each that the journal alone tells the same state.</summary>
internal sealed class FlowDriver
{
    internal const string Call1 = "0.0.7-sys.call-131", Call2 = "0.0.7-sys.call-195";

    private FlowState? _replayed;

    public FlowState? State { get; private set; }
    public long Now { get; set; } = Some.Start;
    public List<ResourceEvent> Events { get; } = [];

    public FlowDecision Do(ResourceCommand command)
    {
        var decision = FlowDecider.Decide(State, command, Now, new CallSettings());
        if (decision.Refusal is not null)
        {
            decision.Entries.ShouldBeEmpty();
            decision.Events.ShouldBeEmpty();
            decision.Effects.ShouldBeEmpty();
            return decision;
        }
        foreach (var entry in decision.Entries)
            _replayed = FlowDecider.Apply(_replayed, FlowEntryCodec.Decode(FlowEntryCodec.Version, FlowEntryCodec.Encode(entry)));
        State = decision.State;
        JsonSerializer.Serialize(_replayed).ShouldBe(JsonSerializer.Serialize(State), "the journal alone tells the state");
        Events.AddRange(decision.Events);
        return decision;
    }

    /// <summary>A process dies: what it had not made durable is forgotten.</summary>
    public void GoBackTo(FlowState? durable, int events)
    {
        (State, _replayed) = (durable, durable);
        Events.RemoveRange(events, Events.Count - events);
    }

    /// <summary>What a command leads to: events (!) and effects (&gt;), in their orders.</summary>
    public string[] Trace(ResourceCommand command) => Format(Do(command));

    public FlowDriver After(long millis)
    {
        Now += millis;
        return this;
    }

    /// <summary>The construct of a party's call is answered.</summary>
    public string[] Made(int party) => Trace(Constructed(party));

    public string[] Answered(int party) =>
        Trace(Told(party, "on_dial_completed", $"\"error\":null,\"begin_time\":1,\"answer_time\":{Now / 1000},\"end_time\":{Now / 1000}"));

    public string[] NotAnswered(int party, int code) =>
        Trace(Told(party, "on_dial_completed", $$""" "error":{"code":{{code}},"message":"why"},"begin_time":1,"answer_time":null,"end_time":{{Now / 1000}}"""));

    public string[] Completed(int party, string method, int? code = null, string more = "") =>
        Trace(Told(party, method,
            (code is null ? "\"error\":null" : $$"""  "error":{"code":{{code}},"message":"why"}""") + $",\"begin_time\":1,\"end_time\":{Now / 1000}{more}"));

    public string[] Released(int party, string droppedBy) => Trace(Told(party, "on_released", $"\"end_time\":{Now / 1000},\"dropped_by\":\"{droppedBy}\""));

    public string[] Accepted(FlowAsk what, int party = 1) => Trace(new OwnedReplied(party, what, "null"u8.ToArray(), null));

    public string[] Refused(FlowAsk what, RpcError refusal, int party = 1) => Trace(new OwnedReplied(party, what, default, refusal));

    public static OwnedReplied Constructed(int party) => new(party, FlowAsk.Construct,
        Encoding.UTF8.GetBytes($$"""{"res_id":"{{(party == 1 ? Call1 : Call2)}}","to_uri":"sip:{{party}}@b.example","user_data":null}"""), null);

    private static OwnedHappened Told(int party, string method, string members) =>
        new(party == 1 ? Call1 : Call2, "sys.call." + method, Encoding.UTF8.GetBytes($"{{{members}}}"));

    public static string[] Format(FlowDecision decision)
    {
        if (decision.Refusal is { } refusal) return [$"refused {refusal.Code}"];
        return [
            .. decision.Events.Select(static happened => $"! {happened.Sequence} {happened.Method} {Encoding.UTF8.GetString(happened.Params.Span)}"),
            .. decision.Effects.Select(static effect => "> " + Format(effect))];
    }

    private static string Format(ResourceEffect effect) => effect switch
    {
        CallParty call => $"call {call.Party}",
        ConfirmOwned confirm => $"confirm {confirm.Call} {confirm.Number}",
        ReplyResult reply => $"reply {Encoding.UTF8.GetString(reply.Result.Span)}",
        AbandonOwned abandon => $"abandon {abandon.Call}",
        AskOwned { Request: DropCall drop } ask => $"{ask.Party} drop {drop.Cause}",
        AskOwned { Request: StartPlay play } ask => $"{ask.Party} play {string.Join('|', play.Files)} x{play.Repeat}",
        AskOwned { Request: StartReceiveKeys receive } ask => $"{ask.Party} receive {receive.Spec.MaxKeys}",
        AskOwned { Request: StartConnect connect } ask =>
            $"{ask.Party} connect {connect.Peer} {connect.Spec.MaxSeconds} {connect.Spec.RecordPath}{(connect.Spec.AppendsRecording ? " on" : "")}",
        AskOwned { Request: StartSideRecord record } ask => $"{ask.Party} record {record.FullPath} {record.Format}",
        AskOwned { Request: StopSideRecord } ask => $"{ask.Party} stop recording",
        _ => effect.GetType().Name,
    };
}

/// <summary>Flows at their beginnings.</summary>
internal static class SomeFlow
{
    internal const string NotifyId = "0.0.7-ext.notify_call-66", CaptchaId = "0.0.7-ext.captcha_call-66", DuoId = "0.0.7-ext.duo_callback-66";

    internal const string Process = """{"process_id":66}""";

    internal static NotifySpec Notify => new()
    {
        First = new PartySpec("1001", ["sip:1@b.example"], "mine"), MaxRingSeconds = 50,
        Content = [new PlayElement(0, "a.wav", ""), new PlayElement(0, "b.wav", "")],
        Files = ["a.wav", "b.wav"], Repeat = 1,
    };

    internal static CaptchaSpec Captcha => new()
    {
        First = new PartySpec(null, ["sip:1@b.example", "sip:1@c.example"], "mine"), MaxRingSeconds = 50, Keys = Some.Keys with { Files = ["enter.wav"] },
        Content = [new PlayElement(0, "enter.wav", "")],
    };

    internal static DuoSpec Duo => new()
    {
        First = new PartySpec("1001", ["sip:1@b.example"], "one"), Second = new PartySpec(null, ["sip:2@b.example"], "two"), MaxRingSeconds = 50,
        MaxConnectSeconds = 600,
    };

    internal static FlowDriver Begin(FlowSpec spec)
    {
        var flow = new FlowDriver();
        flow.Do(BeginOf(spec));
        return flow;
    }

    internal static BeginFlow BeginOf(FlowSpec spec)
    {
        ResourceId.TryParse(spec switch { NotifySpec => NotifyId, CaptchaSpec => CaptchaId, _ => DuoId }, out var id).ShouldBeTrue();
        return new BeginFlow(id, "app", spec, "sip:1@b.example");
    }
}
