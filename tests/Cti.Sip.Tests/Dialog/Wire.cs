using System.Text;
using Cti.Sip.Message;

namespace Cti.Sip.Tests.Dialog;

/// <summary>Messages as text: what tests send in and compare what comes out with.</summary>
internal static class Wire
{
    public static SipRequest Request(string text) => Message(text).ShouldBeOfType<SipRequest>();

    public static SipResponse Response(string text) => Message(text).ShouldBeOfType<SipResponse>();

    public static SipMessage Message(string text)
    {
        var lines = text.ReplaceLineEndings("\r\n");
        if (!lines.Contains("\r\n\r\n", StringComparison.Ordinal)) lines = lines.TrimEnd() + "\r\n\r\n";
        var result = SipParser.ParseDatagram(Encoding.UTF8.GetBytes(lines));
        result.Outcome.ShouldBe(SipParseOutcome.Message, result.Rejection.ToString());
        return result.Message!;
    }

    public static string Text(SipMessage message) => Encoding.UTF8.GetString(SipMessageWriter.ToArray(message)).ReplaceLineEndings("\n");

    /// <summary>A response to a request of ours that has no Via yet: as the far end would have sent it.</summary>
    public static SipResponse Answer(SipRequest request, int status, string? toTag = null, string? sdp = null, params string[] headers)
    {
        var response = SipResponse.For(request, status, null, toTag);
        if (status is > 100 and < 300) response.Add(HeaderId.Contact, "<sip:bob@198.51.100.7:5070>");
        foreach (var header in headers)
        {
            var colon = header.IndexOf(':', StringComparison.Ordinal);
            response.Add(header[..colon], header[(colon + 1)..].Trim());
        }
        if (sdp is not null) response.SetBody("application/sdp", Encoding.ASCII.GetBytes(sdp.ReplaceLineEndings("\r\n")));
        return response;
    }
}
