using System.Buffers;
using System.Buffers.Text;

namespace Cti.Actors.Feeds;

/// <summary>
/// A place in an application's feed: the last position seen of every instance. Opaque to applications; as text
/// base64url( version, count, lowest position, then each position's distance from the lowest ), all but the version as LEB128 numbers:
/// instances fill evenly, so a distance takes a byte or two.
/// </summary>
internal static class FeedCursor
{
    private const byte Version = 1;
    private const int NumberBytesMax = 10;

    internal static string Encode(ReadOnlySpan<long> positions)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(1 + (NumberBytesMax * (positions.Length + 2)));
        var lowest = long.MaxValue;
        foreach (var position in positions) lowest = Math.Min(lowest, position);
        buffer[0] = Version;
        var length = 1;
        Put(buffer, ref length, (ulong)positions.Length);
        Put(buffer, ref length, (ulong)lowest);
        foreach (var position in positions) Put(buffer, ref length, (ulong)(position - lowest));
        var text = Base64Url.EncodeToString(buffer.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(buffer);
        return text;
    }

    /// <summary>Null, with the reason, for everything that <see cref="Encode"/> does not write for this number of instances.</summary>
    internal static long[]? Decode(string text, int instanceCount, out string reason)
    {
        reason = "not a cursor of this server";
        if (text.Length > 2 * NumberBytesMax * (instanceCount + 3) || !Base64Url.IsValid(text)) return null;
        var bytes = Base64Url.DecodeFromChars(text);
        if (bytes.Length == 0) return null;
        if (bytes[0] != Version)
        {
            reason = $"a cursor of version {bytes[0]}, not {Version}";
            return null;
        }
        var at = 1;
        if (!Take(bytes, ref at, out var count)) return null;
        if (count != (ulong)instanceCount)
        {
            reason = "a cursor of a cluster with another number of instances";
            return null;
        }
        if (!Take(bytes, ref at, out var lowest)) return null;
        var positions = new long[instanceCount];
        for (var i = 0; i < instanceCount; i++)
        {
            if (!Take(bytes, ref at, out var distance) || distance > long.MaxValue - lowest) return null;
            positions[i] = (long)(lowest + distance);
        }
        // One place has one text: trailing bytes and padded numbers are somebody's tampering.
        return at == bytes.Length && Encode(positions) == text ? positions : null;
    }

    private static void Put(byte[] buffer, ref int at, ulong value)
    {
        for (; value >= 0x80; value >>= 7) buffer[at++] = (byte)(value | 0x80);
        buffer[at++] = (byte)value;
    }

    // Numbers above 2^63 - 1 have no place in a cursor: nine bytes of seven bits hold the rest.
    private static bool Take(ReadOnlySpan<byte> bytes, ref int at, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 63; shift += 7)
        {
            if (at == bytes.Length) return false;
            var next = bytes[at++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80) return true;
        }
        return false;
    }
}
