using System.Collections.Immutable;
using Cti.Kernel;

namespace Cti.Contract;

public static partial class Catalogue
{
    private static ImmutableArray<string> CallStates =>
        [.. Enum.GetValues<CallPhase>().Where(static state => state != CallPhase.Released).Select(static state => state.ToString())];

    private static IEnumerable<MethodDefinition> CallMethods() =>
        [.. CallLifeMethods(), .. CallActionMethods(), .. CallKeyMethods(), .. CallJoinMethods(), .. CallTransferMethods(), .. CallInspectionMethods()];

    private static MethodDefinition CallMethod(string name, string doc, ResultDefinition? result, params ParameterDefinition[] parameters) =>
        new("sys.call." + name, doc, [.. parameters], result ?? ResultDefinition.Accepted)
        {
            Changes = true,
            Errors = [ErrorCodes.NotFound, ErrorCodes.Conflict],
        };

    private static FieldDefinition HeardHeaders(string message) => new("headers", FieldType.Object,
        $"Header fields of the {message}, by name, each a list of values: those that the application's configuration names (`applications.NAME.headers`); "
        + "left out where it names none, or no such message came.")
    {
        Optional = true,
    };

    private static IEnumerable<MethodDefinition> CallLifeMethods()
    {
        yield return CallMethod("construct", "Calls someone. `on_ringing` at most once, then `on_dial_completed` exactly once.",
            Constructed(new FieldDefinition("to_uri", FieldType.String, "The URI that is called."), UserDataField),
            From(), To(),
            Duration("max_answer_seconds", "The call is dropped that long after its answer.") with { Required = true },
            RingSeconds(),
            new("parent_call_res_id", ParameterKind.ResourceId, "A call that hears the ring-back: in `Idle` or `Connect`; it is in `Dial` until the dialling "
                + "ends. Not together with `parent_conf_res_id`.")
            { Nullable = true, OtherModule = Modules.Call },
            new("parent_conf_res_id", ParameterKind.ResourceId, "A conference in which everyone hears the ring-back.")
            {
                Nullable = true, OtherModule = Modules.Conference,
            },
            File("ring_play_file", "What the parent hears instead of the line's ring-back; without `parent_call_res_id` it does nothing."),
            Int("ring_play_mode", 0, 3, "0 from the ringing on; 1 from dialling until the ringing; 2 from dialling until the answer; 3 before dialling.")
                with
            { Default = 0 },
            UserData(),
            Headers("INVITE", asserts: true)) with
        {
            Errors = [ErrorCodes.NoGateway, ErrorCodes.NotFound, ErrorCodes.Conflict],
        };
        yield return CallMethod("exists", "Whether a call exists.", ExistsResult, Res("The call.")) with { Changes = false, Errors = [] };
        yield return CallMethod("nop", "Restarts the clock that releases a call without a command.", null, Res("The call."))
            with
        { Errors = [ErrorCodes.NotFound] };
        yield return CallMethod("answer", "Answers an inbound call; `on_answer_completed` follows.", null,
            Res("The call."), Duration("max_answer_seconds", "The call is dropped that long after its answer.") with { Required = true }, UserData(),
            Headers("answer"));
        yield return CallMethod("reject", "Refuses an inbound call; `on_released` follows.", null,
            Res("The call."), Int("cause", 400, 699, "The SIP status of the refusal.") with { Default = 603 }, UserData(), Headers("refusal"));
        yield return CallMethod("drop", "Hangs up; `on_released` follows. Outbound calls in any state; inbound ones, in the present generation, once answered.",
            null, Res("The call."), Int("cause", 200, 699, "The SIP status shown in `on_released`; 400..699 where it refuses a call.") with { Default = 603 },
            Headers("BYE, the CANCEL or the refusal"));
        yield return CallMethod("redirect", "Sends an inbound caller elsewhere (302); `on_released` follows.", null,
            Res("The call."),
            new("redirect_uri", ParameterKind.RedirectUri, "`[sip:]user@host[:port]`; `[sip:]host[:port]` keeps the dialled user part.") { Required = true },
            UserData(), Headers("redirection"));
    }

    private static IEnumerable<MethodDefinition> CallActionMethods()
    {
        yield return CallMethod("play_start", "Plays to the far end; `on_play_completed` follows.", null,
            Res("The call."), Content() with { Required = true },
            new("finish_keys", ParameterKind.Keys, "Any of these keys stops it; null: none does.") { Nullable = true },
            Repeat("repeat", 0));
        yield return CallMethod("play_stop", "Stops the play; its completion has no error.", null, Res("The call."));
        yield return CallMethod("record_start", "Records the far end; `on_record_completed` follows.", PathResult,
            Res("The call."), Duration("max_seconds", "Longest recording; reaching it completes with error 408.") with { Required = true },
            Bool("beep", true, "A tone before it starts; it is not in the file."),
            RecordFile("Where to, under the record root; the format sets the extension.") with { Required = true, EmptyAllowed = false },
            Format(),
            new("finish_keys", ParameterKind.Keys, "Any of these keys ends it without error.") { Default = "" },
            Rate());
        yield return CallMethod("record_stop", "Stops the recording; its completion has error 487.", null, Res("The call."));
    }

