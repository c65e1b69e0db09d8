using System.Text.Json;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using static Cti.Calls.Tests.ConferenceDriver;

namespace Cti.Calls.Tests;

/// <summary>A conference's own decisions.</summary>
public sealed class ConferenceTests
{
    private const long Second = Some.Start / 1000;

    private static string Member(string method, string call) => Event(method, $$"""
        "call_res_id":"{{call}}","user_data":"mine"
        """);

    private static string Released(long end) => Event("on_released", $$"""
        "begin_time":{{Second}},"end_time":{{end}},"user_data":"mine"
        """);

    private static string Completed(string what, string error, long begin, long end, string more = "") =>
        Event($"on_{what}_completed", $$"""
        "error":{{error}},"begin_time":{{begin}},"end_time":{{end}},{{more}}"user_data":"mine"
        """);

    private static string Error(int code, string message) => $"{{\"code\":{code},\"message\":\"{message}\"}}";

    [Fact]
    public void Construct_answers_the_resource_and_emits_nothing()
    {
        var conference = new ConferenceDriver();
        conference.Events.ShouldBeEmpty();
        CallDriver.Text(conference.Effects.OfType<ReplyResult>().Single().Result)
            .ShouldBe($$$"""{"res_id":"{{{Id}}}","user_data":"mine","ipsc_info":{"process_id":130}}""");
        conference.State.StateName(ApiGeneration.V2).ShouldBe("Initiated");
    }

    [Fact]
    public void A_call_that_enters_is_told_to_the_application_and_answered_after_its_entry_sound_is_known()
    {
        var conference = new ConferenceDriver();
        conference.Trace(Entry(Ann) with { VoiceMode = 2, Volume = -3, EntrySound = ["ding.wav", "dong.wav"] }).ShouldBe(
        [
            "+ MemberEntered", Member("on_entered", Ann), $"> AnswerEntry {Ann} op {Ann}", "> PlayEntrySound ding.wav|dong.wav",
        ]);
        conference.State.StateName(ApiGeneration.V1).ShouldBe("Active");
        CallDriver.Text(conference.Do(new ListMembers()).Effects.OfType<ReplyResult>().Single().Result)
            .ShouldBe($$"""[{"res_id":"{{Ann}}","voice_mode":2,"volume":-3,"user_data":"data {{Ann}}"}]""");
    }

    [Fact]
    public void An_entry_that_is_asked_again_is_answered_again_and_changes_nothing()
    {
        var conference = new ConferenceDriver();
        conference.Enter(Ann);
        conference.Trace(Entry(Ann)).ShouldBe([$"> AnswerEntry {Ann} op {Ann}"]);
        conference.Trace(new MemberLeaves("another", Ann)).ShouldBeEmpty();
        conference.Trace(new MemberLeaves("op", Bob)).ShouldBeEmpty();
        conference.Trace(Entry(Ann, "newer"))
            .ShouldBe(["+ MemberExited", "+ MemberEntered", Member("on_exited", Ann), Member("on_entered", Ann), $"> AnswerEntry {Ann} newer"]);
        conference.Members.ShouldBe([Ann]);
    }

    [Fact]
    public void Where_the_media_side_has_no_room_the_call_is_refused_with_503_and_nothing_is_journaled()
    {
        var conference = new ConferenceDriver();
        conference.Trace(Entry(Ann) with { NoRoom = true }).ShouldBe([$"> AnswerEntry {Ann} op {Ann} 503"]);
        conference.State.Phase.ShouldBe(ConferencePhase.Initiated);
    }

