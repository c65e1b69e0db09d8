namespace Cti.Cluster.Membership;

/// <summary>What members say to each other over their links: one byte each.</summary>
internal static class ControlMessages
{
    /// <summary>Asks whether the receiver reaches the database.</summary>
    public const byte AskAccess = 1;
    /// <summary>Says that the sender reaches it.</summary>
    public const byte HaveAccess = 2;
    /// <summary>Says that the sender takes the receiver for dead.</summary>
    public const byte PutOut = 3;
}
