using Cti.Kernel;
using Cti.Sip;

namespace Cti.Transport.Names;

/// <summary>A transport of a domain, and where its service records are.</summary>
internal readonly record struct NextService(SipTransportKind Kind, string Name);

/// <summary>What is made of the answers of name servers (RFC 3263 section 4): pure.</summary>
internal static class NextServices
{
    private const int ServicesMax = 8;
    private const int RecordsMax = 64;
    private const int NameCharsMax = 253;

    /// <summary>
    /// The services of a domain that can be reached from here, the domain's own order first. What is not understood, is no service of SIP's, has no listener
    /// here, or is not secured where it must be, is passed over, whatever its order: other clients may do it (section 4.1).
    /// </summary>
    /// <param name="records">Those of the domain.</param>
    /// <param name="hasListener">Whether a transport is spoken here.</param>
    /// <param name="isSecure">Whether a <c>sips:</c> URI asks.</param>
    public static IReadOnlyList<NextService> Of(IReadOnlyList<NaptrRecord> records, Func<SipTransportKind, bool> hasListener, bool isSecure)
    {
        var services = new List<NextService>();
        foreach (var record in records.Take(RecordsMax).OrderBy(static record => record.Order).ThenBy(static record => record.Preference))
        {
            if (!record.Flags.Equals("s", StringComparison.OrdinalIgnoreCase) || KindOf(record.Service) is not { } kind) continue;
            var name = record.Replacement.TrimEnd('.').ToLowerInvariant();
            if (name.Length is 0 or > NameCharsMax || (isSecure && kind != SipTransportKind.Tls) || !hasListener(kind)) continue;
            var service = new NextService(kind, name);
            if (!services.Contains(service) && services.Count < ServicesMax) services.Add(service);
        }
        return services;
    }

    /// <summary>Where a transport's service records are when the domain does not say (section 4.2).</summary>
    public static NextService Of(string domain, SipTransportKind kind) => new(kind, kind switch
    {
        SipTransportKind.Udp => $"_sip._udp.{domain}",
        SipTransportKind.Tcp => $"_sip._tcp.{domain}",
        _ => $"_sips._tcp.{domain}",
    });

    /// <summary>Whether a service is said not to be there: its only record has no target (RFC 2782).</summary>
    public static bool IsRefused(IReadOnlyList<SrvRecord> records) => records.Count == 1 && records[0].Target.Length == 0;

    /// <summary>
    /// In the order in which they are tried: by priority, within one by chance in proportion to the weight (RFC 2782). Those that lead nowhere are left out.
    /// </summary>
    public static IReadOnlyList<SrvRecord> InOrder(IReadOnlyList<SrvRecord> records, IRandom random)
    {
        // Those without weight come first of their priority, so that they too are chosen now and then.
        var left = records.Where(static record => record is { Target.Length: > 0 and <= NameCharsMax, Port: > 0 }).Take(RecordsMax)
            .OrderBy(static record => record.Priority).ThenBy(static record => record.Weight > 0).ToList();
        var order = new List<SrvRecord>(left.Count);
        while (left.Count > 0)
        {
            var same = left.TakeWhile(record => record.Priority == left[0].Priority).ToList();
            var drawn = random.Next(same.Sum(static record => record.Weight) + 1);
            var chosen = same[^1];
            foreach (var record in same)
            {
                if ((drawn -= record.Weight) > 0) continue;
                chosen = record;
                break;
            }
            order.Add(chosen);
            left.Remove(chosen);
        }
        return order;
    }

    private static SipTransportKind? KindOf(string service) => service.ToUpperInvariant() switch
    {
        "SIP+D2U" => SipTransportKind.Udp,
        "SIP+D2T" => SipTransportKind.Tcp,
        "SIPS+D2T" => SipTransportKind.Tls,
        _ => null,
    };
}