    [Fact]
    public void A_full_conference_refuses_with_503()
    {
        var conference = new ConferenceDriver();
        for (var i = 1; i <= Limits.ConferenceMembersMax; i++) conference.Enter($"0.0.1-sys.call-{i}");
        ConferenceDecider.WillEnter(conference.State, Entry(Cid)).ShouldBeFalse();
        conference.Trace(Entry(Cid)).ShouldBe([$"> AnswerEntry {Cid} op {Cid} 503"]);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(0, 0)]
    [InlineData(-1, null)]
    public void Once_two_were_in_it_is_released_when_at_most_the_threshold_remain(int threshold, int? releasedAt)
    {
        var conference = new ConferenceDriver(make => make with { PartsThreshold = threshold });
        string[] calls = [Ann, Bob, Cid];
        foreach (var call in calls) conference.Enter(call);
        for (var left = 2; left >= 0; left--)
        {
            conference.Leave(calls[2 - left]);
            if (releasedAt is { } at && left <= at)
            {
                conference.State.WasReleased.ShouldBeTrue($"{left} are left");
                conference.Events.TakeLast(left + 1).Select(e => e.Method).ShouldBe([.. Enumerable.Repeat("sys.conf.on_exited", left), "sys.conf.on_released"]);
                conference.Effects.OfType<PartMember>().Select(part => (part.Call, part.Error))
                    .ShouldBe(calls[(3 - left)..].Select(call => (call, (int?)null)));
                return;
            }
            conference.State.WasReleased.ShouldBeFalse($"{left} are left");
        }
        releasedAt.ShouldBeNull();
    }

    [Fact]
    public void One_member_alone_may_come_and_go()
    {
        var conference = new ConferenceDriver();
        conference.Enter(Ann);
        conference.Leave(Ann);
        conference.State.WasReleased.ShouldBeFalse("a second one has never been in");
        conference.Enter(Bob);
        conference.Leave(Bob);
        conference.State.WasReleased.ShouldBeFalse();
    }

    [Fact]
    public void A_new_threshold_takes_effect_when_the_next_member_leaves()
    {
        var conference = new ConferenceDriver();
        foreach (var call in new[] { Ann, Bob, Cid }) conference.Enter(call);
        conference.Trace(new SetThreshold(5)).ShouldBe(["+ ThresholdSet", "> reply null"]);
        conference.State.WasReleased.ShouldBeFalse();
        conference.Leave(Ann);
        conference.State.WasReleased.ShouldBeTrue();
    }

    [Fact]
    public void It_is_released_after_180_s_without_a_member_counted_from_the_last_one_on()
    {
        var conference = new ConferenceDriver();
        conference.Deadline.ShouldBe(Some.Start + 180_000);
        conference.After(100_000).Enter(Ann);
        conference.Deadline.ShouldBe(Some.Start + 3_600_000);
        conference.After(10_000).Leave(Ann);
        conference.Deadline.ShouldBe(Some.Start + 290_000);
        conference.AtDeadline().ShouldBe(["+ ConferenceReleased", Released(Second + 290), "> CloseMix"]);
        conference.Deadline.ShouldBeNull();
    }

    [Fact]
    public void Its_own_limit_ends_it_and_all_that_runs()
    {
        var conference = new ConferenceDriver(make => make with { MaxSeconds = 50 });
        conference.Enter(Ann);
        conference.After(10_000).Do(new StartConferencePlay(["a.wav"], true));
        conference.Do(new StartConferenceRecord(600, "/r/a.wav", "Alaw"));
        conference.AtDeadline().ShouldBe(
        [
            "+ MemberExited", "+ PlayEnded", "+ RecordingEnded", "+ ConferenceReleased", Member("on_exited", Ann),
            Completed("play", Error(410, "max_seconds is over"), Second + 10, Second + 50),
            Completed("record", Error(410, "max_seconds is over"), Second + 10, Second + 50, "\"record_file\":\"/r/a.wav\","),
            Released(Second + 50), $"> LeaveMedia {Ann}", $"> PartMember {Ann} op {Ann}", "> CloseMix",
        ]);
    }

    [Fact]
    public void Release_puts_everyone_out_and_then_nothing_is_known_any_more()
    {
        var conference = new ConferenceDriver();
        conference.Enter(Ann);
        conference.Enter(Bob);
        conference.Do(new ReleaseConference()).Effects.OfType<ReplyResult>().ShouldHaveSingleItem();
        conference.Events.Skip(2).Select(e => e.Method).ShouldBe(["sys.conf.on_exited", "sys.conf.on_exited", "sys.conf.on_released"]);
        conference.Do(new TouchConference()).Refusal!.Code.ShouldBe(ErrorCodes.NotFound);
        conference.Trace(Entry(Cid)).ShouldBe([$"> AnswerEntry {Cid} op {Cid} 404"]);
        conference.Trace(new MemberLeaves($"op {Ann}", Ann)).ShouldBeEmpty();
        conference.Trace(new ChildAsks(Cid, new RingBackSpec(null, 0))).ShouldHaveSingleItem().ShouldStartWith("> AnswerChild");
        ConferenceDecider.Resume(conference.State, Some.Start).ShouldBeNull();
    }

