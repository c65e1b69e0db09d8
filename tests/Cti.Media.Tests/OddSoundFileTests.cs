using System.Buffers.Binary;
using System.Text;
using Cti.Media.Files;

namespace Cti.Media.Tests;

/// <summary>Sound files that devices and editors really write, and that the books have otherwise.</summary>
public sealed class OddSoundFileTests
{
    private static readonly short[] Said = [.. Enumerable.Range(0, 800).Select(static i => (short)(12_000 * Math.Sin(i * 0.3)))];

    private static readonly byte[] Tail = [0xAA, 0xAA, 0xD5, 0x55];

    /// <summary>A chunk as it stands in a file; an odd one with or without the byte behind it.</summary>
    private static byte[] Chunk(string name, byte[] body, bool isPadded = true) =>
        [.. Encoding.ASCII.GetBytes(name), .. BitConverter.GetBytes(body.Length), .. body, .. isPadded && body.Length % 2 == 1 ? new byte[1] : []];

    private static byte[] Format(int tag, int bits, int align, int channels = 1, byte[]? more = null) =>
        Chunk("fmt ", [.. BitConverter.GetBytes((short)tag), .. BitConverter.GetBytes((short)channels), .. BitConverter.GetBytes(8000),
            .. BitConverter.GetBytes(8000 * align),
            .. BitConverter.GetBytes((short)align), .. BitConverter.GetBytes((short)bits), .. more ?? []]);

    private static byte[] Extension(int valid, int tag) =>
        [22, 0, .. BitConverter.GetBytes((short)valid), 4, 0, 0, 0, .. BitConverter.GetBytes((short)tag), 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38,
            0x9B, 0x71];

    private static byte[] Riff(params byte[][] chunks)
    {
        byte[] rest = [.. "WAVE"u8, .. chunks.SelectMany(static chunk => chunk)];
        return Chunk("RIFF", rest);
    }

    /// <summary>Each sample in a container, its used octets at the upper or the lower end.</summary>
    private static byte[] In(int container, int used, bool isUpper, bool hasSign = true)
    {
        var bytes = new byte[Said.Length * container];
        for (var i = 0; i < Said.Length; i++)
        {
            var wide = (long)Said[i] << 48 >> (64 - (8 * used));
            if (isUpper) wide <<= 8 * (container - used);
            for (var octet = 0; octet < container; octet++)
                bytes[(i * container) + octet] = !isUpper && octet >= used && !hasSign ? (byte)0 : (byte)(wide >> (8 * octet));
        }
        return bytes;
    }

    private static void ShouldBeSaid(byte[] file, string name = "a.wav", int tolerance = 0)
    {
        using var folder = new TemporaryFolder();
        var load = SoundFile.Load(folder.Write(name, file), name);
        load.Detail.ShouldBeNull();
        var prompt = load.Prompt.ShouldNotBeNull();
        var heard = new short[prompt.Samples];
        prompt.CopyLinear(0, heard);
        heard.Length.ShouldBe(Said.Length);
        for (var i = 0; i < heard.Length; i++) Math.Abs(heard[i] - Said[i]).ShouldBeLessThanOrEqualTo(tolerance, $"sample {i}");
    }

    [Theory]
    [InlineData(24, 3, 4, true, true)]
    [InlineData(24, 3, 4, false, true)]
    [InlineData(24, 3, 4, false, false)]
    [InlineData(16, 2, 4, true, true)]
    [InlineData(16, 2, 4, false, true)]
    [InlineData(16, 2, 3, true, true)]
    [InlineData(32, 4, 8, true, true)]
    [InlineData(20, 3, 3, true, true)]
    [InlineData(12, 2, 2, true, true)]
    public void A_sample_is_found_in_a_frame_that_is_larger_than_it_needs(int bits, int used, int container, bool isUpper, bool hasSign) =>
        ShouldBeSaid(Riff(Format(1, bits, container), Chunk("data", In(container, used, isUpper, hasSign))));

    [Fact]
    public void Sixteen_bit_sound_in_24_of_32_bit_is_found_in_either_place()
    {
        foreach (var isUpper in new[] { true, false })
            ShouldBeSaid(Riff(Format(0xFFFE, 32, 4, more: Extension(24, 1)), Chunk("data", In(4, 3, isUpper))));
    }

