using System.Globalization;
using System.Text.Json;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests;

/// <summary>Endings: hang-ups in every state, limits on time, the loss of a node, and what the far end is still owed.</summary>
public sealed class ReleaseTests
{
    public static TheoryData<CallPhase, string> Actions => new()
    {
        { CallPhase.Play, "sys.call.on_play_completed" },
        { CallPhase.Record, "sys.call.on_record_completed" },
        { CallPhase.SendDtmf, "sys.call.on_send_dtmf_completed" },
        { CallPhase.ReceiveDtmf, "sys.call.on_receive_dtmf_completed" },
    };

    private static int? ErrorOf(ResourceEvent happened)
    {
        using var json = JsonDocument.Parse(happened.Params);
        var error = json.RootElement.GetProperty("error");
        return error.ValueKind == JsonValueKind.Null ? null : error.GetProperty("code").GetInt32();
    }

    private static (string DroppedBy, int Cause) HowReleased(CallDecision decision)
    {
        using var json = JsonDocument.Parse(decision.Events.Single(e => e.Method == "sys.call.on_released").Params);
        return (json.RootElement.GetProperty("dropped_by").GetString()!, json.RootElement.GetProperty("cause").GetInt32());
    }

    [Theory]
    [MemberData(nameof(Actions))]
    public void A_hang_up_in_an_action_state_is_one_decision(CallPhase phase, string completion)
    {
        foreach (var direction in Enum.GetValues<CallDirection>())
        {
            foreach (var (command, droppedBy, cause, bye) in new (ResourceCommand, string, int, bool)[]
            {
                (new ByeArrived(null), "usr", 200, false),
                (new DropCall(603, ApiGeneration.V2), "sys", 603, true),
                (new DialogLost(481), "usr", 481, false),
                (new MediaLost(), "sys", 408, true),
            })
            {
                var call = Some.In(phase, direction);
                var before = call.Events.Count;
                var decision = call.Do(command);
                decision.Entries.Select(e => e.GetType().Name).ShouldBe(["ActionEnded", "CallReleased"]);
                decision.Events.Select(e => e.Method).ShouldBe([completion, "sys.call.on_released", "sys.on_chan_closed"]);
                decision.Events.Select(e => e.Sequence).ShouldBe([before + 1, before + 2, before + 3]);
                ErrorOf(decision.Events[0]).ShouldBe(410);
                HowReleased(decision).ShouldBe((droppedBy, cause));
                decision.Effects.OfType<SendBye>().Select(e => e.Cause).ShouldBe(bye ? [cause] : []);
                decision.Effects[^1].ShouldBe(new CloseMedia());
                call.Phase.ShouldBe(CallPhase.Released);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Actions))]
    public void The_limit_on_the_answered_time_ends_every_action(CallPhase phase, string completion)
    {
        foreach (var direction in Enum.GetValues<CallDirection>())
        {
            var call = Some.In(phase, direction);
            call.Now = Some.Start + 600_000;
            var decision = call.Do(new TimeReached());
            decision.Events.Select(e => e.Method).ShouldBe([completion, "sys.call.on_released", "sys.on_chan_closed"]);
            ErrorOf(decision.Events[0]).ShouldBe(410);
            HowReleased(decision).ShouldBe(("sys", 408));
            decision.Effects.ShouldContain(new SendBye(408));
        }
    }

    [Fact]
    public void The_limit_on_the_answered_time_counts_from_the_answer()
    {
        var call = new CallDriver(new CallSettings { IdleReleaseMillis = 0 });
        call.Do(Some.Offer);
        call.After(5000).Do(new AnswerCall(10, null));
        call.After(1000).Do(new AckArrived(null));
        call.Deadline.ShouldBe(Some.Start + 16_000);
        call.AtDeadline().ShouldContain("> SendBye 408");
    }

