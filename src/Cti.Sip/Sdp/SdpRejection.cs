namespace Cti.Sip.Sdp;

/// <summary>Why a text is not a usable session description: the answer is 400, or 488 where it is about what is offered.</summary>
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
    /// <summary>More media descriptions than <see cref="Cti.Kernel.Limits.SdpMediaMax"/>.</summary>
    TooManyMedia,
    /// <summary>A media description with more formats than <see cref="Cti.Kernel.Limits.SdpFormatsMax"/>.</summary>
    TooManyFormats,
    /// <summary>A line that is not letter, "=", text; or a NUL or lone CR in it.</summary>
    BadLine,
    /// <summary>A type letter that RFC 8866 does not have: such a description must be ignored as a whole (section 5).</summary>
    UnknownType,
    /// <summary>A line where it may not stand, or a second one of a kind that comes once.</summary>
    BadOrder,
    /// <summary>The first line is not v=0.</summary>
    BadVersion,
    /// <summary>No o= line.</summary>
    MissingOrigin,
    /// <summary>An o= line that is not six fields with numeric ids and an IP4 or IP6 address.</summary>
    BadOrigin,
    /// <summary>A c= line that is not three fields with an IP4 or IP6 address.</summary>
    BadConnection,
    /// <summary>A t= line that is not two numbers.</summary>
    BadTiming,
    /// <summary>An m= line that is not kind, port, protocol, formats.</summary>
    BadMedia,
    /// <summary>A port that is not 0..65535.</summary>
    BadPort,
    /// <summary>An a= line without a name.</summary>
    BadAttribute,
    /// <summary>A media description that is switched on and has no c= at either level.</summary>
    MissingConnection,
}
