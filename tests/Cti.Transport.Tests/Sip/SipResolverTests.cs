using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Transport.Names;
using Cti.Transport.Runtime;
using Cti.Transport.Sip;
using Behaviour = Cti.Transport.Tests.Sip.DnsServer.Behaviour;

namespace Cti.Transport.Tests.Sip;

public sealed class SipResolverTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly DnsServer _server = new();

    public void Dispose() => _server.Dispose();

    [Theory]
    [InlineData("sip:a@192.0.2.7", SipTransportKind.Udp, 0, "192.0.2.7:5060")]
    [InlineData("sip:a@192.0.2.7:5070;transport=tcp", SipTransportKind.Tcp, 1, "192.0.2.7:5070")]
    [InlineData("sip:a@[2001:db8::1]", SipTransportKind.Udp, 2, "[2001:db8::1]:5060")]
    [InlineData("sip:a@example.com;maddr=192.0.2.9;transport=UDP", SipTransportKind.Udp, 0, "192.0.2.9:5060")]
    public async Task Numeric_hosts_are_found_without_a_question(string uri, SipTransportKind kind, int listener, string remote)
    {
        var pending = Resolver().ResolveAsync(SipUri.Parse(uri));
        pending.IsCompleted.ShouldBeTrue();
        (await pending).ShouldBe(new SipFlow(kind, listener, IPEndPoint.Parse(remote)));
    }

    [Theory]
    [InlineData("sips:a@192.0.2.7")]
    [InlineData("sip:a@[2001:db8::1];transport=tcp")]
    [InlineData("sip:a@192.0.2.7;transport=sctp")]
    [InlineData("tel:+4930123")]
    public async Task What_no_listener_can_reach_is_not_found(string uri) => (await Resolver().ResolveAsync(SipUri.Parse(uri))).ShouldBeNull();

    [Fact]
    public async Task A_name_with_a_port_is_looked_up_by_address_alone()
    {
        _server.AddAddress("example.test", "127.0.0.4").AddAddress("example.test", "::1").AddSrv("_sip._udp.example.test", 1, 1, 5999, "127.0.0.9");
        (await Ways("sip:a@example.test:5090")).ShouldBe(["Udp 127.0.0.4:5090", "Udp [::1]:5090"]);
        _server.Asked.Order().ShouldBe(["udp A example.test", "udp AAAA example.test"]);
        (await Resolver().ResolveAsync(SipUri.Parse("sip:a@localhost:5090")))!.Value.Remote.Port.ShouldBe(5090);
    }

    [Fact]
    public async Task A_name_that_does_not_exist_is_not_found_and_that_is_kept_as_long_as_the_domain_says()
    {
        _server.Is("none.test", Behaviour.SaysNoName);
        var resolver = Resolver();
        (await resolver.ResolveAllAsync(SipUri.Parse("sip:a@none.test:5060"))).ShouldBeEmpty();
        _time.Advance(39_000);
        (await resolver.ResolveAllAsync(SipUri.Parse("sip:a@none.test:5060"))).ShouldBeEmpty();
        _server.Asked.Count.ShouldBe(2);
        _time.Advance(2_000);
        (await resolver.ResolveAllAsync(SipUri.Parse("sip:a@none.test:5060"))).ShouldBeEmpty();
        _server.Asked.Count.ShouldBe(4);
    }

    [Fact]
    public async Task A_name_without_a_port_is_found_by_its_service_records_the_lowest_priority_first_and_they_are_kept_for_their_time()
    {
        _server.AddSrv("_sip._udp.example.test", 20, 0, 5555, "192.0.2.1", ttl: 60).AddSrv("_sip._udp.example.test", 10, 5, 5070, "127.0.0.9", ttl: 90);
        var resolver = Resolver();
        (await Ways("sip:a@Example.Test.", resolver)).ShouldBe(["Udp 127.0.0.9:5070", "Udp 192.0.2.1:5555"]);
        (await Ways("sip:b@example.test", resolver)).Length.ShouldBe(2);
        _server.Asked.ShouldBe(["udp NAPTR example.test", "udp SRV _sip._udp.example.test"]);
        _time.Advance(61_000);
        (await resolver.ResolveAsync(SipUri.Parse("sip:c@example.test")))!.Value.Remote.Port.ShouldBe(5070);
        _server.Asked.Count(asked => asked.Contains("SRV", StringComparison.Ordinal)).ShouldBe(2);
    }

    [Fact]
    public async Task The_targets_of_service_records_are_looked_up_all_of_them()
    {
        _server.AddSrv("_sip._udp.example.test", 1, 0, 5062, "one.test").AddSrv("_sip._udp.example.test", 2, 0, 5064, "two.test")
            .AddSrv("_sip._udp.example.test", 3, 0, 0, "three.test")
            .AddAddress("one.test", "127.0.0.3").AddAddress("one.test", "127.0.0.4").AddAddress("two.test", "::1");
        (await Ways("sip:a@example.test")).ShouldBe(["Udp 127.0.0.3:5062", "Udp 127.0.0.4:5062", "Udp [::1]:5064"]);
    }

    [Fact]
    public async Task An_address_of_the_domain_is_no_reason_not_to_ask_for_its_services()
    {
        _server.AddAddress("example.test", "127.0.0.1").AddSrv("_sip._tcp.example.test", 1, 0, 5062, "127.0.0.3");
        (await Ways("sip:a@example.test")).ShouldBe(["Tcp 127.0.0.3:5062"]);
        (await Ways("sip:a@example.test;transport=udp")).ShouldBe(["Udp 127.0.0.1:5060"], "there is none of that transport");
    }

    [Fact]
    public async Task The_domain_itself_says_by_what_it_is_reached_and_what_is_not_spoken_here_is_passed_over()
    {
        _server.AddNaptr("example.test", 10, 5, "s", "SIPS+D2T", "_sips._tcp.example.test")
            .AddNaptr("example.test", 10, 10, "s", "SIP+D2S", "_sip._sctp.example.test")
            .AddNaptr("example.test", 10, 20, "u", "E2U+sip", "x.test").AddNaptr("example.test", 20, 10, "S", "sip+d2t", "_sip._tcp.other.test")
            .AddNaptr("example.test", 30, 10, "s", "SIP+D2U", "_sip._udp.third.test").AddNaptr("example.test", 40, 10, "a", "SIP+D2U", "host.test")
            .AddSrv("_sip._tcp.other.test", 1, 0, 5071, "127.0.0.5").AddSrv("_sip._udp.third.test", 1, 0, 5072, "127.0.0.6")
            .AddSrv("_sips._tcp.example.test", 1, 0, 5061, "127.0.0.7").AddSrv("_sip._udp.example.test", 1, 0, 5062, "127.0.0.8");
        (await Ways("sip:a@example.test")).ShouldBe(["Tcp 127.0.0.5:5071", "Udp 127.0.0.6:5072"], "all of them, in the domain's order");
        (await Ways("sip:a@example.test;transport=udp")).ShouldBe(["Udp 127.0.0.8:5062"], "a transport that is named needs no NAPTR");
        (await Ways("sip:a@example.test", Resolver(FindAny))).ShouldBe(["Tls 127.0.0.7:5061", "Tcp 127.0.0.5:5071", "Udp 127.0.0.6:5072"]);
        (await Ways("sips:a@example.test", Resolver(FindAny))).ShouldBe(["Tls 127.0.0.7:5061"], "nothing that is not secured");
    }

    [Fact]
    public async Task Where_the_domain_names_nothing_that_is_spoken_here_its_usual_services_are_asked_for()
    {
        _server.AddNaptr("example.test", 1, 1, "s", "SIP+D2S", "_sip._sctp.example.test").AddSrv("_sip._udp.example.test", 1, 0, 5062, "127.0.0.8");
        (await Ways("sip:a@example.test")).ShouldBe(["Udp 127.0.0.8:5062"]);
    }

    [Fact]
    public async Task A_domain_that_names_hundreds_of_hosts_costs_their_name_servers_some_questions()
    {
        var many = new ManyHosts();
        var found = await new SipResolver(FindAny, _time, new SystemRandom(), many).ResolveAllAsync(SipUri.Parse("sip:a@example.test"));
        found.ShouldBeEmpty();
        many.Asked.Count.ShouldBeInRange(20, 48);
    }

    /// <summary>A domain with eight services of 64 hosts each, none of which has an address.</summary>
    private sealed class ManyHosts : IDnsQuestions
    {
        public List<string> Asked { get; } = [];

        public Task<DnsAnswer<NaptrRecord>> NaptrAsync(string name) =>
            Answer(name, [.. Enumerable.Range(0, 8).Select(static at => new NaptrRecord(at, 0, "s", "SIP+D2U", $"s{at}.test"))]);

        public Task<DnsAnswer<SrvRecord>> SrvAsync(string name) =>
            Answer(name, [.. Enumerable.Range(0, 64).Select(at => new SrvRecord(1, 1, 5060, $"t{at}.{name}"))]);

        public Task<DnsAnswer<IPAddress>> AddressesAsync(string name) => Answer<IPAddress>(name, []);

        private Task<DnsAnswer<T>> Answer<T>(string name, T[] records)
        {
            Asked.Add(name);
            return Task.FromResult(new DnsAnswer<T>(records, 60));
        }
    }

    [Fact]
    public async Task A_domain_that_says_it_has_no_such_service_is_not_called_at_its_address()
    {
        _server.AddSrv("_sip._udp.example.test", 0, 0, 0, ".").AddAddress("example.test", "127.0.0.1");
        (await Ways("sip:a@example.test")).ShouldBeEmpty();
        _server.AddSrv("_sip._tcp.example.test", 0, 0, 5062, "127.0.0.2");
        (await Ways("sip:a@example.test")).ShouldBe(["Tcp 127.0.0.2:5062"]);
    }

    [Fact]
    public async Task Aliases_are_followed()
    {
        _server.Add("alias.test", DnsServer.CName, DnsServer.NameData("example.test")).AddNaptr("example.test", 1, 1, "s", "SIP+D2U", "_sip._udp.example.test")
            .AddSrv("_sip._udp.example.test", 1, 0, 5062, "127.0.0.8");
        (await Ways("sip:a@alias.test")).ShouldBe(["Udp 127.0.0.8:5062"]);
    }

    [Fact]
    public async Task An_answer_that_was_cut_is_asked_for_over_TCP()
    {
        for (var i = 1; i <= 20; i++) _server.AddSrv("_sip._udp.example.test", i, 0, 5000 + i, $"127.0.0.{i}");
        _server.Is("_sip._udp.example.test", Behaviour.TruncatesUdp);
        (await Ways("sip:a@example.test")).Length.ShouldBe(20);
        _server.Asked.ShouldContain("tcp SRV _sip._udp.example.test");
    }

    [Theory]
    [InlineData((int)Behaviour.SaysServFail)]
    [InlineData((int)Behaviour.IsBroken)]
    [InlineData((int)Behaviour.SaysNoName)]
    [InlineData((int)Behaviour.IsSilent)]
    [InlineData((int)Behaviour.AnswersAnotherQuestion)]
    public async Task A_server_that_does_not_do_NAPTR_costs_a_wait_once_in_a_while_and_no_call(int behaviour)
    {
        _server.Is("example.test", (Behaviour)behaviour).AddSrv("_sip._udp.example.test", 1, 0, 5062, "127.0.0.8");
        var resolver = Resolver();
        (await Ways("sip:a@example.test", resolver)).ShouldBe(["Udp 127.0.0.8:5062"]);
        var asked = _server.Asked.Count;
        _time.Advance(4_000);
        (await Ways("sip:a@example.test", resolver)).ShouldBe(["Udp 127.0.0.8:5062"]);
        _server.Asked.Count.ShouldBe(asked);
    }

    [Theory]
    [InlineData((int)Behaviour.SaysServFail)]
    [InlineData((int)Behaviour.IsBroken)]
    [InlineData((int)Behaviour.IsSilent)]
    public async Task Where_no_server_says_anything_nothing_is_found_within_five_seconds_and_asked_again_soon(int behaviour)
    {
        foreach (var name in (string[])["example.test", "_sip._udp.example.test", "_sip._tcp.example.test"]) _server.Is(name, (Behaviour)behaviour);
        var resolver = Resolver();
        var began = Environment.TickCount64;
        (await Ways("sip:a@example.test", resolver)).ShouldBeEmpty();
        (Environment.TickCount64 - began).ShouldBeLessThan(8_000);
    }

    [Fact]
    public async Task Those_who_ask_at_once_share_a_question()
    {
        _server.AddSrv("_sip._udp.example.test", 1, 0, 5062, "127.0.0.8");
        var resolver = Resolver();
        var all = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Ways("sip:a@example.test", resolver)));
        all.ShouldAllBe(ways => ways.Length == 1);
        _server.Asked.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Answers_are_few_however_many_names_are_asked_for_and_no_time_is_endless()
    {
        var asked = 0;
        var cache = new AnswerCache<int>(_time, name =>
            Task.FromResult(new DnsAnswer<int>([1], name == "long" ? int.MaxValue : 0, name == "failed" && ++asked > 0)));
        await cache.GetAsync("long");
        for (var i = 0; i < 5_000; i++) await cache.GetAsync($"name{i}");
        await cache.GetAsync("failed");
        await cache.GetAsync("failed");
        asked.ShouldBe(1);
        _time.Advance(5_100);
        await cache.GetAsync("failed");
        asked.ShouldBe(2);
    }

    [Fact]
    public void Weights_share_out_and_those_without_any_are_chosen_now_and_then()
    {
        var random = SystemRandom.Instance;
        SrvRecord[] records =
        [
            new(1, 0, 1, "none"), new(1, 10, 1, "ten"), new(1, 30, 1, "thirty"), new(0, 0, 1, "first"), new(2, 65_535, 1, "last"), new(2, 65_535, 1, ""),
            new(2, 1, 0, "no port"),
        ];
        var second = new Dictionary<string, int>();
        for (var i = 0; i < 10_000; i++)
        {
            var order = NextServices.InOrder(records, random);
            (order.Count, order[0].Target, order[4].Target).ShouldBe((5, "first", "last"));
            second[order[1].Target] = second.GetValueOrDefault(order[1].Target) + 1;
        }
        second["ten"].ShouldBeInRange(2_000, 2_900);
        second["thirty"].ShouldBeInRange(6_800, 7_800);
        second["none"].ShouldBeInRange(50, 600);
    }

    [Fact]
    public void The_hosts_file_counts_before_name_servers_and_is_read_when_it_changes()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "# none\n127.0.0.7\tcarrier.test other  # both\n::1 carrier.test\nnonsense line\n10.0.0.1\n");
            var hosts = new HostsFile(path);
            hosts.Find("Carrier.Test").ShouldBe([IPAddress.Parse("127.0.0.7"), IPAddress.IPv6Loopback]);
            hosts.Find("both").ShouldBeEmpty();
            File.WriteAllText(path, "127.0.0.8 carrier.test\n");
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(5));
            hosts.Find("carrier.test").ShouldBe([IPAddress.Parse("127.0.0.8")]);
            File.Delete(path);
            hosts.Find("carrier.test").ShouldBe([IPAddress.Parse("127.0.0.8")]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task A_host_of_a_session_description_is_looked_up_once_for_all_who_ask_and_kept()
    {
        var asked = new List<string>();
        var resolver = new SipResolver(FindListener, _time, SystemRandom.Instance, Questions(), name =>
        {
            asked.Add(name);
            return Task.FromResult<IPAddress[]>(name == "media.example"
                ? [IPAddress.Parse("192.0.2.9"), IPAddress.Parse("2001:db8::9")]
                : throw new SocketException((int)SocketError.HostNotFound));
        });
        (await resolver.ResolveHostAsync("Media.Example.")).ShouldBe([IPAddress.Parse("192.0.2.9"), IPAddress.Parse("2001:db8::9")]);
        (await resolver.ResolveHostAsync("media.example")).Count.ShouldBe(2);
        (await resolver.ResolveHostAsync("unknown.example")).ShouldBeEmpty();
        (await resolver.ResolveHostAsync("192.0.2.7")).ShouldBe([IPAddress.Parse("192.0.2.7")]);
        asked.ShouldBe(["media.example", "unknown.example"]);
    }

    [Fact]
    public async Task Look_ups_that_nobody_answers_are_few_at_once()
    {
        var gate = new TaskCompletionSource<IPAddress[]>();
        var resolver = new SipResolver(FindListener, _time, SystemRandom.Instance, Questions(), name =>
            name == "free.example" ? Task.FromResult<IPAddress[]>([IPAddress.Loopback]) : gate.Task);
        var waiting = Enumerable.Range(0, Limits.DnsHostsAtOnceMax).Select(i => resolver.ResolveHostAsync($"slow{i}.example").AsTask()).ToArray();
        (await resolver.ResolveHostAsync("one-more.example")).ShouldBeEmpty();
        waiting.ShouldAllBe(task => !task.IsCompleted);
        gate.SetResult([IPAddress.Parse("192.0.2.9")]);
        (await Task.WhenAll(waiting)).ShouldAllBe(found => found.Count == 1);
        (await resolver.ResolveHostAsync("free.example")).ShouldBe([IPAddress.Loopback]);
    }

    [Theory]
    [InlineData("a..b", false)]
    [InlineData("", false)]
    [InlineData("ü.example", false)]
    [InlineData("a b.example", false)]
    [InlineData("_sip._udp.example.com", true)]
    public void What_is_not_a_name_is_not_asked_for(string name, bool isOne) => DnsName.IsName(name).ShouldBe(isOne);

    private async Task<string[]> Ways(string uri, SipResolver? resolver = null) =>
        [.. (await (resolver ?? Resolver()).ResolveAllAsync(SipUri.Parse(uri))).Select(flow => $"{flow.Kind} {flow.Remote}")];

    private DnsQuestions Questions() => new([_server.EndPoint], new HostsFile("/nowhere"));

    private SipResolver Resolver(Func<SipTransportKind, AddressFamily, int>? find = null) =>
        new(find ?? FindListener, _time, SystemRandom.Instance, Questions());

    private static int FindAny(SipTransportKind kind, AddressFamily family) => 0;

    private static int FindListener(SipTransportKind kind, AddressFamily family) => (kind, family) switch
    {
        (SipTransportKind.Udp, AddressFamily.InterNetwork) => 0,
        (SipTransportKind.Tcp, AddressFamily.InterNetwork) => 1,
        (SipTransportKind.Udp, AddressFamily.InterNetworkV6) => 2,
        _ => -1,
    };
}
