using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>A provisional response of ours that its PRACK has to acknowledge (RFC 3262 section 3).</summary>
/// <param name="Response">For repeating.</param>
/// <param name="Number">Its RSeq.</param>
/// <param name="ResendAt">When it is repeated, in milliseconds of the monotonic clock; <see cref="long.MaxValue"/> for never.</param>
/// <param name="Interval">What <paramref name="ResendAt"/> ends: T1 first, then doubled each time without a bound.</param>
/// <param name="EndAt">When waiting ends; <see cref="long.MaxValue"/> once it is over, though a PRACK that comes after that is still right.</param>
public sealed record ReliableResponse(SipResponse Response, uint Number, long ResendAt, int Interval, long EndAt)
{
    /// <summary>Room for half as many more: numbers never wrap (section 3).</summary>
    private const uint FirstMax = 1 << 30;

    /// <summary>Whether it carries a session description: then the 2xx waits for its PRACK.</summary>
    public bool HasSession => !Response.Body.IsEmpty;

    /// <summary>Whether its PRACK is not waited for any more.</summary>
    public bool IsOver => EndAt == long.MaxValue;

    /// <summary>When the next of both is due.</summary>
    public long Deadline => Math.Min(ResendAt, EndAt);

    /// <summary>Not waited for any more: a final response went out, or nothing came.</summary>
    public ReliableResponse Stopped() => this with { ResendAt = long.MaxValue, EndAt = long.MaxValue };

    /// <summary>Whether a PRACK is that of this response: RSeq, and number and method of the INVITE.</summary>
    public bool IsAcknowledgedBy(SipRequest prack, SipRequest invite)
    {
        if (!prack.TryGet(HeaderId.RAck, out var header)) return false;
        var text = Ascii.Trim(header.ValueBytes.Span);
        var space = text.IndexOfAny((byte)' ', (byte)'\t');
        return space > 0 && Ascii.TryNumber(text[..space], uint.MaxValue, out var number) && number == Number
            && CSeqValue.TryParse(text[space..], null, out var acknowledged)
            && acknowledged.Number == invite.CSeq.Number && acknowledged.Method == SipMethods.Invite;
    }

    /// <summary>
    /// The RSeq of the first reliable response of a dialog. It follows from our tag, 64 bits of which are random: a node that takes the call over repeats
    /// what the dead one sent, under the same number, because any number but the next one would be passed over (section 4).
    /// </summary>
    public static uint FirstNumber(string localTag)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in localTag) hash = (hash ^ c) * 1099511628211UL;
        return 1 + (uint)((hash ^ (hash >> 32)) % FirstMax);
    }

    /// <summary>The RSeq of a far end's provisional response; null where it is not reliable, or does not say.</summary>
    public static uint? NumberOf(SipResponse response) => response.Status is > 100 and < 200 && IsIn(response.Require)
        && response.Number(HeaderId.RSeq, uint.MaxValue) is { } number and > 0 ? (uint)number : null;

    /// <summary>Whether an INVITE requires it.</summary>
    public static bool IsRequired(SipRequest invite) => IsIn(invite.Require);

    /// <summary>Whether an INVITE requires it or lists it.</summary>
    public static bool IsListed(SipRequest invite) => IsRequired(invite) || IsIn(invite.Supported);

    /// <summary>Marks a response as reliable.</summary>
    internal static SipResponse Mark(SipResponse response, uint number)
    {
        response.Add(HeaderId.Require, SipCapabilities.Reliable);
        response.Add(HeaderId.RSeq, number.ToString(CultureInfo.InvariantCulture));
        return response;
    }

    private static bool IsIn(IReadOnlyList<string> tags) => tags.Contains(SipCapabilities.Reliable, StringComparer.OrdinalIgnoreCase);
}
