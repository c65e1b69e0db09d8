using System.Runtime.InteropServices;
using Cti.Media.Codecs;

namespace Cti.Media.Tests;

/// <summary>G.722 and Opus by themselves: against the sound that went in, against another program, with packets lost.</summary>
public sealed class WidebandCodecTests
{
    private static double SignalToNoise(AudioCodec codec, double highest, int shiftMax)
    {
        var said = Sound.Speech(2_000, codec.SoundRate(), highest);
        var heard = Sound.Decode(Sound.Packets(said, codec), codec);
        return Sound.SignalToNoise(said.AsSpan(0, said.Length / 2), heard, shiftMax);
    }

    [Fact]
    public void G722_brings_7_kHz_with_the_quality_of_its_kind() => SignalToNoise(AudioCodec.G722, 6_500, 60).ShouldBeGreaterThan(13);

    [Fact]
    public void Opus_brings_speech_with_the_quality_of_its_bitrate() => SignalToNoise(AudioCodec.Opus, 6_500, 1_000).ShouldBeGreaterThan(4);

    [Fact]
    public void G722_is_what_another_program_writes_and_reads()
    {
        using var folder = new TemporaryFolder();
        var said = Sound.Speech(2_000, 16_000, 6_500);
        var codes = Sound.Packets(said, AudioCodec.G722).SelectMany(static packet => packet).ToArray();
        var theirs = MemoryMarshal.Cast<byte, short>(
            OtherPrograms.Run("ffmpeg", "-v", "error", "-f", "g722", "-i", folder.Write("ours.g722", codes), "-f", "s16le", "-")).ToArray();
        // The reference's decoder and ours make of the same codes the same sound but for the last bits.
        Sound.SignalToNoise(Sound.Decode([codes], AudioCodec.G722), theirs, 40).ShouldBeGreaterThan(30);
        Sound.SignalToNoise(said.AsSpan(0, 16_000), theirs, 60).ShouldBeGreaterThan(13);
        folder.Write("said.raw", MemoryMarshal.AsBytes(said.AsSpan()).ToArray());
        var written = OtherPrograms.Run("ffmpeg", "-v", "error", "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", folder.File("said.raw"),
            "-c:a", "g722", "-f", "g722", "-");
        var heard = Sound.Decode(written.Chunk(160), AudioCodec.G722);
        Sound.SignalToNoise(said.AsSpan(0, 16_000), heard, 60).ShouldBeGreaterThan(13);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(20)]
    [InlineData(40)]
    [InlineData(60)]
    public void The_length_of_an_Opus_packet_is_read_from_its_beginning(int millis)
    {
        var encoder = FrameEncoder.Of(AudioCodec.Opus)!;
        encoder.Adapt(SendFormat.Default, 48_000);
        var payload = new byte[480];
        var length = encoder.Encode(Sound.Speech(millis, 48_000), payload);
        OpusPacket.SamplesOf(payload.AsSpan(0, length)).ShouldBe(48 * millis);
        OpusPacket.SamplesOf([]).ShouldBe(0);
        OpusPacket.SamplesOf([0b0000_0011]).ShouldBe(0, "the count of frames is missing");
        OpusPacket.SamplesOf([0b0001_1011, 48]).ShouldBe(0, "longer than 120 ms");
    }

    [Fact]
    public void A_packet_that_Opus_lost_comes_from_the_next_one()
    {
        var said = Sound.Speech(1_000, 48_000, seed: 3);
        var packets = Sound.Packets(said, AudioCodec.Opus);
        var whole = Sound.Decode(packets, AudioCodec.Opus);
        var (recovered, concealed) = (0.0, 0.0);
        foreach (var lost in (int[])[12, 21, 30, 39])
        {
            recovered += Alike(isRecovered: true, lost);
            concealed += Alike(isRecovered: false, lost);
        }
        (recovered / 4).ShouldBeGreaterThan(0.7);
        recovered.ShouldBeGreaterThan(concealed);

        double Alike(bool isRecovered, int lost)
        {
            var decoder = PacketDecoder.Of(AudioCodec.Opus)!;
            var room = new short[decoder.SamplesMax];
            for (var i = 0; i < lost; i++) decoder.Decode(packets[i], room);
            var made = room.AsSpan(0, 960);
            (isRecovered ? decoder.TryRecover(packets[lost + 1], made) : decoder.TryConceal(made)).ShouldBeTrue();
            return Sound.Correlation(made, whole.AsSpan(lost * 960, 960));
        }
    }

