using Cti.Media.Files;

namespace Cti.Media.Tests;

/// <summary>Sound files of every kind, made by programs of others.</summary>
public sealed class PlayFormatTests
{
    private static readonly short[] Said = [.. Enumerable.Range(0, 12_000)
        .Select(i => (short)(9_000 * Math.Sin(2 * Math.PI * ((300.0 * i / 8000) + (2700 / 24_000.0 * i * i / 8000)))))];

    private static string Source(TemporaryFolder folder) => folder.Write("source.wav", Wav.Of(1, 16, 1, 8000, Wav.Bytes16(Said)));

    private static void ShouldSoundTheSame(PromptLoad load, double least, int spare)
    {
        load.Detail.ShouldBeNull();
        var heard = Sound.Decode(load.Prompt.ShouldNotBeNull().Encoded(AudioCodec.Pcma).ToArray());
        (heard.Length - Said.Length).ShouldBeInRange(-200, spare);
        Sound.ShouldHold(heard, Said, least);
    }

    [Theory]
    [InlineData("a.wav", "-b 24 -e signed -r 16000", 0.99)]
    [InlineData("a.wav", "-b 32 -e signed -r 48000 -c 2", 0.99)]
    [InlineData("a.wav", "-b 32 -e float -r 44100", 0.99)]
    [InlineData("a.wav", "-b 64 -e float", 0.99)]
    [InlineData("a.wav", "-b 8 -r 11025 -c 2", 0.98)]
    [InlineData("a.wav", "-e gsm", 0.8)]
    [InlineData("a.wav", "-e ima-adpcm", 0.95)]
    [InlineData("a.wav", "-e ms-adpcm -r 22050 -c 2", 0.95)]
    [InlineData("a.wav", "-e a-law -r 16000", 0.98)]
    [InlineData("a.al", "", 0.99)]
    [InlineData("a.ul", "", 0.99)]
    [InlineData("a.vox", "", 0.95)]
    [InlineData("a.gsm", "", 0.8)]
    [InlineData("a.au", "-e mu-law", 0.98)]
    [InlineData("a.aiff", "-r 32000", 0.98)]
    [InlineData("a.flac", "-r 44100 -c 2", 0.98)]
    public void What_sox_writes_sounds_the_same(string name, string options, double least)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File(name);
        OtherPrograms.Run("sox", ["-D", "-R", Source(folder), .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), path]);
        ShouldSoundTheSame(SoundFile.Load(path, name), least, 600);
    }

    [Theory]
    [InlineData("a.mp3", "-ar 44100 -ac 2 -b:a 128k", 0.97)]
    [InlineData("a.mp3", "-ar 8000 -b:a 32k", 0.93)]
    [InlineData("a.mp3", "-ar 22050 -q:a 4", 0.95)]
    [InlineData("a.ogg", "-ar 44100 -c:a libvorbis", 0.95)]
    [InlineData("a.opus", "-c:a libopus -b:a 48k", 0.9)]
    [InlineData("a.ogg", "-c:a libopus -b:a 48k -ac 2", 0.9)]
    [InlineData("a.wav", "-c:a adpcm_g726 -b:a 32k", 0.97)]
    [InlineData("a.wav", "-c:a adpcm_ima_wav -ar 16000 -ac 2", 0.95)]
    public void What_ffmpeg_writes_sounds_the_same(string name, string options, double least)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File(name);
        OtherPrograms.Run("ffmpeg", ["-v", "error", "-i", Source(folder), .. options.Split(' '), path]);
        ShouldSoundTheSame(SoundFile.Load(path, name), least, 2_600);
    }

    [Theory]
    [InlineData("x.mp3", "MP3")]
    [InlineData("x.ogg", "Ogg")]
    [InlineData("x.opus", "Ogg")]
    [InlineData("x.flac", "FLAC")]
    [InlineData("x.wav", "no RIFF/WAVE file")]
    [InlineData("x", "no RIFF/WAVE file")]
    public void A_broken_file_is_refused_by_name_with_what_is_wrong(string name, string what)
    {
        using var folder = new TemporaryFolder();
        var noise = new byte[5_000];
        new Random(3).NextBytes(noise);
        // No frame of MPEG begins in it.
        for (var i = 0; i < noise.Length; i++) noise[i] &= 0x7F;
        foreach (var content in new[] { noise, [] })
        {
            var load = SoundFile.Load(folder.Write(name, content), name);
            load.Outcome.ShouldBe(MediaOutcome.Unsupported);
            load.Detail.ShouldNotBeNull().ShouldStartWith(name + ": ");
        }
        SoundFile.Load(folder.Write(name, noise), name).Detail.ShouldNotBeNull().ShouldContain(what);
    }

    [Fact]
    public void A_wav_file_without_sound_or_in_a_coding_that_nobody_knows_is_refused()
    {
        using var folder = new TemporaryFolder();
        SoundFile.Load(folder.Write("empty.wav", Wav.Of(0x31, 0, 1, 8000, [])), "empty.wav").Detail.ShouldBe("empty.wav: it holds no sound");
        SoundFile.Load(folder.Write("g726.wav", Wav.Of(0x45, 2, 1, 8000, new byte[64])), "g726.wav").Detail.ShouldNotBeNull().ShouldContain("4 bit");
        SoundFile.Load(folder.Write("wma.wav", Wav.Of(0x161, 16, 1, 8000, new byte[64])), "wma.wav").Detail.ShouldNotBeNull().ShouldContain("number 353");
    }

    [Fact]
    public void Without_the_library_what_needs_it_says_what_to_install_and_the_rest_plays()
    {
        using var folder = new TemporaryFolder();
        var none = new SoundLibrary("libsndfile-that-is-not-there.so.1");
        var source = Source(folder);
        var gsm = folder.File("gsm.wav");
        OtherPrograms.Run("sox", source, "-e", "gsm", gsm);
        SoundFile.Load(source, "source.wav", none).Outcome.ShouldBe(MediaOutcome.Completed);
        foreach (var name in new[] { "gsm.wav", "a.mp3", "a.flac" })
        {
            var path = name == "gsm.wav" ? gsm : folder.Write(name, [1, 2, 3]);
            var load = new PromptCache(folder.Path, null, 1_000_000, none).Load(name);
            load.Outcome.ShouldBe(MediaOutcome.Unsupported, path);
            load.Detail.ShouldNotBeNull().ShouldStartWith(name + ": ");
            load.Detail.ShouldContain("apt-get install libsndfile1");
        }
    }
}
