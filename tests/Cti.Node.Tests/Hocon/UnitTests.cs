using Cti.Node.Hocon;
using Microsoft.Extensions.Configuration;

namespace Cti.Node.Tests.Hocon;

public sealed class UnitTests
{
    [Theory]
    [InlineData("10", 10)]
    [InlineData("500ms", 500)]
    [InlineData("500 millis", 500)]
    [InlineData("1.5s", 1_500)]
    [InlineData("2 seconds", 2_000)]
    [InlineData(" 3m ", 180_000)]
    [InlineData("1 hour", 3_600_000)]
    [InlineData("7d", 604_800_000)]
    [InlineData("2000us", 2)]
    [InlineData("3000000 ns", 3)]
    [InlineData("-1s", -1_000)]
    public void Durations(string text, double millis)
    {
        HoconUnits.TryParseDuration(text, out var duration).ShouldBeTrue();
        duration.TotalMilliseconds.ShouldBe(millis);
    }

    [Theory]
    [InlineData("10", 10L)]
    [InlineData("1B", 1L)]
    [InlineData("1kB", 1_000L)]
    [InlineData("1K", 1_024L)]
    [InlineData("64KiB", 65_536L)]
    [InlineData("1.5 MiB", 1_572_864L)]
    [InlineData("2 gigabytes", 2_000_000_000L)]
    [InlineData("1TiB", 1_099_511_627_776L)]
    public void Sizes(string text, long bytes)
    {
        HoconUnits.TryParseSize(text, out var size).ShouldBeTrue();
        size.ShouldBe(bytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("5 parsecs")]
    [InlineData("1e3s")]
    [InlineData("5S")]
    [InlineData("1s2")]
    [InlineData("99999999999999999999d")]
    [InlineData("79228162514264337593543950335")]
    public void What_is_no_duration(string text) => HoconUnits.TryParseDuration(text, out _).ShouldBeFalse();

    [Fact]
    public void A_configuration_provider_flattens_the_values()
    {
        var values = new HoconDocument().AddText("a { b = 1, c = [x, { d = true }], e = null }", "t").Resolve();

        var configuration = new ConfigurationBuilder().AddHocon(values).Build();

        configuration["a:b"].ShouldBe("1");
        configuration["A:C:0"].ShouldBe("x");
        configuration["a:c:1:d"].ShouldBe("true");
        configuration["a:e"].ShouldBeNull();
        Should.Throw<HoconException>(() => new ConfigurationBuilder().AddHocon("/no/such.conf").Build()).Message.ShouldBe("/no/such.conf: no such file");
        new ConfigurationBuilder().AddHocon("/no/such.conf", optional: true).Build()["a"].ShouldBeNull();
    }
}