    [Fact]
    public void Without_wishes_for_it_silence_is_sent_and_with_them_it_is_not()
    {
        var silence = new short[48_000 * 4];
        Sound.Packets(silence, AudioCodec.Opus).ShouldAllBe(static packet => packet.Length > 0);
        var sparse = Sound.Packets(silence, AudioCodec.Opus, SendFormat.Default with { UsesDtx = true });
        sparse.Count(static packet => packet.Length == 0).ShouldBeGreaterThan(120);
        // Some tell how it sounds, now and then.
        sparse.Skip(50).Count(static packet => packet.Length > 0).ShouldBeInRange(1, 20);
    }

    [Theory]
    [InlineData(8_000, 3_400, 5_000)]
    [InlineData(16_000, 6_500, 9_000)]
    public void Opus_is_no_wider_than_what_the_far_end_plays(int rate, double within, double beyond)
    {
        var packets = Sound.Packets([.. Mixed(within).Zip(Mixed(beyond), static (one, other) => (short)(one + other))], AudioCodec.Opus,
            SendFormat.Default with { PlaybackRate = rate });
        var heard = Sound.Decode(packets, AudioCodec.Opus);
        Spectrum.Amplitude(heard.AsSpan(24_000, 48_000), beyond, 48_000).ShouldBeLessThan(300);

        static short[] Mixed(double hertz) => Sound.Sine(hertz, 96_000, 4_000, 48_000);
    }

    [Theory]
    [InlineData(AudioCodec.G722)]
    [InlineData(AudioCodec.Opus)]
    public void Encoding_and_decoding_allocates_nothing_and_keeps_streams_apart(AudioCodec codec)
    {
        var said = Sound.Speech(1_000, codec.SoundRate());
        var (one, other) = (FrameEncoder.Of(codec)!, FrameEncoder.Of(codec)!);
        var (first, second) = (PacketDecoder.Of(codec)!, PacketDecoder.Of(codec)!);
        one.Adapt(SendFormat.Default, codec.SoundRate());
        other.Adapt(SendFormat.Default, codec.SoundRate());
        var (payload, room) = (new byte[480], new short[first.SamplesMax]);
        var sum = 0L;
        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 20; i++) Run();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        sum.ShouldNotBe(0);
        // A stream beside another one sounds as it does alone.
        var alone = Sound.Packets(said, codec);
        var encoder = FrameEncoder.Of(codec)!;
        var noisy = FrameEncoder.Of(codec)!;
        encoder.Adapt(SendFormat.Default, codec.SoundRate());
        noisy.Adapt(SendFormat.Default, codec.SoundRate());
        for (var i = 0; i < 50; i++)
        {
            var frame = said.AsSpan(i * codec.FrameSamples(), codec.FrameSamples());
            var length = encoder.Encode(frame, payload);
            payload.AsSpan(0, length).SequenceEqual(alone[i]).ShouldBeTrue($"packet {i}");
            noisy.Encode(said.AsSpan((49 - i) * codec.FrameSamples(), codec.FrameSamples()), payload);
        }

        void Run()
        {
            for (var at = 0; at < said.Length; at += codec.FrameSamples())
            {
                var frame = said.AsSpan(at, codec.FrameSamples());
                sum += first.Decode(payload.AsSpan(0, one.Encode(frame, payload)), room);
                sum += second.Decode(payload.AsSpan(0, other.Encode(frame, payload)), room);
            }
        }
    }
}
