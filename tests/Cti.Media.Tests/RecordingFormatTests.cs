using Cti.Media.Files;

namespace Cti.Media.Tests;

/// <summary>Every recording format, as programs of others decode it.</summary>
public sealed class RecordingFormatTests
{
    private static readonly short[] Up = Rising(300, 3000, 12_000);
    private static readonly short[] Down = Rising(2500, 400, 12_000);
    private static readonly SoundLibrary NoLibrary = new("libsndfile-that-is-not-there.so.1");

    /// <summary>Those of 8 kHz.</summary>
    public static TheoryData<RecordFormat> All => [.. Enum.GetValues<RecordFormat>().Where(static format => format != RecordFormat.Pcm16k)];

    private static short[] Rising(double from, double to, int samples) =>
        [.. Enumerable.Range(0, samples)
            .Select(i => (short)(9_000 * Math.Sin(2 * Math.PI * ((from * i / 8000) + ((to - from) / (2.0 * samples) * i * i / 8000)))))];

    private static bool HasStereo(RecordFormat format) =>
        format is RecordFormat.Pcm8 or RecordFormat.Alaw or RecordFormat.Ulaw or RecordFormat.ImaAdpcm or RecordFormat.Mp3;

    private static string NameOf(string name, RecordFormat format) => name + format switch
    {
        RecordFormat.Mp3 => ".mp3",
        RecordFormat.OkiAdpcm => ".vox",
        _ => ".wav",
    };

    [Theory]
    [InlineData(RecordFormat.G721, "libsndfile")]
    [InlineData(RecordFormat.G726, "ffmpeg")]
    public void Each_of_the_two_formats_is_read_by_the_tool_that_the_documentation_names_and_by_no_other(RecordFormat format, string reader)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("said.wav");
        short[] said = [.. Enumerable.Range(0, 8000).Select(static i => (short)(9_000 * Math.Sin(i * 0.1 * (1 + (i / 8000.0)))))];
        Record(path, format, said);
        var tools = new (string Name, Func<string, short[]> Read)[]
        {
            ("libsndfile", OtherPrograms.Sndfile), ("ffmpeg", OtherPrograms.Ffmpeg), ("sox", OtherPrograms.Sox),
        };
        tools.Where(tool => Reads(tool.Read)).Select(static tool => tool.Name).ShouldBe([reader]);

