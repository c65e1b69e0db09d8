using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Testing;
using Cti.Transport.Names;
using Cti.Transport.Sip;

namespace Cti.Fuzz.Targets;

/// <summary>
/// What is made of NAPTR and SRV records, a line each: whatever a domain says, only services that are spoken here come of it, few of them, secured where they
/// must be; and each usable record once, the lowest priority first. Names that lead in a circle, or to hundreds of others, end after some questions.
/// </summary>
public sealed class DnsTarget : IFuzzTarget
{
    public string Name => "dns";

    public IEnumerable<byte[]> Seeds =>
    [
        .. new[]
        {
            "N 10 50 s SIPS+D2T _sips._tcp.example.com\nN 90 50 s SIP+D2T _sip._tcp.example.com\nN 100 50 S sip+d2u _sip._udp.example.com.\n",
            "S 0 1 5060 server1.example.com\nS 0 2 5060 server2.example.com\nS 1 0 5060 backup\nS 65535 65535 65535 x\n",
            "S 0 0 0 \nN 0 0 u E2U+sip !^.*$!sip:x@y! .\nN 1 1 s SIP+D2S _sip._sctp.x\n",
            // Names that lead to themselves and to each other, to nothing, and to more than anybody needs.
            "N 1 1 s SIP+D2U carrier.example\nN 1 1 s SIP+D2U CARRIER.EXAMPLE.\nS 1 1 5060 carrier.example\nS 1 0 5060 _sip._udp.carrier.example\nA 127.0.0.1\n"
                + "A ::1\nA 192.0.2.1\n",
            string.Concat(Enumerable.Range(0, 9).Select(static at => $"N {at} 0 s SIP+D2U s{at}.example\n"))
                + string.Concat(Enumerable.Range(0, 70).Select(static at => $"S {at % 7} {65_535 - at} 5060 t{at}.example\n")),
        }.Select(Encoding.ASCII.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var (naptr, srv, addresses) = (new List<NaptrRecord>(), new List<SrvRecord>(), new List<IPAddress>());
        foreach (var line in Encoding.Latin1.GetString(input).Split('\n'))
        {
            var words = line.Split(' ');
            if (words is ["N", var order, var preference, var flags, var service, .. var rest])
                naptr.Add(new NaptrRecord(Number(order), Number(preference), flags, service, string.Join(' ', rest)));
            if (words is ["S", var priority, var weight, var port, .. var target])
                srv.Add(new SrvRecord(Number(priority), Number(weight), Number(port), string.Join(' ', target)));
            if (words is ["A", var text] && IPAddress.TryParse(text, out var address)) addresses.Add(address);
        }
        foreach (var isSecure in (bool[])[false, true])
        {
            var services = NextServices.Of(naptr, static kind => kind != SipTransportKind.Tcp, isSecure);
            if (services.Count > 8 || services.Distinct().Count() != services.Count) throw new InvalidOperationException("too many services, or one twice");
            foreach (var service in services)
            {
                if (service.Kind == SipTransportKind.Tcp || (isSecure && service.Kind != SipTransportKind.Tls))
                    throw new InvalidOperationException("a service that is not spoken here");
                if (service.Name.Length is 0 or > 253) throw new InvalidOperationException("a service that leads nowhere");
            }
        }
        var inOrder = NextServices.InOrder(srv, new SeededRandom(1));
        if (inOrder.Count > 64) throw new InvalidOperationException("too many records");
        for (var i = 1; i < inOrder.Count; i++)
        {
            if (inOrder[i].Priority < inOrder[i - 1].Priority) throw new InvalidOperationException("a lower priority later");
        }
        if (inOrder.Any(record => record.Target.Length == 0 || record.Port == 0)) throw new InvalidOperationException("a record that leads nowhere");
        if (NextServices.IsRefused(srv) && inOrder.Count > 0) throw new InvalidOperationException("refused, and there all the same");
        var usable = srv.Count(static record => record is { Target.Length: > 0 and <= 253, Port: > 0 });
        if (inOrder.Count != Math.Min(usable, 64)) throw new InvalidOperationException("a record is lost, or there twice");
        foreach (var uri in (string[])["sip:a@carrier.example", "sips:a@carrier.example", "sip:a@carrier.example;transport=tcp"])
            Resolve(SipUri.Parse(uri), new Said(naptr, srv, addresses));
    }

    /// <summary>The whole way from a name to where a request goes, with every name answered alike, so that what leads to itself does.</summary>
    private static void Resolve(SipUri uri, Said said)
    {
        var resolver = new SipResolver(static (kind, family) => kind == SipTransportKind.Tcp && family == AddressFamily.InterNetworkV6 ? -1 : (int)kind,
            new ManualRuntime(), new SeededRandom(1), said);
        var asked = resolver.ResolveAllAsync(uri);
        if (!asked.IsCompletedSuccessfully) throw new InvalidOperationException("a question without a wait is waited for");
        var ways = asked.Result;
        if (ways.Count > 32 || ways.Distinct().Count() != ways.Count) throw new InvalidOperationException("too many ways, or one twice");
        foreach (var way in ways)
        {
            if (way.Remote.Port is 0 or > 65_535) throw new InvalidOperationException($"a way to {way.Remote}");
            if (uri.Scheme == "sips" && way.Kind != SipTransportKind.Tls) throw new InvalidOperationException("a secured name leads to what is not");
            if (uri.Params["transport"] is not null && way.Kind != SipTransportKind.Tcp)
                throw new InvalidOperationException("another transport than was asked for");
        }
        // A call costs others' name servers no more than some questions, whatever the domain says.
        if (said.Questions > 48) throw new InvalidOperationException($"{said.Questions} questions for one name");
    }

    /// <summary>A name server that says the same of every name.</summary>
    private sealed class Said(List<NaptrRecord> naptr, List<SrvRecord> srv, List<IPAddress> addresses) : IDnsQuestions
    {
        public int Questions { get; private set; }

        public Task<DnsAnswer<NaptrRecord>> NaptrAsync(string name) => Answer(naptr);

        public Task<DnsAnswer<SrvRecord>> SrvAsync(string name) => Answer(srv);

        public Task<DnsAnswer<IPAddress>> AddressesAsync(string name) => Answer(addresses);

        private Task<DnsAnswer<T>> Answer<T>(List<T> records)
        {
            Questions++;
            return Task.FromResult(new DnsAnswer<T>(records, 60));
        }
    }

    // As they come from the wire: 16 bits.
    private static int Number(string text) =>
        ushort.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : text.Length & 0xFFFF;
}
