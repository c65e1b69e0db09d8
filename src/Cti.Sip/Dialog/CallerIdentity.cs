using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>Who calls, as a trunk is told (RFC 3325, RFC 3323): the From header, and beside it P-Asserted-Identity and Privacy.</summary>
/// <param name="Number">The caller's address; null hides it without asserting any.</param>
/// <param name="Asserted">Whether the trunk wants P-Asserted-Identity.</param>
/// <param name="Hidden">Whether the called party must not see it: From is anonymous, Privacy: id.</param>
public sealed record CallerIdentity(NameAddr? Number, bool Asserted, bool Hidden)
{
    private const string AnonymousUser = "anonymous";

    /// <summary>The identity for a <c>from_uri</c>: its user part <c>anonymous</c> hides the number.</summary>
    public static CallerIdentity Of(SipUri from, bool asserted) => from.User is { } user && user.Equals(AnonymousUser, StringComparison.OrdinalIgnoreCase)
        ? new CallerIdentity(null, asserted, true)
        : new CallerIdentity(new NameAddr(from), asserted, false);

    /// <summary>What stands in From, without tag (RFC 3323 section 4.1.1.3 for the anonymous form).</summary>
    public NameAddr From => Hidden || Number is null ? new NameAddr(SipUri.Parse("sip:anonymous@anonymous.invalid"), "Anonymous") : Number;

    internal void AddTo(SipRequest request)
    {
        if (Asserted && Number is not null) request.Add(HeaderId.PAssertedIdentity, Number.ToString());
        if (Hidden) request.Add(HeaderId.Privacy, "id");
    }
}