    [Fact]
    public void Idle_for_too_long_it_is_released_and_nop_restarts_the_clock()
    {
        var call = Some.In(CallPhase.Idle, settings: new CallSettings { IdleReleaseMillis = 60_000 });
        call.Deadline.ShouldBe(Some.Start + 60_000);
        call.After(50_000).Trace(new TouchCall()).ShouldBe(["+ Touched", "> reply null"]);
        call.Deadline.ShouldBe(Some.Start + 110_000);
        call.Do(Some.Play);
        call.Deadline.ShouldBe(Some.Start + 600_000, "the clock runs in Idle only");
        call.Trace(new TouchCall()).ShouldBe(["> reply null"]);
        call.After(100_000).Do(new StopPlay());
        call.Deadline.ShouldBe(Some.Start + 210_000);
        call.Now = call.Deadline!.Value;
        HowReleased(call.Do(new TimeReached())).ShouldBe(("sys", 408));
    }

    [Fact]
    public void With_the_idle_release_switched_off_only_the_answered_time_ends_it()
    {
        Some.In(CallPhase.Idle, settings: new CallSettings { IdleReleaseMillis = 0 }).Deadline.ShouldBe(Some.Start + 600_000);
    }

    [Fact]
    public void The_loss_of_a_node_releases_every_call_once_with_503()
    {
        foreach (var (phase, direction) in Some.Situations)
        {
            var call = Some.In(phase, direction);
            var resume = CallDecider.Resume(call.State!);
            if (phase == CallPhase.Released)
            {
                // Nothing is told again; what the far end is owed is sent once more.
                resume.ShouldBe(call.State!.IsOver ? null : new NodeLost());
                call.Do(new NodeLost()).Events.ShouldBeEmpty();
                continue;
            }
            var before = call.Effects.Count;
            var decision = call.Do(resume.ShouldBeOfType<NodeLost>());
            HowReleased(decision).ShouldBe(("sys", 503));
            foreach (var completion in decision.Events.Where(e => e.Method.EndsWith("_completed", StringComparison.Ordinal))) ErrorOf(completion).ShouldBe(503);
            var owed = (direction, phase) switch
            {
                (CallDirection.Outbound, CallPhase.Initiated or CallPhase.Ring) => (ResourceEffect)new SendCancel(),
                (CallDirection.Inbound, CallPhase.Initiated) => new SendRefusal(503),
                _ => new SendBye(503),
            };
            CallDecider.Owed(call.State!).ShouldBe(owed);
            call.Effects.Skip(before).ShouldContain(owed);
            call.CallRecords.Count.ShouldBe(1);
        }
    }

    [Fact]
    public void Every_recovery_goes_on_beyond_the_numbers_that_the_dead_process_may_have_used()
    {
        var call = Some.In(CallPhase.Idle);
        var used = call.State!.Dialog!.LocalCSeq;
        for (var recovery = 1u; recovery <= 3; recovery++)
        {
            call.Do(CallDecider.Resume(call.State!).ShouldBeOfType<NodeLost>()).Effects.OfType<SendBye>().ShouldHaveSingleItem();
            call.State!.Dialog!.LocalCSeq.ShouldBe(used + (recovery * Limits.SipCSeqReserve));
        }
        call.Events.Count(e => e.Method == "sys.call.on_released").ShouldBe(1);
        call.CallRecords.Count.ShouldBe(1);
        call.Do(new FarEndSettled());
        CallDecider.Resume(call.State!).ShouldBeNull();
    }

    [Fact]
    public void A_stopping_node_releases_as_a_lost_one_does()
    {
        HowReleased(Some.In(CallPhase.Idle).Do(new NodeStops())).ShouldBe(("sys", 503));
    }

    [Fact]
    public void Sound_that_is_missing_before_the_answer_ends_nothing()
    {
        Some.In(CallPhase.Ring, CallDirection.Outbound).Trace(new MediaLost()).ShouldBeEmpty();
        Some.In(CallPhase.Initiated).Trace(new MediaLost()).ShouldBeEmpty();
        Some.In(CallPhase.Answer).Trace(new MediaLost()).ShouldBeEmpty();
    }

