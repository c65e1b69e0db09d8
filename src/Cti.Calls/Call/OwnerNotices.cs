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
public sealed record OwnerTold(OwnerNotice Notice) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Notices = state.Notices.Add(Notice), NoticeCount = Notice.Number };
}

/// <summary>The owner of a released call has journaled all that it was told, or is gone.</summary>
public sealed record OwnerHeard : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Notices = [] };
}

/// <summary>What the owner asks for once was begun.</summary>
/// <param name="What">Its name.</param>
public sealed record OwnerAsked(string What) : CallEntry
{
    private protected override CallState Change(CallState state) =>
        state with { OwnerAsks = state.OwnerAsks.Contains(What) ? state.OwnerAsks : state.OwnerAsks.Add(What) };
}

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

/// <summary>What a call and the flow that drives it owe each other.</summary>
internal static class OwnerNotices
{
    public static (CallEntry Entry, NotifyOwner Effect) NoticeOf(CallState call, string method, ReadOnlyMemory<byte> parameters)
    {
        var notice = new OwnerNotice(call.NoticeCount + 1, method, parameters);
        return (new OwnerTold(notice), Repeat(call, notice));
    }

    /// <summary>After a recovery: told again.</summary>
    public static void Resume(CallDraft decision)
    {
        foreach (var notice in decision.State.Notices) decision.Do(Repeat(decision.State, notice));
    }

    /// <summary>Only the release has to be known to be heard: it is the last that is told, and until then the notices are told again.</summary>
    public static CallDecision WereHeard(CallDraft decision, int number) =>
        decision.State is { WasReleased: true, Notices.IsEmpty: false } call && number >= call.NoticeCount
            ? decision.Add(new OwnerHeard()).Build()
            : decision.Build();

    /// <summary>A request that the owner repeats because it cannot know whether it was heard: the answer to a repeat; null where it is decided now.</summary>
    public static CallDecision? Once(CallDraft decision, ResourceRequest request, string once)
    {
        if (decision.State.OwnerAsks.Contains(once)) return decision.ReplyNull().Build();
        // A bridge is asked for once it stands: until then a recovery gives it up, and the owner asks anew.
        if (request is not StartConnect) decision.Add(new OwnerAsked(once));
        return null;
    }

    private static NotifyOwner Repeat(CallState call, OwnerNotice notice) => new(call.Owner!, notice.Method, notice.Params) { Number = notice.Number };
}
