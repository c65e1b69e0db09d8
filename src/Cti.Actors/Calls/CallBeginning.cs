using System.Collections.Immutable;
using System.Globalization;
using System.Net.Sockets;
using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>
/// How a call begins: with a media session, since offer and answer name its address, and with the first entry of its journal, before anyone hears of it.
/// <code>
///   a request ──────────────────────────────────────────► session ──► created ──durable──► INVITE goes out, request is answered
///   an INVITE ──its description names a host──► looked up ──┐  │          └──durable──► 180, on_incoming
///       └───────────────────────────────────────────────────┴──┴──no room, no common codec, instance about to move──► refused: nothing was journaled
/// </code>
/// </summary>
/// <param name="services">The node's.</param>
/// <param name="cell">The call.</param>
/// <param name="system">The node's actors.</param>
/// <param name="create">Creates it; false where the decision is none.</param>
internal sealed class CallBeginning(CallServices services, CallCell cell, ActorHost system, Func<Func<ResourceId, CallDecision?>, RpcAsk?, bool> create)
{
    /// <summary>An offer whose host name is being looked up.</summary>
    private InviteOffered? _unresolved;

    /// <summary>Takes a message before the call exists; null for one that means nothing to it.</summary>
    public Begun? Take(object message)
    {
        switch (message)
        {
            case PlaceCall place:
                return PlaceOrRelease(place);
            case InviteOffered offered:
                return OrRefused(offered, () => Offer(offered));
            case HostLookedUp found when _unresolved is { } offered:
                _unresolved = null;
                return OrRefused(offered, () => OfferKnown(offered, found));
            case InviteJoined joined when _unresolved is { } before:
                return Join(before, joined.Transaction);
            case InviteWasCancelled cancelled when _unresolved?.Transaction == cancelled.Transaction:
                _unresolved = null;
                services.Sip.Respond(cancelled.Transaction, SipResponse.For(cancelled.Transaction.Request, 487, null, Token));
                return Begun.Refused;
            default:
                return null;
        }
    }

    private Begun PlaceOrRelease(PlaceCall place)
    {
        try
        {
            return Place(place);
        }
        catch
        {
            if (cell.State is null) ReleasePermit(place);
            throw;
        }
    }

    private Begun Place(PlaceCall place)
    {
        var (from, headers) = (place.Ask.Request.Arguments.OptionalString("from_uri"), place.Ask.Request.Arguments.HeaderLines("headers"));
        if (Asserts(headers) && place.Placement.Trunk is not { AssertIdentity: true })
            return Refuse(place, RpcError.InvalidParam("headers", $"{HeaderRules.AssertedIdentity}: the line has no assert-identity"));
        var isIPv6 = CallLeg.FamilyTowards(place.Placement.Flow, services.Media.Port.Speaks) == AddressFamily.InterNetworkV6;
        if (!cell.Sound.TryOpen(services.MediaProfile.Options(isIPv6, place.Placement.Trunk?.Idle), out var refusal))
            return Refuse(place, RpcError.Unavailable($"no capacity for another media session on this node: {refusal.Text()}"));
        var leg = CallLeg.ForPlacement(services, cell, system, place.Placement, from, cell.Sound.Describe(place.Placement.Trunk), headers);
        cell.Leg = leg;
        // A call that began when its instance is as good as given would send its INVITE after the new owner has ended it.
        if (create(id => cell.Journal.IsClosed ? null : Construct(place, leg, DialogTag.Create(id, services.Random), from ?? ""), place.Ask))
            return Begun.Created;
        cell.Leg = null;
        leg.Dispose();
        return Refuse(place, RpcError.Moving());
    }

    private static bool Asserts(string? headers) =>
        headers?.Split('\n').Any(static line => line.StartsWith(HeaderRules.AssertedIdentity + ":", StringComparison.OrdinalIgnoreCase)) == true;

    private void ReleasePermit(PlaceCall place)
    {
        if (place.Placement.Permit is { } permit) services.ReleasePermit(permit);
    }

    /// <summary>A fault while it begins is told to the caller.</summary>
    private Begun OrRefused(InviteOffered offered, Func<Begun> begin)
    {
        try
        {
            return begin();
        }
        catch
        {
            if (cell.State is null) services.Sip.Respond(offered.Transaction, SipResponse.For(offered.Transaction.Request, 500, null, Token));
            throw;
        }
    }

    private Begun Offer(InviteOffered offered)
    {
        // A body that is none is refused below, by the usage that reads it for good.
        var sdp = InviteResponses.FindSdp(offered.Transaction.Request);
        if (sdp is null || SdpNegotiator.HostToLookUp(sdp) is not { } named) return Offer(offered, sdp, HostNames.None);
        _unresolved = offered;
        var family = named.AddressType == "IP6" ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        HostNames.LookUp(services, system.Timers, named, family, isFixed: false, offered.Transaction.Flow.Remote.Address, found => cell.Actor.Tell(found));
        return Begun.Waits;
    }

    /// <summary>The host that an offer names was looked up, in vain perhaps; the call begins, or is refused because of the address.</summary>
    private Begun OfferKnown(InviteOffered offered, HostLookedUp found)
    {
        // Others have come meanwhile, and were counted before this one is.
        if (services.Limit.Refuses()) return Refuse(offered, SipResponse.For(offered.Transaction.Request, 503, null, Token));
        var hosts = found.Address is { } address ? HostNames.None.Add(found.Name, address) : HostNames.None;
        return Offer(offered, InviteResponses.FindSdp(offered.Transaction.Request)?.With(hosts), hosts);
    }