    private static ParameterDefinition[] ReceiveKeysParameters() =>
    [
        new("valid_keys", ParameterKind.Keys, "The keys that count; any other is ignored, also as a finish key.") { Default = DtmfKeys, EmptyAllowed = false },
        Int("max_keys", 1, Limits.KeysMax, "It ends with so many keys.") with { Default = 11 },
        new("finish_keys", ParameterKind.Keys, "Any of these ends it.") { Default = "#" },
        Int("first_key_timeout", 1, Limits.TimeoutSecondsMax, "Longest wait for the first key, from the end of the prompt. Seconds.") with { Default = 45 },
        Int("continues_keys_timeout", 1, Limits.TimeoutSecondsMax, "Longest wait for each further key. Seconds.") with { Default = 30 },
        Content("play_content") with { Nullable = true, Doc = "A prompt, as `content` of `sys.call.play_start`; null: none." },
        Repeat("play_repeat", 0) with { Doc = "How many times the prompt is played again when no first key comes." },
        Bool("breaking_on_key", true, "Whether the first valid key stops the prompt.") with { Aliases = ["if_break_on_key"] },
        Bool("including_finish_key", false, "Whether the finish key is part of `keys`."),
    ];

    private static IEnumerable<MethodDefinition> CallKeyMethods()
    {
        yield return CallMethod("send_dtmf_start", "Sends keys; `on_send_dtmf_completed` follows.", null,
            Res("The call."),
            new("keys", ParameterKind.Keys, "The keys; `,` is a pause of 500 ms.") { Required = true, EmptyAllowed = false, Alphabet = DtmfKeys + "," });
        yield return CallMethod("receive_dtmf_start", "Collects keys; `on_receive_dtmf_completed` follows.", null,
            [Res("The call."), .. ReceiveKeysParameters()]);
        foreach (var name in (string[])["stop_receive_dtmf_start", "receive_dtmf_stop"])
            yield return CallMethod(name, "Ends the collecting of keys; its completion has the keys so far and no error.", null, Res("The call."));
    }

    private static IEnumerable<MethodDefinition> CallJoinMethods()
    {
        yield return CallMethod("connect_start", "Bridges two calls; `on_connect_completed` follows on the first.", null,
            Res("The first party."), Duration("max_seconds", "Longest connection.") with { Required = true },
            new("call_res_id", ParameterKind.ResourceId, "The second party.") { Required = true, OtherModule = Modules.Call },
            Int("connect_mode", 1, 3, "1 both hear; 2 only the second hears the first; 3 only the first hears the second.") with { Default = 1 },
            RecordFile("Records both, the first party left; null: no recording.") with { Nullable = true },
            Format(),
            Volume("local_volume", "Of the first party's sound.") with { Default = 0 },
            Volume("remote_volume", "Of the second party's sound.") with { Default = 0 },
            new("schedule_play_time", ParameterKind.Int64, "When to play `schedule_play_file` to both; 0: never. Unix seconds.")
            {
                Min = 0, Max = ResourceId.ProcessIdMax, Default = 0L,
            },
            File("schedule_play_file", "What to play then."),
            Int("schedule_play_loop", 0, Limits.RepeatMax, "How many times.") with { Default = 0 },
            Rate());
        yield return CallMethod("connect_stop", "Ends the bridge; on the first party only.", null, Res("The first party."));
        yield return CallMethod("conf_enter", "Enters a conference; `on_conf_completed` follows when it has left.", null,
            Res("The call."), new("conf_res_id", ParameterKind.ResourceId, "The conference.") { Required = true, OtherModule = Modules.Conference },
            Duration("max_seconds", "It leaves by itself after that.") with { Required = true },
            Int("voice_mode", 1, 4, "1 talk and hear; 2 hear only; 3 talk only; 4 neither.") with { Default = 1 },
            Volume("volume", "Of its sound."),
            File("play_file", "Played to the conference on entry."));
        yield return CallMethod("conf_exit", "Leaves a conference.", null,
            Res("The call."), new("conf_res_id", ParameterKind.ResourceId, "The conference.") { Required = true, OtherModule = Modules.Conference });
    }

