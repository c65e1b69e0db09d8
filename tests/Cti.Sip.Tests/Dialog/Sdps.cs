using Cti.Sip.Sdp;

namespace Cti.Sip.Tests.Dialog;

/// <summary>Session descriptions of both sides.</summary>
internal static class Sdps
{
    public static readonly LocalAudio Us = new("192.0.2.1", 20000, 42, 1, ["PCMA", "PCMU"]);

    public static string Theirs(string more = "", int port = 4000, string codecs = "8 0") =>
        $"v=0\r\no=bob 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio {port} RTP/AVP {codecs}\r\n{more}";

    public static readonly NegotiatedAudio Agreed = new("198.51.100.7", 4000, "198.51.100.7", 4001, "PCMA", 8, -1, true, true, "0 PCMU");
}
