using Cti.Actors.Trunks;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Trunks;

public sealed class CallerIdRulesTests
{
    private static readonly CallerIdRules German = new() { Format = NumberFormat.National, Country = "49", NationalPrefix = "0" };
    private static readonly CallerIdRules Chinese = new() { Format = NumberFormat.National, Country = "86" };

    [Theory]
    [InlineData("+4930123456", "+4930123456", "030123456")]
    [InlineData("004930123456", "+4930123456", "030123456")]
    [InlineData("030123456", "+4930123456", "030123456")]
    [InlineData("30123456", "+4930123456", "030123456")]
    [InlineData("+33123456789", "+33123456789", "0033123456789")]
    [InlineData("0033123456789", "+33123456789", "0033123456789")]
    [InlineData("+49-30-12.34(56)", "+4930123456", "030123456")]
    public void A_number_is_one_number_however_it_is_written(string written, string e164, string national)
    {
        var uri = SipUri.Parse($"sip:{written}@carrier.example:5070;user=phone");
        German.Outbound(uri).Text.ShouldBe($"sip:{national}@carrier.example:5070;user=phone");
        (German with { Format = NumberFormat.E164 }).Outbound(uri).Text.ShouldBe($"sip:{e164}@carrier.example:5070;user=phone");
        German.Inbound(uri).User.ShouldBe(e164);
        CallerIdRules.None.Outbound(uri).Text.ShouldBe(uri.Text);
        CallerIdRules.None.Inbound(uri).Text.ShouldBe(uri.Text);
    }

    [Theory]
    [InlineData("13912345678", "+8613912345678", "13912345678")]
    [InlineData("+8613912345678", "+8613912345678", "13912345678")]
    [InlineData("00441234567890", "+441234567890", "00441234567890")]
    public void Where_nothing_stands_in_front_of_a_national_number_it_is_the_number_alone(string written, string e164, string national)
    {
        Chinese.Outbound(SipUri.Parse($"sip:{written}@h")).User.ShouldBe(national);
        Chinese.Inbound(SipUri.Parse($"sip:{written}@h")).User.ShouldBe(e164);
    }

    [Theory]
    [InlineData("sip:4711@h")]
    [InlineData("sip:110110@h")]
    [InlineData("sip:+4711@h")]
    [InlineData("sip:alice@h")]
    [InlineData("sip:anonymous@anonymous.invalid")]
    [InlineData("sip:1234567890123456@h")]
    [InlineData("sip:00000000000@h")]
    [InlineData("sip:0301234567*1@h")]
    [InlineData("sip:030123456;phone-context=49@h")]
    [InlineData("sip:030123456:secret@h")]
    [InlineData("sip:carrier.example")]
    [InlineData("tel:030123456")]
    public void What_is_no_whole_number_is_left_as_it_is(string uri)
    {
        German.Outbound(SipUri.Parse(uri)).Text.ShouldBe(uri);
        German.Inbound(SipUri.Parse(uri)).Text.ShouldBe(uri);
    }
}
