using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Transport.Runtime;
using Cti.Transport.Sip;

namespace Cti.Transport.Tests.Sip;

public sealed class SipResolverTests
{
    private readonly ManualTime _time = new();

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
    public async Task A_name_with_a_port_is_looked_up_by_address() =>
        (await Resolver().ResolveAsync(SipUri.Parse("sip:a@localhost:5090")))!.Value.Remote.Port.ShouldBe(5090);

    [Fact]
    public async Task A_name_that_does_not_exist_is_not_found() =>
        (await Resolver().ResolveAsync(SipUri.Parse("sip:a@no-such-host.invalid:5060"))).ShouldBeNull();

    [Fact]
    public async Task A_name_without_a_port_is_found_by_its_service_record_of_the_lowest_priority_and_the_answer_is_kept()
    {
        using var server = new NameServer(("_sip._udp.example.test", [new SrvRecord(20, 0, 5555, "192.0.2.1"), new SrvRecord(10, 5, 5070, "127.0.0.9")]));
        var resolver = Resolver(server.EndPoint);
        var expected = new SipFlow(SipTransportKind.Udp, 0, IPEndPoint.Parse("127.0.0.9:5070"));
        (await resolver.ResolveAsync(SipUri.Parse("sip:a@Example.Test"))).ShouldBe(expected);
        (await resolver.ResolveAsync(SipUri.Parse("sip:b@example.test"))).ShouldBe(expected);
        server.Questions.ShouldBe(1);
        _time.Advance(31_000);
        (await resolver.ResolveAsync(SipUri.Parse("sip:c@example.test"))).ShouldBe(expected);
        server.Questions.ShouldBe(2);
    }

    [Fact]
    public async Task All_that_a_name_leads_to_is_told_the_best_first()
    {
        using var server = new NameServer(("_sip._udp.example.test", [new SrvRecord(20, 0, 5064, "127.0.0.4"), new SrvRecord(10, 0, 5062, "127.0.0.3")]));
        var resolver = Resolver(server.EndPoint);
        (await resolver.ResolveAllAsync(SipUri.Parse("sip:example.test"))).Select(flow => flow.Remote.ToString())
            .ShouldBe(["127.0.0.3:5062", "127.0.0.4:5064"]);
        (await resolver.ResolveAllAsync(SipUri.Parse("sip:127.0.0.9"))).Single().Remote.ToString().ShouldBe("127.0.0.9:5060");
        (await resolver.ResolveAllAsync(SipUri.Parse("sip:localhost:5090"))).ShouldContain(flow => flow.Remote.Port == 5090);
        (await resolver.ResolveAllAsync(SipUri.Parse("sip:no-such-host.invalid:5060"))).ShouldBeEmpty();
        (await resolver.ResolveAllAsync(SipUri.Parse("sip:127.0.0.9;transport=ws"))).ShouldBeEmpty();
    }

    [Fact]
    public async Task Where_only_TCP_has_a_service_record_TCP_is_used()
    {
        using var server = new NameServer(("_sip._tcp.example.test", [new SrvRecord(0, 0, 5062, "127.0.0.3")]));
        (await Resolver(server.EndPoint).ResolveAsync(SipUri.Parse("sip:a@example.test")))
            .ShouldBe(new SipFlow(SipTransportKind.Tcp, 1, IPEndPoint.Parse("127.0.0.3:5062")));
    }

    [Fact]
    public void An_answer_cut_anywhere_or_garbled_is_read_without_a_fault()
    {
        var query = SrvClient.WriteQuery(7, "_sip._udp.example.test")!;
        var answer = NameServer.Answer(query, [new SrvRecord(1, 2, 3, "a.example.test"), new SrvRecord(4, 5, 6, "b.example.test")]);
        SrvClient.ReadAnswer(answer, query).ShouldBe([new SrvRecord(1, 2, 3, "a.example.test"), new SrvRecord(4, 5, 6, "b.example.test")]);
        for (var length = 0; length < answer.Length; length++)
            (SrvClient.ReadAnswer(answer.AsSpan(0, length), query)?.Count ?? 0).ShouldBeLessThan(2);
        var random = new Random(1);
        for (var i = 0; i < 20_000; i++)
        {
            var garbled = answer.ToArray();
            for (var change = random.Next(1, 5); change > 0; change--)
                garbled[random.Next(garbled.Length)] = (byte)random.Next(256);
            (SrvClient.ReadAnswer(garbled, query)?.Count ?? 0).ShouldBeLessThanOrEqualTo(64);
        }
    }

