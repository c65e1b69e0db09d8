using System.Text.Json;
using Cti.Actors.Trunks;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

public sealed class TrunkRegistrationTests
{
    private const string Challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5";
    private readonly NodeBench _bench =
        new([new Trunk { Name = "carrier", Host = "10.0.0.1", User = "4930", Password = "secret", Register = true, RegisterSeconds = 600 }]);
    private readonly RawPeer _registrar;

    public TrunkRegistrationTests() => _registrar = _bench.Peer("10.0.0.1");

    private JsonElement Status() => JsonDocument.Parse(_bench.Ask("sys.node.list").Result).RootElement[0].GetProperty("trunks")[0];

    private SipRequest Register(int status, string more = "")
    {
        var request = _registrar.Request("REGISTER");
        _registrar.Respond(request, status, more);
        return request;
    }

    /// <summary>How many seconds pass until the next REGISTER, to the tenth.</summary>
    private double Wait(int secondsMax = 4000)
    {
        for (var tenths = 0; tenths < secondsMax * 10; tenths++)
        {
            if (_registrar.Hears("REGISTER", 100)) return tenths / 10.0;
        }
        throw new InvalidOperationException("no REGISTER");
    }

    [Fact]
    public void Min_Expires_is_asked_for_at_once_and_from_then_on()
    {
        Register(423, "Min-Expires: 3600").Expires.ShouldBe(600);
        Wait().ShouldBeLessThan(0.1);
        Register(200, "Contact: <sip:4930@203.0.113.9:7000>;expires=3600").Expires.ShouldBe(3600);
        Wait().ShouldBeInRange(2879, 2881);
        Register(200).Expires.ShouldBe(3600);
    }

    [Fact]
    public void A_rewritten_Contact_with_15_s_is_refreshed_in_time_again_and_again()
    {
        Register(200, "Contact: <sip:4930@203.0.113.9:61000;rinstance=1>;expires=15");
        for (var i = 0; i < 5; i++)
        {
            Wait().ShouldBeInRange(11, 14);
            _bench.Server.IsRegisteredAt(_bench.Server.Trunks.All[0]).ShouldBeTrue();
            Register(200, "Contact: <sip:4930@203.0.113.9:61000;rinstance=1>;expires=15");
        }
    }

    [Theory]
    [InlineData(200, "Contact: <sip:4930@10.0.0.100:5060>;expires=0")]
    [InlineData(200, "Expires: 0")]
    [InlineData(423, "Min-Expires: 1")]
    [InlineData(423, "")]
    [InlineData(302, "Contact: <sip:10.0.0.66>")]
    [InlineData(503, "Retry-After: x")]
    public void What_makes_no_sense_does_not_loop(int status, string more)
    {
        for (var i = 0; i < 4; i++)
        {
            Register(status, more);
            Wait().ShouldBeGreaterThanOrEqualTo(14.5);
        }
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void How_it_stands_is_told()
    {
        (Status().GetProperty("registered").GetBoolean(), Status().TryGetProperty("register_status", out _)).ShouldBe((false, false));
        Register(401, Challenge);
        Register(403);
        _bench.Runtime.Advance(100);
        var failing = Status();
        (failing.GetProperty("registered").GetBoolean(), failing.GetProperty("register_status").GetInt32(), failing.GetProperty("register_reason").GetString())
            .ShouldBe((false, 403, "Status"));
        failing.GetProperty("register_since").GetInt64().ShouldBe(_bench.Runtime.UnixMillis / 1000);
        _bench.Server.Trunks.RegisterFailuresAt(_bench.Server.Trunks.All[0]).ShouldBe(new Dictionary<int, long> { [403] = 1 });
        Wait().ShouldBeGreaterThanOrEqualTo(149);
        Register(401, Challenge);
        Register(200, "Expires: 600");
        _bench.Runtime.Advance(100);
        var holding = Status();
        holding.GetProperty("registered").GetBoolean().ShouldBeTrue();
        (holding.GetProperty("registered_until").GetInt64() - (_bench.Runtime.UnixMillis / 1000)).ShouldBeInRange(598, 600);
        holding.TryGetProperty("register_status", out _).ShouldBeFalse();
    }

    [Fact]
    public void Refused_credentials_are_told_once_and_nothing_is_hammered()
    {
        for (var i = 0; i < 3; i++)
        {
            Register(401, Challenge);
            Register(401, Challenge);
            Wait().ShouldBeGreaterThanOrEqualTo(149);
        }
        _bench.Log.Count(line => line.Contains("refuses to register us", StringComparison.Ordinal)).ShouldBe(1);
        _bench.Log.ShouldNotContain(line => line.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public void Retry_After_is_kept_to()
    {
        Register(503, "Retry-After: 90");
        Wait().ShouldBeInRange(89, 100);
    }

    [Fact]
    public void A_registrar_that_is_silent_is_asked_ever_more_seldom()
    {
        // Each attempt is repeated until it is given up.
        SipRequest? last = null;
        var waits = new List<double>();
        for (var i = 0; i < 4; i++)
        {
            var first = _registrar.Request("REGISTER", 2_000_000);
            if (last is not null) first.CSeq.Number.ShouldBe(last.CSeq.Number + 1);
            last = first;
            _registrar.Take("REGISTER", 32_500);
            waits.Add(Wait());
        }
        waits[3].ShouldBeGreaterThan(waits[0] * 3);
        waits[0].ShouldBeInRange(14, 30);
    }

    [Fact]
    public void A_stranger_cannot_have_the_password_by_a_401_to_REGISTER()
    {
        var stranger = _bench.Peer("10.0.0.66");
        var request = _registrar.Request("REGISTER");
        stranger.Respond(request, 401, Challenge);
        _registrar.Hears("REGISTER", 10_000).ShouldBeFalse();
        stranger.Rest().ShouldBeEmpty();
    }

    [Fact]
    public void Who_drains_takes_its_registration_back()
    {
        Register(401, Challenge);
        Register(200, "Expires: 600");
        _bench.Runtime.Advance(100);
        _bench.Server.Drain();
        var leaving = _registrar.Request("REGISTER");
        (leaving.Expires, leaving.Has(HeaderId.Authorization)).ShouldBe((0, true));
        _registrar.Respond(leaving, 200);
        _registrar.Hears("REGISTER", 2_000_000).ShouldBeFalse();
        Status().GetProperty("registered").GetBoolean().ShouldBeFalse();
        _bench.Crashes.ShouldBeEmpty();
    }
}
