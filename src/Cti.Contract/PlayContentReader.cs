using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Cti.Kernel;

namespace Cti.Contract;

/// <summary>Reads play content from a request: a string, or a list of <c>[content, type, options]</c>.</summary>
internal static class PlayContentReader
{
    private const int TypeDigits = 1, TypeNumber = 2, TypeAmount = 3, TypeMoney = 6, TypeFiles = 7, TypeSpeech = 10;

    /// <summary>
    /// Reads the value that the reader stands on. Answers null, or what is wrong. Elements of a negative type are left out, so the content may have no element.
    /// </summary>
    internal static string? Read(ref Utf8JsonReader reader, ArgumentRules rules, out PlayContent? content)
    {
        content = null;
        var elements = ImmutableArray.CreateBuilder<PlayElement>();
        var pieces = 0;
        if (reader.TokenType == JsonTokenType.String)
        {
            var names = reader.GetString()!;
            if (names.Length == 0) return "is empty";
            if ((AddFiles(names, "", rules, elements, ref pieces) ?? TooMany(pieces)) is { } reason) return reason;
            content = new PlayContent(elements.ToImmutable());
            return null;
        }
        if (reader.TokenType != JsonTokenType.StartArray) return "must be a string or a list of [content, type, options]";
        var count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (++count > Limits.PlayElementsMax) return $"has more than {Limits.PlayElementsMax} elements";
            if ((ReadElement(ref reader, rules, elements, ref pieces) ?? TooMany(pieces)) is { } reason) return $"[{count - 1}]: {reason}";
        }
        if (count == 0) return "is empty";
        content = new PlayContent(elements.ToImmutable());
        return null;
    }

    private static string? TooMany(int pieces) =>
        pieces > Limits.PlayPiecesMax ? $"the content comes to over {Limits.PlayPiecesMax} files and spoken pieces" : null;

    private static string? ReadElement(ref Utf8JsonReader reader, ArgumentRules rules, ImmutableArray<PlayElement>.Builder elements, ref int pieces)
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
        if (!rules.Spoken.IsSpoken(type) && type is not (PlayElement.TypeFile or TypeFiles or TypeSpeech))
            return "there is no such type; there are below 0, 0..7 and 10";
        if (text is null) return "the content must be a string or, where something is spoken, a number";
        if (options.Length > 0 && rules.Spoken.CheckOption(options) is { } badOption) return badOption;
        if (text.Length == 0) return "the content is empty";
        if (isNumber && type is not (TypeDigits or TypeNumber or TypeAmount or TypeMoney)) return "the content must be a string";
        if (isNumber) text = rules.Spoken.PlainNumber(type, text);
        return Add(new PlayElement(type, text, options), rules, elements, ref pieces);
    }

    private static string? Add(PlayElement element, ArgumentRules rules, ImmutableArray<PlayElement>.Builder elements, ref int pieces)
    {
        switch (element.Type)
        {
            case PlayElement.TypeFile:
                if (FileNames.Check(element.Text, rules.Roots.ToPlay) is { } badFile) return badFile;
                pieces++;
                break;
            case TypeFiles:
                return AddFiles(element.Text, element.Options, rules, elements, ref pieces);
            case TypeSpeech:
                if (CheckSpeech(element.Text) is { } badText) return badText;
                pieces++;
                break;
            default:
                if (rules.Spoken.Check(element, out var spoken) is { } badValue) return badValue;
                pieces += spoken;
                break;
        }
        elements.Add(element);
        return null;
    }

    private static string? AddFiles(string names, string options, ArgumentRules rules, ImmutableArray<PlayElement>.Builder elements, ref int pieces)
    {
        foreach (var range in names.AsSpan().Split('|'))
        {
            var name = names[range];
            if (FileNames.Check(name, rules.Roots.ToPlay) is { } reason) return reason;
            // Counted to the bound only: a longer list is refused whole.
            if (++pieces > Limits.PlayPiecesMax) return null;
            elements.Add(new PlayElement(PlayElement.TypeFile, name, options));
        }
        return null;
    }

    private static string? CheckSpeech(string text)
    {
        if (text.Length > Limits.SpeechCharsMax) return $"text (type 10) must be at most {Limits.SpeechCharsMax} characters";
        if (string.IsNullOrWhiteSpace(text)) return "text (type 10) is blank";
        foreach (var c in text)
            if (char.IsControl(c) && c is not ('\t' or '\r' or '\n')) return "text (type 10) has a control character";
        return null;
    }
}
