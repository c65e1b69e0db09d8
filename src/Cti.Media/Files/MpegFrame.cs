using System.Buffers.Binary;

namespace Cti.Media.Files;

/// <summary>The header of an MPEG audio frame, layer III (ISO 11172-3, ISO 13818-3 and the 2.5 that lower rates use).</summary>
internal static class MpegFrame
{
    private static readonly int[] s_kilobits1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0];
    private static readonly int[] s_kilobits2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0];
    private static readonly int[] s_rates = [44_100, 48_000, 32_000, 0];

    /// <summary>Octets of the frame, its header included; 0 when the four octets begin none.</summary>
    public static int Length(uint header)
    {
        if (!IsFrame(header)) return 0;
        var isFirst = Version(header) == 3;
        var kilobits = (isFirst ? s_kilobits1 : s_kilobits2)[(header >> 12) & 15];
        var rate = Rate(header);
        return kilobits == 0 || rate == 0 ? 0 : ((isFirst ? 144_000 : 72_000) * kilobits / rate) + (int)((header >> 9) & 1);
    }

    /// <summary>Samples a second; 0 when the value is reserved.</summary>
    public static int Rate(uint header) => s_rates[(header >> 10) & 3] >> (Version(header) switch { 3 => 0, 2 => 1, _ => 2 });

    /// <summary>1 or 2.</summary>
    public static int Channels(uint header) => ((header >> 6) & 3) == 3 ? 1 : 2;

    /// <summary>How much of a file of our own, where all frames have 8 kHz and one length, is whole frames.</summary>
    /// <param name="start">Its first octets.</param>
    /// <param name="length">Its length, in octets.</param>
    /// <param name="whole">Octets of whole frames.</param>
    /// <param name="channels">1 or 2.</param>
    /// <returns>False when it is none.</returns>
    public static bool TryWhole(ReadOnlySpan<byte> start, long length, out long whole, out int channels)
    {
        (whole, channels) = (0, 0);
        if (!BinaryPrimitives.TryReadUInt32BigEndian(start, out var header)) return false;
        var frame = Length(header);
        if (frame == 0 || Rate(header) != Audio.Rate) return false;
        whole = length - (length % frame);
        channels = Channels(header);
        return true;
    }

    private static uint Version(uint header) => (header >> 19) & 3;

    private static bool IsFrame(uint header) => header >> 21 == 0x7FF && Version(header) != 1 && ((header >> 17) & 3) == 1;
}
