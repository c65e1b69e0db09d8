using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>One value of a Reason header (RFC 3326): why a request was sent.</summary>
/// <param name="Protocol">SIP or Q.850.</param>
/// <param name="Cause">A SIP status, or a Q.850 cause of 1..127.</param>
/// <param name="Text">In words, or null.</param>
public sealed record SipReason(string Protocol, int Cause, string? Text = null)
{
    private const int ValuesMax = 8;

    /// <summary>What whoever has lost to another is told, so that it counts no call as missed (RFC 3326 section 3.1).</summary>
    public static SipReason AnsweredElsewhere { get; } = Sip(200, "Call completed elsewhere");

    /// <summary>A SIP status as reason.</summary>
    public static SipReason Sip(int status, string? text = null) => new("SIP", status, text);

    /// <summary>The value as it is sent.</summary>
    public override string ToString()
    {
        var cause = Cause.ToString(CultureInfo.InvariantCulture);
        return Text is null ? $"{Protocol};cause={cause}" : $"{Protocol};cause={cause};text={SipLexer.Quote(Text)}";
    }

    /// <summary>All values of a message's Reason headers, in order; malformed ones are passed over, at most 8 are read.</summary>
    public static IReadOnlyList<SipReason> ReadAll(SipMessage message)
    {
        List<SipReason>? found = null;
        foreach (ref readonly var header in message.Headers)
        {
            if (header.Id != HeaderId.Reason) continue;
            var lexer = new SipLexer(header.ValueBytes.Span);
            do
            {
                lexer.SkipSpace();
                if (!TryRead(ref lexer, out var reason)) break;
                if ((found ??= []).Count == ValuesMax) return found;
                if (reason is not null) found.Add(reason);
            }
            while (lexer.TakeSeparator(','));
        }
        return found ?? (IReadOnlyList<SipReason>)[];
    }

    /// <summary>The SIP status that a BYE or CANCEL gives as its reason; null where it gives none.</summary>
    public static int? SipCause(SipMessage message)
    {
        foreach (var reason in ReadAll(message))
            if (reason.Protocol.Equals("SIP", StringComparison.OrdinalIgnoreCase) && reason.Cause is >= 100 and <= 699) return reason.Cause;
        return null;
    }

    private static bool TryRead(ref SipLexer lexer, out SipReason? reason)
    {
        reason = null;
        if (!lexer.TryToken(out var protocol) || !SipParams.TryRead(ref lexer, out var parameters)) return false;
        if (TryCause(parameters["cause"], out var cause)) reason = new SipReason(Ascii.Text(protocol), cause.Value, parameters["text"]);
        return true;
    }

    private static bool TryCause(string? text, [NotNullWhen(true)] out int? cause)
    {
        cause = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        return cause is not null;
    }
}
