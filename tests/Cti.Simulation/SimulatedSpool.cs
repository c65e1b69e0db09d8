using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>
/// A node's own disk, which its next process finds: a write takes a while, and one that its process dies in leaves any part of an append behind.
/// </summary>
internal sealed class SimulatedSpool(MemorySpoolFile disk, NodeProcess process, SeededRandom random, Action writes) : ISpoolFile
{
    private const int WriteMillisMax = 40;

    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(int bytesMax) => disk.ReadAsync(bytesMax);

    public async ValueTask AppendAsync(ReadOnlyMemory<byte> bytes)
    {
        writes();
        var before = disk.Content;
        await process.DelayAsync(random.Next(WriteMillisMax));
        await disk.AppendAsync(bytes[..random.Next(bytes.Length + 1)]);
        await process.DelayAsync(random.Next(WriteMillisMax));
        disk.Content = (byte[])[.. before.Span, .. bytes.Span];
    }

    public async ValueTask ReplaceAsync(ReadOnlyMemory<byte> bytes)
    {
        await process.DelayAsync(random.Next(WriteMillisMax));
        await disk.ReplaceAsync(bytes);
    }
}
