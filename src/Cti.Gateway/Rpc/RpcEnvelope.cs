using System.Text.Json;
using Cti.Kernel;

namespace Cti.Gateway.Rpc;

/// <summary>The members of one request. Its ranges are into the text that it was read from, which <see cref="RpcText.Scan"/> has found well-formed.</summary>
/// <param name="Method">The method's name; "" when there is an error.</param>
/// <param name="Params">Where <c>params</c> stands; empty when it was left out or null.</param>
/// <param name="Id">The id's own bytes, echoed verbatim; null for a notification.</param>
/// <param name="RequestId">The id as a UUID, if it is one.</param>
/// <param name="Error">-32600 with the reason, or null.</param>
internal readonly record struct RpcEnvelope(string Method, Range Params, byte[]? Id, Guid? RequestId, RpcError? Error)
{
    /// <summary>Reads a request.</summary>
    internal static RpcEnvelope Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return ReadMembers(json);
        }
        catch (InvalidOperationException)
        {
            return Invalid("a string of the request is not valid Unicode", null);
        }
        catch (JsonException)
        {
            return Invalid("the request is not well-formed JSON", null);
        }
    }

    private static RpcEnvelope ReadMembers(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Limits.JsonDepthMax });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return Invalid("a request must be an object", null);
        string? method = null, reason = null;
        byte[]? id = null;
        Guid? requestId = null;
        Range? parameters = null;
        bool hasVersion = false, hasMethod = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("jsonrpc"u8))
            {
                reader.Read();
                if (hasVersion) reason ??= "jsonrpc is given twice";
                hasVersion = true;
                if (reader.TokenType != JsonTokenType.String || !reader.ValueTextEquals("2.0"u8)) reason ??= "jsonrpc must be \"2.0\"";
            }
            else if (reader.ValueTextEquals("method"u8))
            {
                reader.Read();
                if (hasMethod) reason ??= "method is given twice";
                hasMethod = true;
                if (reader.TokenType == JsonTokenType.String) method = reader.GetString();
                else reason ??= "method must be a string";
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                reader.Read();
                if (id is not null) reason ??= "id is given twice";
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.Number or JsonTokenType.Null) id = Raw(json, ref reader);
                else reason ??= "id must be a string, a number or null";
                requestId = reader.TokenType == JsonTokenType.String ? AsUuid(reader.GetString()!) : null;
            }
            else if (reader.ValueTextEquals("params"u8))
            {
                reader.Read();
                if (parameters is not null) reason ??= "params is given twice";
                if (reader.TokenType == JsonTokenType.Null)
                {
                    parameters = 0..0;
                    continue;
                }
                if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
                    reason ??= "params must be an object or an array; leave it out if there are none";
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                parameters = start..(int)reader.BytesConsumed;
                continue;
            }
            else
            {
                // Members that JSON-RPC does not know are left to those who know them.
                reader.Read();
            }
            reader.Skip();
        }
        if (!hasVersion) reason ??= "jsonrpc: \"2.0\" is missing";
        if (!hasMethod) reason ??= "method is missing";
        return reason is null ? new RpcEnvelope(method!, parameters ?? 0..0, id, requestId, null) : Invalid(reason, id);
    }

    private static byte[] Raw(ReadOnlySpan<byte> json, ref Utf8JsonReader reader) => json[(int)reader.TokenStartIndex..(int)reader.BytesConsumed].ToArray();

    private static Guid? AsUuid(string text) => Guid.TryParseExact(text, "N", out var id) || Guid.TryParseExact(text, "D", out id) ? id : null;

    private static RpcEnvelope Invalid(string reason, byte[]? id) => new("", 0..0, id, null, new RpcError(ErrorCodes.InvalidRequest, reason));
}