    [Fact]
    public void Under_a_new_owner_members_are_asked_and_play_and_recording_go_on_where_they_were()
    {
        var conference = new ConferenceDriver(make => make with { TalkerEvents = true });
        conference.Enter(Ann);
        conference.Enter(Bob);
        conference.Do(new MemberTalks(Ann, true));
        conference.Do(new StartConferencePlay(["a.wav"], true));
        conference.Do(new StartConferenceRecord(60, "/r/a.wav", "Alaw"));
        conference.Do(new RecordBegan(2));
        var deadline = conference.After(9_000).Deadline;
        var resume = ConferenceDecider.Resume(conference.State, Some.Start + 7_000);
        resume.ShouldBe(new WasRecovered(Some.Start + 7_000));
        conference.Do(resume!).Effects.ShouldBe([
            new StartConferenceSound(1, conference.State.Play!.Files, true, 7_000 - Limits.SoundBeginsMillis),
            new StartMixRecord(2, "/r/a.wav", "Alaw", Appends: true),
            new AskMember(Ann, $"op {Ann}"), new AskMember(Bob, $"op {Bob}")]);
        conference.Events[^1].Method.ShouldBe("sys.conf.on_talker", "nobody is heard talking until the new mix says so");
        conference.Deadline.ShouldBe(deadline, "limits on time stay");
        conference.Do(Entry(Ann) with { IsEntered = true }).Effects.ShouldBe([new AnswerEntry(Ann, $"op {Ann}", null)]);
        conference.Do(Entry(Cid) with { IsEntered = true }).Effects.OfType<AnswerEntry>()
            .Single().Refusal!.Code.ShouldBe(404, "who is not in any more has left");
        conference.Leave(Bob).Events.Select(told => told.Method).ShouldContain("sys.conf.on_exited");
    }

    [Fact]
    public void A_recording_that_was_being_completed_is_over_under_a_new_owner_and_a_member_without_room_is_put_out()
    {
        var conference = new ConferenceDriver(make => make with { PartsThreshold = -1 });
        conference.Enter(Ann);
        conference.Do(new StartConferenceRecord(60, "/r/a.wav", "Alaw"));
        conference.Do(new StopConferenceRecord());
        conference.Do(new WasRecovered(Some.Start)).Events.Select(told => told.Method).ShouldBe(["sys.conf.on_record_completed"]);
        conference.Trace(Entry(Ann) with { IsEntered = true, NoRoom = true }).ShouldBe(
            ["+ MemberExited", Event("on_exited", CallDriver.Text(conference.Events[^1].Params)[($"{{\"res_id\":\"{ConferenceDriver.Id}\",").Length..^1]),
                $"> PartMember {Ann} op {Ann} 503", $"> LeaveMedia {Ann}"]);
        conference.Trace(new PeerMoved(1)).ShouldBeEmpty("nobody is in");
        conference.Enter(Cid);
        conference.Trace(new PeerMoved(3)).ShouldBe(["> AskMember"]);
        conference.Trace(new PeerMoved(1)).ShouldBeEmpty("that is not where its member lives");
    }

    [Fact]
    public void The_loss_of_its_node_ends_it_with_503_for_all()
    {
        var conference = new ConferenceDriver();
        conference.Enter(Ann);
        conference.Do(new StartConferencePlay(["a.wav"], false));
        var lost = conference.Do(new NodeLost());
        lost.Effects.OfType<PartMember>().Single().Error.ShouldBe(503);
        CallDriver.Text(lost.Events.Single(e => e.Method == "sys.conf.on_play_completed").Params).ShouldContain("\"code\":503");
        new ConferenceDriver().Do(new ConferenceBroke()).Events.Single().Method.ShouldBe("sys.conf.on_released");
    }

