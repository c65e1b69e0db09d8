using System.Globalization;
using System.Text;
using System.Text.Json;
using Cti.Calls.Api;
using Cti.Kernel;
using CallDirection = Cti.Calls.Call.CallDirection;

namespace Cti.Gateway.Documents;

/// <summary>The catalogue as the text of <c>API.md</c>.</summary>
public static class ApiDocument
{
    /// <summary>Markdown, lines ended by a line feed.</summary>
    /// <param name="states">In which states methods are allowed.</param>
    public static string Render(IStateTable states)
    {
        var text = new StringBuilder(64 * 1024);
        text.Append("""
            # API

            Made from the definitions that dispatch and validate requests (`Cti.Calls/Api/Catalogue*.cs`); a test compares the two.
            How to connect, authenticate, retry and follow events: README. Parameters are given by name, or by position where a position is shown (v1 / v2).
            Null means the default, by name and by position, and `params: null` means none; hence a retry under the same id may write defaults or leave them out.
            Booleans are `true` and `false`, not 0 and 1. For file and key strings null and `""` are the same, except where the default has keys: there `""` is none.
            Spoken numbers and amounts are rounded, half to even, to the decimals that are spoken (6; amounts in yuan, jiao and fen 2) where they are given as JSON numbers,
            and taken exactly where they are given as strings.

            ## Transport

            `POST /v2/rpc` and `/v1/rpc` take one request or a batch as `application/json` in UTF-8, which is also what a body without a content type is taken for.
            The same paths open a WebSocket. `GET /v2/events` and `/v1/events` are the same stream of Server-Sent Events.
            Every request carries `Authorization: Bearer KEY`; where a browser cannot set a header, for a WebSocket and for an event stream, `?access_token=KEY` does it.
            Pages of any origin may use all of these (CORS), since nothing works without a key.

            A request has at most 32 KiB (`cti.gateway.request-bytes`). One that is larger is answered with error 413 and its id, wherever in it that stands
            (null for a batch, or where there is none or it is over 1 KiB), and nothing of it is carried out. The WebSocket stays open and its next message is read;
            only where one message has over 1 MiB beyond the bound it is closed with code 1009.
            A text that is no JSON is answered with -32700 and id null, and the WebSocket stays open as well; a binary frame closes it with 1003.


            """);
        text.Append("## Errors of every method\n\n");
        foreach (var code in Catalogue.CommonErrors.Concat([ErrorCodes.ParseError, ErrorCodes.InvalidRequest, ErrorCodes.MethodNotFound]).Order())
            Line(text, $"- `{code}`: {ErrorTexts.Of(code)}");
        text.Append("\n## Errors of some methods\n\n");
        foreach (var code in (int[])[ErrorCodes.NotFound, ErrorCodes.Conflict, ErrorCodes.Gone, ErrorCodes.TooLarge, ErrorCodes.NoGateway])
            Line(text, $"- `{code}`: {ErrorTexts.Of(code)}");
        text.Append("\n`ipsc_info` (`process_id`) comes with every error that concerns a resource of the caller's own, never with 404, and is that resource's; `res_id` names it where the request named two.\n");
        WriteFormats(text);
        foreach (var module in Catalogue.Methods.GroupBy(m => m.Name[..m.Name.LastIndexOf('.')]))
        {
            Line(text, $"\n## {module.Key}");
            foreach (var method in module) Write(text, method, states);
        }
        text.Append("\n## Events\n");
        foreach (var happened in Catalogue.Events) Write(text, happened);
        return text.ToString();
    }

    private static void WriteFormats(StringBuilder text)
    {
        text.Append("\n## Recording formats\n\n| format | v1 | v2 |\n| --- | --- | --- |\n");
        foreach (var name in RecordFormats.Of(ApiGeneration.V1).Concat(RecordFormats.Of(ApiGeneration.V2)).Select(f => f.Name).Distinct())
            Line(text, $"| {name} | {Number(ApiGeneration.V1, name)} | {Number(ApiGeneration.V2, name)} |");
        Line(text, $"""

            {RecordFormats.WhoReads}

            An application's recordings lie in its own record root, and no other application plays them: its full path is the answer's. Who plays another's file gets 404, as for one that is not there.
            A recording that the disk ends (full, failed) completes with 500; what there was before is under its name, readable in every format.
            """);
    }

    private static string Number(ApiGeneration generation, string name) =>
        RecordFormats.NumberOf(generation, name) is var number and > 0 ? number.ToString(CultureInfo.InvariantCulture) : "";

