using System.Text.Json;
using System.Text.Unicode;
using Cti.Kernel;

namespace Cti.Gateway.Rpc;

/// <summary>
/// A request over the bound, passed over piece by piece: nothing of it is kept but its <c>id</c>, wherever that stands, so that the one who waits for
/// the answer hears that there is none.
/// </summary>
internal sealed class OversizedRequest(int bytesMax)
{
    private readonly byte[] _token = new byte[Limits.OversizedIdBytesMax];
    private int _length, _depth;
    private bool _isString, _isEscaped, _isId, _hasId, _isOver;
    private byte[]? _id;

    /// <summary>Bytes seen of it.</summary>
    internal long Bytes { get; private set; }

    /// <summary>Whether it is so large that nobody waits for its end.</summary>
    internal bool IsHopeless => Bytes > bytesMax + Limits.OversizedBytesMax;

    /// <summary>Takes the next bytes.</summary>
    internal void Read(ReadOnlySpan<byte> piece)
    {
        Bytes += piece.Length;
        foreach (var one in piece)
        {
            if (_isOver) return;
            Step(one);
        }
    }

    /// <summary>413, with the id as far as it was found.</summary>
    internal byte[] Refusal() =>
        RpcWriter.Refusal(_id, new RpcError(ErrorCodes.TooLarge, $"the request is larger than {bytesMax} bytes").With("limit", bytesMax));

    private void Step(byte one)
    {
        if (_isString)
        {
            Keep(one);
            if (_isEscaped) _isEscaped = false;
            else if (one == '\\') _isEscaped = true;
            else if (one == '"') _isString = false;
            return;
        }
        switch (one)
        {
            case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
            case 0xEF or 0xBB or 0xBF when _depth == 0:
                break;
            case (byte)'{':
                _depth++;
                break;
            // A batch has as many ids as requests, and anything else none.
            case var _ when _depth == 0:
                _isOver = true;
                break;
            case (byte)'[':
                _depth++;
                break;
            case (byte)'}' or (byte)']':
                if (--_depth > 0) break;
                EndMember();
                _isOver = true;
                break;
            case (byte)':' when _depth == 1:
                _isId = _token.AsSpan(0, _length).SequenceEqual("\"id\""u8);
                _length = 0;
                break;
            case (byte)',' when _depth == 1:
                EndMember();
                break;
            default:
                _isString = one == '"';
                Keep(one);
                break;
        }
    }

    // Only what stands in the request itself; one byte more than fits tells that it did not.
    private void Keep(byte one)
    {
        if (_depth == 1 && _length < _token.Length) _token[_length++] = one;
    }

    private void EndMember()
    {
        if (_isId)
        {
            // Two ids are none.
            _id = _hasId || _length == _token.Length ? null : Value(_token.AsSpan(0, _length));
            _hasId = true;
        }
        _isId = false;
        _length = 0;
    }

    private static byte[]? Value(ReadOnlySpan<byte> token)
    {
        try
        {
            var reader = new Utf8JsonReader(token);
            return Utf8.IsValid(token) && reader.Read() && reader.TokenType is JsonTokenType.String or JsonTokenType.Number
                && reader.BytesConsumed == token.Length && !reader.Read()
                ? token.ToArray() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
