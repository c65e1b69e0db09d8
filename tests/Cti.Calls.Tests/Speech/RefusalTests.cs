using Cti.Calls.Speech;
using Cti.Contract;

namespace Cti.Calls.Tests.Speech;

/// <summary>What cannot be spoken says what kind of element it is, what is wrong and what would be right.</summary>
public sealed class RefusalTests
{
    private const string NumberForm = "must be a decimal number such as 1086.3, without an exponent";
    private const string NumberSize = "must be below 10^16, at most 16 digits before the point";
    private const string MomentForms = "must be YYYY-mm-dd HH:MM:SS, YYYY-mm-dd HH:MM, YYYY-mm-dd, YYYY-mm, HH:MM:SS or HH:MM";
    private const string DurationForms = "must be HH:MM:SS or HH:MM, each 0..99";

    [Theory]
    [InlineData("12a")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("1e3")]
    [InlineData(" 1")]
    [InlineData("1 2")]
    [InlineData("+1")]
    [InlineData("*#")]
    [InlineData("１２")]
    [InlineData("٣")]
    public void Digits_are_digits_only(string text) => Spoken.Reason(1, text).ShouldBe("digits (type 1) must be digits only, such as 0755");

    [Theory]
    [InlineData("x")]
    [InlineData("-")]
    [InlineData("--1")]
    [InlineData("+1")]
    [InlineData(".")]
    [InlineData(".5")]
    [InlineData("5.")]
    [InlineData("-.5")]
    [InlineData("1..2")]
    [InlineData("1.2.3")]
    [InlineData("1,000")]
    [InlineData("1e3")]
    [InlineData("1E-3")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("1-")]
    [InlineData("0x10")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("1.٣")]
    [InlineData("一")]
    public void A_number_is_a_decimal_number(string text)
    {
        Spoken.Reason(2, text).ShouldBe($"number (type 2) {NumberForm}");
        Spoken.Reason(3, text).ShouldBe($"amount (type 3) {NumberForm}");
        Spoken.Reason(6, text).ShouldBe($"amount in yuan, jiao and fen (type 6) {NumberForm}");
    }

    [Theory]
    [InlineData("10000000000000000")]
    [InlineData("-10000000000000000")]
    [InlineData("10000000000000000.0")]
    [InlineData("99999999999999999999999999999999999999999999999999")]
    public void A_number_is_below_ten_to_the_sixteenth(string text)
    {
        Spoken.Reason(2, text).ShouldBe($"number (type 2) {NumberSize}");
        Spoken.Reason(3, text).ShouldBe($"amount (type 3) {NumberSize}");
        Spoken.Reason(6, text).ShouldBe($"amount in yuan, jiao and fen (type 6) {NumberSize}");
    }

    [Theory]
    [InlineData(2, "1.1234567", "number (type 2) must have at most 6 decimals")]
    [InlineData(2, "1.0000000", "number (type 2) must have at most 6 decimals")]
    [InlineData(3, "-0.0000001", "amount (type 3) must have at most 6 decimals")]
    [InlineData(6, "0.055", "amount in yuan, jiao and fen (type 6) must have at most 2 decimals")]
    [InlineData(6, "1.500", "amount in yuan, jiao and fen (type 6) must have at most 2 decimals")]
    public void Decimals_are_bounded(int type, string text, string reason) => Spoken.Reason(type, text).ShouldBe(reason);

    [Theory]
    [InlineData("x")]
    [InlineData("-")]
    [InlineData(":")]
    [InlineData(" ")]
    [InlineData("2012")]
    [InlineData("12-9-8")]
    [InlineData("02012-9-8")]
    [InlineData("2012-9-8-7")]
    [InlineData("2012-")]
    [InlineData("2012--8")]
    [InlineData("2012-009-8")]
    [InlineData("2012-9-008")]
    [InlineData("2012/9/8")]
    [InlineData("2012-9 1:5")]
    [InlineData("2012-9-8 ")]
    [InlineData(" 2012-9-8")]
    [InlineData("2012-9-8  1:5")]
    [InlineData("2012-9-8T01:05:03")]
    [InlineData("2012-9-8 1:5:3 ")]
    [InlineData("2012-9-8 1")]
    [InlineData("1:5:3 2012-9-8")]
    [InlineData("1:5:3:4")]
    [InlineData("1:")]
    [InlineData(":1")]
    [InlineData("1::3")]
    [InlineData("001:05")]
    [InlineData("1:-5")]
    [InlineData("1:5:3.5")]
    [InlineData("1:+5")]
    [InlineData("2012-９-8")]
    public void A_date_or_time_has_one_of_six_forms(string text) => Spoken.Reason(4, text).ShouldBe($"date or time (type 4) {MomentForms}");

