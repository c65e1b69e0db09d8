using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Gateway.Rpc;

/// <summary>Writes answers and events as UTF-8.</summary>
internal static class RpcWriter
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>One writer a thread: answers are written in one go.</summary>
    [ThreadStatic]
    private static Utf8JsonWriter? _writer;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    /// <summary>An answer; a null <paramref name="id"/> is written as null.</summary>
    internal static byte[] Answer(byte[]? id, in RpcReply reply)
    {
        var writer = Begin();
        writer.WriteStartObject();
        writer.WriteString("jsonrpc"u8, "2.0"u8);
        if (reply.Error is { } error)
        {
            writer.WritePropertyName("error"u8);
            Write(writer, error);
        }
        else
        {
            writer.WritePropertyName("result"u8);
            if (reply.Result.IsEmpty) writer.WriteNullValue();
            else writer.WriteRawValue(reply.Result.Span, skipInputValidation: true);
        }
        writer.WritePropertyName("id"u8);
        if (id is null) writer.WriteNullValue();
        else writer.WriteRawValue(id, skipInputValidation: true);
        writer.WriteEndObject();
        return End(writer);
    }

    /// <summary>An answer that is a refusal.</summary>
    internal static byte[] Refusal(byte[]? id, RpcError error) => Answer(id, RpcReply.Refused(error));

    /// <summary>The answers of a batch as one array; null when all were notifications.</summary>
    internal static byte[]? Batch(IReadOnlyList<byte[]?> answers)
    {
        var length = 1;
        foreach (var answer in answers)
            if (answer is not null) length += answer.Length + 1;
        if (length == 1) return null;
        var batch = new byte[length];
        var at = 0;
        foreach (var answer in answers)
        {
            if (answer is null) continue;
            batch[at] = at == 0 ? (byte)'[' : (byte)',';
            answer.CopyTo(batch, at + 1);
            at += answer.Length + 1;
        }
        batch[at] = (byte)']';
        return batch;
    }

    /// <summary>An event as a notification.</summary>
    internal static byte[] Event(FeedEvent happened)
    {
        var writer = Begin();
        writer.WriteStartObject();
        writer.WriteString("jsonrpc"u8, "2.0"u8);
        writer.WriteString("method"u8, happened.Method);
        writer.WritePropertyName("params"u8);
        writer.WriteRawValue(happened.Params.Span, skipInputValidation: true);
        writer.WriteStartObject("meta"u8);
        writer.WriteString("cursor"u8, happened.Cursor);
        writer.WriteNumber("seq"u8, happened.Sequence);
        writer.WriteNumber("time"u8, happened.UnixMillis);
        writer.WriteString("res_id"u8, happened.ResourceId);
        if (!happened.Media.IsEmpty)
        {
            writer.WritePropertyName("media"u8);
            writer.WriteRawValue(happened.Media.Span, skipInputValidation: true);
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
        return End(writer);
    }

    /// <summary>What is told while it happens, as a notification: without <c>meta</c>, since no cursor leads back to it.</summary>
    internal static byte[] Notice(Notice notice)
    {
        var writer = Begin();
        writer.WriteStartObject();
        writer.WriteString("jsonrpc"u8, "2.0"u8);
        writer.WriteString("method"u8, notice.Method);
        writer.WritePropertyName("params"u8);
        writer.WriteRawValue(notice.Params.Span, skipInputValidation: true);
        writer.WriteEndObject();
        return End(writer);
    }

    /// <summary><c>{"cursor": …}</c>.</summary>
    internal static byte[] Cursor(string? cursor)
    {
        var writer = Begin();
        writer.WriteStartObject();
        writer.WriteString("cursor"u8, cursor);
        writer.WriteEndObject();
        return End(writer);
    }

    private static void Write(Utf8JsonWriter writer, RpcError error)
    {
        writer.WriteStartObject();
        writer.WriteNumber("code"u8, error.Code);
        writer.WriteString("message"u8, error.Message);
        if (error.Data is { IsEmpty: false } data)
        {
            writer.WriteStartObject("data"u8);
            foreach (var (name, value) in data)
            {
                writer.WritePropertyName(name);
                WriteValue(writer, value);
            }
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter writer, object value)
    {
        switch (value)
        {
            case string text: writer.WriteStringValue(text); break;
            case int number: writer.WriteNumberValue(number); break;
            case long number: writer.WriteNumberValue(number); break;
            case bool truth: writer.WriteBooleanValue(truth); break;
            case IEnumerable<KeyValuePair<string, object>> members:
                writer.WriteStartObject();
                foreach (var (name, member) in members)
                {
                    writer.WritePropertyName(name);
                    WriteValue(writer, member);
                }
                writer.WriteEndObject();
                break;
            case IEnumerable<string> list:
                writer.WriteStartArray();
                foreach (var item in list) writer.WriteStringValue(item);
                writer.WriteEndArray();
                break;
            default: throw new InvalidOperationException($"error data holds no {value.GetType()}");
        }
    }

    private static Utf8JsonWriter Begin()
    {
        var buffer = _buffer ??= new ArrayBufferWriter<byte>(1024);
        buffer.ResetWrittenCount();
        var writer = _writer ??= new Utf8JsonWriter(buffer, Options);
        writer.Reset(buffer);
        return writer;
    }

    private static byte[] End(Utf8JsonWriter writer)
    {
        writer.Flush();
        var bytes = _buffer!.WrittenSpan.ToArray();
        // A rare large answer must not stay in every thread for ever.
        if (_buffer.Capacity > Limits.OutgoingBytesHigh) _buffer = null;
        return bytes;
    }
}
