using System.Collections.Immutable;
using System.Globalization;
using Cti.Actors.Trunks;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Sip;
using Cti.Sip.Message;

namespace Cti.Actors.Trunks;

/// <summary>Where an outbound call goes.</summary>
/// <param name="ToUri">The URI as the application gave it, with <c>sip:</c>.</param>
/// <param name="Target">The same, parsed.</param>
/// <param name="Trunk">The trunk; null for a host that is none, where that is allowed.</param>
/// <param name="Permit">The permit taken, where the trunk has a limit.</param>
internal sealed record Placement(string ToUri, SipUri Target, Trunk? Trunk, string? Permit)
{
    /// <summary>The INVITE's Request-URI.</summary>
    public required SipUri NextHop { get; init; }

    /// <summary>By what it goes; null where the host is unknown. It is looked up before the call exists, because the call's first entry names it.</summary>
    public SipFlow? Flow { get; init; }

    /// <summary>Where else its host leads, the best first: for when that does not answer (RFC 3263 section 4.3).</summary>
    public IReadOnlyList<SipFlow> Others { get; init; } = [];

    /// <summary>The INVITE's Route values: the trunk's service routes.</summary>
    public ImmutableArray<string> Routes { get; init; } = [];
}

/// <summary>Picks the first gateway of a list that is known, up and below its concurrency, cluster-wide.</summary>
internal sealed class CallPlacer(TrunkTable trunks, IJournalStore store, ISipResolver resolver, SilentTargets silent, IRandom random, IClock clock,
    bool dialAny, ILog log)
{
    /// <summary>The placement, or why there is none (480, or -32602 for a URI that is none).</summary>
    public async ValueTask<(Placement? Placement, RpcError? Error)> PlaceAsync(IReadOnlyList<string> uris)
    {
        var gateways = new List<string>(uris.Count);
        foreach (var text in uris)
        {
            var full = SipUriForm.WithScheme(text);
            if (!SipUri.TryParse(full, out var uri) || string.IsNullOrEmpty(uri.User))
                return (null, RpcError.InvalidParam("to_uri", $"{text} is not a SIP URI with a user part: [sip:]user@host[:port]"));
            var trunk = trunks.ForHost(uri.Host, uri.Port == 0 ? null : uri.Port);
            var gateway = NameOf(uri, trunk);
            if (trunk is null && !dialAny)
            {
                gateways.Add($"{gateway}: unknown");
                continue;
            }
            if (trunk is not null && !trunks.IsUp(trunk))
            {
                gateways.Add($"{gateway}: down");
                continue;
            }
            if (trunk is not null && !trunks.TryBegin(trunk))
            {
                gateways.Add($"{gateway}: full, {trunk.CallsPerSecond} calls a second");
                continue;
            }
            if (trunk is not { MaxCalls: > 0 }) return (await LeadAsync(full, uri, trunk, null).ConfigureAwait(false), null);
            var permit = random.NextHex(16);
            if (await store.TryAcquirePermitAsync(trunk.Name, trunk.MaxCalls, permit, clock.UnixMillis).ConfigureAwait(false))
                return (await LeadAsync(full, uri, trunk, permit).ConfigureAwait(false), null);
            gateways.Add($"{gateway}: full");
        }
        var error = new RpcError(ErrorCodes.NoGateway, $"no usable gateway: {string.Join(", ", gateways)}").With("gateways", gateways.ToArray());
        return (null, error);
    }

    // A trunk's own name says it all; else the port is half of what was looked for, given or not.
    private static string NameOf(SipUri uri, Trunk? trunk) => trunk is not null && trunk.Name.Equals(uri.Host, StringComparison.OrdinalIgnoreCase)
        ? uri.Host
        : string.Create(CultureInfo.InvariantCulture, $"{uri.Host}:{(uri.Port == 0 ? TrunkTable.DefaultPort : uri.Port)}");

    private async ValueTask<Placement> LeadAsync(string toUri, SipUri target, Trunk? trunk, string? permit)
    {
        var hop = HopOf(target, trunk);
        var routes = trunk is null ? [] : trunks.Of(trunk).ServiceRoutes;
        // A proxy that it names is not the trunk: the password does not go there.
        var found = silent.InOrder(!routes.IsEmpty && NameAddr.TryParse(routes[0], out var route) ? await FindAsync(route.Uri).ConfigureAwait(false)
            : trunk is null ? await FindAsync(hop).ConfigureAwait(false)
            : await WaysToAsync(trunk).ConfigureAwait(false));
        if (found.Count == 0) return new Placement(toUri, target, trunk, permit) { NextHop = hop };
        return new Placement(toUri, target, trunk, permit) { NextHop = hop, Flow = found[0], Others = [.. found.Skip(1)], Routes = routes };
    }

    private async Task<IReadOnlyList<SipFlow>> FindAsync(SipUri uri)
    {
        try
        {
            return await resolver.ResolveAllAsync(uri).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // A look-up that took too long found nothing: the dialling fails with 503.
            return [];
        }
    }

    /// <summary>All that a trunk's targets lead to, in the order in which these are tried. They are looked up together: no call waits longer.</summary>
    private async ValueTask<IReadOnlyList<SipFlow>> WaysToAsync(Trunk trunk)
    {
        var known = trunks.Of(trunk);
        var order = TrunkTarget.InOrder(trunk.Hops, place => known.Targets[place].State.IsUp, random);
        var asked = order.Select(place => (Place: place, Ways: FindAsync(trunk.UriAt(trunk.Hops[place])))).ToList();
        var all = new List<SipFlow>();
        foreach (var (place, ways) in asked)
        {
            var found = await ways.ConfigureAwait(false);
            if (found.Count > 0) known.Note(place, found.Select(static way => way.Remote), clock.MonotonicNanos / 1_000_000);
            all.AddRange(found.Where(way => !all.Contains(way)));
        }
        return all;
    }

    /// <summary>Gives a permit back that no call holds. Where the store cannot be reached the sweep frees it.</summary>
    public void Release(string permit) => _ = ReleaseAsync(permit);

    private async Task ReleaseAsync(string permit)
    {
        try
        {
            await store.ReleasePermitAsync(permit).ConfigureAwait(false);
        }
        catch (StoreUnavailableException fault)
        {
            // The sweep frees it: it is tied to no resource.
            if (!fault.IsBroken) log.Write(LogEvents.JournalUnreachable, fault.Message);
        }
    }

    private static SipUri HopOf(SipUri target, Trunk? trunk) => trunk is null ? target : trunk.UriOf(target.User);
}
