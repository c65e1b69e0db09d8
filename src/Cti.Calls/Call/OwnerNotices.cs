using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using Cti.Calls.Resources;

namespace Cti.Calls.Call;

/// <summary>
/// What the flow that drives a call is told in an application's place. An application's events lie in the event store; these lie here, numbered, and are
/// told again after a recovery until the flow has journaled them. So a call that is released stays in the journal until its flow knows.
/// </summary>
/// <param name="Number">From 1.</param>
/// <param name="Method">The event's name.</param>
/// <param name="Params">UTF-8 JSON.</param>
public sealed record OwnerNotice(int Number, string Method, [property: JsonConverter(typeof(RawJsonConverter))] ReadOnlyMemory<byte> Params)
{
    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"OwnerNotice {Number} {Method}";
}

/// <summary>The owner is told something.</summary>
public sealed record OwnerTold(OwnerNotice Notice) : CallEntry;

/// <summary>The owner of a released call has journaled all that it was told, or is gone.</summary>
public sealed record OwnerHeard : CallEntry;

/// <summary>What the owner asks for once was begun.</summary>
/// <param name="What">Its name.</param>
public sealed record OwnerAsked(string What) : CallEntry;

/// <summary>JSON within JSON, byte for byte.</summary>
internal sealed class RawJsonConverter : JsonConverter<ReadOnlyMemory<byte>>
{
    public override ReadOnlyMemory<byte> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer)) json.WriteRawValue(document.RootElement.GetRawText());
        return buffer.WrittenMemory;
    }

    public override void Write(Utf8JsonWriter writer, ReadOnlyMemory<byte> value, JsonSerializerOptions options) => writer.WriteRawValue(value.Span);
}

public static partial class CallDecider
{
    private static (CallEntry Entry, NotifyOwner Effect) NoticeOf(CallState call, string method, ReadOnlyMemory<byte> parameters)
    {
        var notice = new OwnerNotice(call.NoticeCount + 1, method, parameters);
        return (new OwnerTold(notice), Repeat(call, notice));
    }

    private static NotifyOwner Repeat(CallState call, OwnerNotice notice) => new(call.Owner!, notice.Method, notice.Params) { Number = notice.Number };

    /// <summary>Only the release has to be known to be heard: it is the last that is told, and until then the notices are told again.</summary>
    private static CallDecision OwnerHasHeard(CallDraft decision, int number) =>
        decision.State is { WasReleased: true, Notices.IsEmpty: false } call && number >= call.NoticeCount ? decision.Add(new OwnerHeard()).Build() : decision.Build();

    /// <summary>A request that the owner repeats because it cannot know whether it was heard.</summary>
    private static CallDecision DecideOnce(CallDraft decision, ResourceRequest request, string once)
    {
        if (decision.State.OwnerAsks.Contains(once)) return decision.ReplyNull().Build();
        // A bridge is asked for once it stands: until then a recovery gives it up, and the owner asks anew.
        if (request is not StartConnect) decision.Add(new OwnerAsked(once));
        return DecideRequest(decision, request with { Once = null });
    }
}
