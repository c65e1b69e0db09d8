using Cti.Media.Files;

namespace Cti.Media.Tests;

/// <summary>What is done to all unfinished recordings after a start, while calls record already.</summary>
public sealed class RecordingRepairTests
{
    private static readonly HashSet<string> None = [];

    /// <summary>What a killed process leaves behind of a recording that had sound.</summary>
    private static string Leave(TemporaryFolder folder, string name)
    {
        var path = folder.File(name);
        var recorder = SoundRecorder.Open(path, RecordFormat.Ulaw).Recorder.ShouldNotBeNull();
        for (var i = 0; i < 5; i++) recorder.Write(new short[160]);
        recorder.Finish();
        recorder.Drain().ShouldBeTrue();
        var left = File.ReadAllBytes(path);
        File.Delete(path);
        folder.Write(name + RecordingHeader.PartSuffix, left);
        return path;
    }

    [Fact]
    public void It_ends_where_its_time_is_over_and_the_next_one_does_the_rest()
    {
        using var folder = new TemporaryFolder();
        var all = Enumerable.Range(0, 20).Select(i => Leave(folder, $"{i % 4}/{i}.wav")).ToList();
        var asked = 0;
        var first = RecordingRepair.RepairAll(folder.Path, None, () => ++asked <= 12);
        first.Count.ShouldBeInRange(1, 11);
        var second = RecordingRepair.RepairAll(folder.Path, None);
        first.Concat(second).Order().ShouldBe(all.Order());
        all.ShouldAllBe(static path => File.Exists(path));
    }

    [Fact]
    public void Other_files_are_counted_against_the_time_too()
    {
        using var folder = new TemporaryFolder();
        for (var i = 0; i < 50; i++) folder.Write($"{i}.wav", [1]);
        var asked = 0;
        RecordingRepair.RepairAll(folder.Path, None, () => ++asked > 0).ShouldBeEmpty();
        asked.ShouldBeGreaterThanOrEqualTo(50);
    }

    [Fact]
    public void What_is_being_opened_at_that_moment_is_left_alone()
    {
        using var folder = new TemporaryFolder();
        var path = Leave(folder, "a.wav");
        folder.Write("b.wav" + RecordingFile.CopySuffix, [1, 2, 3]);
        using (RecordingTurn.Take(path))
        using (RecordingTurn.Take(folder.File("b.wav")))
        {
            RecordingRepair.RepairAll(folder.Path, None).ShouldBeEmpty();
            Directory.GetFiles(folder.Path).Length.ShouldBe(2);
        }
        RecordingRepair.RepairAll(folder.Path, None).ShouldBe([path]);
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Fact]
    public async Task Recordings_that_begin_and_are_continued_meanwhile_do_not_notice_it()
    {
        using var folder = new TemporaryFolder();
        using var over = new CancellationTokenSource();
        var repairing = Task.Run(() =>
        {
            while (!over.IsCancellationRequested) RecordingRepair.RepairAll(folder.Path, None);
        });
        for (var i = 0; i < 400; i++)
        {
            var opening = SoundRecorder.Open(folder.File($"{i % 3}.wav"), RecordFormat.Ulaw, append: i % 2 == 1);
            opening.Detail.ShouldBeNull();
            var recorder = opening.Recorder.ShouldNotBeNull();
            recorder.Write(new short[160]);
            recorder.Finish();
            recorder.Drain().ShouldBeTrue();
            recorder.Failure.ShouldBeNull();
        }
        await over.CancelAsync();
        await repairing;
    }
}
