using System.Runtime.InteropServices;

namespace Cti.Acceptance.Infrastructure;

/// <summary>One direction of SRTP by libsrtp, so that the product is not tried against itself. Not for use by several threads at once.</summary>
internal sealed unsafe partial class LibSrtp : IDisposable
{
    /// <summary>What protecting adds at most.</summary>
    public const int OverheadBytes = 16 + 128;

    private const string Library = "libsrtp2.so.1";

    // The layout of srtp_policy_t, which every 2.x has.
    private const int PolicyBytes = 128, RtpAt = 8, RtcpAt = 32, KeyAt = 56, WindowAt = 88;
    private const int AnyInbound = 2, AnyOutbound = 3;

    private static readonly int Begun = srtp_init();

    private nint _session;

    /// <param name="suite">AES_CM_128_HMAC_SHA1_80 or _32.</param>
    /// <param name="keyAndSalt">30 bytes in base64.</param>
    /// <param name="isSending">Whether it protects; else it opens.</param>
    public LibSrtp(string suite, string keyAndSalt, bool isSending)
    {
        if (Begun != 0) throw new InvalidOperationException($"libsrtp does not begin: {Begun}");
        var policy = stackalloc byte[PolicyBytes];
        new Span<byte>(policy, PolicyBytes).Clear();
        *(int*)policy = isSending ? AnyOutbound : AnyInbound;
        if (suite.EndsWith("_32", StringComparison.Ordinal)) srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(policy + RtpAt);
        else srtp_crypto_policy_set_rtp_default(policy + RtpAt);
        srtp_crypto_policy_set_rtp_default(policy + RtcpAt);
        var key = Convert.FromBase64String(keyAndSalt);
        if (key.Length != 30) throw new ArgumentException($"key and salt have 30 bytes, not {key.Length}", nameof(keyAndSalt));
        fixed (byte* at = key)
        {
            *(byte**)(policy + KeyAt) = at;
            *(nuint*)(policy + WindowAt) = 128;
            var error = srtp_create(out _session, policy);
            if (error != 0) throw new InvalidOperationException($"libsrtp takes no key: {error}");
        }
    }

    /// <summary>Protects the packet at the beginning of a buffer; answers its length.</summary>
    public int Protect(byte[] buffer, int length)
    {
        fixed (byte* at = buffer)
        {
            var error = srtp_protect(_session, at, ref length);
            return error == 0 ? length : throw new InvalidOperationException($"libsrtp does not protect: {error}");
        }
    }

    /// <summary>Opens the packet at the beginning of a buffer; answers its length, 0 where it is not authentic or was there before.</summary>
    public int Open(byte[] buffer, int length)
    {
        fixed (byte* at = buffer) return srtp_unprotect(_session, at, ref length) == 0 ? length : 0;
    }

    public void Dispose()
    {
        if (_session != 0) _ = srtp_dealloc(_session);
        _session = 0;
    }

    [LibraryImport(Library)]
    private static partial int srtp_init();

    [LibraryImport(Library)]
    private static partial int srtp_create(out nint session, byte* policy);

    [LibraryImport(Library)]
    private static partial int srtp_dealloc(nint session);

    [LibraryImport(Library)]
    private static partial int srtp_protect(nint session, byte* packet, ref int length);

    [LibraryImport(Library)]
    private static partial int srtp_unprotect(nint session, byte* packet, ref int length);

    [LibraryImport(Library)]
    private static partial void srtp_crypto_policy_set_rtp_default(byte* policy);

    [LibraryImport(Library)]
    private static partial void srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(byte* policy);
}
