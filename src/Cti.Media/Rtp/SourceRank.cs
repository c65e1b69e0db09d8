namespace Cti.Media.Rtp;

/// <summary>How much speaks for a source.</summary>
internal enum SourceRank
{
    /// <summary>Nothing: it is never heard.</summary>
    None,
    /// <summary>It is in the network of an address that SIP comes from.</summary>
    Neighbour,
    /// <summary>SIP comes from its address.</summary>
    SipSource,
    /// <summary>It is what was signalled.</summary>
    Signalled,
}