        bool Reads(Func<string, short[]> read)
        {
            try
            {
                ShouldHold(read(path), said, format);
                return true;
            }
            catch (Exception fault) when (fault is InvalidOperationException or ShouldAssertException or IOException)
            {
                return false;
            }
        }
    }

    /// <summary>What the format keeps of a sound: the least correlation. GSM is made for voices, not for tones.</summary>
    private static double Faithful(RecordFormat format) => format switch
    {
        RecordFormat.Gsm => 0.8,
        RecordFormat.Mp3 => 0.93,
        RecordFormat.OkiAdpcm or RecordFormat.ImaAdpcm => 0.95,
        RecordFormat.G726 or RecordFormat.G721 => 0.97,
        _ => 0.995,
    };

    private static IEnumerable<short[]> Decodings(string path, RecordFormat format)
    {
        if (format is RecordFormat.G721) yield return OtherPrograms.Sndfile(path);
        if (format is not (RecordFormat.G721 or RecordFormat.G726)) yield return OtherPrograms.Sox(path);
        if (format is not (RecordFormat.G721 or RecordFormat.OkiAdpcm)) yield return OtherPrograms.Ffmpeg(path);
    }

    private static short[] Channel(short[] both, int channel) => [.. both.Where((_, i) => i % 2 == channel)];

    private static short[] Both(short[] left, short[] right) => [.. left.Zip(right).SelectMany(pair => new[] { pair.First, pair.Second })];

    private static void ShouldHold(short[] heard, short[] said, RecordFormat format, int from = 0) =>
        Sound.ShouldHold(heard, said, Faithful(format), from, format.ToString());

    private static SoundRecorder Open(string path, RecordFormat format, int channels = 1, int? fileChannels = null, bool append = false)
    {
        var opening = SoundRecorder.Open(path, format, channels, fileChannels, append);
        opening.Detail.ShouldBeNull();
        return opening.Recorder.ShouldNotBeNull();
    }

    private static void Write(SoundRecorder recorder, short[] sound, int channels = 1)
    {
        var frame = 160 * channels;
        for (var at = 0; at < sound.Length; at += frame)
        {
            recorder.Write(sound.AsSpan(at, Math.Min(frame, sound.Length - at)));
            if (at % (frame * 25) == 0) recorder.Drain().ShouldBeFalse();
        }
        recorder.Drain().ShouldBeFalse();
    }

    private static void Complete(SoundRecorder recorder)
    {
        recorder.Finish();
        recorder.Drain().ShouldBeTrue();
        recorder.Failure.ShouldBeNull();
    }

    private static void Record(string path, RecordFormat format, short[] sound, int channels = 1, int? fileChannels = null, bool append = false)
    {
        var recorder = Open(path, format, channels, fileChannels, append);
        Write(recorder, sound, channels);
        Complete(recorder);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Other_programs_decode_what_was_said(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File(NameOf("a", format));
        Record(path, format, Up);
        foreach (var heard in Decodings(path, format))
        {
            // A block at the most is filled up; MP3 has its delay before and after.
            (heard.Length - Up.Length).ShouldBeInRange(0, format == RecordFormat.Mp3 ? 3_000 : 600);
            ShouldHold(heard, Up, format);
        }
        var own = SoundFile.Load(path, "a").Prompt.ShouldNotBeNull();
        ShouldHold(Sound.Decode(own.Encoded(AudioCodec.Pcma).ToArray()), Up, format);
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Two_channels_stay_apart_where_the_format_has_them_and_are_mixed_where_not(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File(NameOf("b", format));
        var recorder = Open(path, format, 2);
        recorder.FileChannels.ShouldBe(HasStereo(format) ? 2 : 1);
        short[] silence = new short[Up.Length];
        // One talks, then the other.
        Write(recorder, [.. Both(Up, silence), .. Both(silence, Down)], 2);
        Complete(recorder);
        foreach (var heard in Decodings(path, format))
        {
            if (!HasStereo(format))
            {
                ShouldHold(heard, Up, format);
                ShouldHold(heard, Down, format, from: Up.Length);
                continue;
            }
            var (left, right) = (Channel(heard, 0), Channel(heard, 1));
            ShouldHold(left, Up, format);
            ShouldHold(right, Down, format, from: Up.Length);
            Sound.Level(right.AsSpan(1_000, 9_000)).ShouldBeLessThan(200);
            Sound.Level(left.AsSpan(Up.Length + 3_000, 8_000)).ShouldBeLessThan(200);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_recording_goes_on_in_the_file_that_is_there(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File(NameOf("c", format));
        Record(path, format, Up, append: true);
        var second = Open(path, format, append: true);
        var before = File.ReadAllBytes(path);
        Write(second, Down);
        File.ReadAllBytes(path).ShouldBe(before);
        Complete(second);
        second.DurationMillis.ShouldBe(1_500);
        foreach (var heard in Decodings(path, format))
        {
            (heard.Length - Up.Length - Down.Length).ShouldBeInRange(0, format == RecordFormat.Mp3 ? 6_000 : 1_200);
            ShouldHold(heard, Up, format);
            ShouldHold(heard, Down, format, from: Up.Length);
        }
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_bridge_goes_on_in_the_file_of_a_session_with_two_channels_from_the_start(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File(NameOf("d", format));
        Record(path, format, Up, fileChannels: 2);
        Record(path, format, Both(Up, Down), channels: 2, append: true);
        foreach (var heard in Decodings(path, format))
        {
            if (!HasStereo(format))
            {
                heard.Length.ShouldBeInRange(2 * Up.Length, (2 * Up.Length) + 1_200);
                ShouldHold(heard, Up, format);
                continue;
            }
            var (left, right) = (Channel(heard, 0), Channel(heard, 1));
            ShouldHold(left, Up, format);
            ShouldHold(left, Up, format, from: Up.Length);
            Sound.Level(right.AsSpan(1_000, 9_000)).ShouldBeLessThan(200);
            ShouldHold(right, Down, format, from: Up.Length);
        }
    }

    [Fact]
    public void Two_channels_go_into_a_file_of_one_as_a_mix()
    {
        using var folder = new TemporaryFolder();
        Record(folder.File("e.wav"), RecordFormat.Alaw, Up);
        Record(folder.File("e.wav"), RecordFormat.Alaw, Both(new short[Down.Length], Down), channels: 2, append: true);
        var heard = OtherPrograms.Sox(folder.File("e.wav"));
        heard.Length.ShouldBe(Up.Length + Down.Length);
        ShouldHold(heard, Down, RecordFormat.Alaw, from: Up.Length);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void What_a_dead_process_wrote_is_completed_or_continued(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File(NameOf("f", format));
        var dying = Open(path, format);
        Write(dying, Up);
        // What lies on the disk in this moment is what a killed process leaves.
        var repaired = folder.File(NameOf("repaired", format));
        var continued = folder.File(NameOf("continued", format));
        var given = folder.File(NameOf("given-up", format));
        foreach (var copy in new[] { repaired, continued, given })
            OtherPrograms.Run("cp", path + RecordingHeader.PartSuffix, copy + RecordingHeader.PartSuffix);
        dying.Discard();
        dying.Drain().ShouldBeTrue();

        // Less than a block is lost; of MP3 what the encoder keeps back, about two frames, and a piece of one.
        var kept = Up[..(format == RecordFormat.Mp3 ? 9_600 : 10_400)];
        RecordingRepair.RepairTarget(repaired).ShouldBe(repaired);
        foreach (var heard in Decodings(repaired, format))
        {
            heard.Length.ShouldBeGreaterThan(Up.Length - 1_800);
            ShouldHold(heard, kept, format);
        }
        File.WriteAllText(continued, "an older file of that name");
        Record(continued, format, Down, append: true);
        foreach (var heard in Decodings(continued, format))
        {
            ShouldHold(heard, kept, format);
            ShouldHold(heard, Down, format, from: Up.Length - 1_800);
        }
        var recorder = Open(given, format, append: true);
        Write(recorder, Down);
        recorder.Discard();
        recorder.Drain().ShouldBeTrue();
        File.ReadAllBytes(given).ShouldBe(File.ReadAllBytes(repaired));
        Directory.GetFiles(folder.Path).Order().ShouldBe(new[] { repaired, continued, given }.Order());
    }

    [Theory]
    [InlineData(RecordFormat.Alaw, RecordFormat.Ulaw)]
    [InlineData(RecordFormat.G726, RecordFormat.G721)]
    [InlineData(RecordFormat.Pcm8, RecordFormat.Gsm)]
    public void A_file_of_another_format_is_not_continued_and_stays(RecordFormat there, RecordFormat wanted)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("g.wav");
        Record(path, there, Up);
        var before = File.ReadAllBytes(path);
        var opening = SoundRecorder.Open(path, wanted, append: true);
        opening.Outcome.ShouldBe(MediaOutcome.Unsupported);
        opening.Detail.ShouldNotBeNull().ShouldContain("g.wav");
        File.ReadAllBytes(path).ShouldBe(before);
        Directory.GetFiles(folder.Path).ShouldBe([path]);
        var mp3 = folder.Write("x.mp3", new byte[1000]);
        SoundRecorder.Open(mp3, RecordFormat.Mp3, append: true).Outcome.ShouldBe(MediaOutcome.Unsupported);
    }

    [Fact]
    public void A_piece_of_a_frame_at_the_end_is_cut_and_a_file_that_is_none_stays()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("p.mp3");
        Record(path, RecordFormat.Mp3, Both(Up, Down), channels: 2);
        var whole = File.ReadAllBytes(path);
        (whole.Length % 576).ShouldBe(0);
        folder.Write("cut.mp3" + RecordingHeader.PartSuffix, whole[..^5]);
        RecordingRepair.RepairTarget(folder.File("cut.mp3")).ShouldBe(folder.File("cut.mp3"));
        File.ReadAllBytes(folder.File("cut.mp3")).ShouldBe(whole[..^576]);
        var less = folder.Write("less.mp3" + RecordingHeader.PartSuffix, whole[..500]);
        RecordingRepair.RepairTarget(folder.File("less.mp3")).ShouldBeNull();
        File.Exists(less).ShouldBeFalse();
        var other = folder.Write("other.mp3" + RecordingHeader.PartSuffix, new byte[1000]);
        RecordingRepair.RepairTarget(folder.File("other.mp3")).ShouldBeNull();
        File.ReadAllBytes(other).Length.ShouldBe(1000);
    }

    [Fact]
    public void Half_a_copy_of_a_crash_is_removed_and_never_replaces_the_whole()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("h.wav");
        Record(path, RecordFormat.Gsm, Up);
        var before = File.ReadAllBytes(path);
        folder.Write("h.wav" + RecordingFile.CopySuffix, before[..500]);
        RecordingRepair.RepairAll(folder.Path, new HashSet<string>()).ShouldBeEmpty();
        Directory.GetFiles(folder.Path).ShouldBe([path]);
        File.ReadAllBytes(path).ShouldBe(before);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Without_the_library_a_format_that_needs_it_says_what_to_install(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var opening = SoundRecorder.Open(folder.File("i.wav"), format, library: NoLibrary);
        if (format is RecordFormat.Pcm8 or RecordFormat.Alaw or RecordFormat.Ulaw or RecordFormat.OkiAdpcm)
        {
            NoLibrary.WhyUnsupported(format).ShouldBeNull();
            opening.Recorder.ShouldNotBeNull().Discard();
            opening.Recorder!.Drain().ShouldBeTrue();
        }
        else
        {
            NoLibrary.WhyUnsupported(format).ShouldNotBeNull().ShouldContain("apt-get install libsndfile1");
            opening.Outcome.ShouldBe(MediaOutcome.Unsupported);
            opening.Detail.ShouldBe(NoLibrary.WhyUnsupported(format));
        }
        Directory.GetFiles(folder.Path).ShouldBeEmpty();
        SoundLibrary.Default.WhyUnsupported(format).ShouldBeNull();
    }
}