    private static IEnumerable<MethodDefinition> CallInspectionMethods()
    {
        yield return CallMethod("get", "A call as last made durable; never behind an event that was delivered.", new(FieldType.Object, "The call.", CallFields),
            Res("The call.")) with
        { Changes = false, Errors = [ErrorCodes.NotFound] };
        yield return CallMethod("list", "The application's own calls.", ListResult(CallFields),
            new("state", ParameterKind.Choice, "Only those in this state.") { Nullable = true, Choices = CallStates },
            Int("limit", 1, 1000, "How many at most.") with { Default = 100 },
            new("after", ParameterKind.Text, "`next` of the page before.") { Nullable = true, EmptyAllowed = false }) with
        { Changes = false, Errors = [] };
    }

    private static ImmutableArray<FieldDefinition> CallFields =>
    [
        ResField, new("state", FieldType.String, "Its state."), new("call_dir", FieldType.String, "`inbound` or `outbound`."),
        new("from_uri", FieldType.String, "The caller.", Nullable: true), new("to_uri", FieldType.String, "The called."), BeginField,
        Time("answer_time", "When it was answered; null: not yet.", nullable: true),
        new("max_answer_seconds", FieldType.Integer, "Its limit; null: not answered yet.", Nullable: true),
        new("max_ring_seconds", FieldType.Integer, "Of an outbound call only.") { Optional = true }, UserDataField, CallProcessField,
    ];

    private static ResultDefinition ListResult(ImmutableArray<FieldDefinition> item) => new(FieldType.Object, "One page.",
        [new("items", FieldType.Array, "As `get` answers them.") { Fields = item },
            new("next", FieldType.String, "What to give as `after` for the next page; null: that was all.", Nullable: true)]);

    private static EventDefinition CallEvent(string name, string doc, params FieldDefinition[] parameters) =>
        new("sys.call." + name, doc, [.. parameters]);

    private static FieldDefinition FinishKey() => new("finish_key", FieldType.String, "The key that ended it.", Nullable: true);

    private static IEnumerable<EventDefinition> CallEvents() => [.. CallOwnEvents(), .. CallTransferEvents()];

    private static IEnumerable<EventDefinition> CallOwnEvents()
    {
        FieldDefinition from = new("from_uri", FieldType.String, "The caller.", Nullable: true), to = new("to_uri", FieldType.String, "The called."),
            recordFile = new("record_file", FieldType.String, "The full path that `record_start` answered."),
            answered = Time("answer_time", "When it was answered; null: never.", nullable: true);
        yield return CallEvent("on_incoming", "Someone calls.", ResField, from, to, BeginField, UserDataField,
            ProcessField, HeardHeaders("INVITE"));
        yield return CallEvent("on_ringing", "The far end rings.", ResField, Time("ring_time", "Since when."), UserDataField,
            HeardHeaders("provisional response"));
        yield return CallEvent("on_dial_completed", "The far end answered, or the dialling failed.", ResField, ErrorField, BeginField, answered,
            EndField, UserDataField, HeardHeaders("final response"));
        yield return CallEvent("on_answer_completed", "The answering of an inbound call succeeded or failed.", ResField, ErrorField, BeginField,
            EndField, UserDataField);
        yield return CallEvent("on_play_completed", "A play ended.", ResField, ErrorField, BeginField, EndField, FinishKey(), UserDataField);
        yield return CallEvent("on_record_completed", "A recording ended; the file is complete.", ResField, ErrorField, BeginField, EndField, recordFile,
            FinishKey(), UserDataField);
        yield return CallEvent("on_send_dtmf_completed", "The keys were sent.", ResField, ErrorField, BeginField, EndField, UserDataField);
        yield return CallEvent("on_receive_dtmf_completed", "The collecting of keys ended.", ResField, ErrorField, BeginField, EndField,
            new("keys", FieldType.String, "The keys so far."), FinishKey(), UserDataField);
        yield return CallEvent("on_connect_completed", "The bridge ended; on the first party.", ResField, ErrorField, BeginField, EndField, UserDataField);
        yield return CallEvent("on_conf_completed", "The call left a conference.", ResField, ErrorField, BeginField, EndField, UserDataField);
        yield return CallEvent("on_released", "The call is over, the resource is gone.", ResField,
            new("call_dir", FieldType.String, "`inbound` or `outbound`."), from, to, BeginField, answered, EndField, DroppedByField,
            new("cause", FieldType.Integer, "The SIP status."), UserDataField,
            CallProcessField, HeardHeaders("far end's BYE or CANCEL")) with
        {
            Media = "for a call that had media an object with `received` and `sent`, the two RTP streams, each with `codec`, `packets`, `lost`, `jitter_ms`, "
                + "`round_trip_ms` and `mos`, "
                + "an estimated mean opinion score 1..4.5; what is lost of `sent`, and how it jitters, is as the far end last reported it; null: unknown",
        };
    }
}
