using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>Builds a channel's call record: the contract's fields in their order.</summary>
public static class CallRecords
{
    /// <summary>The record's id, derived from the resource and its Call-ID: a decision that is made again after a recovery writes the same one.</summary>
    public static Guid IdOf(CallState call)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{call.Id}|{call.SipCallId}"));
        return new Guid(hash.AsSpan(0, 16));
    }

    /// <summary>UTF-8 JSON array of the fields.</summary>
    /// <param name="call">The call, as it is released.</param>
    /// <param name="now">When, in Unix milliseconds.</param>
    /// <param name="bySystem">Whether a method or a limit of ours ended it.</param>
    /// <param name="cause">The SIP status.</param>
    /// <param name="settings">For the time zone.</param>
    internal static ReadOnlyMemory<byte> Build(CallState call, long now, bool bySystem, int cause, CallSettings settings)
    {
        // The calls inside ext.* are recorded in the name of the resource that drives them.
        var resource = ResourceId.TryParse(call.Owner, out var owner) ? owner : call.Id;
        var module = resource.Module.AsSpan();
        var dot = module.IndexOf('.');
        var buffer = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartArray();
        json.WriteStringValue(IdOf(call));
        json.WriteStringValue(string.Create(CultureInfo.InvariantCulture, $"{call.Id.Area}.{call.Id.Station}.{call.Id.Instance}"));
        json.WriteStringValue("");
        json.WriteNumberValue(call.Id.ProcessId);
        json.WriteStringValue(call.SipCallId);
        json.WriteNumberValue(call.Id.ProcessId);
        json.WriteStringValue(string.Create(CultureInfo.InvariantCulture, $"0:0:{call.Id.ProcessId}"));
        json.WriteStringValue(UserOf(call.FromUri));
        json.WriteStringValue(UserOf(call.ToUri));
        json.WriteStringValue("");
        json.WriteStringValue("");
        json.WriteNumberValue(call.Direction == CallDirection.Inbound ? 0 : 1);
        json.WriteNumberValue(2);
        json.WriteStringValue(module);
        json.WriteNumberValue(call.AnswerMillis is null ? 0 : 1);
        json.WriteNumberValue(bySystem ? 1 : 2);
        json.WriteStringValue("");
        json.WriteNumberValue(cause);
        json.WriteStringValue(Local(call.BeginMillis, settings));
        json.WriteStringValue(call.AnswerMillis is { } answered ? Local(answered, settings) : "");
        json.WriteStringValue(Local(now, settings));
        json.WriteNumberValue(call.AnswerMillis is { } since ? (now - since) / 1000 : 0);
        json.WriteStringValue(module[..dot]);
        json.WriteStringValue(module[(dot + 1)..]);
        json.WriteStringValue(resource.ToString());
        json.WriteStringValue(call.UserData ?? "");
        json.WriteStringValue("");
        json.WriteStringValue("");
        json.WriteStringValue("");
        json.WriteEndArray();
        json.Flush();
        return buffer.WrittenMemory;
    }

    private static string Local(long millis, CallSettings settings) =>
        TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(millis), settings.TimeZone)
            .ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>The number of <c>[sip:]user[:password]@host</c> or of a bare number; "" where a URI has no user part.</summary>
    internal static string UserOf(string uri)
    {
        var rest = uri.AsSpan();
        var hasScheme = true;
        if (rest.StartsWith("sip:", StringComparison.OrdinalIgnoreCase)) rest = rest[4..];
        else if (rest.StartsWith("sips:", StringComparison.OrdinalIgnoreCase)) rest = rest[5..];
        else hasScheme = false;
        var at = rest.IndexOf('@');
        if (at < 0) return hasScheme ? "" : rest.ToString();
        var user = rest[..at];
        var password = user.IndexOf(':');
        return (password < 0 ? user : user[..password]).ToString();
    }
}
