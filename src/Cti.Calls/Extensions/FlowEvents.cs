using System.Text.Json;
using Cti.Calls.Call;

namespace Cti.Calls.Extensions;

/// <summary>Writes events' parameters exactly as ext lists them.</summary>
internal static class FlowEvents
{
    public static ReadOnlyMemory<byte> Released(FlowState flow, FlowEnd end, long now) => Write(flow, json =>
    {
        CallEvents.WriteError(json, end.Error, end.Message);
        json.WriteNumber("begin_time"u8, CallEvents.Seconds(flow.BeginMillis));
        CallEvents.WriteTime(json, "answer_time"u8, flow.First.AnswerMillis);
        if (flow.Spec is DuoSpec) CallEvents.WriteTime(json, "connect_time"u8, flow.ConnectMillis);
        json.WriteNumber("end_time"u8, CallEvents.Seconds(now));
        if (flow.Spec is not DuoSpec) json.WriteString("dropped_by"u8, flow.First.DroppedBy);
        if (flow.Spec is CaptchaSpec) json.WriteString("keys"u8, flow.Keys);
        json.WriteString("user_data"u8, flow.UserData);
        if (flow.Spec is DuoSpec) WriteUserData(json, flow);
    });

    public static ReadOnlyMemory<byte> DialStarted(FlowState flow) => Write(flow, json =>
    {
        json.WriteNumber("begin_time"u8, CallEvents.Seconds(flow.Second!.BeginMillis));
        WriteUserData(json, flow);
    });

    public static ReadOnlyMemory<byte> DialCompleted(FlowState flow, int party, FlowEnd end, long? answerMillis, long endMillis) => Write(flow, json =>
    {
        CallEvents.WriteError(json, end.Error, end.Message);
        json.WriteNumber("begin_time"u8, CallEvents.Seconds(flow.Party(party)!.BeginMillis));
        CallEvents.WriteTime(json, "answer_time"u8, answerMillis);
        json.WriteNumber("end_time"u8, CallEvents.Seconds(endMillis));
        WriteUserData(json, flow);
    });

    public static void WriteUserData(Utf8JsonWriter json, FlowState flow)
    {
        json.WriteString("user_data1"u8, flow.PartySpec(1).UserData);
        json.WriteString("user_data2"u8, flow.PartySpec(2).UserData);
    }

    private static ReadOnlyMemory<byte> Write(FlowState flow, Action<Utf8JsonWriter> members) => CallEvents.Object(json =>
    {
        json.WriteString("res_id"u8, flow.Id.ToString());
        members(json);
    });
}
