using Cti.Kernel;

namespace Cti.Testing;

/// <summary>Randomness that a seed repeats (SplitMix64): independent of the framework's own generator, so a seed means the same for ever.</summary>
public sealed class SeededRandom(ulong seed) : IRandom
{
    private ulong _state = seed;

    /// <summary>An independent stream of its own: what one part of the world draws does not move what another draws.</summary>
    public SeededRandom Fork() => new(NextUInt64());

    public ulong NextUInt64()
    {
        _state += 0x9E3779B97F4A7C15;
        var mixed = _state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>A number in 0..<paramref name="bound"/>-1.</summary>
    public int Next(int bound) => (int)(NextUInt64() % (uint)bound);

    /// <summary>A number in <paramref name="from"/>..<paramref name="to"/>, both included.</summary>
    public int Between(int from, int to) => from + Next(to - from + 1);

    /// <summary>True in <paramref name="percent"/> of a hundred cases.</summary>
    public bool Chance(int percent) => Next(100) < percent;

    /// <summary>One of them.</summary>
    public T Pick<T>(params ReadOnlySpan<T> items) => items[Next(items.Length)];

    public void Fill(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var bits = NextUInt64();
            var count = Math.Min(8, buffer.Length);
            for (var i = 0; i < count; i++) buffer[i] = (byte)(bits >> (8 * i));
            buffer = buffer[count..];
        }
    }
}
