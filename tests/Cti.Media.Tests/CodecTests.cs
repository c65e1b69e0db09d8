using Cti.Media.Codecs;

namespace Cti.Media.Tests;

public sealed class CodecTests
{
    public static TheoryData<int, bool> Codecs => new() { { 0, false }, { 1, true } };

    [Theory, MemberData(nameof(Codecs))]
    public void Every_code_decodes_and_encodes_to_itself(int codec, bool exact)
    {
        var decode = G711.DecodeTable((AudioCodec)codec).ToArray();
        var encode = G711.EncodeTable((AudioCodec)codec).ToArray();
        for (var code = 0; code < 256; code++)
        {
            // Mu-law has two zeros; the negative one comes back as the positive one.
            var expected = !exact && code == 0x7F ? 0xFF : code;
            encode[(ushort)decode[code]].ShouldBe((byte)expected, $"code {code:X2}");
        }
    }

    [Theory, MemberData(nameof(Codecs))]
    public void Every_linear_value_becomes_the_code_between_whose_decision_values_it_lies(int codec, bool _)
    {
        var isAlaw = codec == (int)AudioCodec.Pcma;
        var decode = G711.DecodeTable((AudioCodec)codec).ToArray();
        var encode = G711.EncodeTable((AudioCodec)codec).ToArray();
        var clip = isAlaw ? 32_767 : 32_635;
        for (int value = short.MinValue; value <= short.MaxValue; value++)
        {
            var code = encode[(ushort)(short)value];
            var segment = ((isAlaw ? code ^ 0x55 : ~code) >> 4) & 7;
            var step = isAlaw ? 16 << Math.Max(0, segment - 1) : 8 << segment;
            var error = Math.Abs(decode[code] - Math.Clamp(value, -clip, clip));
            if (error > step / 2) Assert.Fail($"{value} became {code:X2}, that is {decode[code]}");
        }
    }

    [Fact]
    public void Known_points_of_the_laws_are_hit()
    {
        G711.DecodeTable(AudioCodec.Pcma)[0xD5].ShouldBe((short)8);
        G711.DecodeTable(AudioCodec.Pcma)[0x55].ShouldBe((short)-8);
        G711.DecodeTable(AudioCodec.Pcma)[0xAA].ShouldBe((short)32256);
        G711.DecodeTable(AudioCodec.Pcma)[0x2A].ShouldBe((short)-32256);
        G711.DecodeTable(AudioCodec.Pcmu)[0xFF].ShouldBe((short)0);
        G711.DecodeTable(AudioCodec.Pcmu)[0x80].ShouldBe((short)32124);
        G711.DecodeTable(AudioCodec.Pcmu)[0x00].ShouldBe((short)-32124);
        G711.EncodeTable(AudioCodec.Pcma)[0].ShouldBe((byte)0xD5);
        G711.EncodeTable(AudioCodec.Pcmu)[0].ShouldBe((byte)0xFF);
    }

    /// <summary>G.711 tables 5 and 6: this sequence of eight codes, sent again and again, is a tone of 1 kHz at 0 dBm0.</summary>
    [Theory]
    [InlineData(1, new byte[] { 0x34, 0x21, 0x21, 0x34, 0xB4, 0xA1, 0xA1, 0xB4 })]
    [InlineData(0, new byte[] { 0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E })]
    public void The_test_sequence_of_the_standard_is_a_kilohertz_at_zero_level(int codec, byte[] codes)
    {
        var period = Sound.Decode(codes, (AudioCodec)codec);
        var tone = Enumerable.Repeat(period, 100).SelectMany(x => x).ToArray();
        Sound.Purity(tone, 1000).ShouldBeGreaterThan(0.99);
        // The laws overload at +3.14 and +3.17 dBm0.
        var decibels = 20 * Math.Log10(Sound.Level(tone) * Math.Sqrt(2) / (codec == 1 ? 32768 : 32636)) + (codec == 1 ? 3.14 : 3.17);
        decibels.ShouldBe(0, 0.25);
    }

    [Theory]
    [InlineData(16000)]
    [InlineData(44100)]
    [InlineData(48000)]
    [InlineData(11025)]
    [InlineData(6000)]
    [InlineData(22050)]
    public void Resampling_keeps_a_tone_and_its_level(int rate)
    {
        var source = Sound.Sine(1000, rate, rate: rate);
        var result = Resampler.ToEightKilohertz(source, rate);
        result.Length.ShouldBe(8000);
        var middle = result.AsSpan(400, 7200);
        Sound.Purity(middle, 1000).ShouldBeGreaterThan(0.999);
        Sound.Level(middle).ShouldBe(10_000 / Math.Sqrt(2), 70);
        Sound.Correlation(middle[..800], Sound.Sine(1000, 1000), 200).ShouldBeGreaterThan(0.999);
    }

    [Theory]
    [InlineData(16000, 5000)]
    [InlineData(48000, 4600)]
    [InlineData(44100, 12000)]
    public void Resampling_removes_what_would_alias(int rate, int hertz)
    {
        var result = Resampler.ToEightKilohertz(Sound.Sine(hertz, rate, rate: rate), rate);
        Sound.Level(result.AsSpan(400, 7200)).ShouldBeLessThan(10_000 / Math.Sqrt(2) / 300);
    }
}
