namespace Cti.Sip.Message;

/// <summary>Why bytes are not taken as a SIP message; the counter of each is what operators see.</summary>
public enum SipRejection
{
    /// <summary>Not rejected.</summary>
    None,
    /// <summary>Nothing but line ends: a keep-alive.</summary>
    Empty,
    /// <summary>The first line is neither a request line nor a status line.</summary>
    BadStartLine,
    /// <summary>The request line's URI is malformed, in angle brackets, holds white space or header components.</summary>
    BadRequestUri,
    /// <summary>Another version than SIP/2.0.</summary>
    BadVersion,
    /// <summary>A status outside 100..699.</summary>
    BadStatus,
    /// <summary>The empty line after the header fields is missing in a datagram.</summary>
    Unterminated,
    /// <summary>More header fields than allowed.</summary>
    TooManyHeaders,
    /// <summary>More bytes than allowed.</summary>
    TooLarge,
    /// <summary>Content-Length is not a number, or there are several that differ.</summary>
    BadContentLength,
    /// <summary>A stream's message without Content-Length.</summary>
    NoContentLength,
    /// <summary>A datagram ends before its body does.</summary>
    ShortBody,
    /// <summary>Via, From, To, Call-ID or CSeq is missing.</summary>
    MissingHeader,
    /// <summary>From, To, Call-ID or CSeq stands twice and says two things.</summary>
    RepeatedHeader,
    /// <summary>A header field that the message cannot do without is malformed or out of range.</summary>
    BadHeaderValue,
    /// <summary>The method of CSeq is not that of the request.</summary>
    MethodMismatch,
}

/// <summary>What a parser found.</summary>
public enum SipParseOutcome
{
    /// <summary>A whole message.</summary>
    Message,
    /// <summary>The stream has to bring more; nothing was consumed.</summary>
    NeedMore,
    /// <summary>Not an acceptable message.</summary>
    Rejected,
}

/// <summary>One of three outcomes of a parser.</summary>
/// <param name="Outcome">Which.</param>
/// <param name="Message">The message; of a rejected one as much as could be read, where that is enough to answer it; else null.</param>
/// <param name="Consumed">Bytes to take off the stream, 0 while more is needed.</param>
/// <param name="Rejection">Why it was rejected.</param>
/// <param name="Status">The status to answer a rejected request with, 0 to drop it.</param>
/// <param name="IsFatal">Where the next message begins is unknown: the stream has to be closed.</param>
public readonly record struct SipParseResult(SipParseOutcome Outcome, SipMessage? Message, int Consumed,
    SipRejection Rejection = SipRejection.None, int Status = 0, bool IsFatal = false);
