using System.Text;
using Cti.Sip;
using Cti.Testing;
using Cti.Transport.Names;

namespace Cti.Fuzz.Targets;

/// <summary>
/// What is made of NAPTR and SRV records, a line each: whatever a domain says, only services that are spoken here come of it, few of them, secured where they
/// must be; and each usable record once, the lowest priority first.
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
        }.Select(Encoding.ASCII.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var (naptr, srv) = (new List<NaptrRecord>(), new List<SrvRecord>());
        foreach (var line in Encoding.Latin1.GetString(input).Split('\n'))
        {
            var words = line.Split(' ');
            if (words is ["N", var order, var preference, var flags, var service, .. var rest])
                naptr.Add(new NaptrRecord(Number(order), Number(preference), flags, service, string.Join(' ', rest)));
            if (words is ["S", var priority, var weight, var port, .. var target])
                srv.Add(new SrvRecord(Number(priority), Number(weight), Number(port), string.Join(' ', target)));
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
    }

    // As they come from the wire: 16 bits.
    private static int Number(string text) =>
        ushort.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : text.Length & 0xFFFF;
}
