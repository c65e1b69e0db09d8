using Cti.Kernel;

namespace Cti.Contract;

public static partial class Catalogue
{
    private static IEnumerable<MethodDefinition> CallTransferMethods()
    {
        yield return CallMethod("refer", "Asks the far end to call somebody else (REFER), in the place of another call where that is named; "
            + "`on_refer_completed` follows exactly once, the call stays until somebody hangs up. On an answered call, one at a time.", null,
            Res("The call."),
            new("to_uri", ParameterKind.RedirectUri, "Whom the far end is to call, `[sip:]user@host[:port]`; null: the far end of `replaces_call_res_id`.")
            {
                Nullable = true, EmptyAllowed = false,
            },
            new("replaces_call_res_id", ParameterKind.ResourceId, "An attended transfer: an answered call of the application's own, in whose place the new "
                + "one comes; its far end then hangs up that call.")
            { Nullable = true, OtherModule = Modules.Call },
            Bool("reports", true, "Whether the far end is asked to tell what becomes of it; false: it is over once that has accepted."),
            Headers("REFER"));
        yield return CallMethod("refer_accept", "Accepts what `on_refer` tells of: the far end hears 202, and 100 as the first report. Calling is the "
            + "application's affair.", null, Res("The call."));
        yield return CallMethod("refer_reject", "Refuses what `on_refer` tells of.", null,
            Res("The call."), Int("cause", 400, 699, "The SIP status of the refusal.") with { Default = 603 });
        yield return CallMethod("refer_notify", "Tells the far end how it goes, after `refer_accept`; a final status is the last one.", null,
            Res("The call."), Int("status", 100, 699, "The SIP status of the call that the application made: 180 it rings, 200 it is up, 486 busy.")
                with
            { Required = true });
    }

    private static IEnumerable<EventDefinition> CallTransferEvents()
    {
        FieldDefinition from = new("from_uri", FieldType.String, "The caller.", Nullable: true), to = new("to_uri", FieldType.String, "The called."),
            referrer = new("referred_by", FieldType.String, "The SIP URI of whoever asks, as he says; null: he does not.", Nullable: true);
        yield return CallEvent("on_refer_progress", "The far end tells how the transfer that `refer` asked for goes.", ResField,
            new("status", FieldType.Integer, "A SIP status, 100..199."), new("reason", FieldType.String, "In words, maybe empty."), UserDataField);
        yield return CallEvent("on_refer_completed", "The transfer that `refer` asked for is over. Its error is null where it went well, where the far end "
            + "hung up after it had accepted, and where it was asked to report nothing.", ResField, ErrorField,
            new("status", FieldType.Integer, "The SIP status that the far end told last, 200..299 where it went well; null: it told none.", Nullable: true),
            BeginField, EndField, UserDataField);
        yield return CallEvent("on_refer", "The far end asks us to call somebody (REFER): `refer_accept` or `refer_reject`; after 8 s it is refused with 603.",
            ResField, new("to_uri", FieldType.String, "Whom to call, a `sip`, `sips` or `tel` URI as it came: nobody has checked whether it may be called."),
            new("replaces", FieldType.String, "The dialog that the new call is to replace, as `headers` of `construct` takes it under `Replaces`; null: none.",
                Nullable: true),
            new("replaces_call_res_id", FieldType.String, "The application's own call whose dialog that is; null: none of its own.", Nullable: true),
            referrer, UserDataField, HeardHeaders("REFER"));
        yield return CallEvent("on_replace", "Someone calls in the place of a call that is answered, or of one of ours that rings (INVITE with Replaces), in "
            + "the stead of `on_incoming`: once `answer` is acknowledged that one is hung up; by default it is refused with 603.", ResField,
            new("replaces_call_res_id", FieldType.String, "The call whose place it takes."), from, to, referrer, BeginField, UserDataField, ProcessField,
            HeardHeaders("INVITE"));
    }
}