    [Theory]
    [InlineData("2013-2-29", "date", "2013-02 has days 1..28")]
    [InlineData("1900-2-29", "date", "1900-02 has days 1..28")]
    [InlineData("2012-2-30", "date", "2012-02 has days 1..29")]
    [InlineData("2012-4-31", "date", "2012-04 has days 1..30")]
    [InlineData("2012-1-32", "date", "2012-01 has days 1..31")]
    [InlineData("2012-1-0", "date", "2012-01 has days 1..31")]
    [InlineData("2013-2-29 1:5", "date", "2013-02 has days 1..28")]
    [InlineData("2012-0", "date", "months are 1..12")]
    [InlineData("2012-13", "date", "months are 1..12")]
    [InlineData("2012-00-01 1:5:3", "date", "months are 1..12")]
    [InlineData("0000-1-1", "date", "years are 0001..9999")]
    [InlineData("24:00", "time", "hours are 0..23")]
    [InlineData("99:00:00", "time", "hours are 0..23")]
    [InlineData("23:60", "time", "minutes are 0..59")]
    [InlineData("23:59:60", "time", "seconds are 0..59")]
    [InlineData("2012-9-8 24:0:0", "time", "hours are 0..23")]
    public void A_date_and_a_time_must_exist(string text, string what, string right) =>
        Spoken.Reason(4, text).ShouldBe($"date or time (type 4) must be a {what} that exists: {right}");

    [Theory]
    [InlineData("1")]
    [InlineData("100:0")]
    [InlineData("0:100")]
    [InlineData("0:0:100")]
    [InlineData("1:2:3:4")]
    [InlineData("-1:0")]
    [InlineData("1:")]
    [InlineData("1: 5")]
    [InlineData("2012-9-8")]
    [InlineData("a:b")]
    [InlineData("001:5")]
    public void A_duration_has_parts_below_a_hundred(string text) => Spoken.Reason(5, text).ShouldBe($"duration (type 5) {DurationForms}");

