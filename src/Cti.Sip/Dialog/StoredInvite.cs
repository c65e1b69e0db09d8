using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Sip.Dialog;

/// <summary>
/// What a journal keeps of an INVITE that came and is not settled: all that its responses are made of, so that another node can answer it. Everything else of
/// the INVITE is left out. The text has one character a byte.
/// </summary>
public static class StoredInvite
{
    private static readonly HeaderId[] Kept =
    [
        HeaderId.Via, HeaderId.RecordRoute, HeaderId.From, HeaderId.To, HeaderId.CallId, HeaderId.CSeq, HeaderId.Contact, HeaderId.Supported, HeaderId.Require,
        HeaderId.SessionExpires, HeaderId.MinSE,
    ];

    /// <summary>The text of an INVITE, whose top Via has received and rport already.</summary>
    /// <param name="invite">Theirs.</param>
    /// <param name="hosts">
    /// What was looked up of its description's host names: the addresses are kept, so that another node need not ask. Null for nothing.
    /// </param>
    public static string Write(SipRequest invite, ImmutableDictionary<string, string>? hosts = null)
    {
        var kept = new SipRequest(invite.Method, invite.Uri);
        foreach (var id in Kept) kept.AddAll(invite, id);
        // Letter for letter but for what the journal must not have, and what it need not ask again.
        var sdp = SdpOf(invite);
        var known = hosts ?? ImmutableDictionary<string, string>.Empty;
        var mayHaveKeys = SdpSession.MayHaveKeys(sdp);
        if (!known.IsEmpty || mayHaveKeys)
            sdp = InviteResponses.FindSdp(invite, known) is { } found ? Encoding.UTF8.GetBytes(found.ToJournal()) : mayHaveKeys ? [] : sdp;
        if (sdp.Length > 0) kept.SetBody(InviteResponses.SdpType, sdp);
        return Encoding.Latin1.GetString(SipMessageWriter.ToArray(kept));
    }

    /// <summary>Reads the text; false when it is none.</summary>
    public static bool TryRead([NotNullWhen(true)] string? text, [NotNullWhen(true)] out SipRequest? invite)
    {
        invite = text is null ? null : SipParser.ParseDatagram(Encoding.Latin1.GetBytes(text)).Message as SipRequest;
        return invite is { Method: SipMethods.Invite };
    }

    private static byte[] SdpOf(SipRequest invite) =>
        invite.Body.IsEmpty ? [] : SdpBody.Find(invite.Get(HeaderId.ContentType), invite.Body.Span).ToArray();
}
