using System.Buffers;
using System.Text.Json;
using Cti.Calls.Call;

namespace Cti.Calls.Conference;

/// <summary>Writes answers and events' parameters exactly as sys.conf lists them.</summary>
internal static class ConferenceEvents
{
    public static ReadOnlyMemory<byte> ConstructResult(ConferenceState conference) => Write(conference, json =>
    {
        WriteUserData(json, conference);
        WriteProcess(json, conference);
    });

    public static ReadOnlyMemory<byte> Describe(ConferenceState conference) => Write(conference, json =>
    {
        json.WriteString("state"u8, conference.Phase.ToString());
        json.WriteNumber("begin_time"u8, CallEvents.Seconds(conference.BeginMillis));
        json.WriteNumber("max_seconds"u8, conference.MaxSeconds);
        json.WriteString("record_file"u8, conference.Recording?.FullPath);
        json.WriteString("bg_file"u8, conference.Background.IsEmpty ? null : string.Join('|', conference.Background));
        json.WriteNumber("parts_threshold"u8, conference.PartsThreshold);
        WriteUserData(json, conference);
        json.WriteBoolean("talker_events"u8, conference.TalkerEvents);
        WriteProcess(json, conference);
    });

    /// <summary>The answer of <c>get_parts</c>.</summary>
    public static ReadOnlyMemory<byte> Members(ConferenceState conference)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            foreach (var member in conference.Members)
            {
                json.WriteStartObject();
                json.WriteString("res_id"u8, member.Call);
                json.WriteNumber("voice_mode"u8, member.VoiceMode);
                if (member.Volume is { } volume) json.WriteNumber("volume"u8, volume);
                else json.WriteNull("volume"u8);
                json.WriteString("user_data"u8, member.UserData);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        return buffer.WrittenMemory;
    }

    public static ReadOnlyMemory<byte> Membership(ConferenceState conference, string call) => Write(conference, json =>
    {
        json.WriteString("call_res_id"u8, call);
        WriteUserData(json, conference);
    });

    public static ReadOnlyMemory<byte> Talker(ConferenceState conference, string call, bool talking) => Write(conference, json =>
    {
        json.WriteString("call_res_id"u8, call);
        json.WriteBoolean("talking"u8, talking);
    });

    public static ReadOnlyMemory<byte> PlayCompleted(ConferenceState conference, ConferencePlay play, ActionEnding ending, long now) =>
        Write(conference, json =>
    {
        CallEvents.WriteError(json, ending.Error, ending.Message);
        WriteTimes(json, play.BeginMillis, now);
        WriteUserData(json, conference);
    });

    public static ReadOnlyMemory<byte> RecordCompleted(ConferenceState conference, ConferenceRecording record, ActionEnding ending, long now) =>
        Write(conference, json =>
    {
        CallEvents.WriteError(json, ending.Error, ending.Message);
        WriteTimes(json, record.BeginMillis, now);
        json.WriteString("record_file"u8, record.FullPath);
        WriteUserData(json, conference);
    });

    public static ReadOnlyMemory<byte> Released(ConferenceState conference, long now) => Write(conference, json =>
    {
        WriteTimes(json, conference.BeginMillis, now);
        WriteUserData(json, conference);
    });

    private static void WriteTimes(Utf8JsonWriter json, long begin, long end)
    {
        json.WriteNumber("begin_time"u8, CallEvents.Seconds(begin));
        json.WriteNumber("end_time"u8, CallEvents.Seconds(end));
    }

    private static void WriteUserData(Utf8JsonWriter json, ConferenceState conference) => json.WriteString("user_data"u8, conference.UserData);

    private static void WriteProcess(Utf8JsonWriter json, ConferenceState conference)
    {
        json.WriteStartObject("ipsc_info"u8);
        json.WriteNumber("process_id"u8, conference.Id.ProcessId);
        json.WriteEndObject();
    }

    private static ReadOnlyMemory<byte> Write(ConferenceState conference, Action<Utf8JsonWriter> members) => CallEvents.Object(json =>
    {
        json.WriteString("res_id"u8, conference.Id.ToString());
        members(json);
    });
}
