using System.Collections.Immutable;
using System.Text.Json;
using Cti.Kernel;

namespace Cti.Contract;

/// <summary>Reads one parameter's value by its definition.</summary>
internal static class ValueReader
{
    /// <summary>
    /// Reads the value that the reader stands on, which is not null: that is the default, whatever the kind. Answers null, or what is wrong and what would be
    /// right.
    /// </summary>
    internal static string? Read(ref Utf8JsonReader reader, ParameterDefinition parameter, ApiGeneration generation, ArgumentRules rules, out object? value)
    {
        value = null;
        switch (parameter.Kind)
        {
            case ParameterKind.Boolean:
                if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False)) return "must be true or false";
                value = reader.TokenType == JsonTokenType.True;
                return null;
            case ParameterKind.Int32 or ParameterKind.Int64:
                return ReadInteger(ref reader, parameter, out value);
            case ParameterKind.RecordFormat or ParameterKind.RecordFormatV1:
                return ReadFormat(ref reader, Generations.FormatTableOf(parameter.Kind, generation), out value);
            case ParameterKind.RecordRate:
                if (!TryInteger(ref reader, out var rate) || rate is not (8000 or RecordFormats.WideRate)) return "must be 8000 or 16000";
                value = (int)rate;
                return null;
            case ParameterKind.TargetUris:
                return ReadTargets(ref reader, out value);
            case ParameterKind.Headers:
                var wrong = HeaderRules.Read(ref reader, parameter, out var lines);
                value = lines.IsEmpty ? null : lines;
                return wrong;
            case ParameterKind.Content:
                return ReadContent(ref reader, parameter, rules, out value);
            default:
                if (reader.TokenType != JsonTokenType.String) return "must be a string";
                var text = reader.GetString()!;
                value = text;
                return CheckText(parameter, rules, text, ref value);
        }
    }

    private static string? ReadInteger(ref Utf8JsonReader reader, ParameterDefinition parameter, out object? value)
    {
        value = null;
        if (!TryInteger(ref reader, out var number)) return "must be an integer";
        if (number < parameter.Min || number > parameter.Max) return $"must be {parameter.Min}..{parameter.Max}";
        value = parameter.Kind == ParameterKind.Int32 ? (object)(int)number : number;
        return null;
    }

    // 50.0 and 5e1 are integers too, as in JSON Schema.
    private static bool TryInteger(ref Utf8JsonReader reader, out long number)
    {
        number = 0;
        if (reader.TokenType != JsonTokenType.Number) return false;
        if (reader.TryGetInt64(out number)) return true;
        if (!reader.TryGetDouble(out var real) || real != Math.Floor(real)) return false;
        number = Math.Abs(real) < ResourceId.ProcessIdMax ? (long)real : real > 0 ? long.MaxValue : long.MinValue;
        return true;
    }

    private static string? ReadFormat(ref Utf8JsonReader reader, ApiGeneration table, out object? value)
    {
        value = null;
        if (!TryInteger(ref reader, out var number)) return "must be an integer";
        if (RecordFormats.NameOf(table, number) is not { } name)
            return "must be one of " + string.Join(", ", RecordFormats.Of(table).Select(f => $"{f.Number} ({f.Name})"));
        value = name;
        return null;
    }

    private static string? ReadTargets(ref Utf8JsonReader reader, out object? value)
    {
        value = null;
        if (reader.TokenType == JsonTokenType.String)
        {
            var uri = reader.GetString()!;
            value = ImmutableArray.Create(uri);
            return SipUriSyntax.CheckTarget(uri);
        }
        if (reader.TokenType != JsonTokenType.StartArray) return "must be a string or a list of strings";
        var uris = ImmutableArray.CreateBuilder<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.String) return $"[{uris.Count}]: must be a string";
            var uri = reader.GetString()!;
            if (SipUriSyntax.CheckTarget(uri) is { } reason) return $"[{uris.Count}]: {reason}";
            uris.Add(uri);
        }
        if (uris.Count == 0) return "must have at least one URI";
        value = uris.ToImmutable();
        return null;
    }

    private static string? ReadContent(ref Utf8JsonReader reader, ParameterDefinition parameter, ArgumentRules rules, out object? value)
    {
        value = null;
        if (parameter.Nullable && reader.TokenType == JsonTokenType.String && reader.ValueSpan.IsEmpty) return null;
        var reason = PlayContentReader.Read(ref reader, rules, out var content);
        value = content;
        return reason;
    }

    private static string? CheckText(ParameterDefinition parameter, ArgumentRules rules, string text, ref object? value)
    {
        switch (parameter.Kind)
        {
            case ParameterKind.CallerUri:
                return SipUriSyntax.CheckCaller(text);
            case ParameterKind.RedirectUri:
                return SipUriSyntax.CheckRedirect(text);
            case ParameterKind.Choice:
                return parameter.Choices.Contains(text) ? null : "must be one of " + string.Join(", ", parameter.Choices);
            case ParameterKind.Keys:
                if (text.Length == 0 && parameter.Nullable) value = null;
                if (text.Length == 0) return parameter.EmptyAllowed ? null : "must have at least one key";
                if (text.Length > Limits.KeysMax) return $"has over {Limits.KeysMax} keys";
                return text.AsSpan().ContainsAnyExcept(parameter.Alphabet) ? $"must be keys of {parameter.Alphabet}" : null;
            case ParameterKind.PlayFile or ParameterKind.RecordFile:
                if (text.Length == 0 && parameter.Nullable)
                {
                    value = null;
                    return null;
                }
                return parameter.Kind == ParameterKind.PlayFile ? FileNames.CheckJoined(text, rules.Roots.ToPlay) : FileNames.Check(text, rules.Roots.ToRecord);
            default:
                if (text.Length == 0 && !parameter.EmptyAllowed) return "must not be empty";
                return parameter.Kind == ParameterKind.Text && parameter.Max > 0 && text.Length > parameter.Max
                    ? $"is longer than {parameter.Max} characters" : null;
        }
    }
}
