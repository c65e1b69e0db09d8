using System.Buffers.Binary;
using Cti.Media.Files;

namespace Cti.Media.Tests;

public sealed class FileTests
{
    private static readonly short[] Tone = Sound.Sine(500, 4000);

    private static short[] Linear(Prompt prompt) => Sound.Decode(prompt.Encoded(AudioCodec.Pcma).ToArray());

    [Fact]
    public void A_law_and_mu_law_files_keep_their_very_bytes()
    {
        var bytes = Enumerable.Range(0, 256).Select(i => (byte)i).ToArray();
        WavFile.Read(Wav.Of(6, 8, 1, 8000, bytes)).Encoded(AudioCodec.Pcma).ToArray().ShouldBe(bytes);
        WavFile.Read(Wav.Of(7, 8, 1, 8000, bytes)).Encoded(AudioCodec.Pcmu).ToArray().ShouldBe(bytes);
        WavFile.Read(Wav.Of(6, 8, 1, 8000, bytes)).Encoded(AudioCodec.Pcmu).ToArray().ShouldBe(Sound.Encode(Sound.Decode(bytes), AudioCodec.Pcmu));
    }

    [Theory]
    [InlineData(8000)]
    [InlineData(16000)]
    [InlineData(44100)]
    public void Linear_files_of_any_rate_sound_the_same(int rate)
    {
        var source = Sound.Sine(500, rate / 2, rate: rate);
        var prompt = WavFile.Read(Wav.Of(1, 16, 1, rate, Wav.Bytes16(source)));
        prompt.Samples.ShouldBe(4000);
        Sound.Correlation(Linear(prompt).AsSpan(200, 3600), Tone, 400).ShouldBeGreaterThan(0.999);
    }

    [Fact]
    public void Eight_bit_and_stereo_and_extensible_and_foreign_chunks_are_read()
    {
        byte[] eight = [.. Tone.Select(sample => (byte)((sample >> 8) + 128))];
        Sound.Correlation(Linear(WavFile.Read(Wav.Of(1, 8, 1, 8000, eight))), Tone).ShouldBeGreaterThan(0.999);
        short[] stereo = [.. Tone.SelectMany(sample => new[] { sample, (short)0 })];
        var mixed = Linear(WavFile.Read(Wav.Of(1, 16, 2, 8000, Wav.Bytes16(stereo), extensible: true)));
        Sound.Correlation(mixed, Tone).ShouldBeGreaterThan(0.999);
        Sound.Level(mixed).ShouldBe(Sound.Level(Tone) / 2, 40);
        byte[] list = [.. "LIST"u8, 3, 0, 0, 0, 1, 2, 3, 0];
        WavFile.Read(Wav.Of(1, 16, 1, 8000, Wav.Bytes16(Tone), before: list)).Samples.ShouldBe(4000);
    }

