using System.Collections.Concurrent;
using System.Diagnostics;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;
using Cti.Transport.Media;

namespace Cti.Transport.Tests.Media;

/// <summary>Disks that do not answer: what asks for such a file waits, everything else goes on.</summary>
public sealed class SilentDiskTests
{
    private const int LimitMillis = 600;

    private static MediaFixture Fixture(SilentFiles files) =>
        new(options => options with { LoaderThreads = 1, DiskAnswerMillisMax = LimitMillis }, cache => files.Over(cache));

    private static T Next<T>(MediaPeer peer)
        where T : MediaEvent
    {
        while (true)
        {
            if (peer.NextEvent() is T happened) return happened;
        }
    }

    private static void ShouldHear(MediaFixture fixture, MediaPeer peer, long action, string file, string application = "")
    {
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(action, [file], Application: application));
        Next<PlayEnded>(peer).ShouldBe(new PlayEnded(action, MediaOutcome.Completed));
    }

    [Fact]
    public void A_read_that_does_not_return_ends_its_play_and_holds_up_no_other_file()
    {
        using var files = new SilentFiles();
        using var fixture = Fixture(files);
        using var waiting = fixture.Open();
        using var other = fixture.Open();
        fixture.WriteAlaw("kept.wav", MediaFixture.Pattern(800, 1));
        ShouldHear(fixture, other, 1, "kept.wav");
        fixture.WriteAlaw("new.wav", MediaFixture.Pattern(800, 2));

        var watch = Stopwatch.StartNew();
        fixture.Engine.StartPlay(waiting.Session, new PlayRequest(1, ["silent.wav"]));
        files.Asked("silent.wav").ShouldBeTrue();
        ShouldHear(fixture, other, 2, "kept.wav");
        ShouldHear(fixture, other, 3, "new.wav");
        var ended = Next<PlayEnded>(waiting);
        ended.Outcome.ShouldBe(MediaOutcome.Failed);
        ended.Detail.ShouldBe("silent.wav: its disk does not answer");
        watch.ElapsedMilliseconds.ShouldBeGreaterThan(LimitMillis - 100);
        fixture.Engine.HeldUpThreads.ShouldBe(1);
        fixture.Log.Kinds.ShouldContain(LogEvents.DiskSilent);

        // It is not asked a second time: the answer comes at once, and costs no thread.
        fixture.Engine.StartPlay(waiting.Session, new PlayRequest(2, ["kept.wav", "silent.wav"]));
        Next<PlayEnded>(waiting).Outcome.ShouldBe(MediaOutcome.Failed);
        files.TimesAsked("silent.wav").ShouldBe(1);

        files.Answer("silent.wav");
        SpinWait.SpinUntil(() => fixture.Engine.HeldUpThreads == 0, MediaFixture.Patience).ShouldBeTrue();
        fixture.WriteAlaw("silent.wav", MediaFixture.Pattern(800, 3));
        ShouldHear(fixture, waiting, 3, "silent.wav");
        fixture.Log.Kinds.ShouldContain(LogEvents.DiskAnswersAgain);
    }

    [Fact]
    public void A_hundred_plays_of_a_silent_file_take_a_thread_or_two()
    {
        using var files = new SilentFiles();
        using var fixture = Fixture(files);
        using var waiting = fixture.Open();
        using var other = fixture.Open();
        for (var i = 1; i <= 100; i++) fixture.Engine.StartPlay(waiting.Session, new PlayRequest(i, ["silent.wav"]));
        fixture.WriteAlaw("new.wav", MediaFixture.Pattern(800, 2));
        ShouldHear(fixture, other, 1, "new.wav");
        for (var i = 1; i <= 100; i++) Next<PlayEnded>(waiting).Outcome.ShouldBeOneOf(MediaOutcome.Failed, MediaOutcome.Stopped);
        SpinWait.SpinUntil(() => fixture.Engine.HeldUpThreads > 0, MediaFixture.Patience).ShouldBeTrue();
        files.TimesAsked("silent.wav").ShouldBeLessThan(4);
    }

    [Fact]
    public void One_application_can_hold_up_its_own_share_of_the_threads_only()
    {
        using var files = new SilentFiles();
        using var fixture = Fixture(files);
        using var waiting = fixture.Open();
        using var other = fixture.Open();
        for (var i = 1; i <= 60; i++)
        {
            fixture.Engine.StartPlay(waiting.Session, new PlayRequest(i, [$"silent-{i}.wav"], Application: "a"));
        }
        fixture.WriteAlaw("new.wav", MediaFixture.Pattern(800, 2));
        ShouldHear(fixture, other, 1, "new.wav", "b");
        SpinWait.SpinUntil(() => fixture.Engine.HeldUpThreads >= Limits.LoadThreadsMax / 4, MediaFixture.Patience).ShouldBeTrue();
        fixture.WriteAlaw("another.wav", MediaFixture.Pattern(800, 2));
        ShouldHear(fixture, other, 2, "another.wav", "b");
        fixture.Engine.HeldUpThreads.ShouldBe(Limits.LoadThreadsMax / 4);
        for (var i = 1; i <= 60; i++) Next<PlayEnded>(waiting).Outcome.ShouldNotBe(MediaOutcome.Completed);
    }

    [Fact]
    public void A_prompt_in_memory_is_heard_though_its_disk_is_away()
    {
        using var files = new SilentFiles();
        using var fixture = Fixture(files);
        using var peer = fixture.Open();
        fixture.WriteAlaw("silent-later.wav", MediaFixture.Pattern(800, 1));
        files.Answer("silent-later.wav");
        ShouldHear(fixture, peer, 1, "silent-later.wav");
        files.FallSilent("silent-later.wav");
        for (var i = 2; i < 6; i++) ShouldHear(fixture, peer, i, "silent-later.wav");
        files.TimesAsked("silent-later.wav").ShouldBeLessThan(4, "once it was looked at in vain");
    }

    [Fact]
    public void Recordings_do_not_wait_for_prompts()
    {
        using var files = new SilentFiles();
        using var fixture = Fixture(files);
        using var waiting = fixture.Open();
        using var other = fixture.Open();
        for (var i = 1; i <= 10; i++) fixture.Engine.StartPlay(waiting.Session, new PlayRequest(i, [$"silent-{i}.wav"]));
        var path = Path.Combine(fixture.Root, "a.wav");
        fixture.Engine.StartRecord(other.Session, new RecordRequest(1, path, RecordFormat.Alaw, Beep: false));
        Next<RecordStarted>(other);
        fixture.Engine.StopRecord(other.Session, 1);
        Next<RecordEnded>(other).Outcome.ShouldBe(MediaOutcome.Stopped);
        File.Exists(path).ShouldBeTrue();
    }

    [Fact]
    public void A_question_about_a_name_is_answered_whether_the_disk_answers_or_not()
    {
        using var fixture = new MediaFixture(options => options with { DiskAnswerMillisMax = LimitMillis });
        using var answers = new ManualResetEventSlim();
        fixture.Engine.Ask("a", "x.wav", () => 1, 2, 10_000).ShouldBe(1);
        fixture.Engine.Ask<int>("a", "x.wav", () => throw new IOException("gone"), 2, 10_000).ShouldBe(2);
        fixture.Engine.Ask("a", "silent.wav", () => Waits(answers), 2, 100).ShouldBe(2, "who asks waits no longer than it wants to");
        SpinWait.SpinUntil(() => fixture.Engine.HeldUpThreads == 1, MediaFixture.Patience).ShouldBeTrue();
        fixture.Engine.Ask("a", "silent.wav", () => 1, 2, 10_000).ShouldBe(2, "it is known not to answer");
        fixture.Engine.Ask("a", "x.wav", () => 1, 2, 10_000).ShouldBe(1);
        answers.Set();
        SpinWait.SpinUntil(() => fixture.Engine.HeldUpThreads == 0, MediaFixture.Patience).ShouldBeTrue();
        fixture.Engine.Ask("a", "silent.wav", () => 1, 2, 10_000).ShouldBe(1);
    }

    [Fact]
    public void Looking_through_folders_that_do_not_answer_holds_up_nobody()
    {
        using var answers = new ManualResetEventSlim();
        using var ended = new ManualResetEventSlim();
        Func<bool>? goesOn = null;
        using (var fixture = new MediaFixture(options => options with { LoaderThreads = 1, DiskAnswerMillisMax = LimitMillis }))
        {
            using var peer = fixture.Open();
            var watch = Stopwatch.StartNew();
            fixture.Engine.BeginLook(given =>
            {
                goesOn = given;
                answers.Wait();
                ended.Set();
            });
            fixture.WriteAlaw("new.wav", MediaFixture.Pattern(800, 2));
            ShouldHear(fixture, peer, 1, "new.wav");
            fixture.Engine.Ask("a", "x.wav", () => 1, 2, 10_000).ShouldBe(1);
            watch.Elapsed.ShouldBeLessThan(MediaFixture.Patience);
            SpinWait.SpinUntil(() => goesOn is not null, MediaFixture.Patience).ShouldBeTrue();
            goesOn!().ShouldBeTrue();
        }
        goesOn().ShouldBeFalse("the node has stopped, and has not waited for it");
        ended.IsSet.ShouldBeFalse();
        answers.Set();
        ended.Wait(MediaFixture.Patience).ShouldBeTrue();
    }

    private static int Waits(ManualResetEventSlim answers)
    {
        answers.Wait();
        return 3;
    }

    [Fact]
    public void Stopping_waits_for_no_disk()
    {
        using var files = new SilentFiles();
        var fixture = Fixture(files);
        var peer = fixture.Open();
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(1, ["silent.wav"]));
        files.Asked("silent.wav").ShouldBeTrue();
        var watch = Stopwatch.StartNew();
        fixture.Dispose();
        watch.ElapsedMilliseconds.ShouldBeLessThan(5_000);
        peer.Dispose();
    }

    [Fact]
    public void A_pipe_is_refused_and_not_waited_for()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open();
        using (var made = Process.Start("mkfifo", [Path.Combine(fixture.Root, "pipe.wav")])) made.WaitForExit();
        for (var i = 1; i <= 5; i++)
        {
            fixture.Engine.StartPlay(peer.Session, new PlayRequest(i, ["pipe.wav"]));
            Next<PlayEnded>(peer).ShouldBe(new PlayEnded(i, MediaOutcome.Unsupported, "pipe.wav: it is no regular file"));
        }
        fixture.Engine.HeldUpThreads.ShouldBe(0);
    }

    [Fact]
    public void A_write_that_does_not_return_fails_its_recording_and_holds_up_no_other_one()
    {
        var writer = new RecordingWriter(NullLog.Instance, LimitMillis);
        using var answers = new ManualResetEventSlim();
        var hung = new Written("hung.wav", "a", answers);
        var all = Enumerable.Range(0, 5).Select(i => new Written($"{i}.wav", "b", null)).Append(hung).ToList();
        foreach (var one in all) writer.Add(one.File);
        Until(writer, () => all.TrueForAll(static one => one == one.Hung || one.Drains > 3));
        Until(writer, () => hung.Failure is not null);
        hung.Failure.ShouldBe("its disk does not answer");
        writer.GivenUp.ShouldBe(1);
        var late = new Written("late.wav", "a", null) { IsEnding = true };
        writer.Add(late.File);
        Until(writer, () => late.IsDone);
        var watch = Stopwatch.StartNew();
        writer.Stop(LoopThread.Now() + 3_000_000_000);
        watch.ElapsedMilliseconds.ShouldBeLessThan(2_000);
        answers.Set();
    }

    [Fact]
    public void Recordings_that_no_thread_is_left_for_fail_as_well()
    {
        var writer = new RecordingWriter(NullLog.Instance, LimitMillis);
        using var answers = new ManualResetEventSlim();
        var hung = Enumerable.Range(0, 40).Select(i => new Written($"{i}.wav", "a", answers)).ToList();
        foreach (var one in hung) writer.Add(one.File);
        Until(writer, () => hung.TrueForAll(static one => one.Failure is not null));
        var other = new Written("other.wav", "b", null) { IsEnding = true };
        writer.Add(other.File);
        Until(writer, () => other.IsDone);
        other.Failure.ShouldBeNull();
        answers.Set();
        Until(writer, () => writer.Count == 0);
        writer.Stop(LoopThread.Now() + 3_000_000_000);
    }

    [Fact]
    public void A_recording_that_is_let_go_of_for_another_node_is_no_fault_of_its_disk()
    {
        var log = new CollectingLog();
        var writer = new RecordingWriter(log, LimitMillis);
        using var fixture = new MediaFixture();
        var path = Path.Combine(fixture.Root, "a.wav");
        var recorder = SoundRecorder.Open(path, RecordFormat.Alaw).Recorder.ShouldNotBeNull();
        writer.Add(WrittenFile.Of(recorder, "a"));
        recorder.Abandon();
        Until(writer, () => writer.Count == 0);
        writer.Stop(LoopThread.Now() + 3_000_000_000);
        recorder.Failure.ShouldNotBeNull();
        log.Kinds.ShouldBeEmpty();
        File.Exists(path + ".cti-part").ShouldBeTrue();
    }

    private static void Until(RecordingWriter writer, Func<bool> condition)
    {
        SpinWait.SpinUntil(() =>
        {
            writer.Tick();
            return condition();
        }, MediaFixture.Patience).ShouldBeTrue();
    }

    /// <summary>A recording whose writes return when they are let.</summary>
    private sealed class Written(string path, string application, ManualResetEventSlim? answers)
    {
        private int _drains;

        public Written? Hung => answers is null ? null : this;

        public int Drains => Volatile.Read(ref _drains);

        public volatile bool IsEnding;

        public volatile bool IsDone;

        public volatile string? Failure;

        public WrittenFile File => new(path, application, Drain, why => Failure = why, () => Failure);

        private bool Drain()
        {
            answers?.Wait();
            Interlocked.Increment(ref _drains);
            if (answers is null && !IsEnding) return false;
            IsDone = true;
            return true;
        }
    }

    /// <summary>Files beginning with <c>silent</c>, whose reads return when they are let.</summary>
    private sealed class SilentFiles : IDisposable
    {
        private readonly ConcurrentDictionary<string, ManualResetEventSlim> _answers = new();
        private readonly ConcurrentDictionary<string, int> _asked = new();
        private volatile bool _isOver;

        public IPromptSource Over(PromptCache cache) => new Source(this, cache);

        public bool Asked(string name) => SpinWait.SpinUntil(() => TimesAsked(name) > 0, MediaFixture.Patience);

        public int TimesAsked(string name) => _asked.GetValueOrDefault(name);

        public void Answer(string name) => Of(name).Set();

        public void FallSilent(string name)
        {
            _asked[name] = 0;
            Of(name).Reset();
        }

        public void Dispose()
        {
            _isOver = true;
            foreach (var answer in _answers.Values) answer.Set();
        }

        private ManualResetEventSlim Of(string name) => _answers.GetOrAdd(name, static _ => new ManualResetEventSlim());

        private sealed class Source(SilentFiles files, PromptCache cache) : IPromptSource
        {
            public IPromptSource For(string application) => new Source(files, cache.For(application));

            public Prompt? Kept(string name) => cache.Kept(name);

            public PromptLoad Load(string name)
            {
                if (name.StartsWith("silent", StringComparison.Ordinal))
                {
                    files._asked.AddOrUpdate(name, 1, static (_, times) => times + 1);
                    if (!files._isOver) files.Of(name).Wait();
                }
                return cache.Load(name);
            }
        }
    }
}
