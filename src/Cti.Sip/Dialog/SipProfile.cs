namespace Cti.Sip.Dialog;

/// <summary>What is asked of far ends, and granted to them, beyond RFC 3261.</summary>
public sealed record SipProfile
{
    /// <summary>Whether provisional responses are reliable (RFC 3262).</summary>
    public ReliableProvisionals Reliable { get; init; } = ReliableProvisionals.Supported;

    /// <summary>Session timers (RFC 4028).</summary>
    public SessionTimerRules Timer { get; init; } = new();
}