    [Fact]
    public void The_data_chunk_may_come_before_the_format()
    {
        var normal = Wav.Of(6, 8, 1, 8000, [1, 2, 3, 4]);
        byte[] swapped = [.. normal[..12], .. normal[36..48], .. normal[12..36]];
        WavFile.Read(swapped).Encoded(AudioCodec.Pcma).ToArray().ShouldBe([1, 2, 3, 4]);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0xFFFF_FFFFu)]
    [InlineData(5000u)]
    public void Sizes_that_a_writer_left_open_reach_to_the_end(uint size)
    {
        var file = Wav.Of(6, 8, 1, 8000, Sound.Encode(Tone));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(40), size);
        WavFile.Read(file).Samples.ShouldBe(4000);
    }

    [Theory]
    [InlineData(0x11, 4, 1, 8000, "IMA ADPCM")]
    [InlineData(0x31, 0, 1, 8000, "GSM")]
    [InlineData(1, 40, 1, 8000, "PCM of 40 bit")]
    [InlineData(3, 16, 1, 8000, "floating point")]
    [InlineData(0x45, 4, 1, 8000, "G.726")]
    [InlineData(0x161, 16, 1, 8000, "number 353")]
    [InlineData(1, 16, 0, 8000, "0 channels")]
    [InlineData(1, 16, 1, 0, "rate is 0")]
    [InlineData(6, 16, 1, 8000, "G.711 of 16 bit")]
    public void What_is_not_supported_is_named(int tag, int bits, int channels, int rate, string named) =>
        Should.Throw<UnsupportedSoundException>(() => WavFile.Read(Wav.Of((ushort)tag, bits, channels, rate, new byte[64]))).Message.ShouldContain(named);

    [Fact]
    public void A_file_cut_at_any_length_plays_or_is_refused_by_name()
    {
        foreach (var extensible in new[] { false, true })
        {
            var file = Wav.Of(6, 8, 1, 8000, [1, 2, 3, 4, 5, 6], extensible);
            var header = file.Length - 6;
            for (var length = 0; length < file.Length; length++)
            {
                var cut = file[..length];
                if (length < header) Should.Throw<UnsupportedSoundException>(() => WavFile.Read(cut)).Message.ShouldNotBeEmpty();
                else WavFile.Read(cut).Samples.ShouldBe(length - header);
            }
        }
    }

    [Fact]
    public void Random_bytes_are_read_or_refused_but_never_raise_anything_else()
    {
        var random = new Random(99);
        var valid = Wav.Of(1, 16, 2, 11025, new byte[64], extensible: true);
        for (var i = 0; i < 5_000; i++)
        {
            var bytes = (byte[])valid.Clone();
            for (var j = random.Next(1, 6); j > 0; j--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                WavFile.Read(bytes.AsSpan(0, random.Next(bytes.Length + 1)));
            }
            catch (UnsupportedSoundException refused)
            {
                refused.Message.ShouldNotBeEmpty();
            }
        }
    }

    [Fact]
    public void Prompts_are_decoded_once_shared_and_read_again_when_the_file_changes()
    {
        using var root = new TemporaryFolder();
        var path = root.Write("a.wav", Wav.Of(6, 8, 1, 8000, [1, 2, 3]));
        var cache = new PromptCache(root.Path, null, 1_000_000);
        var first = cache.Load("a.wav").Prompt.ShouldNotBeNull();
        cache.Load("./a.wav").Prompt.ShouldBeSameAs(first);
        first.Encoded(AudioCodec.Pcmu).Equals(first.Encoded(AudioCodec.Pcmu)).ShouldBeTrue();
        root.Write("a.wav", Wav.Of(6, 8, 1, 8000, [9, 9, 9]));
        File.SetLastWriteTimeUtc(path, new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        cache.Load("a.wav").Prompt!.Encoded(AudioCodec.Pcma).ToArray().ShouldBe([9, 9, 9]);
        first.Encoded(AudioCodec.Pcma).ToArray().ShouldBe([1, 2, 3]);
        File.Delete(path);
        cache.Load("a.wav").Outcome.ShouldBe(MediaOutcome.NotFound);
    }

    [Fact]
    public void The_cache_keeps_to_its_bytes_and_lets_the_least_used_go()
    {
        using var root = new TemporaryFolder();
        foreach (var name in new[] { "a", "b", "c" }) root.Write(name + ".alaw", new byte[1000]);
        var cache = new PromptCache(root.Path, null, 4500);
        var a = cache.Load("a.alaw").Prompt;
        var b = cache.Load("b.alaw").Prompt;
        cache.Load("a.alaw").Prompt.ShouldBeSameAs(a);
        cache.Load("c.alaw");
        (cache.Count, cache.Bytes).ShouldBe((2, 4000L));
        cache.Load("a.alaw").Prompt.ShouldBeSameAs(a);
        cache.Load("b.alaw").Prompt.ShouldNotBeSameAs(b);
    }

    [Fact]
    public void Loads_at_once_decode_once()
    {
        using var root = new TemporaryFolder();
        root.Write("a.wav", Wav.Of(1, 16, 1, 44100, new byte[200_000]));
        var cache = new PromptCache(root.Path, null, 10_000_000);
        var prompts = new Prompt?[8];
        Parallel.For(0, 8, i => prompts[i] = cache.Load("a.wav").Prompt);
        prompts.Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public void Failures_name_the_file_and_are_not_remembered()
    {
        using var root = new TemporaryFolder();
        var cache = new PromptCache(root.Path, null, 1_000_000);
        cache.Load("no.wav").ShouldBe(new PromptLoad(MediaOutcome.NotFound, null, "no.wav: no such file"));
        root.Write("bad.wav", "not a wav at all"u8.ToArray());
        var bad = cache.Load("bad.wav");
        (bad.Outcome, bad.Detail!.StartsWith("bad.wav: ", StringComparison.Ordinal)).ShouldBe((MediaOutcome.Unsupported, true));
        root.Write("x.mp3", [1]);
        cache.Load("x.mp3").Detail!.ShouldContain("cannot be read as MP3");
        cache.Count.ShouldBe(0);
        PlayList.Load(cache, new PlayRequest(1, ["bad.wav", "no.wav"]), AudioCodec.Pcma).Outcome.ShouldBe(MediaOutcome.Unsupported);
    }

    [Fact]
    public void Names_are_found_under_the_root_then_among_the_built_in_ones()
    {
        using var root = new TemporaryFolder();
        using var builtin = new TemporaryFolder();
        root.Write("both.wav", [1]);
        root.Write("sub/own.wav", [1]);
        builtin.Write("both.wav", [1]);
        builtin.Write("digits/1.wav", [1]);
        Resolve("both.wav").ShouldBe(new Resolution(ResolutionKind.Found, root.File("both.wav")));
        Resolve("sub/../sub/own.wav").FullPath.ShouldBe(root.File("sub/own.wav"));
        Resolve("digits/1.wav").ShouldBe(new Resolution(ResolutionKind.Found, builtin.File("digits/1.wav")));
        Resolve(root.File("both.wav")).Kind.ShouldBe(ResolutionKind.Found);
        Resolve(builtin.File("both.wav")).Kind.ShouldBe(ResolutionKind.Found);
        Resolve("nothing.wav").Kind.ShouldBe(ResolutionKind.Missing);
        Resolve("sub").Kind.ShouldBe(ResolutionKind.Missing);
        Resolve("").Kind.ShouldBe(ResolutionKind.Missing);

        Resolution Resolve(string name) => MediaLibrary.Resolve(root.Path, builtin.Path, name);
    }

    [Fact]
    public void Nothing_leads_out_of_the_root()
    {
        using var root = new TemporaryFolder();
        using var outside = new TemporaryFolder();
        outside.Write("secret.wav", [1]);
        var name = Path.GetFileName(outside.Path);
        File.CreateSymbolicLink(root.File("link.wav"), outside.File("secret.wav"));
        Directory.CreateSymbolicLink(root.File("folder"), outside.Path);
        File.CreateSymbolicLink(root.File("circle"), root.File("circle"));
        root.Write("in.wav", [1]);
        File.CreateSymbolicLink(root.File("alias.wav"), "in.wav");
        foreach (var bad in new[] { "../" + name + "/secret.wav", "link.wav", "folder/secret.wav", "folder/new.wav", "circle", "/etc/passwd",
            "..", "a/../../b", outside.File("secret.wav"), root.Path + "x/y.wav" })
        {
            MediaLibrary.Resolve(root.Path, null, bad).Kind.ShouldBe(ResolutionKind.LeavesRoot, bad);
            MediaLibrary.ResolveForWriting(root.Path, bad).Kind.ShouldBe(ResolutionKind.LeavesRoot, bad);
        }
        MediaLibrary.Resolve(root.Path, null, "alias.wav").ShouldBe(new Resolution(ResolutionKind.Found, root.File("in.wav")));
        MediaLibrary.ResolveForWriting(root.Path, "new/deep/file.wav").ShouldBe(new Resolution(ResolutionKind.Missing, root.File("new/deep/file.wav")));
    }

    private static SoundRecorder Open(string path, RecordFormat format = RecordFormat.Alaw) => SoundRecorder.Open(path, format).Recorder.ShouldNotBeNull();

    private static void Record(SoundRecorder recorder, short[] sound)
    {
        for (var at = 0; at < sound.Length; at += 160) recorder.Write(sound.AsSpan(at, Math.Min(160, sound.Length - at)));
    }

    [Theory]
    [InlineData(RecordFormat.Pcm8)]
    [InlineData(RecordFormat.Alaw)]
    [InlineData(RecordFormat.Ulaw)]
    public void A_recording_replaces_the_file_when_it_is_complete_and_reads_back(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("new/a.wav", "old"u8.ToArray());
        var recorder = Open(path, format);
        Record(recorder, Tone[..3999]);
        recorder.Drain().ShouldBeFalse();
        File.ReadAllText(path).ShouldBe("old");
        recorder.Finish();
        recorder.Drain().ShouldBeTrue();
        recorder.IsDone.ShouldBeTrue();
        var file = File.ReadAllBytes(path);
        (file.Length % 2).ShouldBe(0);
        BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(4)).ShouldBe(file.Length - 8);
        var prompt = WavFile.Read(file);
        prompt.Samples.ShouldBe(3999);
        Sound.Correlation(Linear(prompt), Tone).ShouldBeGreaterThan(0.99);
        Directory.GetFiles(folder.File("new")).ShouldBe([path]);
        recorder.DurationMillis.ShouldBe(499);
    }

    [Fact]
    public void A_ring_that_is_not_drained_ends_the_recording_as_failed_and_keeps_what_was_there()
    {
        using var folder = new TemporaryFolder();
        var recorder = Open(folder.File("a.wav"));
        Record(recorder, new short[70_000]);
        recorder.Drain().ShouldBeTrue();
        recorder.Failure.ShouldNotBeNull().ShouldContain("did not keep up");
        WavFile.Read(File.ReadAllBytes(folder.File("a.wav"))).Samples.ShouldBe(65_440);
    }

    [Fact]
    public void A_discarded_recording_leaves_no_trace()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a.wav", "old"u8.ToArray());
        var recorder = Open(path);
        Record(recorder, Tone);
        recorder.Discard();
        recorder.Drain().ShouldBeTrue();
        Directory.GetFiles(folder.Path).ShouldBe([path]);
        File.ReadAllText(path).ShouldBe("old");
    }

    [Fact]
    public void A_folder_that_cannot_be_made_and_a_file_that_is_being_recorded_are_failures()
    {
        using var folder = new TemporaryFolder();
        var blocked = folder.Write("file", [1]);
        SoundRecorder.Open(Path.Join(blocked, "a.wav"), RecordFormat.Alaw).Outcome.ShouldBe(MediaOutcome.Failed);
        var first = Open(folder.File("b.wav"));
        Record(first, Tone);
        first.Drain().ShouldBeFalse();
        SoundRecorder.Open(folder.File("b.wav"), RecordFormat.Alaw).Outcome.ShouldBe(MediaOutcome.Failed);
        first.Finish();
        first.Drain().ShouldBeTrue();
        WavFile.Read(File.ReadAllBytes(folder.File("b.wav"))).Samples.ShouldBe(4000);
    }

    [Theory]
    [InlineData(RecordFormat.Pcm8)]
    [InlineData(RecordFormat.Ulaw)]
    public void A_recording_goes_on_elsewhere_though_the_process_that_began_it_stands_still_and_wakes(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.wav");
        var first = Open(path, format);
        Record(first, Tone);
        first.Drain().ShouldBeFalse();
        // It holds the file and its lock from here on, and does nothing.
        var opening = SoundRecorder.Open(path, format, append: true);
        opening.Detail.ShouldBeNull();
        var second = opening.Recorder.ShouldNotBeNull();
        Record(second, Tone);
        second.Drain().ShouldBeFalse();
        Record(first, Tone[..800]);
        first.Drain().ShouldBeFalse();
        first.Finish();
        first.Drain().ShouldBeTrue();
        first.Failure.ShouldNotBeNull().ShouldContain("in another process");
        File.Exists(path).ShouldBeFalse("it is not the first one's to complete");
        Record(second, Tone);
        second.Finish();
        second.Drain().ShouldBeTrue();
        second.Failure.ShouldBeNull();
        var prompt = WavFile.Read(File.ReadAllBytes(path));
        prompt.Samples.ShouldBe(12_000);
        Sound.Correlation(Linear(prompt).AsSpan(8000), Tone).ShouldBeGreaterThan(0.99);
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Fact]
    public async Task A_recording_goes_on_elsewhere_while_it_is_being_completed_here_and_nothing_is_lost_of_either()
    {
        using var folder = new TemporaryFolder();
        for (var i = 0; i < 500; i++)
        {
            var path = folder.File($"{i}.wav");
            var first = Open(path, RecordFormat.Ulaw);
            Record(first, Tone);
            first.Drain().ShouldBeFalse();
            first.Finish();
            using var both = new Barrier(2);
            var completing = Task.Run(() =>
            {
                both.SignalAndWait();
                return first.Drain();
            });
            both.SignalAndWait();
            var opening = SoundRecorder.Open(path, RecordFormat.Ulaw, append: true);
            (await completing).ShouldBeTrue();
            opening.Detail.ShouldBeNull();
            var second = opening.Recorder.ShouldNotBeNull();
            Record(second, Tone);
            second.Finish();
            second.Drain().ShouldBeTrue();
            second.Failure.ShouldBeNull();
            WavFile.Read(File.ReadAllBytes(path)).Samples.ShouldBe(8000, $"{i}: {first.Failure ?? "completed here too"}");
            Directory.GetFiles(folder.Path).Length.ShouldBe(i + 1);
        }
    }

    [Fact]
    public void A_recording_that_had_not_begun_begins_elsewhere_though_the_process_that_opened_it_stands_still_and_wakes()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.wav");
        File.WriteAllText(path, "an earlier recording");
        var first = Open(path, RecordFormat.Pcm8);
        SoundRecorder.Open(path, RecordFormat.Pcm8).Outcome.ShouldBe(MediaOutcome.Failed, "somebody else may not have it");
        var second = SoundRecorder.Open(path, RecordFormat.Pcm8, takesOver: true).Recorder.ShouldNotBeNull();
        SoundRecorder.Open(path, RecordFormat.Pcm8).Outcome.ShouldBe(MediaOutcome.Failed, "nor under its other name");
        Record(first, Tone);
        first.Finish();
        first.Drain().ShouldBeTrue();
        first.Failure.ShouldNotBeNull();
        Record(second, Tone);
        second.Finish();
        second.Drain().ShouldBeTrue();
        second.Failure.ShouldBeNull();
        WavFile.Read(File.ReadAllBytes(path)).Samples.ShouldBe(4000);
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Fact]
    public void A_recording_is_taken_over_again_and_again_and_no_name_is_left()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.wav");
        var owners = new List<SoundRecorder> { Open(path, RecordFormat.Ulaw) };
        for (var i = 0; i < 3; i++)
        {
            Record(owners[^1], Tone);
            owners[^1].Drain().ShouldBeFalse();
            owners.Add(SoundRecorder.Open(path, RecordFormat.Ulaw, append: true).Recorder.ShouldNotBeNull());
            Directory.GetFiles(folder.Path).Length.ShouldBe(1);
        }
        foreach (var owner in owners) owner.Finish();
        foreach (var owner in owners) owner.Drain().ShouldBeTrue();
        owners.Count(static owner => owner.Failure is null).ShouldBe(1);
        owners[^1].Failure.ShouldBeNull();
        WavFile.Read(File.ReadAllBytes(path)).Samples.ShouldBe(12_000);
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Fact]
    public void Of_two_names_that_a_crash_left_the_longer_file_goes_on()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.wav");
        var recorder = Open(path, RecordFormat.Ulaw);
        Record(recorder, Tone);
        recorder.Finish();
        recorder.Drain().ShouldBeTrue();
        var whole = File.ReadAllBytes(path);
        File.Delete(path);
        folder.Write("a.wav" + RecordingHeader.PartSuffix, whole[..^400]);
        folder.Write("a.wav" + RecordingHeader.SecondPartSuffix, whole);
        RecordingRepair.IsThere(path).ShouldBeTrue();
        RecordingRepair.RepairTarget(path).ShouldBe(path);
        WavFile.Read(File.ReadAllBytes(path)).Samples.ShouldBe(4000);
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Fact]
    public void What_a_process_that_stands_still_holds_is_completed_elsewhere()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.wav");
        var first = Open(path);
        Record(first, Tone);
        first.Drain().ShouldBeFalse();
        RecordingRepair.RepairTarget(path).ShouldBe(path);
        first.Abandon();
        first.Drain().ShouldBeTrue();
        WavFile.Read(File.ReadAllBytes(path)).Samples.ShouldBe(4000);
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Theory]
    [InlineData(RecordFormat.Pcm8)]
    [InlineData(RecordFormat.Ulaw)]
    public void An_unfinished_recording_is_completed_at_the_next_start(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("deep/a.wav");
        var recorder = Open(path, format);
        Record(recorder, Tone);
        recorder.Finish();
        recorder.Drain().ShouldBeTrue();
        // What a killed process leaves behind: the same without the sizes, under the name of an unfinished file.
        var left = File.ReadAllBytes(path);
        RecordingHeader.TryRead(left, out var coding, out _, out _).ShouldBeTrue();
        RecordingHeader.Write(left, coding, 0, 1, 0);
        File.Delete(path);
        folder.Write("deep/a.wav" + RecordingHeader.PartSuffix, left);
        folder.Write("empty.wav" + RecordingHeader.PartSuffix, left[..30]);
        folder.Write("foreign.wav" + RecordingHeader.PartSuffix, new byte[100]);
        File.WriteAllText(folder.File("goes-on.wav"), "an earlier recording");
        folder.Write("goes-on.wav" + RecordingHeader.PartSuffix, left[..30]);
        RecordingRepair.RepairAll(folder.Path, new HashSet<string> { folder.File("goes-on.wav") }).ShouldBe([path]);
        var prompt = WavFile.Read(File.ReadAllBytes(path));
        prompt.Samples.ShouldBe(4000);
        Sound.Correlation(Linear(prompt), Tone).ShouldBeGreaterThan(0.99);
        Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories).Select(Path.GetFileName).Order()
            .ShouldBe(["a.wav", "foreign.wav" + RecordingHeader.PartSuffix, "goes-on.wav", "goes-on.wav" + RecordingHeader.PartSuffix]);
    }

    [Fact]
    public void Tones_have_their_frequency_length_and_no_clicks_at_their_ends()
    {
        var beep = Sound.Decode(Tones.Cadence.Beep.Encoded(AudioCodec.Pcma).ToArray());
        beep.Length.ShouldBe(1600);
        Sound.Purity(beep, 1000).ShouldBeGreaterThan(0.97);
        Math.Abs((int)beep[0]).ShouldBeLessThan(50);
        Math.Abs((int)beep[^1]).ShouldBeLessThan(50);
        var ring = Tones.RingBack.For("us").ShouldNotBeNull();
        ring.Samples.ShouldBe(48_000);
        var sound = Sound.Decode(ring.Encoded(AudioCodec.Pcma).ToArray());
        (Sound.Purity(sound.AsSpan(1000, 8000), 440) + Sound.Purity(sound.AsSpan(1000, 8000), 480)).ShouldBeGreaterThan(0.99);
        Sound.Level(sound.AsSpan(16_100)).ShouldBeLessThan(9);
        Tones.RingBack.For("??").ShouldBeNull();
        foreach (var country in Tones.RingBack.Countries) Tones.RingBack.For(country)!.Samples.ShouldBeInRange(16_000, 60_000);
    }

    [Fact]
    public async Task A_ring_carries_bytes_in_order_between_two_threads()
    {
        var ring = new SoundRing(1024);
        const int Total = 48_000;
        var producer = Task.Run(() =>
        {
            var piece = new byte[160];
            for (var at = 0; at < Total;)
            {
                for (var i = 0; i < piece.Length; i++) piece[i] = (byte)((at + i) % 251);
                if (ring.TryWrite(piece)) at += piece.Length;
                else Thread.Yield();
            }
        });
        var read = 0;
        while (read < Total)
        {
            var piece = ring.Peek().ToArray();
            ring.Advance(piece.Length);
            piece.ShouldBe(Enumerable.Range(read, piece.Length).Select(i => (byte)(i % 251)));
            read += piece.Length;
            if (piece.Length == 0) Thread.Yield();
        }
        await producer;
        read.ShouldBe(Total);
    }
}
