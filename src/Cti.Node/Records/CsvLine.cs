using System.Buffers;
using System.Text.Json;
using Cti.Contract;

namespace Cti.Node.Records;

/// <summary>
/// One call record as a line of CSV (RFC 4180): the contract's fields in their order, UTF-8, ended by CR LF. Its quality stays in the table.
/// Texts in it come from callers, and a spreadsheet calculates a text that looks like a formula, which can read files and call out: such a text begins with an
/// apostrophe, which spreadsheets take for "this is text". Numbers are ours.
/// </summary>
internal static class CsvLine
{
    private static readonly byte[] Blanks = [.. Enumerable.Range(0, ' ' + 1).Select(static c => (byte)c)];
    private static readonly SearchValues<byte> Special = SearchValues.Create(",\"\r\n"u8);

    /// <summary>Writes the line of a stored record.</summary>
    /// <param name="line">Where to.</param>
    /// <param name="fields">UTF-8 JSON array: the fields, then the quality.</param>
    /// <param name="keepsFormulas">Whether texts that a spreadsheet would calculate stay as they are.</param>
    /// <exception cref="JsonException">It is not one.</exception>
    internal static void Write(IBufferWriter<byte> line, ReadOnlySpan<byte> fields, bool keepsFormulas = false)
    {
        var json = new Utf8JsonReader(fields);
        if (!json.Read() || json.TokenType != JsonTokenType.StartArray) throw new JsonException("a call record is an array");
        for (var i = 0; i < CallRecordFields.Names.Length; i++)
        {
            if (i > 0) line.Write(","u8);
            if (!json.Read()) throw new JsonException("a call record is cut short");
            switch (json.TokenType)
            {
                case JsonTokenType.String: Field(line, json, keepsFormulas); break;
                case JsonTokenType.Number: line.Write(json.ValueSpan); break;
                default: throw new JsonException("a call record's fields are texts and numbers");
            }
        }
        line.Write("\r\n"u8);
    }

    private static void Field(IBufferWriter<byte> line, in Utf8JsonReader json, bool keepsFormulas)
    {
        // Unescaping only ever shortens; one byte in front for the apostrophe.
        var buffer = ArrayPool<byte>.Shared.Rent(1 + json.ValueSpan.Length);
        try
        {
            buffer[0] = (byte)'\'';
            var length = json.CopyString(buffer.AsSpan(1));
            ReadOnlySpan<byte> text = buffer.AsSpan(1, length);
            if (!keepsFormulas && IsFormula(text)) text = buffer.AsSpan(0, 1 + length);
            if (text.IndexOfAny(Special) < 0) line.Write(text);
            else Quoted(line, text);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// What spreadsheets calculate: a sign at the beginning, in its wide form too, behind blanks as well; and what moves it to the beginning of a cell.
    /// </summary>
    private static bool IsFormula(ReadOnlySpan<byte> text)
    {
        if (text is [(byte)'\t' or (byte)'\r' or (byte)'\n', ..]) return true;
        var rest = text.TrimStart(Blanks);
        return rest is [(byte)'=' or (byte)'+' or (byte)'-' or (byte)'@', ..]
            || rest.StartsWith("＝"u8) || rest.StartsWith("＋"u8) || rest.StartsWith("－"u8) || rest.StartsWith("＠"u8);
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
