using System.Globalization;
using System.Text;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>A report of what became of a REFER: a NOTIFY of the event <c>refer</c> with a <c>message/sipfrag</c> (RFC 3515 section 2.4, RFC 3420).</summary>
/// <param name="Status">The SIP status that it tells, 100..699; null where it cannot be read.</param>
/// <param name="Reason">Its words, without control characters; maybe empty.</param>
/// <param name="IsLast">Whether no other one follows (Subscription-State <c>terminated</c>).</param>
/// <param name="EndReason">Why not, e.g. <c>noresource</c>; null where it does not say so.</param>
/// <param name="EventId">The CSeq of the REFER that it is about; null where it does not say so.</param>
public sealed record ReferReport(int? Status, string Reason, bool IsLast, string? EndReason, uint? EventId)
{
    private const int ReasonCharsMax = 128;

    /// <summary>Reads a NOTIFY.</summary>
    /// <param name="notify">Theirs.</param>
    /// <param name="refusal">The answer where it is about something else (489).</param>
    public static ReferReport? Read(SipRequest notify, out SipResponse? refusal)
    {
        refusal = null;
        if (!ReferReports.TryReadEvent(notify.Get(HeaderId.Event), out var id))
        {
            refusal = SipResponse.For(notify, 489);
            refusal.Add(HeaderId.AllowEvents, ReferReports.Event);
            return null;
        }
        var state = (notify.Get(HeaderId.SubscriptionState) ?? "").Split(';');
        var (status, words) = ReadFragment(notify.Body.Span);
        return new ReferReport(status, words, state[0].Trim().Equals("terminated", StringComparison.OrdinalIgnoreCase), EndReasonOf(state.AsSpan(1)), id);
    }

    private static string? EndReasonOf(ReadOnlySpan<string> parameters)
    {
        foreach (var parameter in parameters)
        {
            var pair = parameter.Split('=', 2);
            if (pair.Length < 2 || !pair[0].Trim().Equals("reason", StringComparison.OrdinalIgnoreCase)) continue;
            var reason = pair[1].Trim();
            return reason.Length <= ReasonCharsMax && Message.Ascii.IsToken(reason) ? reason : null;
        }
        return null;
    }

    /// <summary>The status line that a <c>message/sipfrag</c> begins with; what follows it is passed over.</summary>
    public static (int? Status, string Reason) ReadFragment(ReadOnlySpan<byte> body)
    {
        if (body.Length > Limits.SipFragmentBytesMax) return (null, "");
        body = body.TrimStart(" \t\r\n"u8);
        var end = body.IndexOfAny((byte)'\r', (byte)'\n');
        var line = Encoding.UTF8.GetString(end < 0 ? body : body[..end]).Split(' ', 3, StringSplitOptions.RemoveEmptyEntries);
        if (line.Length < 2 || !line[0].StartsWith("SIP/", StringComparison.OrdinalIgnoreCase)) return (null, "");
        if (!int.TryParse(line[1], NumberStyles.None, CultureInfo.InvariantCulture, out var status) || status is < 100 or > 699) return (null, "");
        var words = line.Length < 3 ? "" : line[2].Trim();
        return (status, VisibleText.Of(words.Length > ReasonCharsMax ? words[..ReasonCharsMax] : words));
    }

    /// <summary>A <c>message/sipfrag</c> of a status line.</summary>
    /// <param name="status">100..699.</param>
    public static byte[] WriteFragment(int status) =>
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"SIP/2.0 {status} {ReasonPhrases.Of(status)}\r\n"));
}

/// <summary>The subscription to reports that a REFER makes, or does not (RFC 3515 section 2.4, RFC 4488).</summary>
public static class ReferReports
{
    /// <summary>The event package.</summary>
    public const string Event = "refer";

    /// <summary>The media type of a report.</summary>
    public const string FragmentType = "message/sipfrag;version=2.0";

    private const string ReferSub = "Refer-Sub";

    /// <summary>Whether a REFER asks for none, or its 2xx makes none.</summary>
    public static bool Declines(SipMessage message) =>
        message.Get(ReferSub) is { } value && value.Split(';')[0].Trim().Equals("false", StringComparison.OrdinalIgnoreCase);

    /// <summary>Asks for none, or answers that there will be none.</summary>
    public static void Decline(SipMessage message) => message.Add(ReferSub, "false");

    internal static bool TryReadEvent(string? value, out uint? id)
    {
        id = null;
        var parts = (value ?? "").Split(';');
        if (!parts[0].Trim().Equals(Event, StringComparison.OrdinalIgnoreCase)) return false;
        foreach (var part in parts.AsSpan(1))
        {
            var pair = part.Split('=', 2);
            if (pair.Length == 2 && pair[0].Trim().Equals("id", StringComparison.OrdinalIgnoreCase))
                id = uint.TryParse(pair[1].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : uint.MaxValue;
        }
        return true;
    }
}
