using Cti.Kernel;

namespace Cti.Calls.Api;

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
            StateRules = [new(["Initiated", "Answered"])],
        };
        foreach (var module in (string[])["notify_call", "captcha_call", "duo_callback"])
        {
            yield return ExtMethod(module + ".exists", "Whether it exists.", ExistsResult, Res()) with { Changes = false, Errors = [] };
            yield return ExtMethod(module + ".drop", "Hangs up whatever is up.", null, Res()) with { Errors = [ErrorCodes.NotFound] };
            yield return ExtMethod(module + ".get", "It as last made durable: the parameters of `construct`, its state and its begin.", new(FieldType.Object, "The resource.",
                [ResField, new("state", FieldType.String, "Its state."), BeginField]), Res()) with
            { Changes = false, Errors = [ErrorCodes.NotFound] };
        }
    }

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
        FieldDefinition answered = Time("answer_time", "When it was answered; null: never.", nullable: true),
            user1 = UserDataField with { Name = "user_data1" }, user2 = UserDataField with { Name = "user_data2" };
        return
        [
            ExtEvent("notify_call.on_released", "It is over.", ResField, ErrorField, BeginField, answered, EndField, DroppedByField, UserDataField),
            ExtEvent("captcha_call.on_released", "It is over.", ResField, ErrorField, BeginField, answered, EndField, DroppedByField,
                new FieldDefinition("keys", FieldType.String, "The keys that came."), UserDataField),
            ExtEvent("duo_callback.on_dial1_completed", "The first party answered or not.", ResField, ErrorField, BeginField, answered, EndField, user1, user2),
            ExtEvent("duo_callback.on_dial2_started", "The second party is being called.", ResField, BeginField, user1, user2),
            ExtEvent("duo_callback.on_dial2_completed", "The second party answered or not.", ResField, ErrorField, BeginField, answered, EndField, user1, user2),
            ExtEvent("duo_callback.on_released", "It is over.", ResField, ErrorField, BeginField, answered,
                Time("connect_time", "When the connection began; null: never.", nullable: true), EndField, UserDataField, user1, user2),
        ];
    }
}