    [Fact]
    public void A_name_that_points_at_itself_is_refused()
    {
        var query = SrvClient.WriteQuery(7, "_sip._udp.example.test")!;
        byte[] loop = [.. query, 0xC0, (byte)query.Length, 0, 33, 0, 1, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0xC0, 0x0C];
        loop[2] |= 0x80;
        loop[7] = 1;
        SrvClient.ReadAnswer(loop, query).ShouldBe([]);
    }

    [Fact]
    public async Task A_host_of_a_session_description_is_looked_up_once_for_all_who_ask_and_kept()
    {
        var asked = new List<string>();
        var resolver = new SipResolver(FindListener, _time, SystemRandom.Instance, [], name =>
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
        var resolver = new SipResolver(FindListener, _time, SystemRandom.Instance, [], name =>
            name == "free.example" ? Task.FromResult<IPAddress[]>([IPAddress.Loopback]) : gate.Task);
        var waiting = Enumerable.Range(0, Limits.DnsHostsAtOnceMax).Select(i => resolver.ResolveHostAsync($"slow{i}.example").AsTask()).ToArray();
        (await resolver.ResolveHostAsync("one-more.example")).ShouldBeEmpty();
        waiting.ShouldAllBe(task => !task.IsCompleted);
        gate.SetResult([IPAddress.Parse("192.0.2.9")]);
        (await Task.WhenAll(waiting)).ShouldAllBe(found => found.Count == 1);
        (await resolver.ResolveHostAsync("free.example")).ShouldBe([IPAddress.Loopback]);
    }

    [Theory]
    [InlineData("a..b")]
    [InlineData("")]
    [InlineData("ü.example")]
    public void What_is_not_a_name_is_not_asked_for(string name) => SrvClient.WriteQuery(1, name).ShouldBeNull();

    private SipResolver Resolver(params IPEndPoint[] servers) => new(FindListener, _time, SystemRandom.Instance, servers);

    private static int FindListener(SipTransportKind kind, AddressFamily family) => (kind, family) switch
    {
        (SipTransportKind.Udp, AddressFamily.InterNetwork) => 0,
        (SipTransportKind.Tcp, AddressFamily.InterNetwork) => 1,
        (SipTransportKind.Udp, AddressFamily.InterNetworkV6) => 2,
        _ => -1,
    };

    /// <summary>Answers SRV questions on loopback.</summary>
    private sealed class NameServer : IDisposable
    {
        private readonly UdpClient _socket = new(new IPEndPoint(IPAddress.Loopback, 0));
        private readonly Dictionary<string, SrvRecord[]> _records;
        private int _questions;

        public NameServer(params (string Name, SrvRecord[] Records)[] records)
        {
            _records = records.ToDictionary(entry => entry.Name, entry => entry.Records);
            _ = ServeAsync();
        }

        public IPEndPoint EndPoint => (IPEndPoint)_socket.Client.LocalEndPoint!;

        public int Questions => Volatile.Read(ref _questions);

        public static byte[] Answer(byte[] query, SrvRecord[] records)
        {
            var answer = new List<byte>(query);
            answer[2] |= 0x80;
            answer[7] = (byte)records.Length;
            foreach (var record in records)
            {
                byte[] target = [.. record.Target.Split('.').SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0];
                answer.AddRange([0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 60]);
                foreach (var number in (int[])[6 + target.Length, record.Priority, record.Weight, record.Port])
                    answer.AddRange([(byte)(number >> 8), (byte)number]);
                answer.AddRange(target);
            }

            return [.. answer];
        }

        public void Dispose() => _socket.Dispose();

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    var question = await _socket.ReceiveAsync();
                    Interlocked.Increment(ref _questions);
                    await _socket.SendAsync(Answer(question.Buffer, _records.GetValueOrDefault(NameOf(question.Buffer)) ?? []), question.RemoteEndPoint);
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private static string NameOf(byte[] query)
        {
            var labels = new List<string>();
            for (var at = 12; query[at] != 0; at += query[at] + 1)
                labels.Add(Encoding.ASCII.GetString(query, at + 1, query[at]));
            BinaryPrimitives.ReadUInt16BigEndian(query.AsSpan(query.Length - 4)).ShouldBe((ushort)33);
            return string.Join('.', labels);
        }
    }
}
