using System.Collections.Immutable;
using System.Text.Json;
using Cti.Calls.Call;
using Cti.Contract;

namespace Cti.Calls.Extensions;

/// <summary>Answers about a flow: of <c>construct</c> and of <c>get</c>.</summary>
public static class FlowQueries
{
    /// <summary>UTF-8 JSON of what <c>construct</c> answers.</summary>
    public static ReadOnlyMemory<byte> ConstructResult(FlowState flow) => CallEvents.Object(json =>
    {
        json.WriteString("res_id"u8, flow.Id.ToString());
        if (flow.Spec is DuoSpec duo)
        {
            json.WriteString("record_file"u8, duo.RecordPath);
            FlowEvents.WriteUserData(json, flow);
        }
        else
        {
            json.WriteString("user_data"u8, flow.UserData);
        }
        WriteProcess(json, flow);
    });

    /// <summary>UTF-8 JSON of <c>get</c>: the parameters of <c>construct</c>, state and begin; of a list of URIs the chosen one.</summary>
    public static ReadOnlyMemory<byte> Get(FlowState flow) => CallEvents.Object(json =>
    {
        json.WriteString("res_id"u8, flow.Id.ToString());
        json.WriteString("state"u8, flow.Phase.ToString());
        json.WriteNumber("begin_time"u8, CallEvents.Seconds(flow.BeginMillis));
        switch (flow.Spec)
        {
            case NotifySpec notify:
                WriteParty(json, flow, 1, "from_uri", "to_uri");
                WriteContent(json, notify.Content);
                json.WriteNumber("play_repeat"u8, notify.Repeat);
                break;
            case CaptchaSpec captcha:
                WriteParty(json, flow, 1, "from_uri", "to_uri");
                WriteKeys(json, captcha);
                break;
            case DuoSpec duo:
                WriteParty(json, flow, 1, "from1_uri", "to1_uri");
                WriteParty(json, flow, 2, "from2_uri", "to2_uri");
                WriteDuo(json, flow, duo);
                break;
        }
        json.WriteNumber("max_ring_seconds"u8, flow.Spec.MaxRingSeconds);
        if (flow.Spec is not DuoSpec) json.WriteString("user_data"u8, flow.UserData);
        WriteProcess(json, flow);
    });

    private static void WriteParty(Utf8JsonWriter json, FlowState flow, int number, string from, string to)
    {
        var spec = flow.PartySpec(number);
        json.WriteString(from, spec.FromUri);
        // One form at any time: a list that nothing was chosen of yet shows what is tried first.
        json.WriteString(to, flow.Party(number)!.ToUri ?? SipUriForm.WithScheme(spec.ToUris[0]));
    }

    private static void WriteContent(Utf8JsonWriter json, ImmutableArray<PlayElement> content)
    {
        if (content.IsEmpty)
        {
            json.WriteNull("play_content"u8);
            return;
        }
        json.WriteStartArray("play_content"u8);
        foreach (var element in content)
        {
            json.WriteStartArray();
            json.WriteStringValue(element.Text);
            json.WriteNumberValue(element.Type);
            json.WriteStringValue(element.Options);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    }

    private static void WriteKeys(Utf8JsonWriter json, CaptchaSpec captcha)
    {
        var keys = captcha.Keys;
        json.WriteString("valid_keys"u8, keys.ValidKeys);
        json.WriteNumber("max_keys"u8, keys.MaxKeys);
        json.WriteString("finish_keys"u8, keys.FinishKeys);
        json.WriteNumber("first_key_timeout"u8, keys.FirstKeySeconds);
        json.WriteNumber("continues_keys_timeout"u8, keys.NextKeySeconds);
        WriteContent(json, captcha.Content);
        json.WriteNumber("play_repeat"u8, keys.PlayRepeat);
        json.WriteBoolean("breaking_on_key"u8, keys.BreakOnKey);
        json.WriteBoolean("including_finish_key"u8, keys.IncludeFinishKey);
    }

    private static void WriteDuo(Utf8JsonWriter json, FlowState flow, DuoSpec duo)
    {
        json.WriteNumber("max_connect_seconds"u8, duo.MaxConnectSeconds);
        json.WriteString("ring_play_file"u8, duo.RingPlayFile);
        json.WriteNumber("ring_play_mode"u8, duo.RingPlayMode);
        json.WriteString("record_file"u8, duo.RecordPath);
        json.WriteNumber("record_mode"u8, (int)duo.RecordMode);
        json.WriteNumber("record_format"u8, RecordFormats.NumberOf(Generations.FormatTableOf(ParameterKind.RecordFormatV1, default), duo.RecordFormat));
        FlowEvents.WriteUserData(json, flow);
    }

    private static void WriteProcess(Utf8JsonWriter json, FlowState flow)
    {
        json.WriteStartObject("ipsc_info"u8);
        json.WriteNumber("process_id"u8, flow.Id.ProcessId);
        json.WriteEndObject();
    }
}