    [Fact]
    public void One_play_at_a_time_each_with_one_completion()
    {
        var conference = new ConferenceDriver();
        conference.Trace(new StopConferencePlay()).ShouldBe(["refused 409"]);
        conference.Trace(new StartConferencePlay(["a.wav", "b.wav"], false))
            .ShouldBe(["+ PlayBegan", "> reply null", "> StartConferenceSound 1 a.wav|b.wav loop=False"]);
        var second = conference.Do(new StartConferencePlay(["c.wav"], false)).Refusal!;
        (second.Code, second.Data!["state"]).ShouldBe((409, "Initiated"));
        conference.Trace(new PlayFinished(2, MediaEnd.Completed, null)).ShouldBeEmpty();
        conference.After(3000).Trace(new PlayFinished(1, MediaEnd.Completed, null)).ShouldBe(["+ PlayEnded", Completed("play", "null", Second, Second + 3)]);
        conference.Trace(new StartConferencePlay(["c.wav"], true)).ShouldBe(["+ PlayBegan", "> reply null", "> StartConferenceSound 2 c.wav loop=True"]);
        conference.Trace(new StopConferencePlay())
            .ShouldBe(["+ PlayEnded", Completed("play", "null", Second + 3, Second + 3), "> reply null", "> StopConferenceSound 2"]);
        conference.Trace(new PlayFinished(2, MediaEnd.Stopped, null)).ShouldBeEmpty();
        conference.Do(new StartConferencePlay(["missing.wav"], false));
        CallDriver.Text(conference.Do(new PlayFinished(3, MediaEnd.NotFound, null)).Events.Single().Params).ShouldContain("\"code\":404");
        conference.Do(new StartConferencePlay([], false)).Events.ShouldHaveSingleItem();
    }

    [Fact]
    public void One_recording_at_a_time_that_a_stop_or_its_limit_ends_when_the_file_is_complete()
    {
        var conference = new ConferenceDriver();
        conference.Trace(new StopConferenceRecord()).ShouldBe(["refused 409"]);
        var started = conference.Do(new StartConferenceRecord(30, "/r/a.wav", "Alaw"));
        CallDriver.Text(started.Effects.OfType<ReplyResult>().Single().Result).ShouldBe("\"/r/a.wav\"");
        started.Effects.OfType<StartMixRecord>().ShouldBe([new StartMixRecord(1, "/r/a.wav", "Alaw")]);
        conference.Do(new StartConferenceRecord(30, "/r/b.wav", "Alaw")).Refusal!.Code.ShouldBe(409);
        conference.After(100).Do(new RecordBegan(1));
        conference.Deadline.ShouldBe(Some.Start + 30_100);
        conference.AtDeadline().ShouldBe(["+ RecordingSet", "> StopMixRecord 1"]);
        conference.Do(new StartConferenceRecord(30, "/r/b.wav", "Alaw")).Refusal!.Message.ShouldContain("not complete");
        conference.Trace(new RecordFinished(1, MediaEnd.Stopped, null)).ShouldBe(
            ["+ RecordingEnded", Completed("record", Error(408, "max_seconds is over"), Second, Second + 30, "\"record_file\":\"/r/a.wav\",")]);
        conference.Do(new StartConferenceRecord(30, "/r/b.wav", "Alaw"));
        conference.Trace(new StopConferenceRecord()).ShouldBe(["+ RecordingSet", "> StopMixRecord 2", "> reply null"]);
        conference.Trace(new StopConferenceRecord()).ShouldBe(["> reply null"]);
        CallDriver.Text(conference.Do(new RecordFinished(2, MediaEnd.Stopped, null)).Events.Single().Params).ShouldContain("\"code\":487");
        conference.Do(new StartConferenceRecord(30, "/r/c.wav", "Alaw"));
        CallDriver.Text(conference.Do(new RecordFinished(3, MediaEnd.Failed, "no space left")).Events.Single().Params).ShouldContain("\"code\":500");
    }

