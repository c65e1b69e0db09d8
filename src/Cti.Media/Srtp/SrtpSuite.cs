namespace Cti.Media.Srtp;

/// <summary>What protects RTP and RTCP: cipher, authentication and the lengths of both.</summary>
public enum SrtpSuite
{
    /// <summary>AES in counter mode, HMAC-SHA1 of which 80 bits are sent (RFC 3711; AES_CM_128_HMAC_SHA1_80).</summary>
    AesCm80,
    /// <summary>As that, but of RTP's tag 32 bits are sent (AES_CM_128_HMAC_SHA1_32).</summary>
    AesCm32,
    /// <summary>AES-GCM with a key of 128 bits (RFC 7714; AEAD_AES_128_GCM).</summary>
    AesGcm128,
    /// <summary>AES-GCM with a key of 256 bits (RFC 7714; AEAD_AES_256_GCM).</summary>
    AesGcm256,
}

/// <summary>The lengths of the suites, in bytes.</summary>
internal static class SrtpSuites
{
    /// <summary>What protecting adds to an RTP packet at most.</summary>
    public const int RtpOverheadBytesMax = 16;

    extension(SrtpSuite suite)
    {
        public bool IsGcm => suite is SrtpSuite.AesGcm128 or SrtpSuite.AesGcm256;

        public int KeyBytes => suite == SrtpSuite.AesGcm256 ? 32 : 16;

        public int SaltBytes => suite.IsGcm ? 12 : 14;

        /// <summary>Of RTP's tag; RTCP's is never cut to 32 bits (RFC 4568 section 6.2.2).</summary>
        public int RtpTagBytes => suite.IsGcm ? 16 : suite == SrtpSuite.AesCm32 ? 4 : 10;

        public int RtcpTagBytes => suite.IsGcm ? 16 : 10;
    }
}
