using System.Text.Json;
using Cti.Contract;

namespace Cti.Calls.Call;

/// <summary>Answers to questions about a call.</summary>
public static class CallQueries
{
    /// <summary>UTF-8 JSON of <c>sys.call.get</c>; also one item of <c>sys.call.list</c>.</summary>
    public static ReadOnlyMemory<byte> Get(CallState call, ApiGeneration generation) => CallEvents.Object(json =>
    {
        json.WriteString("res_id"u8, call.Id.ToString());
        json.WriteString("state"u8, call.StateName(generation));
        json.WriteString("call_dir"u8, call.Direction == CallDirection.Inbound ? "inbound"u8 : "outbound"u8);
        json.WriteString("from_uri"u8, call.FromUri.Length == 0 ? null : call.FromUri);
        json.WriteString("to_uri"u8, call.ToUri);
        json.WriteNumber("begin_time"u8, CallEvents.Seconds(call.BeginMillis));
        CallEvents.WriteTime(json, "answer_time"u8, call.AnswerMillis);
        if (call.MaxAnswerSeconds > 0) json.WriteNumber("max_answer_seconds"u8, call.MaxAnswerSeconds);
        else json.WriteNull("max_answer_seconds"u8);
        if (call.Direction == CallDirection.Outbound) json.WriteNumber("max_ring_seconds"u8, call.MaxRingSeconds);
        CallEvents.WriteUserData(json, call);
        CallEvents.WriteProcess(json, call, callId: true);
    });
}
