using Cti.Kernel;

namespace Cti.Media.Rtp;

/// <summary>The random numbers a session starts from (RFC 3550 section 5.1: unpredictable).</summary>
/// <param name="Ssrc">Our synchronisation source.</param>
/// <param name="Sequence">
/// The first sequence number. Drawn below 2^15: where the stream is protected the far end has to notice the end of the first cycle (RFC 3711 section 3.3.1).
/// </param>
/// <param name="Timestamp">The first timestamp.</param>
/// <param name="Spread">Spreads RTCP reports over time.</param>
/// <param name="CanonicalName">CNAME of RTCP SDES: random, at most 64 characters (RFC 7022).</param>
public readonly record struct MediaSessionSeed(uint Ssrc, ushort Sequence, uint Timestamp, ulong Spread, string CanonicalName)
{
    /// <summary>Draws one.</summary>
    public static MediaSessionSeed Draw(IRandom random)
    {
        var bits = random.NextUInt64();
        return new MediaSessionSeed((uint)bits, (ushort)(bits >> 32 & 0x7FFF), (uint)random.NextUInt64(), random.NextUInt64(),
            random.NextHex(12));
    }
}