    private static void Write(StringBuilder text, MethodDefinition method, IStateTable states)
    {
        Line(text, $"\n### {method.Name}\n");
        Line(text, $"{method.Doc}{(method.AdminOnly ? " Needs an administrator's key." : "")}\n");
        if (!method.Parameters.IsEmpty)
        {
            text.Append("| parameter | position | values | default | |\n| --- | --- | --- | --- | --- |\n");
            foreach (var parameter in method.Parameters)
                Line(text, $"| {Names(parameter)} | {Position(method, parameter)} | {Values(parameter)} | {Default(parameter)} | {Cell(parameter.Doc)} |");
            text.Append('\n');
        }
        Line(text, $"Answers {Result(method.Result)}");
        if (States(method, states) is { Length: > 0 } allowed) Line(text, $"\nAllowed: {allowed}.");
        if (!method.Errors.IsEmpty) Line(text, $"\nErrors besides those of every method: {string.Join(", ", method.Errors.Order().Select(c => $"`{c}`"))}.");
    }

    private static void Write(StringBuilder text, EventDefinition happened)
    {
        Line(text, $"\n### {happened.Name}\n");
        Line(text, $"{happened.Doc}\n");
        foreach (var field in happened.Parameters) Line(text, $"- `{field.Name}` ({TypeOf(field)}): {field.Doc}");
        if (happened.Media is { } media) Line(text, $"\n`meta.media`: {media}.");
    }

    private static string Names(ParameterDefinition parameter) =>
        $"`{parameter.Name}`{string.Concat(parameter.Aliases.Select(a => $", `{a}`"))}";

    private static string Position(MethodDefinition method, ParameterDefinition parameter)
    {
        var v1 = method.PositionsIn(ApiGeneration.V1).IndexOf(parameter) + 1;
        var v2 = method.PositionsIn(ApiGeneration.V2).IndexOf(parameter) + 1;
        return (v1, v2) switch
        {
            (0, 0) => "by name",
            _ when v1 == v2 => v1.ToString(CultureInfo.InvariantCulture),
            _ => $"{(v1 == 0 ? "by name" : v1)} / {(v2 == 0 ? "by name" : v2)}",
        };
    }

    private static string Values(ParameterDefinition parameter)
    {
        var values = parameter.Kind switch
        {
            ParameterKind.Int32 or ParameterKind.Int64 => $"integer {parameter.Min}..{parameter.Max}",
            ParameterKind.Boolean => "boolean",
            ParameterKind.Keys => $"keys of `{parameter.Alphabet}`{(parameter.EmptyAllowed ? "" : ", at least one")}",
            ParameterKind.ResourceId => "resource id",
            ParameterKind.CallerUri => "SIP URI or number",
            ParameterKind.TargetUris => "SIP URI or list of them",
            ParameterKind.RedirectUri => "SIP URI",
            ParameterKind.PlayFile or ParameterKind.RecordFile => "file name",
            ParameterKind.Content => "string or list",
            ParameterKind.RecordFormat => "number of the format",
            ParameterKind.RecordFormatV1 => "number of the format in v1",
            ParameterKind.Choice => string.Join(", ", parameter.Choices.Select(c => $"`{c}`")),
            _ => "string",
        };
        return parameter.Nullable ? values + "; null" : values;
    }

    private static string Default(ParameterDefinition parameter)
    {
        if (parameter.Required) return "required";
        string v1 = DefaultText(parameter, ApiGeneration.V1), v2 = DefaultText(parameter, ApiGeneration.V2);
        return v1 == v2 ? $"`{v1}`" : $"`{v1}` / `{v2}`";
    }

    private static string DefaultText(ParameterDefinition parameter, ApiGeneration generation)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) ParameterSchema.WriteDefault(writer, parameter, generation);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static string Result(ResultDefinition result)
    {
        var shape = result.Type == FieldType.Null ? "null: accepted." : $"{(result.Type is FieldType.Integer or FieldType.Array or FieldType.Object ? "an" : "a")} {result.Type.ToString().ToLowerInvariant()}. {result.Doc}";
        return result.Fields.IsEmpty ? shape : shape + "\n\n" + string.Join("\n", result.Fields.Select(f => $"- `{f.Name}` ({TypeOf(f)}): {f.Doc}"));
    }

    private static string TypeOf(FieldDefinition field) => field.Type.ToString().ToLowerInvariant() + (field.Nullable ? " or null" : "") + (field.Optional ? ", may be left out" : "");

    // One sentence when generations and directions agree, else one for each that differs.
    private static string States(MethodDefinition method, IStateTable table)
    {
        if (!table.IsLimited(method.Name)) return "";
        var onlyDirection = table.OnlyDirectionOf(method.Name);
        var lines = new List<(string Who, string States)>();
        foreach (var generation in (ApiGeneration[])[ApiGeneration.V1, ApiGeneration.V2])
        {
            foreach (var direction in (CallDirection[])[CallDirection.Inbound, CallDirection.Outbound])
            {
                if ((onlyDirection ?? direction) != direction) continue;
                var states = table.AllowedIn(method.Name, generation, direction);
                lines.Add(($"v{(int)generation} {direction.ToString().ToLowerInvariant()}", states.IsEmpty ? "in every state" : "in " + string.Join(", ", states.Select(s => $"`{s}`"))));
            }
        }
        var calls = onlyDirection is { } only ? $" (only {only.ToString().ToLowerInvariant()} calls)" : "";
        return lines.Select(l => l.States).Distinct().Count() == 1 ? lines[0].States + calls : string.Join("; ", lines.Select(l => $"{l.Who} {l.States}"));
    }

    private static string Cell(string doc) => doc.Replace("|", @"\|", StringComparison.Ordinal);

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}
