using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;

namespace Cti.Calls.Tests;

/// <summary>The recording that a flow runs on its call beside whatever the call does.</summary>
public sealed class SideRecordTests
{
    private const string Flow = "0.0.7-ext.duo_callback-66";

    private static CallDriver Owned()
    {
        var call = new CallDriver();
        call.Do(Some.Construct with { Owner = Flow });
        return call;
    }

    [Fact]
    public void It_begins_before_the_answer_and_changes_no_state()
    {
        var call = Owned();
        call.Trace(new StartSideRecord("/r/a.wav", "Alaw")).ShouldBe(["+ SideRecordBegan", "> reply null", "> StartMediaRecord 1 /r/a.wav Alaw beep=False"]);
        call.Effects.OfType<StartMediaRecord>().Single().Channels.ShouldBe(2);
        call.Phase.ShouldBe(CallPhase.Initiated);
        call.Do(Some.FarEndAnswered);
        call.Phase.ShouldBe(CallPhase.Idle);
        call.Do(Some.Play);
        call.Phase.ShouldBe(CallPhase.Play);
        call.Trace(new StopSideRecord()).ShouldBe(["> reply null", "> StopMediaRecord 1"]);
        var told = call.Do(new RecordFinished(1, MediaEnd.Stopped, null));
        told.Entries.Select(entry => entry.GetType()).ShouldBe([typeof(SideRecordEnded), typeof(OwnerTold)]);
        told.Events.ShouldBeEmpty();
        told.Effects.ShouldHaveSingleItem().ShouldBeOfType<NotifyOwner>().Method.ShouldBe("sys.call.on_record_completed");
        call.Phase.ShouldBe(CallPhase.Play, "the play goes on");
        call.Trace(new StopSideRecord()).ShouldBe(["> reply null"]);
    }

    [Fact]
    public void A_hang_up_ends_it_with_the_session()
    {
        var call = Owned();
        call.Do(new StartSideRecord("/r/a.wav", "Alaw"));
        call.Do(Some.FarEndAnswered);
        call.Do(new ByeArrived(null));
        call.State!.SideRecord.ShouldBeNull();
        call.Do(new RecordFinished(1, MediaEnd.Stopped, null)).Entries.ShouldBeEmpty();
    }

    [Fact]
    public void Of_a_call_that_a_flow_drives_applications_hear_nothing_but_the_closed_channel()
    {
        var call = Owned();
        call.Do(new FarEndRings());
        call.Do(Some.FarEndAnswered);
        call.Do(new ByeArrived(null));
        call.Events.ShouldHaveSingleItem().ShouldBe(call.Events[0]);
        (call.Events[0].Sequence, call.Events[0].Method).ShouldBe((1, "sys.on_chan_closed"));
        call.Effects.OfType<NotifyOwner>().Select(told => (told.Owner, told.Method)).ShouldBe([
            (Flow, "sys.call.on_ringing"), (Flow, "sys.call.on_dial_completed"), (Flow, "sys.call.on_released")]);
    }

    [Fact]
    public void A_call_whose_flow_is_gone_releases_itself()
    {
        var call = Owned();
        call.Do(Some.FarEndAnswered);
        call.Trace(new OwnerGone()).ShouldContain("> SendBye 503");
        call.Phase.ShouldBe(CallPhase.Released);
    }
}
