using System.Collections.Immutable;
using System.Globalization;
using System.Net.Sockets;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>How calls begin: the resource id is the position of the creating entry, so the first decision is made while that is being reserved.</summary>
internal sealed partial class CallActor
{
    /// <summary>An offer whose host name is being looked up.</summary>
    private InviteOffered? _unresolved;

    private void Place(PlaceCall place)
    {
        var args = place.Ask.Request.Arguments;
        var isIPv6 = CallLeg.FamilyTowards(place.Placement.Flow, _services.Media.Port.Speaks) == AddressFamily.InterNetworkV6;
        if (_services.Media.TryOpen(_services.MediaProfile.Options(isIPv6, place.Placement.Trunk?.Idle), _cell, out var refusal) is not { } media)
        {
            GiveBack(place.Placement);
            place.Ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable($"no capacity for another media session on this node: {refusal.Text()}")));
            StopSelf();
            return;
        }
        _cell.Media = media.Session;
        var from = args.OptionalString("from_uri");
        var parent = Given(args, "parent_call_res_id") ?? Given(args, "parent_conf_res_id");
        var leg = CallLeg.ForPlacement(_services, _cell, System, place.Placement, from, LocalAudioAt(media.Local));
        _cell.Leg = leg;
        // A call that began when its instance is as good as given would send its INVITE after the new owner has ended it.
        if (Create(Modules.Call, id => _cell.Journal.IsClosed ? null : Construct(place, leg, DialogTag.Create(id, _services.Random), from ?? "", parent), place.Ask)) return;
        _cell.Leg = null;
        leg.Dispose();
        GiveBack(place.Placement);
        place.Ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Moving()));
        CloseMedia();
        Become(Refused);
    }

    private CallDecision Construct(PlaceCall place, CallLeg leg, DialogTag tag, string from, string? parent)
    {
        var args = place.Ask.Request.Arguments;
        return CallDecider.Decide(null, new ConstructCall
        {
            Id = tag.Resource,
            Application = place.Ask.Request.Application,
            FromUri = from,
            ToUri = place.Placement.ToUri,
            SipCallId = $"{_services.Random.NextHex(16)}@{_services.NodeName}",
            Trunk = place.Placement.Trunk?.Name,
            Permit = place.Placement.Permit,
            MaxAnswerSeconds = args.Int32("max_answer_seconds"),
            MaxRingSeconds = args.Int32("max_ring_seconds"),
            UserData = args.OptionalString("user_data"),
            LocalSdp = leg.OfferText,
            LocalTag = tag.ToString(),
            Invite = leg.Describe(tag),
            Parent = parent,
            RingBack = RingBackOf(args),
            Owner = place.Owner,
        }, System.Clock.UnixMillis, _services.Settings);
    }

    private void Offer(InviteOffered offered)
    {
        // A body that is none is refused below, by the usage that reads it for good.
        var sdp = InviteResponses.FindSdp(offered.Transaction.Request);
        if (sdp is null || SdpNegotiator.HostToLookUp(sdp) is not { } named)
        {
            Offer(offered, sdp, HostNames.None);
            return;
        }
        _unresolved = offered;
        var family = named.AddressType == "IP6" ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        HostNames.LookUp(_services, System.Timers, named, family, isFixed: false, offered.Transaction.Flow.Remote.Address, found => Self.Tell(found));
    }

    /// <summary>The host that an offer names was looked up, in vain perhaps; the call begins, or is refused because of the address.</summary>
    private void OfferKnown(InviteOffered offered, HostLookedUp found)
    {
        _unresolved = null;
        // Others have come meanwhile, and were counted before this one is.
        if (_services.Limit.Refuses())
        {
            Refuse(offered, SipResponse.For(offered.Transaction.Request, 503, null, _services.Random.NextHex(8)));
            return;
        }
        var hosts = found.Address is { } address ? HostNames.None.Add(found.Name, address) : HostNames.None;
        Offer(offered, InviteResponses.FindSdp(offered.Transaction.Request)?.With(hosts), hosts);
    }

    /// <summary>The same INVITE by another path, while the name is looked up: the newest branch is answered.</summary>
    private void JoinUnresolved(InviteOffered before, ServerTransaction arrived)
    {
        _unresolved = before with { Transaction = arrived };
        _services.Sip.Respond(before.Transaction, SipResponse.For(before.Transaction.Request, 482, null, _services.Random.NextHex(8)));
    }

    private void CancelUnresolved(InviteOffered offered, ServerTransaction cancelled)
    {
        if (offered.Transaction != cancelled) return;
        _unresolved = null;
        _services.Sip.Respond(cancelled, SipResponse.For(cancelled.Request, 487, null, _services.Random.NextHex(8)));
        StopSelf();
    }

    private void Offer(InviteOffered offered, SdpSession? sdp, ImmutableDictionary<string, string> hosts)
    {
        var invite = offered.Transaction.Request;
        var family = CallLeg.FamilyFor(sdp, offered.Transaction.Flow, _services.Media.Port.Speaks);
        if (!_services.Media.Port.Speaks(family))
        {
            Refuse(offered, InviteResponses.NotAcceptable(invite, _services.Random.NextHex(8), SdpRefusal.UnusableAddress));
            return;
        }
        var options = _services.MediaProfile.Options(family == AddressFamily.InterNetworkV6, _services.Trunks.Named(offered.Trunk)?.Idle);
        if (_services.Media.TryOpen(options, _cell, out var shortage) is not { } media)
        {
            var busy = SipResponse.For(invite, 503, $"No capacity: {shortage.Text()}", _services.Random.NextHex(8));
            busy.Set(HeaderId.RetryAfter, (2 + _services.Random.Next(4)).ToString(CultureInfo.InvariantCulture));
            Refuse(offered, busy);
            return;
        }
        _cell.Media = media.Session;
        var local = LocalAudioAt(media.Local);
        var outcome = sdp is null ? null : SdpNegotiator.Answer(sdp, local);
        if (outcome is { Local: null })
        {
            Refuse(offered, InviteResponses.NotAcceptable(invite, _services.Random.NextHex(8), outcome.Refusal));
            return;
        }
        SipResponse? refusal = null;
        var isCreated = Create(Modules.Call, id =>
        {
            // An instance may go to another node while a name is looked up.
            if (_cell.Journal.IsClosed)
            {
                refusal = SipResponse.For(invite, 503, null, _services.Random.NextHex(8));
                return null;
            }
            if (CallLeg.ForInvite(_services, _cell, System, offered.Transaction, id, local, offered.Trunk, hosts, out refusal) is not { } leg) return null;
            _cell.Leg = leg;
            return CallDecider.Decide(null, new OfferCall
            {
                Id = id,
                Application = offered.Application,
                FromUri = invite.From.Uri.Text,
                ToUri = invite.Uri.Text,
                Trunk = offered.Trunk,
                Dialog = leg.ServerDialog,
                LocalSdp = (outcome?.Local ?? SdpNegotiator.CreateOffer(local)).ToString(),
                Audio = outcome?.Audio,
                Invite = StoredInvite.Write(invite, hosts),
            }, System.Clock.UnixMillis, _services.Settings);
        }, null);
        if (isCreated) LookForSubscriber();
        else Refuse(offered, refusal ?? SipResponse.For(invite, 400, null, _services.Random.NextHex(8)));
    }

    /// <summary>No call comes of it: nothing is journaled, the application never hears of it.</summary>
    private void Refuse(InviteOffered offered, SipResponse response)
    {
        _services.Sip.Respond(offered.Transaction, response);
        CloseMedia();
        Become(Refused);
        if (_cell.Media is null) StopSelf();
    }

    /// <summary>Only the end of the media session is awaited.</summary>
    private bool Refused(object message)
    {
        switch (message)
        {
            case MediaHappened { Event: SessionClosed }:
                _cell.Media = null;
                StopSelf();
                return true;
            default:
                return true;
        }
    }

    private LocalAudio LocalAudioAt(global::System.Net.IPEndPoint endpoint)
    {
        var session = _services.Random.NextUInt64() >> 2;
        return new LocalAudio(endpoint.Address.ToString(), endpoint.Port, session, 1, _services.MediaProfile.Codecs);
    }

    private void GiveBack(Placement placement)
    {
        if (placement.Permit is { } permit) _services.ReleasePermit(permit);
    }
}
