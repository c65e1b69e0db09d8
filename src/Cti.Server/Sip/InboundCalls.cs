using System.Net;
using System.Net.Sockets;
using Cti.Actors;
using Cti.Kernel;
using Cti.Server.Calls;
using Cti.Server.Instances;
using Cti.Server.Resources;
using Cti.Server.Trunks;
using Cti.Sip;

namespace Cti.Server.Sip;

/// <summary>Who may call in, and to which application.</summary>
/// <param name="Routes">First match wins.</param>
/// <param name="AcceptAny">Unknown sources are let in, to the default application.</param>
/// <param name="DefaultApplication">Where a call goes that no route names.</param>
/// <param name="Demo">Anyone on loopback or a private range may call <c>sip:demo@…</c>.</param>
public sealed record InboundPolicy(IReadOnlyList<InboundRoute> Routes, bool AcceptAny, string DefaultApplication, bool Demo)
{
    /// <summary>The built-in application's name and the user part that reaches it.</summary>
    public const string DemoName = "demo";
}

/// <summary>Turns INVITEs into calls: checks who calls, picks application and instance, creates the call's actor.</summary>
internal sealed class InboundCalls(NodeServices services, InboundPolicy policy, OwnedInstances owned, ActorSystem system, Func<bool> isDraining) : IInboundCalls
{
    public bool IsAvailable => !isDraining();

    public TransactionLayer? Layer { get; private set; }

    public bool Knows(ResourceId id) => id.Area == services.Area && id.Station == services.Station && id.Instance < services.InstanceCount;

    public void Observe(TransactionLayer layer) => Layer = layer;

    public InviteRefusal? Accept(ServerTransaction transaction)
    {
        if (isDraining() || services.Limit.Refuses()) return new InviteRefusal(503);
        var trunk = services.Trunks.ForSource(transaction.Flow.Remote);
        var (application, refusal) = Route(transaction.Request, transaction.Flow.Remote, trunk);
        if (application is null) return refusal;
        var journal = owned.Next();
        if (journal is null || journal.IsStalled) return new InviteRefusal(503) { MayGoElsewhere = journal is null };
        var cell = new CallCell(journal);
        cell.Actor = system.Spawn($"call from {transaction.Flow.Remote}", () => new CallActor(services, cell));
        transaction.UserState = cell.Actor;
        return cell.Actor.Tell(new InviteOffered(transaction, application, trunk?.Name)) ? null : new InviteRefusal(503);
    }

    private (string? Application, InviteRefusal? Refusal) Route(SipRequest invite, IPEndPoint source, Trunk? trunk)
    {
        var called = invite.Uri.User ?? "";
        if (trunk is null && !policy.AcceptAny)
        {
            var toDemo = policy.Demo && called.Equals(InboundPolicy.DemoName, StringComparison.OrdinalIgnoreCase) && IsNear(source.Address);
            return toDemo ? (InboundPolicy.DemoName, null) : (null, new InviteRefusal(403, "Only configured trunks may call in"));
        }
        if (policy.Demo && trunk is null && called.Equals(InboundPolicy.DemoName, StringComparison.OrdinalIgnoreCase) && IsNear(source.Address)) return (InboundPolicy.DemoName, null);
        var caller = invite.From.Uri.User ?? "";
        foreach (var route in policy.Routes)
        {
            if (route.Trunk is { } name && !name.Equals(trunk?.Name, StringComparison.OrdinalIgnoreCase)) continue;
            if (!NumberPattern.Matches(route.To, called) || !NumberPattern.Matches(route.From, caller)) continue;
            return (route.Application, null);
        }
        return trunk is null || policy.Routes.Count == 0 ? (policy.DefaultApplication, null) : (null, new InviteRefusal(404, "No route takes this number"));
    }

    /// <summary>Loopback and the private ranges (RFC 1918, RFC 4193, link-local).</summary>
    internal static bool IsNear(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (IPAddress.IsLoopback(address)) return true;
        if (address.AddressFamily == AddressFamily.InterNetworkV6) return address.IsIPv6LinkLocal || address.IsIPv6UniqueLocal;
        Span<byte> bytes = stackalloc byte[4];
        address.TryWriteBytes(bytes, out _);
        return bytes[0] == 10 || (bytes[0] == 172 && bytes[1] is >= 16 and < 32) || (bytes[0] == 192 && bytes[1] == 168) || (bytes[0] == 169 && bytes[1] == 254);
    }
}
