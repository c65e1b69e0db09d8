using System.Net;
using Cti.Actors.Trunks;
using Cti.Sip;

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

    [Fact]
    public void Whose_certificate_names_a_trunk_that_is_known_so_is_that_trunk_wherever_it_connects_from()
    {
        var shown = new Trunk { Name = "shown", Host = "pbx.example", AcceptsCertificate = true };
        var other = new Trunk { Name = "other", Host = "sbc.example" };
        var table = new TrunkTable([.. Trunks, other, shown]) { Shows = static (flow, name) => flow.Connection == 7 && name is "pbx.example" or "sbc.example" };
        var flow = new SipFlow(SipTransportKind.Tls, 0, IPEndPoint.Parse("192.0.2.99:40000"), 7);
        table.ForFlow(flow, "100")!.Name.ShouldBe("shown");
        table.ForFlow(flow with { Remote = IPEndPoint.Parse("203.0.113.70:5060") }, "100")!.Name.ShouldBe("shown", "it says more than its address");
        table.ForFlow(flow with { Connection = 0 }, "100").ShouldBeNull("the connection was opened by this node, or came to another");
        table.ForFlow(flow with { Kind = SipTransportKind.Tcp }, "100").ShouldBeNull();
        table.ForFlow(flow with { Connection = 8, Remote = IPEndPoint.Parse("203.0.113.70:5060") }, "100")!.Name.ShouldBe("one");
    }

    [Theory]
    [InlineData("4930", "203.0.113.70:5060", "first")]
    [InlineData("4940", "203.0.113.70:5060", "second")]
    [InlineData("4950", "203.0.113.70:5060", "first")]
    [InlineData(null, "203.0.113.70:5060", "first")]
    [InlineData("unregistered", "203.0.113.70:5060", "first")]
    [InlineData("4940", "198.51.100.7:5060", "network")]
    [InlineData("4940", "192.0.2.1:5060", null)]
    public void Of_accounts_at_one_carrier_it_is_the_one_whose_Contact_the_registrar_calls(string? called, string source, string? trunk)
    {
        static Trunk Account(string name, string user, bool register = true) => new()
        {
            Name = name, Host = "203.0.113.70", User = user, Password = "p", Register = register, AcceptFrom = [IPNetwork.Parse("198.51.100.0/28")],
        };
        var table = new TrunkTable([Account("first", "4930"), Account("second", "4940"), Account("third", "unregistered", register: false),
            new() { Name = "network", Host = "192.0.2.50", AcceptFrom = [IPNetwork.Parse("198.51.100.0/29")] }]);
        table.ForFlow(new SipFlow(SipTransportKind.Udp, 0, IPEndPoint.Parse(source)), called)?.Name.ShouldBe(trunk);
        (table.ForFlow(new SipFlow(SipTransportKind.Udp, 0, IPEndPoint.Parse(source)), called) is null).ShouldBe(trunk is null);
    }
}