    [Fact]
    public void A_recording_from_the_start_runs_as_long_as_the_conference()
    {
        var conference = new ConferenceDriver(make => make with { RecordPath = "/r/all.wav", RecordFormat = "Alaw" });
        conference.Effects.OfType<StartMixRecord>().ShouldHaveSingleItem();
        conference.Do(new RecordBegan(1));
        conference.Enter(Ann);
        conference.Deadline.ShouldBe(Some.Start + 3_600_000, "no limit of its own");
        conference.Do(new ReleaseConference()).Events.Select(e => e.Method)
            .ShouldBe(["sys.conf.on_exited", "sys.conf.on_record_completed", "sys.conf.on_released"]);
    }

    [Fact]
    public void A_members_mode_and_volume_change_the_mix_and_who_is_no_member_is_409()
    {
        var conference = new ConferenceDriver();
        conference.Enter(Ann);
        conference.Trace(new SetMemberMode(Ann, 3)).ShouldBe(["+ MemberChanged", $"> SetMemberMedia {Ann} 3", "> reply null"]);
        conference.Do(new SetMemberVolume(Ann, -20)).Effects.OfType<SetMemberMedia>().Single().ShouldBe(new SetMemberMedia(Ann, 3, -20));
        conference.Do(new SetMemberMode(Bob, 1)).Refusal!.Code.ShouldBe(409);
        conference.Do(new SetMemberVolume(Bob, 1)).Refusal!.Code.ShouldBe(409);
        var member = conference.State.Members.Single();
        (member.VoiceMode, member.Volume).ShouldBe((3, -20));
    }

    [Fact]
    public void Talking_is_told_only_where_it_was_asked_for_and_ends_before_the_exit()
    {
        var quiet = new ConferenceDriver();
        quiet.Enter(Ann);
        quiet.Trace(new MemberTalks(Ann, true)).ShouldBeEmpty();
        var conference = new ConferenceDriver(make => make with { TalkerEvents = true });
        conference.Enter(Ann);
        conference.Trace(new MemberTalks(Ann, true)).ShouldBe(["+ MemberChanged", Event("on_talker", $"\"call_res_id\":\"{Ann}\",\"talking\":true")]);
        conference.Trace(new MemberTalks(Ann, true)).ShouldBeEmpty();
        conference.Trace(new MemberTalks(Bob, true)).ShouldBeEmpty();
        Format(conference.Leave(Ann)).Where(line => line.StartsWith('!')).ShouldBe(
            [Event("on_talker", $"\"call_res_id\":\"{Ann}\",\"talking\":false"), Member("on_exited", Ann)]);
        conference.Trace(new MemberTalks(Ann, false)).ShouldBeEmpty();
    }

    [Fact]
    public void Children_ring_for_everyone_until_they_are_done_and_no_application_sees_it()
    {
        var conference = new ConferenceDriver();
        var events = conference.Events.Count;
        conference.Trace(new ChildAsks(Ann, new RingBackSpec("ignored.wav", 2))).ShouldBe(["+ ChildSet", $"> AnswerChild {Ann}"]);
        conference.Trace(new ChildAsks(Ann, new RingBackSpec(null, 0))).ShouldBe([$"> AnswerChild {Ann}"], "asked again, answered again");
        conference.Do(new ChildAsks(Bob, new RingBackSpec(null, 0)));
        conference.Trace(new ChildRings(Ann, false)).ShouldBe(["+ ChildSet", "> SetRingBack True"]);
        conference.Trace(new ChildRings(Bob, false)).ShouldBe(["+ ChildSet"], "the tone is heard already");
        conference.Trace(new ChildRings(Ann, true)).ShouldBe(["+ ChildSet", $"> HearChild {Ann}"], "the other one still has none of its own");
        conference.Trace(new ChildDone(Bob)).ShouldBe(["+ ChildForgotten", "> SetRingBack False"]);
        conference.Trace(new ChildDone(Ann)).ShouldBe(["+ ChildForgotten", $"> LeaveMedia {Ann}"]);
        conference.Trace(new ChildDone(Ann)).ShouldBeEmpty();
        conference.Trace(new ChildRings(Ann, true)).ShouldBeEmpty();
        conference.Events.Count.ShouldBe(events);
    }

