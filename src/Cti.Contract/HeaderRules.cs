using System.Collections.Immutable;
using System.Text.Json;
using Cti.Kernel;

namespace Cti.Contract;

/// <summary>
/// Which SIP header fields an application may add to a message, and how they are given: an object of names and values. What leads a message to its
/// destination, or says who somebody is, is ours; the rest passes through.
/// </summary>
public static class HeaderRules
{
    /// <summary>The caller's identity, which only what an operator has told so asserts (RFC 3325).</summary>
    public const string AssertedIdentity = "P-Asserted-Identity";

    /// <summary>What only an INVITE has, of one that somebody asked for by a REFER: RFC 3891, 3892.</summary>
    public static ImmutableArray<string> OfReferred { get; } = ["Replaces", "Referred-By"];

    private const string Extension = "X-";

    /// <summary>The fields besides those of one's own (<c>X-…</c>): RFC 7433, 5806, 7044.</summary>
    public static ImmutableArray<string> Known { get; } = ["User-to-User", "Diversion", "History-Info"];

    /// <summary>Reads the object that the reader stands on; answers null, or what is wrong. A field is a line, <c>Name: value</c>.</summary>
    internal static string? Read(ref Utf8JsonReader reader, ParameterDefinition parameter, out ImmutableArray<string> lines)
    {
        lines = [];
        if (reader.TokenType != JsonTokenType.StartObject) return "must be an object of header fields, {\"X-Name\": \"value\"}";
        var read = ImmutableArray.CreateBuilder<string>();
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (CheckName(name, parameter) is { } reason) return reason;
            if (!names.Add(name)) return $"{name}: is given twice; right is a list of its values";
            reader.Read();
            if (ReadValues(ref reader, name, read) is { } wrong) return $"{name}: {wrong}";
        }
        if (read.Count > Limits.HeaderFieldsMax) return $"has over {Limits.HeaderFieldsMax} fields";
        if (read.Sum(static line => line.Length) > Limits.HeaderCharsMax) return $"has over {Limits.HeaderCharsMax} characters";
        lines = read.ToImmutable();
        return null;
    }

    /// <summary>Null, or why a pattern of names cannot be heard: a name, or a beginning with <c>*</c> behind it.</summary>
    public static string? CheckPattern(string pattern)
    {
        var name = pattern.EndsWith('*') ? pattern[..^1] : pattern;
        return name.Length is > 0 and <= Limits.HeaderNameCharsMax && name.All(IsTokenCharacter) ? null : "is no name of a header field";
    }

    private static string? CheckName(string name, ParameterDefinition parameter)
    {
        if (name.Length is 0 or > Limits.HeaderNameCharsMax || !name.All(IsTokenCharacter)) return $"{Shown(name)}: is no name of a header field";
        if (name.StartsWith(Extension, StringComparison.OrdinalIgnoreCase)) return null;
        return parameter.Choices.Contains(name, StringComparer.OrdinalIgnoreCase) ? null
            : $"{name}: is not the application's to set; right are X-... and {string.Join(", ", parameter.Choices)}";
    }

    private static string? ReadValues(ref Utf8JsonReader reader, string name, ImmutableArray<string>.Builder lines)
    {
        if (reader.TokenType != JsonTokenType.StartArray) return ReadValue(ref reader, name, lines);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (ReadValue(ref reader, name, lines) is { } reason) return reason;
        }
        return null;
    }

    private static string? ReadValue(ref Utf8JsonReader reader, string name, ImmutableArray<string>.Builder lines)
    {
        if (reader.TokenType != JsonTokenType.String) return "must be a string or a list of strings";
        var value = reader.GetString()!.Trim();
        if (value.Length == 0) return "must not be empty";
        if (value.Length > Limits.HeaderValueCharsMax) return $"is longer than {Limits.HeaderValueCharsMax} characters";
        if (value.Any(char.IsControl)) return "must have no line end and no other control character";
        lines.Add($"{name}: {value}");
        return null;
    }

    private static string Shown(string name) => VisibleText.Of(name, Limits.HeaderNameCharsMax);

    private static bool IsTokenCharacter(char c) => char.IsAsciiLetterOrDigit(c) || "-.!%*_+`'~".Contains(c, StringComparison.Ordinal);
}
