using Cti.Calls.Api;
using Cti.Calls.Call;
using Cti.Cluster.Journal;
using Cti.Kernel;
using Cti.Media;
using Cti.Server.Resources;
using Cti.Server.Routing;
using Cti.Server.Sip;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;

namespace Cti.Server.Calls;

/// <summary>How calls begin: the resource id is the position of the creating entry, so the first decision is made while that is being reserved.</summary>
internal sealed partial class CallActor
{
    private void Place(PlaceCall place)
    {
        var args = place.Ask.Request.Arguments;
        var wantsIPv6 = place.Placement.Flow is { Remote: { AddressFamily: global::System.Net.Sockets.AddressFamily.InterNetworkV6, Address.IsIPv4MappedToIPv6: false } };
        if (services.Media.TryOpen(new MediaSessionOptions(wantsIPv6, services.MediaProfile.InactivityMillis), cell) is not { } media)
        {
            GiveBack(place.Placement);
            place.Ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("no capacity for another media session on this node")));
            StopSelf();
            return;
        }
        cell.Media = media.Session;
        var from = args.OptionalString("from_uri");
        var parent = Given(args, "parent_call_res_id") ?? Given(args, "parent_conf_res_id");
        var leg = CallLeg.ForPlacement(services, cell, System, place.Placement, from, LocalAudioAt(media.Local));
        cell.Leg = leg;
        // A call that began when its instance is as good as given would send its INVITE after the new owner has ended it.
        if (Create(Modules.Call, id => cell.Journal.IsClosed ? null : Construct(place, leg, DialogTag.Create(id, services.Random), from ?? "", parent), place.Ask)) return;
        cell.Leg = null;
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
            SipCallId = $"{services.Random.NextHex(16)}@{services.NodeName}",
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
        }, System.Clock.UnixMillis, services.Settings);
    }

    private void Offer(InviteOffered offered)
    {
        var invite = offered.Transaction.Request;
        // A body that is none is refused below, by the usage that reads it for good.
        var sdp = SdpParser.TryParse(SdpBody.Find(invite.Get(HeaderId.ContentType), invite.Body.Span), out var parsed, out _) ? parsed : null;
        var options = new MediaSessionOptions(CallLeg.WantsIPv6(sdp, offered.Transaction.Flow), services.MediaProfile.InactivityMillis);
        if (services.Media.TryOpen(options, cell) is not { } media)
        {
            Refuse(offered, SipResponse.For(invite, 503, null, services.Random.NextHex(8)));
            return;
        }
        cell.Media = media.Session;
        var local = LocalAudioAt(media.Local);
        var outcome = sdp is null ? null : SdpNegotiator.Answer(sdp, local);
        if (outcome is { Local: null })
        {
            Refuse(offered, SipResponse.For(invite, 488, null, services.Random.NextHex(8)));
            return;
        }
        SipResponse? refusal = null;
        var isCreated = Create(Modules.Call, id =>
        {
            if (CallLeg.ForInvite(services, cell, System, offered.Transaction, id, local, offered.Trunk, out refusal) is not { } leg) return null;
            cell.Leg = leg;
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
                Invite = StoredInvite.Write(invite),
            }, System.Clock.UnixMillis, services.Settings);
        }, null);
        if (isCreated) LookForSubscriber();
        else Refuse(offered, refusal ?? SipResponse.For(invite, 400, null, services.Random.NextHex(8)));
    }

    /// <summary>No call comes of it: nothing is journaled, the application never hears of it.</summary>
    private void Refuse(InviteOffered offered, SipResponse response)
    {
        services.Sip.Respond(offered.Transaction, response);
        CloseMedia();
        Become(Refused);
        if (cell.Media is null) StopSelf();
    }

    /// <summary>Only the end of the media session is awaited.</summary>
    private bool Refused(object message)
    {
        switch (message)
        {
            case MediaHappened { Event: SessionClosed }:
                cell.Media = null;
                services.Media.Closed();
                StopSelf();
                return true;
            default:
                return true;
        }
    }

    private LocalAudio LocalAudioAt(global::System.Net.IPEndPoint endpoint)
    {
        var session = services.Random.NextUInt64() >> 2;
        return new LocalAudio(endpoint.Address.ToString(), endpoint.Port, session, 1, services.MediaProfile.Codecs);
    }

    private void GiveBack(Placement placement)
    {
        if (placement.Permit is { } permit) services.ReleasePermit(permit);
    }
}
