using System.Buffers;
using System.Text.Json;
using Cti.Calls.Call.Sagas;
using Cti.Contract;

namespace Cti.Calls.Call;

/// <summary>Writes events' parameters exactly as sys.call lists them.</summary>
internal static class CallEvents
{
    public static ReadOnlyMemory<byte> Incoming(CallState call, string? headers) => Write(call, json =>
    {
        json.WriteString("from_uri"u8, call.FromUri);
        json.WriteString("to_uri"u8, call.ToUri);
        json.WriteNumber("begin_time"u8, Seconds(call.BeginMillis));
        json.WriteNull("user_data"u8);
        WriteProcess(json, call, callId: false);
        WriteHeaders(json, headers);
    });

    public static ReadOnlyMemory<byte> Ringing(CallState call, long now, string? headers) => Write(call, json =>
    {
        json.WriteNumber("ring_time"u8, Seconds(now));
        WriteUserData(json, call);
        WriteHeaders(json, headers);
    });

    public static ReadOnlyMemory<byte> DialCompleted(CallState call, long now, int? error, string? message, string? headers) => Write(call, json =>
    {
        WriteError(json, error, message);
        json.WriteNumber("begin_time"u8, Seconds(call.BeginMillis));
        WriteTime(json, "answer_time"u8, error is null ? now : null);
        json.WriteNumber("end_time"u8, Seconds(now));
        WriteUserData(json, call);
        WriteHeaders(json, headers);
    });

    public static ReadOnlyMemory<byte> AnswerCompleted(CallState call, long now, int? error, string? message) => Write(call, json =>
    {
        WriteError(json, error, message);
        json.WriteNumber("begin_time"u8, Seconds(call.AnswerRequestedMillis ?? call.BeginMillis));
        json.WriteNumber("end_time"u8, Seconds(now));
        WriteUserData(json, call);
    });

    public static ReadOnlyMemory<byte> ActionCompleted(CallState call, CallAction action, ActionEnding ending, long now) => Write(call, json =>
    {
        WriteError(json, ending.Error, ending.Message);
        json.WriteNumber("begin_time"u8, Seconds(action.BeginMillis));
        json.WriteNumber("end_time"u8, Seconds(now));
        switch (action)
        {
            case PlayAction:
                json.WriteString("finish_key"u8, ending.FinishKey);
                break;
            case RecordAction record:
                json.WriteString("record_file"u8, record.FullPath);
                json.WriteString("finish_key"u8, ending.FinishKey);
                break;
            case ReceiveKeysAction receive:
                json.WriteString("keys"u8, receive.Keys);
                json.WriteString("finish_key"u8, ending.FinishKey);
                break;
        }
        WriteUserData(json, call);
    });

    public static ReadOnlyMemory<byte> SideRecordCompleted(CallState call, ActionEnding ending, long now) => Write(call, json =>
    {
        WriteError(json, ending.Error, ending.Message);
        json.WriteNumber("end_time"u8, Seconds(now));
    });

    public static ReadOnlyMemory<byte> ConnectCompleted(CallState call, Bridge bridge, ActionEnding ending, long now) => Write(call, json =>
    {
        WriteError(json, ending.Error, ending.Message);
        json.WriteNumber("begin_time"u8, Seconds(bridge.BeginMillis));
        json.WriteNumber("end_time"u8, Seconds(now));
        WriteUserData(json, call);
    });

    public static ReadOnlyMemory<byte> ConferenceCompleted(CallState call, ConferenceSeat seat, ActionEnding ending, long now) => Write(call, json =>
    {
        WriteError(json, ending.Error, ending.Message);
        json.WriteNumber("begin_time"u8, Seconds(seat.BeginMillis));
        json.WriteNumber("end_time"u8, Seconds(now));
        WriteUserData(json, call);
    });

    public static ReadOnlyMemory<byte> Released(CallState call, long now, string droppedBy, int cause, string? headers) => Write(call, json =>
    {
        json.WriteString("call_dir"u8, call.Direction == CallDirection.Inbound ? "inbound"u8 : "outbound"u8);
        json.WriteString("from_uri"u8, call.FromUri.Length == 0 ? null : call.FromUri);
        json.WriteString("to_uri"u8, call.ToUri);
        json.WriteNumber("begin_time"u8, Seconds(call.BeginMillis));
        WriteTime(json, "answer_time"u8, call.AnswerMillis);
        json.WriteNumber("end_time"u8, Seconds(now));
        json.WriteString("dropped_by"u8, droppedBy);
        json.WriteNumber("cause"u8, cause);
        WriteUserData(json, call);
        WriteProcess(json, call, callId: true);
        WriteHeaders(json, headers);
    });

    /// <summary>The name of an action's completion event.</summary>
    public static string CompletionOf(CallAction action) => action switch
    {
        PlayAction => "sys.call.on_play_completed",
        RecordAction => "sys.call.on_record_completed",
        SendKeysAction => "sys.call.on_send_dtmf_completed",
        ReceiveKeysAction => "sys.call.on_receive_dtmf_completed",
        _ => throw new ArgumentOutOfRangeException(nameof(action)),
    };

    public static ReadOnlyMemory<byte> ChannelClosed(ReadOnlyMemory<byte> record) => Object(json =>
    {
        json.WritePropertyName("data"u8);
        json.WriteRawValue(record.Span);
    });

    public static ReadOnlyMemory<byte> ConstructResult(CallState call) => Object(json =>
    {
        json.WriteString("res_id"u8, call.Id.ToString());
        json.WriteString("to_uri"u8, call.ToUri);
        WriteUserData(json, call);
        WriteProcess(json, call, callId: false);
    });

    public static ReadOnlyMemory<byte> Object(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    public static void WriteProcess(Utf8JsonWriter json, CallState call, bool callId)
    {
        json.WriteStartObject("ipsc_info"u8);
        json.WriteNumber("process_id"u8, call.Id.ProcessId);
        if (callId) json.WriteString("call_id"u8, call.SipCallId);
        json.WriteEndObject();
    }

    public static void WriteUserData(Utf8JsonWriter json, CallState call) => json.WriteString("user_data"u8, call.UserData);

    /// <summary>Header fields by name, each a list of its values; left out where the application wants to hear of none.</summary>
    public static void WriteHeaders(Utf8JsonWriter json, string? headers)
    {
        if (headers is null) return;
        json.WriteStartObject("headers"u8);
        var fields = headers.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line.Split(": ", 2));
        foreach (var values in fields.GroupBy(static field => field[0], static field => field.Length > 1 ? field[1] : "", StringComparer.OrdinalIgnoreCase))
        {
            json.WriteStartArray(values.Key);
            foreach (var value in values) json.WriteStringValue(value);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    public static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, long? millis)
    {
        if (millis is { } value) json.WriteNumber(name, Seconds(value));
        else json.WriteNull(name);
    }

    public static long Seconds(long millis) => millis / 1000;

    public static ReadOnlyMemory<byte> Write(CallState call, Action<Utf8JsonWriter> members) => Object(json =>
    {
        json.WriteString("res_id"u8, call.Id.ToString());
        members(json);
    });

    public static void WriteError(Utf8JsonWriter json, int? code, string? message)
    {
        if (code is null)
        {
            json.WriteNull("error"u8);
            return;
        }
        json.WriteStartObject("error"u8);
        json.WriteNumber("code"u8, code.Value);
        json.WriteString("message"u8, message ?? "");
        json.WriteEndObject();
    }
}
