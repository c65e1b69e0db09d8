using System.Buffers.Binary;
using System.Text;

namespace Cti.Acceptance.Infrastructure;

/// <summary>Sounds, G.711 and WAV files, written from the standards and not from the product.</summary>
internal static class Sound
{
    public const int ALaw = 6, MuLaw = 7, Pcm = 1;

    private static readonly byte[] NearestALaw = NearestOf(FromALaw), NearestMuLaw = NearestOf(FromMuLaw);

    /// <summary>Bytes in which every value occurs and no stretch repeats.</summary>
    public static byte[] Noise(int seed, int length, params byte[] without)
    {
        var random = new Random(seed);
        var bytes = new byte[length];
        for (var i = 0; i < length;)
        {
            var value = (byte)random.Next(256);
            if (!without.Contains(value)) bytes[i++] = value;
        }
        return bytes;
    }

    /// <summary>A tone that rises from 300 to 3000 Hz: unlike itself at every shift.</summary>
    public static short[] Rising(double seconds, int rate = 8000)
    {
        var samples = new short[(int)(seconds * rate)];
        for (var i = 0; i < samples.Length; i++)
        {
            var t = i / (double)rate;
            samples[i] = (short)(14_000 * Math.Sin(2 * Math.PI * ((300 * t) + (2700 / (2 * seconds) * t * t))));
        }
        return samples;
    }

    /// <summary>
    /// Silence before it (a recording begins a moment after its start was accepted) and after it (what a jitter buffer still holds when a key ends a recording
    /// is no part of it).
    /// </summary>
    public static short[] WithPause(short[] samples) => [.. new short[3200], .. samples, .. new short[4000]];

    public static byte[] ToALaw(short[] samples) => [.. samples.Select(static s => NearestALaw[s + 32768])];

    public static byte[] ToMuLaw(short[] samples) => [.. samples.Select(static s => NearestMuLaw[s + 32768])];

    /// <summary>G.711, table 1.</summary>
    public static short FromALaw(byte value)
    {
        var code = value ^ 0x55;
        var exponent = (code >> 4) & 7;
        var magnitude = ((code & 0x0F) << 4) + 8;
        if (exponent > 0) magnitude = (magnitude + 0x100) << (exponent - 1);
        return (short)((code & 0x80) != 0 ? magnitude : -magnitude);
    }

    /// <summary>G.711, table 2.</summary>
    public static short FromMuLaw(byte value)
    {
        var code = ~value & 0xFF;
        var magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84;
        return (short)((code & 0x80) != 0 ? -magnitude : magnitude);
    }

