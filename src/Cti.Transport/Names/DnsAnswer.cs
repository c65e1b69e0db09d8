using System.Net;

namespace Cti.Transport.Names;

/// <summary>A NAPTR record (RFC 3403), as far as RFC 3263 looks at it.</summary>
/// <param name="Order">The lowest first.</param>
/// <param name="Preference">Among equals of <paramref name="Order"/> the lowest first.</param>
/// <param name="Flags">"s": <paramref name="Replacement"/> has service records.</param>
/// <param name="Service">Such as SIP+D2U.</param>
/// <param name="Replacement">Where to go on.</param>
internal sealed record NaptrRecord(int Order, int Preference, string Flags, string Service, string Replacement);

/// <summary>A service record (RFC 2782).</summary>
/// <param name="Priority">The lowest first.</param>
/// <param name="Weight">Among equals of <paramref name="Priority"/> the share of those who are sent there.</param>
/// <param name="Port">The port.</param>
/// <param name="Target">A host name, without a dot at its end; empty where the service is not there (a lone dot).</param>
internal sealed record SrvRecord(int Priority, int Weight, int Port, string Target);

/// <summary>What a question came to.</summary>
/// <param name="Records">The records; none where there are none, or nobody said.</param>
/// <param name="Seconds">For how long that holds, as the answer says.</param>
/// <param name="Failed">Nobody said: no answer in time, or none that can be read.</param>
internal sealed record DnsAnswer<T>(IReadOnlyList<T> Records, int Seconds, bool Failed = false)
{
    /// <summary>Nobody said.</summary>
    public static readonly DnsAnswer<T> Failure = new([], 0, true);
}

/// <summary>Asks name servers. Names have no dot at their end. Nothing is thrown for what they answer.</summary>
internal interface IDnsQuestions
{
    /// <summary>The NAPTR records of a domain.</summary>
    Task<DnsAnswer<NaptrRecord>> NaptrAsync(string name);

    /// <summary>The service records of a name such as <c>_sip._udp.example.com</c>.</summary>
    Task<DnsAnswer<SrvRecord>> SrvAsync(string name);

    /// <summary>The addresses of a host, of both families.</summary>
    Task<DnsAnswer<IPAddress>> AddressesAsync(string name);
}
