namespace Cti.Kernel;

/// <summary>Bounds of a cluster.</summary>
public static partial class Limits
{
    /// <summary>A message between two nodes: the largest request (1 MiB) and what is around it.</summary>
    public const int LinkMessageBytes = 2 * 1024 * 1024;

    /// <summary>Bytes that wait for one peer; past it senders are refused: a second of a busy node's events.</summary>
    public const int LinkQueueBytes = 16 * 1024 * 1024;

    /// <summary>Commands that wait for resources on other nodes: every member of a full node's conferences and every party of its bridges asks once.</summary>
    public const int ResourceLettersMax = 16_384;

    /// <summary>
    /// Between the decision to play something and its first sound, in milliseconds, where much begins at once: the journal's commit and the loader. A new owner takes so much less
    /// for heard, so that nothing is left out.
    /// </summary>
    public const int SoundBeginsMillis = 500;
}
