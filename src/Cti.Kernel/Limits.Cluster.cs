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
    /// Answered BYEs that a node keeps while it cannot write: new calls are refused meanwhile, so twice the calls that a node has by default.
    /// </summary>
    public const int ToldByesMax = 8_192;

    /// <summary>
    /// How long such a BYE is kept, in milliseconds: a day. A database that is away for longer was given up, and its calls have ended by their limits.
    /// </summary>
    public const long ToldByeMillis = 24 * 3600 * 1000L;

    /// <summary>
    /// Between the decision to play something and its first sound, in milliseconds, where much begins at once: the journal's commit and the loader. A new owner
    /// takes so much less for heard, so that nothing is left out.
    /// </summary>
    public const int SoundBeginsMillis = 500;
}
