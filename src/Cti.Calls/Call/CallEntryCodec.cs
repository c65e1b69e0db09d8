using System.Text.Json;

namespace Cti.Calls.Call;

/// <summary>A journal entry's bytes. Readers of a version ship a release before its writer; the bytes of every version are golden files.</summary>
public static class CallEntryCodec
{
    /// <summary>The version that is written.</summary>
    public const int Version = 1;

    /// <summary>The entry's bytes in <see cref="Version"/>.</summary>
    public static byte[] Encode(CallEntry entry) => JsonSerializer.SerializeToUtf8Bytes(entry, CallJson.Default.CallEntry);

    /// <summary>Reads an entry of a known version.</summary>
    /// <exception cref="NotSupportedException">A newer version: this node must not own the instance.</exception>
    /// <exception cref="JsonException">The bytes are broken.</exception>
    public static CallEntry Decode(int version, ReadOnlySpan<byte> bytes)
    {
        if (version != Version) throw new NotSupportedException($"journal entry of version {version}; this node reads {Version}");
        return JsonSerializer.Deserialize(bytes, CallJson.Default.CallEntry) ?? throw new JsonException("a journal entry is null");
    }
}