    [Fact]
    public void What_is_owed_stays_until_the_far_end_confirms()
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(new DropCall(603, ApiGeneration.V2));
        CallDecider.Owed(call.State!).ShouldBe(new SendBye(603));
        call.Trace(new KeyArrived('1')).ShouldBeEmpty();
        call.Trace(new TimeReached()).ShouldBeEmpty();
        call.Trace(new FarEndSettled()).ShouldBe(["+ Settled"]);
        CallDecider.Owed(call.State!).ShouldBeNull();
        call.Trace(new FarEndSettled()).ShouldBeEmpty();
    }

    [Fact]
    public void A_clock_that_is_behind_the_journal_does_not_move_time_back()
    {
        var call = Some.In(CallPhase.Idle).After(10_000);
        call.Do(Some.Play);
        call.Now = Some.Start;
        call.Do(new StopPlay());
        call.Journal.Select(e => e.AtMillis).ShouldBe(call.Journal.Select(e => e.AtMillis).Order());
        call.State!.LastMillis.ShouldBe(Some.Start + 10_000);
    }

    [Fact]
    public void The_call_record_of_an_answered_call_has_the_contracts_fields_in_their_order()
    {
        var call = new CallDriver(new CallSettings { TimeZone = TimeZoneInfo.CreateCustomTimeZone("east", TimeSpan.FromHours(8), "east", "east") });
        call.Do(Some.Construct);
        call.After(4000).Do(Some.FarEndAnswered);
        call.After(61_900).Do(new ByeArrived(486));
        Fields(call).ShouldBe(
        [
            CallRecords.IdOf(call.State!).ToString(), "0.0.7", "", "42", "out-42@cti", "42", "0:0:42", "1001", "2002", "", "", "1", "2", "sys.call", "1", "2",
            "", "486",
            "2023-11-15 06:13:20", "2023-11-15 06:13:24", "2023-11-15 06:14:25", "61", "sys", "call", "0.0.7-sys.call-42", "mine", "", "", "",
        ]);
    }

    [Fact]
    public void The_call_record_of_a_refused_call_has_no_connection()
    {
        var call = Some.In(CallPhase.Initiated);
        call.After(1000).Do(new RejectCall(486, null));
        Fields(call).ShouldBe(
        [
            CallRecords.IdOf(call.State!).ToString(), "0.0.7", "", "42", "in-42@phone", "42", "0:0:42", "1001", "2002", "", "", "0", "2", "sys.call", "0", "1",
            "", "486",
            "2023-11-14 22:13:20", "", "2023-11-14 22:13:21", "0", "sys", "call", "0.0.7-sys.call-42", "", "", "", "",
        ]);
    }

    public static TheoryData<string, string, string, string, string> Ends => new()
    {
        // How it ends; connected, ended by (1 us, 2 them), SIP status, seconds of talk.
        { "their refusal of our dialling", "0", "2", "486", "0" },
        { "our ending of a dialling", "0", "1", "603", "0" },
        { "nobody answers our dialling", "0", "1", "408", "0" },
        { "their hang-up", "1", "2", "200", "7" },
        { "our hang-up", "1", "1", "480", "7" },
        { "our refusal", "0", "1", "486", "0" },
        { "their giving up", "0", "2", "487", "0" },
        { "our redirection", "0", "1", "302", "0" },
        { "our restart", "1", "1", "503", "7" },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public void Every_end_of_a_channel_leaves_one_record_that_says_how(string end, string connected, string by, string cause, string talk)
    {
        var call = end switch
        {
            "their refusal of our dialling" => Dialling(driver => driver.After(7_000).Do(new DialFailed(486, "Busy Here"))),
            "our ending of a dialling" => Dialling(driver => driver.After(7_000).Do(new DropCall(603, ApiGeneration.V2))),
            "nobody answers our dialling" => Dialling(driver => driver.After(3_600_000).Do(new TimeReached())),
            "their hang-up" => Talking(driver => driver.Do(new ByeArrived(null))),
            "our hang-up" => Talking(driver => driver.Do(new DropCall(480, ApiGeneration.V2))),
            "our restart" => Talking(driver => driver.Do(new NodeLost())),
            "our refusal" => Offered(driver => driver.Do(new RejectCall(486, null))),
            "our redirection" => Offered(driver => driver.Do(new RedirectCall("sip:3003@c.example", null))),
            _ => Offered(driver => driver.Do(new CallerCancelled())),
        };
        var fields = Fields(call);
        fields.Length.ShouldBe(CallRecordFields.Names.Length);
        string[] said = [Field("callstatus"), Field("endtype"), Field("callfailcause"), Field("talkduration")];
        said.ShouldBe([connected, by, cause, talk]);
        Field("connectbegintime").Length.ShouldBe(connected == "1" ? 19 : 0);
        Field("dir").ShouldBe(call.State!.Direction == CallDirection.Outbound ? "1" : "0");

        string Field(string name) => fields[CallRecordFields.Names.IndexOf(name)];

        static CallDriver Dialling(Action<CallDriver> end) => Ended(new CallDriver(), Some.Construct, end);
        static CallDriver Offered(Action<CallDriver> end) => Ended(new CallDriver(), Some.Offer, end);

        static CallDriver Talking(Action<CallDriver> end)
        {
            var driver = new CallDriver();
            driver.Do(Some.Construct);
            driver.Do(Some.FarEndAnswered);
            end(driver.After(7_900));
            return driver;
        }

        static CallDriver Ended(CallDriver driver, ResourceCommand begin, Action<CallDriver> end)
        {
            driver.Do(begin);
            end(driver);
            return driver;
        }
    }

    [Fact]
    public void The_call_record_of_a_flows_call_is_in_the_name_of_the_flow()
    {
        var call = Some.In(CallPhase.Idle).State! with { Owner = "0.0.7-ext.notify_call-41" };
        using var json = JsonDocument.Parse(CallRecords.Build(call, Some.Start, bySystem: true, 200, new CallSettings()));
        string[] said = [.. new[] { "busitype", "projectid", "flowid", "additionalinfo1", "processid" }.Select(name =>
            json.RootElement[CallRecordFields.Names.IndexOf(name)].ToString())];
        said.ShouldBe(["ext.notify_call", "ext", "notify_call", "0.0.7-ext.notify_call-41", "42"]);
    }

    [Theory]
    [InlineData("sip:1001@a.example", "1001")]
    [InlineData("SIPS:1001@a.example:5061", "1001")]
    [InlineData("1001@a.example:5060", "1001")]
    [InlineData("13800138000", "13800138000")]
    [InlineData("+8613800138000", "+8613800138000")]
    [InlineData("sip:1001:secret@a.example", "1001")]
    [InlineData("sip:a.example:5060", "")]
    [InlineData("", "")]
    public void Numbers_in_the_call_record_are_user_parts(string uri, string number)
    {
        var call = new CallDriver();
        call.Do(Some.Construct with { FromUri = uri });
        call.Do(new DialFailed(404, "Not Found"));
        Fields(call)[7].ShouldBe(number);
    }

    [Fact]
    public void The_call_records_id_is_the_same_when_the_release_is_decided_again()
    {
        var first = Some.In(CallPhase.Idle);
        var second = Some.In(CallPhase.Idle);
        first.Do(new ByeArrived(null));
        second.After(500).Do(new NodeLost());
        CallRecords.IdOf(first.State!).ShouldBe(CallRecords.IdOf(second.State!));
        CallRecords.IdOf(first.State!).ShouldNotBe(CallRecords.IdOf(Some.In(CallPhase.Idle, CallDirection.Outbound).State!));
    }

    private static string[] Fields(CallDriver call)
    {
        using var json = JsonDocument.Parse(call.CallRecords.ShouldHaveSingleItem());
        return [.. json.RootElement.EnumerateArray().Select(field => field.ValueKind == JsonValueKind.Number
            ? field.GetInt64().ToString(CultureInfo.InvariantCulture) : field.GetString()!)];
    }
}