    [Theory]
    [InlineData(1, "digits (type 1) is empty")]
    [InlineData(2, "number (type 2) is empty")]
    [InlineData(3, "amount (type 3) is empty")]
    [InlineData(4, "date or time (type 4) is empty")]
    [InlineData(5, "duration (type 5) is empty")]
    [InlineData(6, "amount in yuan, jiao and fen (type 6) is empty")]
    public void Nothing_cannot_be_spoken(int type, string reason) => Spoken.Reason(type, "").ShouldBe(reason);

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(10)]
    [InlineData(int.MaxValue)]
    public void Other_types_are_no_values(int type)
    {
        SpokenContent.IsSpoken(type).ShouldBeFalse();
        Spoken.Reason(type, "1").ShouldBe($"type {type} is not a spoken value; 1..6 are");
    }

    [Theory]
    [InlineData("lang=")]
    [InlineData("lang=fr-FR")]
    [InlineData("lang=zh-cn")]
    [InlineData("lang=en")]
    [InlineData("LANG=en-US")]
    [InlineData("lang=en-US ")]
    [InlineData("lang=en-US;speed=2")]
    [InlineData("speed=2")]
    [InlineData(" ")]
    public void Other_options_are_unknown(string options) =>
        Spoken.Reason(2, "1", options).ShouldBe("unknown option; lang=zh-CN and lang=en-US are known");

    [Fact]
    public void The_option_goes_before_the_default_language()
    {
        Spoken.Pieces(2, "12", SpokenLanguage.Chinese).ShouldBe(["zh-CN/ten.wav", "zh-CN/digit-2.wav"]);
        Spoken.Pieces(2, "12", SpokenLanguage.English).ShouldBe(["en-US/twelve.wav"]);
        Spoken.Pieces(2, "12", SpokenLanguage.Chinese, "lang=en-US").ShouldBe(["en-US/twelve.wav"]);
        Spoken.Pieces(2, "12", SpokenLanguage.English, "lang=zh-CN").ShouldBe(["zh-CN/ten.wav", "zh-CN/digit-2.wav"]);
    }

    [Fact]
    public void Languages_are_known_by_their_tags()
    {
        foreach (var language in Enum.GetValues<SpokenLanguage>()) SpokenLanguages.FromTag(language.Tag()).ShouldBe(language);
        SpokenLanguages.FromTag("de-DE").ShouldBeNull();
    }

    [Fact]
    public void A_reason_does_not_repeat_the_content() => Spoken.Reason(1, "4711x").ShouldNotBeNull().ShouldNotContain("4711");

    [Theory]
    [InlineData("5", "5")]
    [InlineData("-1086.30", "-1086.30")]
    [InlineData("1e3", "1000")]
    [InlineData("1E+3", "1000")]
    [InlineData("1.5E+3", "1500")]
    [InlineData("1.2345e2", "123.45")]
    [InlineData("-1.2345e2", "-123.45")]
    [InlineData("1e-05", "0.00001")]
    [InlineData("-1e-6", "-0.000001")]
    [InlineData("12.5e-1", "1.25")]
    [InlineData("125e-3", "0.125")]
    [InlineData("125e-4", "0.0125")]
    [InlineData("120e-1", "12")]
    [InlineData("1.50e0", "1.5")]
    [InlineData("0e5", "0")]
    [InlineData("0e999999999999", "0")]
    [InlineData("-0.0000001", "0")]
    [InlineData("5.0", "5.0")]
    [InlineData("0.30000000000000004", "0.3")]
    [InlineData("-0.30000000000000004", "-0.3")]
    [InlineData("1.1500000000000001", "1.15")]
    [InlineData("4.35e2", "435")]
    [InlineData("434.99999999999994", "435")]
    [InlineData("0.9999999999999999", "1")]
    [InlineData("1.0000005", "1")]
    [InlineData("1.0000015", "1.000002")]
    [InlineData("1.00000050000000000000001", "1.000001")]
    [InlineData("123456789.123456789", "123456789.123457")]
    [InlineData("1e-7", "0")]
    [InlineData("1e-999999999", "0")]
    [InlineData("9.999999999999999E15", "9999999999999999")]
    [InlineData("1e16", "10000000000000000")]
    [InlineData("1e65", "10000000000000000")]
    [InlineData("1e999999999999", "10000000000000000")]
    public void A_json_number_is_written_out_and_rounded_to_what_is_spoken(string json, string plain)
    {
        SpokenContent.PlainNumber(2, json).ShouldBe(plain);
        SpokenContent.PlainNumber(3, json).ShouldBe(plain);
        SpokenContent.PlainNumber(1, json).ShouldBe(json, "digits are said as they were written");
    }

    [Theory]
    [InlineData("0.30000000000000004", "0.3")]
    [InlineData("1086.30", "1086.30")]
    [InlineData("1086.3049999999999", "1086.3")]
    [InlineData("2.675", "2.68")]
    [InlineData("2.665", "2.66")]
    [InlineData("19.989999999999998", "19.99")]
    [InlineData("0.001", "0")]
    [InlineData("99.999", "100")]
    public void An_amount_in_yuan_jiao_and_fen_is_rounded_to_fen_half_to_even(string json, string plain) => SpokenContent.PlainNumber(6, json).ShouldBe(plain);

    [Fact]
    public void A_sum_of_binary_fractions_is_heard_as_what_was_meant_and_a_string_stays_exact()
    {
        Spoken.Chinese(2, SpokenContent.PlainNumber(2, "0.30000000000000004")).ShouldBe(Spoken.Chinese(2, "0.3"));
        Spoken.Chinese(6, SpokenContent.PlainNumber(6, "0.30000000000000004")).ShouldBe(Spoken.Chinese(6, "0.30"));
        Spoken.Reason(2, "0.30000000000000004").ShouldBe("number (type 2) must have at most 6 decimals");
        Spoken.Reason(6, "0.305").ShouldBe("amount in yuan, jiao and fen (type 6) must have at most 2 decimals");
    }

    [Fact]
    public void A_written_out_number_is_spoken_and_bounded()
    {
        Spoken.Chinese(2, SpokenContent.PlainNumber(2, "1E+15")).ShouldBe("一千万亿");
        Spoken.Chinese(2, SpokenContent.PlainNumber(2, "1e-05")).ShouldBe("零点零零零零一");
        Spoken.Reason(2, SpokenContent.PlainNumber(2, "1e16")).ShouldBe($"number (type 2) {NumberSize}");
        Spoken.Chinese(2, SpokenContent.PlainNumber(2, "1e-7")).ShouldBe("零");
        Spoken.Reason(2, SpokenContent.PlainNumber(2, "1e400")).ShouldBe($"number (type 2) {NumberSize}");
    }

    [Fact]
    public void Elements_with_the_same_content_are_spoken_the_same()
    {
        var element = new PlayElement(4, "2012-9-8 1:5:3", "");
        SpokenContent.Expand(element, SpokenLanguage.Chinese).Pieces.ShouldBe(SpokenContent.Expand(element with { }, SpokenLanguage.Chinese).Pieces);
    }
}
