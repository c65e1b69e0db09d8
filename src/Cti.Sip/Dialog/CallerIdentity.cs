using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>How a caller that hides is shown to a trunk.</summary>
public enum AnonymousForm
{
    /// <summary>From is anonymous (RFC 3323 section 4.1.1.3), and <c>Privacy: id</c> is asked for (RFC 3325 section 9.3).</summary>
    Both,
    /// <summary>From is anonymous; there is no Privacy, which the trunk does not bear.</summary>
    From,
    /// <summary><c>Privacy: id</c> alone: From has the line's own number, which the trunk knows its customer by.</summary>
    Privacy,
}

/// <summary>Who calls, as a trunk is told (RFC 3325, RFC 3323): the From header, and beside it P-Asserted-Identity and Privacy.</summary>
/// <param name="Number">The caller's address; null hides it without asserting any.</param>
/// <param name="Asserted">Whether the trunk wants P-Asserted-Identity.</param>
/// <param name="Hidden">Whether the called party must not see it: From is anonymous, Privacy: id.</param>
public sealed record CallerIdentity(NameAddr? Number, bool Asserted, bool Hidden)
{
    private const string AnonymousUser = "anonymous";

    /// <summary>How one that hides is shown.</summary>
    public AnonymousForm Form { get; init; }

    /// <summary>Whether an address hides its number: its user part is <c>anonymous</c>.</summary>
    public static bool Hides(SipUri from) => from.User is { } user && user.Equals(AnonymousUser, StringComparison.OrdinalIgnoreCase);

    /// <summary>The identity for a <c>from_uri</c>: its user part <c>anonymous</c> hides the number.</summary>
    /// <param name="from">It.</param>
    /// <param name="asserted">Whether the trunk wants P-Asserted-Identity.</param>
    /// <param name="line">The line's own address, which a trunk that is trusted is told of one that hides too; null for none.</param>
    public static CallerIdentity Of(SipUri from, bool asserted, SipUri? line = null) => Hides(from)
        ? new CallerIdentity(line is null ? null : new NameAddr(line), asserted, true)
        : new CallerIdentity(new NameAddr(from), asserted, false);

    /// <summary>What stands in From, without tag (RFC 3323 section 4.1.1.3 for the anonymous form).</summary>
    public NameAddr From => (Hidden && Form != AnonymousForm.Privacy) || Number is null
        ? new NameAddr(SipUri.Parse("sip:anonymous@anonymous.invalid"), "Anonymous")
        : Number;

    internal void AddTo(SipRequest request)
    {
        if (Asserted && Number is not null) request.Add(HeaderId.PAssertedIdentity, Number.ToString());
        if (Hidden && Form != AnonymousForm.From) request.Add(HeaderId.Privacy, "id");
    }
}
