using System.Runtime.Versioning;
using Cti.Media.Files;

namespace Cti.Media.Tests;

/// <summary>Recordings on disks that are full, that do not answer, and that others read.</summary>
public sealed class RecordingDiskTests
{
    private const UnixFileMode Folder0750 =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute;
    private const UnixFileMode File0640 = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    private static void Say(SoundRecorder recorder, int frames)
    {
        for (var i = 0; i < frames; i++) recorder.Write(new short[160]);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void A_recording_is_for_its_owner_and_its_group()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("new/deep/a.wav");
        var recorder = SoundRecorder.Open(path, RecordFormat.Alaw).Recorder.ShouldNotBeNull();
        Say(recorder, 1);
        File.GetUnixFileMode(path + ".cti-part").ShouldBe(File0640);
        recorder.Finish();
        recorder.Drain().ShouldBeTrue();
        File.GetUnixFileMode(path).ShouldBe(File0640);
        File.GetUnixFileMode(folder.File("new")).ShouldBe(Folder0750);
        File.GetUnixFileMode(folder.File("new/deep")).ShouldBe(Folder0750);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Modes_are_as_configured_whatever_the_mask_of_the_process_is()
    {
        using var folder = new TemporaryFolder();
        var modes = new RecordingModes((UnixFileMode)0b110_110_110, (UnixFileMode)0b111_111_111);
        var recorder = SoundRecorder.Open(folder.File("new/a.mp3"), RecordFormat.Alaw, modes: modes).Recorder.ShouldNotBeNull();
        recorder.Finish();
        recorder.Drain().ShouldBeTrue();
        File.GetUnixFileMode(folder.File("new/a.mp3")).ShouldBe(modes.File);
        File.GetUnixFileMode(folder.File("new")).ShouldBe(modes.Folder);
    }

    [Theory]
    [InlineData(RecordFormat.Alaw)]
    [InlineData(RecordFormat.Pcm8)]
    [InlineData(RecordFormat.ImaAdpcm)]
    [InlineData(RecordFormat.OkiAdpcm)]
    public void A_full_disk_ends_the_recording_with_what_there_was_under_its_name(RecordFormat format)
    {
        using var disk = new SmallDisk(kilobytes: 64);
        if (!disk.IsThere) return;
        var path = disk.File("a" + (format == RecordFormat.OkiAdpcm ? ".vox" : ".wav"));
        var recorder = SoundRecorder.Open(path, format).Recorder.ShouldNotBeNull();
        var isDone = false;
        for (var i = 0; i < 100 && !isDone; i++)
        {
            Say(recorder, 50);
            isDone = recorder.Drain();
        }
        isDone.ShouldBeTrue("the disk is full");
        recorder.Failure.ShouldBe($"{path}: the disk is full; the file ends there");
        disk.Files().ShouldBe([path]);
        var heard = SoundFile.Load(path, "a").Prompt.ShouldNotBeNull();
        heard.Samples.ShouldBeGreaterThan(32_000);
    }

    [Fact]
    public void A_disk_that_is_full_from_the_start_leaves_nothing_behind()
    {
        using var disk = new SmallDisk(kilobytes: 16);
        if (!disk.IsThere) return;
        disk.Fill();
        var opening = SoundRecorder.Open(disk.File("folder/a.wav"), RecordFormat.Alaw);
        if (opening.Recorder is { } recorder)
        {
            Say(recorder, 50);
            recorder.Drain().ShouldBeTrue();
            recorder.Failure.ShouldBe($"{disk.File("folder/a.wav")}: the disk is full");
        }
        else
        {
            opening.Detail.ShouldBe($"{disk.File("folder/a.wav")}: the disk is full");
        }
        disk.Files().ShouldBe([disk.File("filling")]);
    }

    [Fact]
    public void A_recording_that_was_given_up_has_failed_at_once_and_is_completed_when_its_disk_is_back()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.wav");
        var recorder = SoundRecorder.Open(path, RecordFormat.Alaw).Recorder.ShouldNotBeNull();
        Say(recorder, 10);
        recorder.Drain().ShouldBeFalse();
        Say(recorder, 10);
        recorder.GiveUp("its disk does not answer");
        recorder.IsDone.ShouldBeTrue();
        recorder.Failure.ShouldBe($"{path}: its disk does not answer");
        File.Exists(path).ShouldBeFalse();
        recorder.Drain().ShouldBeTrue();
        recorder.Drain().ShouldBeTrue();
        SoundFile.Load(path, "a.wav").Prompt.ShouldNotBeNull().Samples.ShouldBe(1600);
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    /// <summary>A file system of its own in memory; not there where the tests may not mount one.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public SmallDisk(int kilobytes) =>
            IsThere = Environment.UserName == "root" && Run("mount", "-t", "tmpfs", "-o", $"size={kilobytes}k", "tmpfs", _folder.Path);

        public bool IsThere { get; }

        public string File(string name) => _folder.File(name);

        public string[] Files() => Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories);

        public void Fill()
        {
            using var file = new FileStream(File("filling"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            try
            {
                while (true) file.Write(new byte[512]);
            }
            catch (IOException)
            {
                // Full, as it should be.
            }
        }

        public void Dispose()
        {
            if (IsThere) Run("umount", "-l", _folder.Path);
            _folder.Dispose();
        }

        private static bool Run(string program, params string[] arguments)
        {
            using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
    }
}
