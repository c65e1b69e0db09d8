using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Cti.Kernel;

namespace Cti.Calls.Api;

/// <summary>Reads play content from a request: a string, or a list of <c>[content, type, options]</c>.</summary>
internal static class PlayContentReader
{
    private const int TypeFile = 0, TypeDigits = 1, TypeNumber = 2, TypeAmount = 3, TypeDateTime = 4, TypeDuration = 5,
        TypeMoney = 6, TypeFiles = 7, TypeSpeech = 10;

    /// <summary>
    /// Reads the value that the reader stands on. Answers null, or what is wrong. Elements of a negative type are left out, so the content may have no element.
    /// </summary>
    internal static string? Read(ref Utf8JsonReader reader, string? root, out PlayContent? content)
    {
        content = null;
        if (reader.TokenType == JsonTokenType.String)
        {
            var names = reader.GetString()!;
            if (names.Length == 0) return "is empty";
            if (FileNames.CheckJoined(names, root) is { } reason) return reason;
            content = new PlayContent([.. names.Split('|').Select(name => new PlayElement(TypeFile, name, ""))]);
            return null;
        }
        if (reader.TokenType != JsonTokenType.StartArray) return "must be a string or a list of [content, type, options]";
        var elements = ImmutableArray.CreateBuilder<PlayElement>();
        var count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (++count > Limits.PlayElementsMax) return $"has more than {Limits.PlayElementsMax} elements";
            if (ReadElement(ref reader, root, elements) is { } reason) return $"[{count - 1}]: {reason}";
        }
        if (count == 0) return "is empty";
        content = new PlayContent(elements.ToImmutable());
        return null;
    }

    private static string? ReadElement(ref Utf8JsonReader reader, string? root, ImmutableArray<PlayElement>.Builder elements)
    {
        const string Shape = "must be [content, type, options]";
        if (reader.TokenType != JsonTokenType.StartArray || !reader.Read() || reader.TokenType == JsonTokenType.EndArray) return Shape;
        // The content comes before the type that says how to read it, so its text is kept until then.
        string? text = null;
        var isNumber = reader.TokenType == JsonTokenType.Number;
        if (isNumber) text = Encoding.ASCII.GetString(reader.ValueSpan);
        else if (reader.TokenType == JsonTokenType.String) text = reader.GetString();
        else reader.Skip();
        if (!reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var type)) return Shape + ", type being an integer";
        if (!reader.Read() || reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null)) return Shape + ", options being a string";
        var options = reader.TokenType == JsonTokenType.Null ? "" : reader.GetString()!;
        if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray) return Shape;
        if (type < 0) return null;
        if (text is null) return "the content must be a string or, where something is spoken, a number";
        if (options is not ("" or "lang=zh-CN" or "lang=en-US")) return "unknown option; lang=zh-CN and lang=en-US are known";
        return Add(type, text, isNumber, options, root, elements);
    }

    private static string? Add(int type, string text, bool isNumber, string options, string? root, ImmutableArray<PlayElement>.Builder elements)
    {
        if (text.Length == 0) return "the content is empty";
        if (isNumber && type is not (TypeDigits or TypeNumber or TypeAmount or TypeMoney)) return "the content must be a string";
        switch (type)
        {
            case TypeFile:
                if (FileNames.Check(text, root) is { } badFile) return badFile;
                elements.Add(new PlayElement(TypeFile, text, options));
                return null;
            case TypeFiles:
                if (FileNames.CheckJoined(text, root) is { } badFiles) return badFiles;
                foreach (var name in text.Split('|')) elements.Add(new PlayElement(TypeFile, name, options));
                return null;
            default:
                return CheckSpoken(type, text) ?? $"type {type} is not available yet; 0 (file) and 7 (files) are";
        }
    }

    private static string? CheckSpoken(int type, string text) => type switch
    {
        TypeDigits => SpokenValues.CheckDigits(text),
        TypeNumber or TypeAmount => SpokenValues.CheckNumber(text, 6),
        TypeDateTime => SpokenValues.CheckDateTime(text),
        TypeDuration => SpokenValues.CheckDuration(text),
        TypeMoney => SpokenValues.CheckNumber(text, 2),
        TypeSpeech => null,
        _ => "there is no such type; there are below 0, 0..7 and 10",
    };
}
