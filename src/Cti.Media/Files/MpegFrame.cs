using System.Buffers.Binary;
using Cti.Media.Codecs;

namespace Cti.Media.Files;

/// <summary>The header of an MPEG audio frame, layer III (ISO 11172-3, ISO 13818-3 and the 2.5 that lower rates use).</summary>
internal static class MpegFrame
{
    private static readonly int[] Kilobits1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0];
    private static readonly int[] Kilobits2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0];
    private static readonly int[] Rates = [44_100, 48_000, 32_000, 0];

    /// <summary>Octets of the frame, its header included; 0 when the four octets begin none.</summary>
    public static int Length(uint header)
    {
        if (!IsFrame(header)) return 0;
        var isFirst = Version(header) == 3;
        var kilobits = (isFirst ? Kilobits1 : Kilobits2)[(header >> 12) & 15];
        var rate = Rate(header);
        return kilobits == 0 || rate == 0 ? 0 : ((isFirst ? 144_000 : 72_000) * kilobits / rate) + (int)((header >> 9) & 1);
    }

    /// <summary>Samples a second; 0 when the value is reserved.</summary>
    public static int Rate(uint header) => Rates[(header >> 10) & 3] >> (Version(header) switch { 3 => 0, 2 => 1, _ => 2 });

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

    /// <summary>
    /// How much of what is no sound may stand before the first frame: writers pad with zeros, and what is cut out of a stream begins anywhere.
    /// </summary>
    private const int JunkMax = 1024 * 1024;

    private const int TagHeaderBytes = 10;

    /// <summary>
    /// Where the first frame begins, behind tags (ID3v2), zeros and junk; -1 where there is none. A frame counts where another one like it follows, or the end.
    /// </summary>
    public static int IndexOfFirst(ReadOnlySpan<byte> file)
    {
        var from = BehindTags(file);
        var last = Math.Min(file.Length - sizeof(uint), from + JunkMax);
        for (var at = from; at <= last; at++)
        {
            var skipped = file[at..(last + 1)].IndexOf((byte)0xFF);
            if (skipped < 0) return -1;
            at += skipped;
            if (IsFollowed(file[at..])) return at;
        }
        return -1;
    }

    private static bool IsFollowed(ReadOnlySpan<byte> at)
    {
        var header = BinaryPrimitives.ReadUInt32BigEndian(at);
        var length = Length(header);
        if (length == 0 || length > at.Length) return false;
        var next = at[length..];
        if (next.Length < sizeof(uint) || next.StartsWith("TAG"u8)) return true;
        var following = BinaryPrimitives.ReadUInt32BigEndian(next);
        return Length(following) > 0 && Version(following) == Version(header) && Rate(following) == Rate(header);
    }

    /// <summary>Where the tags before the sound end (ID3v2, section 3.1: the size has seven bits an octet); 0 where there is none.</summary>
    private static int BehindTags(ReadOnlySpan<byte> file)
    {
        var at = 0;
        while (file[at..] is { Length: >= TagHeaderBytes } tag && tag.StartsWith("ID3"u8) && ((tag[6] | tag[7] | tag[8] | tag[9]) & 0x80) == 0)
        {
            var footer = (tag[5] & 0x10) != 0 ? TagHeaderBytes : 0;
            var size = TagHeaderBytes + (tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]) + footer;
            if (size > tag.Length) break;
            at += size;
        }
        return at;
    }

    private static uint Version(uint header) => (header >> 19) & 3;

    private static bool IsFrame(uint header) => header >> 21 == 0x7FF && Version(header) != 1 && ((header >> 17) & 3) == 1;
}
