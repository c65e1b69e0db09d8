namespace Cti.Sip.Sdp;

/// <summary>Why a text is no session description: the answer is 400. What is odd in one that is read shows in what comes of the offer.</summary>
public enum SdpRejection
{
    /// <summary>It is one.</summary>
    None,
    /// <summary>Nothing in it.</summary>
    Empty,
    /// <summary>More bytes than <see cref="Cti.Kernel.Limits.SdpBytesMax"/>.</summary>
    TooLarge,
    /// <summary>More lines than <see cref="Cti.Kernel.Limits.SdpLinesMax"/>.</summary>
    TooManyLines,
    /// <summary>More media descriptions than <see cref="Cti.Kernel.Limits.SdpMediaMax"/>: the answer would have to name each.</summary>
    TooManyMedia,
    /// <summary>Neither v=0 nor a media description, or another version.</summary>
    BadVersion,
}
