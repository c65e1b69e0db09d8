using System.Buffers.Binary;

namespace Cti.Media.Files;

/// <summary>The headers of recordings: 44 bytes for PCM; 58 for the laws, whose fmt chunk is extended and followed by a fact chunk.</summary>
internal static class RecordingHeader
{
    /// <summary>What the file is called until it is complete.</summary>
    public const string PartSuffix = ".cti-part";

    public const int BytesMax = 58;

    /// <summary>The header for a sound of <paramref name="dataBytes"/> samples of one byte, all channels together.</summary>
    /// <returns>Its length.</returns>
    public static int Write(Span<byte> header, ushort format, uint dataBytes, int channels = 1)
    {
        var isLaw = format != WavFile.FormatPcm;
        var length = isLaw ? 58 : 44;
        header[..length].Clear();
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)length - 8 + dataBytes + (dataBytes & 1));
        "WAVEfmt "u8.CopyTo(header[8..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], isLaw ? 18u : 16u);
        BinaryPrimitives.WriteUInt16LittleEndian(header[20..], format);
        BinaryPrimitives.WriteUInt16LittleEndian(header[22..], (ushort)channels);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], Audio.Rate);
        BinaryPrimitives.WriteUInt32LittleEndian(header[28..], (uint)(Audio.Rate * channels));
        BinaryPrimitives.WriteUInt16LittleEndian(header[32..], (ushort)channels);
        BinaryPrimitives.WriteUInt16LittleEndian(header[34..], 8);
        if (isLaw)
        {
            "fact"u8.CopyTo(header[38..]);
            BinaryPrimitives.WriteUInt32LittleEndian(header[42..], 4);
            BinaryPrimitives.WriteUInt32LittleEndian(header[46..], dataBytes / (uint)channels);
        }
        "data"u8.CopyTo(header[(length - 8)..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[(length - 4)..], dataBytes);
        return length;
    }

    /// <summary>The format and channels of a header of ours; false where the bytes are none.</summary>
    public static bool TryRead(ReadOnlySpan<byte> header, out ushort format, out int channels)
    {
        format = 0;
        channels = 0;
        if (header.Length < 24) return false;
        channels = BinaryPrimitives.ReadUInt16LittleEndian(header[22..]);
        format = BinaryPrimitives.ReadUInt16LittleEndian(header[20..]);
        if (format is not (WavFile.FormatPcm or WavFile.FormatAlaw or WavFile.FormatUlaw) || channels is not (1 or 2)) return false;
        Span<byte> own = stackalloc byte[BytesMax];
        var length = Write(own, format, 0, channels);
        return header.Length >= length && header[8..38].SequenceEqual(own[8..38]) && header[(length - 8)..(length - 4)].SequenceEqual("data"u8);
    }

    /// <summary>Sets the sizes of a file that holds a header and sound, and pads it to an even length.</summary>
    public static void Complete(FileStream file, ushort format, int channels, long fileBytes)
    {
        Span<byte> header = stackalloc byte[BytesMax];
        var length = Write(header, format, 0, channels);
        var data = (uint)Math.Min(fileBytes - length, uint.MaxValue - BytesMax - 1);
        Write(header, format, data, channels);
        if ((data & 1) != 0)
        {
            file.Position = length + data;
            file.WriteByte(0);
        }
        file.Position = 0;
        file.Write(header[..length]);
        file.Flush(flushToDisk: true);
    }
}
