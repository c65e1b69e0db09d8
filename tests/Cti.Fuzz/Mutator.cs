namespace Cti.Fuzz;

/// <summary>Makes inputs out of a corpus: what parsers trip over in practice, drawn by a seeded generator.</summary>
public sealed class Mutator
{
    private const int LengthMax = 64 * 1024;

    private static readonly byte[][] Interesting =
    [
        [0], [0xFF], [0x80], [0x7F], "\r\n"u8.ToArray(), "\r\n\r\n"u8.ToArray(), "\n"u8.ToArray(), " "u8.ToArray(), "\t"u8.ToArray(), "\""u8.ToArray(),
        "\\"u8.ToArray(),
        "<"u8.ToArray(), ">"u8.ToArray(), ";"u8.ToArray(), ","u8.ToArray(), ":"u8.ToArray(), "="u8.ToArray(), "@"u8.ToArray(), "%"u8.ToArray(),
        "%00"u8.ToArray(),
        "{"u8.ToArray(), "}"u8.ToArray(), "["u8.ToArray(), "]"u8.ToArray(), "${"u8.ToArray(), "0"u8.ToArray(), "-1"u8.ToArray(), "4294967296"u8.ToArray(),
        "2147483648"u8.ToArray(), "18446744073709551616"u8.ToArray(), "99999999999999999999999999"u8.ToArray(), "1e999"u8.ToArray(), [0xC3, 0x28],
        [0xED, 0xA0, 0x80],
        [0xEF, 0xBB, 0xBF], [0xF0, 0x9F, 0x98, 0x80], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0], [0x7F, 0xFF, 0xFF, 0xFF],
    ];

    private readonly IReadOnlyList<byte[]> _corpus;
    private readonly Random _random;

    public Mutator(IReadOnlyList<byte[]> corpus, int seed)
    {
        if (corpus.Count == 0) throw new ArgumentException("a target needs at least one seed", nameof(corpus));
        _corpus = corpus;
        _random = new Random(seed);
    }

    public byte[] Next()
    {
        List<byte> data = [.. _corpus[_random.Next(_corpus.Count)]];
        // Mostly a few changes, so that the input stays nearly valid and reaches deep; sometimes many.
        var changes = _random.Next(10) == 0 ? _random.Next(1, 64) : _random.Next(1, 5);
        for (; changes > 0; changes--) Change(data);
        if (data.Count > LengthMax) data.RemoveRange(LengthMax, data.Count - LengthMax);
        return [.. data];
    }

    private void Change(List<byte> data)
    {
        switch (_random.Next(10))
        {
            case 0 when data.Count > 0:
                data[_random.Next(data.Count)] ^= (byte)(1 << _random.Next(8));
                break;
            case 1 when data.Count > 0:
                data[_random.Next(data.Count)] = (byte)_random.Next(256);
                break;
            case 2:
                data.InsertRange(_random.Next(data.Count + 1), Interesting[_random.Next(Interesting.Length)]);
                break;
            case 3 when data.Count > 0:
                var (from, count) = Range(data.Count);
                data.RemoveRange(from, count);
                break;
            case 4 when data.Count > 0:
                (from, count) = Range(data.Count);
                data.InsertRange(_random.Next(data.Count + 1), data.GetRange(from, count));
                break;
            case 5 when data.Count > 0:
                var cut = _random.Next(data.Count);
                data.RemoveRange(cut, data.Count - cut);
                break;
            case 6:
                var other = _corpus[_random.Next(_corpus.Count)];
                if (other.Length == 0) break;
                (from, count) = Range(other.Length);
                data.InsertRange(_random.Next(data.Count + 1), other.AsSpan(from, count).ToArray());
                break;
            case 7 when data.Count > 0:
                (from, count) = Range(Math.Min(data.Count, 32));
                var repeated = data.GetRange(from, count);
                var at = _random.Next(data.Count + 1);
                for (var n = _random.Next(1, 200); n > 0 && data.Count < LengthMax; n--) data.InsertRange(at, repeated);
                break;
            case 8 when data.Count > 0:
                NudgeDigit(data);
                break;
            case 9 when data.Count > 0:
                var replacement = Interesting[_random.Next(Interesting.Length)];
                var place = _random.Next(data.Count);
                for (var i = 0; i < replacement.Length && place + i < data.Count; i++) data[place + i] = replacement[i];
                break;
        }
    }

    private (int From, int Count) Range(int length)
    {
        var from = _random.Next(length);
        return (from, _random.Next(1, Math.Min(length - from, 64) + 1));
    }

    /// <summary>Lengths and counters are digits: changing one keeps everything else valid.</summary>
    private void NudgeDigit(List<byte> data)
    {
        var start = _random.Next(data.Count);
        for (var i = 0; i < data.Count; i++)
        {
            var at = (start + i) % data.Count;
            if (data[at] is < (byte)'0' or > (byte)'9') continue;
            data[at] = (byte)('0' + _random.Next(10));
            return;
        }
    }
}
