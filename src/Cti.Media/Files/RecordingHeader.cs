using System.Buffers.Binary;

namespace Cti.Media.Files;

/// <summary>The headers of recordings: 44 bytes for PCM; 58 or 60 for the others, whose fmt chunk is extended and followed by a fact chunk.</summary>
internal static class RecordingHeader
{
    /// <summary>What the file is called until it is complete.</summary>
    public const string PartSuffix = ".cti-part";

    /// <summary>What it is called after it was taken away from a process that had it open.</summary>
    public const string SecondPartSuffix = ".cti-part2";

    public const int BytesMax = 60;

    /// <summary>The length of a coding's header.</summary>
    public static int Length(RecordingCoding coding) => coding.IsHeaderless ? 0 : coding.Tag == WavFile.FormatPcm ? 44 : coding.Extension is null ? 58 : 60;

    /// <summary>The header for encoded sound of <paramref name="dataBytes"/>, all channels together.</summary>
    /// <param name="header">Takes it.</param>
    /// <param name="coding">A coding with a header.</param>
    /// <param name="dataBytes">Octets of encoded sound.</param>
    /// <param name="channels">1 or 2.</param>
    /// <param name="samples">Samples of each channel.</param>
    /// <param name="rate">Samples a second; 0 for the coding's own.</param>
    /// <returns>Its length.</returns>
    public static int Write(Span<byte> header, RecordingCoding coding, uint dataBytes, int channels, long samples, int rate = 0)
    {
        if (rate == 0) rate = coding.Rate;
        var length = Length(coding);
        var block = coding.BlockAlign > 0 ? coding.BlockAlign : coding.BlockBytes * channels;
        header[..length].Clear();
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)length - 8 + dataBytes + (dataBytes & 1));
        "WAVEfmt "u8.CopyTo(header[8..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], coding.Tag == WavFile.FormatPcm ? 16u : coding.Extension is null ? 18u : 20u);
        BinaryPrimitives.WriteUInt16LittleEndian(header[20..], coding.Tag);
        BinaryPrimitives.WriteUInt16LittleEndian(header[22..], (ushort)channels);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], (uint)rate);
        BinaryPrimitives.WriteUInt32LittleEndian(header[28..], (uint)((long)rate * coding.BlockBytes * channels / coding.BlockSamples));
        BinaryPrimitives.WriteUInt16LittleEndian(header[32..], (ushort)block);
        BinaryPrimitives.WriteUInt16LittleEndian(header[34..], (ushort)coding.Bits);
        if (coding.Extension is { } extension)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(header[36..], 2);
            BinaryPrimitives.WriteUInt16LittleEndian(header[38..], extension);
        }
        if (length > 44)
        {
            "fact"u8.CopyTo(header[(length - 20)..]);
            BinaryPrimitives.WriteUInt32LittleEndian(header[(length - 16)..], 4);
            BinaryPrimitives.WriteUInt32LittleEndian(header[(length - 12)..], (uint)Math.Min(samples, uint.MaxValue));
        }
        "data"u8.CopyTo(header[(length - 8)..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[(length - 4)..], dataBytes);
        return length;
    }

    /// <summary>The coding and channels of a header of ours, and how much sound it says there is; false where the bytes are none.</summary>
    public static bool TryRead(ReadOnlySpan<byte> header, out RecordingCoding coding, out int channels, out uint dataBytes)
    {
        coding = RecordingCoding.Of(RecordFormat.Alaw);
        channels = 0;
        dataBytes = 0;
        if (header.Length < 36) return false;
        var bits = BinaryPrimitives.ReadUInt16LittleEndian(header[34..]);
        if (RecordingCoding.OfTag(BinaryPrimitives.ReadUInt16LittleEndian(header[20..]), bits) is not { } known) return false;
        coding = known;
        channels = BinaryPrimitives.ReadUInt16LittleEndian(header[22..]);
        if (channels < 1 || channels > coding.ChannelsMax) return false;
        Span<byte> own = stackalloc byte[BytesMax];
        var length = Write(own, coding, 0, channels, 0);
        // All but the sizes and the count of samples.
        var fixedEnd = length > 44 ? length - 12 : length - 4;
        if (header.Length < length || !header[8..fixedEnd].SequenceEqual(own[8..fixedEnd]) || !header[(length - 8)..(length - 4)].SequenceEqual("data"u8))
            return false;
        dataBytes = BinaryPrimitives.ReadUInt32LittleEndian(header[(length - 4)..]);
        return true;
    }

    /// <summary>How much of a file's encoded sound is whole blocks.</summary>
    public static uint WholeBlocks(RecordingCoding coding, int channels, long dataBytes)
    {
        var block = coding.BlockBytes * channels;
        return (uint)(Math.Clamp(dataBytes, 0, uint.MaxValue - BytesMax - 1) / block * block);
    }

    /// <summary>Samples of each channel in that many octets of whole blocks.</summary>
    public static long Samples(RecordingCoding coding, int channels, long dataBytes) => dataBytes / (coding.BlockBytes * channels) * coding.BlockSamples;

    /// <summary>Sets the sizes of a file that holds a header and sound, cuts off what is no whole block, and pads it to an even length.</summary>
    /// <param name="file">The file.</param>
    /// <param name="coding">Its coding; one without a header is only brought to the disk.</param>
    /// <param name="channels">Its channels.</param>
    /// <param name="samples">Samples of each channel where that is known; null for all that the blocks hold.</param>
    public static void Complete(FileStream file, RecordingCoding coding, int channels, long? samples = null)
    {
        if (!coding.IsHeaderless)
        {
            Span<byte> header = stackalloc byte[BytesMax];
            var length = Length(coding);
            var data = WholeBlocks(coding, channels, file.Length - length);
            Write(header, coding, data, channels, Math.Min(samples ?? long.MaxValue, Samples(coding, channels, data)));
            file.SetLength(length + data);
            if ((data & 1) != 0)
            {
                file.Position = length + data;
                file.WriteByte(0);
            }
            file.Position = 0;
            file.Write(header[..length]);
        }
        file.Flush(flushToDisk: true);
    }
}
