using System.Globalization;
using System.Text;
using System.Text.Json;
using Cti.Contract;
using Cti.Kernel;

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

            Made from the definitions that dispatch and validate requests (`Cti.Contract/Catalogue*.cs`); a test compares the two.
            How to connect, authenticate, retry and follow events: README. Parameters are given by name, or by position where a position is shown (v1 / v2).
            Null means the default, by name and by position, and `params: null` means none; hence a retry under the same id may write defaults or leave
            them out. Booleans are `true` and `false`, not 0 and 1. For file and key strings null and `""` are the same, except where the default has keys:
            there `""` is none. Spoken numbers and amounts are rounded, half to even, to the decimals that are spoken (6; amounts in yuan, jiao and fen 2)
            where they are given as JSON numbers, and taken exactly where they are given as strings.

            ## Transport

            `POST /v2/rpc` and `/v1/rpc` take one request or a batch as `application/json` in UTF-8, which is also what a body without a content type is
            taken for. The same paths open a WebSocket. `GET /v2/events` and `/v1/events` are the same stream of Server-Sent Events.
            Every request carries `Authorization: Bearer KEY`; where a browser cannot set a header, for a WebSocket and for an event stream,
            `?access_token=KEY` does it. Pages of any origin may use all of these (CORS), since nothing works without a key.

            A request has at most 32 KiB (`cti.gateway.request-bytes`). One that is larger is answered with error 413 and its id, wherever in it that stands
            (null for a batch, or where there is none or it is over 1 KiB), and nothing of it is carried out. The WebSocket stays open and its next message
            is read; only where one message has over 1 MiB beyond the bound it is closed with code 1009.
            A text that is no JSON is answered with -32700 and id null, and the WebSocket stays open as well; a binary frame closes it with 1003.


            """);
        text.Append("## Errors of every method\n\n");
        foreach (var code in Catalogue.CommonErrors.Concat([ErrorCodes.ParseError, ErrorCodes.InvalidRequest, ErrorCodes.MethodNotFound]).Order())
            Line(text, $"- `{code}`: {ErrorTexts.Of(code)}");
        text.Append("\n## Errors of some methods\n\n");
        foreach (var code in (int[])[ErrorCodes.NotFound, ErrorCodes.Conflict, ErrorCodes.Gone, ErrorCodes.TooLarge, ErrorCodes.NoGateway])
            Line(text, $"- `{code}`: {ErrorTexts.Of(code)}");
        text.Append("\n`ipsc_info` (`process_id`) comes with every error that concerns a resource of the caller's own, never with 404, and is that resource's; "
            + "`res_id` names it where the request named two.\n");
        WriteFormats(text);
        WriteRulings(text);
        foreach (var module in Catalogue.Methods.GroupBy(static method => method.Module))
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

            An application's recordings lie in its own record root, and no other application plays them: its full path is the answer's. Who plays another's
            file gets 404, as for one that is not there.
            With `rate` 16000 the format Pcm8 is written as linear PCM of 16 bit at 16 kHz, whatever the call's codec: it holds what a wideband call (G.722,
            Opus) says. Every other format has 8 kHz.
            A recording that the disk ends (full, failed) completes with 500; what there was before is under its name, readable in every format.
            """);
    }

    // How cases are answered that the contract leaves open: each is a decision.
    private static void WriteRulings(StringBuilder text) => text.Append("""

        ## Rulings

        How cases are answered that the contract leaves open, and why.

        Requests:

        - **A repeat** (the same UUID) is answered before anything is looked up: that the second call or the parent of an accepted request has gone meanwhile
          does not turn its answer into a 404. Results are remembered for ten minutes, refusals until the node restarts; 429, 503 and 504 are not remembered.
        - **Whose state a refusal means** is said where a request names two resources (the second party of a bridge, a parent, a conference): the message of a
          409 begins with that resource's id, which is also `data.res_id`, and `ipsc_info` of every refusal is that resource's.
        - **`get` is never behind an event that was delivered**: where two resources share something that one of them has ended, it waits for the other to
          hear of it; after 5 s it is 503. Where that one's node says nothing for a second, what is known here is answered. A list is not held up so and may
          show a state for a commit longer, and so may a 409 of a request that comes in those milliseconds. An application that reads a release from the
          store, after a resume, and asks at once may be told for a moment that the resource exists.
        - **503 instead of 404, 409 and `exists` false** is what a node answers that may have been replaced without knowing it, after 5 s: the successor may
          have accepted what it would refuse.
        - **504** gets a request that was on its way when its node was lost, changes something and has no UUID: it may have been carried out.
        - **Lists** wait until every instance has an owner, because a list without some of the calls would be wrong; `sys.node.list` answers for a node that
          cannot be reached too, with `calls` null.
        - **Null is the default, however it is given**, also where the default is no null. `finish_keys` of `receive_dtmf_start` has the default `#`: there
          null is `#`, as by position, and `""` is no key. Null, the default and nothing are one request to the check of repeats, in either generation.
        - **A URI comes back in one form**: with `sip:`, one text. Of a list of `ext.duo_callback` that nobody was chosen from yet, `get` shows what is tried
          first.
        - **Draining is no method**: it is `POST /nodes/NODE/drain` with an administrator's key, at any gateway. A request for a new call that would live on a
          draining node waits, 5 s at most, until its instance has moved.

        Dialling and ring-back:

        - **`on_dial_completed`** of a dialling that the application dropped has error 487, a time-out of ours 408, everything else the far end's status; a
          transport failure or an unknown host 503. An answer without a usable session description has 488, one that does not say where the far end is 502.
        - **480** is for a gateway that is not configured. With the embedded defaults (gateway on loopback, one key) applications may dial any host, so that a
          newcomer can place a call; with a configuration file they may not, unless it says so (`cti.sip.dial-any`).
        - **Ringing** is every provisional response above 100. Early media is what the newest one with SDP says; a later 180 without SDP does not bring the
          generated tone back, as the line goes on sending.
        - **`ring_play_mode` 3** is not in `setup-timeout`, which counts from the INVITE; `construct` is answered when the file begins. A file that cannot be
          played is passed over and the line's own ring-back is heard. A parent that hangs up or enters a conference during the file ends it: the child dials
          at once. A child waits an hour at most, the longest file there can be.
        - **A parent that refuses** leaves no trace of the child: no event, no call record. When `on_dial_completed` comes, the parent is back in `Idle` or
          `Connect`: the two may be bridged at once.
        - **`connect_stop` in `Dial`** is 409, although the bridge beneath stays up: the state table has it in `Connect` only. The bridge's own limits and
          hang-ups end it all the same.
        - **A conference as a parent** hears a generated tone while any child rings without sound of its own, beside its play; a line that brings sound is
          heard by all, though the child is no member. The conference's end does not end the child.

        Ends:

        - **The completion of a recording** after `record_stop`, a limit or a finish key waits until the file is complete, and so does the end of a recorded
          bridge by its limit, its stop or the second party's hang-up: 5 s at most, the time after which a disk that does not answer fails the recording. So
          the application finds the file whole.
        - **A hang-up does not wait**: it is one decision. So `on_record_completed`, or `on_connect_completed` of a recorded bridge whose first party hangs
          up, may come a moment before the file has its name.
        - **The release of a conference** is one decision too: `on_exited` of each member, the completions of play and recording (410; 503 when a node is
          lost), `on_released`. The members hear of it in the same moment, and their `on_conf_completed` may come before or after the conference's
          `on_released`: order holds per resource. `on_record_completed` may come a moment before the file has its name.
        - **`drop` of a flow**: while someone is being dialled its `error` is 487, as a dropped dialling has it; once the message began, or both are
          connected, null, like any other hang-up there; while keys are collected 410, like a hang-up before the end. `cancel` is 487 throughout. The second
          party's `on_dial2_completed` comes exactly once after each `on_dial2_started`, also where no gateway was usable. A flow whose call is gone without a
          word ends with 500.

        Conferences:

        - **A conference in which nobody is** is `Initiated`, also when somebody was in before. Its events carry its own `user_data`, `get_parts` the
          members'. A member that talks when it leaves is reported as silent first.
        - **`conf_enter` from `Play`** stops the play (487) only when the conference has let the call in; a refusal leaves it as it was. From a `Dial` that
          lies over a bridge it is 409: the other party of the bridge would be left with nobody. An early member whose dialling fails leaves with 410, as with
          any hang-up.
        - **A conference without room** refuses with 503, and no event tells of it.

        Files and speech:

        - **Another application's file** completes its play with 404, as one that is not there does, also where it is named by its full path; only a path that
          is in nobody's root is -32602. `record_file` outside the own record root is -32602 in every case, since nothing of another's is named by it.
        - **What cannot be played or recorded here**: a format that needs a library or engine which is not installed is 415 with what to install (the refusal
          of a recording, the completion of a play), before anything starts; so are pipes, devices and sockets, and the continuing of a recording in another
          format. A disk that does not answer, and an engine that is late or fails, are 500; a recording whose folder's disk does not answer is refused with
          503.
        - **A name in a language**: `["hello.wav", 0, "lang=en-US"]` is looked up as `ROOT/hello.wav`, `ROOT/en-US/hello.wav`, then among the built-in prompts
          of en-US. The contract has only the first and the last; the middle one is where an operator replaces a built-in prompt.
        - **Bounds of spoken content**: 1000 digits, 4000 characters of text, 3000 files and pieces in all; more is -32602. Digits (type 1) given as a JSON
          number are said as written, so `1e3` and `5.0` are refused there; the other types take them, rounded half to even to the decimals that they speak,
          because a binary fraction's last digits are nobody's wish, while a string is taken as it was meant.

        """);

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
            ParameterKind.Headers => $"object of `X-...`, {string.Join(", ", parameter.Choices.Select(c => $"`{c}`"))}",
            ParameterKind.PlayFile or ParameterKind.RecordFile => "file name",
            ParameterKind.Content => "string or list",
            ParameterKind.RecordFormat => "number of the format",
            ParameterKind.RecordFormatV1 => "number of the format in v1",
            ParameterKind.RecordRate => $"8000, {RecordFormats.WideRate}",
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
        var shape = result.Type == FieldType.Null
            ? "null: accepted."
            : $"{(result.Type is FieldType.Integer or FieldType.Array or FieldType.Object ? "an" : "a")} "
                + $"{result.Type.ToString().ToLowerInvariant()}. {result.Doc}";
        return result.Fields.IsEmpty ? shape : shape + "\n\n" + string.Join("\n", result.Fields.Select(f => $"- `{f.Name}` ({TypeOf(f)}): {f.Doc}"));
    }

    private static string TypeOf(FieldDefinition field) =>
        field.Type.ToString().ToLowerInvariant() + (field.Nullable ? " or null" : "") + (field.Optional ? ", may be left out" : "");

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
                lines.Add(($"v{(int)generation} {direction.ToString().ToLowerInvariant()}",
                    states.IsEmpty ? "in every state" : "in " + string.Join(", ", states.Select(s => $"`{s}`"))));
            }
        }
        var calls = onlyDirection is { } only ? $" (only {only.ToString().ToLowerInvariant()} calls)" : "";
        return lines.Select(l => l.States).Distinct().Count() == 1 ? lines[0].States + calls : string.Join("; ", lines.Select(l => $"{l.Who} {l.States}"));
    }

    private static string Cell(string doc) => doc.Replace("|", @"\|", StringComparison.Ordinal);

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}
