using Cti.Sip.Message;

namespace Cti.Transport.Sip;

/// <summary>What stands next in a stream.</summary>
internal enum StreamPart
{
    /// <summary>Nothing that is whole.</summary>
    Nothing,
    /// <summary>Line ends that ask nothing.</summary>
    LineEnds,
    /// <summary>Two line ends: whether anybody is there (RFC 5626 section 3.5.1).</summary>
    Ping,
    /// <summary>A message, or what is to be refused as one.</summary>
    Message,
}

/// <summary>
/// Cuts what a stream brings into messages and keep-alives. It does not matter in which pieces it comes: a record of TLS, a segment of TCP and a byte are the
/// same. What is not used is to be given again with what comes behind it; it is never longer than a message may be.
/// </summary>
internal struct SipStreamCutter
{
    private int _lineEnds;

    /// <summary>Takes the next part.</summary>
    /// <param name="bytes">What has come and was not used.</param>
    /// <param name="used">How many of them it took.</param>
    /// <param name="result">Of a message.</param>
    public StreamPart Next(ReadOnlySpan<byte> bytes, out int used, out SipParseResult result)
    {
        result = default;
        used = 0;
        if (bytes.Length >= 2 && bytes[0] == '\r' && bytes[1] == '\n')
        {
            used = 2;
            if (++_lineEnds < 2) return StreamPart.LineEnds;
            _lineEnds = 0;
            return StreamPart.Ping;
        }
        if (bytes.IsEmpty) return StreamPart.Nothing;
        result = SipParser.ParseStream(bytes);
        if (result.Outcome == SipParseOutcome.NeedMore) return StreamPart.Nothing;
        used = result.Consumed;
        _lineEnds = 0;
        return StreamPart.Message;
    }
}
