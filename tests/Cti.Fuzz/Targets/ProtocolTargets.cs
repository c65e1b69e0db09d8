using System.Text;

namespace Cti.Fuzz.Targets;

/// <summary>SIP messages, from RFC 4475's torture messages on.</summary>
public sealed class SipTarget : IFuzzTarget
{
    public string Name => "sip";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            {
                var torture = Path.Combine(at.FullName, "tests", "Cti.Sip.Tests", "Torture", "rfc4475");
                if (Directory.Exists(torture)) return Directory.GetFiles(torture, "*.dat").Order(StringComparer.Ordinal).Select(File.ReadAllBytes);
            }
            throw new DirectoryNotFoundException("the torture messages are not beside the tests");
        }
    }

    public void Run(ReadOnlySpan<byte> input) => SipFuzzTarget.Run(input);
}

/// <summary>Session descriptions.</summary>
public sealed class SessionDescriptionTarget : IFuzzTarget
{
    public string Name => "sdp";

    public IEnumerable<byte[]> Seeds =>
    [
        .. new[]
        {
            "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 49170 RTP/AVP 8 0 101\r\n"
                + "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
            "v=0\r\no=- 1 2 IN IP6 2001:db8::7\r\ns=call\r\nt=0 0\r\na=inactive\r\nm=video 0 RTP/AVP 31\r\nc=IN IP6 2001:db8::8\r\nm=audio 5004 RTP/AVP 0\r\n"
                + "c=IN IP6 2001:db8::7\r\na=rtcp:53020 IN IP6 2001:db8::9\r\na=sendonly\r\n",
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns= \r\nc=IN IP4 0.0.0.0\r\nb=AS:64\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\nm=audio 4002 RTP/AVP 18 8 96\r\n"
                + "a=rtpmap:96 telephone-event/8000\r\na=recvonly\r\nm=image 4004 udptl t38\r\n",
            "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
                + "m=audio 4000 RTP/AVP 8\r\n\r\n--b--\r\n",
            "v=0\no=- 1001 1 IN IP4\n\ny=0100000001\nf=v/////a/1/8/1\nc=IN IP4 media.example\nm=video 0 RTP/AVP\nm=audio 4000 RTP/AVP 8 0 101 96\n"
                + "a=rtpmap: 101 telephone-event/8000\na=X-vendor info 12\ne=me\nm=application 9 TCP/MSRP *\n",
            "--b\nContent-Type: multipart/alternative; boundary=\"i;j\"\n\n--i;j\nContent-Type: application/sdp\nContent-Transfer-Encoding: base64\n\n"
                + "dj0wDQpjPUlOIElQNCAxOTIuMC4yLjENCm09YXVkaW8gNDAwMCBSVFAvQVZQIDgNCg==\n--i;j\nContent-Transfer-Encoding: quoted-printable\n\nv=3D0\n"
                + "m=3Daudio 4000 RTP/AVP 0=\n 8\n--b\n\nv=0\nm=audio 9 RTP/AVP 0\n",
            "multipart/mixed; boundary=\"a b\"\r\n\r\npreamble\r\n--a b\r\nContent-Type: text/plain\r\nContent-Disposition: icon;\r\n handling=optional\r\n\r\n"
                + "x\r\n--a b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 8\r\nc=IN IP6 2001:db8::7\r\n--a b--\r\n",
        }.Select(Encoding.ASCII.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input) => SdpTarget.Run(input);
}

/// <summary>RTP, RTCP and WAV files; a byte before each datagram is its length.</summary>
public sealed class MediaTarget : IFuzzTarget
{
    public string Name => "rtp";

    public IEnumerable<byte[]> Seeds =>
    [
        // Audio, audio with extension and padding, a key in three packets.
        [.. Sized([0x80, 8, 0, 1, 0, 0, 0, 160, 0, 0, 0, 9, .. Silence(80)]),
            .. Sized([0xB1, 0x88, 0, 2, 0, 0, 1, 64, 0, 0, 0, 9, 1, 2, 3, 4, 0, 1, 0, 1, 5, 6, 7, 8, .. Silence(40), 0, 0, 0, 4])],
        [.. Sized([0x80, 0xE5, 0, 1, 0, 0, 0, 160, 0, 0, 0, 9, 5, 10, 0, 160]), .. Sized([0x80, 0x65, 0, 2, 0, 0, 0, 160, 0, 0, 0, 9, 5, 10, 1, 64]),
            .. Sized([0x80, 0x65, 0, 3, 0, 0, 0, 160, 0, 0, 0, 9, 5, 0x8A, 3, 32])],
        // Both laws and both numbers of events, a timestamp for each packet of a key, a timeline and a sequence that jump.
        [.. Sized([0x80, 8, 0, 1, 0, 0, 0, 160, 0, 0, 0, 9, .. Silence(80)]), .. Sized([0x80, 0, 0, 2, 0, 0, 1, 64, 0, 0, 0, 9, .. Silence(80)]),
            .. Sized([0x80, 0xE0, 0, 3, 0, 0, 2, 0, 0, 0, 0, 9, 5, 10, 0, 160]), .. Sized([0x80, 0x65, 0, 4, 0, 0, 2, 160, 0, 0, 0, 9, 5, 10, 1, 64]),
            .. Sized([0x80, 0x65, 0, 5, 0, 0, 3, 64, 0, 0, 0, 9, 5, 0x8A, 1, 64]), .. Sized([0x80, 0x65, 0, 6, 0xF0, 0, 3, 64, 0, 0, 0, 9, 5, 10, 0, 160]),
            .. Sized([0x80, 8, 0x80, 7, 0, 0, 0, 160, 0, 0, 0, 9, .. Silence(80)])],
        // A sender report with a description, a receiver report, a goodbye.
        [.. Sized([0x81, 200, 0, 12, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 1, 0, 0, 0, 0, 50, 0, 0, 31, 64, 0, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 99, 0, 0, 0,
            7, 1, 2, 3, 4, 0, 1, 0, 0]), .. Sized([0x81, 202, 0, 3, 0, 0, 0, 9, 1, 4, 97, 64, 98, 99, 0, 0]), .. Sized([0x81, 203, 0, 1, 0, 0, 0, 9])],
        // WAV: linear 16 bit stereo, and A-law with an extra chunk before the data.
        [.. "RIFF"u8, 52, 0, 0, 0, .. "WAVEfmt "u8, 16, 0, 0, 0, 1, 0, 2, 0, 0x44, 0xAC, 0, 0, 0x10, 0xB1, 2, 0, 4, 0, 16, 0, .. "data"u8, 16, 0, 0, 0, 1, 0, 2,
            0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0],
        [.. "RIFF"u8, 60, 0, 0, 0, .. "WAVEfmt "u8, 18, 0, 0, 0, 6, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x40, 0x1F, 0, 0, 1, 0, 8, 0, 0, 0, .. "LIST"u8, 4, 0, 0, 0,
            .. "INFO"u8, .. "data"u8, 8, 0, 0, 0, 0xD5, 0xD5, 0x55, 0x54, 0xD5, 0xD5, 0x55, 0x54],
    ];

    public void Run(ReadOnlySpan<byte> input) => RtpTarget.Run(input);

    private static byte[] Sized(byte[] datagram) => [(byte)datagram.Length, .. datagram];

    private static byte[] Silence(int bytes)
    {
        var silence = new byte[bytes];
        silence.AsSpan().Fill(0xD5);
        return silence;
    }
}