    [Fact]
    public void Frames_of_two_channels_are_mixed_whatever_their_size()
    {
        var one = In(4, 3, isUpper: true);
        var both = new byte[2 * one.Length];
        for (var i = 0; i < Said.Length; i++)
        {
            one.AsSpan(4 * i, 4).CopyTo(both.AsSpan(8 * i));
            one.AsSpan(4 * i, 4).CopyTo(both.AsSpan((8 * i) + 4));
        }
        ShouldBeSaid(Riff(Format(1, 24, 8, channels: 2), Chunk("data", both)));
    }

    [Fact]
    public void Floating_point_that_is_called_24_bit_is_heard_as_what_it_is() =>
        ShouldBeSaid(Riff(Format(1, 24, 4), Chunk("data", [.. Said.SelectMany(static sample => BitConverter.GetBytes(sample / 32_768f))])), tolerance: 1);

    [Fact]
    public void A_frame_size_that_cannot_be_is_passed_over()
    {
        ShouldBeSaid(Riff(Format(1, 16, 0), Chunk("data", In(2, 2, isUpper: true))));
        ShouldBeSaid(Riff(Format(1, 16, 1), Chunk("data", In(2, 2, isUpper: true))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_odd_chunk_is_passed_with_and_without_the_byte_behind_it(bool isPadded)
    {
        var data = Chunk("data", In(2, 2, isUpper: true));
        var list = Chunk("LIST", [.. "INFOx"u8], isPadded);
        ShouldBeSaid(Riff(list, Format(1, 16, 2), data));
        ShouldBeSaid(Riff(Format(1, 16, 2), list, list, data));
        ShouldBeSaid(Riff(Format(1, 16, 2), list, Chunk("bext", new byte[603], isPadded), data, list));
    }

    [Theory]
    [InlineData("RF64", true)]
    [InlineData("BW64", true)]
    [InlineData("RF64", false)]
    public void A_file_for_large_sizes_is_read(string name, bool hasSizes)
    {
        var sound = In(2, 2, isUpper: true);
        byte[] sizes = [.. BitConverter.GetBytes(hasSizes ? 1_000_000L : 0), .. BitConverter.GetBytes(hasSizes ? (long)sound.Length : 0),
            .. BitConverter.GetBytes((long)Said.Length), 0, 0, 0, 0];
        var data = Chunk("data", sound);
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(4), uint.MaxValue);
        byte[] file = [.. Encoding.ASCII.GetBytes(name), 0xFF, 0xFF, 0xFF, 0xFF, .. "WAVE"u8, .. Chunk("ds64", sizes), .. Format(1, 16, 2), .. data];
        ShouldBeSaid(file);
        if (hasSizes) ShouldBeSaid([.. file, .. Chunk("LIST", [.. "INFO"u8, .. Tail])]);
    }

    [Theory]
    [InlineData(8, 1, 255)]
    [InlineData(16, 2, 0)]
    [InlineData(24, 3, 0)]
    [InlineData(32, 4, 0)]
    [InlineData(12, 2, 16)]
    public void Aiff_of_every_width_is_heard_as_it_is(int bits, int bytes, int tolerance)
    {
        ShouldBeSaid(Aiff(bits, bytes, null), "a.aiff", tolerance);
        ShouldBeSaid(Aiff(bits, bytes, null), "called-otherwise.wav", tolerance);
    }

    [Theory]
    [InlineData("NONE")]
    [InlineData("sowt")]
    public void Aifc_without_a_coding_is_heard_in_either_order_of_octets(string coding) => ShouldBeSaid(Aiff(16, 2, coding), "a.aifc");

    [Theory]
    [InlineData("a.mp3", "-c:a libmp3lame -b:a 64k", "music.wav")]
    [InlineData("a.ogg", "-c:a libvorbis", "music.mp3")]
    [InlineData("a.flac", "", "music.alaw")]
    [InlineData("a.wav", "", "music.alaw")]
    [InlineData("a.au", "", "music.vox")]
    [InlineData("a.opus", "-c:a libopus", "music")]
    public void What_a_file_is_decides_and_not_its_name(string name, string options, string called)
    {
        using var folder = new TemporaryFolder();
        var (source, path) = (folder.Write("source.wav", Riff(Format(1, 16, 2), Chunk("data", In(2, 2, isUpper: true)))), folder.File(name));
        OtherPrograms.Run("ffmpeg", ["-v", "error", "-i", source, .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), path]);
        var right = SoundFile.Load(path, name);
        right.Detail.ShouldBeNull();
        File.Copy(path, folder.File(called));
        var load = SoundFile.Load(folder.File(called), called);
        load.Detail.ShouldBeNull();
        load.Prompt!.Encoded(AudioCodec.Pcma).ToArray().ShouldBe(right.Prompt!.Encoded(AudioCodec.Pcma).ToArray());
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(4096, 0)]
    [InlineData(700_000, 0)]
    [InlineData(5000, 7)]
    public void Zeros_and_junk_before_the_first_mp3_frame_are_passed(int length, int seed)
    {
        using var folder = new TemporaryFolder();
        var (source, path) = (folder.Write("source.wav", Riff(Format(1, 16, 2), Chunk("data", In(2, 2, isUpper: true)))), folder.File("a.mp3"));
        OtherPrograms.Run("ffmpeg", ["-v", "error", "-i", source, "-id3v2_version", "0", "-write_xing", "0", "-b:a", "64k", path]);
        var frames = File.ReadAllBytes(path);
        var right = SoundFile.Load(path, "a.mp3").Prompt.ShouldNotBeNull();
        var junk = new byte[length];
        if (seed > 0) new Random(seed).NextBytes(junk);
        byte[] tag = [.. "ID3"u8, 4, 0, 0, 0, 0, 1, 0, .. new byte[128]];
        foreach (var file in (byte[][])[[.. junk, .. frames], [.. tag, .. junk, .. frames], [.. tag, .. tag, .. frames]])
        {
            var load = SoundFile.Load(folder.Write("b.mp3", file), "b.mp3");
            load.Detail.ShouldBeNull();
            load.Prompt!.Encoded(AudioCodec.Pcma).ToArray().ShouldBe(right.Encoded(AudioCodec.Pcma).ToArray());
        }
    }

    [Fact]
    public void Junk_without_an_end_is_no_sound()
    {
        using var folder = new TemporaryFolder();
        SoundFile.Load(folder.Write("a.mp3", new byte[3_000_000]), "a.mp3").Outcome.ShouldBe(MediaOutcome.Unsupported);
    }

    [Fact]
    public void Only_regular_files_are_opened()
    {
        using var folder = new TemporaryFolder();
        OtherPrograms.Run("mkfifo", [folder.File("pipe.wav")]);
        File.CreateSymbolicLink(folder.File("link.wav"), "/dev/zero");
        Directory.CreateDirectory(folder.File("folder.wav"));
        foreach (var name in (string[])["pipe.wav", "folder.wav", "link.wav"])
        {
            var load = SoundFile.Load(folder.File(name), name);
            load.Outcome.ShouldBe(MediaOutcome.Unsupported, name);
            load.Detail.ShouldBe($"{name}: it is no regular file");
        }
        OtherPrograms.Run("mkfifo", [folder.File("taken.wav.cti-part")]);
        SoundRecorder.Open(folder.File("taken.wav"), RecordFormat.Alaw).Outcome.ShouldBe(MediaOutcome.Failed);
    }

    private static byte[] Aiff(int bits, int bytes, string? coding)
    {
        using var file = new MemoryStream();
        void Big(uint value, int octets)
        {
            for (var i = octets - 1; i >= 0; i--) file.WriteByte((byte)(value >> (8 * i)));
        }
        void Name(string name) => file.Write(Encoding.ASCII.GetBytes(name));
        Name("FORM");
        Big(0, 4);
        Name(coding is null ? "AIFF" : "AIFC");
        Name("COMM");
        Big(coding is null ? 18u : 24u, 4);
        Big(1, 2);
        Big((uint)Said.Length, 4);
        Big((uint)bits, 2);
        // 8000 as an extended floating point number of 80 bit.
        file.Write([0x40, 0x0B, 0xFA, 0, 0, 0, 0, 0, 0, 0]);
        if (coding is not null)
        {
            Name(coding);
            Big(0, 2);
        }
        Name("SSND");
        Big((uint)(8 + (Said.Length * bytes)), 4);
        Big(0, 4);
        Big(0, 4);
        foreach (var sample in Said)
        {
            var wide = sample << 16;
            if (bits == 12) wide &= unchecked((int)0xFFF0_0000);
            for (var octet = 0; octet < bytes; octet++)
                file.WriteByte((byte)(wide >> (coding == "sowt" ? 8 * (4 - bytes + octet) : 24 - (8 * octet))));
        }
        var all = file.ToArray();
        BinaryPrimitives.WriteUInt32BigEndian(all.AsSpan(4), (uint)(all.Length - 8));
        return all;
    }
}
