namespace Cti.Persistence.Memory;

/// <summary>A spool in memory: what a simulated node's disk keeps when its process dies.</summary>
public sealed class MemorySpoolFile : ISpoolFile
{
    private readonly Lock _gate = new();
    private byte[] _bytes = [];

    /// <summary>What it has.</summary>
    public ReadOnlyMemory<byte> Content
    {
        get
        {
            lock (_gate) return _bytes;
        }
        set
        {
            lock (_gate) _bytes = value.ToArray();
        }
    }

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(int bytesMax) => new(Content[..Math.Min(bytesMax, Content.Length)]);

    /// <inheritdoc/>
    public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes)
    {
        lock (_gate) _bytes = [.. _bytes, .. bytes.Span];
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask ReplaceAsync(ReadOnlyMemory<byte> bytes)
    {
        Content = bytes;
        return ValueTask.CompletedTask;
    }
}
