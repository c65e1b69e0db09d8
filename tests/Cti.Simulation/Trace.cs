using System.Globalization;

namespace Cti.Simulation;

/// <summary>
/// Everything that happened in a run, as a running hash (FNV-1a): two runs of one seed that differ anywhere differ in it. The lines themselves are kept
/// where someone wants to read them, else only the last ones.
/// </summary>
internal sealed class Trace(Func<long> nowMillis, bool keepAll)
{
    private const int TailMax = 60;
    private readonly Queue<string> _lines = new();

    /// <summary>The hash so far.</summary>
    public ulong Hash { get; private set; } = 14695981039346656037;

    /// <summary>How many lines went in.</summary>
    public long Count { get; private set; }

    public IEnumerable<string> Lines => _lines;

    public void Add(string line) => Add(line, []);

    /// <summary>Adds a line; <paramref name="detail"/> goes into the hash only.</summary>
    public void Add(string line, ReadOnlySpan<byte> detail)
    {
        Count++;
        var text = string.Create(CultureInfo.InvariantCulture, $"{nowMillis(),8} {line}");
        foreach (var letter in text) Mix(letter);
        foreach (var part in detail) Mix(part);
        _lines.Enqueue(text);
        if (!keepAll && _lines.Count > TailMax) _lines.Dequeue();
    }

    private void Mix(uint value) => Hash = (Hash ^ value) * 1099511628211;
}
