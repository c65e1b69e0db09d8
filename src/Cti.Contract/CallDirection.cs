namespace Cti.Contract;

/// <summary>Who called whom.</summary>
public enum CallDirection
{
    /// <summary>They called us.</summary>
    Inbound,
    /// <summary>We called them.</summary>
    Outbound,
}