    /// <summary>The same INVITE by another path, while the name is looked up: the newest branch is answered.</summary>
    private Begun Join(InviteOffered before, ServerTransaction arrived)
    {
        _unresolved = before with { Transaction = arrived };
        services.Sip.Respond(before.Transaction, SipResponse.For(before.Transaction.Request, 482, null, Token));
        return Begun.Waits;
    }

    private string Token => services.Random.NextHex(8);

    private CallDecision Construct(PlaceCall place, CallLeg leg, DialogTag tag, string from)
    {
        var args = place.Ask.Request.Arguments;
        return CallDecider.Decide(null, new ConstructCall
        {
            Id = tag.Resource,
            Application = place.Ask.Request.Application,
            FromUri = from,
            ToUri = place.Placement.ToUri,
            SipCallId = $"{services.Random.NextHex(16)}@{services.NodeName}",
            Trunk = place.Placement.Trunk?.Name,
            Permit = place.Placement.Permit,
            MaxAnswerSeconds = args.Int32("max_answer_seconds"),
            MaxRingSeconds = args.Int32("max_ring_seconds"),
            UserData = args.OptionalString("user_data"),
            LocalSdp = leg.OfferText,
            LocalTag = tag.ToString(),
            Invite = leg.Describe(tag),
            Parent = Given(args, "parent_call_res_id") ?? Given(args, "parent_conf_res_id"),
            RingBack = RingBackOf(args),
            Owner = place.Owner,
        }, services.Clock.UnixMillis, services.Settings);
    }

    private static string? Given(RpcArguments args, string name) => args.Has(name) && args.OptionalString(name) is { Length: > 0 } value ? value : null;

    /// <summary>A file is heard by a parent call only; a conference hears the line's own ring-back.</summary>
    private static RingBackSpec RingBackOf(RpcArguments args) => Given(args, "parent_call_res_id") is null
        ? new RingBackSpec(null, 0)
        : new RingBackSpec(Given(args, "ring_play_file"), args.Int32("ring_play_mode"));

    private Begun Offer(InviteOffered offered, SdpSession? sdp, ImmutableDictionary<string, string> hosts)
    {
        var invite = offered.Transaction.Request;
        var family = CallLeg.FamilyFor(sdp, offered.Transaction.Flow, services.Media.Port.Speaks);
        if (!services.Media.Port.Speaks(family)) return Refuse(offered, InviteResponses.NotAcceptable(invite, Token, SdpRefusal.UnusableAddress));
        var options = services.MediaProfile.Options(family == AddressFamily.InterNetworkV6, services.Trunks.Named(offered.Trunk)?.Idle);
        if (!cell.Sound.TryOpen(options, out var shortage)) return Refuse(offered, Busy(invite, shortage));
        var local = cell.Sound.Describe(services.Trunks.Named(offered.Trunk));
        var answer = sdp is null ? null : SdpNegotiator.Answer(sdp, local);
        if (answer is { Local: null }) return Refuse(offered, InviteResponses.NotAcceptable(invite, Token, answer.Refusal));
        SipResponse? refusal = null;
        var isCreated = create(id =>
        {
            // An instance may go to another node while a name is looked up.
            if (cell.Journal.IsClosed)
            {
                refusal = SipResponse.For(invite, 503, null, Token);
                return null;
            }
            if (CallLeg.ForInvite(services, cell, system, offered.Transaction, id, local, offered.Trunk, hosts, out refusal) is not { } leg) return null;
            cell.Leg = leg;
            return CallDecider.Decide(null, new OfferCall
            {
                Id = id,
                Application = offered.Application,
                FromUri = (services.Trunks.Named(offered.Trunk)?.CallerId ?? CallerIdRules.None).Inbound(invite.From.Uri).Text,
                ToUri = invite.Uri.Text,
                Trunk = offered.Trunk,
                Dialog = leg.ServerDialog,
                LocalSdp = (answer?.Local ?? SdpNegotiator.CreateOffer(local)).ToJournal(),
                Audio = answer?.Audio,
                Invite = StoredInvite.Write(invite, hosts),
                Headers = CarriedHeaders.Of(invite, services.HeardHeaders(offered.Application)),
                Replaces = offered.Replaces,
                ReferredBy = offered.Replaces is null ? null : ReferTarget.ReferrerOf(invite),
            }, services.Clock.UnixMillis, services.Settings);
        }, null);
        return isCreated ? Begun.Created : Refuse(offered, refusal ?? SipResponse.For(invite, 400, null, Token));
    }

    private SipResponse Busy(SipRequest invite, MediaRefusal shortage)
    {
        var busy = SipResponse.For(invite, 503, $"No capacity: {shortage.Text()}", Token);
        busy.Set(HeaderId.RetryAfter, (2 + services.Random.Next(4)).ToString(CultureInfo.InvariantCulture));
        return busy;
    }

    private Begun Refuse(PlaceCall place, RpcError error)
    {
        ReleasePermit(place);
        place.Ask.ReplyTo.Reply(RpcReply.Refused(error));
        cell.Sound.Close();
        return Begun.Refused;
    }

    private Begun Refuse(InviteOffered offered, SipResponse response)
    {
        services.Sip.Respond(offered.Transaction, response);
        cell.Sound.Close();
        return Begun.Refused;
    }
}

/// <summary>How far a call's beginning has come.</summary>
internal enum Begun
{
    /// <summary>A name is being looked up.</summary>
    Waits,
    /// <summary>It exists.</summary>
    Created,
    /// <summary>No call comes of it: the application never hears of it.</summary>
    Refused,
}
