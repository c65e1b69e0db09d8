namespace Cti.Sip.Dialog;

/// <summary>Whether provisional responses are reliable (RFC 3262), either way.</summary>
public enum ReliableProvisionals
{
    /// <summary>Neither asked for nor given: an INVITE that requires it gets 420.</summary>
    Off,
    /// <summary>Our INVITEs list it, and a caller that requires it gets it.</summary>
    Supported,
    /// <summary>Our INVITEs require it; a caller that lists it gets it, one that does not gets 421.</summary>
    Required,
}
