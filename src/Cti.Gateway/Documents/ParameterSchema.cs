using System.Text.Json;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Gateway.Documents;

/// <summary>A parameter's values as JSON Schema, and its default as JSON.</summary>
internal static class ParameterSchema
{
    internal static void Write(Utf8JsonWriter writer, ParameterDefinition parameter, ApiGeneration generation)
    {
        switch (parameter.Kind)
        {
            case ParameterKind.Boolean:
                Type(writer, parameter, "boolean");
                break;
            case ParameterKind.Int32 or ParameterKind.Int64:
                Type(writer, parameter, "integer");
                writer.WriteNumber("minimum", parameter.Min);
                writer.WriteNumber("maximum", parameter.Max);
                break;
            case ParameterKind.RecordFormat or ParameterKind.RecordFormatV1:
                Type(writer, parameter, "integer");
                writer.WriteStartArray("enum");
                foreach (var (number, _) in RecordFormats.Of(TableOf(parameter, generation))) writer.WriteNumberValue(number);
                writer.WriteEndArray();
                break;
            case ParameterKind.RecordRate:
                Type(writer, parameter, "integer");
                writer.WriteStartArray("enum");
                writer.WriteNumberValue(8000);
                writer.WriteNumberValue(RecordFormats.WideRate);
                writer.WriteNullValue();
                writer.WriteEndArray();
                break;
            case ParameterKind.Choice:
                Type(writer, parameter, "string");
                writer.WriteStartArray("enum");
                foreach (var choice in parameter.Choices) writer.WriteStringValue(choice);
                if (parameter.Nullable) writer.WriteNullValue();
                writer.WriteEndArray();
                break;
            case ParameterKind.Keys:
                Type(writer, parameter, "string");
                writer.WriteString("pattern", $"^[{parameter.Alphabet}]{(parameter.EmptyAllowed ? '*' : '+')}$");
                writer.WriteNumber("maxLength", Limits.KeysMax);
                break;
            case ParameterKind.TargetUris:
                Type(writer, parameter, "string", "array");
                ItemsOf(writer, "string");
                writer.WriteNumber("minItems", 1);
                break;
            case ParameterKind.Headers:
                Type(writer, parameter, "object");
                writer.WriteStartObject("additionalProperties");
                writer.WriteStartArray("type");
                writer.WriteStringValue("string");
                writer.WriteStringValue("array");
                writer.WriteEndArray();
                ItemsOf(writer, "string");
                writer.WriteEndObject();
                writer.WriteNumber("maxProperties", Limits.HeaderFieldsMax);
                break;
            case ParameterKind.Content:
                Type(writer, parameter, "string", "array");
                ItemsOf(writer, "array");
                writer.WriteNumber("minItems", 1);
                writer.WriteNumber("maxItems", Limits.PlayElementsMax);
                break;
            default:
                Type(writer, parameter, "string");
                if (!parameter.EmptyAllowed) writer.WriteNumber("minLength", 1);
                if (parameter.Kind == ParameterKind.Text && parameter.Max > 0) writer.WriteNumber("maxLength", parameter.Max);
                break;
        }
    }

    internal static void WriteDefault(Utf8JsonWriter writer, ParameterDefinition parameter, ApiGeneration generation)
    {
        switch (parameter.DefaultIn(generation))
        {
            case null: writer.WriteNullValue(); break;
            case string name when parameter.Kind is ParameterKind.RecordFormat or ParameterKind.RecordFormatV1:
                writer.WriteNumberValue(RecordFormats.NumberOf(TableOf(parameter, generation), name));
                break;
            case string text: writer.WriteStringValue(text); break;
            case int number: writer.WriteNumberValue(number); break;
            case long number: writer.WriteNumberValue(number); break;
            case bool truth: writer.WriteBooleanValue(truth); break;
            case var other: throw new InvalidOperationException($"parameter {parameter.Name} has a default of type {other.GetType()}");
        }
    }

    internal static ApiGeneration TableOf(ParameterDefinition parameter, ApiGeneration generation) =>
        Generations.FormatTableOf(parameter.Kind, generation);

    private static void Type(Utf8JsonWriter writer, ParameterDefinition parameter, params ReadOnlySpan<string> types)
    {
        if (types.Length == 1 && !parameter.Nullable)
        {
            writer.WriteString("type", types[0]);
            return;
        }
        writer.WriteStartArray("type");
        foreach (var type in types) writer.WriteStringValue(type);
        if (parameter.Nullable) writer.WriteStringValue("null");
        writer.WriteEndArray();
    }

    private static void ItemsOf(Utf8JsonWriter writer, string type)
    {
        writer.WriteStartObject("items");
        writer.WriteString("type", type);
        writer.WriteEndObject();
    }
}