    [Fact]
    public void A_child_that_enters_while_it_rings_is_a_member_and_when_it_leaves_its_line_is_heard_again()
    {
        var conference = new ConferenceDriver();
        conference.Do(new ChildAsks(Ann, new RingBackSpec(null, 0)));
        conference.Enter(Ann);
        conference.Trace(new ChildRings(Ann, true)).ShouldBe(["+ ChildSet"], "it is in the mix");
        conference.Leave(Ann).Effects.ShouldBe([new LeaveMedia(Ann), new HearChild(Ann)]);
        conference.Enter(Ann, "again");
        conference.Trace(new ChildDone(Ann)).ShouldBe(["+ ChildForgotten"]);
        conference.Members.ShouldBe([Ann]);
    }

    [Fact]
    public void A_child_that_comes_back_from_another_conference_is_heard_again()
    {
        var conference = new ConferenceDriver();
        conference.Do(new ChildAsks(Ann, new RingBackSpec(null, 0)));
        conference.Do(new ChildRings(Ann, true));
        conference.Trace(new ChildRings(Ann, false)).ShouldBeEmpty("it is in another one, which took it out of this mix");
        conference.Trace(new ChildRings(Ann, true)).ShouldBe([$"> HearChild {Ann}"]);
    }

    [Fact]
    public void Get_shows_what_it_was_made_with_and_its_state()
    {
        var conference = new ConferenceDriver(make => make with { Background = ["a.wav", "b.wav"], TalkerEvents = true });
        CallDriver.Text(conference.State.Describe(ApiGeneration.V2)).ShouldBe($$$"""
            {"res_id":"{{{Id}}}","state":"Initiated","begin_time":{{{Second}}},"max_seconds":3600,"record_file":null,"bg_file":"a.wav|b.wav",
            "parts_threshold":1,"user_data":"mine","talker_events":true,"ipsc_info":{"process_id":130}}
            """.Replace("\n", "", StringComparison.Ordinal));
        var fields = JsonDocument.Parse(conference.State.Describe(ApiGeneration.V2)).RootElement.EnumerateObject().Select(field => field.Name);
        fields.ShouldBe(Catalogue.Find("sys.conf.get")!.Result.Fields.Select(field => field.Name));
    }

    [Fact]
    public void Every_method_is_allowed_in_both_states_and_none_after_the_release()
    {
        foreach (var request in Requests)
        {
            foreach (var isActive in new[] { false, true })
            {
                var conference = new ConferenceDriver();
                if (isActive) conference.Enter(Ann);
                if (request is StopConferencePlay) conference.Do(new StartConferencePlay(["a.wav"], false));
                if (request is StopConferenceRecord) conference.Do(new StartConferenceRecord(60, "/r/a.wav", "Alaw"));
                var decision = conference.Do(request);
                if (request is SetMemberMode or SetMemberVolume && !isActive)
                {
                    decision.Refusal!.Data!["state"].ShouldBe("Initiated");
                    continue;
                }
                decision.Refusal.ShouldBeNull($"{request}");
                decision.Effects.OfType<ReplyResult>().ShouldHaveSingleItem();
                conference.Do(new NodeStops());
                conference.Do(request).Refusal!.Code.ShouldBe(404);
            }
        }
        var known = typeof(ReleaseConference).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(ResourceRequest)) && type.Namespace == typeof(ReleaseConference).Namespace);
        Requests.Select(request => request.GetType().Name).Order().ShouldBe(known.Select(type => type.Name).Order());
        Requests.Select(request => request.Method).Order().ShouldBe(Catalogue.Methods.Select(method => method.Name)
            .Where(name => name.StartsWith("sys.conf.", StringComparison.Ordinal) && name[9..] is not ("construct" or "exists" or "get" or "list")).Order());
    }

    private static ResourceRequest[] Requests =>
    [
        new ReleaseConference(), new ListMembers(), new StartConferencePlay(["a.wav"], false), new StopConferencePlay(),
        new StartConferenceRecord(60, "/r/a.wav", "Alaw"),
        new StopConferenceRecord(), new SetThreshold(1), new SetMemberMode(Ann, 2), new SetMemberVolume(Ann, 3), new TouchConference(),
    ];
}
