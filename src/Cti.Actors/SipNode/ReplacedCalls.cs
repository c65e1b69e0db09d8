using Cti.Actors.Resources;
using Cti.Calls.Call;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Actors.SipNode;

/// <summary>
/// Which call an INVITE with Replaces is to take the place of (RFC 3891 section 3). Whoever names a dialog wholly, its Call-ID and both tags with the 64 random
/// bits of ours, has been told it by one of its ends; nobody is told whether it nearly did.
/// </summary>
internal static class ReplacedCalls
{
    /// <summary>The resource whose tag an INVITE names; null where it replaces nothing, or nothing of this cluster's.</summary>
    public static ResourceId? Named(SipRequest invite, Func<ResourceId, bool> isHere) =>
        invite.Has(HeaderId.Replaces) && ReplacedDialog.Of(invite, out _) is { } replaced && DialogTag.TryParse(replaced.ToTag, out var tag)
            && isHere(tag.Resource) ? tag.Resource : null;

    /// <summary>Finds the call.</summary>
    /// <param name="invite">An INVITE with Replaces.</param>
    /// <param name="directory">The calls of this node, which owns the one that is named.</param>
    /// <param name="refusal">Why there is none.</param>
    public static CallState? Find(SipRequest invite, ResourceDirectory directory, out InviteRefusal? refusal)
    {
        refusal = null;
        if (ReplacedDialog.Of(invite, out var isMalformed) is not { } replaced)
        {
            refusal = new InviteRefusal(isMalformed ? 400 : 481);
            return null;
        }
        var call = DialogTag.TryParse(replaced.ToTag, out var tag) ? directory.Find(tag.Resource)?.Published as CallState : null;
        // An early dialog of ours: whom we call rings, and somebody else takes it there.
        if (call is { IsDialling: true, RingingTag: { } ringing } && replaced.Is(call.SipCallId, call.LocalTag, ringing))
            refusal = call is { Owner: null, Parent: null, Seat: null } ? null : new InviteRefusal(603);
        else if (call?.Dialog is not { } dialog || !replaced.Is(dialog)) refusal = new InviteRefusal(481);
        else if (call.WasReleased || call.Owner is not null) refusal = new InviteRefusal(603);
        // An early dialog that is not of our making is nobody's to replace (section 3).
        else if (!call.IsUp) refusal = new InviteRefusal(481);
        else if (replaced.IsEarlyOnly) refusal = new InviteRefusal(486);
        return refusal is null ? call : null;
    }
}
