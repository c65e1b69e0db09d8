using Cti.Sip.Message;

namespace Cti.Sip.Transaction;

/// <summary>Which client transaction a response belongs to (RFC 3261 section 17.1.3).</summary>
/// <param name="Branch">Of the top Via.</param>
/// <param name="Method">Of CSeq.</param>
internal readonly record struct ClientKey(string Branch, string Method);

/// <summary>Which requests are the same by different paths (RFC 3261 section 8.2.2.2).</summary>
internal readonly record struct MergeKey(string CallId, string FromTag, uint Number, string Method);

/// <summary>
/// Which server transaction a request belongs to (RFC 3261 section 17.2.3). With a branch of RFC 3261: branch, sent-by and method. Without: a text of
/// Request-URI, From tag, Call-ID, CSeq number and top Via stands for the branch; To tags are compared afterwards.
/// </summary>
/// <param name="Branch">The branch, or the text that stands for it.</param>
/// <param name="Host">Sent-by host in lower case.</param>
/// <param name="Port">Sent-by port.</param>
/// <param name="Method">The method; INVITE for an ACK.</param>
internal readonly record struct ServerKey(string Branch, string Host, int Port, string Method)
{
    public static ServerKey Of(SipRequest request, string method)
    {
        var via = request.TopVia;
        if (via.HasMagicCookie) return new ServerKey(via.Branch!, Lower(via.Host), via.PortOrDefault, method);
        var text = string.Concat("2543 ", request.Uri.Text, " ", request.From.Tag)
            + string.Concat(" ", request.CallId, " ", request.CSeq.Number.ToString(System.Globalization.CultureInfo.InvariantCulture))
            + string.Concat(" ", via.ToString());
        return new ServerKey(text, "", 0, method);
    }

    private static string Lower(string host)
    {
        foreach (var c in host)
        {
            if (char.IsAsciiLetterUpper(c)) return host.ToLowerInvariant();
        }
        return host;
    }
}
