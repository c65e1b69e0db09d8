using System.Collections.Immutable;
using Cti.Kernel;

namespace Cti.Contract;

public static partial class Catalogue
{
    private static MethodDefinition ExtMethod(string name, string doc, ResultDefinition? result, params ParameterDefinition[] parameters) =>
        new("ext." + name, doc, [.. parameters], result ?? ResultDefinition.Accepted)
        {
            Changes = true,
            Errors = [ErrorCodes.NoGateway],
        };

    private static IEnumerable<MethodDefinition> ExtMethods()
    {
        yield return ExtMethod("notify_call.construct", "Calls someone and plays a message.", Constructed(UserDataField),
            From(), To(), Content("play_content") with { Required = true }, Repeat("play_repeat", 1), RingSeconds(), UserData());
        yield return ExtMethod("captcha_call.construct", "Calls someone, plays a prompt and collects keys.", Constructed(UserDataField),
            [From(), To(), RingSeconds(), .. ReceiveKeysParameters(), UserData()]);
        yield return DuoCallbackConstruct();
        yield return ExtMethod("duo_callback.cancel", "Gives up; only before the second party answers.", null, Res()) with
        {
            Errors = [ErrorCodes.NotFound, ErrorCodes.Conflict],
        };
        foreach (var (module, fields) in ((string, ImmutableArray<FieldDefinition>)[])[("notify_call", NotifyFields), ("captcha_call", CaptchaFields),
            ("duo_callback", DuoFields)])
        {
            yield return ExtMethod(module + ".exists", "Whether it exists.", ExistsResult, Res()) with { Changes = false, Errors = [] };
            yield return ExtMethod(module + ".drop", "Hangs up whatever is up.", null, Res()) with { Errors = [ErrorCodes.NotFound] };
            yield return ExtMethod(module + ".get", "It as last made durable: the parameters of `construct`, its state and its begin.",
                new(FieldType.Object, "The resource.", [ResField, new("state", FieldType.String, "Its state."), BeginField, .. fields, ProcessField]),
                Res()) with
            { Changes = false, Errors = [ErrorCodes.NotFound] };
        }
    }

    private static FieldDefinition[] PartyFields(string number) =>
    [
        new($"from{number}_uri", FieldType.String, "The caller shown.", Nullable: true),
        new($"to{number}_uri", FieldType.String, "The URI that is called, with `sip:`; of a list the first, until another one was chosen."),
    ];

    private static FieldDefinition ContentField =>
        new("play_content", FieldType.Array, "As a list of `[content, type, options]`; null: none.", Nullable: true)
        { Elements = [FieldType.String, FieldType.Integer], IsNested = true };

    private static FieldDefinition RingSecondsField => new("max_ring_seconds", FieldType.Integer, "The limit on ringing.");

    private static ImmutableArray<FieldDefinition> NotifyFields =>
        [.. PartyFields(""), ContentField, new("play_repeat", FieldType.Integer, "How many times more it is played."), RingSecondsField, UserDataField];

    private static ImmutableArray<FieldDefinition> CaptchaFields =>
    [
        .. PartyFields(""), new("valid_keys", FieldType.String, "The keys that count."), new("max_keys", FieldType.Integer, "It ends with so many keys."),
        new("finish_keys", FieldType.String, "Any of these ends it."), new("first_key_timeout", FieldType.Integer, "Seconds."),
        new("continues_keys_timeout", FieldType.Integer, "Seconds."), ContentField,
        new("play_repeat", FieldType.Integer, "How many times the prompt is played again."),
        new("breaking_on_key", FieldType.Boolean, "Whether a key stops the prompt."),
        new("including_finish_key", FieldType.Boolean, "Whether the finish key is part of `keys`."),
        RingSecondsField, UserDataField,
    ];

    private static ImmutableArray<FieldDefinition> DuoFields =>
    [
        .. PartyFields("1"), .. PartyFields("2"), new("max_connect_seconds", FieldType.Integer, "The limit on the connection."),
        new("ring_play_file", FieldType.String, "What the first party hears while the second is dialled.", Nullable: true),
        new("ring_play_mode", FieldType.Integer, "As `sys.call.construct`."),
        new("record_file", FieldType.String, "The recording's full path.", Nullable: true), new("record_mode", FieldType.Integer, "From when it is recorded."),
        new("record_format", FieldType.Integer, "A number of the older generation's table."),
        UserDataField with { Name = "user_data1" }, UserDataField with { Name = "user_data2" }, RingSecondsField,
    ];

    private static MethodDefinition DuoCallbackConstruct()
    {
        var userData1 = new FieldDefinition("user_data1", FieldType.String, "As given.", Nullable: true);
        var recordFile = new FieldDefinition("record_file", FieldType.String, "The recording's full path.", Nullable: true);
        return ExtMethod("duo_callback.construct", "Calls the first party, then the second, and connects them.",
            Constructed(recordFile, userData1, userData1 with { Name = "user_data2" }),
            From("from1_uri") with { Aliases = ["form1_uri"] }, To("to1_uri"), From("from2_uri") with { Aliases = ["form2_uri"] }, To("to2_uri"),
            Duration("max_connect_seconds", "Longest connection.") with { Required = true }, RingSeconds(),
            File("ring_play_file", "What the first party hears while the second is dialled."),
            Int("ring_play_mode", 0, 3, "As `sys.call.construct`.") with { Default = 0 },
            RecordFile("Null: no recording.") with { Nullable = true },
            Int("record_mode", 0, 2, "0 from the connection on; 1 from calling the first party; 2 from calling the second.") with { Default = 0 },
            new("record_format", ParameterKind.RecordFormatV1, "A number of the older generation's table, in both.") { Default = RecordFormats.Default },
            UserData("user_data1"), UserData("user_data2"));
    }

    private static EventDefinition ExtEvent(string name, string doc, params FieldDefinition[] fields) => new("ext." + name, doc, [.. fields]);

    private static IEnumerable<EventDefinition> ExtEvents()
    {
        FieldDefinition endedBy = DroppedByField with { Nullable = true, Doc = DroppedByField.Doc + " Null: it was never up." };
        FieldDefinition answered = Time("answer_time", "When it was answered; null: never.", nullable: true),
            user1 = UserDataField with { Name = "user_data1" }, user2 = UserDataField with { Name = "user_data2" };
        return
        [
            ExtEvent("notify_call.on_released", "It is over.", ResField, ErrorField, BeginField, answered, EndField, endedBy, UserDataField),
            ExtEvent("captcha_call.on_released", "It is over.", ResField, ErrorField, BeginField, answered, EndField, endedBy,
                new FieldDefinition("keys", FieldType.String, "The keys that came."), UserDataField),
            ExtEvent("duo_callback.on_dial1_completed", "The first party answered or not.", ResField, ErrorField, BeginField, answered, EndField, user1, user2),
            ExtEvent("duo_callback.on_dial2_started", "The second party is being called.", ResField, BeginField, user1, user2),
            ExtEvent("duo_callback.on_dial2_completed", "The second party answered or not.", ResField, ErrorField, BeginField, answered,
                EndField, user1, user2),
            ExtEvent("duo_callback.on_released", "It is over.", ResField, ErrorField, BeginField, answered,
                Time("connect_time", "When the connection began; null: never.", nullable: true), EndField, UserDataField, user1, user2),
        ];
    }
}
