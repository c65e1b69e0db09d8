using System.Collections.Immutable;
using System.Text.Json;
using Cti.Kernel;

namespace Cti.Contract;

/// <summary>Reads and checks the <c>params</c> of a request against its method's definition.</summary>
public static class ArgumentBinder
{
    /// <summary>
    /// Binds <paramref name="json"/>, the UTF-8 text of an object or an array (empty: no parameters were given).
    /// Answers null and the arguments, or error -32602 that names the parameter.
    /// </summary>
    public static RpcError? TryBind(MethodDefinition method, ApiGeneration generation, ReadOnlySpan<byte> json, ArgumentRules rules, out RpcArguments arguments)
    {
        var values = new Dictionary<string, object?>(method.Parameters.Length, StringComparer.Ordinal);
        arguments = new RpcArguments(values);
        try
        {
            var error = json.IsEmpty ? null : Read(method, generation, json, rules, values);
            return error ?? Complete(method, generation, values);
        }
        catch (JsonException)
        {
            return RpcError.InvalidParam("params", "is not well-formed JSON");
        }
        catch (InvalidOperationException)
        {
            // What the JSON reader throws for an escaped lone surrogate, which no string of ours can hold.
            return RpcError.InvalidParam("params", "has a string that is not valid Unicode");
        }
    }

    private static RpcError? Read(MethodDefinition method, ApiGeneration generation, ReadOnlySpan<byte> json, ArgumentRules rules,
        Dictionary<string, object?> values)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Limits.JsonDepthMax });
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.StartObject => ReadNamed(method, generation, ref reader, rules, values),
            JsonTokenType.StartArray => ReadPositions(method, generation, ref reader, rules, values),
            _ => RpcError.InvalidParam("params", "must be an object or an array"),
        };
    }

    private static RpcError? ReadNamed(MethodDefinition method, ApiGeneration generation, ref Utf8JsonReader reader, ArgumentRules rules,
        Dictionary<string, object?> values)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (Find(method, ref reader) is not { } parameter)
                return RpcError.InvalidParam(Shorten(reader.GetString()!), Unknown(method, generation, reader.GetString()!));
            if (values.ContainsKey(parameter.Name)) return RpcError.InvalidParam(parameter.Name, "is given twice" + Spellings(parameter));
            reader.Read();
            if (ReadValue(ref reader, parameter, generation, rules, values) is { } error) return error;
        }
        return null;
    }

    private static RpcError? ReadPositions(MethodDefinition method, ApiGeneration generation, ref Utf8JsonReader reader, ArgumentRules rules,
        Dictionary<string, object?> values)
    {
        var positions = method.PositionsIn(generation);
        var index = 0;
        for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; index++)
        {
            if (index >= positions.Length)
                return RpcError.InvalidParam("params", $"has too many elements: {method.Name} takes at most {positions.Length} by position");
            if (ReadValue(ref reader, positions[index], generation, rules, values) is { } error) return error;
        }
        return null;
    }

    // Null is the default, however it is given.
    private static RpcError? ReadValue(ref Utf8JsonReader reader, ParameterDefinition parameter, ApiGeneration generation, ArgumentRules rules,
        Dictionary<string, object?> values)
    {
        var value = parameter.DefaultIn(generation);
        if (reader.TokenType == JsonTokenType.Null)
        {
            if (parameter.Required) return RpcError.InvalidParam(parameter.Name, "is required and must not be null");
        }
        else if (ValueReader.Read(ref reader, parameter, generation, rules, out value) is { } reason)
        {
            return RpcError.InvalidParam(parameter.Name, reason);
        }
        values.Add(parameter.Name, value);
        return null;
    }

    private static RpcError? Complete(MethodDefinition method, ApiGeneration generation, Dictionary<string, object?> values)
    {
        foreach (var parameter in method.Parameters)
        {
            if (values.ContainsKey(parameter.Name)) continue;
            if (parameter.Required) return RpcError.InvalidParam(parameter.Name, "is required");
            values.Add(parameter.Name, parameter.DefaultIn(generation));
        }
        return CheckTogether(method, values);
    }

    // What one parameter alone does not show.
    private static RpcError? CheckTogether(MethodDefinition method, Dictionary<string, object?> values)
    {
        if (method.Name == "sys.call.connect_start" && Equals(values["res_id"], values["call_res_id"]))
            return RpcError.InvalidParam("call_res_id", "must be another call than res_id");
        if (method.Name == "sys.call.refer" && Equals(values["res_id"], values["replaces_call_res_id"]))
            return RpcError.InvalidParam("replaces_call_res_id", "must be another call than res_id");
        if (method.Name == "sys.call.construct" && values["parent_call_res_id"] is not null && values["parent_conf_res_id"] is not null)
            return RpcError.InvalidParam("parent_conf_res_id", "must be null when parent_call_res_id is given");
        return null;
    }

    private static ParameterDefinition? Find(MethodDefinition method, ref Utf8JsonReader reader)
    {
        foreach (var parameter in method.Parameters)
        {
            if (reader.ValueTextEquals(parameter.NameUtf8)) return parameter;
            foreach (var alias in parameter.Aliases)
                if (reader.ValueTextEquals(alias)) return parameter;
        }
        return null;
    }

    private static string Unknown(MethodDefinition method, ApiGeneration generation, string name)
    {
        if (method.Parameters.IsEmpty) return $"unknown; {method.Name} takes no parameters";
        var meant = Nearest.Of(name, method.Parameters.Select(p => p.NameIn(generation)));
        return $"unknown; {(meant is null ? "" : $"did you mean {meant}? ")}{method.Name} takes "
            + $"{string.Join(", ", method.Parameters.Select(p => p.NameIn(generation)))}";
    }

    private static string Spellings(ParameterDefinition parameter) =>
        parameter.Aliases.IsEmpty ? "" : $" (as {parameter.Name}, {string.Join(", ", parameter.Aliases)})";

    private static string Shorten(string name) => name.Length <= 64 ? name : string.Concat(name.AsSpan(0, 64), "…");
}
