using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Actors.Trunks;

/// <summary>How a trunk writes callers' numbers.</summary>
public enum NumberFormat
{
    /// <summary>As they come: nothing is rewritten, either way.</summary>
    AsIs,
    /// <summary>+4930123456 (ITU-T E.164, with the plus of E.123).</summary>
    E164,
    /// <summary>030123456 in its own country, 0033123456789 from elsewhere.</summary>
    National,
}

/// <summary>
/// What a trunk does to a caller's number on its way: outbound it is written as the carrier wants it, inbound as E.164. Only what is a whole number is
/// rewritten; names, extensions and what has more digits than any number are left as they are. Immutable and pure.
/// </summary>
public sealed record CallerIdRules
{
    /// <summary>What has no more digits than this is an extension or a service, which no country code goes with.</summary>
    public const int ShortDigitsMax = 6;

    /// <summary>E.164 section 6.1.</summary>
    private const int DigitsMax = 15;

    /// <summary>Nothing is rewritten; who hides is anonymous in From, and Privacy says so.</summary>
    public static readonly CallerIdRules None = new();

    /// <summary>How the trunk writes numbers.</summary>
    public NumberFormat Format { get; init; }

    /// <summary>Its country's calling code, digits alone; needed where <see cref="Format"/> is another than as it is.</summary>
    public string Country { get; init; } = "";

    /// <summary>What stands in front of a number within the country, <c>0</c> in much of the world; empty for nothing.</summary>
    public string NationalPrefix { get; init; } = "";

    /// <summary>What stands in front of the country code of a number from elsewhere.</summary>
    public string InternationalPrefix { get; init; } = "00";

    /// <summary>How a caller that hides is shown.</summary>
    public AnonymousForm Anonymous { get; init; }

    /// <summary>A caller's address as the trunk wants it.</summary>
    public SipUri Outbound(SipUri caller) => Rewritten(caller, Format);

    /// <summary>A caller's address as applications, routes and call records have it: in E.164.</summary>
    public SipUri Inbound(SipUri caller) => Rewritten(caller, Format == NumberFormat.AsIs ? NumberFormat.AsIs : NumberFormat.E164);

    private SipUri Rewritten(SipUri caller, NumberFormat format)
    {
        if (format == NumberFormat.AsIs || !caller.IsSip || caller.Password is not null || caller.User is not { } user || DigitsOf(user) is not { } digits)
            return caller;
        var written = format == NumberFormat.E164 ? "+" + digits
            : digits.StartsWith(Country, StringComparison.Ordinal) ? NationalPrefix + digits[Country.Length..]
            : InternationalPrefix + digits;
        return written == user ? caller : SipUri.Parse($"{caller.Scheme}:{written}{caller.Text[caller.Text.IndexOf('@', StringComparison.Ordinal)..]}");
    }

    /// <summary>The digits of a number with its country code; null where it is no whole number.</summary>
    private string? DigitsOf(string user)
    {
        var isInternational = user.StartsWith('+');
        // RFC 3966 section 5.1.1: what is there for the eye alone.
        var digits = string.Concat((isInternational ? user[1..] : user).Where(static letter => letter is not ('-' or '.' or '(' or ')')));
        if (digits.Length <= ShortDigitsMax || !digits.All(char.IsAsciiDigit)) return null;
        if (!isInternational)
        {
            // What is neither has its area code all the same: a carrier has no numbers of one town.
            digits = InternationalPrefix.Length > 0 && digits.StartsWith(InternationalPrefix, StringComparison.Ordinal) ? digits[InternationalPrefix.Length..]
                : NationalPrefix.Length > 0 && digits.StartsWith(NationalPrefix, StringComparison.Ordinal) ? Country + digits[NationalPrefix.Length..]
                : Country + digits;
        }
        // No country code begins with a zero.
        return digits.Length is > ShortDigitsMax and <= DigitsMax && digits[0] != '0' ? digits : null;
    }
}
