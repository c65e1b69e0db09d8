using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>
/// The dialog that an INVITE is to take the place of (RFC 3891): a Replaces value. Its tags are those of whoever gets the INVITE: <c>to-tag</c> is its own.
/// </summary>
/// <param name="CallId">Call-ID.</param>
/// <param name="ToTag">The tag of whoever gets the INVITE.</param>
/// <param name="FromTag">The other one's; 0 where it has none (RFC 2543).</param>
/// <param name="IsEarlyOnly">Whether only a dialog that is not confirmed is to be replaced.</param>
public sealed record ReplacedDialog(string CallId, string ToTag, string FromTag, bool IsEarlyOnly = false)
{
    /// <summary>What a far end has to be told of a dialog of ours, so that it replaces it at the other end.</summary>
    public static ReplacedDialog AtTheFarEndOf(DialogState dialog) =>
        new(dialog.CallId, dialog.RemoteTag.Length == 0 ? "0" : dialog.RemoteTag, dialog.LocalTag);

    /// <summary>Reads a value; false where it is malformed, or longer than <see cref="Limits.ReplacesCharsMax"/>.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ReplacedDialog? value)
    {
        value = null;
        if (text is null || text.Length > Limits.ReplacesCharsMax) return false;
        var parts = text.Split(';');
        var callId = parts[0].Trim();
        string? to = null, from = null;
        var isEarlyOnly = false;
        foreach (var part in parts.AsSpan(1))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = (equals < 0 ? part : part[..equals]).Trim();
            var given = equals < 0 ? null : part[(equals + 1)..].Trim();
            if (name.Equals("to-tag", StringComparison.OrdinalIgnoreCase))
            {
                if (to is not null || !Message.Ascii.IsToken(given)) return false;
                to = given;
            }
            else if (name.Equals("from-tag", StringComparison.OrdinalIgnoreCase))
            {
                if (from is not null || !Message.Ascii.IsToken(given)) return false;
                from = given;
            }
            else if (name.Equals("early-only", StringComparison.OrdinalIgnoreCase))
            {
                isEarlyOnly = true;
            }
        }
        if (to is null || from is null || !IsCallId(callId)) return false;
        value = new ReplacedDialog(callId, to, from, isEarlyOnly);
        return true;
    }

    /// <summary>The value of an INVITE; null where it has none. More than one, and one that cannot be read, is malformed (section 3: 400).</summary>
    public static ReplacedDialog? Of(SipRequest invite, out bool isMalformed)
    {
        isMalformed = false;
        ReplacedDialog? found = null;
        foreach (ref readonly var header in invite.Headers)
        {
            if (header.Id != HeaderId.Replaces) continue;
            isMalformed |= found is not null || !TryParse(header.Value, out found);
        }
        return isMalformed ? null : found;
    }

    /// <summary>Whether it is that dialog, seen from this end; a tag of ours takes the same time to compare wherever it differs.</summary>
    public bool Is(DialogState dialog) => Is(dialog.CallId, dialog.LocalTag, dialog.RemoteTag);

    /// <inheritdoc cref="Is(DialogState)"/>
    public bool Is(string callId, string localTag, string remoteTag) =>
        CallId == callId && (FromTag == remoteTag || (FromTag == "0" && remoteTag.Length == 0))
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(ToTag), Encoding.UTF8.GetBytes(localTag));

    /// <summary>The value as it stands in a header field.</summary>
    public override string ToString() => $"{CallId};to-tag={ToTag};from-tag={FromTag}{(IsEarlyOnly ? ";early-only" : "")}";

    /// <summary>Words with at most one @ between them, without what ends the value or a line (RFC 3261 section 25.1, <c>callid</c>).</summary>
    private static bool IsCallId(string text) =>
        text.Length > 0 && text.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0 && !text.Contains(',', StringComparison.Ordinal);
}