    /// <summary>Writes a WAV file, with so many bytes of 0 behind its data, which take no place on the disk; answers its name.</summary>
    public static string Write(string folder, string name, int format, byte[] data, int rate = 8000, int channels = 1, int silent = 0)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
        using var file = new BinaryWriter(File.Create(Path.Combine(folder, name)));
        var bits = format == Pcm ? 16 : 8;
        file.Write(Encoding.ASCII.GetBytes("RIFF"));
        file.Write(36 + data.Length + silent);
        file.Write(Encoding.ASCII.GetBytes("WAVEfmt "));
        file.Write(16);
        file.Write((short)format);
        file.Write((short)channels);
        file.Write(rate);
        file.Write(rate * channels * bits / 8);
        file.Write((short)(channels * bits / 8));
        file.Write((short)bits);
        file.Write(Encoding.ASCII.GetBytes("data"));
        file.Write(data.Length + silent);
        file.Write(data);
        file.Flush();
        file.BaseStream.SetLength(file.BaseStream.Length + silent);
        return name;
    }

    /// <summary>Reads a WAV file strictly: every length must be what is there.</summary>
    public static (int Format, short[] Samples, byte[] Data) Read(string file)
    {
        var bytes = File.ReadAllBytes(file);
        Encoding.ASCII.GetString(bytes, 0, 4).ShouldBe("RIFF");
        BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4)).ShouldBe(bytes.Length - 8, "the RIFF length of " + file);
        Encoding.ASCII.GetString(bytes, 8, 4).ShouldBe("WAVE");
        int format = 0, bits = 0;
        for (var at = 12; at + 8 <= bytes.Length;)
        {
            var kind = Encoding.ASCII.GetString(bytes, at, 4);
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4));
            (at + 8 + length).ShouldBeLessThanOrEqualTo(bytes.Length, $"the length of {kind} in {file}");
            if (kind == "fmt ")
            {
                format = BinaryPrimitives.ReadInt16LittleEndian(bytes.AsSpan(at + 8));
                bits = BinaryPrimitives.ReadInt16LittleEndian(bytes.AsSpan(at + 22));
                BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 12)).ShouldBe(8000);
            }
            if (kind == "data")
            {
                var data = bytes[(at + 8)..(at + 8 + length)];
                return (format, [.. data.Select(b => Sample(format, bits, b))], data);
            }
            at += 8 + length + (length & 1);
        }
        throw new ShouldAssertException(file + " has no data");
    }

    /// <summary>
    /// The share of a sound's pieces (of 20 ms: packets) that another holds, in their order, each with a correlation above 0.99. Unlike the correlation of the
    /// whole it does not fall to nothing when a loaded machine was once late and everything after it is shifted.
    /// </summary>
    public static double Share(short[] said, short[] heard, int pieceMillis = 20)
    {
        var length = pieceMillis * 8;
        int found = 0, pieces = 0, from = 0;
        for (var at = 0; at + length <= said.Length; at += length)
        {
            var piece = said.AsSpan(at, length);
            // Silence is like any silence.
            if (piece.IndexOfAnyExceptInRange((short)-200, (short)200) < 0) continue;
            pieces++;
            for (var to = from; to + length <= heard.Length; to++)
            {
                if (Normalised(piece, heard.AsSpan(to, length)) <= 0.99) continue;
                found++;
                from = to + length - 80;
                break;
            }
        }
        return pieces == 0 ? 0 : (double)found / pieces;
    }

    /// <summary>
    /// The share of what was heard, in another rate or with two channels, that is in what was said, in its order: pieces of 100 ms, each with a correlation
    /// above 0.9, as much as coding by a model leaves of a tone.
    /// </summary>
    public static double Alike(short[] heard, short[] said, int rate, int channels)
    {
        var step = rate / 8000 * channels;
        // Box filtered, which is enough for a tone below 3 kHz.
        short[] narrow = [.. Enumerable.Range(0, heard.Length / step).Select(i =>
            (short)Enumerable.Range(0, rate / 8000).Average(at => heard[(i * step) + (at * channels)]))];
        int found = 0, pieces = 0, from = 0;
        for (var at = 0; at + 800 <= narrow.Length; at += 800)
        {
            var piece = narrow.AsSpan(at, 800);
            if (piece.IndexOfAnyExceptInRange((short)-500, (short)500) < 0) continue;
            pieces++;
            for (var to = from; to + 800 <= said.Length; to++)
            {
                if (Normalised(piece, said.AsSpan(to, 800)) <= 0.9) continue;
                found++;
                from = to;
                break;
            }
        }
        return pieces == 0 ? 0 : (double)found / pieces;
    }

    /// <summary>What was said is there, nearly all of it; what is not is told.</summary>
    public static void ShouldBeHeard(short[] said, short[] heard)
    {
        var share = Share(said, heard);
        // Nearly all of it. Where the phone itself was late, what it said had gaps, which the node conceals: then more than half must be there all the same.
        var least = RtpEndpoint.TakeStalls() > 0 ? 0.6 : 0.85;
        if (share < least) throw new ShouldAssertException($"{share:P0} of what was said is there. {Shifts(said, heard)}");
    }

    /// <summary>Where each 20 ms of a sound are in another, as runs of equal shift: "+320×12, missing×1, +480×40".</summary>
    private static string Shifts(short[] said, short[] heard)
    {
        List<(string Shift, int Count)> runs = [];
        for (var at = 0; at + 160 <= said.Length; at += 160)
        {
            var best = 0.9;
            var place = "missing";
            for (var to = 0; to + 160 <= heard.Length; to++)
            {
                var here = Normalised(said.AsSpan(at, 160), heard.AsSpan(to, 160));
                if (here <= best) continue;
                best = here;
                place = "+" + (to - at);
            }
            if (runs.Count > 0 && runs[^1].Shift == place) runs[^1] = (place, runs[^1].Count + 1);
            else runs.Add((place, 1));
        }
        return $"{said.Length} samples said, {heard.Length} heard: " + string.Join(", ", runs.Select(static r => $"{r.Shift}×{r.Count}"));
    }

    private static double Normalised(ReadOnlySpan<short> a, ReadOnlySpan<short> b)
    {
        double ab = 0, aa = 0, bb = 0;
        for (var i = 0; i < a.Length; i++)
        {
            ab += (double)a[i] * b[i];
            aa += (double)a[i] * a[i];
            bb += (double)b[i] * b[i];
        }
        return aa == 0 || bb == 0 ? 0 : ab / Math.Sqrt(aa * bb);
    }

    private static short Sample(int format, int bits, byte value) => (format, bits) switch
    {
        (ALaw, 8) => FromALaw(value),
        (MuLaw, 8) => FromMuLaw(value),
        (Pcm, 8) => (short)((value - 128) << 8),
        _ => throw new ShouldAssertException($"WAV format {format} with {bits} bits"),
    };

    private static byte[] NearestOf(Func<byte, short> decode)
    {
        var codes = Enumerable.Range(0, 256).Select(static v => (byte)v).OrderBy(decode).ToArray();
        var table = new byte[65536];
        var at = 0;
        for (var sample = -32768; sample < 32768; sample++)
        {
            while (at + 1 < codes.Length && Math.Abs(decode(codes[at + 1]) - sample) <= Math.Abs(decode(codes[at]) - sample)) at++;
            table[sample + 32768] = codes[at];
        }
        return table;
    }
}
