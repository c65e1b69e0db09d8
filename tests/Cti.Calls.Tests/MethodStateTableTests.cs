using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests;

/// <summary>Every method in every state, for both directions and both generations.</summary>
public sealed class MethodStateTableTests
{
    private static readonly string[] Up = ["Idle", "Play", "Record", "SendDtmf", "ReceiveDtmf", "Dial", "Connect", "Conf"];

    /// <summary>The states in which the contract allows a method on a call of that direction; null for all.</summary>
    private static string[]? Allowed(string method, CallDirection direction, ApiGeneration generation) => method switch
    {
        "sys.call.answer" or "sys.call.reject" or "sys.call.redirect" => ["Initiated"],
        "sys.call.drop" => direction == CallDirection.Inbound && generation == ApiGeneration.V2 ? Up : null,
        "sys.call.nop" => null,
        "sys.call.play_start" or "sys.call.record_start" or "sys.call.send_dtmf_start" or "sys.call.receive_dtmf_start" or "sys.call.connect_start" => ["Idle"],
        "sys.call.connect_stop" => ["Connect"],
        "sys.call.conf_enter" => generation == ApiGeneration.V1 ? ["Idle"] : ["Ring", "Idle", "Play", "Dial"],
        "sys.call.conf_exit" => ["Conf"],
        "sys.call.refer" or "sys.call.refer_accept" or "sys.call.refer_reject" or "sys.call.refer_notify" => Up,
        "sys.call.play_stop" => ["Play"],
        "sys.call.record_stop" => ["Record"],
        "sys.call.stop_receive_dtmf_start" => ["ReceiveDtmf"],
        _ => throw new ArgumentOutOfRangeException(nameof(method), method, "not in the contract's table"),
    };

    private static bool OnlyInbound(string method) => method is "sys.call.answer" or "sys.call.reject" or "sys.call.redirect";

    public static TheoryData<string, ApiGeneration> Cases
    {
        get
        {
            var cases = new TheoryData<string, ApiGeneration>();
            foreach (var request in Some.Requests)
            {
                foreach (var generation in Enum.GetValues<ApiGeneration>()) cases.Add(request.Method, generation);
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_method_is_accepted_or_refused_with_the_states_that_allow_it(string method, ApiGeneration generation)
    {
        var request = Some.Requests.Single(candidate => candidate.Method == method) with { Generation = generation };
        foreach (var (phase, direction) in Some.Situations)
        {
            var call = Some.In(phase, direction);
            Some.Prepare(call, request);
            var before = CallDriver.Describe(call.State);
            var decision = call.Do(request);
            var where = $"{method} in {phase}, {direction}, {generation}";
            if (phase == CallPhase.Released)
            {
                decision.Refusal.ShouldNotBeNull(where).Code.ShouldBe(404, where);
                decision.Refusal!.Data!["res_id"].ShouldBe(Some.Id, where);
                continue;
            }
            var allowed = Allowed(method, direction, generation);
            var accepted = (allowed is null || allowed.Contains(phase.ToString())) && (direction == CallDirection.Inbound || !OnlyInbound(method));
            if (accepted)
            {
                decision.Refusal.ShouldBeNull(where);
                // What needs another resource is answered when that has answered.
                decision.Effects.Count(effect => effect is ReplyResult or AskJoin or AskEntry).ShouldBe(1, where);
                continue;
            }
            var refusal = decision.Refusal.ShouldNotBeNull(where);
            refusal.Code.ShouldBe(ErrorCodes.Conflict, where);
            refusal.Data!["state"].ShouldBe(generation == ApiGeneration.V1 && phase == CallPhase.Ring ? "Initiated" : phase.ToString(), where);
            refusal.Data["allowed"].ShouldBeOfType<string[]>().ShouldBe(allowed, where);
            CallDriver.Describe(call.State).ShouldBe(before, where);
        }
    }

    [Fact]
    public void The_table_holds_every_request_that_there_is()
    {
        // No application asks for a recording beside everything else.
        var known = typeof(ResourceRequest).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(ResourceRequest)) && type.Namespace == typeof(CallState).Namespace)
            .Except([typeof(StartSideRecord), typeof(StopSideRecord)]).Select(type => type.Name).Order();
        Some.Requests.Select(request => request.GetType().Name).Order().ShouldBe(known);
    }

    [Fact]
    public void An_outbound_call_that_is_told_to_answer_says_that_it_is_outbound()
    {
        var refusal = Some.In(CallPhase.Initiated, CallDirection.Outbound).Do(new AnswerCall(60, null)).Refusal!;
        refusal.Message.ShouldBe("sys.call.answer is for inbound calls in state Initiated; this call is outbound");
    }

    [Fact]
    public void What_is_accepted_leads_to_the_documented_state()
    {
        foreach (var (request, phase) in new (ResourceRequest, CallPhase)[]
        {
            (Some.Play, CallPhase.Play), (Some.Record, CallPhase.Record), (Some.SendKeys, CallPhase.SendDtmf), (Some.ReceiveKeys, CallPhase.ReceiveDtmf),
            (Some.Connect, CallPhase.Connect),
            (Some.Enter, CallPhase.Conf),
        })
        {
            var call = Some.In(CallPhase.Idle);
            call.Do(request);
            call.Phase.ShouldBe(phase);
        }
    }

    [Fact]
    public void A_creating_command_for_a_call_that_exists_is_a_bug_and_any_other_for_one_that_does_not()
    {
        var state = Some.In(CallPhase.Idle).State;
        Should.Throw<InvalidOperationException>(() => CallDecider.Decide(state, Some.Construct, Some.Start, new CallSettings()));
        Should.Throw<InvalidOperationException>(() => CallDecider.Decide(state, Some.Offer, Some.Start, new CallSettings()));
        Should.Throw<InvalidOperationException>(() => CallDecider.Decide(null, new TimeReached(), Some.Start, new CallSettings()));
    }
}
