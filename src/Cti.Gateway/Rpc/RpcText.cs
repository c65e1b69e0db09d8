using System.Text.Json;
using System.Text.Unicode;
using Cti.Kernel;

namespace Cti.Gateway.Rpc;

/// <summary>Looks a whole JSON-RPC text through before anything in it is carried out.</summary>
internal static class RpcText
{
    /// <summary>
    /// The text without the byte order mark that some editors and serialisers put before it, which RFC 8259 section 8.1 lets a reader pass over.
    /// </summary>
    internal static ReadOnlyMemory<byte> WithoutMark(ReadOnlyMemory<byte> utf8) => utf8.Span.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8;

    /// <summary>
    /// Checks that the text is one JSON value and finds its requests: one, or a batch's. Answers null, or -32700 (no JSON), or -32600 (an empty batch).
    /// </summary>
    internal static RpcError? Scan(ReadOnlySpan<byte> utf8, List<Range> elements, out bool isBatch)
    {
        isBatch = false;
        elements.Clear();
        if (!Utf8.IsValid(utf8)) return ParseError("not valid UTF-8");
        try
        {
            var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = Limits.JsonDepthMax });
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartArray)
            {
                isBatch = true;
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) AddElement(ref reader, elements);
            }
            else
            {
                AddElement(ref reader, elements);
            }
            // Anything but white space after the value is an error that this read reports.
            reader.Read();
        }
        catch (JsonException e)
        {
            return ParseError($"not well-formed JSON at byte {e.BytePositionInLine ?? 0} of line {(e.LineNumber ?? 0) + 1} (nesting is at most "
                + $"{Limits.JsonDepthMax} deep)");
        }
        return isBatch && elements.Count == 0 ? new RpcError(ErrorCodes.InvalidRequest, "a batch must have at least one request") : null;
    }

    private static void AddElement(ref Utf8JsonReader reader, List<Range> elements)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        elements.Add(start..(int)reader.BytesConsumed);
    }

    private static RpcError ParseError(string reason) => new(ErrorCodes.ParseError, $"the text is {reason}; send one JSON-RPC 2.0 request or a batch of them");
}
