using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>
/// The dialog of a 2xx to an INVITE that nobody here knows any more, made of the 2xx alone: enough to acknowledge it and to hang up. Where it does not say
/// where the far end is, that is who was called, and what is sent goes to where the 2xx came from.
/// </summary>
public static class StrayDialog
{
    /// <summary>The dialog.</summary>
    /// <param name="success">The 2xx.</param>
    /// <param name="flow">What it came by.</param>
    public static DialogState Of(SipResponse success, SipFlow flow)
    {
        var target = success.Contact?.Uri ?? (success.To.Uri.IsSip ? success.To.Uri : SipUri.Create(null, HostOf(flow), flow.Remote.Port));
        return new DialogState(success.CallId, success.From.Tag ?? "", success.To.Tag ?? "", DialogState.Text(success.From.WithoutTag()),
            DialogState.Text(success.To.WithoutTag()),
            "", target.Text, [.. success.RecordRoutes.Reverse().Select(DialogState.Text)], success.CSeq.Number, 0, DialogFlow.Format(flow), false, true, true);
    }

    /// <summary>Its ACK.</summary>
    /// <param name="dialog">What <see cref="Of"/> made.</param>
    public static SipRequest Ack(DialogState dialog)
    {
        var invite = new SipRequest(SipMethods.Invite, SipUri.Read(dialog.RemoteTarget));
        invite.Add(HeaderId.CSeq, string.Create(CultureInfo.InvariantCulture, $"{dialog.LocalCSeq} INVITE"));
        return DialogRequests.Ack(dialog, invite);
    }

    private static string HostOf(SipFlow flow)
    {
        var address = flow.Remote.Address.IsIPv4MappedToIPv6 ? flow.Remote.Address.MapToIPv4() : flow.Remote.Address;
        return address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
    }
}
