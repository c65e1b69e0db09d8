using System.Collections.Immutable;
using Cti.Kernel;

namespace Cti.Contract;

public static partial class Catalogue
{
    private static MethodDefinition ConferenceMethod(string name, string doc, ResultDefinition? result, params ParameterDefinition[] parameters) =>
        new("sys.conf." + name, doc, [.. parameters], result ?? ResultDefinition.Accepted)
        {
            Changes = true,
            Errors = [ErrorCodes.NotFound, ErrorCodes.Conflict],
        };

    private static ParameterDefinition VoiceMode(string name) =>
        Int(name, 1, 4, "1 talk and hear; 2 hear only; 3 talk only; 4 neither.") with { Default = 1 };

    private static IEnumerable<MethodDefinition> ConferenceMethods()
    {
        var member = new ParameterDefinition("call_res_id", ParameterKind.ResourceId, "The member.") { Required = true, OtherModule = Modules.Call };
        yield return ConferenceMethod("construct", "Makes a conference.", Constructed(UserDataField),
            Duration("max_seconds", "It is released after that.") with { Required = true },
            RecordFile("Records the mix from the start; null: no recording.") with { Nullable = true },
            File("bg_file", "Background sound, looped."),
            Threshold("parts_threshold") with { Default = 1 },
            UserData(),
            Bool("talker_events", false, "Whether `on_talker` is sent.")) with
        { Errors = [] };
        yield return ConferenceMethod("exists", "Whether a conference exists.", ExistsResult, Res("The conference.")) with { Changes = false, Errors = [] };
        yield return ConferenceMethod("release", "Ends it; members return to `Idle`.", null, Res("The conference."));
        yield return ConferenceMethod("get_parts", "The members now.", new(FieldType.Array, "The members.",
        [
            new("res_id", FieldType.String, "The call."), new("voice_mode", FieldType.Integer, "1 to 4."),
            new("volume", FieldType.Integer, "dB.", Nullable: true), UserDataField,
        ]), Res("The conference.")) with
        { Changes = false, Errors = [ErrorCodes.NotFound] };
        yield return ConferenceMethod("play_start", "Plays to all who hear; one play at a time.", null, Res("The conference."),
            Content() with { Required = true, Aliases = ["file"] }, Bool("is_loop", false, "Whether it starts over at its end."));
        yield return ConferenceMethod("play_stop", "Stops the play.", null, Res("The conference."));
        yield return ConferenceMethod("record_start", "Records the mix; one recording at a time.", PathResult, Res("The conference."),
            Duration("max_seconds", "Longest recording; reaching it completes with error 408.") with { Required = true },
            RecordFile("Where to, under the record root.") with { Required = true, EmptyAllowed = false }, Format(), Rate());
        yield return ConferenceMethod("record_stop", "Stops the recording; its completion has error 487.", null, Res("The conference."));
        yield return ConferenceMethod("set_parts_threshold", "Takes effect when the next member leaves.", null, Res("The conference."),
            Threshold("value") with { Required = true });
        yield return ConferenceMethod("set_part_voice_mode", "Changes what a member may do.", null, Res("The conference."), member, VoiceMode("mode"));
        yield return ConferenceMethod("set_part_volume", "Changes a member's volume.", null, Res("The conference."), member,
            Int("volume", -20, 20, "dB.") with { Required = true });
        yield return ConferenceMethod("nop", "Does nothing; answers whether the conference is there.", null, Res("The conference."))
            with
        { Errors = [ErrorCodes.NotFound] };
        yield return ConferenceMethod("get", "A conference as last made durable; never behind an event that was delivered.",
            new(FieldType.Object, "The conference.", ConferenceFields), Res("The conference.")) with
        { Changes = false, Errors = [ErrorCodes.NotFound] };
        yield return ConferenceMethod("list", "The application's own conferences.", ListResult(ConferenceFields),
            new("state", ParameterKind.Choice, "Only those in this state.") { Nullable = true, Choices = ["Initiated", "Active"] },
            Int("limit", 1, 1000, "How many at most.") with { Default = 100 },
            new("after", ParameterKind.Text, "`next` of the page before.") { Nullable = true, EmptyAllowed = false }) with
        { Changes = false, Errors = [] };
    }

    private static ImmutableArray<FieldDefinition> ConferenceFields =>
    [
        ResField, new("state", FieldType.String, "`Initiated` (nobody is in) or `Active`."), BeginField,
        new("max_seconds", FieldType.Integer, "Its limit."),
        new("record_file", FieldType.String, "The full path of the recording that runs.", Nullable: true),
        new("bg_file", FieldType.String, "The background.", Nullable: true),
        new("parts_threshold", FieldType.Integer, "As last set."), UserDataField,
        new("talker_events", FieldType.Boolean, "Whether `on_talker` is sent."), ProcessField,
    ];

    private static ParameterDefinition Threshold(string name) => Int(name, int.MinValue, int.MaxValue,
        "Once a second member has been in and one leaves, it is released when at most so many remain; 0: when nobody does; negative: never.");

    private static IEnumerable<EventDefinition> ConferenceEvents()
    {
        var member = new FieldDefinition("call_res_id", FieldType.String, "The call.");
        return
        [
            ConferenceEvent("sys.conf.on_entered", "A call entered.", ResField, member, UserDataField),
            ConferenceEvent("sys.conf.on_exited", "A call left.", ResField, member, UserDataField),
            ConferenceEvent("sys.conf.on_play_completed", "The play ended.", ResField, ErrorField, BeginField, EndField, UserDataField),
            ConferenceEvent("sys.conf.on_record_completed", "The recording ended.", ResField, ErrorField, BeginField, EndField,
                new FieldDefinition("record_file", FieldType.String, "Its full path."), UserDataField),
            ConferenceEvent("sys.conf.on_released", "The conference is over.", ResField, BeginField, EndField, UserDataField),
            ConferenceEvent("sys.conf.on_talker", "A member began or ceased to talk.", ResField, member,
                new FieldDefinition("talking", FieldType.Boolean, "Which of the two.")),
        ];
    }

    private static EventDefinition ConferenceEvent(string name, string doc, params FieldDefinition[] parameters) => new(name, doc, [.. parameters]);
}
