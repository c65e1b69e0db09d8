using Cti.Calls.Call.Sagas;

namespace Cti.Calls.Call;

/// <summary>The parameters of the events of transfers.</summary>
internal static class ReferEvents
{
    public static ReadOnlyMemory<byte> Progress(CallState call, int status, string reason) => CallEvents.Write(call, json =>
    {
        json.WriteNumber("status"u8, status);
        json.WriteString("reason"u8, reason);
        CallEvents.WriteUserData(json, call);
    });

    public static ReadOnlyMemory<byte> Completed(CallState call, Referral referral, ActionEnding ending, long now) => CallEvents.Write(call, json =>
    {
        CallEvents.WriteError(json, ending.Error, ending.Message);
        if (referral.Status is { } status) json.WriteNumber("status"u8, status);
        else json.WriteNull("status"u8);
        json.WriteNumber("begin_time"u8, CallEvents.Seconds(referral.BeginMillis));
        json.WriteNumber("end_time"u8, CallEvents.Seconds(now));
        CallEvents.WriteUserData(json, call);
    });

    public static ReadOnlyMemory<byte> Asked(CallState call, ReferOfTheirs referred) => CallEvents.Write(call, json =>
    {
        json.WriteString("to_uri"u8, referred.Uri);
        json.WriteString("replaces"u8, referred.Replaces);
        json.WriteString("replaces_call_res_id"u8, referred.Other);
        json.WriteString("referred_by"u8, referred.ReferredBy);
        CallEvents.WriteUserData(json, call);
        CallEvents.WriteHeaders(json, referred.Headers);
    });

    public static ReadOnlyMemory<byte> Replaces(CallState call, string? referredBy, string? headers) => CallEvents.Write(call, json =>
    {
        json.WriteString("replaces_call_res_id"u8, call.Replaces);
        json.WriteString("from_uri"u8, call.FromUri);
        json.WriteString("to_uri"u8, call.ToUri);
        json.WriteString("referred_by"u8, referredBy);
        json.WriteNumber("begin_time"u8, CallEvents.Seconds(call.BeginMillis));
        json.WriteNull("user_data"u8);
        CallEvents.WriteProcess(json, call, callId: false);
        CallEvents.WriteHeaders(json, headers);
    });
}
