namespace Cti.Persistence;

/// <summary>
/// A small file on the node's own disk that outlives the process: what the node must not forget while it cannot reach the journal's store. Its user makes one
/// call at a time. A failed or interrupted append may leave any part of its bytes behind; a replacement is there as a whole or not at all.
/// </summary>
public interface ISpoolFile
{
    /// <summary>All bytes, at most <paramref name="bytesMax"/> of them; empty where there is no file.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    ValueTask<ReadOnlyMemory<byte>> ReadAsync(int bytesMax);

    /// <summary>Adds bytes at the end; durable when it returns. Never on the caller's thread.</summary>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    ValueTask AppendAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>Replaces everything; durable when it returns. Never on the caller's thread.</summary>
    /// <exception cref="IOException">The disk is full or broken: what was there is there still.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    ValueTask ReplaceAsync(ReadOnlyMemory<byte> bytes);
}
