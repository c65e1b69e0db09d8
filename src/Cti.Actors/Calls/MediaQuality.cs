using System.Buffers;
using System.Text.Json;
using Cti.Media;

namespace Cti.Actors.Calls;

/// <summary>
/// How a call's two RTP streams were, as applications and operators read it: <c>meta.media</c> of its last event, and behind the fields in its call record.
/// <code>{"received":{"codec","packets","lost","jitter_ms","round_trip_ms","mos"},"sent":{the same, lost, jitter_ms and mos as the far end reported
/// them}}</code>
/// What nobody knows is null.
/// </summary>
internal static class MediaQuality
{
    /// <summary>The event that carries it.</summary>
    internal const string Event = "sys.call.on_released";

    /// <summary>UTF-8 JSON; empty for a call without media.</summary>
    internal static ReadOnlyMemory<byte> Encode(StreamStatistics? statistics)
    {
        if (statistics is null) return default;
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        Stream(json, "received", statistics, statistics.PacketsReceived, statistics.PacketsLost, statistics.PacketsReceived > 0 ? statistics.JitterMillis
            : -1, statistics.Mos);
        Stream(json, "sent", statistics, statistics.PacketsSent, statistics.RemoteLost, statistics.RemoteJitterMillis, statistics.RemoteMos);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    /// <summary>The fields of a call record with the quality behind them; null stands for a call without media.</summary>
    internal static ReadOnlyMemory<byte> Append(ReadOnlyMemory<byte> fields, ReadOnlyMemory<byte> quality)
    {
        var last = quality.IsEmpty ? "null"u8 : quality.Span;
        var row = new byte[fields.Length + last.Length + 1];
        fields.Span[..^1].CopyTo(row);
        row[fields.Length - 1] = (byte)',';
        last.CopyTo(row.AsSpan(fields.Length));
        row[^1] = (byte)']';
        return row;
    }

    private static void Stream(Utf8JsonWriter json, string name, StreamStatistics statistics, long packets, long lost, double jitterMillis, double mos)
    {
        json.WriteStartObject(name);
        json.WriteString("codec"u8, statistics.Codec.ToString().ToUpperInvariant());
        json.WriteNumber("packets"u8, packets);
        Number(json, "lost", lost, 0);
        Number(json, "jitter_ms", jitterMillis, 1);
        Number(json, "round_trip_ms", statistics.RoundTripMillis, 1);
        Number(json, "mos", mos, 2);
        json.WriteEndObject();
    }

    private static void Number(Utf8JsonWriter json, string name, double value, int digits)
    {
        if (value < 0) json.WriteNull(name);
        else json.WriteNumber(name, Math.Round((decimal)value, digits));
    }
}
