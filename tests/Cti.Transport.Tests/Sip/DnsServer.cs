using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Cti.Transport.Tests.Sip;

/// <summary>A name server on loopback, over UDP and TCP, that answers what the test says, well or not.</summary>
internal sealed class DnsServer : IDisposable
{
    internal const int A = 1, CName = 5, Soa = 6, Aaaa = 28, Srv = 33, Naptr = 35;

    private readonly TcpListener _tcp;
    private readonly UdpClient _udp;
    private readonly List<(string Name, int Type, byte[] Data, int Ttl)> _records = [];
    private readonly Dictionary<string, Behaviour> _behaviours = new(StringComparer.OrdinalIgnoreCase);

    public DnsServer()
    {
        // The same port for both.
        for (var attempt = 0; ; attempt++)
        {
            _tcp = new TcpListener(IPAddress.Loopback, 0);
            _tcp.Start();
            try
            {
                _udp = new UdpClient((IPEndPoint)_tcp.LocalEndpoint);
                break;
            }
            catch (SocketException) when (attempt < 20)
            {
                _tcp.Stop();
            }
        }
        _ = ServeUdpAsync();
        _ = ServeTcpAsync();
    }

    internal enum Behaviour
    {
        Answers,
        IsSilent,
        IsBroken,
        SaysServFail,
        SaysNoName,
        TruncatesUdp,
        AnswersAnotherQuestion,
    }

    public IPEndPoint EndPoint => (IPEndPoint)_udp.Client.LocalEndPoint!;

    /// <summary>What was asked, with the transport: "udp SRV _sip._udp.example.test".</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    public DnsServer Add(string name, int type, byte[] data, int ttl = 300)
    {
        _records.Add((name, type, data, ttl));
        return this;
    }

    public DnsServer AddSrv(string name, int priority, int weight, int port, string target, int ttl = 300) =>
        Add(name, Srv, [.. Number(priority), .. Number(weight), .. Number(port), .. Name(target)], ttl);

    public DnsServer AddNaptr(string name, int order, int preference, string flags, string service, string replacement, int ttl = 300) =>
        Add(name, Naptr, [.. Number(order), .. Number(preference), .. Text(flags), .. Text(service), .. Text(""), .. Name(replacement)], ttl);

    public DnsServer AddAddress(string name, string address, int ttl = 300)
    {
        var parsed = IPAddress.Parse(address);
        return Add(name, parsed.AddressFamily == AddressFamily.InterNetwork ? A : Aaaa, parsed.GetAddressBytes(), ttl);
    }

    public DnsServer Is(string name, Behaviour behaviour)
    {
        _behaviours[name] = behaviour;
        return this;
    }

    public void Dispose()
    {
        _udp.Dispose();
        _tcp.Dispose();
    }

    private static byte[] Number(int value) => [(byte)(value >> 8), (byte)value];

    private static byte[] Text(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];

    private static byte[] Name(string name) =>
        [.. name.Split('.', StringSplitOptions.RemoveEmptyEntries).SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0];

    private async Task ServeUdpAsync()
    {
        try
        {
            while (true)
            {
                var question = await _udp.ReceiveAsync();
                if (Answer(question.Buffer, isTcp: false) is { } answer) await _udp.SendAsync(answer, question.RemoteEndPoint);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeTcpAsync()
    {
        try
        {
            while (true)
            {
                using var client = await _tcp.AcceptTcpClientAsync();
                var stream = client.GetStream();
                var length = new byte[2];
                await stream.ReadExactlyAsync(length);
                var question = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
                await stream.ReadExactlyAsync(question);
                if (Answer(question, isTcp: true) is { } answer) await stream.WriteAsync((byte[])[.. Number(answer.Length), .. answer]);
                await stream.FlushAsync();
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or IOException)
        {
            // The test is over.
        }
    }

    private byte[]? Answer(byte[] question, bool isTcp)
    {
        var labels = new List<string>();
        var at = 12;
        for (; question[at] != 0; at += question[at] + 1) labels.Add(Encoding.ASCII.GetString(question, at + 1, question[at]));
        var (name, type) = (string.Join('.', labels), BinaryPrimitives.ReadUInt16BigEndian(question.AsSpan(at + 1)));
        Asked.Enqueue($"{(isTcp ? "tcp" : "udp")} {TypeName(type)} {name}");
        var behaviour = _behaviours.GetValueOrDefault(name);
        if (behaviour == Behaviour.IsSilent) return null;
        // Header and question, without what the question adds (EDNS).
        var answer = new List<byte>(question.AsSpan(0, at + 5).ToArray());
        (answer[2], answer[3], answer[10], answer[11]) = ((byte)(question[2] | 0x84), 0x80, 0, 0);
        switch (behaviour)
        {
            case Behaviour.IsBroken: return [.. answer.Take(12), 0xC0, 0xFF, 0xFF, 0x3F, 1, 2, 3];
            case Behaviour.SaysServFail: answer[3] |= 2; return [.. answer];
            case Behaviour.SaysNoName:
                answer[3] |= 3;
                answer[9] = 1;
                byte[] soa = [.. Name("ns.test"), .. Name("admin.test"), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 40];
                answer.AddRange([0xC0, 12, 0, Soa, 0, 1, 0, 0, 0, 50, .. Number(soa.Length), .. soa]);
                return [.. answer];
            case Behaviour.TruncatesUdp when !isTcp: answer[2] |= 2; return [.. answer];
            case Behaviour.AnswersAnotherQuestion: answer[0] ^= 0xFF; return [.. answer];
        }
        var owner = name;
        foreach (var (alias, _, data, ttl) in _records.Where(record => record.Type == CName && record.Name.Equals(name, StringComparison.OrdinalIgnoreCase)))
        {
            Put(answer, alias, CName, data, ttl);
            owner = Labels(data);
        }
        foreach (var (found, kind, data, ttl) in _records.Where(record => record.Type == type && record.Name.Equals(owner, StringComparison.OrdinalIgnoreCase)))
            Put(answer, found, kind, data, ttl);
        return [.. answer];
    }

    private static string Labels(byte[] data)
    {
        var labels = new List<string>();
        for (var at = 0; data[at] != 0; at += data[at] + 1) labels.Add(Encoding.ASCII.GetString(data, at + 1, data[at]));
        return string.Join('.', labels);
    }

    private static void Put(List<byte> answer, string name, int type, byte[] data, int ttl)
    {
        answer[7]++;
        answer.AddRange([.. Name(name), 0, (byte)type, 0, 1, (byte)(ttl >> 24), (byte)(ttl >> 16), .. Number(ttl & 0xFFFF), .. Number(data.Length), .. data]);
    }

    public static byte[] NameData(string name) => Name(name);

    private static string TypeName(int type) => type switch
    {
        A => "A",
        Aaaa => "AAAA",
        Srv => "SRV",
        Naptr => "NAPTR",
        _ => $"{type}",
    };
}
