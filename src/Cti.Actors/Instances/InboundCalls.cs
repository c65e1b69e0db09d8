using Cti.Actors.Calls;
using Cti.Actors.Hosting;
using Cti.Actors.Instances;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.Instances;

/// <summary>Who may call in, and to which application.</summary>
/// <param name="Routes">Of calls that come over trunks; first match wins.</param>
/// <param name="AcceptAny">Unknown sources are let in, to the default application and no other.</param>
/// <param name="DefaultApplication">Where an unknown source's call goes, and a trunk's where there are no routes.</param>
/// <param name="Demo">Anyone on loopback or a private range may call <c>sip:demo@…</c>.</param>
public sealed record InboundPolicy(IReadOnlyList<InboundRoute> Routes, bool AcceptAny, string DefaultApplication, bool Demo)
{
    /// <summary>The built-in application's name and the user part that reaches it.</summary>
    public const string DemoName = "demo";
}

/// <summary>Turns INVITEs into calls: checks who calls, picks application and instance, creates the call's actor.</summary>
internal sealed class InboundCalls(CallServices services, InboundPolicy policy, OwnedInstances owned, ActorHost system, Func<bool> isDraining) : IInboundCalls
{
    private long _refusedForJournal;

    public bool IsAvailable => !isDraining();

    public SipProfile Profile => services.SipProfile;

    /// <summary>New calls that were refused because what they do could not be written.</summary>
    public long RefusedForJournal => Interlocked.Read(ref _refusedForJournal);

    public TransactionLayer? Layer { get; private set; }

    public bool Knows(ResourceId id) => id.Area == services.Area && id.Station == services.Station && id.Instance < services.InstanceCount;

    public void Observe(TransactionLayer layer) => Layer = layer;

    public InviteRefusal? Accept(ServerTransaction transaction)
    {
        if (isDraining() || services.Limit.Refuses()) return new InviteRefusal(503);
        var (application, refusal) = Route(transaction.Request, transaction.Flow, out var trunk);
        if (application is null) return refusal;
        CallState? replaced = null;
        if (transaction.Request.Has(HeaderId.Replaces))
        {
            replaced = ReplacedCalls.Find(transaction.Request, services.Directory, out refusal);
            if (replaced is null) return refusal;
            application = replaced.Application;
        }
        if (trunk is not null && !services.Trunks.TryBegin(trunk)) return new InviteRefusal(503, "Too many calls in a second");
        // One that takes the place of another lives beside it.
        var journal = replaced is null ? owned.Next() : owned.JournalOf(replaced.Id.Instance);
        if (journal is null) return new InviteRefusal(503) { MayGoElsewhere = true };
        if (journal.IsStalled)
        {
            Interlocked.Increment(ref _refusedForJournal);
            return new InviteRefusal(503, "The journal cannot be reached");
        }
        var call = CallActor.Begin(services, system, $"call from {transaction.Flow.Remote}", journal).Actor;
        transaction.Fate = new TakenByCall(call);
        return call.Tell(new InviteOffered(transaction, application, trunk?.Name) { Replaces = replaced?.Id.ToString() }) ? null : new InviteRefusal(503);
    }

    public InviteRefusal? Refuse(SipRequest invite, SipFlow flow)
    {
        // A trunk that finds no room is told within its transaction, or its call goes to another node.
        if (Route(invite, flow, out var trunk).Refusal is { } refusal) return refusal;
        return trunk is null && (isDraining() || services.Limit.Refuses()) ? new InviteRefusal(503) : null;
    }

    public bool IsKnown(SipFlow flow) => services.Trunks.ForFlow(flow, null) is not null;

    private (string? Application, InviteRefusal? Refusal) Route(SipRequest invite, SipFlow flow, out Trunk? trunk)
    {
        var called = invite.Uri.User ?? "";
        trunk = services.Trunks.ForFlow(flow, called);
        if (trunk is null)
        {
            if (policy.Demo && !invite.Has(HeaderId.Replaces) && called.Equals(InboundPolicy.DemoName, StringComparison.OrdinalIgnoreCase)
                && DialPolicy.IsNear(flow.Remote.Address))
                return (InboundPolicy.DemoName, null);
            return policy.AcceptAny ? (policy.DefaultApplication, null) : (null, new InviteRefusal(403, "Only configured trunks may call in"));
        }
        // Whose call it replaces takes it, whatever was dialled.
        if (invite.Has(HeaderId.Replaces)) return (policy.DefaultApplication, null);
        var caller = trunk.CallerId.Inbound(invite.From.Uri).User ?? "";
        foreach (var route in policy.Routes)
        {
            if (route.Trunk is { } name && !name.Equals(trunk.Name, StringComparison.OrdinalIgnoreCase)) continue;
            if (!NumberPattern.Matches(route.To, called) || !NumberPattern.Matches(route.From, caller)) continue;
            return (route.Application, null);
        }
        return policy.Routes.Count == 0 ? (policy.DefaultApplication, null) : (null, new InviteRefusal(404, "No route takes this number"));
    }
}
