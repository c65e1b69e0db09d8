namespace Cti.Contract;

/// <summary>The one form in which the API answers SIP URIs.</summary>
public static class SipUriForm
{
    /// <summary>A URI as an application may give it, <c>[sip:]user@host</c>, with its scheme.</summary>
    public static string WithScheme(string uri) =>
        uri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase) || uri.StartsWith("sips:", StringComparison.OrdinalIgnoreCase) ? uri : "sip:" + uri;
}
