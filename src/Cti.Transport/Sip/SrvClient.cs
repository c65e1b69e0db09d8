using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Kernel;

namespace Cti.Transport.Sip;

/// <summary>An SRV record (RFC 2782).</summary>
internal sealed record SrvRecord(int Priority, int Weight, int Port, string Target);

/// <summary>
/// Asks a name server for SRV records over UDP: one question, one answer, two tries. What the framework's own look-ups do not offer, and no more:
/// no recursion, no TCP; an answer that was cut gives the records that it has.
/// </summary>
internal sealed class SrvClient(IRandom random, IReadOnlyList<IPEndPoint> servers)
{
    private const int TryMillis = 1_000;
    private const int AnswerBytesMax = 4_096;
    private const int TypeSrv = 33;
    private const int ClassInternet = 1;
    private const int NameCharsMax = 253;
    private const int HeaderBytes = 12;
    private const int RecordsMax = 64;

    /// <summary>The system's name servers: those of <c>/etc/resolv.conf</c>, none elsewhere.</summary>
    public static IReadOnlyList<IPEndPoint> SystemServers()
    {
        const string Path = "/etc/resolv.conf";
        if (!File.Exists(Path))
            return [];
        var servers = new List<IPEndPoint>();
        foreach (var line in File.ReadLines(Path))
        {
            var words = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words is ["nameserver", var address, ..] && IPAddress.TryParse(address, out var server) && servers.Count < 3)
                servers.Add(new IPEndPoint(server, 53));
        }

        return servers;
    }

    /// <summary>The records of a name such as <c>_sip._udp.example.com</c>; empty when there are none, or nobody answers.</summary>
    public async Task<IReadOnlyList<SrvRecord>> QueryAsync(string name)
    {
        if (servers.Count == 0 || name.Length > NameCharsMax)
            return [];
        for (var attempt = 0; attempt < 2; attempt++)
        {
            if (await AskAsync(servers[attempt % servers.Count], name).ConfigureAwait(false) is { } records)
                return records;
        }

        return [];
    }

    internal static byte[]? WriteQuery(ushort id, string name)
    {
        var query = new byte[HeaderBytes + name.Length + 2 + 4];
        BinaryPrimitives.WriteUInt16BigEndian(query, id);
        query[2] = 1; // Recursion desired.
        query[5] = 1; // One question.
        var at = HeaderBytes;
        foreach (var label in name.TrimEnd('.').Split('.'))
        {
            if (label.Length is 0 or > 63 || !System.Text.Ascii.IsValid(label))
                return null;
            query[at++] = (byte)label.Length;
            at += Encoding.ASCII.GetBytes(label, query.AsSpan(at));
        }

        query[at++] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(query.AsSpan(at), TypeSrv);
        BinaryPrimitives.WriteUInt16BigEndian(query.AsSpan(at + 2), ClassInternet);
        return query[..(at + 4)];
    }

    /// <summary>Reads an answer; null when it is not one to that question. Never throws.</summary>
    internal static IReadOnlyList<SrvRecord>? ReadAnswer(ReadOnlySpan<byte> answer, ReadOnlySpan<byte> query)
    {
        if (answer.Length < query.Length || !answer[..2].SequenceEqual(query[..2]) || (answer[2] & 0x80) == 0
            || BinaryPrimitives.ReadUInt16BigEndian(answer[4..]) != 1
            || !System.Text.Ascii.EqualsIgnoreCase(answer[HeaderBytes..query.Length], query[HeaderBytes..]))
            return null;
        var count = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(answer[6..]), (ushort)RecordsMax);
        var records = new List<SrvRecord>();
        var at = query.Length;
        for (var i = 0; i < count; i++)
        {
            if (ReadName(answer, ref at) is null || at + 10 > answer.Length)
                break;
            var type = BinaryPrimitives.ReadUInt16BigEndian(answer[at..]);
            var length = BinaryPrimitives.ReadUInt16BigEndian(answer[(at + 8)..]);
            at += 10;
            if (at + length > answer.Length)
                break;
            var target = at + 6;
            if (type == TypeSrv && length > 6 && ReadName(answer, ref target) is { Length: > 0 } host)
                records.Add(new SrvRecord(BinaryPrimitives.ReadUInt16BigEndian(answer[at..]), BinaryPrimitives.ReadUInt16BigEndian(answer[(at + 2)..]),
                    BinaryPrimitives.ReadUInt16BigEndian(answer[(at + 4)..]), host));
            at += length;
        }

        return records;
    }

    private async Task<IReadOnlyList<SrvRecord>?> AskAsync(IPEndPoint server, string name)
    {
        var query = WriteQuery((ushort)random.NextUInt64(), name);
        if (query is null)
            return [];
        using var patience = new CancellationTokenSource(TryMillis);
        try
        {
            // Connected to the server from a port of its own: an answer from elsewhere never gets here.
            using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            await socket.ConnectAsync(server, patience.Token).ConfigureAwait(false);
            await socket.SendAsync(query, patience.Token).ConfigureAwait(false);
            var buffer = new byte[AnswerBytesMax];
            while (true)
            {
                var length = await socket.ReceiveAsync(buffer, patience.Token).ConfigureAwait(false);
                if (ReadAnswer(buffer.AsSpan(0, length), query) is { } records)
                    return records;
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            return null;
        }
    }

    // Compressed names (RFC 1035 section 4.1.4): a pointer leads only backwards here, so no name goes round in a circle.
    private static string? ReadName(ReadOnlySpan<byte> message, ref int position)
    {
        var name = new StringBuilder();
        var at = position;
        var hasJumped = false;
        var lowest = position;
        while (at < message.Length)
        {
            var length = message[at];
            if ((length & 0xC0) == 0xC0)
            {
                if (at + 1 >= message.Length)
                    return null;
                var target = ((length & 0x3F) << 8) | message[at + 1];
                if (!hasJumped)
                    position = at + 2;
                if (target >= lowest)
                    return null;
                hasJumped = true;
                lowest = at = target;
                continue;
            }

            if (length == 0)
            {
                if (!hasJumped)
                    position = at + 1;
                return name.ToString();
            }

            if (length > 63 || at + 1 + length > message.Length || name.Length + length > NameCharsMax)
                return null;
            if (name.Length > 0)
                name.Append('.');
            name.Append(Encoding.Latin1.GetString(message.Slice(at + 1, length)));
            at += 1 + length;
        }

        return null;
    }
}
