namespace Cti.Media.Rtp;

/// <summary>Why a datagram was not used.</summary>
public enum DropReason
{
    /// <summary>Shorter than its own header says.</summary>
    Truncated,
    /// <summary>Not version 2 (RFC 3550 section 5.1).</summary>
    BadVersion,
    /// <summary>The padding count is zero or longer than the payload.</summary>
    BadPadding,
    /// <summary>No payload.</summary>
    Empty,
    /// <summary>A payload type that was not agreed.</summary>
    UnknownPayloadType,
    /// <summary>From an address that is not the far end's.</summary>
    ForeignSource,
    /// <summary>Before anything was negotiated, or while receiving is not.</summary>
    NotReceiving,
    /// <summary>A telephone-event shorter than 4 bytes, or an event that is not a key.</summary>
    BadEvent,
    /// <summary>Too late for the jitter buffer.</summary>
    Late,
    /// <summary>Seen before.</summary>
    Duplicate,
    /// <summary>A malformed RTCP compound (RFC 3550 appendix A.2).</summary>
    BadRtcp,
    /// <summary>Of a session with SRTP: its tag is not that of its content (RFC 3711 section 4.2), or it is of another source.</summary>
    NotAuthentic,
    /// <summary>It came while this process could not know whether the calls are still its own.</summary>
    Muted,
}
