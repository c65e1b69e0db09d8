using System.Net;
using Cti.Actors.Trunks;

namespace Cti.Actors.Tests.Trunks;

/// <summary>Whose a call is that comes in: the most certain sign counts, in whatever order the trunks stand.</summary>
public sealed class TrunkTableTests
{
    private static readonly Trunk[] Trunks =
    [
        new() { Name = "wide", Host = "198.51.100.1", AcceptFrom = [IPNetwork.Parse("203.0.113.0/24"), IPNetwork.Parse("2001:db8::/32")] },
        new() { Name = "narrow", Host = "198.51.100.2", AcceptFrom = [IPNetwork.Parse("203.0.113.64/26")] },
        new() { Name = "one", Host = "203.0.113.70" },
        new() { Name = "other port", Host = "203.0.113.70", Port = 5080 },
    ];

    [Theory]
    [InlineData("203.0.113.5:5060", "wide")]
    [InlineData("203.0.113.65:40000", "narrow")]
    [InlineData("203.0.113.70:5060", "one")]
    [InlineData("203.0.113.70:5080", "other port")]
    [InlineData("[::ffff:203.0.113.65]:5060", "narrow")]
    [InlineData("[2001:db8::7]:5060", "wide")]
    [InlineData("198.51.100.2:5062", "narrow")]
    [InlineData("198.51.100.3:5060", null)]
    [InlineData("203.0.112.255:5060", null)]
    public void A_call_is_the_trunks_that_it_most_surely_came_from(string source, string? trunk)
    {
        new TrunkTable(Trunks).ForSource(IPEndPoint.Parse(source))?.Name.ShouldBe(trunk);
        new TrunkTable(Trunks.Reverse()).ForSource(IPEndPoint.Parse(source))?.Name.ShouldBe(trunk);
        (new TrunkTable(Trunks).ForSource(IPEndPoint.Parse(source)) is null).ShouldBe(trunk is null);
    }

    [Fact]
    public void Of_equals_it_is_the_first()
    {
        var source = IPEndPoint.Parse("203.0.113.70:40000");
        new TrunkTable(Trunks).ForSource(source)!.Name.ShouldBe("one");
        new TrunkTable(Trunks.Reverse()).ForSource(source)!.Name.ShouldBe("other port");
    }
}
