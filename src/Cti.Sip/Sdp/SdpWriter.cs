using System.Globalization;
using System.Text;

namespace Cti.Sip.Sdp;

/// <summary>Writes a session description in the order of RFC 8866 section 5.</summary>
internal static class SdpWriter
{
    public static string Write(SdpSession session)
    {
        var text = new StringBuilder(320);
        var origin = session.Origin;
        text.Append("v=0\r\no=").Append(origin.Username).Append(' ').Append(origin.SessionId).Append(' ').Append(origin.Version)
            .Append(" IN ").Append(origin.AddressType).Append(' ').Append(origin.Address)
            .Append("\r\ns=").Append(session.Name).Append("\r\n");
        Append(text, session.Connection);
        text.Append("t=").Append(session.Timing).Append("\r\n");
        foreach (var attribute in session.Attributes) Append(text, attribute);
        foreach (var media in session.Media) Append(text, media);
        return text.ToString();
    }

    private static void Append(StringBuilder text, SdpMedia media)
    {
        text.Append("m=").Append(media.Kind).Append(' ').Append(CultureInfo.InvariantCulture, $"{media.Port}").Append(' ').Append(media.Protocol);
        foreach (var format in media.Formats) text.Append(' ').Append(format);
        text.Append("\r\n");
        Append(text, media.Connection);
        foreach (var attribute in media.Attributes) Append(text, attribute);
    }

    private static void Append(StringBuilder text, SdpConnection? connection)
    {
        if (connection is null) return;
        text.Append("c=IN ").Append(connection.AddressType).Append(' ').Append(connection.Address).Append("\r\n");
    }

    private static void Append(StringBuilder text, SdpAttribute attribute)
    {
        text.Append("a=").Append(attribute.Name);
        if (attribute.Value is not null) text.Append(':').Append(attribute.Value);
        text.Append("\r\n");
    }
}
