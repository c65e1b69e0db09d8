using Cti.Media.Files;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Tests;

/// <summary>Sessions and conferences that a node gives up without touching their calls, and sessions of a process that stood still.</summary>
public sealed class AbandonTests
{
    [Fact]
    public void A_session_that_is_given_up_reports_nothing_and_says_no_goodbye()
    {
        var harness = new MediaHarness().Configured();
        harness.Session.Apply(MediaCommand.PreparePlay(1));
        harness.Session.Apply(MediaCommand.StartPlay(1, new PlayList([Spectrum.Prompt(400, 1_000)])));
        harness.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(2, "123")));
        harness.Ticks(20);
        var (happened, sent, reports) = (harness.Happened.Count, harness.Sent.Count, harness.SentRtcp.Count);
        harness.Session.Apply(MediaCommand.Abandon());
        harness.Session.IsFinished.ShouldBeTrue("its ports can be freed at once");
        harness.Ticks(20);
        harness.Session.Apply(MediaCommand.PreparePlay(3));
        harness.Session.Apply(MediaCommand.PrepareRecord(4));
        harness.Session.Apply(MediaCommand.Close());
        harness.Session.ReportClosed();
        (harness.Happened.Count, harness.Sent.Count, harness.SentRtcp.Count).ShouldBe((happened, sent, reports));
    }

    [Fact]
    public void Its_recording_stays_unfinished_and_another_node_goes_on_with_it()
    {
        using var folder = new TemporaryFolder();
        var harness = new MediaHarness().Configured();
        var recorder = SoundRecorder.Open(folder.File("a.wav"), RecordFormat.Alaw).Recorder!;
        harness.Session.Apply(MediaCommand.PrepareRecord(1));
        harness.Session.Apply(MediaCommand.StartRecord(1, recorder, beep: false));
        harness.Ticks(50);
        recorder.Drain().ShouldBeFalse();
        harness.Ticks(50);
        harness.Session.Apply(MediaCommand.Abandon());
        recorder.Drain().ShouldBeTrue();
        File.Exists(folder.File("a.wav")).ShouldBeFalse();
        harness.Happened.ShouldBe([new RecordStarted(1)]);

        var next = SoundRecorder.Open(folder.File("a.wav"), RecordFormat.Alaw, append: true).Recorder!;
        next.Finish();
        next.Drain().ShouldBeTrue();
        new FileInfo(folder.File("a.wav")).Length.ShouldBeInRange(8_000, 8_100, "the second that was written before it was given up, and no more");
    }

    [Fact]
    public void A_recorder_that_is_opened_too_late_for_it_leaves_what_it_found()
    {
        using var folder = new TemporaryFolder();
        var dead = SoundRecorder.Open(folder.File("a.wav"), RecordFormat.Alaw).Recorder!;
        dead.Abandon();
        dead.Drain().ShouldBeTrue();
        var harness = new MediaHarness().Configured();
        harness.Session.Apply(MediaCommand.PrepareRecord(1));
        harness.Session.Apply(MediaCommand.Abandon());
        var late = SoundRecorder.Open(folder.File("a.wav"), RecordFormat.Alaw, append: true).Recorder!;
        harness.Session.Apply(MediaCommand.StartRecord(1, late, beep: false));
        late.Drain().ShouldBeTrue();
        File.Exists(folder.File("a.wav")).ShouldBeFalse();
        harness.Happened.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_other_side_of_its_bridge_is_told_and_hears_silence(bool isFirst)
    {
        using var folder = new TemporaryFolder();
        var rig = new MixRig();
        var (first, second) = (rig.Open(tone: 400), rig.Open(tone: 700));
        var bridge = MixRig.Connect(first, second, new BridgeRequest(1, Record: new BridgeRecording(folder.File("both.wav"), RecordFormat.Alaw)));
        var recorder = SoundRecorder.Open(folder.File("both.wav"), RecordFormat.Alaw, 2).Recorder!;
        first.Session.Apply(MediaCommand.StartBridgeRecord(bridge.Action, recorder));
        rig.Ticks(50);
        (isFirst ? first : second).Session.Apply(MediaCommand.Abandon());
        recorder.Drain();
        rig.Parties.RemoveAt(isFirst ? 0 : 1);
        rig.Ticks(10);
        var other = isFirst ? second : first;
        other.Session.IsFinished.ShouldBeFalse();
        other.Sent[^1].Payload.ShouldAllBe(code => code == 0xD5);
        if (isFirst) first.Happened.ShouldBe([new BridgeStarted(1), new RecordStarted(1)]);
        else first.Happened[^2..].Select(happened => happened.GetType()).ShouldBe([typeof(RecordEnded), typeof(BridgeEnded)]);
        File.Exists(folder.File("both.wav")).ShouldBe(!isFirst, "the recording is the first's");
    }

    [Fact]
    public void A_conference_that_is_given_up_lets_its_members_go_and_reports_nothing()
    {
        using var folder = new TemporaryFolder();
        var rig = new MixRig();
        var member = rig.Open(tone: 400);
        var conference = rig.OpenConference();
        MixRig.Join(conference, member);
        conference.Apply(MediaCommand.PrepareRecord(1));
        var recorder = SoundRecorder.Open(folder.File("mix.wav"), RecordFormat.Alaw).Recorder!;
        conference.Apply(MediaCommand.StartRecord(1, recorder, beep: false));
        rig.Ticks(10);
        var happened = rig.Happened.Count;
        conference.Apply(MediaCommand.Abandon());
        conference.IsFinished.ShouldBeTrue();
        conference.ReportClosed();
        recorder.Drain().ShouldBeTrue();
        (conference.Members, rig.Happened.Count, File.Exists(folder.File("mix.wav"))).ShouldBe((0, happened, false));
        rig.Ticks(1);
        member.Sent[^1].Payload.ShouldAllBe(code => code == 0xD5);
    }

    [Fact]
    public void Time_in_which_the_process_stood_still_is_not_the_far_ends_silence()
    {
        var harness = new MediaHarness(new MediaSessionOptions(InactivityMillis: 5_000)).Configured();
        harness.Ticks(50);
        harness.Clock.MonotonicNanos += 60_000_000_000;
        harness.Ticks(150);
        harness.Happened.ShouldBeEmpty();
        harness.Ticks(100);
        harness.Happened.ShouldBe([new MediaInactive()]);
    }
}
