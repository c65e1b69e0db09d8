using System.Buffers;
using System.Text.Json;
using Cti.Calls.Call;

namespace Cti.Node.Records;

/// <summary>One call record as a line of CSV (RFC 4180): the contract's fields in their order, UTF-8, ended by CR LF. Its quality stays in the table.</summary>
internal static class CsvLine
{
    private static readonly SearchValues<byte> s_special = SearchValues.Create(",\"\r\n"u8);

    /// <summary>Writes the line of a stored record.</summary>
    /// <param name="line">Where to.</param>
    /// <param name="fields">UTF-8 JSON array: the fields, then the quality.</param>
    /// <exception cref="JsonException">It is not one.</exception>
    internal static void Write(IBufferWriter<byte> line, ReadOnlySpan<byte> fields)
    {
        var json = new Utf8JsonReader(fields);
        if (!json.Read() || json.TokenType != JsonTokenType.StartArray) throw new JsonException("a call record is an array");
        for (var i = 0; i < CallRecords.Fields.Length; i++)
        {
            if (i > 0) line.Write(","u8);
            if (!json.Read()) throw new JsonException("a call record is cut short");
            switch (json.TokenType)
            {
                case JsonTokenType.String: Field(line, json); break;
                case JsonTokenType.Number: line.Write(json.ValueSpan); break;
                default: throw new JsonException("a call record's fields are texts and numbers");
            }
        }
        line.Write("\r\n"u8);
    }

    private static void Field(IBufferWriter<byte> line, in Utf8JsonReader json)
    {
        // Unescaping only ever shortens.
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(1, json.ValueSpan.Length));
        try
        {
            ReadOnlySpan<byte> text = buffer.AsSpan(0, json.CopyString(buffer));
            if (text.IndexOfAny(s_special) < 0) line.Write(text);
            else Quoted(line, text);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void Quoted(IBufferWriter<byte> line, ReadOnlySpan<byte> text)
    {
        line.Write("\""u8);
        for (int quote; (quote = text.IndexOf((byte)'"')) >= 0; text = text[(quote + 1)..])
        {
            line.Write(text[..quote]);
            line.Write("\"\""u8);
        }
        line.Write(text);
        line.Write("\""u8);
    }
}
