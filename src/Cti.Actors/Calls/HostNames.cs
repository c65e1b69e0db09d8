using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Cti.Actors.Hosting;
using Cti.Actors.SipNode;
using Cti.Kernel;
using Cti.Sip.Sdp;

namespace Cti.Actors.Calls;

/// <summary>
/// Looks up the host name in a session description's c= (RFC 8866 section 5.7) away from the actor, which hears of the outcome by a message, at the latest when
/// the time for it is over.
/// </summary>
internal static class HostNames
{
    /// <summary>No names: their case does not matter.</summary>
    public static readonly ImmutableDictionary<string, string> None = ImmutableDictionary.Create<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Begins a look-up.</summary>
    /// <param name="services">The node's.</param>
    /// <param name="timers">Time.</param>
    /// <param name="named">The c= that names the host.</param>
    /// <param name="family">The family that is wanted; where <paramref name="isFixed"/> no other will do.</param>
    /// <param name="isFixed">Whether a media session of that family is there already.</param>
    /// <param name="source">Where the description came from.</param>
    /// <param name="tell">Told the outcome, more than once perhaps: the first counts.</param>
    public static void LookUp(CallServices services, ITimers timers, SdpConnection named, AddressFamily family, bool isFixed, IPAddress source,
        Action<HostLookedUp> tell)
    {
        var over = timers.Schedule(Limits.SdpHostMillisMax, static state => ((Action)state!)(), () => tell(new HostLookedUp(named.Address, null)));
        _ = ReportAsync(services.Sip.ResolveHostAsync(named.Address), found =>
        {
            over.Cancel();
            tell(new HostLookedUp(named.Address, Choose(found, family, isFixed, services.Media.Port.Speaks, source)?.ToString()));
        });
    }

    /// <summary>
    /// The address to use: one of the family that is wanted, else one of the other that we have. Never one that a far end may not name: what leads to this host
    /// or its link is no place of a caller from elsewhere, and a group is no place of anyone.
    /// </summary>
    internal static IPAddress? Choose(IReadOnlyList<IPAddress> found, AddressFamily family, bool isFixed, Func<AddressFamily, bool> speaks, IPAddress source)
    {
        var usable = found.Where(address => DialPolicy.MayBeHeardAt(address, source)).ToList();
        return usable.Find(address => address.AddressFamily == family && speaks(family))
            ?? (isFixed ? null : usable.Find(address => speaks(address.AddressFamily)));
    }

    private static async Task ReportAsync(ValueTask<IReadOnlyList<IPAddress>> lookUp, Action<IReadOnlyList<IPAddress>> report)
    {
        IReadOnlyList<IPAddress> found = [];
        try
        {
            found = await lookUp.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // A look-up that took too long found nothing.
        }
        report(found);
    }
}

/// <summary>A host name of a session description was looked up; no address where there is none that could be used, or not in time.</summary>
internal sealed record HostLookedUp(string Name, string? Address) : ISystemMessage;
