using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using DnsClient;
using DnsClient.Protocol;

namespace Cti.Transport.Names;

/// <summary>
/// Asks the system's name servers by DnsClient: over UDP, and over TCP where an answer was cut. Addresses come from the hosts file first; names without a dot,
/// and everything where the system names no server, from the system's own look-up, which knows its search domains.
/// </summary>
internal sealed class DnsQuestions : IDnsQuestions
{
    private const int TryMillis = 1_000;
    private const int AddressesMax = 16;
    private readonly LookupClient? _client;
    private readonly HostsFile _hosts;

    /// <param name="servers">Asked in this order; none: only the system's own look-up is used.</param>
    /// <param name="hosts">The hosts file.</param>
    public DnsQuestions(IReadOnlyList<IPEndPoint> servers, HostsFile hosts)
    {
        _hosts = hosts;
        if (servers.Count == 0) return;
        _client = new LookupClient(new LookupClientOptions(servers.Select(static server => new NameServer(server)).ToArray())
        {
            Timeout = TimeSpan.FromMilliseconds(TryMillis), Retries = 1, UseCache = false, ThrowDnsErrors = false, UseTcpFallback = true,
        });
    }

    /// <summary>With what the system is configured to use.</summary>
    public static DnsQuestions OfSystem() => new(SystemServers(), new HostsFile(HostsFile.SystemPath));

    /// <inheritdoc/>
    public Task<DnsAnswer<NaptrRecord>> NaptrAsync(string name) => AskAsync(name, QueryType.NAPTR, static answers => answers.NAPtrRecords()
        .Select(static record => new NaptrRecord(record.Order, record.Preference, record.Flags, record.Services, Plain(record.Replacement))));

    /// <inheritdoc/>
    public Task<DnsAnswer<SrvRecord>> SrvAsync(string name) => AskAsync(name, QueryType.SRV, static answers => answers.SrvRecords()
        .Select(static record => new SrvRecord(record.Priority, record.Weight, record.Port, Plain(record.Target))));

    /// <inheritdoc/>
    public async Task<DnsAnswer<IPAddress>> AddressesAsync(string name)
    {
        if (_hosts.Find(name) is { Count: > 0 } listed) return new DnsAnswer<IPAddress>(listed, 0);
        if (_client is null || !name.Contains('.', StringComparison.Ordinal)) return await OfSystemAsync(name).ConfigureAwait(false);
        var (four, six) = (AskAddressesAsync(name, QueryType.A), AskAddressesAsync(name, QueryType.AAAA));
        var (first, second) = (await four.ConfigureAwait(false), await six.ConfigureAwait(false));
        IReadOnlyList<IPAddress> found = [.. first.Records.Concat(second.Records).Take(AddressesMax)];
        if (found.Count == 0) return new DnsAnswer<IPAddress>([], Math.Min(first.Seconds, second.Seconds), first.Failed || second.Failed);
        var seconds = ((DnsAnswer<IPAddress>[])[first, second]).Where(static answer => answer.Records.Count > 0).Min(static answer => answer.Seconds);
        return new DnsAnswer<IPAddress>(found, seconds);
    }

    private Task<DnsAnswer<IPAddress>> AskAddressesAsync(string name, QueryType type) =>
        AskAsync(name, type, static answers => answers.AddressRecords().Select(static record => record.Address));

    private async Task<DnsAnswer<T>> AskAsync<T>(string name, QueryType type, Func<IReadOnlyList<DnsResourceRecord>, IEnumerable<T>> read)
    {
        if (_client is null || !DnsName.IsName(name)) return DnsAnswer<T>.Failure;
        try
        {
            var response = await _client.QueryAsync(name, type).WaitAsync(TimeSpan.FromMilliseconds(Limits.DnsMillisMax)).ConfigureAwait(false);
            // That the name does not exist is an answer; that the server cannot say is none.
            if (response.HasError && response.Header.ResponseCode != DnsHeaderResponseCode.NotExistentDomain) return DnsAnswer<T>.Failure;
            IReadOnlyList<T> records = [.. read(response.Answers)];
            return new DnsAnswer<T>(records, records.Count > 0 ? response.Answers.Min(static answer => answer.InitialTimeToLive) : NothingSeconds(response));
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // What cannot be read is no answer, however the library says so: it has exceptions of its own for each way in which a server may be wrong.
            return DnsAnswer<T>.Failure;
        }
    }

    /// <summary>For how long it holds that there is nothing (RFC 2308 section 5).</summary>
    private static int NothingSeconds(IDnsQueryResponse response) => response.Authorities.OfType<SoaRecord>().FirstOrDefault() is { } soa
        ? (int)Math.Min(Math.Min(soa.Minimum, (uint)soa.InitialTimeToLive), int.MaxValue)
        : 0;

    private static async Task<DnsAnswer<IPAddress>> OfSystemAsync(string name)
    {
        const int KeptSeconds = 30;
        try
        {
            var found = await Dns.GetHostAddressesAsync(name).WaitAsync(TimeSpan.FromMilliseconds(Limits.DnsMillisMax)).ConfigureAwait(false);
            return new DnsAnswer<IPAddress>(found, KeptSeconds);
        }
        catch (Exception error) when (error is SocketException or TimeoutException or ArgumentException)
        {
            return DnsAnswer<IPAddress>.Failure;
        }
    }

    private static string Plain(DnsString name) => name.Original.TrimEnd('.');

    /// <summary>The system's name servers: those of <c>/etc/resolv.conf</c>, none elsewhere.</summary>
    private static IReadOnlyList<IPEndPoint> SystemServers()
    {
        const string Path = "/etc/resolv.conf";
        if (!File.Exists(Path)) return [];
        var servers = new List<IPEndPoint>();
        foreach (var line in File.ReadLines(Path))
        {
            var words = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words is ["nameserver", var address, ..] && IPAddress.TryParse(address, out var server) && servers.Count < 3)
                servers.Add(new IPEndPoint(server, 53));
        }
        return servers;
    }
}
